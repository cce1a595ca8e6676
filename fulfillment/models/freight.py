"""What couriers ask for: their bills, line by line, and how their files are read."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from fulfillment.models.couriers import Carrier, CourierContract, CourierProduct
from fulfillment.models.parcels import Parcel
from fulfillment.states import FreightBillState, FreightVerdict
from ordercenter.common.fsm import StateField, StateModel, transition
from ordercenter.common.secretfield import SealedField
from ordercenter.inventory.models import Warehouse


class FreightBill(StateModel):
    """One file in which a courier asks for its money. The same file is taken in once, until it is withdrawn.

    ends_on is the day after the last one of the period. warehouse: only parcels of this warehouse are expected on the
    bill; empty: of all. product: under which product lines are priced that name none. amount_total: what is asked for.
    A bill is born with lines that nobody has judged. judged_lines, judged_to: how many are by now, and up to which id,
    so that a worker that was stopped goes on where it was.
    """

    carrier = models.ForeignKey(Carrier, models.PROTECT, verbose_name=_("carrier"), related_name="+")
    warehouse = models.ForeignKey(
        Warehouse, models.PROTECT, verbose_name=_("warehouse"), null=True, blank=True, related_name="+"
    )
    product = models.ForeignKey(
        CourierProduct, models.PROTECT, verbose_name=_("courier product"), null=True, blank=True, related_name="+"
    )
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("ends before"))
    state = StateField(_("state"), default=FreightBillState.JUDGING, choices=FreightBillState.choices)
    file_name = models.CharField(_("file"), max_length=200, blank=True)
    file_sha256 = models.CharField(_("digest of the file"), max_length=64)
    line_count = models.PositiveIntegerField(_("lines"), default=0)
    judged_lines = models.PositiveIntegerField(_("lines judged"), default=0, db_default=0)
    judged_to = models.BigIntegerField(_("judged up to"), default=0, db_default=0)
    amount_total = models.DecimalField(_("amount billed"), max_digits=16, decimal_places=2, default=Decimal(0))
    imported_at = models.DateTimeField(_("imported at"), default=timezone.now)
    checked_at = models.DateTimeField(_("checked at"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("courier bill")
        verbose_name_plural = _("courier bills")
        permissions = [
            ("sign_off_freight", _("Can sign off differences of courier bills")),
            ("close_freightbill", _("Can close, reopen and withdraw courier bills")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "file_sha256"],
                condition=~Q(state=FreightBillState.WITHDRAWN),
                name="freight_file_once",
            ),
            models.CheckConstraint(condition=Q(ends_on__gt=F("starts_on")), name="freight_bill_ends_after_it_begins"),
        ]

    def __str__(self) -> str:
        return f"{self.carrier} {self.starts_on:%Y-%m-%d}"

    @transition(field=state, source=FreightBillState.JUDGING, target=FreightBillState.OPEN)
    def finish_judging(self) -> None:
        """Every line has a verdict; people may decide about the differences."""

    @transition(field=state, source=FreightBillState.OPEN, target=FreightBillState.JUDGING)
    def judge_again(self) -> None:
        """Contracts were corrected or parcels have turned up: what nobody has signed off is judged anew."""

    @transition(field=state, source=FreightBillState.OPEN, target=FreightBillState.CLOSED)
    def close(self) -> None:
        """Every line is matched or signed off; the bill may be paid."""

    @transition(field=state, source=FreightBillState.CLOSED, target=FreightBillState.OPEN)
    def reopen(self) -> None:
        """Somebody has a reason to look at it again."""

    @transition(
        field=state, source=[FreightBillState.OPEN, FreightBillState.JUDGING], target=FreightBillState.WITHDRAWN
    )
    def withdraw(self) -> None:
        """The file was the wrong one, or the courier sent another: none of its lines counts."""


class FreightLine(models.Model):
    """One parcel as a courier bills it, with what we make of it.

    amount: with all surcharges; parts: what of it is which surcharge, as far as the file tells. expected_amount: the
    price by contract; term: which part of the price the difference is about. A line NOT_BILLED stands for a parcel of
    ours that the bill lacks; it has line_no 0 and no amount. detail: plain values for the sentence about the line.
    """

    # Without constraints in the database, as for lines of statements: written by one COPY beside their bill.
    bill = models.ForeignKey(
        FreightBill,
        models.CASCADE,
        verbose_name=_("courier bill"),
        related_name="lines",
        db_constraint=False,
        db_index=False,
    )
    line_no = models.PositiveIntegerField(_("row"))
    tracking_no = models.CharField(_("tracking number"), max_length=64)
    product_code = models.CharField(_("product code"), max_length=32, blank=True)
    billed_on = models.DateField(_("day on the bill"), null=True, blank=True)
    destination = models.CharField(_("destination on the bill"), max_length=64, blank=True)
    billed_g = models.PositiveIntegerField(_("billed weight (g)"), null=True, blank=True)
    amount = models.DecimalField(_("amount billed"), max_digits=12, decimal_places=2)
    parts = models.JSONField(_("surcharges on the bill"), default=dict, blank=True)
    verdict = models.CharField(_("verdict"), max_length=16, choices=FreightVerdict.choices)
    found_verdict = models.CharField(
        _("verdict before sign-off"),
        max_length=16,
        choices=FreightVerdict.choices,
        blank=True,
        default="",
        db_default="",
    )
    parcel = models.ForeignKey(
        Parcel,
        models.PROTECT,
        verbose_name=_("parcel"),
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    contract = models.ForeignKey(
        CourierContract,
        models.PROTECT,
        verbose_name=_("contract"),
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    our_g = models.PositiveIntegerField(_("our weight (g)"), null=True, blank=True)
    expected_amount = models.DecimalField(
        _("amount by contract"), max_digits=12, decimal_places=2, null=True, blank=True
    )
    term = models.CharField(_("about"), max_length=12, blank=True, default="", db_default="")
    detail = models.JSONField(_("detail"), default=dict, blank=True)
    signed_off_reason = models.CharField(_("reason of sign-off"), max_length=200, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("line of a courier bill")
        verbose_name_plural = _("lines of courier bills")
        indexes = [
            models.Index(fields=["bill", "verdict", "id"], name="freight_line_by_verdict"),
            models.Index(fields=["tracking_no"], name="freight_line_by_number"),
        ]

    def __str__(self) -> str:
        return f"{self.bill_id}/{self.line_no} {self.tracking_no}"

    @property
    def difference(self) -> Decimal:
        """What is billed beyond the contract; below zero when it is less. All of it where nothing was agreed."""
        return self.amount - (self.expected_amount or Decimal(0))


class FreightLayout(models.Model):
    """How the columns of a courier's bill are called: our name of a column -> the heading in its files."""

    carrier = models.OneToOneField(Carrier, models.CASCADE, verbose_name=_("carrier"), related_name="+")
    columns = models.JSONField(_("columns"), default=dict)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("layout of a courier's bills")
        verbose_name_plural = _("layouts of couriers' bills")

    def __str__(self) -> str:
        return str(self.carrier)


class FreightUpload(models.Model):
    """A bill's file between upload and import. Sealed: some couriers write receivers into it. Kept for a day.

    columns: as a person matched them, empty for none. reading: what was found in the file with them
    (`freight_uploads.Reading`), None until it is read. wish: how it is to be taken in, None until somebody says so;
    problem: the code of what stood in the way; bill: what it became.
    """

    carrier = models.ForeignKey(Carrier, models.CASCADE, verbose_name=_("carrier"), related_name="+")
    file_name = models.CharField(_("file"), max_length=200, blank=True)
    file_sha256 = models.CharField(_("digest of the file"), max_length=64)
    content = SealedField(_("content"))
    size = models.PositiveIntegerField(_("bytes"), default=0, db_default=0)
    columns = models.JSONField(_("columns"), null=True, blank=True)
    reading = models.JSONField(_("what was read"), null=True, blank=True)
    wish = models.JSONField(_("how to take it in"), null=True, blank=True)
    problem = models.CharField(_("problem"), max_length=64, blank=True, default="", db_default="")
    bill = models.ForeignKey(
        FreightBill, models.CASCADE, verbose_name=_("courier bill"), null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, verbose_name=_("created by"), null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("uploaded courier bill")
        verbose_name_plural = _("uploaded courier bills")

    def __str__(self) -> str:
        return f"{self.carrier_id} {self.file_name}"
