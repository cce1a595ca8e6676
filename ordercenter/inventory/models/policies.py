"""What is done with stock before an order is paid, and what was taken over from one order for another."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from ordercenter.catalog.models import Shop, Sku
from ordercenter.inventory.models.warehouses import Warehouse
from ordercenter.inventory.states import ReserveOn


class ReservePolicy(models.Model):
    """When the orders of a shop get their pieces set aside: for one SKU, or for all of the shop.

    Goes before what the stock policy of the SKU says. hold_minutes: how long an order may be unpaid before its pieces
    are free again. balance_days: how long after its deposit a pre-sale may wait for the balance.
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
    reserve_on = models.CharField(_("reserve"), max_length=8, choices=ReserveOn.choices, default=ReserveOn.PLACED)
    hold_minutes = models.PositiveIntegerField(_("promise before payment lasts (minutes)"), default=30)
    balance_days = models.PositiveSmallIntegerField(_("the balance may take (days)"), default=7)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("reserving of a shop")
        verbose_name_plural = _("reserving of shops")
        constraints = [
            models.UniqueConstraint(fields=["shop", "sku"], name="reserve_policy_once", nulls_distinct=False),
            models.CheckConstraint(condition=Q(hold_minutes__gt=0, balance_days__gt=0), name="reserve_policy_ends"),
        ]

    def __str__(self) -> str:
        return f"{self.shop_id} {self.sku_id or '*'} {self.reserve_on}"


class StockTakeover(models.Model):
    """Pieces that were promised to a less urgent order and went to a more urgent one. Appended, never edited.

    Ranks: of the grades as they were, higher is more urgent. allowed: how many pieces of the SKU might change hands on
    that day, by the rule of the SKU when this was done.
    """

    taker_order_id = models.BigIntegerField(_("order that got them"))
    giver_order_id = models.BigIntegerField(_("order that gave them"))
    sku = models.ForeignKey(Sku, models.PROTECT, verbose_name=_("SKU"), related_name="+", db_constraint=False)
    warehouse = models.ForeignKey(
        Warehouse, models.PROTECT, verbose_name=_("warehouse"), related_name="+", db_constraint=False, db_index=False
    )
    pieces = models.PositiveIntegerField(_("pieces"))
    taker_rank = models.PositiveSmallIntegerField(_("rank of the one"))
    giver_rank = models.PositiveSmallIntegerField(_("rank of the other"))
    allowed = models.PositiveIntegerField(_("allowed that day"))
    day = models.DateField(_("day"))
    at = models.DateTimeField(_("at"), default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+"
    )
    reason = models.CharField(_("reason"), max_length=200)

    class Meta:
        verbose_name = _("takeover of stock")
        verbose_name_plural = _("takeovers of stock")
        permissions = [("take_over_stock", _("Can give a rush order the stock of less urgent ones"))]
        constraints = [
            models.CheckConstraint(condition=Q(pieces__gt=0), name="takeover_moves_something"),
            models.CheckConstraint(condition=Q(taker_rank__gt=F("giver_rank")), name="takeover_from_lower_grade"),
            models.CheckConstraint(condition=~Q(taker_order_id=F("giver_order_id")), name="takeover_of_two_orders"),
            models.CheckConstraint(condition=~Q(reason=""), name="takeover_has_a_reason"),
        ]
        indexes = [
            models.Index(fields=["sku", "day"], name="takeover_by_day"),
            models.Index(fields=["taker_order_id"], name="takeover_by_taker"),
            models.Index(fields=["giver_order_id"], name="takeover_by_giver"),
        ]

    def __str__(self) -> str:
        return f"{self.giver_order_id} > {self.taker_order_id}: {self.pieces} x {self.sku_id}"
