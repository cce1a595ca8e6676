"""What leaves the house: shipments, their lines, parcels, waybills, and what couriers charge."""

from __future__ import annotations

from decimal import Decimal

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from fulfillment.states import ParcelState, ShipmentState, WaybillState
from ordercenter.catalog.models import Contact, Shop, Sku
from ordercenter.common.fsm import StateField, StateModel, transition
from ordercenter.common.secretfield import SealedField
from ordercenter.inventory.models import Warehouse
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.states import Grade


class WmsAccount(models.Model):
    """How we reach the system of a warehouse that speaks Qimen. secret: sealed."""

    warehouse = models.OneToOneField(Warehouse, models.PROTECT, verbose_name=_("warehouse"))
    base_url = models.URLField(_("address"), max_length=200)
    app_key = models.CharField(_("app key"), max_length=64)
    secret = SealedField(_("secret"))
    is_active = models.BooleanField(_("active"), default=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField(), excluded_fields=["secret"])

    class Meta:
        verbose_name = _("warehouse account")
        verbose_name_plural = _("warehouse accounts")

    def __str__(self) -> str:
        return str(self.warehouse_id)


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


class FreightRate(models.Model):
    """What a courier charges from a warehouse to a province: first weight, then steps. Empty province: everywhere."""

    warehouse = models.ForeignKey(Warehouse, models.CASCADE, verbose_name=_("warehouse"))
    carrier = models.ForeignKey(Carrier, models.CASCADE, verbose_name=_("carrier"))
    province = models.CharField(_("province"), max_length=32, blank=True)
    first_weight_g = models.PositiveIntegerField(_("first weight (g)"), default=1000)
    first_fee = models.DecimalField(_("first fee"), max_digits=10, decimal_places=2)
    step_weight_g = models.PositiveIntegerField(_("step weight (g)"), default=1000)
    step_fee = models.DecimalField(_("step fee"), max_digits=10, decimal_places=2)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("freight rate")
        verbose_name_plural = _("freight rates")
        constraints = [
            models.UniqueConstraint(fields=["warehouse", "carrier", "province"], name="rate_once_per_lane"),
            models.CheckConstraint(
                condition=Q(first_fee__gte=0, step_fee__gte=0, step_weight_g__gt=0), name="rate_amounts_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.warehouse_id} {self.carrier_id} {self.province or '*'}"


class Shipment(StateModel):
    """One delivery order of one warehouse. Carries lines of one or several orders to one receiver."""

    code = models.CharField(_("delivery order number"), max_length=32)
    # Without foreign keys in the database, as all hot tables towards master data; see orders.Order.shop.
    shop = models.ForeignKey(Shop, models.PROTECT, verbose_name=_("shop"), db_constraint=False, db_index=False)
    warehouse = models.ForeignKey(
        Warehouse, models.PROTECT, verbose_name=_("warehouse"), db_constraint=False, db_index=False
    )
    carrier = models.ForeignKey(Carrier, models.PROTECT, verbose_name=_("carrier"), db_constraint=False, db_index=False)
    contact = models.ForeignKey(Contact, models.PROTECT, verbose_name=_("receiver"), db_index=False)
    state = StateField(_("state"), default=ShipmentState.PLANNED, choices=ShipmentState.choices)
    grade = models.CharField(_("grade"), max_length=8, choices=Grade.choices, default=Grade.NORMAL)
    weight_g = models.PositiveIntegerField(_("weight (g)"), default=0)
    freight_cost = models.DecimalField(_("freight cost"), max_digits=10, decimal_places=2, default=Decimal(0))
    # Which warehouses were looked at, what each would have cost, why each lost.
    decision = models.JSONField(_("routing decision"), default=dict)
    warehouse_ref = models.CharField(_("number at the warehouse"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    dispatched_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    shipped_at = models.DateTimeField(_("shipped at"), null=True, blank=True)
    reported_at = models.DateTimeField(_("reported to the channel at"), null=True, blank=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("shipment")
        verbose_name_plural = _("shipments")
        constraints = [models.UniqueConstraint(fields=["code"], name="shipment_code_once")]
        indexes = [models.Index(fields=["warehouse", "state"], name="shipment_by_warehouse")]

    def __str__(self) -> str:
        return self.code

    @transition(field=state, source=ShipmentState.PLANNED, target=ShipmentState.DISPATCHED)
    def dispatch(self) -> None:
        """The command to the warehouse is written."""

    @transition(field=state, source=ShipmentState.DISPATCHED, target=ShipmentState.ACCEPTED)
    def accept(self) -> None:
        """The warehouse has taken it on."""

    @transition(field=state, source=[ShipmentState.DISPATCHED, ShipmentState.ACCEPTED], target=ShipmentState.REJECTED)
    def reject(self) -> None:
        """The warehouse will not ship it."""

    @transition(field=state, source=ShipmentState.REJECTED, target=ShipmentState.PLANNED)
    def plan_again(self) -> None:
        """What the warehouse did not like is mended: it is handed over once more, under the same number."""

    @transition(
        field=state, source=[ShipmentState.DISPATCHED, ShipmentState.ACCEPTED], target=ShipmentState.INTERCEPTING
    )
    def intercept(self) -> None:
        """The warehouse has been asked to stop; whoever is first, its answer or the parcel, decides."""

    @transition(field=state, source=ShipmentState.INTERCEPTING, target=ShipmentState.ACCEPTED)
    def resume(self) -> None:
        """The interception is called off or was refused; it stays on its way."""

    @transition(
        field=state,
        source=[
            ShipmentState.DISPATCHED,
            ShipmentState.ACCEPTED,
            ShipmentState.REJECTED,
            ShipmentState.INTERCEPTING,
        ],
        target=ShipmentState.SHIPPED,
    )
    def mark_shipped(self) -> None:
        """It has left the warehouse, whatever was said before."""

    @transition(field=state, source=ShipmentState.SHIPPED, target=ShipmentState.DELIVERED)
    def mark_delivered(self) -> None:
        """The receiver has it."""

    @transition(
        field=state,
        source=[ShipmentState.PLANNED, ShipmentState.REJECTED, ShipmentState.INTERCEPTING],
        target=ShipmentState.CANCELLED,
    )
    def cancel(self) -> None:
        """It will not leave."""


class ShipmentLine(models.Model):
    """Pieces of one order line in a shipment."""

    shipment = models.ForeignKey(
        Shipment, models.CASCADE, verbose_name=_("shipment"), related_name="lines", db_index=False
    )
    # The order follows from its line, whose key the database checks.
    order = models.ForeignKey(
        Order, models.PROTECT, verbose_name=_("order"), related_name="shipment_lines", db_constraint=False
    )
    order_line = models.ForeignKey(
        OrderLine, models.PROTECT, verbose_name=_("order line"), related_name="+", db_index=False
    )
    sku = models.ForeignKey(
        Sku, models.PROTECT, verbose_name=_("SKU"), related_name="+", db_constraint=False, db_index=False
    )
    quantity = models.PositiveIntegerField(_("quantity"))
    shipped = models.PositiveIntegerField(_("shipped"), default=0)

    class Meta:
        verbose_name = _("shipment line")
        verbose_name_plural = _("shipment lines")
        constraints = [
            models.UniqueConstraint(fields=["shipment", "order_line"], name="line_once_per_shipment"),
            models.CheckConstraint(
                condition=Q(quantity__gt=0, shipped__lte=models.F("quantity")), name="shipped_within_quantity"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.shipment_id} {self.quantity} x {self.sku_id}"


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
