"""What every platform's adapter can do, in neutral words. Adapters are clients: no models, no state but credentials.

An adapter module exports one `PLATFORM`; `channels_sync/platforms.py` lists them all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol

from channels_sync.errors import MessageUnreadable
from finance.settling import SettledRow
from ordercenter.common.batch import BatchResult
from ordercenter.orders.intake_types import IncomingOrder, IncomingRefund

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

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
    """An order that changed; read it whole by its number. raw: the row of the list as it came.

    modified_at: when it changed; the end of the span where the list does not tell, so that it is read in any case.
    """

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

    buyer_id: the platform's id of the buyer; "" where it tells none. changed_at: the platform's time of this change, by
    which the lag of a channel is measured.
    """

    channel_order_no: str
    payload: dict[str, Any]
    body: bytes
    buyer_id: str = ""
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RawRefund:
    """One refund whole, as the platform gave it. changed_at: as in RawOrder."""

    channel_refund_no: str
    channel_order_no: str
    payload: dict[str, Any]
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChangedRefunds:
    """One page of refunds; cursor and unreadable as in ChangedOrders."""

    refunds: tuple[RawRefund, ...]
    next_cursor: str | None
    unreadable: tuple[MessageUnreadable, ...] = ()


@dataclass(frozen=True, slots=True)
class Settlements:
    """One page of what the platform paid out or took back; cursor and unreadable as in ChangedOrders."""

    rows: tuple[SettledRow, ...]
    next_cursor: str | None
    unreadable: tuple[MessageUnreadable, ...] = ()


@dataclass(frozen=True, slots=True)
class ChannelNotice:
    """A message that something changed: read the order or refund back by its number to know how.

    It comes again until it is confirmed, and not always in order.
    """

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
    """A parcel to report. channel_line_nos: the lines in it when the order goes out in several parcels, else empty.

    pieces: (line, how many of it) for platforms that take quantities; empty with the lines. key: the same for every try
    of one report, for platforms that take an idempotency key.
    """

    channel_order_no: str
    carrier_code: str
    tracking_no: str
    channel_line_nos: tuple[str, ...] = ()
    pieces: tuple[tuple[str, int], ...] = ()
    key: str = ""


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

    def change_tracking(self, tracking: Tracking, *, instead_of: str) -> TrackingResult:
        """Give the parcel reported with the number `instead_of` another one. Repeating is safe.

        Raises TrackingRefused when no parcel has that number or the platform will not change it.
        """
        ...

    def push_stock(self, pushes: Sequence[StockPush], *, mode: StockMode = "full") -> BatchResult:
        """done and refused: StockPush each. An unknown outcome of a delta must be settled by a full push."""
        ...


@dataclass(frozen=True, slots=True)
class Connection:
    """What a client needs of an account, in plain values.

    secrets: what must not be seen, names as in Platform.secrets. options: the account's switches, Platform.options.
    """

    account_id: int
    base_url: str
    app_key: str
    secrets: Mapping[str, Any] = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    message_group: str = "default"


@dataclass(frozen=True, slots=True)
class PushRequest:
    """What a platform sent to our door, byte for byte. Names of headers are in lower case; at: when it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class PushAnswer:
    """What the platform wants to hear so that it does not send again."""

    status: int = 200
    content_type: str = "application/json"
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What one request told. It is kept by one insert before `answer` is given.

    notices: something changed, to be read back. orders, refunds: whole, where the platform sends them so. unreadable:
    kept for a person.
    """

    answer: PushAnswer
    notices: tuple[ChannelNotice, ...] = ()
    orders: tuple[RawOrder, ...] = ()
    refunds: tuple[RawRefund, ...] = ()
    unreadable: tuple[UnreadableNotice, ...] = ()


@dataclass(frozen=True, slots=True)
class Renewed:
    """A new access token. secrets: all of them, as they are to be kept from now on.

    valid_until: of the access token, None when it has no end. renewable_until: until when it can be renewed without the
    seller, None when always.
    """

    secrets: Mapping[str, Any] = field(repr=False)
    valid_until: datetime | None
    renewable_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Granting:
    """How a seller gives us access with a click.

    address: where the seller's browser goes, of (connection, state, the address that it comes back to); None where the
    account lacks what that takes. grant: what came back in the query, made into tokens, of (connection, query, the same
    address). It raises GrantRefused, ChannelError.
    """

    address: Callable[[Connection, str, str], str | None]
    grant: Callable[[Connection, Mapping[str, str], str], Renewed]


@dataclass(frozen=True)
class Field:
    """One thing to fill in for an account. choices: (value, label) where only some are known."""

    name: str
    label: StrPromise
    help: StrPromise | str = ""
    is_required: bool = True
    choices: tuple[tuple[str, StrPromise | str], ...] = ()


@dataclass(frozen=True, slots=True)
class Readers:
    """How the bodies of one account's orders and refunds are read."""

    read_order: Callable[[Any], IncomingOrder]
    read_refund: Callable[[Any], IncomingRefund]


@dataclass(frozen=True)
class Platform:
    """One kind of channel: how to reach it, how to read what it says, how it reaches us.

    code: stored in accounts, never changes. read_order and read_refund: from the strictly parsed body of a RawOrder
    or RawRefund, as the inbox keeps it; they raise MessageUnreadable. take_push: checks and reads what comes to our
    door; raises PushRefused. renew: a new access token, `renew_before` ahead of its end; raises
    AuthorizationExpired when only the seller can help. renew_needs: the secret without which an account cannot be
    renewed. has_messages: it keeps messages for us to take and confirm. poll_every_s: how often changes are pulled:
    seldom where messages drive, every few seconds where nothing else tells. takes_remarks: the adapter has
    `send_remark(channel_order_no, *, text, flag)`, which writes the seller's remark of an order. settles: the
    adapter has `pull_settlements(window, cursor=None)`, which gives a page of Settlements by the time of settling;
    a platform without it is reconciled by the bills of its payment provider.
    granting: how a seller gives us access, where the platform asks the seller.
    readers_of: where an account says by itself how its orders and refunds are read, instead of the two above.
    read_kept: what was kept as unreadable (UnreadableNotice.raw), read once more, so that it comes in when the reader
    has learned its form; raises MessageUnreadable as long as it has not.
    """

    code: str
    label: StrPromise | str
    connect: Callable[[Connection], ChannelAdapter]
    read_order: Callable[[Any], IncomingOrder]
    read_refund: Callable[[Any], IncomingRefund]
    secrets: tuple[Field, ...]
    options: tuple[Field, ...] = ()
    take_push: Callable[[Connection, PushRequest], Pushed] | None = None
    renew: Callable[[Connection], Renewed] | None = None
    renew_before: timedelta = timedelta(days=1)
    renew_needs: str = ""
    granting: Granting | None = None
    has_messages: bool = False
    poll_every_s: float = 60.0
    takes_remarks: bool = False
    settles: bool = False
    readers_of: Callable[[Connection], Readers] | None = None
    read_kept: Callable[[Connection, Any], Pushed] | None = None
