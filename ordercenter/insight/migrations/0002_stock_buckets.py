"""The report views of stock keep their meaning: reserved is all that is promised, soft and hard; moves are of stock on
hand, whose sum they are."""

from django.db import migrations

READ_ONLY = "CROSS JOIN (VALUES (1)) AS read_only"

STOCK = f"""
CREATE OR REPLACE VIEW report.stock AS
SELECT k.code AS sku, w.code AS warehouse, l.on_hand, {{reserved}} AS reserved
FROM inventory_stocklevel l
JOIN catalog_sku k ON k.id = l.sku_id
JOIN inventory_warehouse w ON w.id = l.warehouse_id
{READ_ONLY}
"""

MOVES = f"""
CREATE OR REPLACE VIEW report.stock_moves AS
SELECT k.code AS sku, w.code AS warehouse, m.delta, m.ref
FROM inventory_stockmovement m
JOIN catalog_sku k ON k.id = m.sku_id
JOIN inventory_warehouse w ON w.id = m.warehouse_id
{READ_ONLY}
{{only}}
"""


class Migration(migrations.Migration):
    dependencies = [("insight", "0001_report_views"), ("inventory", "0002_stock_pools")]

    operations = [
        migrations.RunSQL(STOCK.format(reserved="l.reserved + l.allocated"), STOCK.format(reserved="l.reserved")),
        migrations.RunSQL(MOVES.format(only="WHERE m.bucket = 'on_hand'"), MOVES.format(only="")),
    ]
