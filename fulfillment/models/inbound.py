"""What comes in: purchases and returns of buyers, at a warehouse with a system of its own or at our own dock."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from fulfillment.states import InboundKind, InboundState
from ordercenter.catalog.models import Sku
from ordercenter.common.fsm import StateField, StateModel, transition
from ordercenter.inventory.models import Warehouse
from ordercenter.orders.models import Order, OrderLine


class InboundOrder(StateModel):
    """Goods that a warehouse is to receive. order: whose goods come back; empty for all but returns of known orders."""

    code = models.CharField(_("inbound number"), max_length=32, unique=True)
    kind = models.CharField(_("kind"), max_length=8, choices=InboundKind.choices)
    warehouse = models.ForeignKey(Warehouse, models.PROTECT, verbose_name=_("warehouse"))
    state = StateField(_("state"), default=InboundState.PLANNED, choices=InboundState.choices)
    order = models.ForeignKey(
        Order, models.PROTECT, verbose_name=_("order"), null=True, blank=True, related_name="inbound_orders"
    )
    # The delivery order that the goods left with, as the warehouse asks for it.
    shipment_code = models.CharField(_("delivery order number"), max_length=32, blank=True)
    carrier_code = models.CharField(_("carrier"), max_length=16, blank=True)
    tracking_no = models.CharField(_("tracking number"), max_length=64, blank=True)
    supplier = models.CharField(_("supplier"), max_length=64, blank=True)
    warehouse_ref = models.CharField(_("number at the warehouse"), max_length=64, blank=True)
    # Of transfers: where the pieces come from. They are out of its books since this row is there.
    from_warehouse = models.ForeignKey(
        Warehouse, models.PROTECT, verbose_name=_("from warehouse"), null=True, blank=True, related_name="+"
    )
    # The purchase order, when it has a number of its own: several deliveries may belong to it.
    reference = models.CharField(_("purchase order"), max_length=64, blank=True)
    # Whether the rest of that purchase order is expected no more when this delivery has ended.
    is_last = models.BooleanField(_("last delivery of its purchase order"), default=False, db_default=False)
    # The warehouse's numbers of its confirms: one that is told twice counts once.
    confirms = models.JSONField(_("confirms"), default=list, db_default=[], editable=False)
    note = models.CharField(_("note"), max_length=200, blank=True)
    # What a person's form or another system calls this wish, so that the same wish is one delivery.
    key = models.CharField(_("idempotency key"), max_length=64, null=True, blank=True, unique=True, editable=False)
    expected_at = models.DateTimeField(_("expected at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    # When its warehouse was told last: how long it may keep silent counts from here.
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    received_at = models.DateTimeField(_("received at"), null=True, blank=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("inbound order")
        verbose_name_plural = _("inbound orders")
        permissions = [("send_inbound", _("Can announce goods to a warehouse"))]
        indexes = [
            models.Index(fields=["warehouse", "state", "-id"], name="inbound_by_warehouse"),
            models.Index(fields=["tracking_no"], name="inbound_by_tracking", condition=~Q(tracking_no="")),
        ]

    def __str__(self) -> str:
        return self.code

    @transition(field=state, source=[InboundState.PLANNED, InboundState.REJECTED], target=InboundState.SENT)
    def send(self) -> None:
        """The command to the warehouse is written."""

    @transition(field=state, source=[InboundState.SENT, InboundState.PLANNED], target=InboundState.ACCEPTED)
    def accept(self) -> None:
        """The warehouse expects it."""

    @transition(field=state, source=[InboundState.SENT, InboundState.ACCEPTED], target=InboundState.REJECTED)
    def reject(self) -> None:
        """The warehouse will not take it."""

    @transition(
        field=state,
        source=[
            InboundState.PLANNED,
            InboundState.SENT,
            InboundState.ACCEPTED,
            InboundState.REJECTED,
            InboundState.ARRIVING,
        ],
        target=InboundState.ARRIVING,
    )
    def arrive(self) -> None:
        """A part of it is in; more will come."""

    @transition(
        field=state,
        source=[
            InboundState.PLANNED,
            InboundState.SENT,
            InboundState.ACCEPTED,
            InboundState.REJECTED,
            InboundState.ARRIVING,
        ],
        target=InboundState.RECEIVED,
    )
    def finish(self) -> None:
        """Nothing more will come of it."""

    @transition(
        field=state,
        source=[InboundState.PLANNED, InboundState.SENT, InboundState.ACCEPTED, InboundState.REJECTED],
        target=InboundState.CANCELLED,
    )
    def cancel(self) -> None:
        """It will not come."""

    @transition(field=state, source=InboundState.CANCELLED, target=InboundState.PLANNED)
    def reopen(self) -> None:
        """It comes after all: the goods were on their way already when it was called off."""


class InboundLine(models.Model):
    """One SKU of it: what was announced, and what came in which condition. order_line: whose pieces come back."""

    inbound = models.ForeignKey(InboundOrder, models.CASCADE, verbose_name=_("inbound order"), related_name="lines")
    sku = models.ForeignKey(Sku, models.PROTECT, verbose_name=_("SKU"), related_name="+")
    order_line = models.ForeignKey(
        OrderLine, models.PROTECT, verbose_name=_("order line"), null=True, blank=True, related_name="+"
    )
    planned = models.PositiveIntegerField(_("planned"), default=0)
    good = models.PositiveIntegerField(_("good"), default=0)
    defective = models.PositiveIntegerField(_("defective"), default=0)
    quarantine = models.PositiveIntegerField(_("quarantine"), default=0)
    # Pieces of those above that a person booked for a warehouse that has not confirmed them: a confirm is held against
    # them first, so that nothing counts twice.
    hand_good = models.PositiveIntegerField(_("booked by hand: good"), default=0, db_default=0)
    hand_defective = models.PositiveIntegerField(_("booked by hand: defective"), default=0, db_default=0)
    hand_quarantine = models.PositiveIntegerField(_("booked by hand: quarantine"), default=0, db_default=0)
    # Pieces of those above that lie in their place by now.
    put_away = models.PositiveIntegerField(_("put away"), default=0)

    class Meta:
        verbose_name = _("inbound line")
        verbose_name_plural = _("inbound lines")
        constraints = [models.UniqueConstraint(fields=["inbound", "sku", "order_line"], name="inbound_line_once")]

    def __str__(self) -> str:
        return f"{self.inbound_id} {self.sku_id}"

    @property
    def received(self) -> int:
        """Pieces that came, in whatever condition."""
        return self.good + self.defective + self.quarantine

    @property
    def by_hand(self) -> int:
        """Pieces that were booked by hand and that the warehouse has not confirmed."""
        return self.hand_good + self.hand_defective + self.hand_quarantine

    @property
    def difference(self) -> int:
        """Pieces that came beyond what was announced; below 0 what is missing."""
        return self.received - self.planned


class ItemChange(models.Model):
    """A SKU that warehouses with a system of their own have to be told: noted by triggers, whoever changed it.

    Rows are taken away as their SKUs are told; several of one SKU are told once.
    """

    sku_id = models.BigIntegerField()
    is_new = models.BooleanField(default=False)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("change of an item")
        verbose_name_plural = _("changes of items")

    def __str__(self) -> str:
        return str(self.sku_id)
