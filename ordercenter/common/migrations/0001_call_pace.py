"""Where the calls of the API are counted for all web processes together. Not logged: after a crash counting begins anew."""

from django.db import migrations


class Migration(migrations.Migration):
    initial = True

    dependencies: list[tuple[str, str]] = []

    operations = [
        migrations.RunSQL(
            "CREATE UNLOGGED TABLE common_call_pace (caller text PRIMARY KEY, busy_until timestamptz NOT NULL)"
            " WITH (fillfactor = 50)",
            "DROP TABLE common_call_pace",
        )
    ]
