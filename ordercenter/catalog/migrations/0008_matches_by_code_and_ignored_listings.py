"""Matches made by the code alone, goods without a listing, and listings that are none of ours."""

import django.db.models.deletion
import django.utils.timezone
import simple_history.models
from django.conf import settings
from django.db import migrations, models

from ordercenter.common.stamp_triggers import stamp_triggers


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0007_plain_codes'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='historicallistingmatch',
            name='by_code',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=64, verbose_name='matched by the code'),
        ),
        migrations.AddField(
            model_name='listingmatch',
            name='by_code',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=64, verbose_name='matched by the code'),
        ),
        migrations.AlterField(
            model_name='historicallistingmatch',
            name='listing_id',
            field=models.CharField(blank=True, help_text='Empty for goods that come with a code only.', max_length=64, verbose_name='listing'),
        ),
        migrations.AlterField(
            model_name='historicallistingmatch',
            name='listing_sku_id',
            field=models.CharField(blank=True, help_text='Of goods without a listing: the code they come with.', max_length=64, verbose_name='listing SKU'),
        ),
        migrations.AlterField(
            model_name='listingmatch',
            name='listing_id',
            field=models.CharField(blank=True, help_text='Empty for goods that come with a code only.', max_length=64, verbose_name='listing'),
        ),
        migrations.AlterField(
            model_name='listingmatch',
            name='listing_sku_id',
            field=models.CharField(blank=True, help_text='Of goods without a listing: the code they come with.', max_length=64, verbose_name='listing SKU'),
        ),
        migrations.CreateModel(
            name='HistoricalIgnoredListing',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('listing_id', models.CharField(blank=True, max_length=64, verbose_name='listing')),
                ('listing_sku_id', models.CharField(blank=True, max_length=64, verbose_name='listing SKU')),
                ('reason', models.CharField(max_length=200, verbose_name='reason')),
                ('ignored_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='since')),
                ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('ignored_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='by')),
                ('shop', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='catalog.shop', verbose_name='shop')),
            ],
            options={
                'verbose_name': 'historical listing that is not ours',
                'verbose_name_plural': 'historical listings that are not ours',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='IgnoredListing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('listing_id', models.CharField(blank=True, max_length=64, verbose_name='listing')),
                ('listing_sku_id', models.CharField(blank=True, max_length=64, verbose_name='listing SKU')),
                ('reason', models.CharField(max_length=200, verbose_name='reason')),
                ('ignored_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='since')),
                ('ignored_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='by')),
                ('shop', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='catalog.shop', verbose_name='shop')),
            ],
            options={
                'verbose_name': 'listing that is not ours',
                'verbose_name_plural': 'listings that are not ours',
                'constraints': [models.UniqueConstraint(fields=('shop', 'listing_id', 'listing_sku_id'), name='listing_ignored_once')],
            },
        ),
        *stamp_triggers("goods", "catalog_ignoredlisting"),
    ]
