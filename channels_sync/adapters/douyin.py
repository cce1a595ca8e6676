"""Douyin shops over their open platform: pulls, pushes, shipping, stock and remarks as its documentation asks."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from channels_sync.adapters import douyin_mapping as mapping
from channels_sync.adapters import douyin_settling
from channels_sync.adapters.base import (
    ChangedOrders,
    ChangedRefunds,
    Connection,
    Field,
    Granting,
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
from channels_sync.adapters.batches import call_each, chunks, flattened, readable
from channels_sync.adapters.douyin_client import DouyinClient, DouyinCredentials, granting_address, renew, take_grant
from channels_sync.adapters.douyin_push import read_kept, take_push
from channels_sync.adapters.spans import Page, Paging, read_page
from channels_sync.errors import TrackingRefused
from ordercenter.common.batch import BatchResult
from ordercenter.common.platform_errors import ChannelAnswerUnreadable, ChannelRefused

ORDERS = Paging(step=timedelta(hours=6), overlap=timedelta(minutes=5), page_size=100, most_rows=50_000)
REFUNDS = ORDERS
STOCK_ROWS = 50
MOST_DECRYPTED = 50
# Our codes of couriers to the platform's; an account may name more in its options.
CARRIERS: Mapping[str, str] = {
    "SF": "shunfeng",
    "ZTO": "zhongtong",
    "YTO": "yuantong",
    "YUNDA": "yunda",
    "STO": "shentong",
    "EMS": "ems",
    "POSTB": "youzhengguonei",
    "DBKD": "debangwuliu",
    "JD": "jd",
    "JTSD": "jtexpress",
    "HTKY": "huitongkuaidi",
}


class DouyinAdapter:
    """One Douyin shop. Implements ChannelAdapter; holds no state but the client, so threads may share it."""

    def __init__(self, client: DouyinClient, *, carriers: Mapping[str, str] = CARRIERS):
        self._client = client
        self._carriers = carriers

    # --- orders -------------------------------------------------------------------------------------------------------

    def pull_changed_orders(self, window: Window, cursor: str | None = None) -> ChangedOrders:
        """One page of orders by time of change, the window's start moved back by 5 minutes of overlap.

        The platform pages through 50,000 rows at most: a span with more is halved.
        """

        def page_of(start: datetime, end: datetime, page: int) -> Page:
            params = {
                "page": page - 1,
                "size": ORDERS.page_size,
                "order_by": "update_time",
                "order_asc": True,
                "update_time_start": int(start.timestamp()),
                "update_time_end": int(end.timestamp()),
            }
            return _page("order.searchList", self._call("order.searchList", params), "shop_order_list")

        rows, following = read_page(page_of, window, cursor, ORDERS)
        orders, unreadable = readable(rows, mapping.read_changed_order, "order")
        return ChangedOrders(tuple(orders), following, tuple(unreadable))

    def read_orders(self, channel_order_nos: Collection[str]) -> BatchResult:
        """Read orders whole, one call each. done: RawOrder; refused by number, as call_each says."""
        return call_each(channel_order_nos, self._read_order)

    def _read_order(self, number: str) -> RawOrder:
        method = "order.orderDetail"
        answer = self._client.call(method, {"shop_order_id": number})
        order = mapping.order_in(answer.data)
        if mapping.order_number(order) != number:
            raise ChannelAnswerUnreadable(method=method, message="the answer is about another order")
        changed_at = mapping.changed_at(order)
        return RawOrder(number, dict(order), answer.body, mapping.buyer_of(order), changed_at)

    # --- messages: pushed, not kept for us ----------------------------------------------------------------------------

    def consume_messages(self, *, quantity: int = 100) -> Notices:
        """Nothing: the platform pushes its messages."""
        return Notices((), ())

    def confirm_messages(self, message_ids: Collection[str]) -> None:
        """Nothing to do: a push is confirmed by its answer."""

    # --- after-sales --------------------------------------------------------------------------------------------------

    def pull_refunds(self, window: Window, cursor: str | None = None) -> ChangedRefunds:
        """One page of after-sales of every kind by time of change, paged as pull_changed_orders."""

        def page_of(start: datetime, end: datetime, page: int) -> Page:
            params = {
                "page": page - 1,
                "size": REFUNDS.page_size,
                "order_by": ["update_time asc"],
                "update_start_time": int(start.timestamp()),
                "update_end_time": int(end.timestamp()),
            }
            return _page("afterSale.List", self._call("afterSale.List", params), "items")

        rows, following = read_page(page_of, window, cursor, REFUNDS)
        refunds, unreadable = readable(rows, mapping.read_raw_refund, "aftersale")
        return ChangedRefunds(tuple(refunds), following, tuple(unreadable))

    def read_refund(self, channel_refund_no: str) -> RawRefund:
        """One after-sale by its number."""
        data = self._call("afterSale.Detail", {"after_sale_id": channel_refund_no})
        refund = mapping.read_raw_refund(data)
        if refund.channel_refund_no != channel_refund_no:
            raise ChannelAnswerUnreadable(method="afterSale.Detail", message="the answer is about another after-sale")
        return refund

    # --- shipping -----------------------------------------------------------------------------------------------------

    def send_tracking(self, tracking: Tracking) -> TrackingResult:
        """Report a parcel: the whole order (logisticsAdd), or some of its pieces (logisticsAddSinglePack).

        A refund that is asked for makes the platform refuse; it could be rejected along with the report, which is a
        decision and never made here. A refused report is settled by reading the order back: when the lines have left,
        it counts as made.
        """
        company = self._carriers.get(tracking.carrier_code)
        method = "order.logisticsAddSinglePack" if tracking.channel_line_nos else "order.logisticsAdd"
        if company is None:
            raise ChannelRefused(method=method, sub_code="carrier_unknown", message=tracking.carrier_code)
        parcel = {"logistics_code": tracking.tracking_no, "company_code": company}
        try:
            if tracking.channel_line_nos:
                pieces = [{"shipped_order_id": line, "shipped_num": count} for line, count in self._pieces_of(tracking)]
                params: dict[str, Any] = {
                    **parcel,
                    "order_id_list": [tracking.channel_order_no],
                    "shipped_order_info": pieces,
                    "request_id": _request_id(tracking),
                }
            else:
                params = {**parcel, "order_id": tracking.channel_order_no}
            self._client.call(method, params)
        except ChannelRefused as error:
            return self._after_refused_tracking(tracking, error)
        return TrackingResult("sent")

    def change_tracking(self, tracking: Tracking, *, instead_of: str) -> TrackingResult:
        """Give the parcel reported with `instead_of` another number: logisticsEdit for an order in one parcel,
        logisticsEditByPack for one of several.

        Raises TrackingRefused where no parcel has that number, or the platform does not take the new one. Repeating is
        safe: a number that is there is not sent again.
        """
        packs = mapping.packs_of(self._read_order(tracking.channel_order_no).payload)
        found = next((pack_id for pack_id, number, _lines in packs if number == instead_of), None)
        method = "order.logisticsEdit" if len(packs) == 1 else "order.logisticsEditByPack"
        if found is None:
            if tracking.tracking_no in {number for _pack_id, number, _lines in packs}:
                return TrackingResult("already_shipped")
            raise TrackingRefused(method=method, sub_code="number_unknown", message="no parcel with that number")
        company = self._carriers.get(tracking.carrier_code)
        if company is None:
            raise ChannelRefused(method=method, sub_code="carrier_unknown", message=tracking.carrier_code)
        params = {
            "order_id": tracking.channel_order_no,
            "logistics_code": tracking.tracking_no,
            "company_code": company,
        }
        if len(packs) > 1:
            params["pack_id"] = found
        try:
            self._client.call(method, params)
        except ChannelRefused as error:
            raise TrackingRefused.because_of(error) from error
        return TrackingResult("sent")

    def _pieces_of(self, tracking: Tracking) -> Sequence[tuple[str, int]]:
        """How many of each line are in the parcel; where the report does not say, all of the line."""
        if tracking.pieces:
            return tracking.pieces
        order = mapping.read_order(self._read_order(tracking.channel_order_no).payload)
        return [
            (line.channel_line_no, line.quantity)
            for line in order.lines
            if line.channel_line_no in tracking.channel_line_nos
        ]

    def _after_refused_tracking(self, tracking: Tracking, refusal: ChannelRefused) -> TrackingResult:
        order = self._read_order(tracking.channel_order_no).payload
        has_left, numbers = mapping.shipped_numbers(order, tracking.channel_line_nos)
        if tracking.tracking_no in numbers:
            return TrackingResult("already_shipped")
        if not has_left:
            raise TrackingRefused(
                method=refusal.method,
                error_code=refusal.error_code,
                sub_code=refusal.sub_code,
                message=refusal.message,
            ) from refusal
        return TrackingResult("already_shipped", ",".join(sorted(numbers)))

    # --- stock and remarks --------------------------------------------------------------------------------------------

    def push_stock(self, pushes: Sequence[StockPush], *, mode: StockMode = "full") -> BatchResult:
        """Set (full) or change (delta) the stock of listed SKUs.

        done: StockPush; refused by StockPush. Several SKUs of one listing go in one call, which the platform takes as a
        whole or not at all: when it refuses, each goes by itself, so that one bad SKU keeps back no other.
        """
        sendable, refused = _sendable(pushes, mode)
        listings: dict[str, list[StockPush]] = {}
        for push in sendable:
            listings.setdefault(push.listing_id, []).append(push)
        groups = [chunk for rows in listings.values() for chunk in chunks(rows, STOCK_ROWS)]
        together = call_each(groups, lambda group: self._push_stock(group, mode))
        again = [r.key for r in together.refused if len(r.key) > 1 and isinstance(r.error, ChannelRefused)]
        together.refused = [r for r in together.refused if r.key not in again]
        apart = call_each([(push,) for group in again for push in group], lambda group: self._push_stock(group, mode))
        result = flattened(together)
        for part in (flattened(apart), refused):
            result.done.extend(part.done)
            result.refused.extend(part.refused)
        return result

    def _push_stock(self, group: tuple[StockPush, ...], mode: StockMode) -> tuple[StockPush, ...]:
        extra: dict[str, Any] = {"incremental": mode == "delta"}
        if mode == "delta":
            # The platform does the work once for one id, so that a repeat does no harm.
            extra["idempotent_id"] = uuid.uuid4().hex
        if len(group) == 1:
            (push,) = group
            self._call("sku.syncStock", {"sku_id": int(push.listing_sku_id), "stock_num": push.quantity, **extra})
            return group
        rows = [{"sku_id": int(p.listing_sku_id), "sku_type": 0, "stock_num": p.quantity} for p in group]
        params = {"product_id": int(group[0].listing_id), "sku_sync_list": rows, **extra}
        self._call("sku.syncStockBatch", params)
        return group

    def send_remark(self, channel_order_no: str, *, text: str, flag: int = 0) -> None:
        """Write the seller's remark of an order; flag: its star, 1 to 5; 0 leaves that as it is."""
        params = {"order_id": channel_order_no, "remark": text}
        if flag:
            params |= {"is_add_star": "true", "star": str(flag)}
        self._call("order.addOrderRemark", params)

    # --- money --------------------------------------------------------------------------------------------------------

    def pull_settlements(self, window: Window, cursor: str | None = None) -> Settlements:
        """One page of what was settled in the window."""
        return douyin_settling.pull_settlements(self._client, window, cursor)

    def _call(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        return self._client.call(method, params).data


def _page(method: str, data: Mapping[str, Any], name: str) -> Page:
    rows, total = data.get(name), data.get("total", 0)
    if rows is None:
        rows = []
    if not isinstance(rows, list) or type(total) is not int or total < 0:
        raise ChannelAnswerUnreadable(method=method, message=f"no list {name} with its total in the answer")
    return Page(rows, max(total, len(rows)))


def _sendable(pushes: Sequence[StockPush], mode: StockMode) -> tuple[list[StockPush], BatchResult]:
    """What can be put in a call; a number that the platform would refuse must not take others with it."""
    sendable, refused = [], BatchResult()
    for push in pushes:
        if mode == "full" and push.quantity < 0:
            refused.refuse(push, ChannelRefused(method="sku.syncStock", sub_code="negative_quantity"))
        elif not (push.listing_sku_id.isascii() and push.listing_sku_id.isdigit() and push.listing_id.isdigit()):
            refused.refuse(push, ChannelRefused(method="sku.syncStock", sub_code="sku_unknown"))
        else:
            sendable.append(push)
    return sendable, refused


def _request_id(tracking: Tracking) -> str:
    """The same for every try of one report: the platform ships once for it."""
    words = "|".join((tracking.channel_order_no, tracking.tracking_no, *tracking.channel_line_nos))
    return hashlib.sha256((tracking.key or words).encode()).hexdigest()[:32]


def _connect(connection: Connection) -> DouyinAdapter:
    credentials = DouyinCredentials(
        app_key=connection.app_key,
        secret=connection.secrets["secret"],
        access_token=connection.secrets["access_token"],
        base_url=connection.base_url,
    )
    return DouyinAdapter(DouyinClient(credentials), carriers={**CARRIERS, **connection.options.get("carriers", {})})


PLATFORM = Platform(
    code="douyin",
    label=_("Douyin shop"),
    connect=_connect,
    read_order=mapping.read_order,
    read_refund=mapping.read_refund,
    secrets=(
        Field("secret", _("App secret")),
        Field("access_token", _("Access token"), _("Valid for 7 days; it is renewed by itself.")),
        Field("refresh_token", _("Refresh token"), _("Valid for 14 days."), is_required=False),
    ),
    options=(
        Field(
            "shop_id",
            _("Shop id"),
            _("The number of the shop at the platform; an app of one's own is authorised with it."),
            is_required=False,
        ),
        Field(
            "service_id",
            _("Number on the market of services"),
            _("With it a seller gives access by ordering the application there."),
            is_required=False,
        ),
    ),
    take_push=take_push,
    renew=renew,
    granting=Granting(granting_address, take_grant),
    renew_before=timedelta(days=1),
    poll_every_s=60.0,
    takes_remarks=True,
    settles=True,
    read_kept=read_kept,
)
