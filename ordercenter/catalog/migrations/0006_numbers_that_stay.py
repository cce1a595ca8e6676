"""JD and systems behind a connector take no other tracking number once one is reported: what stood as their default was wrong."""

from django.db import migrations

# Whoever set it otherwise on purpose has a row of history by a person; what was seeded has none.
STAYS = """
UPDATE catalog_channelcapability c SET changes_number = false
FROM catalog_channel h
WHERE h.id = c.channel_id AND h.code NOT IN ('tmall', 'taobao', 'pdd', 'douyin', 'wechat_shop', 'shopify', 'woocommerce')
  AND NOT EXISTS (SELECT FROM catalog_historicalchannelcapability p
                  WHERE p.channel_id = c.channel_id AND p.history_user_id IS NOT NULL)
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0005_fewer_indexes")]

    operations = [migrations.RunSQL(STAYS, migrations.RunSQL.noop)]
