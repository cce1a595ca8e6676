"""A shop's row in neutral words, by the rules of its connector. Pure: a row goes in, an order or refund comes out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from channels_sync.adapters.amounts import apportion
from channels_sync.connector import values
from channels_sync.connector.documents import Connector
from channels_sync.connector.paths import all_of
from channels_sync.connector.values import Rule
from channels_sync.errors import MessageUnreadable
from ordercenter.common.money import ZERO, smallest_unit
from ordercenter.orders.intake_types import (
    AfterSaleKind,
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

PROVIDER = "http"
MAX_LINES = 500
_NUMBER = re.compile(r"[^\s\x00-\x1f\x7f]{1,64}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_AFTER_PAYMENT = frozenset(("paid", "part_shipped", "shipped", "completed"))


def order_number(connector: Connector, row: Any) -> str:
    """The order's number. Raises MessageUnreadable."""
    return _number(connector.order_fields["order_no"], row)


def modified_at(connector: Connector, row: Any) -> datetime:
    """When the order last changed. Raises MessageUnreadable."""
    return values.needed_time(connector.order_fields["modified_at"], row, connector.clock)


def buyer_of(connector: Connector, row: Any) -> str:
    """The buyer's number; "" where it cannot be read: the order is kept all the same."""
    try:
        return values.text(connector.order_fields.get("buyer_id"), row, most=64)
    except MessageUnreadable:
        return ""


def read_order(connector: Connector, row: Any, *, account_id: int) -> IncomingOrder:
    """One order. Raises MessageUnreadable with the place in the shop's document.

    A payment without a number of its own goes by the account and the order: numbers of two shops may be the same.
    """
    fields, clock = connector.order_fields, connector.clock
    number = order_number(connector, row)
    status = cast(ChannelStatus, values.word(fields["status"], row))
    currency = values.text(fields.get("currency"), row) or "CNY"
    if not _CURRENCY.fullmatch(currency):
        raise MessageUnreadable(path=fields["currency"].place, problem="ill_typed")
    total = values.needed_money(fields["total"], row)
    created_at = values.needed_time(fields["created_at"], row, clock)
    paid_at = values.time(fields.get("paid_at"), row, clock)
    if status in _AFTER_PAYMENT:
        paid_at = paid_at or created_at
    elif status != "closed":
        paid_at = None
    lines, sums = _lines(connector, row, status, total, currency)
    payment_no = values.text(fields.get("payment_no"), row, most=64) or f"{account_id}-{number}"[:64]
    return IncomingOrder(
        channel_order_no=number,
        status=status,
        held=status in _AFTER_PAYMENT and values.flag(fields.get("held"), row),
        created_at=created_at,
        paid_at=paid_at,
        modified_at=modified_at(connector, row),
        goods_total=sums.goods_total,
        discount_total=sums.discount_total,
        freight=sums.freight,
        total_amount=total,
        currency=currency,
        buyer_id=values.text(fields.get("buyer_id"), row, most=64),
        buyer_nick=values.text(fields.get("buyer_nick"), row)[:64],
        buyer_remark=values.text(fields.get("buyer_remark"), row),
        seller_remark=values.text(fields.get("seller_remark"), row),
        seller_flag=0,
        presale_state=None,
        receiver=_receiver(fields, row),
        lines=lines,
        payment=IncomingPayment(payment_no, total, paid_at, PROVIDER, number) if paid_at and total else None,
        raw_status=values.text(_without_words(fields["status"]), row)[:40],
        ship_by=values.time(fields.get("ship_by"), row, clock),
    )


def refund_number(connector: Connector, row: Any) -> tuple[str, str]:
    """The numbers of a refund and of its order. Raises MessageUnreadable."""
    return _number(connector.refund_fields["refund_no"], row), _number(connector.refund_fields["order_no"], row)


def read_refund(connector: Connector, row: Any) -> IncomingRefund:
    """One refund. Raises MessageUnreadable."""
    fields, clock = connector.refund_fields, connector.clock
    if not fields:
        raise MessageUnreadable(path="refunds", problem="missing", detail="the connector reads no refunds")
    number, order_no = refund_number(connector, row)
    changed = values.needed_time(fields["modified_at"], row, clock)
    phase = cast(RefundPhase, values.word(fields["phase"], row)) if "phase" in fields else "onsale"
    return IncomingRefund(
        channel_refund_no=number,
        channel_order_no=order_no,
        channel_line_no=values.text(fields.get("line_no"), row, most=64),
        status=cast(RefundStatus, values.word(fields["status"], row)),
        phase=phase,
        amount=values.needed_money(fields["amount"], row),
        has_goods_return=values.flag(fields.get("has_goods_return"), row),
        quantity=values.whole(fields.get("quantity"), row, default=1) or 1,
        reason=values.text(fields.get("reason"), row),
        version=0,
        created_at=values.time(fields.get("created_at"), row, clock) or changed,
        modified_at=changed,
        kind=cast(AfterSaleKind, values.word(fields["kind"], row)) if "kind" in fields else "refund",
        return_carrier=values.text(fields.get("return_carrier"), row, most=32),
        return_no=values.text(fields.get("return_no"), row, most=64),
    )


def _lines(
    connector: Connector, row: Any, status: ChannelStatus, total: Decimal, currency: str
) -> tuple[tuple[IncomingLine, ...], Any]:
    fields = connector.line_fields
    found = list(all_of(row, connector.lines))
    if not 0 < len(found) <= MAX_LINES:
        problem = "missing" if not found else "ill_typed"
        raise MessageUnreadable(path=connector.lines.text, problem=problem, detail=f"{len(found)} lines")
    prices, quantities, shares = [], [], []
    for place, line in found:
        prices.append(values.needed_money(fields["unit_price"], line, place))
        quantities.append(values.whole(fields["quantity"], line, place))
        if quantities[-1] < 1:
            raise MessageUnreadable(path=fields["quantity"].place.replace("$", place, 1), problem="ill_typed")
        share = values.money(fields.get("paid"), line, place)
        shares.append(prices[-1] * quantities[-1] if share is None else share)
    freight = values.money(connector.order_fields.get("freight"), row) or ZERO
    listed = [price * quantity for price, quantity in zip(prices, quantities, strict=True)]
    sums = apportion(total=total, listed=listed, shares=shares, freight=freight, unit=smallest_unit(currency))
    lines = tuple(
        IncomingLine(
            channel_line_no=values.text(fields["line_no"], line, place, most=64, is_needed=True),
            listing_id=values.text(fields.get("listing_id"), line, place, most=64),
            listing_sku_id=values.text(fields.get("sku_id"), line, place, most=64),
            outer_sku=values.text(fields.get("outer_sku"), line, place)[:64],
            title=values.text(fields["title"], line, place, is_needed=True)[:255],
            sku_text=values.text(fields.get("sku_text"), line, place)[:255],
            quantity=quantities[at],
            unit_price=prices[at],
            discount=max(listed[at] - sums.shares[at], ZERO),
            paid_share=sums.shares[at],
            status=status,
            refund_status=cast(LineRefundStatus, values.word(fields["refund_status"], line, place))
            if "refund_status" in fields
            else "none",
            is_gift=values.flag(fields.get("is_gift"), line, place),
        )
        for at, (place, line) in enumerate(found)
    )
    if len({line.channel_line_no for line in lines}) != len(lines):
        raise MessageUnreadable(path=fields["line_no"].place, problem="ill_typed", detail="a line number twice")
    return lines, sums


def _receiver(fields: Mapping[str, Rule], row: Any) -> IncomingReceiver:
    def text(name: str) -> str:
        return values.text(fields.get(name), row, most=512)

    name, phone, address = text("receiver_name"), text("receiver_phone"), text("address")
    return IncomingReceiver(
        name=name,
        phone=phone,
        province=text("province"),
        city=text("city"),
        district=text("district"),
        town=text("town"),
        address=address,
        zip_code=text("zip_code"),
        oaid="",
        is_masked=False,
    )


def _number(rule: Rule, row: Any) -> str:
    number = values.text(rule, row, is_needed=True)
    if not _NUMBER.fullmatch(number):
        raise MessageUnreadable(
            path=rule.place, problem="ill_typed", detail="a number has up to 64 signs and no blanks"
        )
    return number


def _without_words(rule: Rule) -> Rule:
    return Rule(rule.parts, rule.default)
