"""Gift rules (满赠), and what was given by them."""

from __future__ import annotations

from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from simple_history.models import HistoricalRecords

from ordercenter.catalog.models import Shop, Sku
from ordercenter.orders.models.orders import Order, OrderLine
from ordercenter.orders.states import CycleCount, GiftRuleKind


class GiftRule(models.Model):
    """When an order gets something for nothing. What, and from how much on, is in its tiers."""

    name = models.CharField(_("name"), max_length=64)
    shop = models.ForeignKey(
        Shop, models.CASCADE, verbose_name=_("shop"), null=True, blank=True, help_text=_("Empty: all shops.")
    )
    kind = models.CharField(_("kind"), max_length=8, choices=GiftRuleKind.choices)
    repeats = models.BooleanField(
        _("for each full step"),
        default=False,
        help_text=_("Buy 300 with a tier at 100: three times the gift. Else the highest tier that is reached, once."),
    )
    cycle = models.PositiveIntegerField(
        _("every so many orders"), null=True, blank=True, help_text=_("Only for the kind “every n-th order”.")
    )
    counts_by = models.CharField(
        _("counts the orders of"), max_length=5, choices=CycleCount.choices, default=CycleCount.SHOP
    )
    valid_from = models.DateTimeField(_("valid from"), default=timezone.now)
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)
    stock_limit = models.PositiveIntegerField(
        _("pieces to give away in all"), null=True, blank=True, help_text=_("Empty: no limit.")
    )
    buyer_limit = models.PositiveSmallIntegerField(
        _("times for one buyer"), null=True, blank=True, help_text=_("Empty: no limit.")
    )
    counts_together = models.BooleanField(
        _("orders in one parcel count as one"),
        default=True,
        help_text=_("Orders that travel together reach a tier together, and get its gift once."),
    )
    needs_stock = models.BooleanField(
        _("only while in stock"), default=True, help_text=_("Without stock of it the order leaves without the gift.")
    )
    is_active = models.BooleanField(_("active"), default=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("gift rule")
        verbose_name_plural = _("gift rules")
        constraints = [
            models.CheckConstraint(
                condition=~Q(kind="cycle") | Q(cycle__isnull=False, cycle__gt=0), name="gift_cycle_has_length"
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gt=F("valid_from")), name="gift_rule_valid_span"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.kind == GiftRuleKind.CYCLE and not self.cycle:
            raise ValidationError({"cycle": _("A rule of this kind needs a value here.")})
        if self.valid_until is not None and self.valid_until <= self.valid_from:
            raise ValidationError({"valid_until": _("The end must be later than the beginning.")})


class GiftTier(models.Model):
    """From how much on, which gift, how many. from_value: yuan, pieces, or nothing for every n-th order."""

    rule = models.ForeignKey(GiftRule, models.CASCADE, verbose_name=_("gift rule"), related_name="tiers")
    from_value = models.DecimalField(
        pgettext_lazy("threshold", "from"),
        max_digits=14,
        decimal_places=2,
        default=Decimal(0),
        validators=[MinValueValidator(0)],
        help_text=_("Yuan for amounts, pieces for quantities and goods; ignored for every n-th order."),
    )
    sku = models.ForeignKey(Sku, models.PROTECT, verbose_name=_("gift"), related_name="+")
    quantity = models.PositiveSmallIntegerField(_("pieces"), default=1, validators=[MinValueValidator(1)])
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("gift tier")
        verbose_name_plural = _("gift tiers")
        constraints = [
            models.UniqueConstraint(fields=["rule", "from_value", "sku"], name="gift_once_per_tier"),
            models.CheckConstraint(condition=Q(quantity__gt=0, from_value__gte=0), name="gift_tier_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} {self.from_value} > {self.quantity} x {self.sku_id}"


class GiftTrigger(models.Model):
    """Which goods count for a rule; none for a rule means that all do."""

    rule = models.ForeignKey(GiftRule, models.CASCADE, verbose_name=_("gift rule"), related_name="triggers")
    sku = models.ForeignKey(Sku, models.PROTECT, verbose_name=_("SKU"), related_name="+")
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("goods that count")
        verbose_name_plural = _("goods that count")
        constraints = [models.UniqueConstraint(fields=["rule", "sku"], name="gift_trigger_once")]

    def __str__(self) -> str:
        return f"{self.rule_id} {self.sku_id}"


class GiftCount(models.Model):
    """What a rule has given so far, and how many orders it has counted: apart from the rule, which people edit."""

    rule = models.OneToOneField(GiftRule, models.CASCADE, verbose_name=_("gift rule"), primary_key=True)
    given = models.PositiveIntegerField(_("given"), default=0)
    seen = models.PositiveBigIntegerField(_("orders counted"), default=0)

    class Meta:
        verbose_name = _("gift count")
        verbose_name_plural = _("gift counts")

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.given}"


class GiftGrant(models.Model):
    """A gift of an order, by which rule and why. Ended when it was taken back; due back when that came too late.

    line: empty where there was nothing to give. why: the figures on which it was decided.
    """

    order = models.ForeignKey(Order, models.CASCADE, verbose_name=_("order"), related_name="gifts")
    rule = models.ForeignKey(GiftRule, models.PROTECT, verbose_name=_("gift rule"), related_name="+")
    line = models.ForeignKey(
        OrderLine, models.CASCADE, verbose_name=_("order line"), null=True, blank=True, related_name="+", db_index=False
    )
    sku = models.ForeignKey(Sku, models.PROTECT, verbose_name=_("gift"), related_name="+", db_index=False)
    quantity = models.PositiveIntegerField(_("pieces"))
    buyer_key = models.CharField(_("buyer"), max_length=64, blank=True)
    why = models.JSONField(_("why"), default=dict)
    granted_at = models.DateTimeField(_("given at"), default=timezone.now)
    ended_at = models.DateTimeField(_("taken back at"), null=True, blank=True)
    end_reason = models.CharField(_("why it was taken back"), max_length=32, blank=True)
    is_due_back = models.BooleanField(_("due back"), default=False)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("gift given")
        verbose_name_plural = _("gifts given")
        constraints = [
            models.UniqueConstraint(
                fields=["order", "rule", "sku"], condition=Q(ended_at__isnull=True), name="gift_once_per_order"
            ),
        ]
        indexes = [
            models.Index(fields=["rule", "buyer_key"], name="gift_by_buyer", condition=Q(ended_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.order_id} {self.quantity} x {self.sku_id}"
