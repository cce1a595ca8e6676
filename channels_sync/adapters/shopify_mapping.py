"""Shopify's words to ours: the only place that knows the field names of its orders and refunds (Admin REST).

Money is text in the shop's currency, taxes in it or on top as `taxes_included` says; times are ISO 8601 with a zone.
Shopify never takes anything off `total_price`, `quantity` and `price`: what is given back stands in `refunds`, so an
order's sums stay those of the day it was placed, and refunds come one by one, by line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from channels_sync.adapters import fields
from channels_sync.adapters.amounts import Sums, apportion
from channels_sync.adapters.base import ChangedOrder, RawRefund
from channels_sync.adapters.provinces import chinese_province
from channels_sync.errors import MessageUnreadable
from ordercenter.common.money import ZERO, smallest_unit, split_amount
from ordercenter.orders.intake_types import (
    ChannelStatus,
    IncomingLine,
    IncomingOrder,
    IncomingPayment,
    IncomingReceiver,
    IncomingRefund,
    LineRefundStatus,
    RefundPhase,
    RefundStatus,
)

# What the state of the money means while nothing has left; what has left decides the rest.
FINANCIAL_STATUS: dict[str, ChannelStatus] = {
    "pending": "created",
    "authorized": "created",
    "partially_paid": "created",
    "expired": "created",
    "paid": "paid",
    "partially_refunded": "paid",
    "refunded": "closed",
    "voided": "cancelled",
}
FULFILLMENT_STATUS: dict[str, ChannelStatus] = {
    "unfulfilled": "paid",
    "partial": "part_shipped",
    "fulfilled": "shipped",
    "restocked": "closed",
    # Of a line that is not sent: a gift card, a service.
    "not_eligible": "paid",
}
TRANSACTION_STATUS: dict[str, RefundStatus] = {
    "success": "succeeded",
    "pending": "agreed",
    "failure": "refused",
    "error": "refused",
}

# Our words below the buyer's in the order's note; everything above is the buyer's.
REMARK_MARK = "--- Order Center ---"
FLAG_TAG = "order-center-flag-"

_TITLE_LENGTH = 255
_AFTER_PAYMENT = frozenset(("paid", "part_shipped", "shipped", "completed"))


def order_in(payload: Any) -> dict[str, Any]:
    """The order itself, also out of an `{"order": ...}` object."""
    order = payload.get("order", payload) if isinstance(payload, dict) else payload
    if not isinstance(order, dict):
        raise MessageUnreadable(path="order", problem="ill_typed")
    return order


def order_number(raw: Mapping[str, Any]) -> str:
    """The order's id as text; its name (#1001) is not the same for ever and not unique over shops."""
    return fields.number(raw, "id", "order")


def buyer_of(raw: Mapping[str, Any]) -> str:
    """The customer's id; "" where there is none that can be read."""
    customer = raw.get("customer")
    try:
        return fields.code(customer, "id", "order.customer") if isinstance(customer, dict) else ""
    except MessageUnreadable:
        return ""


def changed_at(raw: Mapping[str, Any]) -> datetime:
    """When the order last changed. Raises MessageUnreadable."""
    return fields.iso_time(raw, "updated_at", "order")


def read_changed_order(raw: Mapping[str, Any]) -> ChangedOrder:
    """One row of the list of orders. Raises MessageUnreadable."""
    return ChangedOrder(order_number(raw), changed_at(raw), dict(raw))


def read_order(payload: Any) -> IncomingOrder:
    """One Shopify order in neutral words. Raises MessageUnreadable naming the first field that is not as it must be."""
    raw = order_in(payload)
    number = order_number(raw)
    status, word = _status(raw)
    currency = currency_of(raw)
    rows = fields.objects(raw, "line_items", "order")
    if not rows:
        raise MessageUnreadable(path="order.line_items", problem="missing", detail="no line")
    total = fields.kept_amount(raw, "total_price", "order")
    sums = _sums(raw, rows, total, currency)
    is_paid = status in _AFTER_PAYMENT or (status == "closed" and _was_paid(raw))
    paid_at = fields.iso_time(raw, "processed_at" if raw.get("processed_at") else "created_at", "order")
    paid = _paid_amount(raw, total)
    buyer_remark, seller_remark = split_note(fields.text(raw, "note", "order"))
    return IncomingOrder(
        channel_order_no=number,
        status=status,
        # Orders of a shop under test must not reach a warehouse.
        held=status in _AFTER_PAYMENT and fields.flag(raw, "test", "order"),
        created_at=fields.iso_time(raw, "created_at", "order"),
        paid_at=paid_at if is_paid else None,
        modified_at=changed_at(raw),
        goods_total=sums.goods_total,
        discount_total=sums.discount_total,
        freight=sums.freight,
        total_amount=total,
        currency=currency,
        buyer_id=buyer_of(raw),
        buyer_nick=_nick(raw),
        buyer_remark=buyer_remark,
        seller_remark=seller_remark,
        seller_flag=_flag(fields.text(raw, "tags", "order")),
        presale_state=None,
        receiver=_receiver(raw),
        lines=tuple(_line(raw, row, at, sums.shares[at], status) for at, row in enumerate(rows)),
        payment=IncomingPayment(number, paid, paid_at, "shopify", fields.code(raw, "order_number", "order"))
        if is_paid and paid
        else None,
        raw_status=word,
    )


def refunds_in(raw: Mapping[str, Any]) -> tuple[RawRefund, ...]:
    """The refunds of an order, one for each line that is given back, and one for money without goods.

    While an order is unpaid its owner may take lines out, and Shopify writes that as a refund without money: nothing is
    given back, so it is left out here; the smaller sum that is then paid holds the order.
    """
    number = order_number(raw)
    is_paid = raw.get("financial_status") not in ("pending", "authorized", "voided", "expired")
    return tuple(
        part
        for refund in fields.objects(raw, "refunds", "order")
        if is_paid or fields.objects(refund, "transactions", "order.refunds")
        for part in refund_parts(refund, number, currency_of(raw))
    )


def refund_parts(refund: Mapping[str, Any], order_number: str, currency: str) -> list[RawRefund]:
    """One refund by its lines. payload: all that read_refund needs; `part` says which line of it."""
    refund_id = fields.number(refund, "id", "refund")
    rows = fields.objects(refund, "refund_line_items", "refund")
    numbers = [fields.number(row, "id", f"refund.refund_line_items[{at}]") for at, row in enumerate(rows)]
    return [
        RawRefund(
            f"{refund_id}-{numbers[part]}" if rows else refund_id,
            order_number,
            {"order_id": order_number, "currency": currency, "part": part, "refund": dict(refund)},
        )
        for part in range(max(len(rows), 1))
    ]


def read_refund(payload: Any) -> IncomingRefund:
    """One part of a refund (see refund_parts) in neutral words. Raises MessageUnreadable."""
    refund = payload.get("refund") if isinstance(payload, dict) else None
    if not isinstance(refund, dict):
        raise MessageUnreadable(path="refund", problem="missing" if refund is None else "ill_typed")
    rows = fields.objects(refund, "refund_line_items", "refund")
    part = fields.whole(payload, "part", "", least=0, most=max(len(rows) - 1, 0))
    status, money = _returned_money(refund)
    row, path = (rows[part], f"refund.refund_line_items[{part}]") if rows else ({}, "refund")
    weights = [max(fields.precise(r, "subtotal", path) + fields.precise(r, "total_tax", path), ZERO) for r in rows] or [
        Decimal(1)
    ]
    if not sum(weights):
        weights = [Decimal(1)] * len(weights)
    made_at = fields.iso_time(refund, "created_at", "refund")
    modified_at = fields.iso_time(refund, "processed_at", "refund") if refund.get("processed_at") else made_at
    restock = fields.text(row, "restock_type", path)
    phase: RefundPhase = "aftersale" if restock == "return" else "onsale"
    return IncomingRefund(
        channel_refund_no=f"{fields.number(refund, 'id', 'refund')}-{fields.number(row, 'id', path)}"
        if rows
        else fields.number(refund, "id", "refund"),
        channel_order_no=fields.number(payload, "order_id", "refund"),
        channel_line_no=fields.number(row, "line_item_id", path) if rows else "",
        status=status,
        phase=phase,
        amount=split_amount(money, weights)[part],
        has_goods_return=restock == "return",
        quantity=fields.whole_or(1, row, "quantity", path),
        reason=fields.text(refund, "note", "refund"),
        # Of one refund only the state of its money changes, and that goes one way.
        version=1 if status == "agreed" else 2,
        created_at=made_at,
        modified_at=max(made_at, modified_at),
        kind="return" if restock == "return" else "refund",
    )


def split_note(note: str) -> tuple[str, str]:
    """What the buyer wrote and what we wrote below it."""
    buyers, _mark, ours = note.partition(REMARK_MARK)
    return buyers.strip(), ours.strip()


def joined_note(note: str, remark: str) -> str:
    """The order's note with our remark in the place of an earlier one; the buyer's words stay."""
    buyers, _ours = split_note(note)
    return f"{buyers}\n{REMARK_MARK}\n{remark}".strip() if remark else buyers


def joined_tags(tags: str, flag: int) -> str:
    """The order's tags with our flag in the place of an earlier one; 0 takes it away."""
    others = [tag.strip() for tag in tags.split(",") if tag.strip() and not tag.strip().startswith(FLAG_TAG)]
    return ", ".join([*others, *([f"{FLAG_TAG}{flag}"] if flag else [])])


def currency_of(raw: Mapping[str, Any]) -> str:
    """The shop's currency, in which all plain amounts stand; what the buyer saw (presentment) is beside them."""
    currency = raw.get("currency")
    if type(currency) is str and len(currency) == 3 and currency.isascii() and currency.isupper():
        return currency
    raise MessageUnreadable(path="order.currency", problem="missing" if currency is None else "ill_typed")


def _status(raw: Mapping[str, Any]) -> tuple[ChannelStatus, str]:
    money: ChannelStatus = fields.word(FINANCIAL_STATUS, raw, "financial_status", "order")
    goods: ChannelStatus = fields.word_or("paid", FULFILLMENT_STATUS, raw, "fulfillment_status", "order")
    word = f"{raw['financial_status']}/{raw.get('fulfillment_status') or 'unfulfilled'}"
    if raw.get("cancelled_at"):
        return ("closed" if _was_paid(raw) else "cancelled"), f"cancelled, {word}"
    if money in ("closed", "cancelled"):
        return money, word
    if goods == "paid" or money == "created" and goods != "closed":
        return money, word
    if goods == "shipped" and _is_delivered(raw):
        # `closed_at` says nothing about the parcel: a shop puts orders away as soon as they are sent.
        return "completed", word
    return goods, word


def _was_paid(raw: Mapping[str, Any]) -> bool:
    return raw.get("financial_status") in ("paid", "partially_refunded", "refunded")


def _is_delivered(raw: Mapping[str, Any]) -> bool:
    rows = [row for row in fields.objects(raw, "fulfillments", "order") if row.get("status", "success") == "success"]
    return bool(rows) and all(row.get("shipment_status") == "delivered" for row in rows)


def _sums(raw: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], total: Decimal, currency: str) -> Sums:
    is_on_top = not fields.flag(raw, "taxes_included", "order")
    listed, shares = [], []
    for at, row in enumerate(rows):
        path = f"order.line_items[{at}]"
        price = fields.precise(row, "price", path) * fields.whole(row, "quantity", path)
        allocations = fields.objects(row, "discount_allocations", path)
        discount = sum((fields.precise(part, "amount", f"{path}.discount_allocations") for part in allocations), ZERO)
        if not allocations:
            discount = fields.precise(row, "total_discount", path)
        tax = _taxes(row, path) if is_on_top else ZERO
        listed.append(price + tax)
        shares.append(price - discount + tax)
    freight = ZERO
    for at, row in enumerate(fields.objects(raw, "shipping_lines", "order")):
        path = f"order.shipping_lines[{at}]"
        key = "discounted_price" if row.get("discounted_price") not in (None, "") else "price"
        freight += fields.precise(row, key, path) + (_taxes(row, path) if is_on_top else ZERO)
    return apportion(total=total, listed=listed, shares=shares, freight=freight, unit=smallest_unit(currency))


def _taxes(row: Mapping[str, Any], path: str) -> Decimal:
    return sum(
        (fields.precise(tax, "price", f"{path}.tax_lines") for tax in fields.objects(row, "tax_lines", path)), ZERO
    )


def _paid_amount(raw: Mapping[str, Any], total: Decimal) -> Decimal:
    """What came in: the whole, or what an order edited before it was paid came to, which then holds it."""
    has_money_back = any(
        fields.objects(refund, "transactions", "order.refunds") for refund in fields.objects(raw, "refunds", "order")
    )
    if has_money_back or raw.get("current_total_price") in (None, "") or raw.get("financial_status") != "paid":
        return total
    return fields.kept_amount(raw, "current_total_price", "order")


def _returned_money(refund: Mapping[str, Any]) -> tuple[RefundStatus, Decimal]:
    """The state of a refund and its sum: of its transactions the best one decides; without any no money is due."""
    rows = [row for row in fields.objects(refund, "transactions", "refund") if row.get("kind", "refund") == "refund"]
    if not rows:
        return "succeeded", ZERO
    found: dict[RefundStatus, Decimal] = {}
    for at, row in enumerate(rows):
        path = f"refund.transactions[{at}]"
        status: RefundStatus = fields.word(TRANSACTION_STATUS, row, "status", path)
        found[status] = found.get(status, ZERO) + fields.kept_amount(row, "amount", path)
    for status in ("succeeded", "agreed", "refused"):
        if status in found:
            return status, found[status]
    raise AssertionError("every row has one of the three")


def _line(
    raw: Mapping[str, Any], row: Mapping[str, Any], at: int, share: Decimal, order_status: ChannelStatus
) -> IncomingLine:
    path = f"order.line_items[{at}]"
    quantity = fields.whole(row, "quantity", path)
    price = fields.precise(row, "price", path).quantize(ZERO)
    number = fields.number(row, "id", path)
    status = order_status
    if order_status in _AFTER_PAYMENT - {"completed"}:
        status = fields.word_or("paid", FULFILLMENT_STATUS, row, "fulfillment_status", path)
    return IncomingLine(
        channel_line_no=number,
        listing_id=fields.code(row, "product_id", path),
        listing_sku_id=fields.code(row, "variant_id", path),
        outer_sku=fields.text(row, "sku", path)[:64],
        title=fields.text(row, "title", path)[:_TITLE_LENGTH],
        sku_text=fields.text(row, "variant_title", path)[:_TITLE_LENGTH],
        quantity=quantity,
        unit_price=price,
        discount=max(price * quantity - share, ZERO),
        paid_share=share,
        status=status,
        refund_status=_line_refund(raw, number, quantity),
        is_gift=False,
    )


def _line_refund(raw: Mapping[str, Any], number: str, quantity: int) -> LineRefundStatus:
    """Refunded when all pieces are given back; a part of them stays a line that ships."""
    back = 0
    for refund in fields.objects(raw, "refunds", "order"):
        for row in fields.objects(refund, "refund_line_items", "order.refunds"):
            if fields.code(row, "line_item_id", "order.refunds.refund_line_items") == number:
                back += fields.whole_or(0, row, "quantity", "order.refunds.refund_line_items")
    return "refunded" if back >= quantity else "none"


def _nick(raw: Mapping[str, Any]) -> str:
    """The buyer as a page may show them: the first sign of the name."""
    customer = raw.get("customer")
    if not isinstance(customer, dict):
        return ""
    name = fields.text(customer, "last_name", "order.customer") or fields.text(customer, "first_name", "order.customer")
    return f"{name[:1]}**" if name else ""


def _flag(tags: str) -> int:
    for tag in tags.split(","):
        digits = tag.strip().removeprefix(FLAG_TAG)
        if tag.strip().startswith(FLAG_TAG) and digits in ("1", "2", "3", "4", "5"):
            return int(digits)
    return 0


def _receiver(raw: Mapping[str, Any]) -> IncomingReceiver:
    """Where the goods go; all empty for what needs no carriage. Abroad the country stands at the address's end."""
    found = raw.get("shipping_address")
    address = found if found is not None else {}
    if not isinstance(address, dict):
        raise MessageUnreadable(path="order.shipping_address", problem="ill_typed")
    return receiver_of(address, "order.shipping_address", name=_name(address, "order.shipping_address"))


def _name(address: Mapping[str, Any], path: str) -> str:
    name = fields.text(address, "name", path)
    return name or " ".join(
        filter(None, (fields.text(address, "first_name", path), fields.text(address, "last_name", path)))
    )


def receiver_of(address: Mapping[str, Any], path: str, *, name: str) -> IncomingReceiver:
    """A receiver from the fields that Shopify names like many others: address1, address2, city, province, zip."""
    is_abroad = fields.code(address, "country_code", path) not in ("", "CN")
    street = [fields.text(address, key, path).strip() for key in ("address1", "address2", "company")]
    if is_abroad:
        street.append(fields.text(address, "country", path) or fields.code(address, "country_code", path))
    return IncomingReceiver(
        name=name.strip(),
        phone=fields.text(address, "phone", path).strip(),
        province=_province(address, path, is_abroad=is_abroad),
        city=fields.text(address, "city", path).strip(),
        district="",
        town="",
        address=" ".join(filter(None, street)),
        zip_code=fields.code(address, "zip", path),
        oaid="",
        is_masked=False,
    )


def _province(address: Mapping[str, Any], path: str, *, is_abroad: bool) -> str:
    province = fields.text(address, "province", path).strip()
    return province if is_abroad else chinese_province(province, fields.code(address, "province_code", path))
