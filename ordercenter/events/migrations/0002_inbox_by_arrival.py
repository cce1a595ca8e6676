# How late channels are is read from what came in the last hour; a block-range index costs next to nothing to keep.

from django.contrib.postgres.indexes import BrinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("events", "0001_initial")]

    operations = [
        AddIndexConcurrently(
            "inboxmessage", BrinIndex(autosummarize=True, fields=["received_at"], name="inbox_by_arrival")
        )
    ]
