"""Rules about orders that business people keep as rows: how urgent an order is, and which orders travel together."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from ordercenter.catalog.models import Channel, Shop
from ordercenter.orders.states import Grade, GradeRuleKind


class GradeRule(models.Model):
    """One reason why an order is more or less urgent than others, and how much it counts.

    Which columns count depends on the kind. While there is no rule at all, the built-in set applies.
    """

    code = models.SlugField(_("code"), max_length=24, unique=True)
    name = models.CharField(_("name"), max_length=48)
    name_en = models.CharField(_("name in English"), max_length=48, blank=True)
    kind = models.CharField(_("kind"), max_length=12, choices=GradeRuleKind.choices)
    shop = models.ForeignKey(
        Shop, models.CASCADE, verbose_name=_("shop"), null=True, blank=True, help_text=_("Empty: all shops.")
    )
    words = models.CharField(
        _("words"), max_length=200, blank=True, help_text=_("Any of these in a remark, separated by spaces.")
    )
    hours = models.PositiveSmallIntegerField(_("hours left to ship"), null=True, blank=True)
    amount = models.DecimalField(_("amount from"), max_digits=14, decimal_places=2, null=True, blank=True)
    channel = models.ForeignKey(Channel, models.CASCADE, verbose_name=_("channel"), null=True, blank=True)
    points = models.SmallIntegerField(_("points"), default=0)
    grade = models.CharField(
        _("makes it"),
        max_length=8,
        choices=[(Grade.RUSH, Grade.RUSH.label), (Grade.VIP, Grade.VIP.label)],
        blank=True,
    )
    is_active = models.BooleanField(_("active"), default=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("grade rule")
        verbose_name_plural = _("grade rules")
        constraints = [
            models.CheckConstraint(
                condition=(Q(kind="words") & ~Q(words=""))
                | Q(kind="vip")
                | Q(kind="hours", hours__isnull=False)
                | Q(kind="amount", amount__isnull=False)
                | Q(kind="channel", channel__isnull=False),
                name="grade_rule_says_what_it_asks",
            )
        ]

    def __str__(self) -> str:
        return self.shown_name

    @property
    def shown_name(self) -> str:
        """The name in the reader's language."""
        return self.name_en if self.name_en and (get_language() or "").startswith("en") else self.name

    def clean(self) -> None:
        needed = {"words": self.words, "hours": self.hours, "amount": self.amount, "channel": self.channel_id}
        if self.kind in needed and needed[self.kind] in (None, ""):
            raise ValidationError({self.kind: _("A rule of this kind needs a value here.")})


class VipBuyer(models.Model):
    """A buyer whose orders come first. Kept as keyed hash only."""

    shop = models.ForeignKey(
        Shop, models.CASCADE, verbose_name=_("shop"), null=True, blank=True, help_text=_("Empty: all shops.")
    )
    buyer_hash = models.CharField(max_length=32, db_index=True)
    note = models.CharField(_("note"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("VIP buyer")
        verbose_name_plural = _("VIP buyers")
        constraints = [
            models.UniqueConstraint(fields=["shop", "buyer_hash"], name="vip_once_per_shop", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return f"{self.buyer_hash[:6]} {self.note}".strip()


class ParcelPolicy(models.Model):
    """Which orders of a shop travel together, which in parts, and how long they wait. No row: the values below."""

    shop = models.OneToOneField(Shop, models.CASCADE, verbose_name=_("shop"))
    merges = models.BooleanField(
        _("merges orders"), default=True, help_text=_("Orders of one buyer to one address travel in one parcel.")
    )
    window_min = models.PositiveSmallIntegerField(
        _("every order waits (minutes)"),
        default=0,
        help_text=_("For a second order that may still come; 0: not at all."),
    )
    sibling_wait_min = models.PositiveSmallIntegerField(
        _("waits for an open order (minutes)"),
        default=30,
        help_text=_("When another order of the same buyer to the same address is still being checked."),
    )
    margin_min = models.PositiveSmallIntegerField(
        _("before the promise (minutes)"),
        default=240,
        help_text=_("No order waits longer than until so long before it must have left."),
    )
    joins = models.BooleanField(
        _("joins a planned parcel"),
        default=True,
        db_default=True,
        help_text=_("An order that comes later joins the parcel of an earlier one that nobody has begun to pick."),
    )
    ships_parts = models.BooleanField(
        _("ships what is there"),
        default=False,
        help_text=_("When stock is short, what is there leaves now, and the rest when it arrives."),
    )
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("parcel policy")
        verbose_name_plural = _("parcel policies")

    def __str__(self) -> str:
        return str(self.shop)
