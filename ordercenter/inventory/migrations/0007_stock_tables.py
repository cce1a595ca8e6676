"""Tables of stock that people bring, with what became of them."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import ordercenter.common.fsm
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0006_reserving_and_takeovers'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
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
    ]
