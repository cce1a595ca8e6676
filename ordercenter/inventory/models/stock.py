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
from ordercenter.inventory.states import Bucket, MovementReason, ReservationState


class StockLevel(FastRow):
    """What of one SKU lies in one warehouse.

    on_hand, damaged and quarantine follow from the movements; reserved (soft: not yet given to a warehouse) and
    allocated (hard: in a released shipment) from the reservations; set_aside from the open quotas of shops. safety is
    kept back from the channels, not from orders that are paid.
    """

    sku = models.ForeignKey(Sku, models.PROTECT, verbose_name=_("SKU"))
    warehouse = models.ForeignKey(Warehouse, models.PROTECT, verbose_name=_("warehouse"))
    on_hand = models.IntegerField(_("on hand"), default=0)
    reserved = models.IntegerField(_("reserved"), default=0)
    allocated = models.IntegerField(_("allocated"), default=0, db_default=0)
    set_aside = models.IntegerField(_("set aside for shops"), default=0, db_default=0)
    safety = models.IntegerField(_("safety stock"), default=0, db_default=0)
    damaged = models.IntegerField(_("damaged"), default=0, db_default=0)
    quarantine = models.IntegerField(_("quarantine"), default=0, db_default=0)
    # How many pieces more than lie there may be promised before payment; 0 for all but a few SKUs.
    oversell_limit = models.IntegerField(_("may be oversold by"), default=0, db_default=0)
    # How many pieces counters have sold of what was promised to others, or was not in the books: a fact, with a case.
    sold_short = models.IntegerField(_("sold short at counters"), default=0, db_default=0)

    class Meta:
        verbose_name = _("stock level")
        verbose_name_plural = _("stock levels")
        permissions = [
            ("adjust_stock", _("Can count, adjust and import stock")),
            ("share_stock", _("Can share stock out among shops")),
            ("plan_production", _("Can plan production and supply")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["sku", "warehouse"], name="stock_once_per_warehouse"),
            models.CheckConstraint(
                condition=Q(
                    on_hand__gte=F("reserved")
                    + F("allocated")
                    + F("set_aside")
                    - F("oversell_limit")
                    - F("sold_short"),
                    reserved__gte=0,
                    allocated__gte=0,
                    set_aside__gte=0,
                ),
                name="stock_never_oversold",
            ),
            # What a warehouse was told to ship has to lie there, whatever may be oversold.
            models.CheckConstraint(
                condition=Q(on_hand__gte=F("allocated") - F("sold_short"), damaged__gte=0, quarantine__gte=0),
                name="stock_lies_there",
            ),
            models.CheckConstraint(
                condition=Q(safety__gte=0, oversell_limit__gte=0, sold_short__gte=0), name="stock_limits_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sku_id}@{self.warehouse_id}"

    @property
    def free(self) -> int:
        """What can still be promised to a paid order; below nothing where more was sold than lies there."""
        return self.on_hand - self.reserved - self.allocated - self.set_aside

    @property
    def promised(self) -> int:
        """Soft and hard promises together."""
        return self.reserved + self.allocated

    @property
    def lacking(self) -> int:
        """Pieces that are promised, set aside or gone and do not lie here, beyond what may be oversold."""
        return max(
            0, self.promised + self.set_aside - self.oversell_limit - self.on_hand, self.allocated - self.on_hand
        )

    @property
    def available_to_sell(self) -> int:
        """ATS: what channels may offer and what may be promised before payment."""
        return self.free - self.safety


class Reservation(StateModel):
    """Pieces of a SKU in a warehouse, promised to one order line, or to a holder who has no order yet.

    Inventory knows order, line and shop by number only. holder: who holds pieces without an order line (a live sale's
    cart, a deposit); such a promise expires. from_quota: how many of the pieces came out of the quota.
    """

    births_are_logged = False

    order_id = models.BigIntegerField(_("order"), null=True, blank=True)
    line_id = models.BigIntegerField(_("order line"), null=True, blank=True)
    shop_id = models.BigIntegerField(_("shop"), null=True, blank=True)
    holder = models.CharField(_("holder"), max_length=96, blank=True, default="", db_default="")
    # Without foreign keys in the database, as all hot tables towards master data; see orders.Order.shop.
    sku = models.ForeignKey(Sku, models.PROTECT, verbose_name=_("SKU"), db_constraint=False, db_index=False)
    warehouse = models.ForeignKey(
        Warehouse, models.PROTECT, verbose_name=_("warehouse"), db_constraint=False, db_index=False
    )
    quantity = models.PositiveIntegerField(_("quantity"))
    is_allocated = models.BooleanField(_("in a released shipment"), default=False, db_default=False)
    quota_id = models.BigIntegerField(_("quota"), null=True, blank=True)
    from_quota = models.PositiveIntegerField(_("of the quota"), default=0, db_default=0)
    state = StateField(_("state"), default=ReservationState.ACTIVE, choices=ReservationState.choices)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        constraints = [
            models.UniqueConstraint(
                fields=["line_id", "warehouse"], condition=Q(state="active"), name="one_open_reservation"
            ),
            models.UniqueConstraint(
                fields=["holder", "sku", "warehouse"],
                condition=Q(state="active") & ~Q(holder=""),
                name="one_open_hold",
            ),
            models.CheckConstraint(
                condition=Q(quantity__gt=0, from_quota__lte=F("quantity")), name="reservation_quantity_positive"
            ),
            models.CheckConstraint(
                condition=Q(line_id__isnull=False, order_id__isnull=False, holder="")
                | (Q(line_id__isnull=True, order_id__isnull=True, is_allocated=False) & ~Q(holder="")),
                name="reservation_has_holder",
            ),
        ]
        indexes = [
            models.Index(fields=["order_id"], name="reservation_by_order"),
            models.Index(fields=["sku", "warehouse"], name="reservation_open_by_stock", condition=Q(state="active")),
            models.Index(
                fields=["expires_at"],
                name="reservation_expiring",
                condition=Q(state="active", expires_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line_id or self.holder} {self.quantity} x {self.sku_id}@{self.warehouse_id}"

    @transition(field=state, source=ReservationState.ACTIVE, target=ReservationState.CONSUMED)
    def consume(self) -> None:
        """The goods have left."""

    @transition(field=state, source=ReservationState.ACTIVE, target=ReservationState.RELEASED)
    def release(self) -> None:
        """The promise is taken back; the stock is free again."""

    @transition(field=state, source=ReservationState.ACTIVE, target=ReservationState.EXPIRED)
    def expire(self) -> None:
        """Its time is over; the stock is free again."""


class StockMovement(models.Model):
    """One change of the pieces in a bucket. Appended, never edited (the database refuses it); balances are their sum.

    Not partitioned by month as the event log is: the idempotency key is unique for all time, which a partitioned table
    cannot promise.
    """

    sku = models.ForeignKey(Sku, models.PROTECT, verbose_name=_("SKU"), db_constraint=False, db_index=False)
    warehouse = models.ForeignKey(
        Warehouse, models.PROTECT, verbose_name=_("warehouse"), db_constraint=False, db_index=False
    )
    bucket = models.CharField(
        _("bucket"), max_length=10, choices=Bucket.choices, default=Bucket.ON_HAND, db_default=Bucket.ON_HAND
    )
    delta = models.IntegerField(_("change"))
    reason = models.CharField(_("reason"), max_length=12, choices=MovementReason.choices)
    ref = models.CharField(_("reference"), max_length=96)
    # Why, in a person's words; empty for what the goods' own papers say.
    note = models.CharField(_("note"), max_length=200, blank=True, default="", db_default="")
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


class StockChange(models.Model):
    """A SKU whose sellable pieces changed: noted by a trigger of the database, whoever changed them.

    The publisher takes these rows away as it recomputes what the channels are told.
    """

    sku_id = models.BigIntegerField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("change of stock")
        verbose_name_plural = _("changes of stock")

    def __str__(self) -> str:
        return str(self.sku_id)
