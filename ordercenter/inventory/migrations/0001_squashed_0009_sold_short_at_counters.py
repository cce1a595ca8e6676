"""The tables as the migrations 0001 to 0009 left them, made at once: a new database is ready in a fraction of the time.

Databases in which some of those ran go on with them; new migrations come after this one either way.
"""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
import ordercenter.common.fsm
import simple_history.models
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models

from ordercenter.common.create_together import CreateTogether
from ordercenter.common.stamp_triggers import stamp_triggers

# Counters change all the time and have no index: with room on the page an update stays on it (HOT).
ROOM = "ALTER TABLE inventory_stocklevel SET (fillfactor = 60)"
NO_ROOM = "ALTER TABLE inventory_stocklevel RESET (fillfactor)"

LEDGER = """
CREATE FUNCTION inventory_refuse_edit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'stock movements are appended, never changed or taken away'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER movement_append_only BEFORE UPDATE OR DELETE ON inventory_stockmovement
    FOR EACH ROW EXECUTE FUNCTION inventory_refuse_edit();
"""
NO_LEDGER = """
DROP TRIGGER movement_append_only ON inventory_stockmovement;
DROP FUNCTION inventory_refuse_edit();
"""

# One row per statement and SKU, appended without any unique key: nobody waits for anybody. Nothing is noted where no
# shop is told its stock by us.
CHANGES = """
CREATE FUNCTION inventory_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM inventory_channelpolicy WHERE is_active) THEN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO inventory_stockchange (sku_id, at) SELECT DISTINCT sku_id, now() FROM fresh;
        ELSE
            INSERT INTO inventory_stockchange (sku_id, at)
            SELECT DISTINCT f.sku_id, now() FROM fresh f JOIN was w USING (id)
            WHERE (f.on_hand - f.reserved - f.allocated, f.set_aside, f.safety, f.oversell_limit)
               <> (w.on_hand - w.reserved - w.allocated, w.set_aside, w.safety, w.oversell_limit);
        END IF;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER stock_change_noted AFTER UPDATE ON inventory_stocklevel
    REFERENCING OLD TABLE AS was NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION inventory_note_change();
CREATE TRIGGER stock_birth_noted AFTER INSERT ON inventory_stocklevel
    REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION inventory_note_change();
"""
NO_CHANGES = """
DROP TRIGGER stock_change_noted ON inventory_stocklevel;
DROP TRIGGER stock_birth_noted ON inventory_stocklevel;
DROP FUNCTION inventory_note_change();
"""

TAKEOVERS = """
CREATE TRIGGER takeover_append_only BEFORE UPDATE OR DELETE ON inventory_stocktakeover
    FOR EACH ROW EXECUTE FUNCTION inventory_refuse_edit();
"""


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ("inventory", "0001_initial"),
        ("inventory", "0002_stock_pools"),
        ("inventory", "0003_stock_guards"),
        ("inventory", "0004_warehouse_kind"),
        ("inventory", "0005_stamps"),
        ("inventory", "0006_reserving_and_takeovers"),
        ("inventory", "0007_stock_tables"),
        ("inventory", "0008_production_once"),
        ("inventory", "0009_sold_short_at_counters"),
    ]

    dependencies = [
        ("catalog", "0001_squashed_0005_fewer_indexes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        CreateTogether([
            migrations.CreateModel(
                name='StockChange',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('sku_id', models.BigIntegerField()),
                    ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ],
                options={
                    'verbose_name': 'change of stock',
                    'verbose_name_plural': 'changes of stock',
                },
            ),
            migrations.CreateModel(
                name='Warehouse',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.SlugField(max_length=32, unique=True, verbose_name='code')),
                    ('name', models.CharField(max_length=64, verbose_name='name')),
                    ('province', models.CharField(blank=True, max_length=32, verbose_name='province')),
                    ('city', models.CharField(blank=True, max_length=32, verbose_name='city')),
                    ('kind', models.CharField(choices=[('qimen', 'Warehouse with a system of its own (Qimen)'), ('own', 'Own warehouse, worked with our scan pages'), ('store', 'Store with counters; sells on the spot')], default='qimen', max_length=8, verbose_name='kind')),
                    ('is_open', models.BooleanField(default=True, verbose_name='open')),
                    ('customer_id', models.CharField(blank=True, max_length=64, verbose_name='customer id at the warehouse')),
                    ('owner_code', models.CharField(blank=True, max_length=64, verbose_name='owner code')),
                ],
                options={
                    'verbose_name': 'warehouse',
                    'verbose_name_plural': 'warehouses',
                    'permissions': [('all_warehouses', 'Sees the rows of all warehouses')],
                },
            ),
            migrations.CreateModel(
                name='HistoricalChannelPolicy',
                fields=[
                    ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                    ('share_percent', models.PositiveSmallIntegerField(default=100, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='share of the pool (%)')),
                    ('cap', models.PositiveIntegerField(blank=True, help_text='Pieces; empty means no limit.', null=True, verbose_name='never more than')),
                    ('buffer_pieces', models.PositiveIntegerField(default=0, help_text='Pieces that are kept back at least.', verbose_name='buffer')),
                    ('buffer_z', models.DecimalField(decimal_places=1, default=Decimal('2.5'), help_text='So many times what is sold while a number is on its way are kept back; 2 to 3 is usual.', max_digits=3, validators=[django.core.validators.MinValueValidator(0)], verbose_name='buffer factor')),
                    ('is_active', models.BooleanField(default=True, verbose_name='active')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('shop', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.shop', verbose_name='shop')),
                    ('sku', models.ForeignKey(blank=True, db_constraint=False, help_text='Empty: for all SKUs that have no policy of their own.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.sku', verbose_name='SKU')),
                ],
                options={
                    'verbose_name': 'historical stock policy of a shop',
                    'verbose_name_plural': 'historical stock policies of shops',
                    'ordering': ('-history_date', '-history_id'),
                    'get_latest_by': ('history_date', 'history_id'),
                },
                bases=(simple_history.models.HistoricalChanges, models.Model),
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
                name='HistoricalStockPolicy',
                fields=[
                    ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                    ('source', models.CharField(choices=[('stock', 'From stock'), ('made', 'Made to order'), ('either', 'From stock, else made'), ('presale', 'Pre-sale')], default='stock', max_length=8, verbose_name='source')),
                    ('reserve_on', models.CharField(choices=[('paid', 'When paid'), ('deposit', 'When the deposit is paid'), ('placed', 'When placed')], default='paid', max_length=8, verbose_name='reserve')),
                    ('hold_minutes', models.PositiveIntegerField(default=30, verbose_name='promise before payment lasts (minutes)')),
                    ('ships_on', models.DateField(blank=True, null=True, verbose_name='ships from')),
                    ('balance_days', models.PositiveSmallIntegerField(db_default=7, default=7, verbose_name='the balance may take (days)')),
                    ('rush_cap_percent', models.PositiveSmallIntegerField(default=0, help_text='Of what is reserved for less urgent orders, in a day; 0: nothing.', validators=[django.core.validators.MaxValueValidator(100)], verbose_name='rush orders may take over (%)')),
                    ('rush_cap_pieces', models.PositiveIntegerField(blank=True, help_text='At most so many in a day; empty: no limit but the percentage.', null=True, verbose_name='rush orders may take over (pieces)')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('sku', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.sku', verbose_name='SKU')),
                ],
                options={
                    'verbose_name': 'historical stock policy of a SKU',
                    'verbose_name_plural': 'historical stock policies of SKUs',
                    'ordering': ('-history_date', '-history_id'),
                    'get_latest_by': ('history_date', 'history_id'),
                },
                bases=(simple_history.models.HistoricalChanges, models.Model),
            ),
            migrations.CreateModel(
                name='HistoricalStockTable',
                fields=[
                    ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('count', 'Count: how many lie there'), ('adjust', 'Adjustment: how many more or fewer'), ('arrival', 'Arrival of purchases'), ('expected', 'Expected purchases'), ('safety', 'Safety stock')], max_length=10, verbose_name='kind')),
                    ('reference', models.CharField(blank=True, max_length=48, verbose_name='reference')),
                    ('note', models.CharField(blank=True, max_length=200, verbose_name='reason')),
                    ('file_name', models.CharField(max_length=120, verbose_name='file')),
                    ('digest', models.CharField(max_length=64, verbose_name='digest')),
                    ('rows', models.PositiveIntegerField(verbose_name='rows')),
                    ('moved', models.PositiveIntegerField(default=0, verbose_name='changed')),
                    ('warehouse_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None, verbose_name='warehouses')),
                    ('state', ordercenter.common.fsm.StateField(choices=[('draft', 'Waits for a yes'), ('applied', 'Taken in'), ('discarded', 'Discarded')], default='draft', max_length=32, protected=True, verbose_name='state')),
                    ('uploaded_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='brought at')),
                    ('applied_at', models.DateTimeField(blank=True, null=True, verbose_name='taken in at')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('uploaded_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='brought by')),
                ],
                options={
                    'verbose_name': 'historical stock table',
                    'verbose_name_plural': 'historical stock tables',
                    'ordering': ('-history_date', '-history_id'),
                    'get_latest_by': ('history_date', 'history_id'),
                },
                bases=(simple_history.models.HistoricalChanges, models.Model),
            ),
            migrations.CreateModel(
                name='HistoricalWarehouse',
                fields=[
                    ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                    ('code', models.SlugField(max_length=32, verbose_name='code')),
                    ('name', models.CharField(max_length=64, verbose_name='name')),
                    ('province', models.CharField(blank=True, max_length=32, verbose_name='province')),
                    ('city', models.CharField(blank=True, max_length=32, verbose_name='city')),
                    ('kind', models.CharField(choices=[('qimen', 'Warehouse with a system of its own (Qimen)'), ('own', 'Own warehouse, worked with our scan pages'), ('store', 'Store with counters; sells on the spot')], default='qimen', max_length=8, verbose_name='kind')),
                    ('is_open', models.BooleanField(default=True, verbose_name='open')),
                    ('customer_id', models.CharField(blank=True, max_length=64, verbose_name='customer id at the warehouse')),
                    ('owner_code', models.CharField(blank=True, max_length=64, verbose_name='owner code')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'verbose_name': 'historical warehouse',
                    'verbose_name_plural': 'historical warehouses',
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
                name='StockPolicy',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('source', models.CharField(choices=[('stock', 'From stock'), ('made', 'Made to order'), ('either', 'From stock, else made'), ('presale', 'Pre-sale')], default='stock', max_length=8, verbose_name='source')),
                    ('reserve_on', models.CharField(choices=[('paid', 'When paid'), ('deposit', 'When the deposit is paid'), ('placed', 'When placed')], default='paid', max_length=8, verbose_name='reserve')),
                    ('hold_minutes', models.PositiveIntegerField(default=30, verbose_name='promise before payment lasts (minutes)')),
                    ('ships_on', models.DateField(blank=True, null=True, verbose_name='ships from')),
                    ('balance_days', models.PositiveSmallIntegerField(db_default=7, default=7, verbose_name='the balance may take (days)')),
                    ('rush_cap_percent', models.PositiveSmallIntegerField(default=0, help_text='Of what is reserved for less urgent orders, in a day; 0: nothing.', validators=[django.core.validators.MaxValueValidator(100)], verbose_name='rush orders may take over (%)')),
                    ('rush_cap_pieces', models.PositiveIntegerField(blank=True, help_text='At most so many in a day; empty: no limit but the percentage.', null=True, verbose_name='rush orders may take over (pieces)')),
                    ('sku', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='stock_policy', to='catalog.sku', verbose_name='SKU')),
                ],
                options={
                    'verbose_name': 'stock policy of a SKU',
                    'verbose_name_plural': 'stock policies of SKUs',
                    'constraints': [models.CheckConstraint(condition=models.Q(('rush_cap_percent__lte', 100)), name='rush_cap_is_a_share'), models.CheckConstraint(condition=models.Q(models.Q(('source', 'presale'), _negated=True), ('ships_on__isnull', False), _connector='OR'), name='presale_has_a_date')],
                },
            ),
            migrations.CreateModel(
                name='StockTable',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('count', 'Count: how many lie there'), ('adjust', 'Adjustment: how many more or fewer'), ('arrival', 'Arrival of purchases'), ('expected', 'Expected purchases'), ('safety', 'Safety stock')], max_length=10, verbose_name='kind')),
                    ('reference', models.CharField(blank=True, max_length=48, verbose_name='reference')),
                    ('note', models.CharField(blank=True, max_length=200, verbose_name='reason')),
                    ('file_name', models.CharField(max_length=120, verbose_name='file')),
                    ('original', models.BinaryField(verbose_name='file as it came')),
                    ('parsed', models.BinaryField(verbose_name='rows as they were read')),
                    ('digest', models.CharField(max_length=64, verbose_name='digest')),
                    ('rows', models.PositiveIntegerField(verbose_name='rows')),
                    ('moved', models.PositiveIntegerField(default=0, verbose_name='changed')),
                    ('warehouse_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None, verbose_name='warehouses')),
                    ('state', ordercenter.common.fsm.StateField(choices=[('draft', 'Waits for a yes'), ('applied', 'Taken in'), ('discarded', 'Discarded')], default='draft', max_length=32, protected=True, verbose_name='state')),
                    ('uploaded_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='brought at')),
                    ('applied_at', models.DateTimeField(blank=True, null=True, verbose_name='taken in at')),
                    ('uploaded_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='brought by')),
                ],
                options={
                    'verbose_name': 'stock table',
                    'verbose_name_plural': 'stock tables',
                    'indexes': [models.Index(fields=['-id', 'state'], name='stock_table_newest')],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'applied')), fields=('digest',), name='stock_table_once'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'applied'), _negated=True), ('applied_at__isnull', False), _connector='OR'), name='stock_table_applied_at')],
                },
            ),
            migrations.CreateModel(
                name='SupplyClaim',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('quantity', models.PositiveIntegerField(verbose_name='quantity')),
                    ('promised_on', models.DateField(blank=True, null=True, verbose_name='promised on')),
                    ('basis', models.CharField(choices=[('supply', 'Coming supply'), ('production', 'Production'), ('presale', 'Date of the pre-sale'), ('unknown', 'No date known')], max_length=10, verbose_name='rests on')),
                    ('order_id', models.BigIntegerField(blank=True, null=True, verbose_name='order')),
                    ('line_id', models.BigIntegerField(blank=True, null=True, verbose_name='order line')),
                    ('production_id', models.BigIntegerField(blank=True, null=True, verbose_name='production order')),
                    ('made_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='promised at')),
                    ('sku', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.sku', verbose_name='SKU')),
                ],
                options={
                    'verbose_name': 'promise of supply',
                    'verbose_name_plural': 'promises of supply',
                    'indexes': [models.Index(fields=['order_id'], name='claim_by_order')],
                    'constraints': [models.UniqueConstraint(fields=('line_id',), name='claim_once_per_line'), models.UniqueConstraint(condition=models.Q(('line_id__isnull', True)), fields=('production_id', 'sku'), name='claim_once_per_component'), models.CheckConstraint(condition=models.Q(('quantity__gt', 0)), name='claim_quantity_positive'), models.CheckConstraint(condition=models.Q(('line_id__isnull', False), ('production_id__isnull', False), _connector='OR'), name='claim_is_somebodys')],
                },
            ),
            migrations.CreateModel(
                name='ChannelPolicy',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('share_percent', models.PositiveSmallIntegerField(default=100, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='share of the pool (%)')),
                    ('cap', models.PositiveIntegerField(blank=True, help_text='Pieces; empty means no limit.', null=True, verbose_name='never more than')),
                    ('buffer_pieces', models.PositiveIntegerField(default=0, help_text='Pieces that are kept back at least.', verbose_name='buffer')),
                    ('buffer_z', models.DecimalField(decimal_places=1, default=Decimal('2.5'), help_text='So many times what is sold while a number is on its way are kept back; 2 to 3 is usual.', max_digits=3, validators=[django.core.validators.MinValueValidator(0)], verbose_name='buffer factor')),
                    ('is_active', models.BooleanField(default=True, verbose_name='active')),
                    ('shop', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='catalog.shop', verbose_name='shop')),
                    ('sku', models.ForeignKey(blank=True, help_text='Empty: for all SKUs that have no policy of their own.', null=True, on_delete=django.db.models.deletion.CASCADE, to='catalog.sku', verbose_name='SKU')),
                ],
                options={
                    'verbose_name': 'stock policy of a shop',
                    'verbose_name_plural': 'stock policies of shops',
                    'constraints': [models.UniqueConstraint(fields=('shop', 'sku'), name='channel_policy_once', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('buffer_z__gte', 0), ('share_percent__lte', 100)), name='channel_share_sane')],
                },
            ),
            migrations.CreateModel(
                name='ChannelStock',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('published', models.PositiveIntegerField(verbose_name='published')),
                    ('version', models.BigIntegerField(default=1, verbose_name='version')),
                    ('why', models.JSONField(default=dict, verbose_name='why this number')),
                    ('published_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='published at')),
                    ('acked_version', models.BigIntegerField(default=0, verbose_name='taken by the platform')),
                    ('acked_at', models.DateTimeField(blank=True, null=True, verbose_name='taken at')),
                    ('error', models.CharField(blank=True, default='', max_length=200, verbose_name='error')),
                    ('listing', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='channel_stock', to='catalog.listingmatch', verbose_name='listing')),
                ],
                options={
                    'verbose_name': 'stock at a channel',
                    'verbose_name_plural': 'stock at channels',
                    'constraints': [models.CheckConstraint(condition=models.Q(('acked_version__lte', models.F('version'))), name='channel_stock_version_known')],
                },
            ),
            migrations.CreateModel(
                name='ProductionResource',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.SlugField(max_length=32, unique=True, verbose_name='code')),
                    ('name', models.CharField(max_length=64, verbose_name='name')),
                    ('is_active', models.BooleanField(default=True, verbose_name='active')),
                    ('warehouse', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='inventory.warehouse', verbose_name='warehouse')),
                ],
                options={
                    'verbose_name': 'production resource',
                    'verbose_name_plural': 'production resources',
                },
            ),
            migrations.CreateModel(
                name='Supply',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('purchase', 'Purchase'), ('transfer', 'Transfer'), ('production', 'Production')], max_length=10, verbose_name='kind')),
                    ('ref', models.CharField(max_length=64, verbose_name='reference')),
                    ('quantity', models.PositiveIntegerField(verbose_name='quantity')),
                    ('arrived', models.PositiveIntegerField(default=0, verbose_name='arrived')),
                    ('due_on', models.DateField(verbose_name='expected on')),
                    ('state', ordercenter.common.fsm.StateField(choices=[('coming', 'On its way'), ('arrived', 'Arrived'), ('cancelled', 'Cancelled')], default='coming', max_length=32, protected=True, verbose_name='state')),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='created at')),
                    ('sku', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='catalog.sku', verbose_name='SKU')),
                    ('from_warehouse', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.warehouse', verbose_name='from warehouse')),
                    ('warehouse', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='inventory.warehouse', verbose_name='warehouse')),
                ],
                options={
                    'verbose_name': 'supply',
                    'verbose_name_plural': 'supplies',
                    'indexes': [models.Index(condition=models.Q(('state', 'coming')), fields=['sku', 'due_on'], name='supply_coming')],
                    'constraints': [models.UniqueConstraint(fields=('kind', 'ref', 'sku', 'warehouse'), name='supply_once'), models.CheckConstraint(condition=models.Q(('quantity__gt', 0)), name='supply_quantity_positive')],
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
            migrations.CreateModel(
                name='StockMovement',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('bucket', models.CharField(choices=[('on_hand', 'On hand'), ('damaged', 'Damaged'), ('quarantine', 'Quarantine')], db_default='on_hand', default='on_hand', max_length=10, verbose_name='bucket')),
                    ('delta', models.IntegerField(verbose_name='change')),
                    ('reason', models.CharField(choices=[('count', 'Count'), ('arrival', 'Arrival'), ('shipment', 'Shipment'), ('return', 'Return'), ('adjustment', 'Adjustment'), ('transfer', 'Transfer'), ('production', 'Production'), ('component', 'Used in production'), ('report', 'Report of the warehouse'), ('counter', 'Sold at a counter')], max_length=12, verbose_name='reason')),
                    ('ref', models.CharField(max_length=96, verbose_name='reference')),
                    ('note', models.CharField(blank=True, db_default='', default='', max_length=200, verbose_name='note')),
                    ('idempotency_key', models.CharField(max_length=128, verbose_name='idempotency key')),
                    ('at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='at')),
                    ('sku', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, to='catalog.sku', verbose_name='SKU')),
                    ('warehouse', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, to='inventory.warehouse', verbose_name='warehouse')),
                ],
                options={
                    'verbose_name': 'stock movement',
                    'verbose_name_plural': 'stock movements',
                    'indexes': [models.Index(fields=['sku', 'warehouse'], name='movement_by_stock')],
                    'constraints': [models.CheckConstraint(condition=models.Q(('delta', 0), _negated=True), name='movement_moves_something'), models.UniqueConstraint(fields=('idempotency_key',), name='movement_once')],
                },
            ),
            migrations.CreateModel(
                name='StockLevel',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('on_hand', models.IntegerField(default=0, verbose_name='on hand')),
                    ('reserved', models.IntegerField(default=0, verbose_name='reserved')),
                    ('allocated', models.IntegerField(db_default=0, default=0, verbose_name='allocated')),
                    ('set_aside', models.IntegerField(db_default=0, default=0, verbose_name='set aside for shops')),
                    ('safety', models.IntegerField(db_default=0, default=0, verbose_name='safety stock')),
                    ('damaged', models.IntegerField(db_default=0, default=0, verbose_name='damaged')),
                    ('quarantine', models.IntegerField(db_default=0, default=0, verbose_name='quarantine')),
                    ('oversell_limit', models.IntegerField(db_default=0, default=0, verbose_name='may be oversold by')),
                    ('sold_short', models.IntegerField(db_default=0, default=0, verbose_name='sold short at counters')),
                    ('sku', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='catalog.sku', verbose_name='SKU')),
                    ('warehouse', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='inventory.warehouse', verbose_name='warehouse')),
                ],
                options={
                    'verbose_name': 'stock level',
                    'verbose_name_plural': 'stock levels',
                    'permissions': [('adjust_stock', 'Can count, adjust and import stock'), ('share_stock', 'Can share stock out among shops'), ('plan_production', 'Can plan production and supply')],
                    'constraints': [models.UniqueConstraint(fields=('sku', 'warehouse'), name='stock_once_per_warehouse'), models.CheckConstraint(condition=models.Q(('allocated__gte', 0), ('on_hand__gte', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('reserved'), '+', models.F('allocated')), '+', models.F('set_aside')), '-', models.F('oversell_limit')), '-', models.F('sold_short'))), ('reserved__gte', 0), ('set_aside__gte', 0)), name='stock_never_oversold'), models.CheckConstraint(condition=models.Q(('damaged__gte', 0), ('on_hand__gte', django.db.models.expressions.CombinedExpression(models.F('allocated'), '-', models.F('sold_short'))), ('quarantine__gte', 0)), name='stock_lies_there'), models.CheckConstraint(condition=models.Q(('oversell_limit__gte', 0), ('safety__gte', 0), ('sold_short__gte', 0)), name='stock_limits_positive')],
                },
            ),
            migrations.CreateModel(
                name='Reservation',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('order_id', models.BigIntegerField(blank=True, null=True, verbose_name='order')),
                    ('line_id', models.BigIntegerField(blank=True, null=True, verbose_name='order line')),
                    ('shop_id', models.BigIntegerField(blank=True, null=True, verbose_name='shop')),
                    ('holder', models.CharField(blank=True, db_default='', default='', max_length=96, verbose_name='holder')),
                    ('quantity', models.PositiveIntegerField(verbose_name='quantity')),
                    ('is_allocated', models.BooleanField(db_default=False, default=False, verbose_name='in a released shipment')),
                    ('quota_id', models.BigIntegerField(blank=True, null=True, verbose_name='quota')),
                    ('from_quota', models.PositiveIntegerField(db_default=0, default=0, verbose_name='of the quota')),
                    ('state', ordercenter.common.fsm.StateField(choices=[('active', 'Active'), ('consumed', 'Consumed'), ('released', 'Released'), ('expired', 'Expired')], default='active', max_length=32, protected=True, verbose_name='state')),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='created at')),
                    ('expires_at', models.DateTimeField(blank=True, null=True, verbose_name='expires at')),
                    ('ended_at', models.DateTimeField(blank=True, null=True, verbose_name='ended at')),
                    ('sku', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, to='catalog.sku', verbose_name='SKU')),
                    ('warehouse', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, to='inventory.warehouse', verbose_name='warehouse')),
                ],
                options={
                    'verbose_name': 'reservation',
                    'verbose_name_plural': 'reservations',
                    'indexes': [models.Index(fields=['order_id'], name='reservation_by_order'), models.Index(condition=models.Q(('state', 'active')), fields=['sku', 'warehouse'], name='reservation_open_by_stock'), models.Index(condition=models.Q(('expires_at__isnull', False), ('state', 'active')), fields=['expires_at'], name='reservation_expiring')],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'active')), fields=('line_id', 'warehouse'), name='one_open_reservation'), models.UniqueConstraint(condition=models.Q(('state', 'active'), models.Q(('holder', ''), _negated=True)), fields=('holder', 'sku', 'warehouse'), name='one_open_hold'), models.CheckConstraint(condition=models.Q(('from_quota__lte', models.F('quantity')), ('quantity__gt', 0)), name='reservation_quantity_positive'), models.CheckConstraint(condition=models.Q(models.Q(('holder', ''), ('line_id__isnull', False), ('order_id__isnull', False)), models.Q(('is_allocated', False), ('line_id__isnull', True), ('order_id__isnull', True), models.Q(('holder', ''), _negated=True)), _connector='OR'), name='reservation_has_holder')],
                },
            ),
            migrations.CreateModel(
                name='HistoricalWarehouseAccess',
                fields=[
                    ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('user', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='user')),
                    ('warehouse', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='inventory.warehouse', verbose_name='warehouse')),
                ],
                options={
                    'verbose_name': 'historical access to a warehouse',
                    'verbose_name_plural': 'historical access to warehouses',
                    'ordering': ('-history_date', '-history_id'),
                    'get_latest_by': ('history_date', 'history_id'),
                },
                bases=(simple_history.models.HistoricalChanges, models.Model),
            ),
            migrations.CreateModel(
                name='HistoricalProductionResource',
                fields=[
                    ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                    ('code', models.SlugField(max_length=32, verbose_name='code')),
                    ('name', models.CharField(max_length=64, verbose_name='name')),
                    ('is_active', models.BooleanField(default=True, verbose_name='active')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('warehouse', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='inventory.warehouse', verbose_name='warehouse')),
                ],
                options={
                    'verbose_name': 'historical production resource',
                    'verbose_name_plural': 'historical production resources',
                    'ordering': ('-history_date', '-history_id'),
                    'get_latest_by': ('history_date', 'history_id'),
                },
                bases=(simple_history.models.HistoricalChanges, models.Model),
            ),
            migrations.CreateModel(
                name='HistoricalChannelQuota',
                fields=[
                    ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('dedicated', 'Dedicated quota'), ('live', 'Live-stream lock')], max_length=10, verbose_name='kind')),
                    ('quantity', models.PositiveIntegerField(verbose_name='quantity')),
                    ('left', models.PositiveIntegerField(default=0, verbose_name='left')),
                    ('starts_at', models.DateTimeField(verbose_name='starts at')),
                    ('ends_at', models.DateTimeField(blank=True, null=True, verbose_name='ends at')),
                    ('reason', models.CharField(blank=True, max_length=200, verbose_name='reason')),
                    ('state', ordercenter.common.fsm.StateField(choices=[('planned', 'Planned'), ('open', 'Open'), ('ended', 'Ended')], default='planned', max_length=32, protected=True, verbose_name='state')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('shop', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.shop', verbose_name='shop')),
                    ('sku', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.sku', verbose_name='SKU')),
                    ('warehouse', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='inventory.warehouse', verbose_name='warehouse')),
                ],
                options={
                    'verbose_name': 'historical quota of a shop',
                    'verbose_name_plural': 'historical quotas of shops',
                    'ordering': ('-history_date', '-history_id'),
                    'get_latest_by': ('history_date', 'history_id'),
                },
                bases=(simple_history.models.HistoricalChanges, models.Model),
            ),
            migrations.CreateModel(
                name='HistoricalApiKeyWarehouse',
                fields=[
                    ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('api_key', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.apikey', verbose_name='API key')),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('warehouse', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='inventory.warehouse', verbose_name='warehouse')),
                ],
                options={
                    'verbose_name': 'historical warehouse of an API key',
                    'verbose_name_plural': 'historical warehouses of an API key',
                    'ordering': ('-history_date', '-history_id'),
                    'get_latest_by': ('history_date', 'history_id'),
                },
                bases=(simple_history.models.HistoricalChanges, models.Model),
            ),
            migrations.CreateModel(
                name='ChannelQuota',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('dedicated', 'Dedicated quota'), ('live', 'Live-stream lock')], max_length=10, verbose_name='kind')),
                    ('quantity', models.PositiveIntegerField(verbose_name='quantity')),
                    ('left', models.PositiveIntegerField(default=0, verbose_name='left')),
                    ('starts_at', models.DateTimeField(verbose_name='starts at')),
                    ('ends_at', models.DateTimeField(blank=True, null=True, verbose_name='ends at')),
                    ('reason', models.CharField(blank=True, max_length=200, verbose_name='reason')),
                    ('state', ordercenter.common.fsm.StateField(choices=[('planned', 'Planned'), ('open', 'Open'), ('ended', 'Ended')], default='planned', max_length=32, protected=True, verbose_name='state')),
                    ('shop', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='catalog.shop', verbose_name='shop')),
                    ('sku', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='catalog.sku', verbose_name='SKU')),
                    ('warehouse', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='inventory.warehouse', verbose_name='warehouse')),
                ],
                options={
                    'verbose_name': 'quota of a shop',
                    'verbose_name_plural': 'quotas of shops',
                    'indexes': [models.Index(condition=models.Q(('state', 'open')), fields=['sku', 'warehouse'], name='quota_open')],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('shop', 'sku', 'warehouse'), name='one_open_quota'), models.CheckConstraint(condition=models.Q(('left__lte', models.F('quantity')), ('quantity__gt', 0)), name='quota_left_within_quantity'), models.CheckConstraint(condition=models.Q(('state', 'open'), ('left', 0), _connector='OR'), name='quota_sets_aside_while_open'), models.CheckConstraint(condition=models.Q(('ends_at__isnull', True), ('ends_at__gt', models.F('starts_at')), _connector='OR'), name='quota_ends_after_start'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'live'), _negated=True), ('ends_at__isnull', False), _connector='OR'), name='quota_live_has_an_end')],
                },
            ),
            migrations.CreateModel(
                name='ApiKeyWarehouse',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('api_key', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='warehouse_rows', to='catalog.apikey', verbose_name='API key')),
                    ('warehouse', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='inventory.warehouse', verbose_name='warehouse')),
                ],
                options={
                    'verbose_name': 'warehouse of an API key',
                    'verbose_name_plural': 'warehouses of an API key',
                    'constraints': [models.UniqueConstraint(fields=('api_key', 'warehouse'), name='warehouse_once_per_api_key')],
                },
            ),
            migrations.CreateModel(
                name='WarehouseAccess',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='warehouse_access', to=settings.AUTH_USER_MODEL, verbose_name='user')),
                    ('warehouse', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='inventory.warehouse', verbose_name='warehouse')),
                ],
                options={
                    'verbose_name': 'access to a warehouse',
                    'verbose_name_plural': 'access to warehouses',
                    'constraints': [models.UniqueConstraint(fields=('user', 'warehouse'), name='warehouse_access_once')],
                },
            ),
            migrations.CreateModel(
                name='ProductionOrder',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('quantity', models.PositiveIntegerField(verbose_name='quantity')),
                    ('order_id', models.BigIntegerField(blank=True, null=True, verbose_name='order')),
                    ('line_id', models.BigIntegerField(blank=True, null=True, verbose_name='order line')),
                    ('key', models.CharField(blank=True, editable=False, max_length=64, null=True, unique=True, verbose_name='idempotency key')),
                    ('ready_on', models.DateField(verbose_name='ready on')),
                    ('state', ordercenter.common.fsm.StateField(choices=[('planned', 'Planned'), ('done', 'Made'), ('cancelled', 'Cancelled')], default='planned', max_length=32, protected=True, verbose_name='state')),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='created at')),
                    ('ended_at', models.DateTimeField(blank=True, null=True, verbose_name='ended at')),
                    ('sku', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='catalog.sku', verbose_name='SKU')),
                    ('resource', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='inventory.productionresource', verbose_name='production resource')),
                ],
                options={
                    'verbose_name': 'production order',
                    'verbose_name_plural': 'production orders',
                    'indexes': [models.Index(condition=models.Q(('state', 'planned')), fields=['resource', 'ready_on'], name='production_planned'), models.Index(fields=['order_id'], name='production_by_order')],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'planned')), fields=('line_id',), name='line_made_once_at_a_time'), models.CheckConstraint(condition=models.Q(('quantity__gt', 0)), name='production_quantity_positive')],
                },
            ),
            migrations.CreateModel(
                name='HistoricalProductionRoute',
                fields=[
                    ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                    ('minutes_per_unit', models.PositiveIntegerField(verbose_name='minutes per piece')),
                    ('setup_days', models.PositiveSmallIntegerField(default=0, verbose_name='days before it can begin')),
                    ('lead_days', models.PositiveSmallIntegerField(default=0, verbose_name='days after the last minute')),
                    ('is_active', models.BooleanField(default=True, verbose_name='active')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('sku', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.sku', verbose_name='SKU')),
                    ('resource', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='inventory.productionresource', verbose_name='production resource')),
                ],
                options={
                    'verbose_name': 'historical way of making',
                    'verbose_name_plural': 'historical ways of making',
                    'ordering': ('-history_date', '-history_id'),
                    'get_latest_by': ('history_date', 'history_id'),
                },
                bases=(simple_history.models.HistoricalChanges, models.Model),
            ),
            migrations.CreateModel(
                name='CapacityDay',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('day', models.DateField(verbose_name='day')),
                    ('minutes', models.PositiveIntegerField(verbose_name='minutes')),
                    ('used', models.PositiveIntegerField(default=0, editable=False, verbose_name='used')),
                    ('resource', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='inventory.productionresource', verbose_name='production resource')),
                ],
                options={
                    'verbose_name': 'capacity of a day',
                    'verbose_name_plural': 'capacity calendar',
                    'constraints': [models.UniqueConstraint(fields=('resource', 'day'), name='capacity_once_per_day'), models.CheckConstraint(condition=models.Q(('used__lte', models.F('minutes'))), name='capacity_never_overbooked')],
                },
            ),
            migrations.CreateModel(
                name='ProductionRoute',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('minutes_per_unit', models.PositiveIntegerField(verbose_name='minutes per piece')),
                    ('setup_days', models.PositiveSmallIntegerField(default=0, verbose_name='days before it can begin')),
                    ('lead_days', models.PositiveSmallIntegerField(default=0, verbose_name='days after the last minute')),
                    ('is_active', models.BooleanField(default=True, verbose_name='active')),
                    ('resource', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='inventory.productionresource', verbose_name='production resource')),
                    ('sku', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='production_route', to='catalog.sku', verbose_name='SKU')),
                ],
                options={
                    'verbose_name': 'way of making',
                    'verbose_name_plural': 'ways of making',
                    'constraints': [models.CheckConstraint(condition=models.Q(('minutes_per_unit__gt', 0)), name='making_takes_time')],
                },
            ),
            migrations.CreateModel(
                name='Component',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('quantity', models.PositiveIntegerField(default=1, verbose_name='quantity')),
                    ('part', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.sku', verbose_name='part')),
                    ('route', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='components', to='inventory.productionroute', verbose_name='way of making')),
                ],
                options={
                    'verbose_name': 'component',
                    'verbose_name_plural': 'components',
                    'constraints': [models.UniqueConstraint(fields=('route', 'part'), name='component_once'), models.CheckConstraint(condition=models.Q(('quantity__gt', 0)), name='component_quantity_positive')],
                },
            ),
            migrations.CreateModel(
                name='CapacityUse',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('minutes', models.PositiveIntegerField(verbose_name='minutes')),
                    ('capacity', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='inventory.capacityday', verbose_name='capacity of a day')),
                    ('production', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='minutes_used', to='inventory.productionorder', verbose_name='production order')),
                ],
                options={
                    'verbose_name': 'use of capacity',
                    'verbose_name_plural': 'uses of capacity',
                    'constraints': [models.UniqueConstraint(fields=('production', 'capacity'), name='capacity_used_once'), models.CheckConstraint(condition=models.Q(('minutes__gt', 0)), name='capacity_use_positive')],
                },
            ),
        ]),
        migrations.RunSQL(ROOM, NO_ROOM),
        migrations.RunSQL(LEDGER, NO_LEDGER),
        migrations.RunSQL(CHANGES, NO_CHANGES),
        *stamp_triggers("warehouses", "inventory_warehouse"),
        *stamp_triggers("stock_policies", "inventory_stockpolicy", "inventory_reservepolicy"),
        migrations.RunSQL(TAKEOVERS, "DROP TRIGGER takeover_append_only ON inventory_stocktakeover"),
    ]
