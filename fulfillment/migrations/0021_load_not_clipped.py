"""A count below zero is a mistake that has to be seen, not an error of whoever cancels a shipment."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('fulfillment', '0020_loads_follow_shipments'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='warehouseload',
            name='load_not_negative',
        ),
    ]
