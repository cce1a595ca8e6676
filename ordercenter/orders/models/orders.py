"""Orders, their lines and what holds them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex, GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from ordercenter.catalog.models import Contact, Shop, Sku
from ordercenter.common.fsm import StateField, StateModel, transition
from ordercenter.common.history import BusyRecords
from ordercenter.common.rows import FastRow
from ordercenter.orders.errors import AmountMismatch, OrderOnHold
from ordercenter.orders.states import BEFORE_FULFILLMENT, AfterSaleKind, Grade, OrderState, RefundStatus


class Order(StateModel):
    """One order of one channel, whole from payment to the books. Services change it; the state only by transition."""

    # Hot tables refer to master data without a foreign key in the database: master data is never deleted (PROTECT, and
    # the invariants look), and the checks would cost a fifth of the pipeline.
    shop = models.ForeignKey(Shop, models.PROTECT, verbose_name=_("shop"), db_constraint=False, db_index=False)
    channel_order_no = models.CharField(_("channel order number"), max_length=64)
    state = StateField(_("state"), default=OrderState.PENDING_PAYMENT, choices=OrderState.choices)
    grade = models.CharField(_("grade"), max_length=8, choices=Grade.choices, default=Grade.NORMAL)
    # The order of work: more points first, then the earlier promise. priority_why: "code:points" of the rules, by ";".
    priority = models.SmallIntegerField(_("priority"), default=0)
    priority_why = models.CharField(_("why this priority"), max_length=160, blank=True)
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    goods_amount = models.DecimalField(_("goods amount"), max_digits=14, decimal_places=2, default=Decimal(0))
    discount_amount = models.DecimalField(_("discount"), max_digits=14, decimal_places=2, default=Decimal(0))
    freight_amount = models.DecimalField(_("freight"), max_digits=14, decimal_places=2, default=Decimal(0))
    total_amount = models.DecimalField(_("total"), max_digits=14, decimal_places=2)
    paid_amount = models.DecimalField(_("paid"), max_digits=14, decimal_places=2, default=Decimal(0))
    refunded_amount = models.DecimalField(_("refunded"), max_digits=14, decimal_places=2, default=Decimal(0))
    placed_at = models.DateTimeField(_("placed at"))
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    ship_by = models.DateTimeField(_("ship by"), null=True, blank=True)
    # Of a pre-sale whose deposit is in: as the channel says it, else as our own policy does.
    balance_due_at = models.DateTimeField(_("balance due by"), null=True, blank=True)
    received_at = models.DateTimeField(_("received at"), default=timezone.now)
    contact = models.ForeignKey(
        Contact, models.PROTECT, verbose_name=_("receiver"), null=True, blank=True, db_index=False
    )
    buyer_key = models.CharField(_("buyer"), max_length=64, blank=True)
    buyer_nick = models.CharField(_("buyer name"), max_length=64, blank=True)
    buyer_remark = models.TextField(_("buyer's remark"), blank=True)
    seller_remark = models.TextField(_("seller's remark"), blank=True)
    # What is in the order, as one short digest: equal for the same goods in the same quantities.
    content_key = models.CharField(max_length=32, blank=True)
    channel_status = models.CharField(_("channel's state"), max_length=40, blank=True)
    channel_rank = models.PositiveSmallIntegerField(default=0, editable=False)
    channel_held = models.BooleanField(_("held by the channel"), default=False)
    channel_modified_at = models.DateTimeField(_("changed at the channel"))
    is_on_hold = models.BooleanField(_("on hold"), default=False)
    ships_alone = models.BooleanField(
        _("ships alone"), default=False, help_text=_("A person took it out of a parcel, or split it.")
    )
    cancel_reason = models.CharField(_("reason of cancelling"), max_length=200, blank=True)
    inbox_id = models.BigIntegerField(_("inbox message"), null=True, blank=True)
    history = BusyRecords()

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        permissions = [
            ("release_order", _("Can release held orders")),
            ("cancel_order", _("Can cancel orders")),
        ]
        constraints = [
            # The database is the last guard against a message delivered twice.
            models.UniqueConstraint(fields=["shop", "channel_order_no"], name="order_once_per_shop"),
            models.CheckConstraint(
                condition=Q(refunded_amount__gte=0, paid_amount__gte=F("refunded_amount")),
                name="refunds_within_payment",
            ),
            models.CheckConstraint(condition=Q(total_amount__gte=0, paid_amount__gte=0), name="order_amounts_positive"),
        ]
        indexes = [
            models.Index(fields=["state", "paid_at"], name="order_by_state"),
            models.Index(fields=["buyer_key", "placed_at"], name="order_by_buyer"),
            # Search by part of a number: Django's icontains compares the upper form.
            GinIndex(OpClass(Upper("channel_order_no"), name="gin_trgm_ops"), name="order_no_trigram"),
            # Rows lie in the order of their arrival: block ranges find a day's orders, and cost nothing to keep. A tree
            # would answer windows of the past no faster, and cost each change of an order about 10 microseconds.
            BrinIndex(fields=["received_at"], name="order_by_arrival", autosummarize=True),
            BrinIndex(fields=["placed_at"], name="order_by_placing", autosummarize=True),
            BrinIndex(fields=["channel_modified_at"], name="order_by_change", autosummarize=True),
        ]

    def __str__(self) -> str:
        return self.channel_order_no

    @transition(
        field=state, source=[OrderState.PENDING_PAYMENT, OrderState.AWAITING_BALANCE], target=OrderState.PREPROCESSING
    )
    def mark_paid(self, *, amount: Decimal, at: datetime) -> None:
        if amount != self.total_amount:
            raise AmountMismatch(order_id=self.pk, due=self.total_amount, paid=amount)
        self.paid_amount = amount
        self.paid_at = at

    @transition(
        field=state, source=[OrderState.PENDING_PAYMENT, OrderState.AWAITING_BALANCE], target=OrderState.PREPROCESSING
    )
    def mark_overpaid(self, *, amount: Decimal, refunded: Decimal, at: datetime) -> None:
        """More was paid than is due, and somebody has decided about the rest: refunded is what of it went back."""
        if not self.total_amount <= amount - refunded or refunded < 0:
            raise AmountMismatch(order_id=self.pk, due=self.total_amount, paid=amount - refunded)
        self.paid_amount, self.refunded_amount = amount, refunded
        self.paid_at = at

    @transition(field=state, source=OrderState.PENDING_PAYMENT, target=OrderState.AWAITING_BALANCE)
    def mark_deposit_paid(self, *, amount: Decimal) -> None:
        """The deposit of a pre-sale is in; the balance is due. amount: 0 when the channel does not tell it."""
        self.paid_amount = amount

    @transition(
        field=state,
        source=[
            OrderState.PREPROCESSING,
            OrderState.DELAYED_REVIEW,
            OrderState.PENDING_REVIEW,
            OrderState.PENDING_FINANCE_REVIEW,
        ],
        target=OrderState.APPROVED,
    )
    def approve(self) -> None:
        self.refuse_on_hold("approve")

    @transition(field=state, source=OrderState.APPROVED, target=OrderState.AWAITING_SUPPLY)
    def await_supply(self) -> None:
        """Not enough stock anywhere; it waits until there is."""

    @transition(field=state, source=OrderState.AWAITING_SUPPLY, target=OrderState.APPROVED)
    def supply_arrived(self) -> None:
        """There is stock again; the order looks for its warehouse anew."""

    @transition(field=state, source=OrderState.APPROVED, target=OrderState.IN_FULFILLMENT)
    def start_fulfillment(self) -> None:
        self.refuse_on_hold("start_fulfillment")

    @transition(
        field=state,
        source=[OrderState.IN_FULFILLMENT, OrderState.PARTIALLY_SHIPPED],
        target=OrderState.APPROVED,
    )
    def return_to_routing(self) -> None:
        """The warehouse will not ship it; it looks for another way."""

    @transition(
        field=state,
        source=[OrderState.IN_FULFILLMENT, OrderState.PARTIALLY_SHIPPED],
        target=OrderState.PARTIALLY_SHIPPED,
    )
    def mark_partially_shipped(self) -> None:
        """Some of it has left."""

    @transition(
        field=state, source=[OrderState.IN_FULFILLMENT, OrderState.PARTIALLY_SHIPPED], target=OrderState.SHIPPED
    )
    def mark_shipped(self) -> None:
        """All that was not cancelled has left."""

    @transition(field=state, source=OrderState.SHIPPED, target=OrderState.DELIVERED)
    def mark_delivered(self) -> None:
        """The receiver has it."""

    @transition(field=state, source=OrderState.DELIVERED, target=OrderState.COMPLETED)
    def complete(self) -> None:
        """The buyer confirmed; money is due."""

    @transition(field=state, source=OrderState.PREPROCESSING, target=OrderState.COMPLETED)
    def hand_over(self) -> None:
        """The buyer has paid and taken the goods at a counter: there is nothing left to do."""

    @transition(field=state, source=[*BEFORE_FULFILLMENT, OrderState.IN_FULFILLMENT], target=OrderState.CANCELLED)
    def cancel(self, *, reason: str) -> None:
        self.cancel_reason = reason

    def refuse_on_hold(self, move: str) -> None:
        """Raises OrderOnHold while anything holds the order."""
        if self.is_on_hold:
            raise OrderOnHold(order_id=self.pk, move=move)


class OrderLine(FastRow):
    """So many pieces of one SKU in an order. A bundle is kept as the lines of its parts.

    Quantities decide: ordered = cancelled + unplanned + backordered + reserved + released + shipped, always.
    """

    # The unique key of order and line number is the index.
    order = models.ForeignKey(Order, models.CASCADE, verbose_name=_("order"), related_name="lines", db_index=False)
    line_no = models.PositiveSmallIntegerField(_("line"))
    channel_line_no = models.CharField(_("channel line number"), max_length=64)
    listing_id = models.CharField(_("listing"), max_length=64, blank=True)
    listing_sku_id = models.CharField(_("listing SKU"), max_length=64, blank=True)
    outer_sku = models.CharField(_("SKU code at the channel"), max_length=64, blank=True)
    title = models.CharField(_("title"), max_length=255, blank=True)
    # The choice in words, as the platform sends it: colour, size, set.
    spec = models.CharField(_("choice"), max_length=255, blank=True, default="", db_default="")
    sku = models.ForeignKey(
        Sku,
        models.PROTECT,
        verbose_name=_("SKU"),
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    bundle = models.ForeignKey(
        Sku,
        models.PROTECT,
        verbose_name=_("bundle"),
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    # Of a set that has a weight of its own: what a piece weighs in it; else its SKU says.
    piece_g = models.PositiveIntegerField(_("weight of a piece (g)"), null=True, blank=True)
    unit_price = models.DecimalField(_("unit price"), max_digits=14, decimal_places=2, default=Decimal(0))
    # What the buyer pays for this line after all discounts: the base of refunds and invoices.
    paid_share = models.DecimalField(_("paid share"), max_digits=14, decimal_places=2, default=Decimal(0))
    is_gift = models.BooleanField(_("gift"), default=False)
    refund_status = models.CharField(
        _("refund"), max_length=12, choices=RefundStatus.choices, default=RefundStatus.NONE
    )
    ordered = models.PositiveIntegerField(_("ordered"))
    cancelled = models.PositiveIntegerField(_("cancelled"), default=0)
    unplanned = models.PositiveIntegerField(_("unplanned"), default=0)
    backordered = models.PositiveIntegerField(_("backordered"), default=0)
    reserved = models.PositiveIntegerField(_("reserved"), default=0)
    released = models.PositiveIntegerField(_("released"), default=0)
    shipped = models.PositiveIntegerField(_("shipped"), default=0)
    delivered = models.PositiveIntegerField(_("delivered"), default=0)
    returned = models.PositiveIntegerField(_("returned"), default=0)
    # For a line that waited for supply: from when on its goods are there, as it was last promised.
    promised_on = models.DateField(_("promised on"), null=True, blank=True)

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        indexes = [
            models.Index(fields=["sku"], name="line_waiting_for_sku", condition=Q(backordered__gt=0)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["order", "line_no"], name="line_once_per_order"),
            models.CheckConstraint(
                condition=Q(
                    ordered=F("cancelled")
                    + F("unplanned")
                    + F("backordered")
                    + F("reserved")
                    + F("released")
                    + F("shipped")
                ),
                name="line_quantities_balance",
            ),
            models.CheckConstraint(
                condition=Q(delivered__lte=F("shipped"), returned__lte=F("shipped")),
                name="line_delivered_within_shipped",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}/{self.line_no}"

    def weighs(self, sku: Sku) -> int:
        """Grams of one piece. sku: the line's."""
        return sku.weight_g if self.piece_g is None else self.piece_g


class Hold(models.Model):
    """Why an order may not go on. Open until released; several at once are normal."""

    order = models.ForeignKey(Order, models.CASCADE, verbose_name=_("order"), related_name="holds")
    code = models.CharField(_("reason"), max_length=40)
    case_id = models.BigIntegerField(_("case"), null=True, blank=True)
    opened_at = models.DateTimeField(_("opened at"))
    released_at = models.DateTimeField(_("released at"), null=True, blank=True)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("released by"), null=True, blank=True, related_name="+"
    )
    release_reason = models.CharField(_("reason of release"), max_length=200, blank=True)
    # A person looked and let it pass: the same finding does not hold the order again.
    is_accepted = models.BooleanField(_("accepted by a person"), default=False)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        constraints = [
            models.UniqueConstraint(
                fields=["order", "code"], condition=Q(released_at__isnull=True), name="open_hold_once_per_reason"
            )
        ]

    def __str__(self) -> str:
        return f"{self.order_id} {self.code}"


class SplitPart(models.Model):
    """An order that stands for a part of another one, since the channel split that.

    parent_no, root_no: the number of the order that it was split off, and of the one that the buyer paid; ours may not
    have come yet, or never come.
    """

    order = models.OneToOneField(Order, models.PROTECT, verbose_name=_("order"), related_name="split_part")
    shop = models.ForeignKey(Shop, models.PROTECT, verbose_name=_("shop"), db_index=False)
    parent_no = models.CharField(_("split from"), max_length=64)
    root_no = models.CharField(_("order that was paid"), max_length=64)
    told_at = models.DateTimeField(_("told at"))

    class Meta:
        verbose_name = _("part of a split order")
        verbose_name_plural = _("parts of split orders")
        indexes = [
            models.Index(fields=["shop", "parent_no"], name="split_part_by_parent"),
            models.Index(fields=["shop", "root_no"], name="split_part_by_root"),
        ]

    def __str__(self) -> str:
        return f"{self.parent_no} > {self.order_id}"


class RefundRequest(models.Model):
    """What the channel says about one after-sale request of one line; the newest version wins.

    return_carrier, return_no: the parcel in which the goods come back, as the buyer told the channel.
    """

    order = models.ForeignKey(Order, models.PROTECT, verbose_name=_("order"), related_name="refund_requests")
    channel_refund_no = models.CharField(_("channel refund number"), max_length=64)
    channel_line_no = models.CharField(_("channel line number"), max_length=64, blank=True)
    kind = models.CharField(
        _("kind"), max_length=16, choices=AfterSaleKind.choices, default=AfterSaleKind.REFUND, db_default="refund"
    )
    status = models.CharField(_("status"), max_length=12, choices=RefundStatus.choices)
    quantity = models.PositiveIntegerField(_("pieces"), default=1, db_default=1)
    return_carrier = models.CharField(_("carrier of the return"), max_length=64, blank=True, default="", db_default="")
    return_no = models.CharField(
        _("tracking number of the return"), max_length=64, blank=True, default="", db_default=""
    )
    amount = models.DecimalField(_("amount"), max_digits=14, decimal_places=2)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    version = models.BigIntegerField(_("version"), default=0)
    channel_modified_at = models.DateTimeField(_("changed at the channel"))
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("refund request")
        verbose_name_plural = _("refund requests")
        constraints = [
            models.UniqueConstraint(fields=["order", "channel_refund_no"], name="refund_once_per_order"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="refund_request_amount_positive"),
        ]

    def __str__(self) -> str:
        return self.channel_refund_no
