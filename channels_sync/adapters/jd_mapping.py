"""JD's words to ours: the only place that knows the field names of POP orders and refund applications.

Source of the names: public kits and adapters of the platform. Money of an order is yuan text, of a refund fen in
digits; times are GMT+8 text. Nearly everything is text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from channels_sync.adapters import fields
from channels_sync.adapters.base import ChangedOrder, RawRefund
from channels_sync.errors import MessageUnreadable
from ordercenter.common.money import ZERO, split_amount
from ordercenter.orders.intake_types import (
    ChannelStatus,
    IncomingLine,
    IncomingOrder,
    IncomingPayment,
    IncomingReceiver,
    IncomingRefund,
    RefundStatus,
)

ORDER_STATE: dict[str, ChannelStatus] = {
    "NOT_PAY": "created",
    "WAIT_SELLER_STOCK_OUT": "paid",
    "WAIT_SELLER_DELIVERY": "paid",  # overseas
    "LOCKED": "paid",
    "PAUSE": "paid",
    "POP_ORDER_PAUSE": "paid",
    "WAIT_GOODS_RECEIVE_CONFIRM": "shipped",
    "FINISHED_L": "completed",
    "TRADE_CANCELED": "cancelled",  # closed, when it had been paid
}
# LOCKED: a cancellation is under review, so the warehouse has to stop at once.
HELD_STATES = frozenset(("LOCKED", "PAUSE", "POP_ORDER_PAUSE"))
# The seller's audit, then the platform's own: only the latter pays the money back.
REFUND_STATUS: dict[str, RefundStatus] = {
    "0": "requested",
    "1": "agreed",
    "2": "refused",
    "3": "succeeded",
    "4": "refused",
    "5": "agreed",
}
_RANK: dict[RefundStatus, int] = {
    "requested": 0,
    "agreed": 1,
    "returning": 2,
    "refused": 3,
    "withdrawn": 4,
    "succeeded": 5,
}
# Goods of this kind lie in the platform's own warehouse, which ships them.
_SHIPPED_BY_PLATFORM = "21"
_CASH_ON_DELIVERY = "1"
_AFTER_PAYMENT = frozenset(("paid", "part_shipped", "shipped", "completed"))
# There the platform writes the district as the city, and a part of the district as the county.
_MUNICIPALITIES = ("北京", "上海", "天津", "重庆")
_PROVIDER = "jd"
_TITLE_LENGTH = 255
_NAME_LENGTH = 64


def order_in(payload: Any) -> Mapping[str, Any]:
    """The order inside an answer of pop.order.get, or the order itself. Raises MessageUnreadable."""
    found = payload
    if isinstance(found, dict) and "orderId" not in found:
        roots = [value for name, value in found.items() if name.endswith(("_responce", "_response"))]
        found = roots[0] if len(roots) == 1 else found
    for name in ("orderDetailInfo", "orderInfo"):
        if isinstance(found, dict) and "orderId" not in found and name in found:
            found = found[name]
    if not isinstance(found, dict):
        raise MessageUnreadable(path="order", problem="ill_typed")
    return found


def order_number(raw: Mapping[str, Any]) -> str:
    """The order's number as text. Raises MessageUnreadable."""
    return fields.number(raw, "orderId", "order")


def buyer_of(raw: Mapping[str, Any]) -> str:
    """The buyer's open id; "" where there is none: the pin is masked, and then the same for many buyers."""
    for name in ("open_id_buyer", "openIdBuyer", "xid_buyer", "xidBuyer", "realPin", "pin"):
        value = raw.get(name)
        if isinstance(value, str) and value.strip() and "*" not in value and len(value) <= 64:
            return value.strip()
    return ""


def changed_at(raw: Mapping[str, Any]) -> datetime | None:
    """When the order changed last; None where that cannot be read: the order is kept all the same, and read later."""
    try:
        return fields.time(raw, "modified", "order")
    except MessageUnreadable:
        return None


def read_order(payload: Any) -> IncomingOrder:
    """One POP order (pop.order.get, or a row of pop.order.search) in neutral words.

    The total is what the seller is due: the goods after the seller's own discount, and the freight. What the buyer paid
    may be less by coupons and balances that the platform settles with the seller. Raises MessageUnreadable.
    """
    raw = order_in(payload)
    number = order_number(raw)
    state = raw.get("orderState")
    paid_at = fields.time(raw, "paymentConfirmTime", "order") if raw.get("paymentConfirmTime") else None
    status: ChannelStatus = fields.word(ORDER_STATE, raw, "orderState", "order")
    if status == "cancelled" and paid_at is not None:
        status = "closed"
    created_at = fields.time(raw, "orderStartTime", "order")
    is_on_delivery = str(raw.get("payType") or "").partition("-")[0] == _CASH_ON_DELIVERY
    if paid_at is None and status in _AFTER_PAYMENT:
        # Cash on delivery is not paid yet and ships all the same.
        paid_at = created_at
    goods_paid = fields.amount(raw, "orderSellerPrice", "order")
    freight = fields.amount(raw, "freightPrice", "order") if raw.get("freightPrice") else ZERO
    total = goods_paid + freight
    lines = _read_lines(raw, status, goods_paid)
    goods = max(sum((line.unit_price * line.quantity for line in lines), ZERO), goods_paid)
    payment = None
    if paid_at is not None and total and not is_on_delivery:
        payment = IncomingPayment(number, total, paid_at, _PROVIDER, number)
    return IncomingOrder(
        channel_order_no=number,
        status=status,
        held=status in _AFTER_PAYMENT and (state in HELD_STATES or _ships_itself(raw)),
        created_at=created_at,
        paid_at=paid_at,
        modified_at=fields.time(raw, "modified", "order"),
        goods_total=goods,
        discount_total=goods - goods_paid,
        freight=freight,
        total_amount=total,
        currency="CNY",
        buyer_id=buyer_of(raw),
        buyer_nick=fields.text(raw, "pin", "order")[:_NAME_LENGTH],
        buyer_remark=fields.text(raw, "orderRemark", "order"),
        seller_remark=fields.text(raw, "venderRemark", "order"),
        seller_flag=0,
        presale_state=None,
        receiver=_read_receiver(raw),
        lines=lines,
        payment=payment,
        raw_status=str(state),
        split_from=_split_from(raw, number),
    )


def read_changed_order(raw: Mapping[str, Any]) -> ChangedOrder:
    """One row of the list of changed orders. Raises MessageUnreadable."""
    return ChangedOrder(order_number(raw), fields.time(raw, "modified", "order"), dict(raw))


def shipped_numbers(raw: Mapping[str, Any]) -> tuple[bool, set[str]]:
    """Whether an order has left, and the tracking numbers it left with (several are joined by `|` or commas)."""
    order = order_in(raw)
    waybill = fields.text(order, "waybill", "order")
    numbers = {number.strip() for number in waybill.replace(",", "|").split("|")} - {""}
    return read_order(order).status in ("shipped", "completed"), numbers


# --- refunds before shipping ------------------------------------------------------------------------------------------


def read_raw_refund(raw: Mapping[str, Any]) -> RawRefund:
    """A refund application by its numbers, kept whole. Raises MessageUnreadable."""
    return RawRefund(
        channel_refund_no=fields.number(raw, "id", "refund"),
        channel_order_no=fields.number(raw, "order_id", "refund"),
        payload=dict(raw),
        changed_at=_refund_changed_at(raw),
    )


def read_refund(payload: Any) -> IncomingRefund:
    """One application for the money of a whole order before it left, in neutral words. Raises MessageUnreadable.

    The platform's clock has whole seconds, so the version also counts how far the status is.
    """
    if not isinstance(payload, dict):
        raise MessageUnreadable(path="refund", problem="ill_typed")
    status: RefundStatus = fields.numbered(REFUND_STATUS, payload, "status", "refund")
    changed = _refund_changed_at(payload)
    return IncomingRefund(
        channel_refund_no=fields.number(payload, "id", "refund"),
        channel_order_no=fields.number(payload, "order_id", "refund"),
        channel_line_no="",
        status=status,
        phase="onsale",
        amount=fields.fen(payload, "apply_refund_sum", "refund"),
        has_goods_return=False,
        quantity=1,
        reason=fields.text(payload, "reason", "refund"),
        version=int(changed.timestamp()) * 10 + _RANK[status],
        created_at=fields.time(payload, "apply_time", "refund"),
        modified_at=changed,
    )


def _refund_changed_at(raw: Mapping[str, Any]) -> datetime:
    return fields.time(raw, "check_time" if raw.get("check_time") else "apply_time", "refund")


# --- parts of an order ------------------------------------------------------------------------------------------------


def _split_from(raw: Mapping[str, Any], number: str) -> tuple[str, ...]:
    """The orders that JD split this one off: directParentOrderId, then parentOrderId, the order that was paid.

    Both are "0", empty or not there in an order that was not split. The kits name the two fields; that parentOrderId is
    the first and directParentOrderId the nearest of a split that was split again is our reading of the names.
    """
    named = [fields.code(raw, name, "order") for name in ("directParentOrderId", "parentOrderId")]
    return tuple(dict.fromkeys(no for no in named if no.strip("0") and no != number))


def _ships_itself(raw: Mapping[str, Any]) -> bool:
    return str(raw.get("orderType") or "") == _SHIPPED_BY_PLATFORM or bool(raw.get("storeOrder"))


def _read_lines(raw: Mapping[str, Any], status: ChannelStatus, goods_paid: Decimal) -> tuple[IncomingLine, ...]:
    rows = fields.objects(raw, "itemInfoList", "order")
    if not rows:
        raise MessageUnreadable(path="order.itemInfoList", problem="missing", detail="no line")
    prices = [fields.amount(row, "jdPrice", f"order.itemInfoList[{at}]") for at, row in enumerate(rows)]
    counts = [fields.whole(row, "itemTotal", f"order.itemInfoList[{at}]") for at, row in enumerate(rows)]
    numbers = _line_numbers([fields.number(row, "skuId", f"order.itemInfoList[{at}]") for at, row in enumerate(rows)])
    shares = _shares(raw, rows, [price * count for price, count in zip(prices, counts, strict=True)], goods_paid)
    lines = []
    for at, row in enumerate(rows):
        path = f"order.itemInfoList[{at}]"
        lines.append(
            IncomingLine(
                channel_line_no=numbers[at],
                listing_id=fields.code(row, "wareId", path),
                listing_sku_id=fields.number(row, "skuId", path),
                outer_sku=fields.code(row, "outerSkuId", path) or fields.code(row, "productNo", path),
                title=fields.text(row, "skuName", path)[:_TITLE_LENGTH],
                sku_text="",
                quantity=counts[at],
                unit_price=prices[at],
                discount=max(prices[at] * counts[at] - shares[at], ZERO),
                paid_share=shares[at],
                status=status,
                refund_status="none",
                is_gift=not prices[at],
            )
        )
    return tuple(lines)


def _line_numbers(skus: Sequence[str]) -> list[str]:
    """Lines have no number of their own: the SKU's, and a count where one stands twice (a gift beside its like)."""
    seen: dict[str, int] = {}
    numbers = []
    for sku in skus:
        seen[sku] = seen.get(sku, 0) + 1
        numbers.append(sku if seen[sku] == 1 else f"{sku}#{seen[sku]}")
    return numbers


def _shares(
    raw: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], amounts: Sequence[Decimal], goods_paid: Decimal
) -> list[Decimal]:
    """What each line pays. The discounts by SKU count where they are the seller's whole discount; they may also be the
    platform's own, so otherwise the whole is shared by the lines' amounts (by piece where nothing has a price).
    """
    by_sku: dict[str, Decimal] = {}
    for at, coupon in enumerate(fields.objects(raw, "couponDetailList", "order")):
        path = f"order.couponDetailList[{at}]"
        sku = fields.code(coupon, "skuId", path)
        by_sku[sku] = by_sku.get(sku, ZERO) + fields.amount(coupon, "couponPrice", path)
    shares = []
    for row, amount in zip(rows, amounts, strict=True):
        # A SKU that stands twice bears its discount once.
        shares.append(amount - by_sku.pop(fields.code(row, "skuId", "order.itemInfoList"), ZERO))
    if not by_sku and min(shares) >= ZERO and sum(shares, ZERO) == goods_paid:
        return shares
    return split_amount(goods_paid, amounts if sum(amounts, ZERO) else [1] * len(amounts))


def _read_receiver(raw: Mapping[str, Any]) -> IncomingReceiver:
    info = fields.child(raw, "consigneeInfo", "order")
    path = "order.consigneeInfo"
    name = fields.text(info, "fullname", path)
    phone = fields.text(info, "mobile", path) or fields.text(info, "telephone", path)
    parts = [fields.text(info, key, path) for key in ("province", "city", "county", "town")]
    address = fields.text(info, "fullAddress", path)
    for part in parts:
        address = address.removeprefix(part)
    province, city, district, town = parts
    if province.removesuffix("市") in _MUNICIPALITIES and city.removesuffix("市") != province.removesuffix("市"):
        city, district, town = f"{province.removesuffix('市')}市", city, district
    oaid = fields.text(info, "oaid", path) or fields.text(raw, "oaid", "order")
    return IncomingReceiver(
        name=name,
        phone=phone,
        province=province,
        city=city or district,
        district=district,
        town=town,
        address=address,
        zip_code="",
        oaid=oaid,
        is_masked=bool(oaid) or "*" in name or "*" in phone or "*" in address,
    )
