"""When orders reserve, per shop; and what changes hands between orders. Nothing does so until somebody says how much.

The share that rush orders may take over stood at 30 % and had no effect: it begins at none.
"""


import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import simple_history.models
from django.conf import settings
from django.db import migrations, models

from ordercenter.common.stamp_triggers import stamp_triggers

APPEND_ONLY = """
CREATE TRIGGER takeover_append_only BEFORE UPDATE OR DELETE ON inventory_stocktakeover
    FOR EACH ROW EXECUTE FUNCTION inventory_refuse_edit();
"""
NONE_YET = "UPDATE inventory_stockpolicy SET rush_cap_percent = 0"


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0004_capabilities_and_stamps'),
        ('inventory', '0005_stamps'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='historicalstockpolicy',
            name='balance_days',
            field=models.PositiveSmallIntegerField(db_default=7, default=7, verbose_name='the balance may take (days)'),
        ),
        migrations.AddField(
            model_name='historicalstockpolicy',
            name='rush_cap_pieces',
            field=models.PositiveIntegerField(blank=True, help_text='At most so many in a day; empty: no limit but the percentage.', null=True, verbose_name='rush orders may take over (pieces)'),
        ),
        migrations.AddField(
            model_name='stockpolicy',
            name='balance_days',
            field=models.PositiveSmallIntegerField(db_default=7, default=7, verbose_name='the balance may take (days)'),
        ),
        migrations.AddField(
            model_name='stockpolicy',
            name='rush_cap_pieces',
            field=models.PositiveIntegerField(blank=True, help_text='At most so many in a day; empty: no limit but the percentage.', null=True, verbose_name='rush orders may take over (pieces)'),
        ),
        migrations.AlterField(
            model_name='historicalstockpolicy',
            name='rush_cap_percent',
            field=models.PositiveSmallIntegerField(default=0, help_text='Of what is reserved for less urgent orders, in a day; 0: nothing.', validators=[django.core.validators.MaxValueValidator(100)], verbose_name='rush orders may take over (%)'),
        ),
        migrations.AlterField(
            model_name='stockpolicy',
            name='rush_cap_percent',
            field=models.PositiveSmallIntegerField(default=0, help_text='Of what is reserved for less urgent orders, in a day; 0: nothing.', validators=[django.core.validators.MaxValueValidator(100)], verbose_name='rush orders may take over (%)'),
        ),
        migrations.CreateModel(
            name='HistoricalReservePolicy',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('reserve_on', models.CharField(choices=[('paid', 'When paid'), ('deposit', 'When the deposit is paid'), ('placed', 'When placed')], default='placed', max_length=8, verbose_name='reserve')),
                ('hold_minutes', models.PositiveIntegerField(default=30, verbose_name='promise before payment lasts (minutes)')),
                ('balance_days', models.PositiveSmallIntegerField(default=7, verbose_name='the balance may take (days)')),
                ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('shop', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.shop', verbose_name='shop')),
                ('sku', models.ForeignKey(blank=True, db_constraint=False, help_text='Empty: for all SKUs that have no policy of their own.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.sku', verbose_name='SKU')),
            ],
            options={
                'verbose_name': 'historical reserving of a shop',
                'verbose_name_plural': 'historical reserving of shops',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='ReservePolicy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reserve_on', models.CharField(choices=[('paid', 'When paid'), ('deposit', 'When the deposit is paid'), ('placed', 'When placed')], default='placed', max_length=8, verbose_name='reserve')),
                ('hold_minutes', models.PositiveIntegerField(default=30, verbose_name='promise before payment lasts (minutes)')),
                ('balance_days', models.PositiveSmallIntegerField(default=7, verbose_name='the balance may take (days)')),
                ('shop', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='catalog.shop', verbose_name='shop')),
                ('sku', models.ForeignKey(blank=True, help_text='Empty: for all SKUs that have no policy of their own.', null=True, on_delete=django.db.models.deletion.CASCADE, to='catalog.sku', verbose_name='SKU')),
            ],
            options={
                'verbose_name': 'reserving of a shop',
                'verbose_name_plural': 'reserving of shops',
                'constraints': [models.UniqueConstraint(fields=('shop', 'sku'), name='reserve_policy_once', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('balance_days__gt', 0), ('hold_minutes__gt', 0)), name='reserve_policy_ends')],
            },
        ),
        migrations.CreateModel(
            name='StockTakeover',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('taker_order_id', models.BigIntegerField(verbose_name='order that got them')),
                ('giver_order_id', models.BigIntegerField(verbose_name='order that gave them')),
                ('pieces', models.PositiveIntegerField(verbose_name='pieces')),
                ('taker_rank', models.PositiveSmallIntegerField(verbose_name='rank of the one')),
                ('giver_rank', models.PositiveSmallIntegerField(verbose_name='rank of the other')),
                ('allowed', models.PositiveIntegerField(verbose_name='allowed that day')),
                ('day', models.DateField(verbose_name='day')),
                ('at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='at')),
                ('reason', models.CharField(max_length=200, verbose_name='reason')),
                ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='by')),
                ('sku', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.sku', verbose_name='SKU')),
                ('warehouse', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.warehouse', verbose_name='warehouse')),
            ],
            options={
                'verbose_name': 'takeover of stock',
                'verbose_name_plural': 'takeovers of stock',
                'permissions': [('take_over_stock', 'Can give a rush order the stock of less urgent ones')],
                'indexes': [models.Index(fields=['sku', 'day'], name='takeover_by_day'), models.Index(fields=['taker_order_id'], name='takeover_by_taker'), models.Index(fields=['giver_order_id'], name='takeover_by_giver')],
                'constraints': [models.CheckConstraint(condition=models.Q(('pieces__gt', 0)), name='takeover_moves_something'), models.CheckConstraint(condition=models.Q(('taker_rank__gt', models.F('giver_rank'))), name='takeover_from_lower_grade'), models.CheckConstraint(condition=models.Q(('taker_order_id', models.F('giver_order_id')), _negated=True), name='takeover_of_two_orders'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='takeover_has_a_reason')],
            },
        ),
        *stamp_triggers("stock_policies", "inventory_stockpolicy", "inventory_reservepolicy"),
        migrations.RunSQL(APPEND_ONLY, "DROP TRIGGER takeover_append_only ON inventory_stocktakeover"),
        migrations.RunSQL(NONE_YET, migrations.RunSQL.noop),
    ]
