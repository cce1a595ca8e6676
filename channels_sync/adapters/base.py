"""What every platform's adapter can do, in neutral words. Adapters are clients: no models, no state but credentials."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from channels_sync.errors import MessageUnreadable
from ordercenter.common.batch import BatchResult

NoticeKind = Literal["order", "refund", "other"]
StockMode = Literal["full", "delta"]


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of aware instants, by the platform's time of change."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None or self.start >= self.end:
            raise ValueError(f"not a window: {self.start} to {self.end}")


@dataclass(frozen=True, slots=True)
class ChangedOrder:
    """An order that changed; read it whole by its number. raw: the row of the list as it came."""

    channel_order_no: str
    modified_at: datetime
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChangedOrders:
    """One page of changes. next_cursor: hand it back with the same window for the next page; None when all is read.

    unreadable: one error per row that could not be read, so that a broken row does not stop the rest.
    """

    orders: tuple[ChangedOrder, ...]
    next_cursor: str | None
    unreadable: tuple[MessageUnreadable, ...] = ()


@dataclass(frozen=True, slots=True)
class RawOrder:
    """One order whole. payload: the order's object; body: the answer's bytes as they came, to be kept.

    buyer_id: the platform's id of the buyer; "" where it tells none.
    """

    channel_order_no: str
    payload: dict[str, Any]
    body: bytes
    buyer_id: str = ""


@dataclass(frozen=True, slots=True)
class RawRefund:
    """One refund whole, as the platform gave it."""

    channel_refund_no: str
    channel_order_no: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChangedRefunds:
    """One page of refunds; cursor and unreadable as in ChangedOrders."""

    refunds: tuple[RawRefund, ...]
    next_cursor: str | None
    unreadable: tuple[MessageUnreadable, ...] = ()


@dataclass(frozen=True, slots=True)
class ChannelNotice:
    """A message that something changed. It comes again until it is confirmed, and not always in order."""

    message_id: str
    topic: str
    kind: NoticeKind
    channel_order_no: str
    channel_refund_no: str
    published_at: datetime
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True)
class UnreadableNotice:
    """A message we cannot read: keep it, make a case, and confirm it if it has a number, else it comes for ever."""

    message_id: str | None
    error: MessageUnreadable
    raw: Any


@dataclass(frozen=True, slots=True)
class Notices:
    """What one call handed over; the unreadable ones beside the rest."""

    notices: tuple[ChannelNotice, ...]
    unreadable: tuple[UnreadableNotice, ...]


@dataclass(frozen=True, slots=True)
class Tracking:
    """A parcel to report. channel_line_nos: the lines in it when the order goes out in several parcels, else empty."""

    channel_order_no: str
    carrier_code: str
    tracking_no: str
    channel_line_nos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrackingResult:
    """sent: taken now. already_shipped: it was shipped before; other_tracking_no: with which number, if not ours."""

    outcome: Literal["sent", "already_shipped"]
    other_tracking_no: str = ""


@dataclass(frozen=True, slots=True)
class StockPush:
    """How many of one listed SKU there are (full) or were added (delta)."""

    listing_id: str
    listing_sku_id: str
    quantity: int


class ChannelAdapter(Protocol):
    """One shop at one platform. Every call may raise a ChannelError; documents may raise MessageUnreadable."""

    def pull_changed_orders(self, window: Window, cursor: str | None = None) -> ChangedOrders:
        """One page of what changed in the window; rows may come twice, none is missed."""
        ...

    def read_orders(self, channel_order_nos: Collection[str]) -> BatchResult:
        """done: RawOrder each; refused by number. A ban or lost grant refuses all that were not read yet."""
        ...

    def consume_messages(self, *, quantity: int = 100) -> Notices:
        """Take waiting messages; they come again unless confirmed."""
        ...

    def confirm_messages(self, message_ids: Collection[str]) -> None:
        """Tell the platform that these are safely ours."""
        ...

    def pull_refunds(self, window: Window, cursor: str | None = None) -> ChangedRefunds:
        """One page of refunds that changed in the window."""
        ...

    def read_refund(self, channel_refund_no: str) -> RawRefund:
        """One refund by its number."""
        ...

    def send_tracking(self, tracking: Tracking) -> TrackingResult:
        """Report a parcel. Repeating it is safe. Raises TrackingRefused when the platform will not take it."""
        ...

    def push_stock(self, pushes: Sequence[StockPush], *, mode: StockMode = "full") -> BatchResult:
        """done and refused: StockPush each. An unknown outcome of a delta must be settled by a full push."""
        ...
