"""Where lorries and returned parcels go, and whom their drivers call: warehouses were told a name only."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0001_squashed_0009_sold_short_at_counters'),
    ]

    operations = [
        migrations.AddField(
            model_name='historicalwarehouse',
            name='address',
            field=models.CharField(blank=True, db_default='', max_length=200, verbose_name='street and number'),
        ),
        migrations.AddField(
            model_name='historicalwarehouse',
            name='contact_name',
            field=models.CharField(blank=True, db_default='', max_length=64, verbose_name='contact person'),
        ),
        migrations.AddField(
            model_name='historicalwarehouse',
            name='district',
            field=models.CharField(blank=True, db_default='', max_length=32, verbose_name='district'),
        ),
        migrations.AddField(
            model_name='historicalwarehouse',
            name='phone',
            field=models.CharField(blank=True, db_default='', max_length=32, verbose_name='phone'),
        ),
        migrations.AddField(
            model_name='warehouse',
            name='address',
            field=models.CharField(blank=True, db_default='', max_length=200, verbose_name='street and number'),
        ),
        migrations.AddField(
            model_name='warehouse',
            name='contact_name',
            field=models.CharField(blank=True, db_default='', max_length=64, verbose_name='contact person'),
        ),
        migrations.AddField(
            model_name='warehouse',
            name='district',
            field=models.CharField(blank=True, db_default='', max_length=32, verbose_name='district'),
        ),
        migrations.AddField(
            model_name='warehouse',
            name='phone',
            field=models.CharField(blank=True, db_default='', max_length=32, verbose_name='phone'),
        ),
    ]
