"""WeChat shop's words to ours: the only place that knows the field names of its orders, after-sales and events.

Money is integer fen, times are Unix seconds. An order names its lines by product and SKU; both together are the line's
number here. Sources: the protocol notes of a public Java kit, and public copies of the platform's own pages (statuses
12 and 13, `hash_code`, `address_under_review`, `after_sale_order`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from channels_sync.adapters import fields
from channels_sync.adapters.base import RawRefund
from channels_sync.errors import MessageUnreadable
from ordercenter.common.money import ZERO, split_amount
from ordercenter.orders.intake_types import (
    AfterSaleKind,
    ChannelStatus,
    IncomingLine,
    IncomingOrder,
    IncomingPayment,
    IncomingReceiver,
    IncomingRefund,
    LineRefundStatus,
    RefundStatus,
)

ORDER_STATUS: dict[int, ChannelStatus] = {
    10: "created",
    12: "paid",  # a gift that its receiver has not accepted
    13: "paid",  # a group that is not complete
    20: "paid",
    21: "part_shipped",
    30: "shipped",
    100: "completed",
    190: "cancelled",
    200: "closed",
    250: "cancelled",
}
WAITING = (12, 13)
# Money went back by the successes of refund and return only; an exchange brings goods.
REFUND_STATUS: dict[str, RefundStatus] = {
    "USER_CANCELD": "withdrawn",
    "MERCHANT_PROCESSING": "requested",
    "MERCHANT_REJECT_REFUND": "refused",
    "MERCHANT_REJECT_RETURN": "refused",
    "USER_WAIT_RETURN": "agreed",
    "RETURN_CLOSED": "withdrawn",
    "MERCHANT_WAIT_RECEIPT": "returning",
    "MERCHANT_OVERDUE_REFUND": "agreed",
    "MERCHANT_REFUND_SUCCESS": "succeeded",
    "MERCHANT_RETURN_SUCCESS": "succeeded",
    "MERCHANT_EXCHANGE_SUCCESS": "succeeded",
    "PLATFORM_REFUNDING": "agreed",
    "PLATFORM_REFUND_FAIL": "agreed",
    "USER_WAIT_CONFIRM": "requested",
    "MERCHANT_REFUND_RETRY_FAIL": "withdrawn",
    "MERCHANT_FAIL": "withdrawn",
    "USER_WAIT_CONFIRM_UPDATE": "requested",
    "USER_WAIT_HANDLE_MERCHANT_AFTER_SALE": "requested",
}
AFTER_SALE_KIND: dict[str, AfterSaleKind] = {
    "REFUND": "refund",
    "RETURN": "return",
    "EXCHANGE": "exchange",
    "RESHIP": "resend",
}
WITH_GOODS = frozenset(("return", "exchange"))
# WeChat Pay takes the money at once; the other ways bring it later, or bring none.
PAID_AT_ONCE = 1
PROVIDER = "wechatpay"

_TITLE_LENGTH = 255
_NOTE_LENGTH = 2000
_REASON_LENGTH = 200
_AFTER_PAYMENT = frozenset(("paid", "part_shipped", "shipped", "completed"))


def order_in(payload: Any) -> Mapping[str, Any]:
    """The order inside an answer of order/get, or the order itself."""
    return _inside(payload, "order")


def refund_in(payload: Any) -> Mapping[str, Any]:
    """The after-sale inside an answer of getaftersaleorder, or the after-sale itself."""
    return _inside(payload, "after_sale_order")


def line_no(product: Mapping[str, Any], path: str) -> str:
    """What names a line: product and SKU."""
    return f"{fields.number(product, 'product_id', path)}-{fields.number(product, 'sku_id', path)}"


def parts_of(number: str) -> tuple[str, str]:
    """Product and SKU of a line's number; a repeated line's running number is left off."""
    product_id, _dash, rest = number.partition("-")
    return product_id, rest.partition("-")[0]


def buyer_of(raw: Mapping[str, Any]) -> str:
    """The buyer's openid; "" where none can be read: the order is kept all the same, and read later."""
    try:
        return fields.code(raw, "openid", "order")
    except MessageUnreadable:
        return ""


def changed_at(raw: Mapping[str, Any], path: str = "order") -> datetime | None:
    """When it changed last; None where that cannot be read."""
    try:
        return fields.unix_time(raw, "update_time", path)
    except MessageUnreadable:
        return None


def read_order(payload: Any) -> IncomingOrder:
    """One order (as order/get gives it) in neutral words.

    Raises MessageUnreadable naming the first mandatory field that is missing, ill-typed or of an unknown value.
    """
    raw = order_in(payload)
    number = fields.number(raw, "order_id", "order")
    code = fields.whole(raw, "status", "order", least=0)
    if code not in ORDER_STATUS:
        raise MessageUnreadable(path="order.status", problem="unknown_value", detail=str(code))
    detail = _needed(raw, "order_detail", "order")
    prices = _needed(detail, "price_info", "order.order_detail")
    pay = fields.child(detail, "pay_info", "order.order_detail")
    delivery = fields.child(detail, "delivery_info", "order.order_detail")
    extra = fields.child(detail, "ext_info", "order.order_detail")
    paid_at = _paid_at(raw, pay, ORDER_STATUS[code])
    # What was paid for and is over was closed; what was never paid for was cancelled.
    status: ChannelStatus = "closed" if ORDER_STATUS[code] == "cancelled" and paid_at else ORDER_STATUS[code]
    total = fields.fen(prices, "order_price", "order.order_detail.price_info")
    freight = min(_freight(prices), total)
    goods = max(fields.fen(prices, "product_price", "order.order_detail.price_info"), total - freight)
    return IncomingOrder(
        channel_order_no=number,
        status=status,
        held=status in _AFTER_PAYMENT and (code in WAITING or bool(delivery.get("address_under_review"))),
        created_at=fields.unix_time(raw, "create_time", "order"),
        paid_at=paid_at,
        modified_at=fields.unix_time(raw, "update_time", "order"),
        goods_total=goods,
        discount_total=goods + freight - total,
        freight=freight,
        total_amount=total,
        currency="CNY",
        buyer_id=fields.code(raw, "openid", "order"),
        buyer_nick="",
        buyer_remark=fields.text(extra, "customer_notes", "order.order_detail.ext_info")[:_NOTE_LENGTH],
        seller_remark=fields.text(extra, "merchant_notes", "order.order_detail.ext_info")[:_NOTE_LENGTH],
        seller_flag=0,
        presale_state=None,
        receiver=_receiver(fields.child(delivery, "address_info", "order.order_detail.delivery_info")),
        lines=_lines(detail, delivery, status, total - freight),
        payment=_payment(pay, total, paid_at),
        raw_status=str(code),
        ship_by=_ship_by(detail) if status in _AFTER_PAYMENT else None,
    )


def read_refund(payload: Any) -> IncomingRefund:
    """One after-sale (as getaftersaleorder gives it) in neutral words. Raises MessageUnreadable."""
    raw = refund_in(payload)
    path = "after_sale_order"
    product = _needed(raw, "product_info", path)
    money = fields.child(raw, "refund_info", path)
    back = fields.child(raw, "return_info", path)
    kind: AfterSaleKind = fields.word(AFTER_SALE_KIND, raw, "type", path)
    money_back = kind in ("refund", "return")
    modified_at = fields.unix_time(raw, "update_time", path)
    return IncomingRefund(
        channel_refund_no=fields.number(raw, "after_sale_order_id", path),
        channel_order_no=fields.number(raw, "order_id", path),
        channel_line_no=line_no(product, f"{path}.product_info"),
        status=fields.word(REFUND_STATUS, raw, "status", path),
        # The platform does not say whether the order was finished by then.
        phase="aftersale" if kind in WITH_GOODS else "onsale",
        amount=fields.fen(money, "amount", f"{path}.refund_info") if money_back else ZERO,
        has_goods_return=kind in WITH_GOODS,
        quantity=fields.whole_or(1, product, "count", f"{path}.product_info"),
        reason=fields.text(raw, "reason_text", path)[:_REASON_LENGTH],
        version=int(modified_at.timestamp()),
        created_at=fields.unix_time(raw, "create_time", path),
        modified_at=modified_at,
        kind=kind,
        return_carrier=fields.code(back, "delivery_id", f"{path}.return_info"),
        return_no=fields.code(back, "waybill_id", f"{path}.return_info"),
    )


def raw_refund(payload: Any) -> RawRefund:
    """An after-sale as it is kept. Raises MessageUnreadable when it names neither itself nor its order."""
    raw = refund_in(payload)
    return RawRefund(
        fields.number(raw, "after_sale_order_id", "after_sale_order"),
        fields.number(raw, "order_id", "after_sale_order"),
        dict(raw),
        changed_at(raw, "after_sale_order"),
    )


def sent_pieces(raw: Mapping[str, Any]) -> tuple[Counter[tuple[str, str]], set[str]]:
    """What has left by (product, SKU), and the numbers of all parcels."""
    path = "order.order_detail.delivery_info"
    delivery = fields.child(fields.child(raw, "order_detail", "order"), "delivery_info", "order.order_detail")
    sent: Counter[tuple[str, str]] = Counter()
    numbers = set()
    for at, parcel in enumerate(fields.objects(delivery, "delivery_product_info", path)):
        here = f"{path}.delivery_product_info[{at}]"
        numbers.add(fields.code(parcel, "waybill_id", here))
        for item in fields.objects(parcel, "product_infos", here):
            product = fields.number(item, "product_id", here), fields.number(item, "sku_id", here)
            sent[product] += fields.whole(item, "product_cnt", here)
    return sent, numbers - {""}


def ordered_pieces(raw: Mapping[str, Any]) -> Counter[tuple[str, str]]:
    """What can leave by (product, SKU): what was ordered and not given back."""
    detail = _needed(raw, "order_detail", "order")
    ordered: Counter[tuple[str, str]] = Counter()
    for at, item in enumerate(_products(detail)):
        path = f"order.order_detail.product_infos[{at}]"
        product = fields.number(item, "product_id", path), fields.number(item, "sku_id", path)
        back = fields.whole_or(0, item, "finish_aftersale_sku_cnt", path)
        ordered[product] += max(0, fields.whole(item, "sku_cnt", path) - back)
    return ordered


def _inside(payload: Any, name: str) -> Mapping[str, Any]:
    inner = payload.get(name, payload) if isinstance(payload, dict) else payload
    if not isinstance(inner, dict):
        raise MessageUnreadable(path=name, problem="ill_typed")
    return inner


def _needed(raw: Mapping[str, Any], key: str, path: str) -> Mapping[str, Any]:
    found = fields.child(raw, key, path)
    if not found:
        raise MessageUnreadable(path=f"{path}.{key}", problem="missing")
    return found


def _products(detail: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found = fields.objects(detail, "product_infos", "order.order_detail")
    if not found:
        raise MessageUnreadable(path="order.order_detail.product_infos", problem="missing")
    return found


def _paid_at(raw: Mapping[str, Any], pay: Mapping[str, Any], status: ChannelStatus) -> datetime | None:
    paid_at = fields.unix_time_or_none(pay, "pay_time", "order.order_detail.pay_info")
    if paid_at is None and status in _AFTER_PAYMENT:
        # Use first, pay later: it may be shipped, and no money has come.
        if _method(pay) == PAID_AT_ONCE:
            raise MessageUnreadable(path="order.order_detail.pay_info.pay_time", problem="missing")
        return fields.unix_time(raw, "create_time", "order")
    return paid_at


def _method(pay: Mapping[str, Any]) -> int:
    return fields.whole_or(PAID_AT_ONCE, pay, "payment_method", "order.order_detail.pay_info")


def _payment(pay: Mapping[str, Any], total: Decimal, paid_at: datetime | None) -> IncomingPayment | None:
    """None where no money came: nothing was paid, or it was not by WeChat Pay at once."""
    external_no = fields.code(pay, "transaction_id", "order.order_detail.pay_info")
    if paid_at is None or not external_no or not total or _method(pay) != PAID_AT_ONCE:
        return None
    return IncomingPayment(external_no, total, paid_at, PROVIDER, "")


def _freight(prices: Mapping[str, Any]) -> Decimal:
    path = "order.order_detail.price_info"
    if fields.flag(prices, "is_change_freight", path):
        return fields.fen_or_zero(prices, "change_freight", path)
    return fields.fen_or_zero(prices, "freight", path)


def _lines(
    detail: Mapping[str, Any], delivery: Mapping[str, Any], status: ChannelStatus, goods_paid: Decimal
) -> tuple[IncomingLine, ...]:
    products = _products(detail)
    shares = _shares(products, goods_paid)
    sent, _numbers = sent_pieces({"order_detail": {"delivery_info": delivery}})
    seen: Counter[str] = Counter()
    # The order as a whole came from a live room; finder_id is whose channel it was.
    extra = fields.child(detail, "ext_info", "order.order_detail")
    room, anchor = (fields.code(extra, key, "order.order_detail.ext_info") for key in ("live_id", "finder_id"))
    lines = []
    for at, item in enumerate(products):
        path = f"order.order_detail.product_infos[{at}]"
        number = line_no(item, path)
        seen[number] += 1
        quantity = fields.whole(item, "sku_cnt", path)
        price = fields.fen(item, "sale_price", path)
        product = parts_of(number)
        left = min(sent[product], quantity)
        sent[product] -= left
        lines.append(
            IncomingLine(
                # The same goods twice, bought and as a gift: the second has a running number.
                channel_line_no=number if seen[number] == 1 else f"{number}-{seen[number]}",
                listing_id=product[0],
                listing_sku_id=product[1],
                outer_sku=fields.code(item, "sku_code", path) or fields.code(item, "out_sku_id", path),
                title=fields.text(item, "title", path)[:_TITLE_LENGTH],
                sku_text=_attributes(item, path)[:_TITLE_LENGTH],
                quantity=quantity,
                unit_price=price,
                discount=max(price * quantity - shares[at], ZERO),
                paid_share=shares[at],
                status=_line_status(status, left, quantity),
                refund_status=_refund_status(item, path, quantity),
                is_gift=fields.flag(item, "is_free_gift", path),
                live_room_id="" if room == "0" else room,
                live_author_id=anchor if room not in ("", "0") else "",
            )
        )
    return tuple(lines)


def _shares(products: Sequence[Mapping[str, Any]], goods_paid: Decimal) -> list[Decimal]:
    """What each line pays. Where the platform's own shares do not add up to what was paid, they are the weights."""
    shares = []
    for at, item in enumerate(products):
        path = f"order.order_detail.product_infos[{at}]"
        key = "real_price" if item.get("real_price") is not None else "estimate_price"
        shares.append(fields.fen_or_zero(item, key, path))
    if sum(shares) == goods_paid:
        return shares
    weights = shares if sum(shares) else [Decimal(1)] * len(shares)
    return split_amount(goods_paid, weights)


def _line_status(status: ChannelStatus, left: int, quantity: int) -> ChannelStatus:
    if status != "part_shipped":
        return status
    return "shipped" if left >= quantity else "part_shipped" if left else "paid"


def _refund_status(item: Mapping[str, Any], path: str, quantity: int) -> LineRefundStatus:
    if fields.whole_or(0, item, "on_aftersale_sku_cnt", path):
        return "requested"
    return "refunded" if fields.whole_or(0, item, "finish_aftersale_sku_cnt", path) >= quantity else "none"


def _attributes(item: Mapping[str, Any], path: str) -> str:
    pairs = (
        (fields.text(attr, "attr_key", path), fields.text(attr, "attr_value", path))
        for attr in fields.objects(item, "sku_attrs", path)
    )
    return ";".join(f"{key}:{value}" for key, value in pairs)


def _ship_by(detail: Mapping[str, Any]) -> datetime | None:
    """The earliest of the lines' deadlines."""
    times = (
        fields.unix_time_or_none(item, "delivery_deadline", f"order.order_detail.product_infos[{at}]")
        for at, item in enumerate(_products(detail))
    )
    return min((time for time in times if time is not None), default=None)


def _receiver(raw: Mapping[str, Any]) -> IncomingReceiver:
    path = "order.order_detail.delivery_info.address_info"
    name = fields.text(raw, "user_name", path)
    phone = fields.text(raw, "tel_number", path)
    address = fields.text(raw, "detail_info", path) + fields.text(raw, "house_number", path)
    district = fields.text(raw, "county_name", path)
    return IncomingReceiver(
        name=name,
        phone=phone,
        province=fields.text(raw, "province_name", path),
        city=fields.text(raw, "city_name", path) or district,
        district=district,
        town="",
        address=address,
        zip_code=fields.text(raw, "postal_code", path),
        # The platform's own name for one buyer at one address.
        oaid=fields.code(raw, "hash_code", path),
        is_masked="*" in name or "*" in phone or "*" in address,
    )
