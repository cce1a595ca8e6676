"""The tables as the migrations 0001 to 0003 left them, made at once: a new database is ready in a fraction of the time.

Databases in which some of those ran go on with them; new migrations come after this one either way.
"""

import django.contrib.postgres.indexes
import django.db.models.deletion
import django.utils.timezone
import ordercenter.common.fsm
import ordercenter.common.secretfield
import simple_history.models
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models

from ordercenter.common.create_together import CreateTogether


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ("finance", "0001_initial"),
        ("finance", "0002_payments_by_hand"),
        ("finance", "0003_balance_under_the_number_of_its_deposit"),
    ]

    dependencies = [
        ("catalog", "0001_squashed_0005_fewer_indexes"),
        ("orders", "0001_squashed_0009_order_balance_due_at"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        CreateTogether([
            migrations.CreateModel(
                name='Statement',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('provider', models.CharField(max_length=16, verbose_name='provider')),
                    ('account', models.CharField(max_length=64, verbose_name='account')),
                    ('business_day', models.DateField(verbose_name='business day')),
                    ('state', ordercenter.common.fsm.StateField(choices=[('open', 'Open'), ('matched', 'Matched'), ('closed', 'Closed')], default='open', max_length=32, protected=True, verbose_name='state')),
                    ('rows_sha256', models.CharField(max_length=64, verbose_name='digest of the rows')),
                    ('line_count', models.PositiveIntegerField(default=0, verbose_name='lines')),
                    ('payment_total', models.DecimalField(decimal_places=2, default=Decimal('0'), max_digits=16, verbose_name='payments')),
                    ('refund_total', models.DecimalField(decimal_places=2, default=Decimal('0'), max_digits=16, verbose_name='refunds')),
                    ('fee_total', models.DecimalField(decimal_places=2, default=Decimal('0'), max_digits=16, verbose_name='fees')),
                    ('imported_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='imported at')),
                    ('matched_at', models.DateTimeField(blank=True, null=True, verbose_name='matched at')),
                    ('closed_at', models.DateTimeField(blank=True, null=True, verbose_name='closed at')),
                ],
                options={
                    'verbose_name': 'statement',
                    'verbose_name_plural': 'statements',
                    'permissions': [('close_statement', 'Can close a business day'), ('sign_off_difference', 'Can sign off differences')],
                    'constraints': [models.UniqueConstraint(fields=('provider', 'account', 'business_day'), name='statement_once_per_day')],
                },
            ),
            migrations.CreateModel(
                name='HistoricalProviderAccount',
                fields=[
                    ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                    ('provider', models.CharField(choices=[('alipay', 'Alipay')], default='alipay', max_length=16, verbose_name='provider')),
                    ('account', models.CharField(max_length=64, verbose_name='account')),
                    ('gateway_url', models.URLField(verbose_name='address')),
                    ('app_id', models.CharField(max_length=64, verbose_name='application number')),
                    ('bills_from', models.DateField(verbose_name='first business day')),
                    ('is_active', models.BooleanField(default=True, verbose_name='active')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'verbose_name': 'historical provider account',
                    'verbose_name_plural': 'historical provider accounts',
                    'ordering': ('-history_date', '-history_id'),
                    'get_latest_by': ('history_date', 'history_id'),
                },
                bases=(simple_history.models.HistoricalChanges, models.Model),
            ),
            migrations.CreateModel(
                name='HistoricalStatement',
                fields=[
                    ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                    ('provider', models.CharField(max_length=16, verbose_name='provider')),
                    ('account', models.CharField(max_length=64, verbose_name='account')),
                    ('business_day', models.DateField(verbose_name='business day')),
                    ('state', ordercenter.common.fsm.StateField(choices=[('open', 'Open'), ('matched', 'Matched'), ('closed', 'Closed')], default='open', max_length=32, protected=True, verbose_name='state')),
                    ('rows_sha256', models.CharField(max_length=64, verbose_name='digest of the rows')),
                    ('line_count', models.PositiveIntegerField(default=0, verbose_name='lines')),
                    ('payment_total', models.DecimalField(decimal_places=2, default=Decimal('0'), max_digits=16, verbose_name='payments')),
                    ('refund_total', models.DecimalField(decimal_places=2, default=Decimal('0'), max_digits=16, verbose_name='refunds')),
                    ('fee_total', models.DecimalField(decimal_places=2, default=Decimal('0'), max_digits=16, verbose_name='fees')),
                    ('imported_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='imported at')),
                    ('matched_at', models.DateTimeField(blank=True, null=True, verbose_name='matched at')),
                    ('closed_at', models.DateTimeField(blank=True, null=True, verbose_name='closed at')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'verbose_name': 'historical statement',
                    'verbose_name_plural': 'historical statements',
                    'ordering': ('-history_date', '-history_id'),
                    'get_latest_by': ('history_date', 'history_id'),
                },
                bases=(simple_history.models.HistoricalChanges, models.Model),
            ),
            migrations.CreateModel(
                name='PaymentEntry',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('payment', 'Payment'), ('refund', 'Refund')], max_length=8, verbose_name='kind')),
                    ('provider', models.CharField(max_length=16, verbose_name='provider')),
                    ('external_no', models.CharField(max_length=64, verbose_name='transaction number')),
                    ('request_no', models.CharField(blank=True, max_length=64, verbose_name='refund request number')),
                    ('merchant_no', models.CharField(blank=True, max_length=64, verbose_name='merchant order number')),
                    ('amount', models.DecimalField(decimal_places=2, max_digits=14, verbose_name='amount')),
                    ('expected_fee', models.DecimalField(decimal_places=2, default=Decimal('0'), max_digits=14, verbose_name='expected fee')),
                    ('currency', models.CharField(default='CNY', max_length=3, verbose_name='currency')),
                    ('occurred_at', models.DateTimeField(verbose_name='occurred at')),
                    ('recorded_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='recorded at')),
                    ('order', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='payment_entries', to='orders.order', verbose_name='order')),
                    ('shop', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, to='catalog.shop', verbose_name='shop')),
                ],
                options={
                    'verbose_name': 'payment entry',
                    'verbose_name_plural': 'payment entries',
                    'permissions': [('book_payment', 'Can enter payments by hand')],
                    'indexes': [models.Index(fields=['provider', 'occurred_at'], name='entry_by_day')],
                    'constraints': [models.UniqueConstraint(fields=('provider', 'external_no', 'kind', 'request_no'), name='entry_once'), models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='entry_amount_positive'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'payment'), ('request_no__in', ['', 'balance'])), models.Q(('kind', 'refund'), models.Q(('request_no', ''), _negated=True)), _connector='OR'), name='refund_entry_has_number')],
                },
            ),
            migrations.CreateModel(
                name='ProviderAccount',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('provider', models.CharField(choices=[('alipay', 'Alipay')], default='alipay', max_length=16, verbose_name='provider')),
                    ('account', models.CharField(max_length=64, verbose_name='account')),
                    ('gateway_url', models.URLField(verbose_name='address')),
                    ('app_id', models.CharField(max_length=64, verbose_name='application number')),
                    ('secrets', ordercenter.common.secretfield.SealedField(verbose_name='secrets')),
                    ('bills_from', models.DateField(verbose_name='first business day')),
                    ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ],
                options={
                    'verbose_name': 'provider account',
                    'verbose_name_plural': 'provider accounts',
                    'constraints': [models.UniqueConstraint(fields=('provider', 'account'), name='provider_account_once')],
                },
            ),
            migrations.CreateModel(
                name='StatementLine',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('line_no', models.PositiveIntegerField(verbose_name='row')),
                    ('kind', models.CharField(choices=[('payment', 'Payment'), ('refund', 'Refund')], max_length=8, verbose_name='kind')),
                    ('external_no', models.CharField(max_length=64, verbose_name='transaction number')),
                    ('request_no', models.CharField(blank=True, max_length=64, verbose_name='refund request number')),
                    ('merchant_no', models.CharField(blank=True, max_length=64, verbose_name='merchant order number')),
                    ('amount', models.DecimalField(decimal_places=2, max_digits=14, verbose_name='amount')),
                    ('fee', models.DecimalField(decimal_places=2, default=Decimal('0'), max_digits=14, verbose_name='fee')),
                    ('occurred_at', models.DateTimeField(blank=True, null=True, verbose_name='occurred at')),
                    ('verdict', models.CharField(choices=[('matched', 'Matched'), ('amount_differs', 'Amount differs'), ('fee_differs', 'Fee differs'), ('not_in_books', 'In the bill, not in our books'), ('not_in_bill', 'In our books, not in the bill'), ('duplicate', 'Twice in the bill'), ('signed_off', 'Signed off')], max_length=16, verbose_name='verdict')),
                    ('found_verdict', models.CharField(blank=True, choices=[('matched', 'Matched'), ('amount_differs', 'Amount differs'), ('fee_differs', 'Fee differs'), ('not_in_books', 'In the bill, not in our books'), ('not_in_bill', 'In our books, not in the bill'), ('duplicate', 'Twice in the bill'), ('signed_off', 'Signed off')], db_default='', default='', max_length=16, verbose_name='verdict before sign-off')),
                    ('expected_amount', models.DecimalField(blank=True, decimal_places=2, max_digits=14, null=True, verbose_name='expected amount')),
                    ('expected_fee', models.DecimalField(blank=True, decimal_places=2, max_digits=14, null=True, verbose_name='expected fee')),
                    ('signed_off_reason', models.CharField(blank=True, db_default='', default='', max_length=200, verbose_name='reason of sign-off')),
                    ('statement', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='lines', to='finance.statement', verbose_name='statement')),
                ],
                options={
                    'verbose_name': 'statement line',
                    'verbose_name_plural': 'statement lines',
                    'indexes': [django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['statement'], name='line_by_statement'), models.Index(condition=models.Q(('verdict', 'matched'), _negated=True), fields=['statement', 'verdict'], name='line_not_matched'), models.Index(condition=models.Q(('verdict', 'matched'), _negated=True), fields=['external_no'], name='line_by_number')],
                },
            ),
            migrations.CreateModel(
                name='Match',
                fields=[
                    ('line', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, serialize=False, to='finance.statementline', verbose_name='statement line')),
                    ('matched_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='matched at')),
                    ('entry', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, to='finance.paymententry', verbose_name='payment entry')),
                ],
                options={
                    'verbose_name': 'match',
                    'verbose_name_plural': 'matches',
                },
            ),
        ]),
    ]
