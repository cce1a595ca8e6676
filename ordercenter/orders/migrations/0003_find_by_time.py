"""Orders are found by when they were placed and last changed. Built beside running work, so not in one transaction."""

from django.contrib.postgres.indexes import BrinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("orders", "0002_order_by_arrival")]

    operations = [
        AddIndexConcurrently("order", BrinIndex(autosummarize=True, fields=["placed_at"], name="order_by_placing")),
        AddIndexConcurrently(
            "order", BrinIndex(autosummarize=True, fields=["channel_modified_at"], name="order_by_change")
        ),
    ]
