"""JD shops (POP sellers) over the open platform: pulls, shipping, stock and remarks as its documentation asks for them.

Nothing is pushed: changes are polled by their time, every few seconds, in windows that overlap.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from channels_sync.adapters import jd_mapping as mapping
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
    StockMode,
    StockPush,
    Tracking,
    TrackingResult,
    Window,
)
from channels_sync.adapters.batches import call_each, readable
from channels_sync.adapters.jd_client import JdClient, JdCredentials, granting_address, renew, take_grant
from channels_sync.adapters.spans import Page, Paging, read_page
from channels_sync.errors import TrackingRefused
from ordercenter.common.batch import BatchResult
from ordercenter.common.gmt8 import format_gmt8
from ordercenter.common.platform_errors import ChannelAnswerUnreadable, ChannelRefused

# Pages beyond the hundredth are empty.
ORDERS = Paging(step=timedelta(days=1), overlap=timedelta(minutes=5), page_size=100, most_rows=10_000)
REFUNDS = Paging(step=timedelta(days=1), overlap=timedelta(minutes=5), page_size=50, most_rows=5_000)
FLAT, WRAPPED = "flat", "wrapped"
OLD_STOCK, NEW_STOCK = "old", "new"
STOCK_METHODS: Mapping[str, str] = {
    OLD_STOCK: "jingdong.stock.write.updateSkuStock",
    NEW_STOCK: "jingdong.ware.stock.sku.set",
}
# Our codes of couriers to the platform's numbers; an account may name more in its options.
CARRIERS: Mapping[str, str] = {
    "SF": "467",
    "YTO": "463",
    "ZTO": "1499",
    "STO": "470",
    "YUNDA": "1327",
    "EMS": "465",
    "DBKD": "3046",
    "JD": "2087",
    "OWN": "1274",
}
ORDER_FIELDS = ",".join(
    (
        "orderId,venderId,orderType,payType,orderTotalPrice,orderSellerPrice,orderPayment,freightPrice,sellerDiscount",
        "orderState,orderStateRemark,deliveryType,invoiceEasyInfo,orderRemark,orderStartTime,orderEndTime,modified",
        "consigneeInfo,itemInfoList,couponDetailList,venderRemark,balanceUsed,pin,open_id_buyer,paymentConfirmTime",
        "logisticsId,waybill,parentOrderId,directParentOrderId,storeOrder,storeId,idSopShipmenttype,vatInfo",
    )
)
CHANGED_FIELDS = "orderId,orderState,modified"
# Refunds are listed by when they were asked for and by when they were decided; a walk reads one, then the other.
_REFUND_WALKS = ("apply", "check")


class JdAdapter:
    """One JD shop. Implements ChannelAdapter; holds no state but the client, so threads may share it."""

    def __init__(
        self,
        client: JdClient,
        *,
        request_shape: str = FLAT,
        stock_api: str = OLD_STOCK,
        is_sealed: bool = False,
        source_id: str = "JOS",
        store_id: str = "",
        carriers: Mapping[str, str] = CARRIERS,
    ):
        """request_shape: how order calls are written, flat, or wrapped in `paramOrderJSFQuery` as since 2026-08.

        is_sealed: the methods that give encrypted buyers (enSearch, enGet).
        """
        self._client = client
        self._is_wrapped = request_shape == WRAPPED
        self._stock_method = STOCK_METHODS[stock_api]
        self._search, self._get = (
            ("jingdong.pop.order.enSearch", "jingdong.pop.order.enGet")
            if is_sealed
            else ("jingdong.pop.order.search", "jingdong.pop.order.get")
        )
        self._source_id, self._store_id = source_id, store_id
        self._carriers = carriers

    # --- orders -------------------------------------------------------------------------------------------------------

    def pull_changed_orders(self, window: Window, cursor: str | None = None) -> ChangedOrders:
        """One page of orders by time of change, the window's start moved back by 5 minutes of overlap.

        The platform shows three months by time of change, and a hundred pages: a span with more is halved.
        """

        def page_of(start: datetime, end: datetime, page: int) -> Page:
            params = {
                "start_date": format_gmt8(start),
                "end_date": format_gmt8(end),
                "order_state": ",".join(mapping.ORDER_STATE),
                "optional_fields": CHANGED_FIELDS,
                "page": str(page),
                "page_size": str(ORDERS.page_size),
                "sortType": 0,
                "dateType": 0,
            }
            content = self._client.call(self._search, self._shaped(params)).content
            return _page(self._search, content, "orderInfoList", "orderTotal")

        rows, following = read_page(page_of, window, cursor, ORDERS)
        orders, unreadable = readable(rows, mapping.read_changed_order, "order")
        return ChangedOrders(tuple(orders), following, tuple(unreadable))

    def read_orders(self, channel_order_nos: Collection[str]) -> BatchResult:
        """Read orders whole, one call each. done: RawOrder; refused by number, as call_each says."""
        return call_each(channel_order_nos, self._read_order)

    def _read_order(self, number: str) -> RawOrder:
        order_id = _number_of(self._get, number)
        params = self._shaped({"order_id": order_id, "optional_fields": ORDER_FIELDS})
        answer = self._client.call(self._get, params)
        order = mapping.order_in(answer.content)
        if mapping.order_number(order) != number:
            raise ChannelAnswerUnreadable(method=self._get, message="the answer is about another order")
        return RawOrder(number, dict(order), answer.body, mapping.buyer_of(order), mapping.changed_at(order))

    def _shaped(self, params: Mapping[str, Any]) -> dict[str, Any]:
        if not self._is_wrapped:
            return dict(params)
        return {"paramOrderJSFQuery": {**params, "source_id": self._source_id}}

    # --- messages: none -----------------------------------------------------------------------------------------------

    def consume_messages(self, *, quantity: int = 100) -> Notices:
        """Nothing: the platform keeps no messages for this kind of connection."""
        return Notices((), ())

    def confirm_messages(self, message_ids: Collection[str]) -> None:
        """Nothing to do: there are no messages."""

    # --- refunds ------------------------------------------------------------------------------------------------------

    def pull_refunds(self, window: Window, cursor: str | None = None) -> ChangedRefunds:
        """One page of applications for money before shipping: those asked for in the window, then those decided."""
        method = "jingdong.pop.afs.refundapply.querylist"
        walk, _bar, place = (cursor or _REFUND_WALKS[0]).partition("|")

        def page_of(start: datetime, end: datetime, page: int) -> Page:
            params = {
                f"{walk}_time_start": format_gmt8(start),
                f"{walk}_time_end": format_gmt8(end),
                "page_index": page,
                "page_size": REFUNDS.page_size,
            }
            return _page(method, self._client.call(method, params).content, "results", "count")

        rows, following = read_page(page_of, window, place or None, REFUNDS)
        refunds, unreadable = readable(rows, mapping.read_raw_refund, "refund")
        if following is not None:
            following = f"{walk}|{following}"
        elif walk == _REFUND_WALKS[0]:
            following = _REFUND_WALKS[1]
        return ChangedRefunds(tuple(refunds), following, tuple(unreadable))

    def read_refund(self, channel_refund_no: str) -> RawRefund:
        """One application by its number."""
        method = "jingdong.pop.afs.refundapply.querybyid"
        content = self._client.call(method, {"ra_id": _number_of(method, channel_refund_no)}).content
        for row in _page(method, content, "results", "count").rows:
            refund = mapping.read_raw_refund(row) if isinstance(row, dict) else None
            if refund is not None and refund.channel_refund_no == channel_refund_no:
                return refund
        raise ChannelRefused(method=method, sub_code="refund_unknown", message="no such refund in the answer")

    # --- shipping -----------------------------------------------------------------------------------------------------

    def send_tracking(self, tracking: Tracking) -> TrackingResult:
        """Report the parcel of an order; the platform ships an order as a whole.

        A refused report is settled by reading the order back: when it has left, the report counts as made.
        """
        method = "jingdong.pop.order.shipment"
        carrier = self._carriers.get(tracking.carrier_code)
        if carrier is None:
            raise ChannelRefused(method=method, sub_code="carrier_unknown", message=tracking.carrier_code)
        params = {
            "orderId": _number_of(method, tracking.channel_order_no),
            "logiCoprId": carrier,
            "logiNo": tracking.tracking_no,
        }
        try:
            self._client.call(method, params)
        except ChannelRefused as error:
            return self._after_refused_tracking(tracking, error)
        return TrackingResult("sent")

    def change_tracking(self, tracking: Tracking, *, instead_of: str) -> TrackingResult:
        """Raises TrackingRefused unless the order has the new number already: no call of today changes one."""
        _has_left, numbers = mapping.shipped_numbers(self._read_order(tracking.channel_order_no).payload)
        if tracking.tracking_no in numbers:
            return TrackingResult("already_shipped")
        raise TrackingRefused(
            method="jingdong.pop.order.shipment",
            sub_code="number_not_changeable",
            message="correct the number in the platform's own back office",
        )

    def _after_refused_tracking(self, tracking: Tracking, refusal: ChannelRefused) -> TrackingResult:
        has_left, numbers = mapping.shipped_numbers(self._read_order(tracking.channel_order_no).payload)
        if not has_left:
            raise TrackingRefused(
                method=refusal.method,
                error_code=refusal.error_code,
                sub_code=refusal.sub_code,
                message=refusal.message,
            ) from refusal
        other = "" if tracking.tracking_no in numbers else ",".join(sorted(numbers))
        return TrackingResult("already_shipped", other)

    # --- stock and remarks --------------------------------------------------------------------------------------------

    def push_stock(self, pushes: Sequence[StockPush], *, mode: StockMode = "full") -> BatchResult:
        """Set the stock of listed SKUs, one call each. The platform takes whole numbers only, no deltas.

        done: StockPush; refused by StockPush.
        """

        def push_one(push: StockPush) -> StockPush:
            if mode != "full":
                raise ChannelRefused(method=self._stock_method, sub_code="delta_unknown")
            if push.quantity < 0:
                raise ChannelRefused(method=self._stock_method, sub_code="negative_quantity")
            params = {"skuId": _number_of(self._stock_method, push.listing_sku_id), "stockNum": push.quantity}
            if self._store_id:
                params["storeId"] = _number_of(self._stock_method, self._store_id)
            self._client.call(self._stock_method, params)
            return push

        return call_each(pushes, push_one)

    def send_remark(self, channel_order_no: str, *, text: str, flag: int = 0) -> None:
        """Write the seller's remark of an order; flag: 0 to 5, which the platform wants each time."""
        params = {"order_id": channel_order_no, "flag": flag, "remark": text}
        self._client.call("jingdong.pop.order.modifyVenderRemark", params)


def _page(method: str, content: Mapping[str, Any], rows_name: str, total_name: str) -> Page:
    """The list inside an answer; the object around it is called differently by each generation of the platform."""
    for found in (content, *(value for value in content.values() if isinstance(value, dict))):
        if rows_name not in found and total_name not in found:
            continue
        rows, total = found.get(rows_name), found.get(total_name, 0)
        rows = [] if rows is None else rows
        total = int(total) if isinstance(total, str) and total.isascii() and total.isdigit() else total
        if isinstance(rows, list) and type(total) is int and total >= 0:
            return Page(rows, max(total, len(rows)))
    raise ChannelAnswerUnreadable(method=method, message=f"no list {rows_name} with its {total_name} in the answer")


def _number_of(method: str, text: str) -> int:
    """A number of the platform as it wants it in its JSON. Raises ChannelRefused for anything else."""
    if text.isascii() and text.isdigit() and len(text) <= 19:
        return int(text)
    raise ChannelRefused(method=method, sub_code="number_unknown", message="not a number of the platform")


def _connect(connection: Connection) -> JdAdapter:
    credentials = JdCredentials(
        app_key=connection.app_key,
        secret=connection.secrets["secret"],
        access_token=connection.secrets["access_token"],
        base_url=connection.base_url,
    )
    options = connection.options
    return JdAdapter(
        JdClient(credentials),
        request_shape=options.get("request_shape") or FLAT,
        stock_api=options.get("stock_api") or OLD_STOCK,
        is_sealed=options.get("buyers") == "sealed",
        source_id=str(options.get("source_id") or "JOS"),
        store_id=str(options.get("store_id") or ""),
        carriers={**CARRIERS, **options.get("carriers", {})},
    )


PLATFORM = Platform(
    code="jd",
    label=_("JD"),
    connect=_connect,
    read_order=mapping.read_order,
    read_refund=mapping.read_refund,
    secrets=(
        Field("secret", _("App secret")),
        Field("access_token", _("Access token"), _("It is renewed by itself on its last day.")),
        Field("refresh_token", _("Refresh token"), is_required=False),
    ),
    options=(
        Field(
            "request_shape",
            _("Shape of order calls"),
            _("Older apps write the fields flat, newer ones wrapped in paramOrderJSFQuery."),
            is_required=False,
            choices=((FLAT, _("flat")), (WRAPPED, _("wrapped"))),
        ),
        Field(
            "stock_api",
            _("Stock call"),
            _("The old call is being withdrawn; new apps only have its successor."),
            is_required=False,
            choices=((OLD_STOCK, STOCK_METHODS[OLD_STOCK]), (NEW_STOCK, STOCK_METHODS[NEW_STOCK])),
        ),
        Field(
            "buyers",
            _("Buyers' data"),
            _("Apps that get buyers encrypted call enSearch and enGet."),
            is_required=False,
            choices=(("masked", _("masked")), ("sealed", _("encrypted"))),
        ),
        Field("source_id", _("Source id"), _("Only for the wrapped shape."), is_required=False),
        Field("store_id", _("Store id"), _("The store whose stock is set; empty: the shop's."), is_required=False),
        Field("oauth_url", _("Address of authorisation"), is_required=False),
    ),
    renew=renew,
    granting=Granting(granting_address, take_grant),
    # The platform renews in the last 24 hours before the end, and never after it.
    renew_before=timedelta(hours=23),
    poll_every_s=5.0,
    takes_remarks=True,
)
