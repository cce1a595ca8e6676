"""Boxes with tracking numbers, and the couriers' numbers for them."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from fulfillment.models.couriers import Carrier
from fulfillment.models.shipments import Shipment
from fulfillment.states import ParcelState, WaybillState
from ordercenter.common.fsm import StateField, StateModel, transition


class Parcel(StateModel):
    """One box with one tracking number."""

    shipment = models.ForeignKey(Shipment, models.PROTECT, verbose_name=_("shipment"), related_name="parcels")
    carrier = models.ForeignKey(Carrier, models.PROTECT, verbose_name=_("carrier"))
    tracking_no = models.CharField(_("tracking number"), max_length=64)
    state = StateField(_("state"), default=ParcelState.SHIPPED, choices=ParcelState.choices)
    weight_g = models.PositiveIntegerField(_("weight (g)"), default=0)
    items = models.JSONField(_("items"), default=list)
    shipped_at = models.DateTimeField(_("shipped at"))
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("parcel")
        verbose_name_plural = _("parcels")
        constraints = [models.UniqueConstraint(fields=["carrier", "tracking_no"], name="tracking_no_once_per_carrier")]
        indexes = [GinIndex(OpClass(Upper("tracking_no"), name="gin_trgm_ops"), name="tracking_no_trigram")]

    def __str__(self) -> str:
        return self.tracking_no

    @transition(field=state, source=[ParcelState.SHIPPED, ParcelState.IN_TRANSIT], target=ParcelState.DELIVERED)
    def mark_delivered(self) -> None:
        """Signed for."""


class Waybill(StateModel):
    """The courier's number for a parcel, from asking for it to its use."""

    shipment = models.ForeignKey(Shipment, models.PROTECT, verbose_name=_("shipment"), related_name="waybills")
    carrier = models.ForeignKey(Carrier, models.PROTECT, verbose_name=_("carrier"))
    number = models.CharField(_("number"), max_length=64, blank=True)
    state = StateField(_("state"), default=WaybillState.REQUESTED, choices=WaybillState.choices)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("waybill")
        verbose_name_plural = _("waybills")
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "number"], condition=~Q(number=""), name="waybill_no_once_per_carrier"
            )
        ]

    def __str__(self) -> str:
        return self.number or str(self.pk)

    @transition(field=state, source=WaybillState.REQUESTED, target=WaybillState.ASSIGNED)
    def assign(self, *, number: str) -> None:
        self.number = number

    @transition(field=state, source=[WaybillState.ASSIGNED, WaybillState.PRINTED], target=WaybillState.USED)
    def use(self) -> None:
        """A parcel left under it."""

    @transition(
        field=state,
        source=[WaybillState.REQUESTED, WaybillState.ASSIGNED, WaybillState.PRINTED],
        target=WaybillState.VOID,
    )
    def void(self) -> None:
        """It will not be used."""
