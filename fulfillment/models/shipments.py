"""What one warehouse sends to one receiver."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from fulfillment.models.couriers import Carrier
from fulfillment.states import IN_HAND, ShipmentState
from ordercenter.catalog.models import Contact, Shop, Sku
from ordercenter.common.fsm import StateField, StateModel, transition
from ordercenter.common.history import BusyRecords
from ordercenter.inventory.models import Warehouse
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.states import Grade


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
    # The highest of its orders: waves and lists take the more urgent first.
    priority = models.SmallIntegerField(_("priority"), default=0)
    weight_g = models.PositiveIntegerField(_("weight (g)"), default=0)
    freight_cost = models.DecimalField(_("freight cost"), max_digits=10, decimal_places=2, default=Decimal(0))
    # Which warehouses were looked at, what each would have cost, why each lost.
    decision = models.JSONField(_("routing decision"), default=dict)
    warehouse_ref = models.CharField(_("number at the warehouse"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    dispatched_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    shipped_at = models.DateTimeField(_("shipped at"), null=True, blank=True)
    reported_at = models.DateTimeField(_("reported to the channel at"), null=True, blank=True)
    # Held back until then, so that what waits can still be decided better; null: handed over at once.
    release_at = models.DateTimeField(_("hand over at"), null=True, blank=True)
    # A decision never changes: one that is made anew has a row of its own (RoutingDecision).
    history = BusyRecords(excluded_fields=["decision"])

    class Meta:
        verbose_name = _("shipment")
        verbose_name_plural = _("shipments")
        permissions = [
            ("route_elsewhere", _("Can ship rejected orders from another warehouse")),
            ("ask_back", _("Can ask goods back from a warehouse")),
            ("arrange_parcels", _("Can take orders out of shared parcels, and split orders")),
        ]
        constraints = [models.UniqueConstraint(fields=["code"], name="shipment_code_once")]
        indexes = [
            models.Index(fields=["warehouse", "state"], name="shipment_by_warehouse"),
            models.Index(
                fields=["release_at"],
                name="shipment_to_release",
                condition=Q(state="planned", release_at__isnull=False),
            ),
        ]

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

    @transition(field=state, source=ShipmentState.ACCEPTED, target=ShipmentState.WAVED)
    def join_wave(self) -> None:
        """Our own people will pick it with others."""

    @transition(field=state, source=ShipmentState.WAVED, target=ShipmentState.ACCEPTED)
    def leave_wave(self) -> None:
        """It will be picked another time."""

    @transition(field=state, source=ShipmentState.WAVED, target=ShipmentState.PICKING)
    def start_picking(self) -> None:
        """Its first piece has left the bin."""

    @transition(field=state, source=[ShipmentState.WAVED, ShipmentState.PICKING], target=ShipmentState.SHORT_PICKED)
    def report_missing(self) -> None:
        """Pieces of it are not where they should be: a person decides."""

    @transition(
        field=state,
        source=[ShipmentState.SHORT_PICKED, ShipmentState.PICKED],
        target=ShipmentState.PICKING,
    )
    def pick_on(self) -> None:
        """The missing pieces were found, or a scan was taken back: picking goes on."""

    @transition(field=state, source=[ShipmentState.PICKING, ShipmentState.SHORT_PICKED], target=ShipmentState.PICKED)
    def finish_picking(self) -> None:
        """All that will leave is in the basket."""

    @transition(field=state, source=ShipmentState.PICKED, target=ShipmentState.CHECKED)
    def finish_checking(self) -> None:
        """Every piece in the basket was looked at once more."""

    @transition(field=state, source=ShipmentState.CHECKED, target=ShipmentState.PICKED)
    def check_again(self) -> None:
        """The last look is taken back."""

    @transition(field=state, source=ShipmentState.CHECKED, target=ShipmentState.PACKED)
    def pack(self) -> None:
        """In its box, with its tracking number on it."""

    @transition(field=state, source=ShipmentState.PACKED, target=ShipmentState.CHECKED)
    def unpack(self) -> None:
        """The box is open again."""

    @transition(field=state, source=ShipmentState.PACKED, target=ShipmentState.WEIGHED)
    def weigh(self) -> None:
        """It weighs what it should, or somebody said that it may."""

    @transition(field=state, source=ShipmentState.WEIGHED, target=ShipmentState.PACKED)
    def weigh_again(self) -> None:
        """The weight is taken back."""

    @transition(field=state, source=[*IN_HAND], target=ShipmentState.TO_PUT_BACK)
    def order_back(self) -> None:
        """It was stopped with pieces in hand: they are free when they lie in their bins again."""

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
            # Of an own warehouse nothing leaves before it was checked and packed.
            ShipmentState.PACKED,
            ShipmentState.WEIGHED,
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
        source=[
            ShipmentState.PLANNED,
            ShipmentState.REJECTED,
            ShipmentState.INTERCEPTING,
            ShipmentState.TO_PUT_BACK,
        ],
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
    # Of several parcels that leave one after the other, until the last one has left.
    confirmed = models.PositiveIntegerField(_("left so far"), default=0, db_default=0)
    shipped = models.PositiveIntegerField(_("shipped"), default=0)
    # What of the line's paid share and of the freight paid by the buyer is in this shipment; over all shipments they
    # add up to the order's amounts, to the fen. The base of the declared value.
    amount = models.DecimalField(_("goods amount"), max_digits=14, decimal_places=2, default=Decimal(0))
    freight = models.DecimalField(_("freight paid"), max_digits=14, decimal_places=2, default=Decimal(0))

    class Meta:
        verbose_name = _("shipment line")
        verbose_name_plural = _("shipment lines")
        constraints = [
            models.UniqueConstraint(fields=["shipment", "order_line"], name="line_once_per_shipment"),
            models.CheckConstraint(
                condition=Q(quantity__gt=0, shipped__lte=models.F("quantity")), name="shipped_within_quantity"
            ),
            models.CheckConstraint(condition=Q(confirmed__lte=models.F("quantity")), name="confirmed_within_quantity"),
        ]

    def __str__(self) -> str:
        return f"{self.shipment_id} {self.quantity} x {self.sku_id}"
