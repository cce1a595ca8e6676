"""The floor of an own warehouse: its rules, its bins, bar codes on goods, and every scan made there."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from fulfillment.states import ScanStep
from ordercenter.catalog.models import Sku
from ordercenter.common.rows import FastRow
from ordercenter.inventory.models import Warehouse

_TIMES = RegexValidator(r"^([01]\d|2[0-3]):[0-5]\d(,\s*([01]\d|2[0-3]):[0-5]\d)*$")


class FloorRules(models.Model):
    """How an own warehouse works. Without a row its values are the defaults of the columns."""

    warehouse = models.OneToOneField(Warehouse, models.CASCADE, verbose_name=_("warehouse"), related_name="floor_rules")
    most_per_wave = models.PositiveIntegerField(_("shipments in a wave, at most"), default=40)
    hot_from = models.PositiveIntegerField(
        _("hot SKU from"),
        default=10,
        help_text=_("So many waiting shipments of one piece of the same SKU make a wave of their own."),
    )
    waves_at = models.CharField(
        _("waves at"),
        max_length=64,
        blank=True,
        validators=[_TIMES],
        help_text=_("Times of day at which waiting shipments become waves by themselves: 11:00, 16:30"),
    )
    packing_g = models.PositiveIntegerField(_("weight of box and filling (g)"), default=100)
    tolerance_percent = models.PositiveIntegerField(_("weight may differ (%)"), default=5)
    tolerance_g = models.PositiveIntegerField(_("weight may always differ (g)"), default=50)
    must_weigh = models.BooleanField(_("every parcel is weighed"), default=True)
    last_wave_at = models.DateTimeField(_("last wave by itself"), null=True, blank=True, editable=False)
    history = HistoricalRecords(history_id_field=models.BigAutoField(), excluded_fields=["last_wave_at"])

    class Meta:
        verbose_name = _("rules of a warehouse floor")
        verbose_name_plural = _("rules of warehouse floors")

    def __str__(self) -> str:
        return str(self.warehouse_id)


class Bin(models.Model):
    """Where a SKU lies in a warehouse. Codes sort as one walks: A-03-12; the zone stands before the first dash."""

    warehouse = models.ForeignKey(Warehouse, models.CASCADE, verbose_name=_("warehouse"))
    sku = models.ForeignKey(Sku, models.CASCADE, verbose_name=_("SKU"), related_name="+")
    code = models.CharField(_("bin"), max_length=32)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("bin")
        verbose_name_plural = _("bins")
        constraints = [models.UniqueConstraint(fields=["warehouse", "sku"], name="bin_once_per_sku")]
        indexes = [models.Index(fields=["warehouse", "code"], name="bin_by_code")]

    def __str__(self) -> str:
        return self.code


class Barcode(models.Model):
    """What a scanner reads on a SKU besides its own code: EAN, a supplier's label."""

    text = models.CharField(_("bar code"), max_length=64, unique=True)
    sku = models.ForeignKey(Sku, models.CASCADE, verbose_name=_("SKU"), related_name="barcodes")
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("bar code")
        verbose_name_plural = _("bar codes")

    def __str__(self) -> str:
        return self.text


class Scan(FastRow):
    """One scan and its answer. The id is made by the device, so that a scan sent twice is one scan."""

    id = models.UUIDField(_("id"), primary_key=True)
    warehouse = models.ForeignKey(
        Warehouse, models.PROTECT, verbose_name=_("warehouse"), db_constraint=False, db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        verbose_name=_("user"),
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    device = models.CharField(_("device"), max_length=64, blank=True)
    step = models.CharField(_("step"), max_length=12, choices=ScanStep.choices)
    # What it was about: "wave:3", "shipment:12", "count:4", "inbound:7".
    subject = models.CharField(_("subject"), max_length=64, blank=True)
    text = models.CharField(_("scanned"), max_length=128)
    pieces = models.PositiveIntegerField(_("pieces"), default=1)
    is_ok = models.BooleanField(_("accepted"))
    code = models.CharField(_("reason"), max_length=64, blank=True)
    answer = models.JSONField(_("answer"), default=dict)
    scanned_at = models.DateTimeField(_("scanned at"), default=timezone.now)
    received_at = models.DateTimeField(_("received at"), default=timezone.now)
    undone_at = models.DateTimeField(_("taken back at"), null=True, blank=True)

    class Meta:
        verbose_name = _("scan")
        verbose_name_plural = _("scans")
        indexes = [models.Index(fields=["warehouse", "user", "-received_at"], name="scan_by_person")]

    def __str__(self) -> str:
        return f"{self.step} {self.text}"
