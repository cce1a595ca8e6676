# Every account gets its word in the push address; calls that wait are known by the names that all platforms share.

from django.db import migrations

from channels_sync.models import new_push_token

OLD_NAMES = {"tmall.logistics.offline.send": "channel.tracking", "tmall.stock": "channel.stock"}
_RENAME = "UPDATE events_outgoing SET kind = %s WHERE kind = %s"


def give_words(apps, schema_editor):
    accounts = apps.get_model("channels_sync", "ChannelAccount")
    for account in accounts.objects.filter(push_token=None):
        account.push_token = new_push_token()
        account.save(update_fields=["push_token"])


def rename(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.executemany(_RENAME, [(new, old) for old, new in OLD_NAMES.items()])


def rename_back(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.executemany(_RENAME, list(OLD_NAMES.items()))


class Migration(migrations.Migration):
    dependencies = [("channels_sync", "0003_accounts_of_many_platforms"), ("events", "0001_initial")]

    operations = [
        migrations.RunPython(give_words, migrations.RunPython.noop),
        migrations.RunPython(rename, rename_back),
    ]
