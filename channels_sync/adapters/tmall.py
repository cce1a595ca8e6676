"""Tmall and Taobao shops over TOP: pulls, messages, shipping and stock as the platform's documentation asks for them.

Paging of what changed: rows move to the end of the list when they change again, so a forward walk misses rows that
slipped onto a page already read. The last page is read first, windows overlap, and rows may come twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.utils.translation import gettext_lazy as _

from channels_sync.adapters import tmall_mapping as mapping
from channels_sync.adapters.base import (
    ChangedOrders,
    ChangedRefunds,
    Connection,
    Field,
    Granting,
    Notices,
    Platform,
    PushAnswer,
    Pushed,
    RawOrder,
    RawRefund,
    StockMode,
    StockPush,
    Tracking,
    TrackingResult,
    UnreadableNotice,
    Window,
)
from channels_sync.adapters.batches import call_each, chunks, readable
from channels_sync.adapters.tmall_granting import granting_address, renew, take_grant
from channels_sync.errors import MessageUnreadable, TrackingRefused
from ordercenter.common.batch import BatchResult
from ordercenter.common.gmt8 import format_gmt8, parse_gmt8
from ordercenter.common.platform_errors import ChannelAnswerUnreadable, ChannelError, ChannelRefused
from ordercenter.common.top_client import TopClient, TopCredentials
from ordercenter.orders.intake_types import IncomingOrder, IncomingRefund

PAGE_SIZE = 50
WINDOW_STEP = timedelta(minutes=30)
LONGEST_WINDOW = timedelta(days=1)
OVERLAP = timedelta(minutes=5)
STOCK_ROWS = 20
CONFIRM_ROWS = 200

CHANGED_FIELDS = "tid,status,modified"
# receiver_name, receiver_address, created, receiver_mobile and receiver_phone together make the platform add `oaid`.
TRADE_FIELDS = ",".join(
    (
        "tid,type,status,created,pay_time,modified,consign_time,end_time,payment,total_fee,discount_fee,adjust_fee",
        "post_fee,received_payment,alipay_no,buyer_open_uid,buyer_nick,seller_nick,buyer_message,seller_memo",
        "seller_flag,has_buyer_message,receiver_name,receiver_state,receiver_city,receiver_district,receiver_town",
        "receiver_address,receiver_zip,receiver_mobile,receiver_phone,oaid,shipping_type,step_trade_status",
        "step_paid_fee,is_part_consign,top_hold,team_buy_hold,forbid_consign,promotion_details,orders",
    )
)
REFUND_FIELDS = (
    "refund_id,tid,oid,status,order_status,good_status,has_good_return,refund_fee,total_fee,payment,refund_phase,"
    "reason,desc,num,sid,company_name,outer_id,refund_version,created,modified"
)

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a pull stands: the start of the part of the window being read, and its next page (0: not counted yet)."""

    start: datetime
    page: int

    def __str__(self) -> str:
        return f"{format_gmt8(self.start)}#{self.page}"

    @classmethod
    def read(cls, cursor: str) -> _Place:
        start, _hash, page = cursor.partition("#")
        return cls(parse_gmt8(start), int(page))


class TmallAdapter:
    """One Tmall shop. Implements ChannelAdapter; holds no state but the client, so threads may share it."""

    def __init__(self, client: TopClient, *, message_group: str = "default", window_step: timedelta = WINDOW_STEP):
        """window_step: how long a span one list request covers; 30 minutes are advised, one day is the most."""
        if not timedelta(seconds=1) <= window_step <= LONGEST_WINDOW:
            raise ValueError(f"a window of {window_step} is not between a second and a day")
        self._client = client
        self._message_group = message_group
        self._step = window_step

    # --- orders -------------------------------------------------------------------------------------------------------

    def pull_changed_orders(self, window: Window, cursor: str | None = None) -> ChangedOrders:
        """One page of trades by time of change, the window's start moved back by 5 minutes of overlap."""
        rows, unreadable, next_cursor = self._pull(
            "taobao.trades.sold.increment.get",
            {"fields": CHANGED_FIELDS},
            ("trades", "trade"),
            mapping.read_changed_order,
            window,
            cursor,
        )
        return ChangedOrders(rows, next_cursor, unreadable)

    def read_orders(self, channel_order_nos: Collection[str]) -> BatchResult:
        """Read trades whole, one call each. done: RawOrder; refused by number.

        A final answer about one trade (not found, no permission) refuses that one; a ban, a lost grant or a platform
        that does not answer refuses it and all after it, without further calls.
        """
        return call_each(channel_order_nos, self._read_order)

    def _read_order(self, number: str) -> RawOrder:
        method = "taobao.trade.fullinfo.get"
        answer = self._client.call(method, {"tid": number, "fields": TRADE_FIELDS, "include_oaid": "true"})
        trade = mapping.trade_in(answer.content)
        if mapping.trade_number(trade) != number:
            raise ChannelAnswerUnreadable(method=method, message="the answer is about another trade")
        return RawOrder(number, trade, answer.body, mapping.buyer_of(trade), mapping.changed_at(trade))

    # --- messages -----------------------------------------------------------------------------------------------------

    def consume_messages(self, *, quantity: int = 100) -> Notices:
        """Take up to `quantity` messages (the platform knows 10 to 200). Unconfirmed ones come again."""
        if not 10 <= quantity <= 200:
            raise ValueError(f"quantity {quantity} is not between 10 and 200")
        method = "taobao.tmc.messages.consume"
        params = {"quantity": str(quantity), "group_name": self._message_group}
        notices, unreadable = [], []
        for raw in _rows(method, self._client.call(method, params).content, "messages", "tmc_message"):
            try:
                notices.append(mapping.read_tmc_message(_object(raw, "message")))
            except MessageUnreadable as error:
                unreadable.append(UnreadableNotice(mapping.message_number(raw), error, raw))
        return Notices(tuple(notices), tuple(unreadable))

    def confirm_messages(self, message_ids: Collection[str]) -> None:
        """Confirm messages, 200 a call. Confirming twice does no harm."""
        for chunk in chunks(list(message_ids), CONFIRM_ROWS):
            self._client.call(
                "taobao.tmc.messages.confirm",
                {"s_message_ids": ",".join(chunk), "group_name": self._message_group},
            )

    # --- refunds ------------------------------------------------------------------------------------------------------

    def pull_refunds(self, window: Window, cursor: str | None = None) -> ChangedRefunds:
        """One page of refunds by time of change, paged as pull_changed_orders."""
        rows, unreadable, next_cursor = self._pull(
            "taobao.refunds.receive.get",
            {"fields": REFUND_FIELDS},
            ("refunds", "refund"),
            mapping.read_changed_refund,
            window,
            cursor,
        )
        return ChangedRefunds(rows, next_cursor, unreadable)

    def read_refund(self, channel_refund_no: str) -> RawRefund:
        """One refund by its number."""
        answer = self._client.call("taobao.refund.get", {"refund_id": channel_refund_no, "fields": REFUND_FIELDS})
        return mapping.read_changed_refund(mapping.refund_in(answer.content))

    # --- shipping and stock -------------------------------------------------------------------------------------------

    def send_tracking(self, tracking: Tracking) -> TrackingResult:
        """Report a parcel sent with a carrier of our own (logistics.offline.send).

        The platform refuses a second report with a business error that does not say so by itself: the trade is read
        back, and if the lines have left, the report counts as made.
        """
        method = "taobao.logistics.offline.send"
        params = {
            "tid": tracking.channel_order_no,
            "out_sid": tracking.tracking_no,
            "company_code": tracking.carrier_code,
        }
        if tracking.channel_line_nos:
            params |= {"sub_tid": ",".join(tracking.channel_line_nos), "is_split": "1"}
        try:
            content = self._client.call(method, params).content
        except ChannelRefused as error:
            return self._after_refused_tracking(tracking, error)
        shipping = content.get("shipping")
        if not isinstance(shipping, dict) or not isinstance(shipping.get("is_success"), bool):
            raise ChannelAnswerUnreadable(method=method, message="no shipping.is_success in the answer")
        if not shipping["is_success"]:
            return self._after_refused_tracking(tracking, ChannelRefused(method=method, message="is_success is false"))
        return TrackingResult("sent")

    def change_tracking(self, tracking: Tracking, *, instead_of: str) -> TrackingResult:
        """Give the parcel reported with `instead_of` another number (logistics.consign.resend).

        Raises TrackingRefused where no line of the trade left with that number, or the platform does not take the new
        one. Repeating is safe: a number that is there is not sent again.
        """
        method = "taobao.logistics.consign.resend"
        trade = self._read_order(tracking.channel_order_no).payload
        by_line = mapping.numbers_of_lines(trade)
        lines = sorted(line for line, number in by_line.items() if number == instead_of)
        if not lines:
            if tracking.tracking_no in by_line.values():
                return TrackingResult("already_shipped")
            raise TrackingRefused(method=method, sub_code="number_unknown", message="no parcel with that number")
        params = {
            "tid": tracking.channel_order_no,
            "out_sid": tracking.tracking_no,
            "company_code": tracking.carrier_code,
        }
        if len(lines) < len(by_line):
            params |= {"sub_tid": ",".join(lines), "is_split": "1"}
        try:
            shipping = self._client.call(method, params).content.get("shipping")
        except ChannelRefused as error:
            raise TrackingRefused.because_of(error) from error
        if not isinstance(shipping, dict) or shipping.get("is_success") is not True:
            raise TrackingRefused(method=method, message="is_success is false")
        return TrackingResult("sent")

    def _after_refused_tracking(self, tracking: Tracking, refusal: ChannelRefused) -> TrackingResult:
        trade = self._read_order(tracking.channel_order_no).payload
        has_left, numbers = mapping.shipped_numbers(trade, tracking.channel_line_nos)
        if not has_left:
            raise TrackingRefused(
                method=refusal.method,
                error_code=refusal.error_code,
                sub_code=refusal.sub_code,
                message=refusal.message,
            ) from refusal
        other = "" if tracking.tracking_no in numbers else ",".join(sorted(numbers))
        return TrackingResult("already_shipped", other)

    def push_stock(self, pushes: Sequence[StockPush], *, mode: StockMode = "full") -> BatchResult:
        """Set (full) or change (delta) the stock of listed SKUs, up to 20 of one listing a call.

        done: StockPush; refused by StockPush. A negative full quantity is refused here, the platform would refuse the
        whole call. A delta is never repeated at once: its outcome may be unknown.
        """
        result = BatchResult()
        listings: dict[str, list[StockPush]] = {}
        for push in pushes:
            if mode == "full" and push.quantity < 0:
                result.refuse(push, ChannelRefused(method="taobao.skus.quantity.update", sub_code="negative_quantity"))
            else:
                listings.setdefault(push.listing_id, []).append(push)
        stop: ChannelError | None = None
        for chunk in (chunk for rows in listings.values() for chunk in _stock_calls(rows)):
            if stop is None:
                try:
                    self._push_chunk(chunk, mode)
                    result.done.extend(chunk)
                    continue
                except (ChannelRefused, ChannelAnswerUnreadable) as error:
                    refusal: ChannelError = error
                except ChannelError as error:
                    stop = refusal = error
            for push in chunk:
                result.refuse(push, refusal)
        return result

    def _push_chunk(self, chunk: Sequence[StockPush], mode: StockMode) -> None:
        kind = "1" if mode == "full" else "2"
        if chunk[0].listing_sku_id:
            method = "taobao.skus.quantity.update"
            changes = {"skuid_quantities": ";".join(f"{push.listing_sku_id}:{push.quantity}" for push in chunk)}
        else:
            method = "taobao.item.quantity.update"
            changes = {"quantity": str(chunk[0].quantity)}
        self._client.call(method, {"num_iid": chunk[0].listing_id, **changes, "type": kind}, repeat=mode == "full")

    def send_remark(self, channel_order_no: str, *, text: str, flag: int = 0) -> None:
        """Write the seller's memo of a trade over what stands there; flag: its colour, 1 to 5, 0 leaves it as it is."""
        params = {"tid": channel_order_no, "memo": text}
        if flag:
            params["flag"] = str(flag)
        self._client.call("taobao.trade.memo.update", params)

    # --- paging -------------------------------------------------------------------------------------------------------

    def _pull(
        self,
        method: str,
        params: dict[str, str],
        names: tuple[str, str],
        read: Callable[[dict[str, Any]], Row],
        window: Window,
        cursor: str | None,
    ) -> tuple[tuple[Row, ...], tuple[MessageUnreadable, ...], str | None]:
        place = _Place.read(cursor) if cursor else _Place(window.start - OVERLAP, 0)
        end = min(place.start + self._step, window.end)
        span = {**params, "start_modified": format_gmt8(place.start), "end_modified": format_gmt8(end)}

        def page_of(page_no: int) -> dict[str, Any]:
            return self._client.call(method, {**span, "page_no": str(page_no), "page_size": str(PAGE_SIZE)}).content

        page = place.page or 1
        content = page_of(page)
        if not place.page:
            # The first request only counts when there is more than one page; page 1 is read again as the last.
            page = max(1, -(-_total(method, content) // PAGE_SIZE))
            if page > 1:
                content = page_of(page)
        rows, unreadable = readable(_rows(method, content, *names), read, names[1])
        if page > 1:
            following = _Place(place.start, page - 1)
        elif end < window.end:
            following = _Place(end, 0)
        else:
            following = None
        return tuple(rows), tuple(unreadable), str(following) if following else None


def _rows(method: str, content: dict[str, Any], outer: str, inner: str) -> list[Any]:
    """The rows of a list wrapped twice; an empty list is simply absent."""
    wrapped = content.get(outer)
    if isinstance(wrapped, dict):
        wrapped = wrapped.get(inner)
    if wrapped is None:
        return []
    if not isinstance(wrapped, list):
        raise ChannelAnswerUnreadable(method=method, message=f"{outer}.{inner} is not a list")
    return wrapped


def _total(method: str, content: dict[str, Any]) -> int:
    total = content.get("total_results")
    if total is None and content.get("has_next") is not True:
        return 0
    if type(total) is not int or total < 0:
        raise ChannelAnswerUnreadable(method=method, message="no total_results in the answer")
    return total


def _object(raw: Any, path: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise MessageUnreadable(path=path, problem="ill_typed")
    return raw


def _stock_calls(rows: list[StockPush]) -> Iterator[Sequence[StockPush]]:
    """The calls for one listing: SKUs by twenties, a listing without SKUs by itself."""
    yield from chunks([row for row in rows if row.listing_sku_id], STOCK_ROWS)
    yield from chunks([row for row in rows if not row.listing_sku_id], 1)


def _connect(connection: Connection) -> TmallAdapter:
    credentials = TopCredentials(
        app_key=connection.app_key,
        secret=connection.secrets["secret"],
        session=connection.secrets["session"],
        base_url=connection.base_url,
    )
    return TmallAdapter(TopClient(credentials), message_group=connection.message_group)


def _read_order(raw: Any) -> IncomingOrder:
    return mapping.read_trade(mapping.trade_in(raw))


def _read_refund(raw: Any) -> IncomingRefund:
    return mapping.read_refund(mapping.refund_in(raw))


def _read_kept(_connection: Connection, raw: Any) -> Pushed:
    return Pushed(PushAnswer(), notices=(mapping.read_tmc_message(_object(raw, "message")),))


PLATFORM = Platform(
    code="tmall",
    label=_("Tmall and Taobao"),
    connect=_connect,
    read_order=_read_order,
    read_refund=_read_refund,
    secrets=(
        Field("secret", _("app secret")),
        Field("session", _("session key of the seller"), _("“Give access” fetches it."), is_required=False),
        Field("refresh_token", _("Refresh token"), is_required=False),
    ),
    options=(
        Field("login_url", _("address of the login"), _("Only where it is not the platform's own."), is_required=False),
    ),
    has_messages=True,
    takes_remarks=True,
    renew=renew,
    # A session key that was put in by hand has none.
    renew_needs="refresh_token",
    granting=Granting(granting_address, take_grant),
    read_kept=_read_kept,
)
