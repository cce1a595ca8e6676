"""Deliveries that people announce: transfers, purchase orders of their own number, a note, one wish once."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('fulfillment', '0012_fewer_indexes'),
        ('inventory', '0007_stock_tables'),
    ]

    operations = [
        migrations.AddField(
            model_name='historicalinboundorder',
            name='from_warehouse',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='inventory.warehouse', verbose_name='from warehouse'),
        ),
        migrations.AddField(
            model_name='historicalinboundorder',
            name='key',
            field=models.CharField(blank=True, db_index=True, editable=False, max_length=64, null=True, verbose_name='idempotency key'),
        ),
        migrations.AddField(
            model_name='historicalinboundorder',
            name='note',
            field=models.CharField(blank=True, max_length=200, verbose_name='note'),
        ),
        migrations.AddField(
            model_name='historicalinboundorder',
            name='reference',
            field=models.CharField(blank=True, max_length=64, verbose_name='purchase order'),
        ),
        migrations.AddField(
            model_name='inboundorder',
            name='from_warehouse',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.warehouse', verbose_name='from warehouse'),
        ),
        migrations.AddField(
            model_name='inboundorder',
            name='key',
            field=models.CharField(blank=True, editable=False, max_length=64, null=True, unique=True, verbose_name='idempotency key'),
        ),
        migrations.AddField(
            model_name='inboundorder',
            name='note',
            field=models.CharField(blank=True, max_length=200, verbose_name='note'),
        ),
        migrations.AddField(
            model_name='inboundorder',
            name='reference',
            field=models.CharField(blank=True, max_length=64, verbose_name='purchase order'),
        ),
        migrations.AlterField(
            model_name='historicalinboundorder',
            name='kind',
            field=models.CharField(choices=[('purchase', 'Purchase'), ('return', 'Return of a buyer'), ('transfer', 'Transfer from another warehouse')], max_length=8, verbose_name='kind'),
        ),
        migrations.AlterField(
            model_name='inboundorder',
            name='kind',
            field=models.CharField(choices=[('purchase', 'Purchase'), ('return', 'Return of a buyer'), ('transfer', 'Transfer from another warehouse')], max_length=8, verbose_name='kind'),
        ),
    ]
