"""WooCommerce's words to ours: the only place that knows the field names of its orders and refunds (REST API v3).

Money is text; the sums of a line (`total`, `subtotal`) never hold tax, whatever the shop shows its buyers: the tax
stands beside them and is added here. Lines may be finer than a hundredth, the order's `total` is not. Times: the
`*_gmt` fields, which are UTC without saying so.
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
)

ORDER_STATUS: dict[str, ChannelStatus] = {
    "pending": "created",
    # Waits for the money of a transfer, or, paid already, for a person of the shop: see `read_order`.
    "on-hold": "created",
    "processing": "paid",
    "completed": "completed",
    "cancelled": "cancelled",
    "refunded": "closed",
    "failed": "cancelled",
}
# No orders: a basket that was never sent, and what lies in the bin.
NO_ORDERS = frozenset(("checkout-draft", "auto-draft", "trash"))

_TITLE_LENGTH = 255
_AFTER_PAYMENT = frozenset(("paid", "completed", "closed"))


def order_number(raw: Mapping[str, Any]) -> str:
    """The order's id as text."""
    return fields.number(raw, "id", "order")


def is_order(raw: Mapping[str, Any]) -> bool:
    """Whether this is an order yet."""
    return raw.get("status") not in NO_ORDERS


def buyer_of(raw: Mapping[str, Any]) -> str:
    """The customer's number; "" for guests (0) and where it cannot be read."""
    try:
        number = fields.code(raw, "customer_id", "order")
    except MessageUnreadable:
        return ""
    return "" if number == "0" else number


def changed_at(raw: Mapping[str, Any]) -> datetime:
    """When the order last changed. Raises MessageUnreadable."""
    return fields.utc_time(raw, "date_modified_gmt", "order")


def read_changed_order(raw: Mapping[str, Any]) -> ChangedOrder:
    """One row of the list of orders. Raises MessageUnreadable."""
    return ChangedOrder(order_number(raw), changed_at(raw), dict(raw))


def read_order(payload: Any) -> IncomingOrder:
    """One WooCommerce order in neutral words. Raises MessageUnreadable naming the first field that is not right.

    The payment goes by the order's key, which is unique over shops where an order's number is not; `transaction_id`,
    where there is one, is its number at the provider.
    """
    raw = payload
    if not isinstance(raw, dict):
        raise MessageUnreadable(path="order", problem="ill_typed")
    number = order_number(raw)
    status: ChannelStatus = fields.word(ORDER_STATUS, raw, "status", "order")
    word = str(raw["status"])
    has_date = bool(raw.get("date_paid_gmt"))
    if word == "on-hold" and has_date:
        status = "paid"
    rows = fields.objects(raw, "line_items", "order")
    if not rows:
        raise MessageUnreadable(path="order.line_items", problem="missing", detail="no line")
    currency = _currency(raw)
    total = fields.kept_amount(raw, "total", "order")
    sums = _sums(raw, rows, total, currency)
    created_at = fields.utc_time(raw, "date_created_gmt", "order")
    paid_at = None
    if status in _AFTER_PAYMENT:
        # A shop that marks an order by hand leaves no date of payment.
        paid_at = fields.utc_time(raw, "date_paid_gmt", "order") if has_date else created_at
    return IncomingOrder(
        channel_order_no=number,
        status=status,
        held=word == "on-hold" and status == "paid",
        created_at=created_at,
        paid_at=paid_at,
        modified_at=changed_at(raw),
        goods_total=sums.goods_total,
        discount_total=sums.discount_total,
        freight=sums.freight,
        total_amount=total,
        currency=currency,
        buyer_id=buyer_of(raw),
        buyer_nick=_nick(raw),
        buyer_remark=fields.text(raw, "customer_note", "order"),
        seller_remark=meta(raw, "_order_center_remark"),
        seller_flag=_flag(raw),
        presale_state=None,
        receiver=_receiver(raw),
        lines=tuple(_line(raw, row, at, sums.shares[at], status) for at, row in enumerate(rows)),
        payment=IncomingPayment(
            fields.code(raw, "order_key", "order") or f"woo-{number}",
            total,
            paid_at,
            "woocommerce",
            fields.text(raw, "transaction_id", "order")[:64],
        )
        if paid_at and total
        else None,
        raw_status=word,
    )


def refund_parts(refund: Mapping[str, Any], order_no: str) -> list[RawRefund]:
    """One refund by its lines; of money without goods one part. payload: all that read_refund needs."""
    refund_id = fields.number(refund, "id", "refund")
    rows = fields.objects(refund, "line_items", "refund")
    numbers = [fields.number(row, "id", f"refund.line_items[{at}]") for at, row in enumerate(rows)]
    return [
        RawRefund(
            f"{order_no}-{refund_id}-{numbers[part]}" if rows else f"{order_no}-{refund_id}",
            order_no,
            {"order_id": order_no, "part": part, "refund": dict(refund)},
        )
        for part in range(max(len(rows), 1))
    ]


def read_refund(payload: Any) -> IncomingRefund:
    """One part of a refund (see refund_parts) in neutral words. The shop writes its sums with a minus.

    WooCommerce keeps a refund when it is done, so there is only the one state. Raises MessageUnreadable.
    """
    refund = payload.get("refund") if isinstance(payload, dict) else None
    if not isinstance(refund, dict):
        raise MessageUnreadable(path="refund", problem="missing" if refund is None else "ill_typed")
    rows = fields.objects(refund, "line_items", "refund")
    part = fields.whole(payload, "part", "", least=0, most=max(len(rows) - 1, 0))
    amount = fields.kept_amount({"amount": _positive(refund.get("amount"))}, "amount", "refund")
    weights = []
    for at, row in enumerate(rows):
        path = f"refund.line_items[{at}]"
        weights.append(abs(fields.precise(row, "total", path)) + abs(fields.precise(row, "total_tax", path)))
    if not sum(weights, ZERO):
        weights = [Decimal(1)] * max(len(rows), 1)
    order_no = fields.number(payload, "order_id", "refund")
    refund_id = fields.number(refund, "id", "refund")
    made_at = fields.utc_time(refund, "date_created_gmt", "refund")
    row, path = (rows[part], f"refund.line_items[{part}]") if rows else ({}, "refund")
    return IncomingRefund(
        channel_refund_no=f"{order_no}-{refund_id}-{fields.number(row, 'id', path)}"
        if rows
        else f"{order_no}-{refund_id}",
        channel_order_no=order_no,
        channel_line_no=_refunded_line(row, path) if rows else "",
        status="succeeded",
        phase="onsale",
        amount=split_amount(amount, weights)[part],
        has_goods_return=False,
        quantity=abs(int(fields.precise(row, "quantity", path))) or 1,
        reason=fields.text(refund, "reason", "refund"),
        version=1,
        created_at=made_at,
        modified_at=made_at,
    )


def meta(raw: Mapping[str, Any], key: str) -> str:
    """A text of the order's meta_data; "" when it is not there."""
    for row in fields.objects(raw, "meta_data", "order"):
        if row.get("key") == key and isinstance(row.get("value"), str):
            return str(row["value"])
    return ""


def parcels_in(raw: Mapping[str, Any]) -> list[dict[str, str]]:
    """The parcels that the order names: `_wc_shipment_tracking_items`, which the usual tracking plug-in shows too."""
    for row in fields.objects(raw, "meta_data", "order"):
        if row.get("key") == "_wc_shipment_tracking_items" and isinstance(row.get("value"), list):
            return [item for item in row["value"] if isinstance(item, dict)]
    return []


def _sums(raw: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], total: Decimal, currency: str) -> Sums:
    listed, shares = [], []
    for at, row in enumerate(rows):
        path = f"order.line_items[{at}]"
        listed.append(fields.precise(row, "subtotal", path) + fields.precise(row, "subtotal_tax", path))
        shares.append(fields.precise(row, "total", path) + fields.precise(row, "total_tax", path))
    freight = fields.precise(raw, "shipping_total", "order") + fields.precise(raw, "shipping_tax", "order")
    for at, row in enumerate(fields.objects(raw, "fee_lines", "order")):
        path = f"order.fee_lines[{at}]"
        fee = fields.precise(row, "total", path) + fields.precise(row, "total_tax", path)
        if fee > 0:
            # A fee below nought is a discount: what is missing then comes off the goods.
            freight += fee
    return apportion(total=total, listed=listed, shares=shares, freight=freight, unit=smallest_unit(currency))


def _line(
    raw: Mapping[str, Any], row: Mapping[str, Any], at: int, share: Decimal, status: ChannelStatus
) -> IncomingLine:
    path = f"order.line_items[{at}]"
    quantity = fields.whole(row, "quantity", path)
    # Before discounts and tax, as the catalogue has it.
    price = (fields.precise(row, "subtotal", path) / quantity).quantize(ZERO)
    attributes = [
        f"{fields.text(item, 'display_key', path)}: {fields.text(item, 'display_value', path)}"
        for item in fields.objects(row, "meta_data", path)
        if isinstance(item.get("display_value"), str) and not str(item.get("key", "_")).startswith("_")
    ]
    return IncomingLine(
        channel_line_no=fields.number(row, "id", path),
        listing_id=fields.code(row, "product_id", path),
        listing_sku_id=_variation(row, path),
        outer_sku=fields.text(row, "sku", path)[:64],
        title=fields.text(row, "name", path)[:_TITLE_LENGTH],
        sku_text="; ".join(attributes)[:_TITLE_LENGTH],
        quantity=quantity,
        unit_price=price,
        discount=max(price * quantity - share, ZERO),
        paid_share=share,
        status=status,
        refund_status="none" if status != "closed" else "refunded",
        is_gift=False,
    )


def _variation(row: Mapping[str, Any], path: str) -> str:
    number = fields.code(row, "variation_id", path)
    return "" if number == "0" else number


def _refunded_line(row: Mapping[str, Any], path: str) -> str:
    """The line of the order that a line of a refund is about: it stands in its meta."""
    for item in fields.objects(row, "meta_data", path):
        if item.get("key") == "_refunded_item_id":
            return fields.number({"value": item.get("value")}, "value", f"{path}.meta_data._refunded_item_id")
    raise MessageUnreadable(path=f"{path}.meta_data._refunded_item_id", problem="missing")


def _currency(raw: Mapping[str, Any]) -> str:
    currency = raw.get("currency")
    if type(currency) is str and len(currency) == 3 and currency.isascii() and currency.isupper():
        return currency
    raise MessageUnreadable(path="order.currency", problem="missing" if currency is None else "ill_typed")


def _flag(raw: Mapping[str, Any]) -> int:
    flag = meta(raw, "_order_center_flag")
    return int(flag) if flag in ("1", "2", "3", "4", "5") else 0


def _nick(raw: Mapping[str, Any]) -> str:
    billing = raw.get("billing")
    if not isinstance(billing, dict):
        return ""
    name = fields.text(billing, "last_name", "order.billing") or fields.text(billing, "first_name", "order.billing")
    return f"{name[:1]}**" if name else ""


def _receiver(raw: Mapping[str, Any]) -> IncomingReceiver:
    """The shipping address; where it is empty, the billing address. The phone may stand there only."""
    billing, shipping = _address(raw, "billing"), _address(raw, "shipping")
    is_own = bool(shipping.get("address_1") or shipping.get("city"))
    path = "order.shipping" if is_own else "order.billing"
    address = shipping if is_own else billing
    name = " ".join(filter(None, (fields.text(address, "first_name", path), fields.text(address, "last_name", path))))
    country, state = fields.text(address, "country", path), fields.text(address, "state", path)
    is_abroad = country not in ("", "CN")
    street = [fields.text(address, key, path).strip() for key in ("address_1", "address_2", "company")]
    return IncomingReceiver(
        name=name.strip(),
        phone=(
            fields.text(shipping, "phone", "order.shipping") or fields.text(billing, "phone", "order.billing")
        ).strip(),
        province=state if is_abroad else chinese_province(state, state),
        city=fields.text(address, "city", path).strip(),
        district="",
        town="",
        address=" ".join(filter(None, [*street, country if is_abroad else ""])),
        zip_code=fields.code(address, "postcode", path),
        oaid="",
        is_masked=False,
    )


def _address(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    address = raw.get(key)
    if address is None or address == []:  # PHP writes an empty object as a list
        return {}
    if not isinstance(address, dict):
        raise MessageUnreadable(path=f"order.{key}", problem="ill_typed")
    return address


def _positive(amount: Any) -> Any:
    return amount.removeprefix("-") if isinstance(amount, str) else amount
