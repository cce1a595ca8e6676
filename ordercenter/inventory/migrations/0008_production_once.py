"""The wish to make pieces for stock is one production order."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0007_stock_tables'),
    ]

    operations = [
        migrations.AddField(
            model_name='productionorder',
            name='key',
            field=models.CharField(blank=True, editable=False, max_length=64, null=True, unique=True, verbose_name='idempotency key'),
        ),
    ]
