"""A number at a channel follows what comes and what can be made, where goods are sold before they are there."""

from django.db import migrations

from ordercenter.inventory.note_triggers import Noted, note_triggers

# All else is sold from stock, whatever comes of it.
AHEAD = "EXISTS (SELECT FROM inventory_stockpolicy WHERE source <> 'stock')"

NOTED = [
    Noted("inventory_stockpolicy", ["source"]),
    Noted("inventory_supply", ["sku_id", "warehouse_id", "quantity", "arrived", "state"], only_if=AHEAD),
    Noted("inventory_supplyclaim", ["sku_id", "quantity"], only_if=AHEAD),
    Noted(
        "inventory_productionroute",
        ["resource_id", "minutes_per_unit", "setup_days", "is_active"],
        only_if=AHEAD,
    ),
    Noted(
        "inventory_component",
        ["route_id", "part_id", "quantity"],
        sku="r.sku_id",
        join="JOIN inventory_productionroute r ON r.id = t.route_id",
        only_if=AHEAD,
    ),
    Noted(
        "inventory_capacityday",
        ["minutes", "used", "day"],
        sku="r.sku_id",
        join="JOIN inventory_productionroute r ON r.resource_id = t.resource_id",
        only_if=AHEAD,
    ),
    Noted(
        "inventory_productionresource",
        ["is_active", "warehouse_id"],
        sku="r.sku_id",
        join="JOIN inventory_productionroute r ON r.resource_id = t.id",
        events=["update"],
        only_if=AHEAD,
    ),
]

# Goods that are sold ahead were told as nothing; a SKU with an inactive policy as the shop's policy says.
ALL = """
INSERT INTO inventory_stockchange (sku_id, at)
SELECT sku_id, now() FROM inventory_stockpolicy WHERE source <> 'stock' AND EXISTS (SELECT FROM inventory_channelpolicy)
"""


class Migration(migrations.Migration):

    dependencies = [('inventory', '0013_quotas_for_named_orders')]

    operations = [*note_triggers(NOTED), migrations.RunSQL(ALL, migrations.RunSQL.noop)]
