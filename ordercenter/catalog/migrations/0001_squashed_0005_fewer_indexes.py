"""The tables as the migrations 0001 to 0005 left them, made at once: a new database is ready in a fraction of the time.

Databases in which some of those ran go on with them; new migrations come after this one either way.
"""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import ordercenter.catalog.models
import ordercenter.common.secretfield
import simple_history.models
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models

from ordercenter.common.create_together import CreateTogether
from ordercenter.common.stamp_triggers import DROP_FUNCTION, MAKE_FUNCTION, stamp_triggers


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ("catalog", "0001_initial"),
        ("catalog", "0002_sku_category"),
        ("catalog", "0003_contact_division"),
        ("catalog", "0004_capabilities_and_stamps"),
        ("catalog", "0005_fewer_indexes"),
    ]

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        CreateTogether([
            migrations.CreateModel(
                name='Channel',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.SlugField(max_length=32, unique=True, verbose_name='code')),
                    ('name', models.CharField(max_length=64, verbose_name='name')),
                ],
                options={
                    'verbose_name': 'channel',
                    'verbose_name_plural': 'channels',
                },
            ),
            migrations.CreateModel(
                name='RuleStamp',
                fields=[
                    ('kind', models.CharField(max_length=24, primary_key=True, serialize=False, verbose_name='rules')),
                    ('version', models.BigIntegerField(verbose_name='version')),
                ],
                options={
                    'verbose_name': 'version of rules',
                    'verbose_name_plural': 'versions of rules',
                },
            ),
            migrations.CreateModel(
                name='ApiKey',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('name', models.CharField(max_length=64, verbose_name='name')),
                    ('prefix', models.CharField(editable=False, max_length=8, unique=True, verbose_name='prefix')),
                    ('secret_sha256', models.CharField(editable=False, max_length=64)),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('expires_at', models.DateTimeField(blank=True, null=True, verbose_name='valid until')),
                    ('revoked_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='revoked at')),
                    ('last_used_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='last used')),
                    ('created_by', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by')),
                ],
                options={
                    'verbose_name': 'API key',
                    'verbose_name_plural': 'API keys',
                },
            ),
            migrations.CreateModel(
                name='BlacklistEntry',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('phone', 'phone'), ('buyer', 'buyer'), ('address', 'platform address id')], max_length=8, verbose_name='kind')),
                    ('value_hash', models.CharField(max_length=32)),
                    ('reason', models.CharField(blank=True, max_length=200, verbose_name='reason')),
                    ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created at')),
                ],
                options={
                    'verbose_name': 'blacklist entry',
                    'verbose_name_plural': 'blacklist',
                    'constraints': [models.UniqueConstraint(fields=('kind', 'value_hash'), name='blacklisted_once')],
                },
            ),
            migrations.CreateModel(
                name='Contact',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('province', models.CharField(blank=True, max_length=32, verbose_name='province')),
                    ('city', models.CharField(blank=True, max_length=32, verbose_name='city')),
                    ('district', models.CharField(blank=True, max_length=32, verbose_name='district')),
                    ('division_code', models.CharField(blank=True, max_length=6, verbose_name='division code')),
                    ('guessed_code', models.CharField(blank=True, max_length=6, verbose_name='guessed division')),
                    ('place_doubt', models.CharField(blank=True, max_length=20, verbose_name='doubt about the place')),
                    ('town', models.CharField(blank=True, max_length=64, verbose_name='town')),
                    ('masked_name', models.CharField(blank=True, max_length=64, verbose_name='name')),
                    ('masked_phone', models.CharField(blank=True, max_length=32, verbose_name='phone')),
                    ('masked_address', models.CharField(blank=True, max_length=128, verbose_name='address')),
                    ('opaque_id', models.CharField(blank=True, max_length=128, verbose_name='platform address id')),
                    ('sealed', ordercenter.common.secretfield.SealedField(blank=True, null=True, verbose_name='sealed data')),
                    ('phone_hash', models.CharField(blank=True, max_length=32)),
                    ('address_hash', models.CharField(blank=True, max_length=32)),
                    ('is_masked', models.BooleanField(default=False, verbose_name='masked by the platform')),
                ],
                options={
                    'verbose_name': 'contact',
                    'verbose_name_plural': 'contacts',
                    'permissions': [('reveal_contact', 'Can see personal data in clear')],
                    'indexes': [models.Index(fields=['phone_hash'], name='contact_by_phone')],
                },
            ),
            migrations.CreateModel(
                name='HistoricalApiKey',
                fields=[
                    ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                    ('name', models.CharField(max_length=64, verbose_name='name')),
                    ('prefix', models.CharField(db_index=True, editable=False, max_length=8, verbose_name='prefix')),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                    ('expires_at', models.DateTimeField(blank=True, null=True, verbose_name='valid until')),
                    ('revoked_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='revoked at')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('created_by', models.ForeignKey(blank=True, db_constraint=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by')),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'verbose_name': 'historical API key',
                    'verbose_name_plural': 'historical API keys',
                    'ordering': ('-history_date', '-history_id'),
                    'get_latest_by': ('history_date', 'history_id'),
                },
                bases=(simple_history.models.HistoricalChanges, models.Model),
            ),
            migrations.CreateModel(
                name='HistoricalBlacklistEntry',
                fields=[
                    ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('phone', 'phone'), ('buyer', 'buyer'), ('address', 'platform address id')], max_length=8, verbose_name='kind')),
                    ('value_hash', models.CharField(max_length=32)),
                    ('reason', models.CharField(blank=True, max_length=200, verbose_name='reason')),
                    ('created_at', models.DateTimeField(blank=True, editable=False, verbose_name='created at')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'verbose_name': 'historical blacklist entry',
                    'verbose_name_plural': 'historical blacklist',
                    'ordering': ('-history_date', '-history_id'),
                    'get_latest_by': ('history_date', 'history_id'),
                },
                bases=(simple_history.models.HistoricalChanges, models.Model),
            ),
            migrations.CreateModel(
                name='HistoricalSku',
                fields=[
                    ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                    ('code', models.CharField(db_index=True, max_length=64, verbose_name='SKU code')),
                    ('name', models.CharField(max_length=128, verbose_name='name')),
                    ('weight_g', models.PositiveIntegerField(default=0, verbose_name='weight (g)')),
                    ('volume_cm3', models.PositiveIntegerField(default=0, verbose_name='volume (cm³)')),
                    ('category', models.CharField(blank=True, max_length=64, verbose_name='category')),
                    ('handling_tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32), blank=True, default=list, help_text='Words that rules can ask for, separated by commas: battery, liquid, frozen ...', size=None, verbose_name='handling')),
                    ('list_price', models.DecimalField(decimal_places=2, default=Decimal('0'), max_digits=14, verbose_name='list price')),
                    ('floor_price', models.DecimalField(decimal_places=2, default=Decimal('0'), help_text='Orders that sell a piece below this price stop for a person; 0 means no floor.', max_digits=14, validators=[django.core.validators.MinValueValidator(0)], verbose_name='floor price')),
                    ('is_bundle', models.BooleanField(default=False, verbose_name='bundle')),
                    ('is_active', models.BooleanField(default=True, verbose_name='active')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'verbose_name': 'historical SKU',
                    'verbose_name_plural': 'historical SKUs',
                    'ordering': ('-history_date', '-history_id'),
                    'get_latest_by': ('history_date', 'history_id'),
                },
                bases=(simple_history.models.HistoricalChanges, models.Model),
            ),
            migrations.CreateModel(
                name='IdempotencyRecord',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('client', models.CharField(max_length=32, verbose_name='client')),
                    ('key', models.CharField(max_length=255, verbose_name='idempotency key')),
                    ('fingerprint', models.CharField(max_length=64)),
                    ('status', models.PositiveSmallIntegerField(verbose_name='status')),
                    ('body', models.JSONField(verbose_name='answer')),
                    ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='created at')),
                    ('expires_at', models.DateTimeField(db_index=True, verbose_name='kept until')),
                ],
                options={
                    'verbose_name': 'idempotency record',
                    'verbose_name_plural': 'idempotency records',
                    'constraints': [models.UniqueConstraint(fields=('client', 'key'), name='idempotency_key_once')],
                },
            ),
            migrations.CreateModel(
                name='Sku',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.CharField(max_length=64, unique=True, verbose_name='SKU code')),
                    ('name', models.CharField(max_length=128, verbose_name='name')),
                    ('weight_g', models.PositiveIntegerField(default=0, verbose_name='weight (g)')),
                    ('volume_cm3', models.PositiveIntegerField(default=0, verbose_name='volume (cm³)')),
                    ('category', models.CharField(blank=True, max_length=64, verbose_name='category')),
                    ('handling_tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32), blank=True, default=list, help_text='Words that rules can ask for, separated by commas: battery, liquid, frozen ...', size=None, verbose_name='handling')),
                    ('list_price', models.DecimalField(decimal_places=2, default=Decimal('0'), max_digits=14, verbose_name='list price')),
                    ('floor_price', models.DecimalField(decimal_places=2, default=Decimal('0'), help_text='Orders that sell a piece below this price stop for a person; 0 means no floor.', max_digits=14, validators=[django.core.validators.MinValueValidator(0)], verbose_name='floor price')),
                    ('is_bundle', models.BooleanField(default=False, verbose_name='bundle')),
                    ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ],
                options={
                    'verbose_name': 'SKU',
                    'verbose_name_plural': 'SKUs',
                    'constraints': [models.CheckConstraint(condition=models.Q(('floor_price__gte', 0), ('list_price__gte', 0)), name='sku_prices_positive')],
                },
            ),
            migrations.CreateModel(
                name='ChannelCapability',
                fields=[
                    ('channel', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='capability', serialize=False, to='catalog.channel', verbose_name='channel')),
                    ('splits_by_line', models.BooleanField(help_text='Lines of one order may be reported with different tracking numbers.', verbose_name='parcels by line')),
                    ('splits_by_quantity', models.BooleanField(help_text='Pieces of one line may be reported with different tracking numbers.', verbose_name='parcels by pieces')),
                    ('many_numbers_per_line', models.BooleanField(help_text='A line that is reported may get further tracking numbers.', verbose_name='several numbers for a line')),
                    ('changes_number', models.BooleanField(help_text='A reported tracking number may be replaced by another one.', verbose_name='number can be changed')),
                    ('merges_by_opaque_id', models.BooleanField(help_text='Orders with one masked address id of the platform may travel in one parcel.', verbose_name='merges by address id')),
                    ('merges_by_address', models.BooleanField(help_text='Orders to one clear address may travel in one parcel.', verbose_name='merges by clear address')),
                    ('shares_number', models.BooleanField(help_text='Several orders may be reported with the same tracking number; else only the first is.', verbose_name='one number for several orders')),
                ],
                options={
                    'verbose_name': 'channel capability',
                    'verbose_name_plural': 'channel capabilities',
                },
            ),
            migrations.CreateModel(
                name='HistoricalChannelCapability',
                fields=[
                    ('splits_by_line', models.BooleanField(help_text='Lines of one order may be reported with different tracking numbers.', verbose_name='parcels by line')),
                    ('splits_by_quantity', models.BooleanField(help_text='Pieces of one line may be reported with different tracking numbers.', verbose_name='parcels by pieces')),
                    ('many_numbers_per_line', models.BooleanField(help_text='A line that is reported may get further tracking numbers.', verbose_name='several numbers for a line')),
                    ('changes_number', models.BooleanField(help_text='A reported tracking number may be replaced by another one.', verbose_name='number can be changed')),
                    ('merges_by_opaque_id', models.BooleanField(help_text='Orders with one masked address id of the platform may travel in one parcel.', verbose_name='merges by address id')),
                    ('merges_by_address', models.BooleanField(help_text='Orders to one clear address may travel in one parcel.', verbose_name='merges by clear address')),
                    ('shares_number', models.BooleanField(help_text='Several orders may be reported with the same tracking number; else only the first is.', verbose_name='one number for several orders')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('channel', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.channel', verbose_name='channel')),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'verbose_name': 'historical channel capability',
                    'verbose_name_plural': 'historical channel capabilities',
                    'ordering': ('-history_date', '-history_id'),
                    'get_latest_by': ('history_date', 'history_id'),
                },
                bases=(simple_history.models.HistoricalChanges, models.Model),
            ),
            migrations.CreateModel(
                name='HistoricalShop',
                fields=[
                    ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                    ('code', models.SlugField(max_length=32, verbose_name='code')),
                    ('name', models.CharField(max_length=64, verbose_name='name')),
                    ('currency', models.CharField(default='CNY', max_length=3, verbose_name='currency')),
                    ('time_zone', models.CharField(default='Asia/Shanghai', max_length=40, verbose_name='time zone')),
                    ('payment_fee_bp', models.PositiveIntegerField(default=60, verbose_name='payment fee (basis points)')),
                    ('is_active', models.BooleanField(default=True, verbose_name='active')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('channel', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.channel', verbose_name='channel')),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'verbose_name': 'historical shop',
                    'verbose_name_plural': 'historical shops',
                    'ordering': ('-history_date', '-history_id'),
                    'get_latest_by': ('history_date', 'history_id'),
                },
                bases=(simple_history.models.HistoricalChanges, models.Model),
            ),
            migrations.CreateModel(
                name='Shop',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.SlugField(max_length=32, unique=True, verbose_name='code')),
                    ('name', models.CharField(max_length=64, verbose_name='name')),
                    ('currency', models.CharField(default='CNY', max_length=3, verbose_name='currency')),
                    ('time_zone', models.CharField(default='Asia/Shanghai', max_length=40, verbose_name='time zone')),
                    ('payment_fee_bp', models.PositiveIntegerField(default=60, verbose_name='payment fee (basis points)')),
                    ('is_active', models.BooleanField(default=True, verbose_name='active')),
                    ('channel', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='catalog.channel', verbose_name='channel')),
                ],
                options={
                    'verbose_name': 'shop',
                    'verbose_name_plural': 'shops',
                    'permissions': [('all_shops', 'Sees the rows of all shops')],
                },
            ),
            migrations.CreateModel(
                name='BundlePart',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('quantity', models.PositiveIntegerField(default=1, verbose_name='quantity')),
                    ('bundle', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='catalog.sku', verbose_name='bundle')),
                    ('part', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.sku', verbose_name='part')),
                ],
                options={
                    'verbose_name': 'bundle part',
                    'verbose_name_plural': 'bundle parts',
                    'constraints': [models.UniqueConstraint(fields=('bundle', 'part'), name='part_once_per_bundle'), models.CheckConstraint(condition=models.Q(('quantity__gt', 0)), name='bundle_part_quantity_positive'), models.CheckConstraint(condition=models.Q(('bundle', models.F('part')), _negated=True), name='bundle_not_part_of_itself')],
                },
            ),
            migrations.CreateModel(
                name='HistoricalShopAccess',
                fields=[
                    ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('user', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='user')),
                    ('shop', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.shop', verbose_name='shop')),
                ],
                options={
                    'verbose_name': 'historical access to a shop',
                    'verbose_name_plural': 'historical access to shops',
                    'ordering': ('-history_date', '-history_id'),
                    'get_latest_by': ('history_date', 'history_id'),
                },
                bases=(simple_history.models.HistoricalChanges, models.Model),
            ),
            migrations.CreateModel(
                name='HistoricalApiKeyShop',
                fields=[
                    ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                    ('scopes', models.JSONField(default=list, validators=[ordercenter.catalog.models.only_known_scopes], verbose_name='scopes')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('api_key', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.apikey', verbose_name='API key')),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('shop', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.shop', verbose_name='shop')),
                ],
                options={
                    'verbose_name': 'historical shop of an API key',
                    'verbose_name_plural': 'historical shops of an API key',
                    'ordering': ('-history_date', '-history_id'),
                    'get_latest_by': ('history_date', 'history_id'),
                },
                bases=(simple_history.models.HistoricalChanges, models.Model),
            ),
            migrations.CreateModel(
                name='HistoricalListingMatch',
                fields=[
                    ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                    ('listing_id', models.CharField(max_length=64, verbose_name='listing')),
                    ('listing_sku_id', models.CharField(blank=True, max_length=64, verbose_name='listing SKU')),
                    ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                    ('history_date', models.DateTimeField(db_index=True)),
                    ('history_change_reason', models.TextField(null=True)),
                    ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                    ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('shop', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.shop', verbose_name='shop')),
                    ('sku', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.sku', verbose_name='SKU')),
                ],
                options={
                    'verbose_name': 'historical listing match',
                    'verbose_name_plural': 'historical listing matches',
                    'ordering': ('-history_date', '-history_id'),
                    'get_latest_by': ('history_date', 'history_id'),
                },
                bases=(simple_history.models.HistoricalChanges, models.Model),
            ),
            migrations.CreateModel(
                name='ApiKeyShop',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('scopes', models.JSONField(default=list, validators=[ordercenter.catalog.models.only_known_scopes], verbose_name='scopes')),
                    ('api_key', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='shop_rows', to='catalog.apikey', verbose_name='API key')),
                    ('shop', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='catalog.shop', verbose_name='shop')),
                ],
                options={
                    'verbose_name': 'shop of an API key',
                    'verbose_name_plural': 'shops of an API key',
                    'constraints': [models.UniqueConstraint(fields=('api_key', 'shop'), name='shop_once_per_api_key')],
                },
            ),
            migrations.CreateModel(
                name='ShopAccess',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('shop', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='catalog.shop', verbose_name='shop')),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='shop_access', to=settings.AUTH_USER_MODEL, verbose_name='user')),
                ],
                options={
                    'verbose_name': 'access to a shop',
                    'verbose_name_plural': 'access to shops',
                    'constraints': [models.UniqueConstraint(fields=('user', 'shop'), name='shop_access_once')],
                },
            ),
            migrations.CreateModel(
                name='ListingMatch',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('listing_id', models.CharField(max_length=64, verbose_name='listing')),
                    ('listing_sku_id', models.CharField(blank=True, max_length=64, verbose_name='listing SKU')),
                    ('shop', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='catalog.shop', verbose_name='shop')),
                    ('sku', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='catalog.sku', verbose_name='SKU')),
                ],
                options={
                    'verbose_name': 'listing match',
                    'verbose_name_plural': 'listing matches',
                    'constraints': [models.UniqueConstraint(fields=('shop', 'listing_id', 'listing_sku_id'), name='listing_matched_once')],
                },
            ),
        ]),
        migrations.RunSQL(MAKE_FUNCTION, DROP_FUNCTION),
        # A capability belongs to a channel, and shops hang on channels: all three decide what holds for a shop.
        *stamp_triggers("channels", "catalog_channelcapability", "catalog_shop", "catalog_channel"),
        *stamp_triggers("goods", "catalog_sku", "catalog_listingmatch", "catalog_bundlepart"),
        *stamp_triggers("blacklist", "catalog_blacklistentry"),
    ]
