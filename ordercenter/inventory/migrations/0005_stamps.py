# What is kept per version in every process needs a version.

from django.db import migrations

from ordercenter.common.stamp_triggers import stamp_triggers


class Migration(migrations.Migration):
    dependencies = [("inventory", "0004_warehouse_kind"), ("catalog", "0004_capabilities_and_stamps")]

    operations = [*stamp_triggers("warehouses", "inventory_warehouse")]
