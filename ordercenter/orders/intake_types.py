"""What a channel's order looks like once its platform's words are translated: the contract of intake.

Adapters build these, intake reads them. Plain frozen values, no models. Money is Decimal in `currency`; times are aware
UTC; numbers of the platform are text. Texts that the platform did not give are empty, never None.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

ChannelStatus = Literal["created", "paid", "part_shipped", "shipped", "completed", "cancelled", "closed"]
"""created -> paid -> part_shipped -> shipped -> completed; ends: cancelled (before pay), closed (refunded in full)."""

# How far a status is on its way. A platform's clock has whole seconds: of two reports of one second the further one is
# newer.
STATUS_RANK: dict[ChannelStatus, int] = {
    "created": 0,
    "paid": 1,
    "part_shipped": 2,
    "shipped": 3,
    "completed": 4,
    "cancelled": 5,
    "closed": 5,
}

LineRefundStatus = Literal["none", "requested", "agreed", "returning", "refused", "closed", "refunded"]
PresaleState = Literal["deposit_due", "balance_due", "paid"]
RefundStatus = Literal["requested", "agreed", "returning", "refused", "withdrawn", "succeeded"]
RefundPhase = Literal["onsale", "aftersale"]
# refund: money back, the goods stay or never left. return: money for goods that come back. exchange, resend, repair:
# goods for goods, no money. price_protection: a part of the price for a later sale; the goods are no part of it.
AfterSaleKind = Literal["refund", "return", "exchange", "resend", "repair", "price_protection"]


@dataclass(frozen=True, slots=True)
class IncomingReceiver:
    """Who gets the goods. is_masked: name, phone or address hold stars, and `oaid` stands for the clear contact.

    In counties directly under a province the county is both city and district.
    """

    name: str
    phone: str
    province: str
    city: str
    district: str
    town: str
    address: str
    zip_code: str
    oaid: str
    is_masked: bool


@dataclass(frozen=True, slots=True)
class IncomingLine:
    """One line. paid_share: what the buyer pays for it after all discounts, without freight.

    listing_id and listing_sku_id: the platform's listing; outer_sku: the seller's own code kept there, may be empty.
    live_room_id, live_author_id: the live room in which it was bought, and its anchor, by the platform's numbers.
    """

    channel_line_no: str
    listing_id: str
    listing_sku_id: str
    outer_sku: str
    title: str
    sku_text: str
    quantity: int
    unit_price: Decimal
    discount: Decimal
    paid_share: Decimal
    status: ChannelStatus
    refund_status: LineRefundStatus
    is_gift: bool
    live_room_id: str = ""
    live_author_id: str = ""


@dataclass(frozen=True, slots=True)
class IncomingPayment:
    """One captured payment. external_no: the provider's number; merchant_no: ours in the provider's books."""

    external_no: str
    amount: Decimal
    paid_at: datetime
    provider: str
    merchant_no: str


@dataclass(frozen=True, slots=True)
class IncomingOrder:
    """One order as the channel sees it now. goods_total - discount_total + freight = total_amount, always.

    total_amount: what the buyer pays, freight included. held: the platform forbids shipping for now. modified_at
    decides which of two reports is newer. presale_state: None for anything but a pre-sale; only "paid" may ship.
    payment: the latest one; None while unpaid, or when the platform names no payment number. Of a pre-sale it is the
    deposit while the balance is due, and all that was paid, under the balance's number, once it is paid. raw_status:
    the platform's own word. ship_by: until when the platform wants it shipped; None where it names no time of its own.
    balance_due_at: until when the balance of a pre-sale may be paid, where the platform says
    so (Douyin: phase_close_time of the last phase in order_phase_list; TOP's trades have no field for it).
    split_from: the numbers of the orders in whose place this one stands since the channel split them, the nearest
    first and the one that was paid last; empty: it stands for none; None: a channel that splits no orders.
    """

    channel_order_no: str
    status: ChannelStatus
    held: bool
    created_at: datetime
    paid_at: datetime | None
    modified_at: datetime
    goods_total: Decimal
    discount_total: Decimal
    freight: Decimal
    total_amount: Decimal
    currency: str
    buyer_id: str
    buyer_nick: str
    buyer_remark: str
    seller_remark: str
    seller_flag: int
    presale_state: PresaleState | None
    receiver: IncomingReceiver
    lines: tuple[IncomingLine, ...]
    payment: IncomingPayment | None
    raw_status: str
    ship_by: datetime | None = None
    balance_due_at: datetime | None = None
    split_from: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class IncomingRefund:
    """One refund request of one line. phase: before (onsale) or after (aftersale) the trade was finished.

    version: the platform's own, grows with every change. amount: what goes back to the buyer, 0 for goods against
    goods. kind: what the buyer asks for. return_carrier, return_no: the parcel in which the goods come back, once told.
    """

    channel_refund_no: str
    channel_order_no: str
    channel_line_no: str
    status: RefundStatus
    phase: RefundPhase
    amount: Decimal
    has_goods_return: bool
    quantity: int
    reason: str
    version: int
    created_at: datetime
    modified_at: datetime
    kind: AfterSaleKind = "refund"
    return_carrier: str = ""
    return_no: str = ""
