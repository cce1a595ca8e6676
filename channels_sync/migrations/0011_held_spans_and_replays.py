import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("channels_sync", "0010_live_few_left"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="synccursor",
            name="held_from",
            field=models.DateTimeField(blank=True, null=True, verbose_name="to be read again from"),
        ),
        migrations.AddField(
            model_name="synccursor",
            name="held_until",
            field=models.DateTimeField(blank=True, null=True, verbose_name="to be read again until"),
        ),
        migrations.AddField(
            model_name="synccursor",
            name="held_due_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="read again at"),
        ),
        migrations.AddField(
            model_name="synccursor",
            name="held_tries",
            field=models.PositiveSmallIntegerField(default=0, verbose_name="tries"),
        ),
        migrations.CreateModel(
            name="MessageReplay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "message_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), size=None, verbose_name="messages"
                    ),
                ),
                ("reason", models.CharField(max_length=200, verbose_name="reason")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="created at")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        to="channels_sync.channelaccount",
                        verbose_name="channel account",
                    ),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="asked by",
                    ),
                ),
            ],
            options={
                "verbose_name": "messages read again",
                "verbose_name_plural": "messages read again",
                "indexes": [models.Index(fields=["account", "-created_at"], name="replays_of_account")],
            },
        ),
    ]
