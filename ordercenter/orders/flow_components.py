"""What orders offer to flows: their fields, the facts that start flows, and the actions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from ordercenter.audit.work import Work
from ordercenter.common.batch import BatchResult
from ordercenter.common.money import to_fen
from ordercenter.events.types import OrderCancelled, OrderPaid, OrderReleased, RefundRequested, TradeFinished
from ordercenter.orders import services
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.services.lookups import contacts_of, skus_of
from ordercenter.orders.states import Grade, OrderState
from ordercenter.workflow.components import StepCall, action, register_subject, register_trigger
from ordercenter.workflow.fields import Catalogue, Field, FieldType

FIELDS = Catalogue(
    [
        Field("order.shop", FieldType.REF, _("Shop")),
        Field("order.grade", FieldType.ENUM, _("Grade"), values=Grade.choices),
        Field("order.state", FieldType.ENUM, _("State"), values=OrderState.choices),
        Field("order.paid_total", FieldType.MONEY, _("Amount paid")),
        Field("order.goods_total", FieldType.MONEY, _("Goods amount")),
        Field("order.freight", FieldType.MONEY, _("Freight")),
        Field("order.line_count", FieldType.NUMBER, _("Number of lines")),
        Field("order.qty_total", FieldType.NUMBER, _("Number of pieces")),
        Field("order.buyer_remark", FieldType.TEXT, _("Buyer's remark")),
        Field("order.seller_remark", FieldType.TEXT, _("Seller's remark")),
        Field("order.paid_at", FieldType.DATETIME, _("Paid at")),
        Field("order.ship_by", FieldType.DATETIME, _("Ship by")),
        Field("order.held", FieldType.BOOL, _("On hold")),
        Field("address.province", FieldType.REF, _("Province")),
        Field("address.city", FieldType.REF, _("City")),
        Field(
            "lines",
            FieldType.LIST,
            _("Lines"),
            fields=(
                Field("sku", FieldType.REF, _("SKU")),
                Field("qty", FieldType.NUMBER, _("Pieces")),
                Field("price", FieldType.MONEY, _("Price")),
                Field("is_gift", FieldType.BOOL, _("Gift")),
            ),
        ),
    ]
)


def load_orders(ids: Sequence[int], paths: frozenset[str], work: Work) -> dict[int, dict[str, Any]]:
    """The values of these fields for many orders: the orders themselves, and lines or receivers only where asked."""
    orders = work.lock(Order, ids)
    values = {pk: _order_values(order) for pk, order in orders.items()}
    if paths & {"lines", "order.line_count", "order.qty_total"}:
        lines = work.lock_children(OrderLine, "order_id", list(orders))
        skus = skus_of(work, [line for group in lines.values() for line in group])
        for pk, group in lines.items():
            values[pk]["order.line_count"] = len(group)
            values[pk]["order.qty_total"] = sum(line.ordered for line in group)
            values[pk]["lines"] = [
                {
                    "sku": skus[line.sku_id].code if line.sku_id is not None and line.sku_id in skus else None,
                    "qty": line.ordered,
                    "price": to_fen(line.unit_price),
                    "is_gift": line.is_gift,
                }
                for line in group
            ]
    if paths & {"address.province", "address.city"}:
        contacts = contacts_of(work, orders.values())
        for pk, order in orders.items():
            contact = contacts.get(order.contact_id or 0)
            values[pk]["address.province"] = contact.province or None if contact else None
            values[pk]["address.city"] = contact.city or None if contact else None
    return {pk: {path: known.get(path) for path in paths} for pk, known in values.items()}


def _order_values(order: Order) -> dict[str, Any]:
    return {
        "order.shop": str(order.shop_id),
        "order.grade": order.grade,
        "order.state": order.state,
        "order.paid_total": to_fen(order.paid_amount),
        "order.goods_total": to_fen(order.goods_amount),
        "order.freight": to_fen(order.freight_amount),
        "order.buyer_remark": order.buyer_remark,
        "order.seller_remark": order.seller_remark,
        "order.paid_at": order.paid_at,
        "order.ship_by": order.ship_by,
        "order.held": order.is_on_hold,
    }


register_subject("order", FIELDS, load_orders, model=Order, place=1)
register_trigger(OrderPaid.name, subject="order", label=_("Order paid"))
register_trigger(OrderReleased.name, subject="order", label=_("Order released"))
register_trigger(OrderCancelled.name, subject="order", label=_("Order cancelled"))
register_trigger(TradeFinished.name, subject="order", label=_("Receipt confirmed at the channel"))
register_trigger(RefundRequested.name, subject="order", label=_("Refund requested"))


@action(
    use="order.match_skus",
    subject="order",
    label=_("Match SKUs, explode bundles"),
    errors=["NEEDS_PERSON"],
    writes=["lines", "order.line_count", "order.qty_total"],
)
def match_skus(call: StepCall) -> None:
    pass_on(call, services.match_skus(order_ids=call.subjects, work=call.work))


@action(use="order.grade", subject="order", label=_("Grade order"), writes=["order.grade"])
def grade_orders(call: StepCall) -> None:
    pass_on(call, services.grade_orders(order_ids=call.subjects, work=call.work))


@action(use="order.check", subject="order", label=_("Check order"), errors=["NEEDS_PERSON"])
def check_orders(call: StepCall) -> None:
    pass_on(call, services.check_orders(order_ids=call.subjects, work=call.work))


@action(
    use="order.approve",
    subject="order",
    label=_("Approve order"),
    errors=["ON_HOLD", "TRANSITION_REFUSED"],
    writes=["order.state"],
    emits=["orders.order.approved"],
    danger=1,
)
def approve_orders(call: StepCall) -> None:
    pass_on(call, services.approve_orders(order_ids=call.subjects, work=call.work))


@action(
    use="order.complete",
    subject="order",
    label=_("Complete order"),
    errors=["TRANSITION_REFUSED"],
    writes=["order.state"],
    emits=["orders.order.completed"],
)
def complete_orders(call: StepCall) -> None:
    pass_on(call, services.complete_orders(order_ids=call.subjects, work=call.work))


def pass_on(call: StepCall, result: BatchResult) -> None:
    """A service's answer about orders as the step's answer."""
    call.go([order.id for order in result.done])
    for refusal in result.refused:
        call.refuse(refusal.key, refusal.error)
