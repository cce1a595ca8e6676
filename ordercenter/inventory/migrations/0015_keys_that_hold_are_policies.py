"""A key that may hold stock before an order changes what is asked of orders: it gives the policies a new version."""

from django.db import migrations

from ordercenter.common.stamp_triggers import stamp_triggers


class Migration(migrations.Migration):
    dependencies = [
        ("inventory", "0014_numbers_follow_supply_and_making"),
        ("catalog", "0004_capabilities_and_stamps"),
    ]

    operations = [*stamp_triggers("stock_policies", "catalog_apikeyshop")]
