"""How we reach a shop's channel, and how far we have read."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from ordercenter.catalog.models import Shop
from ordercenter.common.secretfield import SealedField


class ChannelAccount(models.Model):
    """The access of one shop to its platform. secrets: sealed JSON of what the adapter needs to sign."""

    shop = models.OneToOneField(Shop, models.PROTECT, verbose_name=_("shop"))
    adapter = models.CharField(_("adapter"), max_length=32)
    base_url = models.URLField(_("address"), max_length=200)
    app_key = models.CharField(_("app key"), max_length=64)
    secrets = SealedField(_("secrets"))
    message_group = models.CharField(_("message group"), max_length=64, blank=True, default="default")
    is_active = models.BooleanField(_("active"), default=True)
    authorised_until = models.DateTimeField(_("authorised until"), null=True, blank=True)
    # Set by bans and quotas of the platform: no calls before then.
    paused_until = models.DateTimeField(_("paused until"), null=True, blank=True)
    pause_reason = models.CharField(_("reason of pause"), max_length=200, blank=True)
    # The sealed secrets stay out of the history: an old key in a second table would be one more to lose.
    history = HistoricalRecords(history_id_field=models.BigAutoField(), excluded_fields=["secrets"])

    class Meta:
        verbose_name = _("channel account")
        verbose_name_plural = _("channel accounts")

    def __str__(self) -> str:
        return f"{self.adapter} {self.shop_id}"


class SyncCursor(models.Model):
    """Up to which platform time the changes of one kind have been read."""

    account = models.ForeignKey(ChannelAccount, models.CASCADE, verbose_name=_("channel account"))
    kind = models.CharField(_("kind"), max_length=32)
    read_until = models.DateTimeField(_("read until"))
    last_run_at = models.DateTimeField(_("last run"), null=True, blank=True)
    last_error = models.CharField(_("last error"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("sync cursor")
        verbose_name_plural = _("sync cursors")
        constraints = [models.UniqueConstraint(fields=["account", "kind"], name="cursor_once_per_kind")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.kind}"
