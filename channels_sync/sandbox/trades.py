"""What the sandbox remembers, as small records: trades with lines, refunds, payments, deliveries, messages.

Money is integer fen, instants are Unix milliseconds (0 = not yet): platforms count that way, and these records are made
and written by the ten thousand. Every record turns into a list of plain values (`dump`) and back (`load`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

from channels_sync.sandbox.people import Buyer
from channels_sync.sandbox.platforms import TMALL, TRAITS

NO_REFUND = "NO_REFUND"
WAIT_BUYER_PAY = "WAIT_BUYER_PAY"
WAIT_SELLER_SEND_GOODS = "WAIT_SELLER_SEND_GOODS"
SELLER_CONSIGNED_PART = "SELLER_CONSIGNED_PART"
WAIT_BUYER_CONFIRM_GOODS = "WAIT_BUYER_CONFIRM_GOODS"
TRADE_FINISHED = "TRADE_FINISHED"
TRADE_CLOSED = "TRADE_CLOSED"
TRADE_CLOSED_BY_TAOBAO = "TRADE_CLOSED_BY_TAOBAO"

FRONT_NOPAID_FINAL_NOPAID = "FRONT_NOPAID_FINAL_NOPAID"
FRONT_PAID_FINAL_NOPAID = "FRONT_PAID_FINAL_NOPAID"
FRONT_PAID_FINAL_PAID = "FRONT_PAID_FINAL_PAID"


@dataclass(slots=True)
class Line:
    """One line of a trade. share_fen: its part of the order-level promotion. sent: pieces that left already.

    carrier, waybill: of the latest parcel that it is in.
    """

    oid: int
    num_iid: int
    sku_id: int
    outer_sku_id: str
    outer_iid: str
    title: str
    properties: str
    cid: int
    price_fen: int
    num: int
    discount_fen: int = 0
    adjust_fen: int = 0
    share_fen: int = 0
    status: str = WAIT_BUYER_PAY
    refund_status: str = NO_REFUND
    refund_id: str = ""
    consign_ms: int = 0
    carrier: str = ""
    waybill: str = ""
    sent: int = 0

    @property
    def total_fen(self) -> int:
        return self.price_fen * self.num - self.discount_fen + self.adjust_fen

    @property
    def divided_fen(self) -> int:
        """What the buyer really pays for this line (divide_order_fee)."""
        return self.total_fen - self.share_fen


@dataclass(slots=True)
class Sent:
    """A parcel that was reported. pieces: (line, how many of it)."""

    carrier: str
    waybill: str
    sent_ms: int
    pieces: list[tuple[int, int]]


@dataclass(slots=True)
class Trade:
    """One order of a shop. alipay_no: the payment's transaction number, empty until paid. platform: where it was sold.

    pay_due_ms, balance_due_ms, receive_due_ms: when a playing buyer will do so, 0 when nobody is going to.
    announced_ms: when the message of its payment was queued. first_message_ms: when a message about the paid trade was
    first handed out. first_read_ms: when its details were first read after payment. send_receipts: how often a parcel
    was reported for it. room_id, author_id: the live room in which it was bought and its anchor, empty for none.
    split_from: the trades that its platform split this one off, the nearest first. is_split: the
    platform has split it, and its parts are shipped in its place.
    """

    tid: int
    buyer: Buyer
    lines: list[Line]
    created_ms: int
    modified_ms: int
    status: str = WAIT_BUYER_PAY
    post_fen: int = 0
    promotion_id: str = ""
    promotion_name: str = ""
    buyer_message: str = ""
    seller_memo: str = ""
    seller_flag: int = 0
    step_status: str = ""
    step_paid_fen: int = 0
    alipay_no: str = ""
    paid_ms: int = 0
    consigned_ms: int = 0
    ended_ms: int = 0
    pay_due_ms: int = 0
    balance_due_ms: int = 0
    receive_due_ms: int = 0
    announced_ms: int = 0
    first_message_ms: int = 0
    first_read_ms: int = 0
    send_receipts: int = 0
    scenario_id: str = ""
    problem: str = ""
    platform: str = TMALL
    parcels: list[Sent] = field(default_factory=list)
    room_id: str = ""
    author_id: str = ""
    split_from: list[int] = field(default_factory=list)
    is_split: bool = False

    @property
    def number(self) -> str:
        """The order's number as its platform tells it."""
        return str(self.tid - TRAITS[self.platform].number_shift)

    def line_number(self, line: Line) -> str:
        """The line's number in the range of its platform."""
        return str(line.oid - TRAITS[self.platform].number_shift)

    @property
    def total_fen(self) -> int:
        return sum(line.price_fen * line.num for line in self.lines)

    @property
    def promotion_fen(self) -> int:
        return sum(line.share_fen for line in self.lines)

    @property
    def payment_fen(self) -> int:
        """What the buyer pays: the lines' shares add up to it exactly, plus freight."""
        return sum(line.divided_fen for line in self.lines) + self.post_fen

    @property
    def order_no(self) -> str:
        """The merchant order number on the payment provider's bill."""
        return f"T200P{self.tid}"


@dataclass(slots=True)
class Refund:
    """A buyer's wish for money back on one line. Statuses are Tmall's words.

    kind: refund (money only), return (goods, then money), exchange, or price_protection (part of the price). num:
    pieces it is about. return_*: the parcel that the buyer sent back.
    """

    refund_id: str
    tid: int
    oid: int
    fee_fen: int
    created_ms: int
    modified_ms: int
    version: int
    reason: str = "不想要了"
    status: str = "WAIT_SELLER_AGREE"
    good_status: str = "BUYER_NOT_RECEIVED"
    phase: str = "onsale"
    agree_due_ms: int = 0
    kind: str = "refund"
    num: int = 1
    return_carrier: str = ""
    return_waybill: str = ""


@dataclass(slots=True)
class Payment:
    """One row of the payment provider's bill: money in (kind pay) or back (kind refund); amounts are positive."""

    kind: str
    alipay_no: str
    order_no: str
    tid: int
    amount_fen: int
    fee_fen: int
    created_ms: int
    done_ms: int
    title: str
    buyer: str
    request_no: str = ""


@dataclass(slots=True)
class DeliveryLine:
    line_no: str
    item_code: str
    item_id: str
    quantity: int
    trade: str
    inventory_type: str = "ZP"
    lacking: int = 0


@dataclass(slots=True)
class Package:
    waybill: str
    weight_g: int
    items: list[tuple[str, int]]


# What goes out without a buyer: ordinary, to another warehouse, wholesale, other.
STOCK_OUT_TYPES = ("PTCK", "DBCK", "B2BCK", "QTCK")


@dataclass(slots=True)
class Delivery:
    """A delivery order or stock-out that the warehouse was told to send. receipts: how often the command came."""

    code: str
    delivery_id: str
    customer_id: str
    warehouse: str
    order_type: str
    carrier: str
    lines: list[DeliveryLine]
    received_ms: int
    status: str = "ACCEPT"
    receipts: int = 1
    body_digest: str = ""
    changed_receipts: int = 0
    packages: list[Package] = field(default_factory=list)
    confirm_id: str = ""
    ship_due_ms: int = 0
    shipped_ms: int = 0
    confirmed_ms: int = 0
    cancelled_ms: int = 0
    confirm_tries: int = 0
    confirm_error: str = ""

    @property
    def trades(self) -> list[str]:
        return sorted({line.trade for line in self.lines if line.trade})

    @property
    def quantity(self) -> int:
        """Pieces still to be sent."""
        return sum(line.quantity for line in self.lines)

    @property
    def is_stock_out(self) -> bool:
        """Whether it goes to another place of the owner, not to a buyer."""
        return self.order_type in STOCK_OUT_TYPES

    @property
    def lacking(self) -> int:
        """Pieces that are not there."""
        return sum(line.lacking for line in self.lines)


@dataclass(slots=True)
class Inbound:
    """Goods that a warehouse was told to expect. kind: entryOrder or returnOrder. receipts: how often it was told."""

    code: str
    inbound_id: str
    kind: str
    customer_id: str
    warehouse: str
    order_type: str
    lines: list[DeliveryLine]
    received_ms: int
    status: str = "ACCEPT"
    receipts: int = 1
    arrived_ms: int = 0
    tracking_no: str = ""


@dataclass(slots=True)
class Word:
    """A document that a warehouse sends to us besides the confirms of deliveries, until we have heard it."""

    id: str
    method: str
    customer_id: str
    body: str
    tries: int = 0
    heard_ms: int = 0
    error: str = ""


@dataclass(slots=True)
class Message:
    """A message to the shop's application. extra: how many more times it comes although confirmed."""

    id: int
    topic: str
    content: str
    published_ms: int
    tid: int
    extra: int = 0
    hands: int = 0


@dataclass(slots=True)
class Push:
    """A message that a platform brings to our door until it is heard, or until it gives up."""

    id: int
    platform: str
    topic: str
    body: str
    tid: int
    made_ms: int
    due_ms: int
    tries: int = 0
    error: str = ""


@dataclass(slots=True)
class BillDifference:
    """A planted difference between the bill of `day` and what really happened.

    kind: MISSING_ROW, EXTRA_ROW, AMOUNT_OFF or FEE_OFF. true_fen and shown_fen: the amount, or the fee for FEE_OFF.
    """

    kind: str
    day: str
    alipay_no: str
    order_no: str
    true_fen: int
    shown_fen: int


def _getter(kind: type) -> Any:
    return attrgetter(*[item.name for item in fields(kind)])


_GETTERS = {
    kind: _getter(kind)
    for kind in (
        Buyer,
        Line,
        Sent,
        Trade,
        Refund,
        Payment,
        DeliveryLine,
        Package,
        Delivery,
        Inbound,
        Word,
        Message,
        Push,
        BillDifference,
    )
}


_TRADE_PARCELS = [item.name for item in fields(Trade)].index("parcels")
_DELIVERY_LINES = [item.name for item in fields(Delivery)].index("lines")
_DELIVERY_PACKAGES = [item.name for item in fields(Delivery)].index("packages")


def dump(record: Any) -> str:
    """A record as compact JSON: the list of its values in field order."""
    return json.dumps(record, default=lambda value: _GETTERS[type(value)](value), ensure_ascii=False)


def load(kind: type, text: str) -> Any:
    """The record that `dump` wrote."""
    values = json.loads(text)
    if kind is Trade:
        values[1], values[2] = Buyer(*values[1]), [Line(*line) for line in values[2]]
        values[_TRADE_PARCELS] = [
            Sent(carrier, waybill, sent_ms, [(oid, num) for oid, num in pieces])
            for carrier, waybill, sent_ms, pieces in values[_TRADE_PARCELS]
        ]
    elif kind is Delivery:
        record = Delivery(*values)
        record.lines = [DeliveryLine(*line) for line in values[_DELIVERY_LINES]]
        record.packages = [
            Package(waybill, weight_g, [(code, pieces) for code, pieces in contents])
            for waybill, weight_g, contents in values[_DELIVERY_PACKAGES]
        ]
        return record
    elif kind is Inbound:
        inbound = Inbound(*values)
        inbound.lines = [DeliveryLine(*line) for line in inbound.lines]  # type: ignore[misc]
        return inbound
    return kind(*values)


def layout() -> str:
    """The names and order of all fields: a state file written with another layout cannot be read."""
    return ";".join(f"{kind.__name__}({','.join(item.name for item in fields(kind))})" for kind in _GETTERS)
