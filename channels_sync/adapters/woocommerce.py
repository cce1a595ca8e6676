"""WooCommerce over its REST API v3: pull by time of change, webhooks, parcels as meta and note, stock of products.

Over HTTPS the key and secret go as Basic authentication, over plain HTTP each request is signed (one-legged OAuth
1.0a). Pages are counted from the oldest change on; one that changes meanwhile moves to the end, and so may hide another
at the edge of a page: the next page is asked for with the time of the last row seen, not with a page number.
"""

from __future__ import annotations

import base64
import re
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from channels_sync.adapters import fields
from channels_sync.adapters import woocommerce_mapping as mapping
from channels_sync.adapters.base import (
    ChangedOrder,
    ChangedOrders,
    ChangedRefunds,
    Connection,
    Field,
    Notices,
    Platform,
    PushAnswer,
    Pushed,
    PushRequest,
    RawOrder,
    RawRefund,
    StockMode,
    StockPush,
    Tracking,
    TrackingResult,
    UnreadableNotice,
    Window,
)
from channels_sync.adapters.batches import read_many
from channels_sync.adapters.json_api import JsonAnswer, call_json, list_in, object_in
from channels_sync.adapters.kept import kept_push, readable_again
from channels_sync.errors import MessageUnreadable, PushRefused, TrackingRefused
from ordercenter.common.batch import BatchResult
from ordercenter.common.http import HttpMethod
from ordercenter.common.platform_call import repeated
from ordercenter.common.platform_errors import (
    AuthorizationExpired,
    ChannelAnswerUnreadable,
    ChannelError,
    ChannelRefused,
)
from ordercenter.common.signing_shops import webhook_is_valid, woo_oauth1_signature
from ordercenter.common.strictjson import UnreadableBody, dumps_exact, loads_strict

API = "/wp-json/wc/v3"
PAGE_SIZE = 100
READ_ROWS = 50
OVERLAP = timedelta(minutes=2)
MAX_PUSH_BYTES = 2_000_000
_PING = re.compile(rb"webhook_id=[0-9]{1,12}")
_KEY_REFUSED = frozenset(("woocommerce_rest_authentication_error", "woocommerce_rest_cannot_view"))


class WooCommerceAdapter:
    """One WooCommerce shop. Implements ChannelAdapter; holds no state but credentials."""

    def __init__(
        self,
        *,
        base_url: str,
        consumer_key: str,
        consumer_secret: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: Callable[[float], None] = time.sleep,
    ):
        self._address = f"{base_url.rstrip('/')}{API}"
        self._key, self._secret = consumer_key, consumer_secret
        self._clock, self._pause = clock, pause

    # --- orders -------------------------------------------------------------------------------------------------------

    def pull_changed_orders(self, window: Window, cursor: str | None = None) -> ChangedOrders:
        """One page of orders by time of change. Baskets and what lies in the bin are no orders and left out."""
        rows, following = self._page(window, cursor)
        orders: list[ChangedOrder] = []
        unreadable = []
        for raw in rows:
            try:
                row = _object(raw)
                if mapping.is_order(row):
                    orders.append(mapping.read_changed_order(row))
            except MessageUnreadable as error:
                unreadable.append(error)
        return ChangedOrders(tuple(orders), following, tuple(unreadable))

    def read_orders(self, channel_order_nos: Collection[str]) -> BatchResult:
        """Orders whole, up to 50 a call. done: RawOrder; refused by number, as batches.read_many says."""
        numbers = list(channel_order_nos)
        return read_many(numbers, size=READ_ROWS, fetch=self._fetch, read=_read_row, method="orders")

    def _fetch(self, numbers: Sequence[str]) -> list[Any]:
        query = {"include": ",".join(numbers), "per_page": str(READ_ROWS), "status": "any"}
        return list_in(self._call("orders", "GET", "/orders", query=query), "", "orders")

    # --- messages -----------------------------------------------------------------------------------------------------

    def consume_messages(self, *, quantity: int = 100) -> Notices:
        """WooCommerce keeps no messages for us: it brings them to our door."""
        return Notices((), ())

    def confirm_messages(self, message_ids: Collection[str]) -> None:
        """Nothing to confirm."""

    # --- refunds ------------------------------------------------------------------------------------------------------

    def pull_refunds(self, window: Window, cursor: str | None = None) -> ChangedRefunds:
        """A refund changes its order: one page of orders, and the refunds of those that have some, by line."""
        rows, following = self._page(window, cursor)
        refunds: list[RawRefund] = []
        unreadable = []
        for raw in rows:
            try:
                row = _object(raw)
                if mapping.is_order(row) and fields.objects(row, "refunds", "order"):
                    refunds.extend(self._refunds_of(mapping.order_number(row)))
            except MessageUnreadable as error:
                unreadable.append(error)
        return ChangedRefunds(tuple(refunds), following, tuple(unreadable))

    def read_refund(self, channel_refund_no: str) -> RawRefund:
        """One part of a refund by our number of it, order-refund-line."""
        order_no, _dash, _rest = channel_refund_no.partition("-")
        for part in self._refunds_of(order_no):
            if part.channel_refund_no == channel_refund_no:
                return part
        raise ChannelRefused(method="refunds", error_code=404, message="not found")

    def _refunds_of(self, order_no: str) -> list[RawRefund]:
        answer = self._call("refunds", "GET", f"/orders/{order_no}/refunds", query={"per_page": str(PAGE_SIZE)})
        return [part for raw in list_in(answer, "", "refunds") for part in mapping.refund_parts(_object(raw), order_no)]

    # --- shipping and stock -------------------------------------------------------------------------------------------

    def send_tracking(self, tracking: Tracking) -> TrackingResult:
        """Write a parcel into the order's meta and, for the buyer, into a note; set completed when no line is left.

        WooCommerce itself knows no parcels. The meta is the one of the usual tracking plug-in, with the lines beside.
        """
        order = self._order(tracking.channel_order_no)
        parcels = mapping.parcels_in(order)
        if any(parcel.get("tracking_number") == tracking.tracking_no for parcel in parcels):
            self._complete(order, parcels)
            return TrackingResult("already_shipped")
        parcels = [*parcels, self._parcel(tracking)]
        self._write_parcels(order, parcels, tracking)
        return TrackingResult("sent")

    def change_tracking(self, tracking: Tracking, *, instead_of: str) -> TrackingResult:
        """Give the parcel that was reported with `instead_of` another number, in its place and with its pieces.

        Raises TrackingRefused where no parcel has that number: adding one would show the buyer a parcel too many.
        """
        order = self._order(tracking.channel_order_no)
        parcels = mapping.parcels_in(order)
        if not any(parcel.get("tracking_number") == instead_of for parcel in parcels):
            if any(parcel.get("tracking_number") == tracking.tracking_no for parcel in parcels):
                return TrackingResult("already_shipped")
            raise TrackingRefused(
                method="orders.ship", sub_code="number_unknown", message="no parcel of the order has that number"
            )
        number = {"tracking_provider": tracking.carrier_code, "tracking_number": tracking.tracking_no}
        changed = [{**p, **number} if p.get("tracking_number") == instead_of else p for p in parcels]
        self._write_parcels(order, changed, tracking)
        return TrackingResult("sent")

    def send_remark(self, channel_order_no: str, text: str, flag: int) -> None:
        """Our remark and flag go into the order's meta, the remark also as a note for the shop's people."""
        rows = [{"key": "_order_center_remark", "value": text}, {"key": "_order_center_flag", "value": str(flag or "")}]
        self._call("orders.meta", "PUT", f"/orders/{channel_order_no}", {"meta_data": rows})
        if text:
            note = {"note": text, "customer_note": False}
            self._call("orders.notes", "POST", f"/orders/{channel_order_no}/notes", note, repeats=0)

    def push_stock(self, pushes: Sequence[StockPush], *, mode: StockMode = "full") -> BatchResult:
        """Set the stock of products and variations, one call each. A delta is added to the number that is there."""
        result = BatchResult()
        stop: ChannelError | None = None
        for push in pushes:
            if stop is None:
                try:
                    self._push_one(push, mode)
                    result.done.append(push)
                    continue
                except (ChannelRefused, ChannelAnswerUnreadable) as error:
                    result.refuse(push, error)
                    continue
                except ChannelError as error:
                    stop = error
            result.refuse(push, stop)
        return result

    def _push_one(self, push: StockPush, mode: StockMode) -> None:
        path = f"/products/{push.listing_id}"
        if push.listing_sku_id:
            path += f"/variations/{push.listing_sku_id}"
        quantity = push.quantity
        if mode == "delta":
            found = object_in(self._call("products", "GET", path), "", "products").get("stock_quantity")
            quantity += found if type(found) is int else 0
        if quantity < 0:
            raise ChannelRefused(method="products.stock", sub_code="negative_quantity")
        document = {"manage_stock": True, "stock_quantity": quantity}
        self._call("products.stock", "PUT", path, document, repeats=3 if mode == "full" else 0)

    # --- parcels ------------------------------------------------------------------------------------------------------

    def _order(self, number: str) -> dict[str, Any]:
        return object_in(self._call("orders.get", "GET", f"/orders/{number}"), "", "orders.get")

    def _parcel(self, tracking: Tracking) -> dict[str, Any]:
        pieces = [[line, count] for line, count in tracking.pieces] or [[n, 0] for n in tracking.channel_line_nos]
        return {
            "tracking_provider": tracking.carrier_code,
            "tracking_number": tracking.tracking_no,
            "date_shipped": str(int(self._clock().timestamp())),
            "order_center_pieces": pieces,
        }

    def _write_parcels(
        self, order: Mapping[str, Any], parcels: Sequence[Mapping[str, Any]], tracking: Tracking
    ) -> None:
        number = tracking.channel_order_no
        change: dict[str, Any] = {"meta_data": [{"key": "_wc_shipment_tracking_items", "value": list(parcels)}]}
        if order.get("status") == "processing" and _is_all_gone(order, parcels):
            change["status"] = "completed"
        self._call("orders.ship", "PUT", f"/orders/{number}", change)
        note = {"note": f"{tracking.carrier_code} {tracking.tracking_no}", "customer_note": True}
        self._call("orders.notes", "POST", f"/orders/{number}/notes", note, repeats=0)

    def _complete(self, order: Mapping[str, Any], parcels: Sequence[Mapping[str, Any]]) -> None:
        """What an earlier try may have left undone."""
        if order.get("status") == "processing" and _is_all_gone(order, parcels):
            self._call("orders.ship", "PUT", f"/orders/{order.get('id')}", {"status": "completed"})

    # --- calls --------------------------------------------------------------------------------------------------------

    def _page(self, window: Window, cursor: str | None) -> tuple[list[Any], str | None]:
        """One page. cursor: `<time of the last change seen>#<page>`: pages count within rows of one second only."""
        after, _hash, page = (cursor or "").partition("#")
        start = datetime.fromisoformat(after) if after else window.start - OVERLAP
        query = {
            "modified_after": _gmt(start - timedelta(seconds=1)),
            "modified_before": _gmt(window.end + timedelta(seconds=1)),
            "dates_are_gmt": "true",
            "status": "any",
            "orderby": "modified",
            "order": "asc",
            "per_page": str(PAGE_SIZE),
            "page": page or "1",
        }
        answer = self._call("orders", "GET", "/orders", query=query)
        rows = list_in(answer, "", "orders")
        pages = answer.headers.get("x-wp-totalpages", "")
        has_more = int(page or "1") < int(pages) if pages.isdigit() and len(pages) < 9 else len(rows) == PAGE_SIZE
        if not has_more or not rows:
            return rows, None
        last = _last_change(rows)
        if last is None or last <= start:
            # A whole page of one second: only now pages have to be counted.
            return rows, f"{start.isoformat()}#{int(page or '1') + 1}"
        return rows, f"{last.isoformat()}#1"

    def _call(
        self,
        method: str,
        verb: HttpMethod,
        path: str,
        document: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        repeats: int = 3,
    ) -> JsonAnswer:
        url = f"{self._address}{path}"

        def call() -> JsonAnswer:
            params, headers = dict(query or {}), {}
            if url.startswith("https:"):
                word = base64.b64encode(f"{self._key}:{self._secret}".encode()).decode()
                headers["Authorization"] = f"Basic {word}"
            else:
                # Made anew for each try: the shop refuses a nonce that it has seen.
                params = self._signed(verb, url, params)
            return call_json(
                url, method=method, verb=verb, query=params, document=document, headers=headers, problem_of=_problem
            )

        try:
            return repeated(call, repeats=repeats, pause=self._pause)
        except ChannelRefused as error:
            if error.error_code == 403 and error.sub_code in _KEY_REFUSED:
                raise AuthorizationExpired(
                    method=method, error_code=403, sub_code=error.sub_code, message=error.message
                ) from error
            raise

    def _signed(self, verb: str, url: str, params: Mapping[str, str]) -> dict[str, str]:
        signed = {
            **params,
            "oauth_consumer_key": self._key,
            "oauth_nonce": secrets.token_hex(16),
            "oauth_signature_method": "HMAC-SHA256",
            "oauth_timestamp": str(int(self._clock().timestamp())),
        }
        signature = woo_oauth1_signature(signed, method=verb, url=url, consumer_secret=self._secret)
        return {**signed, "oauth_signature": signature}


def take_push(connection: Connection, request: PushRequest) -> Pushed:
    """Check and read one webhook. The first delivery is an unsigned ping that says nothing. Raises PushRefused."""
    if len(request.body) > MAX_PUSH_BYTES:
        raise PushRefused(problem="too_large")
    if _PING.fullmatch(request.body) and "x-wc-webhook-signature" not in request.headers:
        return Pushed(PushAnswer())
    given = request.headers.get("x-wc-webhook-signature", "")
    if not webhook_is_valid(request.body, given=given, secret=str(connection.secrets.get("webhook_secret", ""))):
        raise PushRefused(problem="bad_signature")
    topic = request.headers.get("x-wc-webhook-topic", "")
    return _told(topic, request.body, request.headers.get("x-wc-webhook-delivery-id") or None)


def _read_kept(_connection: Connection, raw: Any) -> Pushed:
    return readable_again(_told(*kept_push(raw)))


def _told(topic: str, body: bytes, delivery: str | None = None) -> Pushed:
    if topic not in ("order.created", "order.updated", "order.restored"):
        return Pushed(PushAnswer())
    try:
        order = _object(loads_strict(body, max_bytes=MAX_PUSH_BYTES))
        if not mapping.is_order(order):
            return Pushed(PushAnswer())
        return Pushed(PushAnswer(), orders=(_raw_order(order, body),))
    except (MessageUnreadable, UnreadableBody) as error:
        problem = error if isinstance(error, MessageUnreadable) else MessageUnreadable(path=topic, problem="not_json")
        raw_text = body.decode("utf-8", "replace")
        return Pushed(
            PushAnswer(), unreadable=(UnreadableNotice(delivery, problem, {"topic": topic, "body": raw_text}),)
        )


def _read_row(row: dict[str, Any]) -> RawOrder:
    return _raw_order(row, dumps_exact(row))


def _raw_order(order: dict[str, Any], body: bytes) -> RawOrder:
    return RawOrder(mapping.order_number(order), order, body, mapping.buyer_of(order), mapping.changed_at(order))


def _is_all_gone(order: Mapping[str, Any], parcels: Sequence[Mapping[str, Any]]) -> bool:
    """Whether these parcels hold every piece; one that names no lines holds all of them."""
    left = {str(row.get("id")): row.get("quantity") or 0 for row in fields.objects(order, "line_items", "order")}
    for parcel in parcels:
        pieces = parcel.get("order_center_pieces")
        if not isinstance(pieces, list) or not pieces:
            return True
        for line, count in pieces:
            # A line without a number of pieces leaves whole.
            left[str(line)] = left.get(str(line), 0) - int(count) if int(count) else 0
    return all(rest <= 0 for rest in left.values())


def _last_change(rows: Sequence[Any]) -> datetime | None:
    times = []
    for row in rows:
        try:
            times.append(mapping.changed_at(_object(row)))
        except MessageUnreadable:
            continue
    return max(times, default=None)


def _problem(content: Any) -> tuple[str, str]:
    """`{"code": word, "message": text, "data": {"status": number}}`."""
    if not isinstance(content, dict):
        return "", ""
    return str(content.get("code") or ""), str(content.get("message") or "")


def _object(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise MessageUnreadable(path="order", problem="ill_typed")
    return raw


def _gmt(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _connect(connection: Connection) -> WooCommerceAdapter:
    return WooCommerceAdapter(
        base_url=connection.base_url,
        consumer_key=connection.app_key,
        consumer_secret=connection.secrets["consumer_secret"],
    )


PLATFORM = Platform(
    code="woocommerce",
    label="WooCommerce",
    connect=_connect,
    read_order=mapping.read_order,
    read_refund=mapping.read_refund,
    secrets=(
        Field("consumer_secret", _("consumer secret"), _("Of the key that stands in the field of the app key.")),
        Field("webhook_secret", _("secret of the webhooks"), is_required=False),
    ),
    take_push=take_push,
    takes_remarks=True,
    # Refunds are not pushed: they are found by looking.
    poll_every_s=60.0,
    read_kept=_read_kept,
)
