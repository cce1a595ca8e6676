"""How we reach a shop's channel, and how far we have read."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from simple_history.models import HistoricalRecords

from ordercenter.catalog.models import Shop
from ordercenter.common.secretfield import SealedField


def new_push_token() -> str:
    """A word that nobody guesses: it names the account in the address to which its platform pushes."""
    return secrets.token_urlsafe(24)


class ChannelAccount(models.Model):
    """The access of one shop to its platform. secrets: sealed JSON of what the adapter needs to sign.

    options: the switches of its platform (adapters.base.Platform.options). authorised_until: the end of the access
    token; renewable_until: until when it can be renewed without the seller.
    """

    shop = models.OneToOneField(Shop, models.PROTECT, verbose_name=_("shop"))
    adapter = models.CharField(_("adapter"), max_length=32)
    base_url = models.URLField(_("address"), max_length=200)
    app_key = models.CharField(_("app key"), max_length=64)
    secrets = SealedField(_("secrets"))
    options = models.JSONField(_("options"), default=dict, blank=True)
    push_token = models.CharField(
        _("word in the push address"), max_length=64, unique=True, default=new_push_token, editable=False
    )
    message_group = models.CharField(_("message group"), max_length=64, blank=True, default="default")
    is_active = models.BooleanField(_("active"), default=True)
    authorised_until = models.DateTimeField(_("authorised until"), null=True, blank=True)
    renewable_until = models.DateTimeField(_("renewable until"), null=True, blank=True)
    # Held by the process that is fetching a new token: two at once would take each other's away.
    renewing_until = models.DateTimeField(null=True, blank=True, editable=False)
    renewed_at = models.DateTimeField(_("renewed at"), null=True, blank=True, editable=False)
    # Set by bans and quotas of the platform: no calls before then.
    paused_until = models.DateTimeField(_("paused until"), null=True, blank=True)
    pause_reason = models.CharField(_("reason of pause"), max_length=200, blank=True)
    # The sealed secrets stay out of the history: an old key in a second table would be one more to lose.
    history = HistoricalRecords(
        history_id_field=models.BigAutoField(), excluded_fields=["secrets", "renewing_until", "push_token"]
    )

    class Meta:
        verbose_name = _("channel account")
        verbose_name_plural = _("channel accounts")

    def __str__(self) -> str:
        return f"{self.adapter} {self.shop_id}"


class SyncCursor(models.Model):
    """Up to which platform time the changes of one kind have been read.

    held_from, held_until: the span in which something could not be read. It is read again at held_due_at, with growing
    pauses, until everything in it is ours; so nothing is passed over, and what is new does not wait for it.
    """

    account = models.ForeignKey(ChannelAccount, models.CASCADE, verbose_name=_("channel account"))
    kind = models.CharField(_("kind"), max_length=32)
    read_until = models.DateTimeField(_("read until"))
    last_run_at = models.DateTimeField(_("last run"), null=True, blank=True)
    last_error = models.CharField(_("last error"), max_length=200, blank=True)
    held_from = models.DateTimeField(_("to be read again from"), null=True, blank=True)
    held_until = models.DateTimeField(_("to be read again until"), null=True, blank=True)
    held_due_at = models.DateTimeField(_("read again at"), null=True, blank=True)
    held_tries = models.PositiveSmallIntegerField(_("tries"), default=0)

    class Meta:
        verbose_name = _("sync cursor")
        verbose_name_plural = _("sync cursors")
        constraints = [models.UniqueConstraint(fields=["account", "kind"], name="cursor_once_per_kind")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.kind}"


class PullRun(models.Model):
    """One look through the changes of a span that brought something, or failed. Looks that found nothing leave no row.

    missed: orders that the platform's messages should have brought and did not, so that only the pull found them.
    asked_by: who asked for it; nobody for what runs by itself. started_at: empty while what was asked for waits for the
    listener.
    """

    account = models.ForeignKey(ChannelAccount, models.CASCADE, verbose_name=_("channel account"))
    kind = models.CharField(_("kind"), max_length=32)
    window_start = models.DateTimeField(pgettext_lazy("time", "from"))
    window_end = models.DateTimeField(_("until"))
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    seen = models.PositiveIntegerField(_("seen"), default=0)
    kept = models.PositiveIntegerField(_("newly kept"), default=0)
    missed = models.PositiveIntegerField(_("missed by messages"), default=0)
    error = models.CharField(_("error"), max_length=200, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("asked by"), null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("pull")
        verbose_name_plural = _("pulls")
        indexes = [models.Index(fields=["account", "-created_at"], name="pulls_of_account")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.kind} {self.window_start:%F %T}"


class MessageReplay(models.Model):
    """Raw messages of an account that a person let be read once more; how far it is, is what their rows say."""

    account = models.ForeignKey(ChannelAccount, models.CASCADE, verbose_name=_("channel account"))
    message_ids = ArrayField(models.BigIntegerField(), verbose_name=_("messages"))
    reason = models.CharField(_("reason"), max_length=200)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("asked by"), null=True, related_name="+"
    )

    class Meta:
        verbose_name = _("messages read again")
        verbose_name_plural = _("messages read again")
        indexes = [models.Index(fields=["account", "-created_at"], name="replays_of_account")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.created_at:%F %T}"


class ConnectorVersion(models.Model):
    """One version of the document by which an account's shop is called and read. Written once, never changed.

    The active one is copied into the account's options (`connector`, `connector_version`), where every call finds it.
    """

    account = models.ForeignKey(
        ChannelAccount, models.PROTECT, verbose_name=_("channel account"), related_name="connector_versions"
    )
    number = models.PositiveIntegerField(_("version"))
    document = models.JSONField(_("document"))
    digest = models.CharField(_("digest"), max_length=64)
    note = models.CharField(_("note"), max_length=200, blank=True)
    made_at = models.DateTimeField(_("made at"), default=timezone.now)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("made by"), null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("connector version")
        verbose_name_plural = _("connector versions")
        constraints = [models.UniqueConstraint(fields=["account", "number"], name="connector_version_once")]
        permissions = [
            ("try_connector", _("Can try a connector on real samples")),
            ("activate_connector", _("Can activate a connector's version")),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} v{self.number}"


# Django looks for models here.
from channels_sync.counter_models import Counter, CounterDocument, CounterShift  # noqa: E402, F401
from channels_sync.live_models import LiveItem, LiveSale, LiveSession  # noqa: E402, F401
from channels_sync.order_file_models import FileOrderRow, OrderFile, OrderFileLayout, OrderFilePart  # noqa: E402, F401
