"""A number at a channel is worked out again when sales grow old, though no stock moves."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0008_matches_by_code_and_ignored_listings'),
        ('inventory', '0010_warehouse_address'),
    ]

    operations = [
        migrations.AddField(
            model_name='channelstock',
            name='again_at',
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name='worked out again at'),
        ),
        migrations.AddIndex(
            model_name='channelstock',
            index=models.Index(condition=models.Q(('again_at__isnull', False)), fields=['again_at'], name='channel_stock_again'),
        ),
    ]
