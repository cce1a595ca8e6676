"""A number at a channel follows houses that close, goods listed or packed anew and shops that open, not stock alone."""

from django.db import migrations

from ordercenter.inventory.note_triggers import Noted, note_triggers

IN_HOUSE = """JOIN (SELECT warehouse_id, sku_id FROM inventory_stocklevel UNION
      SELECT warehouse_id, sku_id FROM inventory_supply WHERE state = 'coming') l ON l.warehouse_id = t.id"""

NOTED = [
    Noted("inventory_warehouse", ["is_open", "kind"], sku="l.sku_id", join=IN_HOUSE, events=["update"]),
    Noted("catalog_listingmatch", ["sku_id", "shop_id", "listing_id"], events=["insert", "update"]),
    Noted("catalog_bundlepart", ["bundle_id", "part_id", "quantity"], sku="t.bundle_id"),
    Noted(
        "catalog_shop",
        ["is_active"],
        sku="m.sku_id",
        join="JOIN catalog_listingmatch m ON m.shop_id = t.id",
        events=["update"],
    ),
]

# What went unnoticed until now is worked out once.
ALL = """
INSERT INTO inventory_stockchange (sku_id, at)
SELECT DISTINCT m.sku_id, now() FROM catalog_listingmatch m JOIN inventory_channelpolicy p ON p.shop_id = m.shop_id
"""


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0008_matches_by_code_and_ignored_listings'),
        ('inventory', '0011_numbers_worked_out_again'),
    ]

    operations = [*note_triggers(NOTED), migrations.RunSQL(ALL, migrations.RunSQL.noop)]
