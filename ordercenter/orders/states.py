"""The states of an order and of a hold, and what they mean. The channel's own state is kept beside, never mixed in."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class OrderState(models.TextChoices):
    """Where an order stands. An exception is no state: holds and cases sit beside it."""

    PENDING_PAYMENT = "pending_payment", _("Pending payment")
    AWAITING_BALANCE = "awaiting_balance", _("Awaiting balance")
    PREPROCESSING = "preprocessing", _("Preprocessing")
    DELAYED_REVIEW = "delayed_review", _("Delayed review")
    PENDING_REVIEW = "pending_review", _("Pending review")
    PENDING_FINANCE_REVIEW = "pending_finance_review", _("Pending finance review")
    APPROVED = "approved", _("Approved")
    AWAITING_SUPPLY = "awaiting_supply", _("Awaiting supply")
    IN_FULFILLMENT = "in_fulfillment", _("In fulfilment")
    PARTIALLY_SHIPPED = "partially_shipped", _("Partially shipped")
    SHIPPED = "shipped", _("Shipped")
    DELIVERED = "delivered", _("Delivered")
    COMPLETED = "completed", _("Completed")
    CANCELLED = "cancelled", _("Cancelled")
    ARCHIVED = "archived", _("Archived")


class Grade(models.TextChoices):
    """How urgent an order is."""

    RUSH = "rush", _("Rush")
    VIP = "vip", _("VIP")
    NORMAL = "normal", _("Normal")


class RefundStatus(models.TextChoices):
    """What the channel says about a refund of a line."""

    NONE = "none", _("No refund")
    REQUESTED = "requested", _("Refund requested")
    AGREED = "agreed", _("Refund agreed")
    RETURNING = "returning", _("Goods coming back")
    REFUSED = "refused", _("Refund refused")
    CLOSED = "closed", _("Refund withdrawn")
    REFUNDED = "refunded", _("Refunded")


class AfterSaleKind(models.TextChoices):
    """What a buyer asks for: see orders.intake_types.AfterSaleKind."""

    REFUND = "refund", _("Refund only")
    RETURN = "return", _("Return and refund")
    EXCHANGE = "exchange", _("Exchange")
    RESEND = "resend", _("Sent once more")
    REPAIR = "repair", _("Repair")
    PRICE_PROTECTION = "price_protection", _("Price protection")


# Goods for goods: no money goes back.
GOODS_FOR_GOODS = (AfterSaleKind.EXCHANGE, AfterSaleKind.RESEND, AfterSaleKind.REPAIR)
# What the buyer holds is to come back to us.
GOODS_COME_BACK = (AfterSaleKind.RETURN, AfterSaleKind.EXCHANGE, AfterSaleKind.REPAIR)


class GradeRuleKind(models.TextChoices):
    """What a grade rule asks."""

    WORDS = "words", _("Words in a remark")
    VIP = "vip", _("Buyer on the VIP list")
    HOURS = "hours", _("Little time left to ship")
    AMOUNT = "amount", _("Amount paid")
    CHANNEL = "channel", _("Penalty of the platform")


class GiftRuleKind(models.TextChoices):
    """What earns a gift."""

    AMOUNT = "amount", _("Amount reached")
    PIECES = "pieces", _("Number of pieces reached")
    GOODS = "goods", _("Certain goods bought")
    CYCLE = "cycle", _("Every n-th order")


class CycleCount(models.TextChoices):
    """Whose orders are counted."""

    SHOP = "shop", _("all buyers")
    BUYER = "buyer", _("one buyer")


# States in which nothing has been promised to a warehouse yet.
BEFORE_FULFILLMENT = (
    OrderState.PENDING_PAYMENT,
    OrderState.AWAITING_BALANCE,
    OrderState.PREPROCESSING,
    OrderState.DELAYED_REVIEW,
    OrderState.PENDING_REVIEW,
    OrderState.PENDING_FINANCE_REVIEW,
    OrderState.APPROVED,
    OrderState.AWAITING_SUPPLY,
)
PAYABLE = (OrderState.PENDING_PAYMENT, OrderState.AWAITING_BALANCE)
CLOSED_STATES = (OrderState.COMPLETED, OrderState.CANCELLED, OrderState.ARCHIVED)
