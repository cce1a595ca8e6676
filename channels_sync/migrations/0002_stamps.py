# What is kept per version in every process needs a version.

from django.db import migrations

from ordercenter.common.stamp_triggers import stamp_triggers


class Migration(migrations.Migration):
    dependencies = [("channels_sync", "0001_initial"), ("catalog", "0004_capabilities_and_stamps")]

    operations = [*stamp_triggers("accounts", "channels_sync_channelaccount")]
