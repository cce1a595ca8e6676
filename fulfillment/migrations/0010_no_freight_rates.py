from django.db import migrations


class Migration(migrations.Migration):
    """Prices live in courier contracts. Going back brings the empty tables back, not their rows."""

    dependencies = [
        ("fulfillment", "0009_contracts_of_freight_rates"),
    ]

    operations = [
        migrations.RemoveField(
            model_name='historicalfreightrate',
            name='carrier',
        ),
        migrations.RemoveField(
            model_name='historicalfreightrate',
            name='history_user',
        ),
        migrations.RemoveField(
            model_name='historicalfreightrate',
            name='warehouse',
        ),
        migrations.DeleteModel(
            name='FreightRate',
        ),
        migrations.DeleteModel(
            name='HistoricalFreightRate',
        ),
    ]
