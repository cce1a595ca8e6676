"""What a production order takes is what was planned, not what its recipe says by the time it is done."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0015_keys_that_hold_are_policies'),
    ]

    operations = [
        migrations.AddField(
            model_name='productionorder',
            name='parts',
            field=models.JSONField(blank=True, editable=False, null=True, verbose_name='parts'),
        ),
    ]
