"""WeChat shop (微信小店, channels/ec), sold in channels, live rooms and mini-programs.

A list gives numbers only, walked by a key that holds for its own parameters; orders by time of change at most 7 days a
walk, after-sales 24 hours. A parcel is reported by product, SKU and count, so what left already is read first: a
repeated report ships nothing twice. A number can be corrected once, while the order left whole in one parcel.

A mini-program shop that trades by channels/ec is the same interface under the mini-program's app id: an account like
any other. One that takes money by WeChat Pay alone has orders in a form of its own, which the platform does not know:
they come by our API, a file or a connector. Its duty to report what was sent (wxa/sec/order/upload_shipping_info) is
not met here: we have no source for the form of that call.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from channels_sync.adapters import wechat_shop_mapping as mapping
from channels_sync.adapters import wechat_shop_settling
from channels_sync.adapters.base import (
    ChangedOrder,
    ChangedOrders,
    ChangedRefunds,
    Connection,
    Field,
    Notices,
    Platform,
    RawOrder,
    RawRefund,
    Settlements,
    StockMode,
    StockPush,
    Tracking,
    TrackingResult,
    Window,
)
from channels_sync.adapters.batches import call_each
from channels_sync.adapters.wechat_shop_client import WechatClient, renew
from channels_sync.adapters.wechat_shop_push import read_kept, take_push
from channels_sync.errors import MessageUnreadable, TrackingRefused
from ordercenter.common.batch import BatchResult
from ordercenter.common.platform_errors import ChannelAnswerUnreadable, ChannelRefused

ORDER_LIST = "/channels/ec/order/list/get"
ORDER_GET = "/channels/ec/order/get"
DELIVERY_SEND = "/channels/ec/order/delivery/send"
DELIVERY_CHANGE = "/channels/ec/order/deliveryinfo/update"
COMPANIES = "/channels/ec/order/deliverycompanylist/get"
NOTES = "/channels/ec/order/merchantnotes/update"
STOCK = "/channels/ec/product/stock/update"
AFTER_SALE_LIST = "/channels/ec/aftersale/getaftersalelist"
AFTER_SALE_GET = "/channels/ec/aftersale/getaftersaleorder"

PAGE_SIZE = 100
LONGEST_ORDER_WALK = timedelta(days=7)
LONGEST_REFUND_WALK = timedelta(days=1)
KEY_DOES_NOT_FIT = 606006
NARROW_THE_WINDOW = 31042
OTHER_CARRIER = "OTHER"
COMPANIES_HOLD_S = 3600
PARCEL = 1
_ADD, _SUBTRACT, _SET = 1, 2, 3

_SECOND = timedelta(seconds=1)
# By address: when the list of couriers was read, and their codes.
_companies: dict[str, tuple[float, frozenset[str] | None]] = {}
_reading_companies = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Walk:
    """Where a pull stands: the span being walked (Unix seconds, both ends included) and the key of its next page."""

    start: int
    end: int
    key: str

    def __str__(self) -> str:
        return f"{self.start}-{self.end}#{self.key}"

    @classmethod
    def read(cls, cursor: str) -> _Walk:
        span, _hash, key = cursor.partition("#")
        start, _dash, end = span.partition("-")
        return cls(int(start), int(end), key)


class WechatShopAdapter:
    """One shop. Implements ChannelAdapter; holds no state but the client, so threads may share it."""

    def __init__(self, client: WechatClient):
        self._client = client

    # --- orders -------------------------------------------------------------------------------------------------------

    def pull_changed_orders(self, window: Window, cursor: str | None = None) -> ChangedOrders:
        """One page of the numbers of orders that changed. The list tells no times: each counts as just changed."""
        walk, last = _walk(window, cursor, LONGEST_ORDER_WALK)
        content, walk = self._list(
            ORDER_LIST,
            walk,
            lambda w: {"update_time_range": {"start_time": w.start, "end_time": w.end}, "page_size": PAGE_SIZE},
        )
        changed_at = datetime.fromtimestamp(walk.end, UTC)
        rows = [ChangedOrder(no, changed_at, {"order_id": no}) for no in _numbers(ORDER_LIST, content, "order_id_list")]
        return ChangedOrders(tuple(rows), _next(ORDER_LIST, content, walk, last, LONGEST_ORDER_WALK))

    def read_orders(self, channel_order_nos: Collection[str]) -> BatchResult:
        """Read orders whole, one call each. done: RawOrder; refused by number, as in batches.call_each."""
        return call_each(channel_order_nos, self._read_order)

    def _read_order(self, number: str) -> RawOrder:
        answer = self._client.call(ORDER_GET, {"order_id": number})
        order = mapping.order_in(answer.content)
        if str(order.get("order_id", "")) != number:
            raise ChannelAnswerUnreadable(method=ORDER_GET, message="the answer is about another order")
        return RawOrder(number, dict(order), answer.body, mapping.buyer_of(order), mapping.changed_at(order))

    def consume_messages(self, *, quantity: int = 100) -> Notices:
        """Nothing: events come to our door."""
        return Notices((), ())

    def confirm_messages(self, message_ids: Collection[str]) -> None:
        """Nothing to confirm."""

    # --- after-sales --------------------------------------------------------------------------------------------------

    def pull_refunds(self, window: Window, cursor: str | None = None) -> ChangedRefunds:
        """One page of after-sales by time of change, each read whole."""
        walk, last = _walk(window, cursor, LONGEST_REFUND_WALK)
        content, walk = self._list(
            AFTER_SALE_LIST, walk, lambda w: {"begin_update_time": w.start, "end_update_time": w.end}
        )
        found, unreadable = [], []
        for number in _numbers(AFTER_SALE_LIST, content, "after_sale_order_id_list"):
            try:
                found.append(self.read_refund(number))
            except MessageUnreadable as error:
                unreadable.append(error)
        following = _next(AFTER_SALE_LIST, content, walk, last, LONGEST_REFUND_WALK)
        return ChangedRefunds(tuple(found), following, tuple(unreadable))

    def read_refund(self, channel_refund_no: str) -> RawRefund:
        """One after-sale by its number."""
        return mapping.raw_refund(self._client.call(AFTER_SALE_GET, {"after_sale_order_id": channel_refund_no}).content)

    # --- out ----------------------------------------------------------------------------------------------------------

    def send_tracking(self, tracking: Tracking) -> TrackingResult:
        """Report a parcel by product and count: the named pieces, or all that is left of the named lines or the order.

        Raises TrackingRefused when the platform refuses and the order, read back, has not left with this number.
        """
        order = self._read_order(tracking.channel_order_no).payload
        sent, numbers = mapping.sent_pieces(order)
        if tracking.tracking_no in numbers:
            return TrackingResult("already_shipped")
        pieces = _pieces(tracking, mapping.ordered_pieces(order) - sent)
        if not pieces:
            if numbers:
                return TrackingResult("already_shipped", ",".join(sorted(numbers)))
            raise TrackingRefused(method=DELIVERY_SEND, sub_code="nothing_to_send", message="no line of it is left")
        parcel = self._parcel(tracking.carrier_code, tracking.tracking_no, pieces)
        params = {"order_id": tracking.channel_order_no, "delivery_list": [parcel]}
        try:
            # Not at once again: by then it may have been taken, and the count would be reported twice.
            self._client.call(DELIVERY_SEND, params, repeat=False)
        except ChannelRefused as error:
            raise _refused(error) from error
        return TrackingResult("sent")

    def change_tracking(self, tracking: Tracking, *, instead_of: str) -> TrackingResult:
        """Correct a parcel's number. Raises TrackingRefused where the platform does not allow it: once, and only for an
        order that left whole in one parcel.
        """
        order = self._read_order(tracking.channel_order_no).payload
        sent, numbers = mapping.sent_pieces(order)
        if tracking.tracking_no in numbers:
            return TrackingResult("already_shipped")
        if numbers != {instead_of}:
            raise TrackingRefused(method=DELIVERY_CHANGE, sub_code="not_one_parcel", message="it left in other parcels")
        parcel = self._parcel(tracking.carrier_code, tracking.tracking_no, dict(sent))
        params = {"order_id": tracking.channel_order_no, "delivery_list": [parcel]}
        try:
            self._client.call(DELIVERY_CHANGE, params)
        except ChannelRefused as error:
            raise _refused(error) from error
        return TrackingResult("sent")

    def _parcel(self, carrier: str, number: str, pieces: dict[tuple[str, str], int]) -> dict[str, Any]:
        return {
            "delivery_id": carrier if carrier in self._carriers() else OTHER_CARRIER,
            "waybill_id": number,
            "deliver_type": PARCEL,
            "product_infos": [
                {"product_id": product_id, "sku_id": sku_id, "product_cnt": count}
                for (product_id, sku_id), count in sorted(pieces.items())
            ],
        }

    def _carriers(self) -> frozenset[str]:
        """The couriers that the platform knows, read once an hour."""
        address = self._client.base_url
        if (known := _known_carriers(address)) is not None:
            return known
        with _reading_companies:
            if (known := _known_carriers(address)) is not None:
                return known
            rows = self._client.call(COMPANIES, {}).content.get("company_list")
            if not isinstance(rows, list):
                raise ChannelAnswerUnreadable(method=COMPANIES, message="company_list is not a list")
            codes = frozenset(str(row.get("delivery_id", "")) for row in rows if isinstance(row, dict))
            _companies[address] = time.monotonic(), codes
            return codes

    def send_remark(self, channel_order_no: str, text: str, flag: int | None = None) -> None:
        """Write the seller's note, over what stands there. flag: the platform has none, it is left out."""
        self._client.call(NOTES, {"order_id": channel_order_no, "merchant_notes": text})

    def push_stock(self, pushes: Sequence[StockPush], *, mode: StockMode = "full") -> BatchResult:
        """Set (full) or change (delta) the stock of SKUs, one call each. done: StockPush; refused by StockPush."""

        def send(push: StockPush) -> StockPush:
            if not push.listing_sku_id or (mode == "full" and push.quantity < 0):
                raise ChannelRefused(method=STOCK, sub_code="no_such_number")
            kind = _SET if mode == "full" else _ADD if push.quantity >= 0 else _SUBTRACT
            params = {
                "product_id": push.listing_id,
                "sku_id": push.listing_sku_id,
                "diff_type": kind,
                "num": abs(push.quantity),
            }
            self._client.call(STOCK, params, repeat=mode == "full")
            return push

        return call_each(pushes, send)

    # --- money --------------------------------------------------------------------------------------------------------

    def pull_settlements(self, window: Window, cursor: str | None = None) -> Settlements:
        """One page of the account's movements in the window."""
        return wechat_shop_settling.pull_settlements(self._client, window, cursor)

    # --- lists --------------------------------------------------------------------------------------------------------

    def _list(self, path: str, walk: _Walk, params_of: Any) -> tuple[dict[str, Any], _Walk]:
        """One page, and the walk as it went: begun anew where its key no longer fits, narrower where asked for."""
        while True:
            params = params_of(walk)
            if walk.key:
                params["next_key"] = walk.key
            try:
                return self._client.call(path, params).content, walk
            except ChannelRefused as error:
                if error.error_code == KEY_DOES_NOT_FIT and walk.key:
                    walk = _Walk(walk.start, walk.end, "")
                elif error.error_code == NARROW_THE_WINDOW and walk.end - walk.start > 1:
                    walk = _Walk(walk.start, walk.start + (walk.end - walk.start) // 2, "")
                else:
                    raise


def _walk(window: Window, cursor: str | None, longest: timedelta) -> tuple[_Walk, int]:
    """The walk to go on with, and the window's last second."""
    last = int((window.end + _SECOND - timedelta.resolution).timestamp())
    if cursor:
        return _Walk.read(cursor), last
    start = int(window.start.timestamp())
    return _Walk(start, min(start + int(longest.total_seconds()), last), ""), last


def _next(path: str, content: dict[str, Any], walk: _Walk, last: int, longest: timedelta) -> str | None:
    has_more, key = content.get("has_more", False), content.get("next_key", "")
    if type(has_more) is not bool or not isinstance(key, str):
        raise ChannelAnswerUnreadable(method=path, message="has_more or next_key is ill typed")
    if has_more:
        if not key or key == walk.key:
            raise ChannelAnswerUnreadable(method=path, message="there is more, but no new next_key")
        return str(_Walk(walk.start, walk.end, key))
    if walk.end < last:
        return str(_Walk(walk.end, min(walk.end + int(longest.total_seconds()), last), ""))
    return None


def _numbers(path: str, content: dict[str, Any], name: str) -> list[str]:
    rows = content.get(name)
    if rows is None:
        return []
    if not isinstance(rows, list) or not all(isinstance(no, str) and no.isascii() and no.isalnum() for no in rows):
        raise ChannelAnswerUnreadable(method=path, message=f"{name} is not a list of numbers")
    return rows


def _known_carriers(address: str) -> frozenset[str] | None:
    read_at, codes = _companies.get(address, (0.0, None))
    return codes if codes is not None and time.monotonic() - read_at < COMPANIES_HOLD_S else None


def _refused(refusal: ChannelRefused) -> TrackingRefused:
    return TrackingRefused(
        method=refusal.method, error_code=refusal.error_code, sub_code=refusal.sub_code, message=refusal.message
    )


def _pieces(tracking: Tracking, left: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """What this parcel holds of what is left, by (product, SKU)."""
    if not tracking.channel_line_nos and not tracking.pieces:
        return {product: count for product, count in left.items() if count > 0}
    wanted: dict[tuple[str, str], int] = {}
    if tracking.pieces:
        for line_no, count in tracking.pieces:
            product = mapping.parts_of(line_no)
            wanted[product] = wanted.get(product, 0) + count
    else:
        wanted = {product: left.get(product, 0) for product in map(mapping.parts_of, tracking.channel_line_nos)}
    return {product: min(count, left.get(product, 0)) for product, count in wanted.items() if left.get(product, 0) > 0}


def _connect(connection: Connection) -> WechatShopAdapter:
    return WechatShopAdapter(WechatClient(connection))


PLATFORM = Platform(
    code="wechat_shop",
    label=_("WeChat shop"),
    connect=_connect,
    read_order=mapping.read_order,
    read_refund=mapping.read_refund,
    secrets=(
        Field("secret", _("app secret")),
        Field("token", _("token of the callback"), help=_("As on the platform's page on messages.")),
        Field("aes_key", _("key of the callback"), help=_("EncodingAESKey, 43 characters; choose the safe mode.")),
    ),
    take_push=take_push,
    renew=renew,
    # From five minutes before its end the platform gives out the next token, and both are good.
    renew_before=timedelta(minutes=5),
    takes_remarks=True,
    settles=True,
    read_kept=read_kept,
)
