"""What platforms pay out: every movement that they tell, and how an order stands by them."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from finance.states import SettlementKind, SettlementVerdict
from ordercenter.catalog.models import Shop
from ordercenter.orders.models import Order


class SettlementTerms(models.Model):
    """What was agreed with a platform for one shop. Without a row its orders are not watched for missing settlements.

    within_days: after an order is completed its money has come by then. grace_days: so long a settlement may differ
    from our books before it is a difference: a refund reaches the platform's books and ours at different hours.
    """

    shop = models.OneToOneField(Shop, models.CASCADE, verbose_name=_("shop"), related_name="settlement_terms")
    within_days = models.PositiveSmallIntegerField(
        _("settled within (days after completion)"), default=15, validators=[MaxValueValidator(180)]
    )
    grace_days = models.PositiveSmallIntegerField(
        _("differences wait for (days)"), default=3, validators=[MaxValueValidator(60)]
    )
    watched_from = models.DateField(_("orders completed from"), default=timezone.localdate)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("terms of settlement")
        verbose_name_plural = _("terms of settlement")

    def __str__(self) -> str:
        return f"{self.shop_id}"


class AgreedFee(models.Model):
    """The most that a platform takes of what buyers paid, under one name of a fee (`platform_service_fee`, …)."""

    terms = models.ForeignKey(SettlementTerms, models.CASCADE, verbose_name=_("terms"), related_name="fees")
    code = models.CharField(_("fee"), max_length=32)
    permille = models.DecimalField(_("at most (‰ of what was paid)"), max_digits=6, decimal_places=2)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("agreed fee")
        verbose_name_plural = _("agreed fees")
        constraints = [
            models.UniqueConstraint(fields=["terms", "code"], name="agreed_fee_once"),
            models.CheckConstraint(
                condition=Q(permille__gte=0, permille__lte=1000),
                name="agreed_fee_is_a_share",
                violation_error_message=_("A fee is from 0 to 1000 ‰."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.permille}‰"


class SettlementEntry(models.Model):
    """One movement of a shop's money as the platform told it. Appended, never edited.

    paid: what buyers paid of it, negative where it goes back. subsidies: what the platform pays in their place. fees:
    by the platform's names, what each did to the account, so negative for one that was taken. net: what came in.
    sums_hold: whether paid, subsidies and fees make up net. raw: the row as it came.
    """

    shop = models.ForeignKey(Shop, models.PROTECT, verbose_name=_("shop"), db_constraint=False, db_index=False)
    platform = models.CharField(_("platform"), max_length=16)
    entry_no = models.CharField(_("number of the movement"), max_length=96)
    kind = models.CharField(_("kind"), max_length=8, choices=SettlementKind.choices)
    channel_order_no = models.CharField(_("channel order number"), max_length=64, blank=True)
    channel_line_no = models.CharField(_("channel line number"), max_length=64, blank=True)
    settled_at = models.DateTimeField(_("settled at"))
    paid = models.DecimalField(_("paid by buyers"), max_digits=14, decimal_places=2, default=Decimal(0))
    subsidies = models.DecimalField(_("subsidies"), max_digits=14, decimal_places=2, default=Decimal(0))
    fee_total = models.DecimalField(_("fees"), max_digits=14, decimal_places=2, default=Decimal(0))
    fees = models.JSONField(_("fees by name"), default=dict)
    net = models.DecimalField(_("paid out"), max_digits=14, decimal_places=2)
    sums_hold = models.BooleanField(_("adds up"), default=True)
    raw = models.JSONField(_("as it came"), default=dict)
    recorded_at = models.DateTimeField(_("recorded at"), default=timezone.now)

    class Meta:
        verbose_name = _("settlement movement")
        verbose_name_plural = _("settlement movements")
        constraints = [models.UniqueConstraint(fields=["shop", "entry_no"], name="settlement_entry_once")]
        indexes = [
            models.Index(fields=["shop", "channel_order_no"], name="settlement_entry_of_order"),
            models.Index(fields=["shop", "settled_at"], name="settlement_entry_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.platform} {self.entry_no}"


class OrderSettlement(models.Model):
    """How one order stands by its platform: the sums of its movements, what our books expect, and the verdict.

    order: empty for one that our books do not have. fees: sums by the platform's names. adds_up: every movement does.
    told_anew: a movement that we have came again with other amounts; the first stays in the books. expected: paid less
    refunded, of our books, when it was judged. judged_at: when the verdict was looked at last; what waits is looked at
    again.
    """

    shop = models.ForeignKey(Shop, models.PROTECT, verbose_name=_("shop"), db_constraint=False, db_index=False)
    order = models.ForeignKey(
        Order, models.PROTECT, verbose_name=_("order"), null=True, blank=True, db_constraint=False, related_name="+"
    )
    channel_order_no = models.CharField(_("channel order number"), max_length=64)
    paid = models.DecimalField(_("paid by buyers"), max_digits=14, decimal_places=2, default=Decimal(0))
    subsidies = models.DecimalField(_("subsidies"), max_digits=14, decimal_places=2, default=Decimal(0))
    fee_total = models.DecimalField(_("fees"), max_digits=14, decimal_places=2, default=Decimal(0))
    net = models.DecimalField(_("paid out"), max_digits=14, decimal_places=2, default=Decimal(0))
    fees = models.JSONField(_("fees by name"), default=dict)
    adds_up = models.BooleanField(_("adds up"), default=True)
    told_anew = models.BooleanField(_("told again with other amounts"), default=False)
    expected = models.DecimalField(_("expected"), max_digits=14, decimal_places=2, null=True, blank=True)
    verdict = models.CharField(_("verdict"), max_length=16, choices=SettlementVerdict.choices)
    found_verdict = models.CharField(
        _("verdict before sign-off"), max_length=16, choices=SettlementVerdict.choices, blank=True, default=""
    )
    signed_off_reason = models.CharField(_("reason of sign-off"), max_length=200, blank=True, default="")
    first_settled_at = models.DateTimeField(_("first settled"), null=True, blank=True)
    last_settled_at = models.DateTimeField(_("last settled"), null=True, blank=True)
    judged_at = models.DateTimeField(_("judged at"), default=timezone.now)

    class Meta:
        verbose_name = _("settlement of an order")
        verbose_name_plural = _("settlements of orders")
        permissions = [("sign_off_settlement", _("Can sign off differences of settlements"))]
        constraints = [
            models.UniqueConstraint(fields=["shop", "channel_order_no"], name="settlement_once_per_order"),
            models.CheckConstraint(
                condition=~Q(verdict=SettlementVerdict.SIGNED_OFF) | (~Q(signed_off_reason="") & ~Q(found_verdict="")),
                name="settlement_signed_off_with_reason",
            ),
        ]
        indexes = [
            models.Index(
                fields=["shop", "verdict"],
                name="settlement_to_look_at",
                condition=~Q(verdict__in=[SettlementVerdict.MATCHED, SettlementVerdict.SIGNED_OFF]),
            ),
            models.Index(fields=["last_settled_at"], name="settlement_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.shop_id} {self.channel_order_no} {self.verdict}"
