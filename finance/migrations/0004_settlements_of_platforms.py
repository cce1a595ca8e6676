"""What platforms pay out: their movements, how each order stands by them, and what was agreed."""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import simple_history.models
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0008_matches_by_code_and_ignored_listings'),
        ('finance', '0001_squashed_0003_balance_under_the_number_of_its_deposit'),
        ('orders', '0010_line_spec'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='HistoricalSettlementTerms',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('within_days', models.PositiveSmallIntegerField(default=15, validators=[django.core.validators.MaxValueValidator(180)], verbose_name='settled within (days after completion)')),
                ('grace_days', models.PositiveSmallIntegerField(default=3, validators=[django.core.validators.MaxValueValidator(60)], verbose_name='differences wait for (days)')),
                ('watched_from', models.DateField(default=django.utils.timezone.localdate, verbose_name='orders completed from')),
                ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('shop', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.shop', verbose_name='shop')),
            ],
            options={
                'verbose_name': 'historical terms of settlement',
                'verbose_name_plural': 'historical terms of settlement',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='SettlementTerms',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('within_days', models.PositiveSmallIntegerField(default=15, validators=[django.core.validators.MaxValueValidator(180)], verbose_name='settled within (days after completion)')),
                ('grace_days', models.PositiveSmallIntegerField(default=3, validators=[django.core.validators.MaxValueValidator(60)], verbose_name='differences wait for (days)')),
                ('watched_from', models.DateField(default=django.utils.timezone.localdate, verbose_name='orders completed from')),
                ('shop', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='settlement_terms', to='catalog.shop', verbose_name='shop')),
            ],
            options={
                'verbose_name': 'terms of settlement',
                'verbose_name_plural': 'terms of settlement',
            },
        ),
        migrations.CreateModel(
            name='HistoricalAgreedFee',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('code', models.CharField(max_length=32, verbose_name='fee')),
                ('permille', models.DecimalField(decimal_places=2, max_digits=6, verbose_name='at most (‰ of what was paid)')),
                ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('terms', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='finance.settlementterms', verbose_name='terms')),
            ],
            options={
                'verbose_name': 'historical agreed fee',
                'verbose_name_plural': 'historical agreed fees',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='OrderSettlement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel_order_no', models.CharField(max_length=64, verbose_name='channel order number')),
                ('paid', models.DecimalField(decimal_places=2, default=Decimal('0'), max_digits=14, verbose_name='paid by buyers')),
                ('subsidies', models.DecimalField(decimal_places=2, default=Decimal('0'), max_digits=14, verbose_name='subsidies')),
                ('fee_total', models.DecimalField(decimal_places=2, default=Decimal('0'), max_digits=14, verbose_name='fees')),
                ('net', models.DecimalField(decimal_places=2, default=Decimal('0'), max_digits=14, verbose_name='paid out')),
                ('fees', models.JSONField(default=dict, verbose_name='fees by name')),
                ('adds_up', models.BooleanField(default=True, verbose_name='adds up')),
                ('told_anew', models.BooleanField(default=False, verbose_name='told again with other amounts')),
                ('expected', models.DecimalField(blank=True, decimal_places=2, max_digits=14, null=True, verbose_name='expected')),
                ('verdict', models.CharField(choices=[('waiting', 'More is to come'), ('matched', 'Matched'), ('amount_differs', 'Amount differs'), ('fee_differs', 'More fees than agreed'), ('sums_differ', 'Does not add up'), ('told_anew', 'Told again with other amounts'), ('not_in_books', 'Settled, not in our books'), ('not_settled', 'Not settled in time'), ('signed_off', 'Signed off')], max_length=16, verbose_name='verdict')),
                ('found_verdict', models.CharField(blank=True, choices=[('waiting', 'More is to come'), ('matched', 'Matched'), ('amount_differs', 'Amount differs'), ('fee_differs', 'More fees than agreed'), ('sums_differ', 'Does not add up'), ('told_anew', 'Told again with other amounts'), ('not_in_books', 'Settled, not in our books'), ('not_settled', 'Not settled in time'), ('signed_off', 'Signed off')], default='', max_length=16, verbose_name='verdict before sign-off')),
                ('signed_off_reason', models.CharField(blank=True, default='', max_length=200, verbose_name='reason of sign-off')),
                ('first_settled_at', models.DateTimeField(blank=True, null=True, verbose_name='first settled')),
                ('last_settled_at', models.DateTimeField(blank=True, null=True, verbose_name='last settled')),
                ('judged_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='judged at')),
                ('order', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orders.order', verbose_name='order')),
                ('shop', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, to='catalog.shop', verbose_name='shop')),
            ],
            options={
                'verbose_name': 'settlement of an order',
                'verbose_name_plural': 'settlements of orders',
                'permissions': [('sign_off_settlement', 'Can sign off differences of settlements')],
                'indexes': [models.Index(condition=models.Q(('verdict__in', ['matched', 'signed_off']), _negated=True), fields=['shop', 'verdict'], name='settlement_to_look_at'), models.Index(fields=['last_settled_at'], name='settlement_by_day')],
                'constraints': [models.UniqueConstraint(fields=('shop', 'channel_order_no'), name='settlement_once_per_order'), models.CheckConstraint(condition=models.Q(models.Q(('verdict', 'signed_off'), _negated=True), models.Q(models.Q(('signed_off_reason', ''), _negated=True), models.Q(('found_verdict', ''), _negated=True)), _connector='OR'), name='settlement_signed_off_with_reason')],
            },
        ),
        migrations.CreateModel(
            name='SettlementEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('platform', models.CharField(max_length=16, verbose_name='platform')),
                ('entry_no', models.CharField(max_length=96, verbose_name='number of the movement')),
                ('kind', models.CharField(choices=[('sale', 'Sale'), ('refund', 'Refund'), ('fee', 'Fee'), ('other', 'Other')], max_length=8, verbose_name='kind')),
                ('channel_order_no', models.CharField(blank=True, max_length=64, verbose_name='channel order number')),
                ('channel_line_no', models.CharField(blank=True, max_length=64, verbose_name='channel line number')),
                ('settled_at', models.DateTimeField(verbose_name='settled at')),
                ('paid', models.DecimalField(decimal_places=2, default=Decimal('0'), max_digits=14, verbose_name='paid by buyers')),
                ('subsidies', models.DecimalField(decimal_places=2, default=Decimal('0'), max_digits=14, verbose_name='subsidies')),
                ('fee_total', models.DecimalField(decimal_places=2, default=Decimal('0'), max_digits=14, verbose_name='fees')),
                ('fees', models.JSONField(default=dict, verbose_name='fees by name')),
                ('net', models.DecimalField(decimal_places=2, max_digits=14, verbose_name='paid out')),
                ('sums_hold', models.BooleanField(default=True, verbose_name='adds up')),
                ('raw', models.JSONField(default=dict, verbose_name='as it came')),
                ('recorded_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='recorded at')),
                ('shop', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, to='catalog.shop', verbose_name='shop')),
            ],
            options={
                'verbose_name': 'settlement movement',
                'verbose_name_plural': 'settlement movements',
                'indexes': [models.Index(fields=['shop', 'channel_order_no'], name='settlement_entry_of_order'), models.Index(fields=['shop', 'settled_at'], name='settlement_entry_by_day')],
                'constraints': [models.UniqueConstraint(fields=('shop', 'entry_no'), name='settlement_entry_once')],
            },
        ),
        migrations.CreateModel(
            name='AgreedFee',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=32, verbose_name='fee')),
                ('permille', models.DecimalField(decimal_places=2, max_digits=6, verbose_name='at most (‰ of what was paid)')),
                ('terms', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='fees', to='finance.settlementterms', verbose_name='terms')),
            ],
            options={
                'verbose_name': 'agreed fee',
                'verbose_name_plural': 'agreed fees',
                'constraints': [models.UniqueConstraint(fields=('terms', 'code'), name='agreed_fee_once'), models.CheckConstraint(condition=models.Q(('permille__gte', 0), ('permille__lte', 1000)), name='agreed_fee_is_a_share', violation_error_message='A fee is from 0 to 1000 ‰.')],
            },
        ),
    ]
