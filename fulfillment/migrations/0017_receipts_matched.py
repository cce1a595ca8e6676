"""Receipts by hand are kept apart until the warehouse confirms them; the last delivery of a purchase order."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('fulfillment', '0016_transfers_asked_of_warehouses'),
    ]

    operations = [
        migrations.AddField(
            model_name='historicalinboundorder',
            name='confirms',
            field=models.JSONField(db_default=[], default=list, editable=False, verbose_name='confirms'),
        ),
        migrations.AddField(
            model_name='historicalinboundorder',
            name='is_last',
            field=models.BooleanField(db_default=False, default=False, verbose_name='last delivery of its purchase order'),
        ),
        migrations.AddField(
            model_name='inboundline',
            name='hand_defective',
            field=models.PositiveIntegerField(db_default=0, default=0, verbose_name='booked by hand: defective'),
        ),
        migrations.AddField(
            model_name='inboundline',
            name='hand_good',
            field=models.PositiveIntegerField(db_default=0, default=0, verbose_name='booked by hand: good'),
        ),
        migrations.AddField(
            model_name='inboundline',
            name='hand_quarantine',
            field=models.PositiveIntegerField(db_default=0, default=0, verbose_name='booked by hand: quarantine'),
        ),
        migrations.AddField(
            model_name='inboundorder',
            name='confirms',
            field=models.JSONField(db_default=[], default=list, editable=False, verbose_name='confirms'),
        ),
        migrations.AddField(
            model_name='inboundorder',
            name='is_last',
            field=models.BooleanField(db_default=False, default=False, verbose_name='last delivery of its purchase order'),
        ),
    ]
