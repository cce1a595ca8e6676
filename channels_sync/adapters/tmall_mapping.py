"""Tmall's words to ours: the only place that knows the field names of TOP trades, refunds and messages.

Source of the names and rules: the platform's generated SDK (tbtrade, refund, tmc). Money is yuan text with at most two
decimals, times are GMT+8 text. This runs for every order of the day, so it reads each field once and straight.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from channels_sync.adapters import fields
from channels_sync.adapters.base import ChangedOrder, ChannelNotice, NoticeKind, RawRefund
from channels_sync.errors import MessageUnreadable
from ordercenter.common.money import ZERO, split_amount
from ordercenter.common.strictjson import UnreadableBody, loads_strict
from ordercenter.orders.intake_types import (
    ChannelStatus,
    IncomingLine,
    IncomingOrder,
    IncomingPayment,
    IncomingReceiver,
    IncomingRefund,
    LineRefundStatus,
    PresaleState,
    RefundPhase,
    RefundStatus,
)

TRADE_STATUS: dict[str, ChannelStatus] = {
    "TRADE_NO_CREATE_PAY": "created",
    "WAIT_BUYER_PAY": "created",
    "PAY_PENDING": "created",
    "WAIT_PRE_AUTH_CONFIRM": "created",
    "PAID_FORBID_CONSIGN": "paid",
    "WAIT_SELLER_SEND_GOODS": "paid",
    "SELLER_CONSIGNED_PART": "part_shipped",
    "WAIT_BUYER_CONFIRM_GOODS": "shipped",
    "TRADE_BUYER_SIGNED": "shipped",
    "TRADE_FINISHED": "completed",
    "TRADE_CLOSED": "closed",
    "TRADE_CLOSED_BY_TAOBAO": "cancelled",
}
LINE_REFUND_STATUS: dict[str, LineRefundStatus] = {
    "NO_REFUND": "none",
    "WAIT_SELLER_AGREE": "requested",
    "WAIT_BUYER_RETURN_GOODS": "agreed",
    "WAIT_SELLER_CONFIRM_GOODS": "returning",
    "SELLER_REFUSE_BUYER": "refused",
    "CLOSED": "closed",
    "SUCCESS": "refunded",
}
REFUND_STATUS: dict[str, RefundStatus] = {
    "WAIT_SELLER_AGREE": "requested",
    "WAIT_BUYER_RETURN_GOODS": "agreed",
    "WAIT_SELLER_CONFIRM_GOODS": "returning",
    "SELLER_REFUSE_BUYER": "refused",
    "CLOSED": "withdrawn",
    "SUCCESS": "succeeded",
}
PRESALE_STATE: dict[str, PresaleState] = {
    "FRONT_NOPAID_FINAL_NOPAID": "deposit_due",
    "FRONT_PAID_FINAL_NOPAID": "balance_due",
    "FRONT_PAID_FINAL_PAID": "paid",
}
REFUND_PHASE: dict[str, RefundPhase] = {"onsale": "onsale", "aftersale": "aftersale"}

_TITLE_LENGTH = 255
_NAME_LENGTH = 64
_AFTER_PAYMENT = frozenset(("paid", "part_shipped", "shipped", "completed"))
_HOLD_FLAGS = ("forbid_consign", "top_hold", "team_buy_hold")


def trade_in(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The trade inside an answer of trade.fullinfo.get, a `{"trade": ...}` object, or the trade itself."""
    inner = payload.get("trade_fullinfo_get_response", payload)
    trade = inner.get("trade", inner) if isinstance(inner, dict) else inner
    if not isinstance(trade, dict):
        raise MessageUnreadable(path="trade", problem="ill_typed")
    return trade


def trade_number(raw: Mapping[str, Any]) -> str:
    """The trade's number as text. Raises MessageUnreadable."""
    return fields.number(raw, "tid", "trade")


def buyer_of(raw: Mapping[str, Any]) -> str:
    """The buyer's open id; "" where there is none that can be read: the trade is kept all the same, and read later."""
    try:
        return fields.code(raw, "buyer_open_uid", "trade")
    except MessageUnreadable:
        return ""


def changed_at(raw: Mapping[str, Any]) -> datetime | None:
    """When the trade changed last; None where that cannot be read: the trade is kept all the same, and read later."""
    try:
        return fields.time(raw, "modified", "trade")
    except MessageUnreadable:
        return None


def refund_in(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The refund inside an answer of refund.get, a `{"refund": ...}` object, or the refund itself."""
    inner = payload.get("refund_get_response", payload)
    refund = inner.get("refund", inner) if isinstance(inner, dict) else inner
    if not isinstance(refund, dict):
        raise MessageUnreadable(path="refund", problem="ill_typed")
    return refund


def read_trade(raw: Mapping[str, Any]) -> IncomingOrder:
    """One TOP trade (as trade.fullinfo.get gives it) in neutral words.

    Raises MessageUnreadable naming the first mandatory field that is missing, ill-typed or of an unknown value.
    """
    number = fields.number(raw, "tid", "trade")
    raw_status = raw.get("status")
    status = fields.word(TRADE_STATUS, raw, "status", "trade")
    total = fields.amount(raw, "payment", "trade")
    freight = fields.amount(raw, "post_fee", "trade") if raw.get("post_fee") else ZERO
    lines = _read_lines(raw, status, total - freight)
    goods = (
        fields.amount(raw, "total_fee", "trade")
        if raw.get("total_fee")
        else sum((line.unit_price * line.quantity for line in lines), ZERO)
    )
    if goods + freight < total:
        goods = total - freight  # the seller raised the price after the order was placed
    paid_at = fields.time(raw, "pay_time", "trade") if raw.get("pay_time") or status in _AFTER_PAYMENT else None
    presale = fields.word_or(None, PRESALE_STATE, raw, "step_trade_status", "trade")
    return IncomingOrder(
        channel_order_no=number,
        status=status,
        held=_is_held(raw, presale) if status in _AFTER_PAYMENT else False,
        created_at=fields.time(raw, "created", "trade"),
        paid_at=paid_at,
        modified_at=fields.time(raw, "modified", "trade"),
        goods_total=goods,
        discount_total=goods + freight - total,
        freight=freight,
        total_amount=total,
        currency="CNY",
        buyer_id=fields.code(raw, "buyer_open_uid", "trade"),
        buyer_nick=fields.text(raw, "buyer_nick", "trade")[:_NAME_LENGTH],
        buyer_remark=fields.text(raw, "buyer_message", "trade"),
        seller_remark=fields.text(raw, "seller_memo", "trade"),
        seller_flag=fields.whole_or(0, raw, "seller_flag", "trade"),
        presale_state=presale,
        receiver=_read_receiver(raw),
        lines=lines,
        payment=_read_deposit(raw, number) if presale == "balance_due" else _read_payment(raw, number, total, paid_at),
        raw_status=str(raw_status),
    )


def read_refund(raw: Mapping[str, Any]) -> IncomingRefund:
    """One TOP refund (as refunds.receive.get or refund.get gives it) in neutral words. Raises MessageUnreadable."""
    return IncomingRefund(
        channel_refund_no=fields.number(raw, "refund_id", "refund"),
        channel_order_no=fields.number(raw, "tid", "refund"),
        channel_line_no=fields.number(raw, "oid", "refund"),
        status=fields.word(REFUND_STATUS, raw, "status", "refund"),
        phase=fields.word_or("onsale", REFUND_PHASE, raw, "refund_phase", "refund"),
        amount=fields.amount(raw, "refund_fee", "refund"),
        has_goods_return=fields.flag(raw, "has_good_return", "refund"),
        quantity=fields.whole_or(1, raw, "num", "refund"),
        reason=fields.text(raw, "reason", "refund"),
        version=fields.whole(raw, "refund_version", "refund", least=0, most=2**63 - 1)
        if raw.get("refund_version")
        else 0,
        created_at=fields.time(raw, "created", "refund"),
        modified_at=fields.time(raw, "modified", "refund"),
        kind="return" if fields.flag(raw, "has_good_return", "refund") else "refund",
        return_carrier=fields.text(raw, "company_name", "refund")[:_NAME_LENGTH],
        return_no=fields.code(raw, "sid", "refund"),
    )


def read_changed_order(raw: Mapping[str, Any]) -> ChangedOrder:
    """One row of the list of changed trades: which trade, and when it changed. Raises MessageUnreadable."""
    return ChangedOrder(fields.number(raw, "tid", "trade"), fields.time(raw, "modified", "trade"), dict(raw))


def read_changed_refund(raw: Mapping[str, Any]) -> RawRefund:
    """One row of the list of refunds, kept whole. Raises MessageUnreadable."""
    return RawRefund(
        fields.number(raw, "refund_id", "refund"), fields.number(raw, "tid", "refund"), dict(raw), changed_at(raw)
    )


def message_number(raw: Any) -> str | None:
    """The number by which a message is confirmed, also of one that cannot be read otherwise."""
    if not isinstance(raw, dict):
        return None
    try:
        return fields.number(raw, "id", "message")
    except MessageUnreadable:
        return None


def shipped_numbers(raw: Mapping[str, Any], channel_line_nos: Collection[str] = ()) -> tuple[bool, set[str]]:
    """Whether these lines of a trade (all, when none is named) have left, and the tracking numbers they left with."""
    order = read_trade(raw)
    found = raw["orders"]
    rows = found["order"] if isinstance(found, dict) else found
    has_left, numbers = True, set()
    for line, row in zip(order.lines, rows, strict=True):
        if channel_line_nos and line.channel_line_no not in channel_line_nos:
            continue
        has_left = has_left and line.status in ("shipped", "completed")
        numbers.add(fields.code(row, "invoice_no", "trade.orders.order"))
    return has_left, numbers - {""}


def numbers_of_lines(raw: Mapping[str, Any]) -> dict[str, str]:
    """The tracking number with which each line of a trade left; "" for a line that has not."""
    order = read_trade(raw)
    found = raw["orders"]
    rows = found["order"] if isinstance(found, dict) else found
    return {
        line.channel_line_no: fields.code(row, "invoice_no", "trade.orders.order")
        for line, row in zip(order.lines, rows, strict=True)
    }


def read_tmc_message(raw: Mapping[str, Any]) -> ChannelNotice:
    """One message of tmc.messages.consume. It names what changed, not how: read the object back by its number."""
    topic = fields.text(raw, "topic", "message")
    if not topic:
        raise MessageUnreadable(path="message.topic", problem="missing")
    content = _read_content(raw.get("content"))
    kind: NoticeKind = "other"
    if topic.startswith("taobao_refund_"):
        kind = "refund"
    elif topic.startswith("taobao_trade_"):
        kind = "order"
    return ChannelNotice(
        message_id=fields.number(raw, "id", "message"),
        topic=topic,
        kind=kind,
        channel_order_no=fields.number(content, "tid", "message.content") if kind != "other" else "",
        channel_refund_no=fields.number(content, "refund_id", "message.content") if kind == "refund" else "",
        published_at=fields.time(raw, "pub_time", "message"),
        raw=dict(raw),
    )


def _read_content(content: Any) -> Mapping[str, Any]:
    if isinstance(content, str):
        try:
            content = loads_strict(content.encode())
        except (UnreadableBody, UnicodeEncodeError) as error:
            raise MessageUnreadable(path="message.content", problem="not_json", detail=str(error)) from None
    if not isinstance(content, dict):
        raise MessageUnreadable(path="message.content", problem="missing" if content is None else "ill_typed")
    return content


def _read_lines(raw: Mapping[str, Any], status: ChannelStatus, goods_paid: Decimal) -> tuple[IncomingLine, ...]:
    found = raw.get("orders")
    if isinstance(found, dict):
        found = found.get("order")
    if not isinstance(found, list):
        raise MessageUnreadable(path="trade.orders.order", problem="missing" if found is None else "ill_typed")
    if not found:
        raise MessageUnreadable(path="trade.orders.order", problem="missing", detail="no line")
    shares: list[Decimal] = []
    lines = []
    for at, line in enumerate(found):
        path = f"trade.orders.order[{at}]"
        if not isinstance(line, dict):
            raise MessageUnreadable(path=path, problem="ill_typed")
        if line.get("divide_order_fee"):
            share = fields.amount(line, "divide_order_fee", path)
        else:
            shares = shares or _missing_shares(found, goods_paid)
            share = shares[at]
        quantity = fields.whole(line, "num", path)
        price = fields.amount(line, "price", path)
        lines.append(
            IncomingLine(
                channel_line_no=fields.number(line, "oid", path),
                listing_id=fields.number(line, "num_iid", path),
                listing_sku_id=fields.code(line, "sku_id", path),
                outer_sku=fields.code(line, "outer_sku_id", path) or fields.code(line, "outer_iid", path),
                title=fields.text(line, "title", path)[:_TITLE_LENGTH],
                sku_text=fields.text(line, "sku_properties_name", path)[:_TITLE_LENGTH],
                quantity=quantity,
                unit_price=price,
                discount=max(price * quantity - share, ZERO),
                paid_share=share,
                status=fields.word_or(status, TRADE_STATUS, line, "status", path),
                refund_status=fields.word_or("none", LINE_REFUND_STATUS, line, "refund_status", path),
                is_gift=fields.flag(line, "is_free_gift", path),
            )
        )
    return tuple(lines)


def _missing_shares(lines: list[Any], goods_paid: Decimal) -> list[Decimal]:
    """What the lines without `divide_order_fee` pay: the rest of the payment, by their own amounts (else by piece)."""
    rest = goods_paid
    weights: list[Decimal] = []
    for at, line in enumerate(lines):
        path = f"trade.orders.order[{at}]"
        if not isinstance(line, dict):
            raise MessageUnreadable(path=path, problem="ill_typed")
        if line.get("divide_order_fee"):
            rest -= fields.amount(line, "divide_order_fee", path)
            weights.append(ZERO)
        elif line.get("payment"):
            weights.append(fields.amount(line, "payment", path))
        else:
            weights.append(fields.amount(line, "price", path) * fields.whole(line, "num", path))
    if not sum(weights):
        weights = [Decimal(0 if line.get("divide_order_fee") else 1) for line in lines]
    return split_amount(max(rest, ZERO), weights)


def _read_receiver(raw: Mapping[str, Any]) -> IncomingReceiver:
    name = fields.text(raw, "receiver_name", "trade")
    phone = fields.text(raw, "receiver_mobile", "trade") or fields.text(raw, "receiver_phone", "trade")
    address = fields.text(raw, "receiver_address", "trade")
    district = fields.text(raw, "receiver_district", "trade")
    return IncomingReceiver(
        name=name,
        phone=phone,
        province=fields.text(raw, "receiver_state", "trade"),
        city=fields.text(raw, "receiver_city", "trade") or district,
        district=district,
        town=fields.text(raw, "receiver_town", "trade"),
        address=address,
        zip_code=fields.text(raw, "receiver_zip", "trade"),
        oaid=fields.text(raw, "oaid", "trade"),
        is_masked="*" in name or "*" in phone or "*" in address,
    )


def _read_payment(
    raw: Mapping[str, Any], number: str, total: Decimal, paid_at: datetime | None
) -> IncomingPayment | None:
    external_no = fields.code(raw, "alipay_no", "trade")
    if paid_at is None or not external_no:
        return None
    return IncomingPayment(external_no, total, paid_at, "alipay", f"T200P{number}")


def _read_deposit(raw: Mapping[str, Any], number: str) -> IncomingPayment | None:
    """The first payment of a pre-sale, where the platform names its number; without a time of its own, as of now."""
    external_no = fields.code(raw, "alipay_no", "trade")
    if not external_no or not raw.get("step_paid_fee"):
        return None
    amount = fields.amount(raw, "step_paid_fee", "trade")
    paid_at = fields.time(raw, "pay_time" if raw.get("pay_time") else "modified", "trade")
    return IncomingPayment(external_no, amount, paid_at, "alipay", f"T200P{number}") if amount else None


def _is_held(raw: Mapping[str, Any], presale: PresaleState | None) -> bool:
    if raw["status"] == "PAID_FORBID_CONSIGN" or presale not in (None, "paid"):
        return True
    return any(key in raw and fields.flag(raw, key, "trade") for key in _HOLD_FLAGS)
