"""Couriers, their contracts, where they go, and how long they take."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Func, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from ordercenter.inventory.models import Warehouse

ZONE = r"^([0-9]{2}|[0-9]{4}|[0-9]{6})?$"
zone_validator = RegexValidator(ZONE, _("2, 4 or 6 digits of a division code, or nothing for everywhere."))


class DateRange(Func):
    """From a day to before another one; without the other for ever."""

    function = "DATERANGE"
    output_field = DateRangeField()


class Carrier(models.Model):
    """A courier. code is the warehouse's and the channels' code for it (SF, ZTO ...)."""

    code = models.CharField(_("code"), max_length=16, unique=True)
    name = models.CharField(_("name"), max_length=64)
    is_active = models.BooleanField(_("active"), default=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("carrier")
        verbose_name_plural = _("carriers")

    def __str__(self) -> str:
        return self.name


class CourierProduct(models.Model):
    """How a courier carries parcels: standard, air, economy. code: the courier's own word, "standard" if none."""

    carrier = models.ForeignKey(Carrier, models.PROTECT, verbose_name=_("carrier"), related_name="products")
    code = models.CharField(_("product code"), max_length=32, default="standard")
    name = models.CharField(_("name"), max_length=64, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("courier product")
        verbose_name_plural = _("courier products")
        constraints = [models.UniqueConstraint(fields=["carrier", "code"], name="product_once_per_carrier")]

    def __str__(self) -> str:
        return f"{self.carrier} {self.name or self.code}"


class CourierContract(models.Model):
    """What a courier has agreed to for one product from one warehouse, for a time. The prices are its rates.

    Volume counts as volume_cm3 / divisor kilograms (0: not at all). The charged weight is rounded up to rounding_g
    (0: not rounded), which has to divide the rates' weights. Above oversize_g charged weight oversize_fee is added,
    above max_g the courier does not take the parcel (0: no such weight).
    """

    warehouse = models.ForeignKey(Warehouse, models.PROTECT, verbose_name=_("warehouse"), related_name="contracts")
    product = models.ForeignKey(
        CourierProduct, models.PROTECT, verbose_name=_("courier product"), related_name="contracts"
    )
    number = models.CharField(_("contract number"), max_length=64, blank=True)
    valid_from = models.DateField(_("valid from"))
    ends_on = models.DateField(
        _("ends on"), null=True, blank=True, help_text=_("The first day on which it no longer holds; empty: open end.")
    )
    divisor = models.PositiveIntegerField(
        _("volumetric divisor"),
        default=0,
        help_text=_("Cubic centimetres that count as one kilogram; 0: volume is free."),
    )
    rounding_g = models.PositiveIntegerField(_("weight rounded up to (g)"), default=0)
    minimum_fee = models.DecimalField(_("minimum charge"), max_digits=10, decimal_places=2, default=Decimal(0))
    oversize_g = models.PositiveIntegerField(_("oversize above (g)"), default=0)
    oversize_fee = models.DecimalField(_("oversize fee"), max_digits=10, decimal_places=2, default=Decimal(0))
    max_g = models.PositiveIntegerField(_("not taken above (g)"), default=0)
    insurance_permille = models.DecimalField(
        _("insurance (‰ of the value)"), max_digits=7, decimal_places=3, default=Decimal(0)
    )
    # How far a bill may be off before somebody has to look at it: of the weight the larger of the two.
    weight_slack_g = models.PositiveIntegerField(_("weight on bills may differ by (g)"), default=50, db_default=50)
    weight_slack_percent = models.PositiveSmallIntegerField(
        _("weight on bills may differ by (%)"), default=2, db_default=2
    )
    amount_slack = models.DecimalField(
        _("amount on bills may differ by"), max_digits=6, decimal_places=2, default=Decimal(0), db_default=Decimal(0)
    )
    # Empty: no price was agreed for the way back.
    return_percent = models.PositiveSmallIntegerField(
        _("way back of a returned parcel (percent of its price)"), null=True, blank=True
    )
    is_active = models.BooleanField(_("active"), default=True)
    is_sample = models.BooleanField(_("sample, no real prices"), default=False)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("courier contract")
        verbose_name_plural = _("courier contracts")
        ordering = ["warehouse_id", "product_id", "valid_from"]
        constraints = [
            # Two contracts of one lane at one time would be two prices for one parcel.
            ExclusionConstraint(
                name="one_contract_at_a_time",
                expressions=[
                    ("warehouse", RangeOperators.EQUAL),
                    ("product", RangeOperators.EQUAL),
                    (DateRange(F("valid_from"), F("ends_on")), RangeOperators.OVERLAPS),
                ],
                condition=Q(is_active=True),
                violation_error_message=_("Another active contract of this warehouse and product holds at that time."),
            ),
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gt=F("valid_from")),
                name="contract_ends_after_it_begins",
                violation_error_message=_("A contract ends after it begins."),
            ),
            models.CheckConstraint(
                condition=Q(minimum_fee__gte=0, oversize_fee__gte=0, insurance_permille__gte=0, amount_slack__gte=0),
                name="contract_amounts_positive",
                violation_error_message=_("No amount of a contract is below zero."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.warehouse} {self.product} {self.valid_from}"


def checked_tiers(value: Any) -> None:
    """Raises ValidationError for anything but [[up to gram, "yuan"], ...] with ascending weights."""
    try:
        tiers = [(int(up_to_g), Decimal(str(fee))) for up_to_g, fee in value]
    except (TypeError, ValueError, ArithmeticError):
        raise ValidationError(_('Tiers are pairs of gram and yuan, such as [[500, "3.20"], [1000, "4.00"]].')) from None
    weights = [up_to_g for up_to_g, _fee in tiers]
    if weights != sorted(set(weights)) or any(up_to_g <= 0 or fee < 0 for up_to_g, fee in tiers):
        raise ValidationError(_("The weights of tiers ascend, and no tier costs less than nothing."))


class CourierRate(models.Model):
    """What a parcel to one zone costs under a contract; the longest zone that a division code begins with counts.

    tiers: fixed prices up to a weight, [[gram, "yuan"], ...] ascending. Heavier than the last one, or without any:
    first_fee up to first_weight_g, then step_fee for each begun step. days: promised, for nine parcels of ten.
    """

    contract = models.ForeignKey(CourierContract, models.CASCADE, verbose_name=_("contract"), related_name="rates")
    zone = models.CharField(_("zone"), max_length=6, blank=True, validators=[zone_validator])
    tiers = models.JSONField(_("tiers"), default=list, blank=True, validators=[checked_tiers])
    first_weight_g = models.PositiveIntegerField(_("first weight (g)"), default=1000)
    first_fee = models.DecimalField(_("first fee"), max_digits=10, decimal_places=2)
    step_weight_g = models.PositiveIntegerField(_("step weight (g)"), default=1000)
    step_fee = models.DecimalField(_("step fee"), max_digits=10, decimal_places=2)
    remote_fee = models.DecimalField(_("remote fee"), max_digits=10, decimal_places=2, default=Decimal(0))
    days_p50 = models.PositiveSmallIntegerField(_("usual days"), default=0)
    days_p90 = models.PositiveSmallIntegerField(_("promised days"), default=3)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("courier rate")
        verbose_name_plural = _("courier rates")
        ordering = ["contract_id", "zone"]
        constraints = [
            models.UniqueConstraint(
                fields=["contract", "zone"],
                name="rate_once_per_zone",
                violation_error_message=_("The contract has a rate of this zone already."),
            ),
            models.CheckConstraint(
                condition=Q(first_fee__gte=0, step_fee__gte=0, remote_fee__gte=0, step_weight_g__gt=0),
                name="courier_rate_amounts_positive",
            ),
            models.CheckConstraint(condition=Q(zone__regex=ZONE), name="rate_zone_is_a_prefix"),
        ]

    def __str__(self) -> str:
        return f"{self.contract_id} {self.zone or '*'}"


class PeakFee(models.Model):
    """What a contract adds to each parcel that leaves in a time, such as the weeks around 11.11 (资源调节费)."""

    contract = models.ForeignKey(CourierContract, models.CASCADE, verbose_name=_("contract"), related_name="peaks")
    starts_on = models.DateField(_("starts on"))
    ends_on = models.DateField(_("ends before"))
    fee = models.DecimalField(_("fee"), max_digits=10, decimal_places=2)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("peak fee")
        verbose_name_plural = _("peak fees")
        ordering = ["contract_id", "starts_on"]
        constraints = [
            ExclusionConstraint(
                name="one_peak_fee_at_a_time",
                expressions=[
                    ("contract", RangeOperators.EQUAL),
                    (DateRange(F("starts_on"), F("ends_on")), RangeOperators.OVERLAPS),
                ],
                violation_error_message=_("Another peak fee of this contract holds at that time."),
            ),
            models.CheckConstraint(
                condition=Q(ends_on__gt=F("starts_on"), fee__gte=0), name="peak_fee_has_days_and_no_negative_amount"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract_id} {self.starts_on}"


class CourierArea(models.Model):
    """Where a courier goes, or does not go (停发区域). The longest zone counts; a courier without any goes everywhere.

    Rows that serve are a coverage list: what none of them holds is not served. Without a product or warehouse the row
    holds for all of them.
    """

    carrier = models.ForeignKey(Carrier, models.CASCADE, verbose_name=_("carrier"), related_name="areas")
    product = models.ForeignKey(
        CourierProduct, models.CASCADE, verbose_name=_("courier product"), null=True, blank=True, related_name="areas"
    )
    warehouse = models.ForeignKey(
        Warehouse, models.CASCADE, verbose_name=_("warehouse"), null=True, blank=True, related_name="+"
    )
    zone = models.CharField(_("zone"), max_length=6, blank=True, validators=[zone_validator])
    serves = models.BooleanField(_("goes there"), default=False)
    starts_on = models.DateField(_("starts on"), null=True, blank=True)
    ends_on = models.DateField(_("ends before"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("courier area")
        verbose_name_plural = _("courier areas")
        ordering = ["carrier_id", "zone"]
        constraints = [
            models.CheckConstraint(condition=Q(zone__regex=ZONE), name="area_zone_is_a_prefix"),
            models.CheckConstraint(
                condition=Q(starts_on__isnull=True) | Q(ends_on__isnull=True) | Q(ends_on__gt=F("starts_on")),
                name="area_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.carrier_id} {self.zone or '*'} {'+' if self.serves else '-'}"


class TransitTime(models.Model):
    """How long parcels of a courier really took from a warehouse to a zone: whole days from shipped to signed for."""

    warehouse = models.ForeignKey(Warehouse, models.CASCADE, verbose_name=_("warehouse"), related_name="+")
    carrier = models.ForeignKey(Carrier, models.CASCADE, verbose_name=_("carrier"), related_name="+")
    zone = models.CharField(_("zone"), max_length=6)
    samples = models.PositiveIntegerField(_("parcels measured"))
    days_p50 = models.PositiveSmallIntegerField(_("half of them within (days)"))
    days_p90 = models.PositiveSmallIntegerField(_("nine of ten within (days)"))
    measured_at = models.DateTimeField(_("measured at"), default=timezone.now)

    class Meta:
        verbose_name = _("transit time")
        verbose_name_plural = _("transit times")
        ordering = ["warehouse_id", "carrier_id", "zone"]
        constraints = [models.UniqueConstraint(fields=["warehouse", "carrier", "zone"], name="transit_time_once")]

    def __str__(self) -> str:
        return f"{self.warehouse_id} {self.carrier_id} {self.zone}"


class PriceVersion(models.Model):
    """The one row that says whether prices have changed: triggers of the tables that prices are made of renew it."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    version = models.UUIDField(default=uuid.uuid4)

    class Meta:
        verbose_name = _("version of the prices")
        verbose_name_plural = _("version of the prices")
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_price_version")]

    def __str__(self) -> str:
        return str(self.version)
