"""Boxes with tracking numbers, the couriers' numbers for them, and what couriers tell of them on their way."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from fulfillment.models.accounts import CourierAccount
from fulfillment.models.couriers import Carrier
from fulfillment.models.shipments import Shipment
from fulfillment.states import OPEN_WAYBILLS, ParcelState, ScanKind, Watch, WaybillState
from ordercenter.common.fsm import StateField, StateModel, transition
from ordercenter.common.history import BusyRecords
from ordercenter.common.rows import FastRow
from ordercenter.common.secretfield import SealedField

_UNDER_WAY = [ParcelState.SHIPPED, ParcelState.IN_TRANSIT, ParcelState.RECALLING]


class Parcel(StateModel):
    """One box with one tracking number. Its states only go forward; what the courier told is in its scans."""

    shipment = models.ForeignKey(Shipment, models.PROTECT, verbose_name=_("shipment"), related_name="parcels")
    carrier = models.ForeignKey(Carrier, models.PROTECT, verbose_name=_("carrier"))
    tracking_no = models.CharField(_("tracking number"), max_length=64)
    state = StateField(_("state"), default=ParcelState.SHIPPED, choices=ParcelState.choices)
    weight_g = models.PositiveIntegerField(_("weight (g)"), default=0)
    items = models.JSONField(_("items"), default=list)
    shipped_at = models.DateTimeField(_("shipped at"))
    collected_at = models.DateTimeField(_("collected at"), null=True, blank=True)
    # Signed for, back, or lost: when it came to its end.
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    history = BusyRecords()

    class Meta:
        verbose_name = _("parcel")
        verbose_name_plural = _("parcels")
        constraints = [models.UniqueConstraint(fields=["carrier", "tracking_no"], name="tracking_no_once_per_carrier")]
        indexes = [
            GinIndex(OpClass(Upper("tracking_no"), name="gin_trgm_ops"), name="tracking_no_trigram"),
            # What couriers say names the number first.
            models.Index(fields=["tracking_no"], name="parcel_by_number"),
            # Transit times are measured over what arrived lately.
            models.Index(fields=["ended_at"], name="parcel_delivered", condition=Q(state="delivered")),
        ]

    def __str__(self) -> str:
        return self.tracking_no

    @transition(field=state, source=ParcelState.SHIPPED, target=ParcelState.IN_TRANSIT)
    def move(self, *, at: datetime) -> None:
        """The courier has it."""
        self.collected_at = at

    @transition(field=state, source=[*_UNDER_WAY, ParcelState.LOST], target=ParcelState.DELIVERED)
    def mark_delivered(self, *, at: datetime) -> None:
        """Signed for; also one that was thought lost."""
        self.ended_at = at

    @transition(field=state, source=[ParcelState.SHIPPED, ParcelState.IN_TRANSIT], target=ParcelState.RECALLING)
    def recall(self) -> None:
        """The courier has been asked to bring it back; whoever is first, its answer or the receiver, decides."""

    @transition(field=state, source=ParcelState.RECALLING, target=ParcelState.IN_TRANSIT)
    def go_on(self) -> None:
        """The courier will not bring it back: it stays on its way."""

    @transition(field=state, source=[*_UNDER_WAY, ParcelState.LOST], target=ParcelState.RETURNING)
    def start_return(self) -> None:
        """Refused, not deliverable, or recalled: it comes back."""

    @transition(field=state, source=[*_UNDER_WAY, ParcelState.RETURNING, ParcelState.LOST], target=ParcelState.RETURNED)
    def mark_returned(self, *, at: datetime) -> None:
        """It is back with us."""
        self.ended_at = at

    @transition(field=state, source=[*_UNDER_WAY, ParcelState.RETURNING], target=ParcelState.LOST)
    def mark_lost(self, *, at: datetime) -> None:
        """Lost or damaged: the courier owes for it."""
        self.ended_at = at


class Waybill(StateModel):
    """The courier's number for a package, from asking for it to its use or its way back.

    Only numbers with us may be used: one that is on its way back is never used again.
    """

    shipment = models.ForeignKey(Shipment, models.PROTECT, verbose_name=_("shipment"), related_name="waybills")
    carrier = models.ForeignKey(Carrier, models.PROTECT, verbose_name=_("carrier"))
    account = models.ForeignKey(
        CourierAccount, models.PROTECT, verbose_name=_("courier account"), null=True, blank=True, related_name="+"
    )
    package_no = models.PositiveSmallIntegerField(_("package"), default=1)
    number = models.CharField(_("number"), max_length=64, blank=True)
    parent_number = models.CharField(_("main number"), max_length=64, blank=True)
    state = StateField(_("state"), default=WaybillState.REQUESTED, choices=WaybillState.choices)
    # What the courier wants on the label: {"sort_code", "qr"}; and what a courier's own print client needs.
    route = models.JSONField(_("route marks"), default=dict, blank=True)
    print_data = models.TextField(_("print data"), blank=True)
    error_code = models.CharField(_("error code"), max_length=64, blank=True)
    error = models.CharField(_("error"), max_length=300, blank=True)
    requested_at = models.DateTimeField(_("requested at"), default=timezone.now)
    assigned_at = models.DateTimeField(_("assigned at"), null=True, blank=True)
    printed_at = models.DateTimeField(_("printed at"), null=True, blank=True)
    printed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, verbose_name=_("printed by"), null=True, blank=True, related_name="+"
    )
    prints = models.PositiveSmallIntegerField(_("times printed"), default=0)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    history = BusyRecords(excluded_fields=["print_data"])

    class Meta:
        verbose_name = _("waybill")
        verbose_name_plural = _("waybills")
        permissions = [("print_waybill", _("Can print labels"))]
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "number"], condition=~Q(number=""), name="waybill_no_once_per_carrier"
            ),
            models.UniqueConstraint(
                fields=["shipment", "package_no"],
                condition=Q(state__in=OPEN_WAYBILLS),
                name="one_open_waybill_per_package",
            ),
        ]

    def __str__(self) -> str:
        return self.number or str(self.pk)

    @transition(field=state, source=WaybillState.REQUESTED, target=WaybillState.ASSIGNED)
    def assign(self, *, number: str, at: datetime) -> None:
        self.number, self.assigned_at, self.error_code, self.error = number, at, "", ""

    @transition(field=state, source=WaybillState.VOID, target=WaybillState.TO_RECYCLE)
    def assign_too_late(self, *, number: str, at: datetime) -> None:
        """Nobody wants it any more, but the courier gave a number: it goes back, so that none is lost."""
        self.number, self.assigned_at = number, at

    @transition(field=state, source=WaybillState.REQUESTED, target=WaybillState.FAILED)
    def fail(self, *, error_code: str, error: str) -> None:
        self.error_code, self.error = error_code[:64], error[:300]

    @transition(field=state, source=WaybillState.FAILED, target=WaybillState.REQUESTED)
    def ask_again(self, *, at: datetime) -> None:
        """What the courier did not like is mended: it is asked once more, under the same key."""
        self.requested_at, self.error_code, self.error = at, "", ""

    @transition(field=state, source=[WaybillState.ASSIGNED, WaybillState.PRINTED], target=WaybillState.PRINTED)
    def print(self, *, at: datetime, user_id: int | None) -> None:
        self.printed_at, self.printed_by_id, self.prints = at, user_id, self.prints + 1

    @transition(field=state, source=[WaybillState.ASSIGNED, WaybillState.PRINTED], target=WaybillState.USED)
    def use(self, *, at: datetime) -> None:
        """A parcel left under it."""
        self.ended_at = at

    @transition(
        field=state,
        source=[WaybillState.ASSIGNED, WaybillState.PRINTED, WaybillState.RECYCLE_FAILED],
        target=WaybillState.TO_RECYCLE,
    )
    def give_back(self) -> None:
        """It will not be used: the courier is asked to take the number back."""

    @transition(field=state, source=WaybillState.TO_RECYCLE, target=WaybillState.RECYCLED)
    def mark_recycled(self, *, at: datetime) -> None:
        self.ended_at = at

    @transition(field=state, source=WaybillState.TO_RECYCLE, target=WaybillState.RECYCLE_FAILED)
    def mark_not_taken_back(self, *, error_code: str, error: str) -> None:
        self.error_code, self.error = error_code[:64], error[:300]

    @transition(
        field=state,
        source=[
            WaybillState.REQUESTED,
            WaybillState.FAILED,
            WaybillState.ASSIGNED,
            WaybillState.PRINTED,
            WaybillState.RECYCLE_FAILED,
        ],
        target=WaybillState.VOID,
    )
    def void(self) -> None:
        """It will not be used, and there is nothing to give back or nobody who takes it back."""


class ParcelWatch(FastRow):
    """How far we are in following a parcel: bookkeeping beside the parcel, without a history."""

    parcel = models.OneToOneField(Parcel, models.CASCADE, primary_key=True, related_name="watch")
    how = models.CharField(_("how we hear of it"), max_length=12, choices=Watch.choices, default=Watch.WAITING)
    rounds = models.PositiveSmallIntegerField(_("times subscribed"), default=0)
    subscribe_at = models.DateTimeField(_("subscribe again at"), null=True, blank=True)
    last_scan_at = models.DateTimeField(_("last scan"), null=True, blank=True)
    last_scan = models.CharField(_("last kind"), max_length=20, choices=ScanKind.choices, blank=True)
    heard_at = models.DateTimeField(_("last heard of"), null=True, blank=True)
    asked_at = models.DateTimeField(_("last asked"), null=True, blank=True)
    is_open = models.BooleanField(_("on its way"), default=True)

    class Meta:
        verbose_name = _("parcel watch")
        verbose_name_plural = _("parcel watches")
        indexes = [
            models.Index(fields=["how", "asked_at"], name="watch_open", condition=Q(is_open=True)),
        ]

    def __str__(self) -> str:
        return f"{self.parcel_id} {self.how}"


class TrackingScan(models.Model):
    """One thing that a courier told of a parcel. Appended, never edited; partitioned by month of `at`.

    text is masked: names and phones of receivers and couriers are struck out before it is kept.
    """

    # Without a foreign key in the database: the table is partitioned and never the parent of anything.
    parcel = models.ForeignKey(
        Parcel, models.DO_NOTHING, verbose_name=_("parcel"), related_name="scans", db_constraint=False, db_index=False
    )
    at = models.DateTimeField(_("at"))
    kind = models.CharField(_("kind"), max_length=20, choices=ScanKind.choices)
    text = models.CharField(_("text"), max_length=500, blank=True)
    place = models.CharField(_("place"), max_length=64, blank=True)
    source = models.CharField(_("source"), max_length=16)
    digest = models.CharField(max_length=32)
    recorded_at = models.DateTimeField(_("recorded at"), default=timezone.now)

    class Meta:
        verbose_name = _("tracking scan")
        verbose_name_plural = _("tracking scans")
        constraints = [models.UniqueConstraint(fields=["parcel", "at", "digest"], name="scan_once")]

    def __str__(self) -> str:
        return f"{self.parcel_id} {self.at:%F %T} {self.kind}"


class LabelJob(models.Model):
    """Labels of many waybills, made outside of the request that asked for them. pdf: sealed base64, kept for a day."""

    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, verbose_name=_("created by"), null=True, related_name="+"
    )
    warehouse_id = models.BigIntegerField(_("warehouse"), null=True, blank=True)
    waybill_ids = models.JSONField(_("waybills"), default=list)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    pdf = SealedField(null=True, blank=True)
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)
    error = models.CharField(_("error"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("label print job")
        verbose_name_plural = _("label print jobs")

    def __str__(self) -> str:
        return f"{self.pk}"
