"""What each shop may offer of the stock, and what its platform was told."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from ordercenter.catalog.models import ListingMatch, Shop, Sku
from ordercenter.common.fsm import StateField, StateModel, transition
from ordercenter.inventory.models.warehouses import Warehouse
from ordercenter.inventory.states import QuotaKind, QuotaState


class ChannelPolicy(models.Model):
    """How much of the shared pool a shop offers: for one SKU, or for all that have no policy of their own.

    Without any policy a shop is told nothing: its platform keeps the numbers that somebody typed in there. So it is
    with a SKU whose own policy is not active, whatever the shop's policy for all SKUs says.
    """

    shop = models.ForeignKey(Shop, models.CASCADE, verbose_name=_("shop"))
    sku = models.ForeignKey(
        Sku,
        models.CASCADE,
        verbose_name=_("SKU"),
        null=True,
        blank=True,
        help_text=_("Empty: for all SKUs that have no policy of their own."),
    )
    share_percent = models.PositiveSmallIntegerField(
        _("share of the pool (%)"), default=100, validators=[MaxValueValidator(100)]
    )
    cap = models.PositiveIntegerField(
        _("never more than"), null=True, blank=True, help_text=_("Pieces; empty means no limit.")
    )
    buffer_pieces = models.PositiveIntegerField(
        _("buffer"), default=0, help_text=_("Pieces that are kept back at least.")
    )
    buffer_z = models.DecimalField(
        _("buffer factor"),
        max_digits=3,
        decimal_places=1,
        default=Decimal("2.5"),
        validators=[MinValueValidator(0)],
        help_text=_("So many times what is sold while a number is on its way are kept back; 2 to 3 is usual."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("stock policy of a shop")
        verbose_name_plural = _("stock policies of shops")
        constraints = [
            models.UniqueConstraint(fields=["shop", "sku"], name="channel_policy_once", nulls_distinct=False),
            models.CheckConstraint(condition=Q(share_percent__lte=100, buffer_z__gte=0), name="channel_share_sane"),
        ]

    def __str__(self) -> str:
        return f"{self.shop_id} {self.sku_id or '*'} {self.share_percent} %"


class ChannelQuota(StateModel):
    """Pieces in one warehouse that only one shop may sell: always (dedicated), or for a time (live-stream lock).

    quantity: what was asked for. left: what is still set aside; part of the stock level's set_aside while open.
    only_named_orders: not all orders of the shop may take from it, only those that it is meant for (a session's).
    """

    shop = models.ForeignKey(Shop, models.PROTECT, verbose_name=_("shop"))
    sku = models.ForeignKey(Sku, models.PROTECT, verbose_name=_("SKU"))
    warehouse = models.ForeignKey(Warehouse, models.PROTECT, verbose_name=_("warehouse"))
    kind = models.CharField(_("kind"), max_length=10, choices=QuotaKind.choices)
    quantity = models.PositiveIntegerField(_("quantity"))
    left = models.PositiveIntegerField(_("left"), default=0)
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    only_named_orders = models.BooleanField(_("only for the orders of its session"), default=False, db_default=False)
    state = StateField(_("state"), default=QuotaState.PLANNED, choices=QuotaState.choices)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("quota of a shop")
        verbose_name_plural = _("quotas of shops")
        constraints = [
            models.UniqueConstraint(
                fields=["shop", "sku", "warehouse"], condition=Q(state="open"), name="one_open_quota"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gt=0, left__lte=F("quantity")), name="quota_left_within_quantity"
            ),
            models.CheckConstraint(condition=Q(state="open") | Q(left=0), name="quota_sets_aside_while_open"),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")), name="quota_ends_after_start"
            ),
            models.CheckConstraint(condition=~Q(kind="live") | Q(ends_at__isnull=False), name="quota_live_has_an_end"),
        ]
        indexes = [models.Index(fields=["sku", "warehouse"], name="quota_open", condition=Q(state="open"))]

    def __str__(self) -> str:
        return f"{self.shop_id} {self.left}/{self.quantity} x {self.sku_id}@{self.warehouse_id}"

    def is_running(self, at: datetime) -> bool:
        """Whether the shop may sell from it now."""
        return self.state == QuotaState.OPEN and (self.ends_at is None or at < self.ends_at)

    @transition(field=state, source=QuotaState.PLANNED, target=QuotaState.OPEN)
    def open(self) -> None:
        """Its pieces are set aside."""

    @transition(field=state, source=[QuotaState.PLANNED, QuotaState.OPEN], target=QuotaState.ENDED)
    def end(self) -> None:
        """What was not sold is back in the pool."""


class ChannelStock(models.Model):
    """What the platform of a listing was told to offer. One row for each listing; the version only grows.

    published: the number of this version. why: the terms of the formula. acked_version: the newest version that the
    platform has taken; an answer to an older one changes nothing. again_at: when the number has to be worked out again
    although nothing happens, because sales grow old or a day ends.
    """

    listing = models.OneToOneField(
        ListingMatch, models.CASCADE, verbose_name=_("listing"), related_name="channel_stock"
    )
    published = models.PositiveIntegerField(_("published"))
    version = models.BigIntegerField(_("version"), default=1)
    why: Any = models.JSONField(_("why this number"), default=dict)
    published_at = models.DateTimeField(_("published at"), default=timezone.now)
    acked_version = models.BigIntegerField(_("taken by the platform"), default=0)
    acked_at = models.DateTimeField(_("taken at"), null=True, blank=True)
    error = models.CharField(_("error"), max_length=200, blank=True, default="")
    again_at = models.DateTimeField(_("worked out again at"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("stock at a channel")
        verbose_name_plural = _("stock at channels")
        constraints = [
            models.CheckConstraint(condition=Q(acked_version__lte=F("version")), name="channel_stock_version_known")
        ]
        indexes = [
            models.Index(fields=["again_at"], name="channel_stock_again", condition=Q(again_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.listing_id}: {self.published} (v{self.version})"
