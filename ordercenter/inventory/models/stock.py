"""What lies where, what is promised to whom, and every movement."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ordercenter.catalog.models import Sku
from ordercenter.common.fsm import StateField, StateModel, transition
from ordercenter.common.rows import FastRow
from ordercenter.inventory.models.warehouses import Warehouse
from ordercenter.inventory.states import MovementReason, ReservationState


class StockLevel(FastRow):
    """What of one SKU lies in one warehouse. on_hand follows from the movements, reserved from the reservations."""

    sku = models.ForeignKey(Sku, models.PROTECT, verbose_name=_("SKU"))
    warehouse = models.ForeignKey(Warehouse, models.PROTECT, verbose_name=_("warehouse"))
    on_hand = models.IntegerField(_("on hand"), default=0)
    reserved = models.IntegerField(_("reserved"), default=0)

    class Meta:
        verbose_name = _("stock level")
        verbose_name_plural = _("stock levels")
        constraints = [
            models.UniqueConstraint(fields=["sku", "warehouse"], name="stock_once_per_warehouse"),
            models.CheckConstraint(
                condition=Q(reserved__gte=0, on_hand__gte=F("reserved")), name="stock_never_oversold"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sku_id}@{self.warehouse_id}"

    @property
    def free(self) -> int:
        """What can still be promised."""
        return self.on_hand - self.reserved


class Reservation(StateModel):
    """Pieces of a SKU in a warehouse, promised to one order line. Inventory knows the line by number only."""

    births_are_logged = False

    order_id = models.BigIntegerField(_("order"))
    line_id = models.BigIntegerField(_("order line"))
    # Without foreign keys in the database, as all hot tables towards master data; see orders.Order.shop.
    sku = models.ForeignKey(Sku, models.PROTECT, verbose_name=_("SKU"), db_constraint=False, db_index=False)
    warehouse = models.ForeignKey(
        Warehouse, models.PROTECT, verbose_name=_("warehouse"), db_constraint=False, db_index=False
    )
    quantity = models.PositiveIntegerField(_("quantity"))
    state = StateField(_("state"), default=ReservationState.ACTIVE, choices=ReservationState.choices)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        constraints = [
            models.UniqueConstraint(
                fields=["line_id", "warehouse"], condition=Q(state="active"), name="one_open_reservation"
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="reservation_quantity_positive"),
        ]
        indexes = [
            models.Index(fields=["order_id"], name="reservation_by_order"),
            models.Index(fields=["sku", "warehouse"], name="reservation_open_by_stock", condition=Q(state="active")),
        ]

    def __str__(self) -> str:
        return f"{self.line_id} {self.quantity} x {self.sku_id}@{self.warehouse_id}"

    @transition(field=state, source=ReservationState.ACTIVE, target=ReservationState.CONSUMED)
    def consume(self) -> None:
        """The goods have left."""

    @transition(field=state, source=ReservationState.ACTIVE, target=ReservationState.RELEASED)
    def release(self) -> None:
        """The promise is taken back; the stock is free again."""


class StockMovement(models.Model):
    """One change of stock on hand. Appended, never edited; on_hand is their sum."""

    sku = models.ForeignKey(Sku, models.PROTECT, verbose_name=_("SKU"), db_constraint=False, db_index=False)
    warehouse = models.ForeignKey(
        Warehouse, models.PROTECT, verbose_name=_("warehouse"), db_constraint=False, db_index=False
    )
    delta = models.IntegerField(_("change"))
    reason = models.CharField(_("reason"), max_length=12, choices=MovementReason.choices)
    ref = models.CharField(_("reference"), max_length=96)
    idempotency_key = models.CharField(_("idempotency key"), max_length=128)
    at = models.DateTimeField(_("at"), default=timezone.now)

    class Meta:
        verbose_name = _("stock movement")
        verbose_name_plural = _("stock movements")
        constraints = [
            models.CheckConstraint(condition=~Q(delta=0), name="movement_moves_something"),
            models.UniqueConstraint(fields=["idempotency_key"], name="movement_once"),
        ]
        indexes = [models.Index(fields=["sku", "warehouse"], name="movement_by_stock")]

    def __str__(self) -> str:
        return f"{self.delta:+d} {self.sku_id}@{self.warehouse_id}"
