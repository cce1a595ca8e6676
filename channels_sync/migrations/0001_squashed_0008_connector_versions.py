"""The tables as the migrations 0001 to 0008 left them, made at once: a new database is ready in a fraction of the time.

Databases in which some of those ran go on with them; new migrations come after this one either way.
"""

import channels_sync.models
import django.db.models.deletion
import django.utils.timezone
import ordercenter.common.fsm
import ordercenter.common.secretfield
import simple_history.models
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models

from ordercenter.common.create_together import CreateTogether
from ordercenter.common.stamp_triggers import stamp_triggers


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ("channels_sync", "0001_initial"),
        ("channels_sync", "0002_stamps"),
        ("channels_sync", "0003_accounts_of_many_platforms"),
        ("channels_sync", "0004_push_words_and_kinds"),
        ("channels_sync", "0005_push_word_is_one_of_a_kind"),
        ("channels_sync", "0006_pulls_asked_for"),
        ("channels_sync", "0007_order_files_and_counters"),
        ("channels_sync", "0008_connector_versions"),
    ]

    dependencies = [
        ("catalog", "0001_squashed_0005_fewer_indexes"),
        ("inventory", "0001_squashed_0009_sold_short_at_counters"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        CreateTogether([
            migrations.CreateModel(
                name='ChannelAccount',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('adapter', models.CharField(max_length=32, verbose_name='adapter')),
                    ('base_url', models.URLField(verbose_name='address')),
                    ('app_key', models.CharField(max_length=64, verbose_name='app key')),
                    ('secrets', ordercenter.common.secretfield.SealedField(verbose_name='secrets')),
                    ('options', models.JSONField(blank=True, default=dict, verbose_name='options')),
                    ('push_token', models.CharField(default=channels_sync.models.new_push_token, editable=False, max_length=64, unique=True, verbose_name='word in the push address')),
                    ('message_group', models.CharField(blank=True, default='default', max_length=64, verbose_name='message group')),
                    ('is_active', models.BooleanField(default=True, verbose_name='active')),
                    ('authorised_until', models.DateTimeField(blank=True, null=True, verbose_name='authorised until')),
                    ('renewable_until', models.DateTimeField(blank=True, null=True, verbose_name='renewable until')),
                    ('renewing_until', models.DateTimeField(blank=True, editable=False, null=True)),
                    ('renewed_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='renewed at')),
                    ('paused_until', models.DateTimeField(blank=True, null=True, verbose_name='paused until')),
                    ('pause_reason', models.CharField(blank=True, max_length=200, verbose_name='reason of pause')),
                    ('shop', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, to='catalog.shop', verbose_name='shop')),
                ],
                options={
                    'verbose_name': 'channel account',
                    'verbose_name_plural': 'channel accounts',
                },
            ),
            migrations.CreateModel(
                name='Counter',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.SlugField(max_length=20, verbose_name='code')),
                    ('name', models.CharField(max_length=64, verbose_name='name')),
                    ('is_active', models.BooleanField(default=True, verbose_name='active')),
                    ('last_batch_at', models.DateTimeField(blank=True, null=True, verbose_name='last batch')),
                    ('last_business_at', models.DateTimeField(blank=True, null=True, verbose_name='newest document')),
                    ('clock_skew_s', models.IntegerField(default=0, verbose_name='clock is behind ours by (s)')),
                    ('api_key', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='catalog.apikey', verbose_name='API key')),
                    ('shop', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='counters', to='catalog.shop', verbose_name='shop')),
                    ('store', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.warehouse', verbose_name='store')),
                ],
                options={
                    'verbose_name': 'counter',
                    'verbose_name_plural': 'counters',
                    'constraints': [models.UniqueConstraint(fields=('shop', 'code'), name='counter_once_per_shop')],
                },
            ),
            migrations.CreateModel(
                name='HistoricalChannelAccount',
                fields=[
                    ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                    ('adapter', models.CharField(max_length=32, verbose_name='adapter')),
                    ('base_url', models.URLField(verbose_name='address')),
                    ('app_key', models.CharField(max_length=64, verbose_name='app key')),
                    ('options', models.JSONField(blank=True, default=dict, verbose_name='options')),
                    ('message_group', models.CharField(blank=True, default='default', max_length=64, verbose_name='message group')),
                    ('is_active', models.BooleanField(default=True, verbose_name='active')),
                    ('authorised_until', models.DateTimeField(blank=True, null=True, verbose_name='authorised until')),
                    ('renewable_until', models.DateTimeField(blank=True, null=True, verbose_name='renewable until')),
                    ('renewed_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='renewed at')),
                    ('paused_until', models.DateTimeField(blank=True, null=True, verbose_name='paused until')),
                    ('pause_reason', models.CharField(blank=True, max_length=200, verbose_name='reason of pause')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('shop', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.shop', verbose_name='shop')),
                ],
                options={
                    'verbose_name': 'historical channel account',
                    'verbose_name_plural': 'historical channel accounts',
                    'ordering': ('-history_date', '-history_id'),
                    'get_latest_by': ('history_date', 'history_id'),
                },
                bases=(simple_history.models.HistoricalChanges, models.Model),
            ),
            migrations.CreateModel(
                name='HistoricalCounter',
                fields=[
                    ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                    ('code', models.SlugField(max_length=20, verbose_name='code')),
                    ('name', models.CharField(max_length=64, verbose_name='name')),
                    ('is_active', models.BooleanField(default=True, verbose_name='active')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('api_key', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.apikey', verbose_name='API key')),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('shop', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.shop', verbose_name='shop')),
                    ('store', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='inventory.warehouse', verbose_name='store')),
                ],
                options={
                    'verbose_name': 'historical counter',
                    'verbose_name_plural': 'historical counters',
                    'ordering': ('-history_date', '-history_id'),
                    'get_latest_by': ('history_date', 'history_id'),
                },
                bases=(simple_history.models.HistoricalChanges, models.Model),
            ),
            migrations.CreateModel(
                name='HistoricalOrderFileLayout',
                fields=[
                    ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                    ('fingerprint', models.CharField(max_length=32)),
                    ('columns', models.JSONField(default=dict, verbose_name='columns')),
                    ('unsaid_status', models.CharField(default='paid', max_length=8, verbose_name='status where the file says none')),
                    ('changed_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='changed at')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('shop', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.shop', verbose_name='shop')),
                ],
                options={
                    'verbose_name': 'historical layout of files of orders',
                    'verbose_name_plural': 'historical layouts of files of orders',
                    'ordering': ('-history_date', '-history_id'),
                    'get_latest_by': ('history_date', 'history_id'),
                },
                bases=(simple_history.models.HistoricalChanges, models.Model),
            ),
            migrations.CreateModel(
                name='OrderFile',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('file_name', models.CharField(blank=True, max_length=200, verbose_name='file')),
                    ('sha256', models.CharField(max_length=64, verbose_name='digest of the file')),
                    ('size', models.PositiveIntegerField(verbose_name='bytes')),
                    ('state', ordercenter.common.fsm.StateField(choices=[('reading', 'Being read'), ('read', 'Columns to be matched'), ('checking', 'Being checked'), ('checked', 'Waits for a yes'), ('importing', 'Being taken in'), ('done', 'Taken in'), ('failed', 'Cannot be read'), ('discarded', 'Discarded')], default='reading', max_length=32, protected=True, verbose_name='state')),
                    ('on_checked', models.CharField(choices=[('wait', 'Wait for a yes'), ('clean', 'Take it in when nothing is refused'), ('take', 'Take in what can be taken in')], default='wait', max_length=8, verbose_name='when checked')),
                    ('form', models.CharField(blank=True, max_length=4, verbose_name='kind')),
                    ('encoding', models.CharField(blank=True, max_length=16, verbose_name='encoding')),
                    ('delimiter', models.CharField(blank=True, max_length=1, verbose_name='delimiter')),
                    ('chosen_encoding', models.CharField(blank=True, max_length=16)),
                    ('chosen_delimiter', models.CharField(blank=True, max_length=1)),
                    ('heading_row', models.PositiveIntegerField(default=0, verbose_name='row of the headings')),
                    ('headings', models.JSONField(default=list, verbose_name='headings')),
                    ('columns', models.JSONField(default=dict, verbose_name='columns')),
                    ('unsaid_status', models.CharField(default='paid', max_length=8, verbose_name='status where the file says none')),
                    ('rows', models.PositiveIntegerField(default=0, verbose_name='rows')),
                    ('orders', models.PositiveIntegerField(default=0, verbose_name='orders')),
                    ('new', models.PositiveIntegerField(default=0, verbose_name='new')),
                    ('changed', models.PositiveIntegerField(default=0, verbose_name='changed')),
                    ('unchanged', models.PositiveIntegerField(default=0, verbose_name='unchanged')),
                    ('refused', models.PositiveIntegerField(default=0, verbose_name='refused')),
                    ('progress', models.PositiveIntegerField(default=0, verbose_name='done so far')),
                    ('total', models.PositiveIntegerField(default=0, verbose_name='of')),
                    ('trouble', models.CharField(blank=True, max_length=16, verbose_name='trouble')),
                    ('uploaded_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='uploaded at')),
                    ('sender', models.CharField(blank=True, max_length=96, verbose_name='sender')),
                    ('finished_at', models.DateTimeField(blank=True, null=True, verbose_name='finished at')),
                    ('approved_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='said yes')),
                    ('shop', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.shop', verbose_name='shop')),
                    ('uploaded_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='uploaded by')),
                ],
                options={
                    'verbose_name': 'file of orders',
                    'verbose_name_plural': 'files of orders',
                    'indexes': [models.Index(condition=models.Q(('state__in', ('reading', 'checking', 'importing'))), fields=['id'], name='order_file_at_work')],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('state__in', ('discarded', 'failed')), _negated=True), fields=('shop', 'sha256'), name='order_file_once')],
                },
            ),
            migrations.CreateModel(
                name='OrderFileLayout',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('fingerprint', models.CharField(max_length=32)),
                    ('columns', models.JSONField(default=dict, verbose_name='columns')),
                    ('unsaid_status', models.CharField(default='paid', max_length=8, verbose_name='status where the file says none')),
                    ('changed_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='changed at')),
                    ('shop', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='catalog.shop', verbose_name='shop')),
                ],
                options={
                    'verbose_name': 'layout of files of orders',
                    'verbose_name_plural': 'layouts of files of orders',
                    'constraints': [models.UniqueConstraint(fields=('shop', 'fingerprint'), name='order_file_layout_once')],
                },
            ),
            migrations.CreateModel(
                name='CounterDocument',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('sale', 'Sale'), ('return', 'Return'), ('shift', 'End of a shift')], max_length=8, verbose_name='kind')),
                    ('client_no', models.CharField(max_length=40, verbose_name='number')),
                    ('state', ordercenter.common.fsm.StateField(choices=[('waiting', 'Waiting'), ('booked', 'Booked')], default='waiting', max_length=32, protected=True, verbose_name='state')),
                    ('business_at', models.DateTimeField(verbose_name='happened at')),
                    ('received_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='received at')),
                    ('shift', models.CharField(blank=True, max_length=40, verbose_name='shift')),
                    ('cash', models.DecimalField(decimal_places=2, default=Decimal('0'), max_digits=14, verbose_name='cash')),
                    ('sale_no', models.CharField(blank=True, max_length=61, verbose_name='sale')),
                    ('said', models.JSONField(verbose_name='document')),
                    ('wait_reason', models.CharField(blank=True, choices=[('no_sale', 'Its sale has not come'), ('no_sku', 'Goods that nobody knows'), ('too_much', 'More than was sold')], max_length=12, verbose_name='why it waits')),
                    ('detail', models.CharField(blank=True, max_length=200, verbose_name='detail')),
                    ('order_id', models.BigIntegerField(blank=True, null=True, verbose_name='order')),
                    ('booked_at', models.DateTimeField(blank=True, null=True, verbose_name='booked at')),
                    ('counter', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='documents', to='channels_sync.counter', verbose_name='counter')),
                ],
                options={
                    'verbose_name': 'document of a counter',
                    'verbose_name_plural': 'documents of counters',
                    'indexes': [models.Index(fields=['counter', 'shift'], name='counter_document_by_shift'), models.Index(condition=models.Q(('state', 'waiting')), fields=['business_at'], name='counter_document_waiting')],
                    'constraints': [models.UniqueConstraint(fields=('counter', 'client_no'), name='counter_document_once')],
                },
            ),
            migrations.CreateModel(
                name='CounterShift',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('client_no', models.CharField(max_length=40, verbose_name='number')),
                    ('opened_at', models.DateTimeField(verbose_name='opened at')),
                    ('closed_at', models.DateTimeField(verbose_name='closed at')),
                    ('opening_cash', models.DecimalField(decimal_places=2, max_digits=14, verbose_name='cash at the beginning')),
                    ('moved_cash', models.DecimalField(decimal_places=2, max_digits=14, verbose_name='cash put in and taken out')),
                    ('counted_cash', models.DecimalField(decimal_places=2, max_digits=14, verbose_name='cash counted')),
                    ('expected_cash', models.DecimalField(decimal_places=2, max_digits=14, verbose_name='cash expected')),
                    ('documents', models.PositiveIntegerField(verbose_name='documents')),
                    ('arrived', models.PositiveIntegerField(verbose_name='arrived')),
                    ('counter', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='shifts', to='channels_sync.counter', verbose_name='counter')),
                ],
                options={
                    'verbose_name': 'shift of a counter',
                    'verbose_name_plural': 'shifts of counters',
                    'constraints': [models.UniqueConstraint(fields=('counter', 'client_no'), name='counter_shift_once')],
                },
            ),
            migrations.CreateModel(
                name='FileOrderRow',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('first_row', models.PositiveIntegerField(verbose_name='row')),
                    ('rows', models.PositiveIntegerField(verbose_name='rows')),
                    ('channel_order_no', models.CharField(blank=True, max_length=64, verbose_name='order number')),
                    ('amount', models.DecimalField(blank=True, decimal_places=2, max_digits=14, null=True, verbose_name='amount')),
                    ('verdict', models.CharField(choices=[('new', 'New'), ('changed', 'Changed'), ('unchanged', 'Unchanged'), ('refused', 'Refused')], max_length=10, verbose_name='what it does')),
                    ('is_done', models.BooleanField(default=False, verbose_name='done')),
                    ('problems', models.JSONField(default=list, verbose_name='problems')),
                    ('order_id', models.BigIntegerField(blank=True, null=True, verbose_name='order')),
                    ('file', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='lines', to='channels_sync.orderfile', verbose_name='file of orders')),
                ],
                options={
                    'verbose_name': 'order of a file',
                    'verbose_name_plural': 'orders of files',
                    'indexes': [models.Index(fields=['file', 'verdict', 'first_row'], name='file_order_by_verdict')],
                    'constraints': [models.UniqueConstraint(fields=('file', 'first_row'), name='file_order_once')],
                },
            ),
            migrations.CreateModel(
                name='OrderFilePart',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('original', 'As it came'), ('rows', 'Rows')], max_length=8)),
                    ('number', models.PositiveIntegerField()),
                    ('content', ordercenter.common.secretfield.SealedField(verbose_name='content')),
                    ('file', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='channels_sync.orderfile', verbose_name='file of orders')),
                ],
                options={
                    'verbose_name': 'part of a file of orders',
                    'verbose_name_plural': 'parts of files of orders',
                    'constraints': [models.UniqueConstraint(fields=('file', 'kind', 'number'), name='order_file_part_once')],
                },
            ),
            migrations.CreateModel(
                name='PullRun',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(max_length=32, verbose_name='kind')),
                    ('window_start', models.DateTimeField(verbose_name='from')),
                    ('window_end', models.DateTimeField(verbose_name='until')),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='created at')),
                    ('started_at', models.DateTimeField(blank=True, null=True, verbose_name='started at')),
                    ('ended_at', models.DateTimeField(blank=True, null=True, verbose_name='ended at')),
                    ('seen', models.PositiveIntegerField(default=0, verbose_name='seen')),
                    ('kept', models.PositiveIntegerField(default=0, verbose_name='newly kept')),
                    ('missed', models.PositiveIntegerField(default=0, verbose_name='missed by messages')),
                    ('error', models.CharField(blank=True, max_length=200, verbose_name='error')),
                    ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='channels_sync.channelaccount', verbose_name='channel account')),
                    ('asked_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='asked by')),
                ],
                options={
                    'verbose_name': 'pull',
                    'verbose_name_plural': 'pulls',
                    'indexes': [models.Index(fields=['account', '-created_at'], name='pulls_of_account')],
                },
            ),
            migrations.CreateModel(
                name='SyncCursor',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(max_length=32, verbose_name='kind')),
                    ('read_until', models.DateTimeField(verbose_name='read until')),
                    ('last_run_at', models.DateTimeField(blank=True, null=True, verbose_name='last run')),
                    ('last_error', models.CharField(blank=True, max_length=200, verbose_name='last error')),
                    ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='channels_sync.channelaccount', verbose_name='channel account')),
                ],
                options={
                    'verbose_name': 'sync cursor',
                    'verbose_name_plural': 'sync cursors',
                    'constraints': [models.UniqueConstraint(fields=('account', 'kind'), name='cursor_once_per_kind')],
                },
            ),
            migrations.CreateModel(
                name='ConnectorVersion',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('number', models.PositiveIntegerField(verbose_name='version')),
                    ('document', models.JSONField(verbose_name='document')),
                    ('digest', models.CharField(max_length=64, verbose_name='digest')),
                    ('note', models.CharField(blank=True, max_length=200, verbose_name='note')),
                    ('made_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='made at')),
                    ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='connector_versions', to='channels_sync.channelaccount', verbose_name='channel account')),
                    ('made_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='made by')),
                ],
                options={
                    'verbose_name': 'connector version',
                    'verbose_name_plural': 'connector versions',
                    'permissions': [('try_connector', 'Can try a connector on real samples'), ('activate_connector', "Can activate a connector's version")],
                    'constraints': [models.UniqueConstraint(fields=('account', 'number'), name='connector_version_once')],
                },
            ),
        ]),
        *stamp_triggers("accounts", "channels_sync_channelaccount"),
    ]
