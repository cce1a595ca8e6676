"""The sending side of transfers: what a warehouse is asked to send, and what left; when deliveries were told."""

import django.db.models.deletion
import django.utils.timezone
import ordercenter.common.fsm
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0005_fewer_indexes'),
        ('fulfillment', '0015_courier_bills'),
        ('inventory', '0007_stock_tables'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='historicalinboundorder',
            name='sent_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='sent at'),
        ),
        migrations.AddField(
            model_name='inboundorder',
            name='sent_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='sent at'),
        ),
        migrations.CreateModel(
            name='HistoricalStockOut',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('code', models.CharField(db_index=True, max_length=32, verbose_name='stock-out number')),
                ('state', ordercenter.common.fsm.StateField(choices=[('planned', 'Planned'), ('sent', 'Sent to warehouse'), ('accepted', 'Accepted by warehouse'), ('rejected', 'Rejected by warehouse'), ('leaving', 'Partly on its way'), ('left', 'On its way'), ('cancelled', 'Cancelled')], default='planned', max_length=32, protected=True, verbose_name='state')),
                ('warehouse_ref', models.CharField(blank=True, max_length=64, verbose_name='number at the warehouse')),
                ('confirms', models.JSONField(default=list, editable=False, verbose_name='confirms')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='created at')),
                ('sent_at', models.DateTimeField(blank=True, null=True, verbose_name='sent at')),
                ('left_at', models.DateTimeField(blank=True, null=True, verbose_name='left at')),
                ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('inbound', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='fulfillment.inboundorder', verbose_name='inbound order')),
                ('warehouse', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='inventory.warehouse', verbose_name='from warehouse')),
            ],
            options={
                'verbose_name': 'historical stock-out of a transfer',
                'verbose_name_plural': 'historical stock-outs of transfers',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='StockOut',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=32, unique=True, verbose_name='stock-out number')),
                ('state', ordercenter.common.fsm.StateField(choices=[('planned', 'Planned'), ('sent', 'Sent to warehouse'), ('accepted', 'Accepted by warehouse'), ('rejected', 'Rejected by warehouse'), ('leaving', 'Partly on its way'), ('left', 'On its way'), ('cancelled', 'Cancelled')], default='planned', max_length=32, protected=True, verbose_name='state')),
                ('warehouse_ref', models.CharField(blank=True, max_length=64, verbose_name='number at the warehouse')),
                ('confirms', models.JSONField(default=list, editable=False, verbose_name='confirms')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='created at')),
                ('sent_at', models.DateTimeField(blank=True, null=True, verbose_name='sent at')),
                ('left_at', models.DateTimeField(blank=True, null=True, verbose_name='left at')),
                ('inbound', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='stock_out', to='fulfillment.inboundorder', verbose_name='inbound order')),
                ('warehouse', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.warehouse', verbose_name='from warehouse')),
            ],
            options={
                'verbose_name': 'stock-out of a transfer',
                'verbose_name_plural': 'stock-outs of transfers',
            },
        ),
        migrations.CreateModel(
            name='StockOutLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('planned', models.PositiveIntegerField(default=0, verbose_name='asked for')),
                ('left', models.PositiveIntegerField(default=0, verbose_name='left (sent)')),
                ('sku', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.sku', verbose_name='SKU')),
                ('stock_out', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='lines', to='fulfillment.stockout', verbose_name='stock-out')),
            ],
            options={
                'verbose_name': 'line of a stock-out',
                'verbose_name_plural': 'lines of stock-outs',
                'constraints': [models.UniqueConstraint(fields=('stock_out', 'sku'), name='stock_out_line_once')],
            },
        ),
    ]
