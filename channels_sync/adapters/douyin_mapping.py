"""Douyin's words to ours: the only place that knows the field names of its orders and after-sales.

Source of the names and rules: the platform's official Go kit (api/order_*, api/afterSale_*). Money is whole fen, times
are Unix seconds, 0 stands for "not yet"; ids are longer than a double, and come as text or as numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from channels_sync.adapters import fields
from channels_sync.adapters.base import ChangedOrder, RawRefund
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
    PresaleState,
    RefundStatus,
)

_PAID_NOT_READY = "105"
ORDER_STATUS: dict[str, ChannelStatus] = {
    "1": "created",
    "103": "created",  # the deposit of a pre-sale is paid
    _PAID_NOT_READY: "paid",
    "2": "paid",
    "101": "part_shipped",
    "3": "shipped",
    "4": "cancelled",  # closed, when it had been paid
    "5": "completed",
    # Ends of the main flow: given back before shipping, after shipping, after receipt.
    "21": "closed",
    "22": "closed",
    "39": "closed",
}
AFTER_SALE_KIND: dict[str, AfterSaleKind] = {
    "0": "return",
    "1": "refund",  # after shipping
    "2": "refund",  # before shipping
    "3": "exchange",
    "4": "refund",  # cancelled by the system
    "5": "refund",  # cancelled by the buyer
    "6": "price_protection",
    "7": "resend",
    "8": "repair",
}
_GOODS_FOR_GOODS = frozenset(("exchange", "resend", "repair"))
# Kinds that keep a line from being shipped while they are open, and that end with its money back.
_OF_THE_LINE = frozenset(("refund", "return"))
AFTER_SALE_STATUS: dict[str, RefundStatus] = {
    "6": "requested",
    "7": "agreed",
    "8": "agreed",  # the seller is to send again
    "11": "returning",
    "12": "succeeded",
    "13": "agreed",  # the buyer is to receive the exchange
    "14": "succeeded",
    "27": "refused",
    "28": "withdrawn",
    "29": "refused",
    "51": "succeeded",  # cancelled before shipping
    "53": "succeeded",
}
# The list of after-sales writes the wait for the exchanged goods as 3.
_LIST_STATUS: dict[str, RefundStatus] = {**AFTER_SALE_STATUS, "3": "agreed"}
_LINE_REFUND: dict[RefundStatus, LineRefundStatus] = {
    "requested": "requested",
    "agreed": "agreed",
    "returning": "returning",
    "refused": "refused",
    "withdrawn": "closed",
    "succeeded": "refunded",
}
_RANK: dict[RefundStatus, int] = {
    "requested": 0,
    "agreed": 1,
    "returning": 2,
    "refused": 3,
    "withdrawn": 4,
    "succeeded": 5,
}
# 1 to be paid back, 2 on its way, 3 done, 4 failed, 5 collected.
_MONEY_NOT_BACK = frozenset(("1", "2", "4"))
_PRESALE, _PRESALE_GIFT = "2", "102"
_AFTER_PAYMENT = frozenset(("paid", "part_shipped", "shipped", "completed"))
_CASH_ON_DELIVERY = "0"
_PROVIDER = "douyin"
_TITLE_LENGTH = 255
_NAME_LENGTH = 64
_OPAQUE_LENGTH = 128


def order_in(payload: Any) -> Mapping[str, Any]:
    """The order inside an answer of order.orderDetail, or the order itself. Raises MessageUnreadable."""
    found = payload
    for name in ("data", "shop_order_detail"):
        if isinstance(found, dict) and "order_id" not in found and name in found:
            found = found[name]
    if not isinstance(found, dict):
        raise MessageUnreadable(path="order", problem="ill_typed")
    return found


def order_number(raw: Mapping[str, Any]) -> str:
    """The order's number as text. Raises MessageUnreadable."""
    return fields.number(raw, "order_id", "order")


def changed_at(raw: Mapping[str, Any]) -> datetime | None:
    """When the order changed last; None where that cannot be read: the order is kept all the same, and read later."""
    try:
        return fields.unix_time_or_none(raw, "update_time", "order")
    except MessageUnreadable:
        return None


def buyer_of(raw: Mapping[str, Any]) -> str:
    """The buyer's open id; "" where there is none that can be read: the order is kept all the same, and read later."""
    value = raw.get("doudian_open_id") or raw.get("open_id")
    return value.strip() if isinstance(value, str) and len(value) <= 64 else ""


def read_order(payload: Any) -> IncomingOrder:
    """One order (order.orderDetail, or a row of order.searchList) in neutral words.

    Raises MessageUnreadable naming the first mandatory field that is missing, ill-typed or of an unknown value.
    """
    raw = order_in(payload)
    number = order_number(raw)
    paid_at = fields.unix_time_or_none(raw, "pay_time", "order")
    status = _read_status(raw, paid_at)
    created_at = fields.unix_time(raw, "create_time", "order")
    if paid_at is None and status in _AFTER_PAYMENT:
        # Cash on delivery is not paid yet and ships all the same; a free order is paid when it is placed.
        paid_at = created_at
    total = fields.fen(raw, "pay_amount", "order")
    freight = min(fields.fen_or_zero(raw, "post_amount", "order"), total)
    lines = _read_lines(raw, status, total - freight)
    goods = sum((line.unit_price * line.quantity for line in lines), ZERO)
    if goods + freight < total:
        goods = total - freight  # a tax, a packing fee, or a price that the seller raised afterwards
    phases = _phases(raw)
    presale = _presale_state(phases)
    payment = _read_deposit(phases) if presale == "balance_due" else _read_payment(raw, number, total, paid_at, phases)
    return IncomingOrder(
        channel_order_no=number,
        status=status,
        held=status in _AFTER_PAYMENT
        and (str(raw["order_status"]) == _PAID_NOT_READY or presale not in (None, "paid")),
        created_at=created_at,
        paid_at=paid_at,
        modified_at=fields.unix_time(raw, "update_time", "order"),
        goods_total=goods,
        discount_total=goods + freight - total,
        freight=freight,
        total_amount=total,
        currency="CNY",
        buyer_id=buyer_of(raw),
        buyer_nick="",
        buyer_remark=fields.text(raw, "buyer_words", "order"),
        seller_remark=fields.text(raw, "seller_words", "order"),
        seller_flag=fields.whole_or(0, raw, "seller_remark_stars", "order"),
        presale_state=presale,
        receiver=_read_receiver(raw),
        lines=lines,
        payment=payment,
        raw_status=str(raw["order_status"]),
        ship_by=fields.unix_time_or_none(raw, "exp_ship_time", "order"),
        balance_due_at=_balance_due_at(phases),
    )


def read_changed_order(raw: Mapping[str, Any]) -> ChangedOrder:
    """One row of the list of changed orders. Raises MessageUnreadable."""
    return ChangedOrder(order_number(raw), fields.unix_time(raw, "update_time", "order"), dict(raw))


def shipped_numbers(raw: Mapping[str, Any], channel_line_nos: Collection[str] = ()) -> tuple[bool, set[str]]:
    """Whether these lines of an order (all, when none is named) have left, and the tracking numbers they left with."""
    order = read_order(raw)
    wanted = [line for line in order.lines if not channel_line_nos or line.channel_line_no in channel_line_nos]
    left = {line.channel_line_no for line in wanted if line.status in ("shipped", "completed")}
    numbers = set()
    for pack in fields.objects(order_in(raw), "logistics_info", "order"):
        goods = {str(item.get("sku_order_id", "")) for item in fields.objects(pack, "product_info", "pack")}
        if not channel_line_nos or not goods or goods & set(channel_line_nos):
            numbers.add(fields.code(pack, "tracking_no", "order.logistics_info"))
    return bool(wanted) and len(left) == len(wanted), numbers - {""}


def packs_of(raw: Mapping[str, Any]) -> list[tuple[str, str, frozenset[str]]]:
    """The parcels of an order: (pack id, tracking number, the lines in it; none when the platform names none)."""
    packs = []
    for pack in fields.objects(order_in(raw), "logistics_info", "order"):
        lines = {str(item.get("sku_order_id", "")) for item in fields.objects(pack, "product_info", "pack")} - {""}
        pack_id, number = fields.code(pack, "delivery_id", "pack"), fields.code(pack, "tracking_no", "pack")
        packs.append((pack_id, number, frozenset(lines)))
    return packs


# --- after-sale -------------------------------------------------------------------------------------------------------


def refund_in(payload: Any) -> Mapping[str, Any]:
    """The item of an after-sale: a row of afterSale.List, the data of afterSale.Detail, or an answer around it."""
    found = payload
    if isinstance(found, dict) and "data" in found and "order_info" not in found:
        found = found["data"]
    if not isinstance(found, dict):
        raise MessageUnreadable(path="aftersale", problem="ill_typed")
    return found


def read_raw_refund(payload: Any) -> RawRefund:
    """An after-sale by its numbers, kept whole. Raises MessageUnreadable."""
    item = refund_in(payload)
    info, path, names = _after_sale_info(item)
    order_info = fields.child(item, "order_info", "aftersale")
    return RawRefund(
        channel_refund_no=fields.number(info, names["id"], path),
        channel_order_no=fields.number(order_info, "shop_order_id", "aftersale.order_info"),
        payload=dict(item),
        changed_at=fields.unix_time(info, "update_time", path),
    )


def read_refund(payload: Any) -> IncomingRefund:
    """One after-sale (a row of afterSale.List or the data of afterSale.Detail) in neutral words.

    One that ends in money has succeeded only when the money is back. The platform's clock has whole seconds, so the
    version also counts how far the status is. Raises MessageUnreadable.
    """
    item = refund_in(payload)
    info, path, names = _after_sale_info(item)
    kind: AfterSaleKind = fields.numbered(AFTER_SALE_KIND, info, names["type"], path)
    words = _LIST_STATUS if names is _LIST else AFTER_SALE_STATUS
    status: RefundStatus = fields.numbered(words, info, names["status"], path)
    if status == "succeeded" and kind not in _GOODS_FOR_GOODS and str(info.get("refund_status")) in _MONEY_NOT_BACK:
        status = "agreed"
    order_info = fields.child(item, "order_info", "aftersale")
    rows = fields.objects(order_info, names["rows"], "aftersale.order_info")
    changed_at = fields.unix_time(info, "update_time", path)
    carrier, number = _way_back(item, info)
    return IncomingRefund(
        channel_refund_no=fields.number(info, names["id"], path),
        channel_order_no=fields.number(order_info, "shop_order_id", "aftersale.order_info"),
        channel_line_no=_one_line(info, rows),
        status=status,
        phase="onsale" if kind == "refund" else "aftersale",
        amount=ZERO if kind in _GOODS_FOR_GOODS else fields.fen(info, names["amount"], path),
        has_goods_return=kind in ("return", "exchange"),
        quantity=fields.whole_or(1, info, names["count"], path) or 1,
        reason=_reason_of(info, item),
        version=int(changed_at.timestamp()) * 10 + _RANK[status],
        created_at=fields.unix_time(info, "apply_time", path),
        modified_at=changed_at,
        kind=kind,
        return_carrier=carrier,
        return_no=number,
    )


_LIST = {
    "id": "aftersale_id",
    "status": "aftersale_status",
    "type": "aftersale_type",
    "amount": "refund_amount",
    "count": "aftersale_num",
    "rows": "related_order_info",
}
_DETAIL = {
    "id": "after_sale_id",
    "status": "after_sale_status",
    "type": "after_sale_type",
    "amount": "refund_total_amount",
    "count": "after_sale_apply_count",
    "rows": "sku_order_infos",
}


def _after_sale_info(item: Mapping[str, Any]) -> tuple[Mapping[str, Any], str, Mapping[str, str]]:
    """The after-sale's own fields, the path to them, and how this form calls them: the list and the detail differ."""
    if "process_info" in item:
        process = fields.child(item, "process_info", "aftersale")
        path = "aftersale.process_info.after_sale_info"
        return fields.child(process, "after_sale_info", "aftersale.process_info"), path, _DETAIL
    return fields.child(item, "aftersale_info", "aftersale"), "aftersale.aftersale_info", _LIST


def _one_line(info: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """The line that it is about; "" when it is about the whole order."""
    if len(rows) == 1:
        return fields.number(rows[0], "sku_order_id", "aftersale.order_info")
    related = fields.code(info, "related_id", "aftersale.aftersale_info")
    lines = {fields.number(row, "sku_order_id", "aftersale.order_info") for row in rows}
    # Type 2 is about the order of the shop, whose number is also that of one of its lines.
    return related if related in lines and str(info.get("aftersale_order_type")) == "1" else ""


def _way_back(item: Mapping[str, Any], info: Mapping[str, Any]) -> tuple[str, str]:
    """The carrier and number with which the goods come back, once the buyer said."""
    if "process_info" not in item:
        number = fields.code(info, "return_logistics_code", "aftersale.aftersale_info")
        carrier = fields.text(info, "return_logistics_company_name", "aftersale.aftersale_info")
        return (carrier if number else "")[:_NAME_LENGTH], number
    path = "aftersale.process_info.logistics_info"
    parcel = fields.child(fields.child(item["process_info"], "logistics_info", path), "return", path)
    return fields.text(parcel, "company_name", path)[:_NAME_LENGTH], fields.code(parcel, "tracking_no", path)


def _reason_of(info: Mapping[str, Any], item: Mapping[str, Any]) -> str:
    said = fields.text(info, "reason", "aftersale") if isinstance(info.get("reason"), str) else ""
    return said or fields.text(fields.child(item, "text_part", "aftersale"), "reason_text", "aftersale.text_part")


# --- parts of an order ------------------------------------------------------------------------------------------------


def _read_status(raw: Mapping[str, Any], paid_at: datetime | None) -> ChannelStatus:
    status: ChannelStatus = fields.numbered(ORDER_STATUS, raw, "order_status", "order")
    return "closed" if status == "cancelled" and paid_at is not None else status


def _read_lines(raw: Mapping[str, Any], status: ChannelStatus, goods_paid: Decimal) -> tuple[IncomingLine, ...]:
    rows = fields.objects(raw, "sku_order_list", "order")
    if not rows:
        raise MessageUnreadable(path="order.sku_order_list", problem="missing", detail="no line")
    shares = _shares(rows, goods_paid)
    lines = []
    for at, (line, share) in enumerate(zip(rows, shares, strict=True)):
        path = f"order.sku_order_list[{at}]"
        quantity = fields.whole(line, "item_num", path)
        price = fields.fen(line, "origin_amount", path)
        lines.append(
            IncomingLine(
                channel_line_no=fields.number(line, "order_id", path),
                listing_id=fields.number(line, "product_id", path),
                listing_sku_id=_code(line, "sku_id", path),
                outer_sku=_code(line, "code", path) or _code(line, "out_sku_id", path),
                title=fields.text(line, "product_name", path)[:_TITLE_LENGTH],
                sku_text=_spec_text(line, path),
                quantity=quantity,
                unit_price=price,
                discount=max(price * quantity - share, ZERO),
                paid_share=share,
                status=_line_status(line, status, path),
                refund_status=_line_refund(line, path),
                is_gift=_is_gift(line),
                live_room_id=_code(line, "room_id", path),
                live_author_id=_code(line, "author_id", path),
            )
        )
    return tuple(lines)


def _shares(rows: Sequence[Mapping[str, Any]], goods_paid: Decimal) -> list[Decimal]:
    """What each line pays of the goods. The platform's own shares when they add up, else the whole by their weights."""
    paid = [fields.fen_or_zero(line, "pay_amount", f"order.sku_order_list[{at}]") for at, line in enumerate(rows)]
    if sum(paid, ZERO) == goods_paid:
        return paid
    weights = paid
    if not sum(weights):
        weights = [
            fields.fen_or_zero(line, "sum_amount", f"order.sku_order_list[{at}]") for at, line in enumerate(rows)
        ]
    return split_amount(goods_paid, weights if sum(weights) else [1] * len(rows))


def _line_status(line: Mapping[str, Any], status: ChannelStatus, path: str) -> ChannelStatus:
    own: ChannelStatus = (
        fields.numbered(ORDER_STATUS, line, "order_status", path) if line.get("order_status") else status
    )
    return "closed" if own == "cancelled" and line.get("pay_time") else own


def _line_refund(line: Mapping[str, Any], path: str) -> LineRefundStatus:
    """How a refund of this line stands; an exchange or a price protection is none."""
    info = fields.child(line, "after_sale_info", path)
    if not info.get("after_sale_status"):
        return "none"
    kind = fields.numbered(AFTER_SALE_KIND, info, "after_sale_type", f"{path}.after_sale_info")
    if kind not in _OF_THE_LINE:
        return "none"
    status: RefundStatus = fields.numbered(AFTER_SALE_STATUS, info, "after_sale_status", f"{path}.after_sale_info")
    if status == "succeeded" and str(info.get("refund_status")) in _MONEY_NOT_BACK:
        status = "agreed"
    return _LINE_REFUND[status]


def _is_gift(line: Mapping[str, Any]) -> bool:
    bound = line.get("given_product_type")
    if isinstance(bound, str) and bound:
        return bound == "FREE"
    return str(line.get("trade_type")) == _PRESALE_GIFT or bool(line.get("master_sku_order_id_list"))


def _code(raw: Mapping[str, Any], key: str, path: str) -> str:
    found = fields.code(raw, key, path)
    return "" if found == "0" else found


def _spec_text(line: Mapping[str, Any], path: str) -> str:
    parts = []
    for spec in fields.objects(line, "spec", path):
        name, value = fields.text(spec, "name", path), fields.text(spec, "value", path)
        parts.append(f"{name}:{value}" if name else value)
    return ";".join(parts)[:_TITLE_LENGTH]


def _read_receiver(raw: Mapping[str, Any]) -> IncomingReceiver:
    """The receiver as the platform shows it: masked, while the sealed texts stay with the raw order."""
    place = fields.child(raw, "post_addr", "order")
    masked = fields.child(raw, "mask_post_addr", "order")
    names = {key: _place_name(place, key) or _place_name(masked, key) for key in ("province", "city", "town", "street")}
    is_masked = bool(raw.get("encrypt_post_receiver") or raw.get("encrypt_post_tel") or place.get("encrypt_detail"))

    def shown(clear: Any, mask: Any) -> str:
        found = (mask or clear) if is_masked else (clear or mask)
        return found if isinstance(found, str) else ""

    name = shown(raw.get("post_receiver"), raw.get("mask_post_receiver"))
    phone = shown(raw.get("post_tel"), raw.get("mask_post_tel"))
    address = shown(place.get("detail"), masked.get("detail"))
    return IncomingReceiver(
        name=name,
        phone=phone,
        province=names["province"],
        city=names["city"] or names["town"],
        district=names["town"],
        town=names["street"],
        address=address,
        zip_code="",
        oaid=_opaque_id(raw, place) if is_masked else "",
        is_masked=is_masked or "*" in name or "*" in phone or "*" in address,
    )


def _opaque_id(raw: Mapping[str, Any], place: Mapping[str, Any]) -> str:
    """What stands for the clear contact: the platform's address id where it gives one, else a digest of the sealed
    texts. Equal ones are of one receiver; different ones may be too, which only means that nothing is merged.
    """
    address_id = raw.get("open_address_id")
    if isinstance(address_id, str) and 0 < len(address_id) <= _OPAQUE_LENGTH:
        return address_id
    sealed = (raw.get("encrypt_post_receiver"), raw.get("encrypt_post_tel"), place.get("encrypt_detail"))
    return "sealed:" + hashlib.sha256("|".join(str(text or "") for text in sealed).encode()).hexdigest()


def _place_name(place: Mapping[str, Any], key: str) -> str:
    found = place.get(key)
    name = found.get("name") if isinstance(found, dict) else found
    return name if isinstance(name, str) else ""


def _phases(raw: Mapping[str, Any]) -> dict[int, list[Mapping[str, Any]]]:
    """The stages of a pre-sale, by their number: 1 the deposit, 2 the balance; each line has its own."""
    phases: dict[int, list[Mapping[str, Any]]] = {}
    for at, phase in enumerate(fields.objects(raw, "order_phase_list", "order")):
        stage = fields.whole(phase, "current_phase", f"order.order_phase_list[{at}]", most=9)
        phases.setdefault(stage, []).append(phase)
    return dict(sorted(phases.items()))


def _presale_state(phases: Mapping[int, Sequence[Mapping[str, Any]]]) -> PresaleState | None:
    if not phases:
        return None
    open_stages = [stage for stage, rows in phases.items() if not all(row.get("pay_success") is True for row in rows)]
    if not open_stages:
        return "paid"
    return "deposit_due" if min(open_stages) == 1 else "balance_due"


def _balance_due_at(phases: Mapping[int, Sequence[Mapping[str, Any]]]) -> datetime | None:
    """Until when the balance may be paid: the last stage of the first line that ends."""
    if len(phases) < 2:
        return None
    ends = [fields.unix_time_or_none(row, "phase_close_time", "order.order_phase_list") for row in phases[max(phases)]]
    return min((end for end in ends if end is not None), default=None)


def _read_deposit(phases: Mapping[int, Sequence[Mapping[str, Any]]]) -> IncomingPayment | None:
    path = "order.order_phase_list"
    rows = phases.get(1, ())
    amount = sum((fields.fen(row, "phase_pay_amount", path) for row in rows), ZERO)
    if not rows or not amount:
        return None
    phase_no = fields.number(rows[0], "phase_order_id", path)
    external_no = fields.code(rows[0], "channel_payment_no", path) or phase_no
    return IncomingPayment(external_no, amount, fields.unix_time(rows[0], "phase_pay_time", path), _PROVIDER, phase_no)


def _read_payment(
    raw: Mapping[str, Any],
    number: str,
    total: Decimal,
    paid_at: datetime | None,
    phases: Mapping[int, Sequence[Mapping[str, Any]]],
) -> IncomingPayment | None:
    if paid_at is None or not total or str(raw.get("pay_type")) == _CASH_ON_DELIVERY:
        return None
    own = fields.code(raw, "channel_payment_no", "order")
    if len(phases) > 1:
        # The whole under the balance's number: that of the order may be the deposit's.
        own = fields.code(phases[max(phases)][0], "channel_payment_no", "order.order_phase_list") or own
    return IncomingPayment(own or number, total, paid_at, _PROVIDER, number)
