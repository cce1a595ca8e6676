"""Shopify over its Admin REST API: pull by time of change, webhooks, parcels by line and quantity, stock by location.

Lists are read by `page_info` cursors, which stand still while rows change; an order that changes meanwhile comes again
with its next change. Calls fill a bucket (header X-Shopify-Shop-Api-Call-Limit, 40 with 2 running out a second): when
it is nearly full we wait before the next call, and a 429 says in Retry-After how long.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from channels_sync.adapters import fields
from channels_sync.adapters import shopify_mapping as mapping
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
from channels_sync.adapters.batches import read_many, readable
from channels_sync.adapters.json_api import JsonAnswer, call_json, list_in, next_page, object_in
from channels_sync.adapters.kept import kept_push, readable_again
from channels_sync.adapters.shopify_granting import granting_address, take_grant
from channels_sync.errors import MessageUnreadable, PushRefused, TrackingRefused
from ordercenter.common.batch import BatchResult
from ordercenter.common.errors import Misconfigured
from ordercenter.common.http import HttpMethod
from ordercenter.common.platform_call import repeated
from ordercenter.common.platform_errors import ChannelAnswerUnreadable, ChannelError, ChannelRefused
from ordercenter.common.signing_shops import webhook_is_valid
from ordercenter.common.strictjson import UnreadableBody, dumps_exact, loads_strict

API_VERSION = "2026-01"
PAGE_SIZE = 100
READ_ROWS = 50
OVERLAP = timedelta(minutes=2)
# Calls that may be in the bucket before we wait, and how fast it runs out.
BUCKET_SHARE = 0.8
LEAK_PER_S = 2.0
MAX_PUSH_BYTES = 2_000_000

# What Shopify calls the couriers whose parcels it can follow; others go under our own code.
COMPANIES = {
    "SF": "SF Express",
    "YTO": "YTO Express",
    "ZTO": "ZTO Express",
    "STO": "STO Express",
    "YUNDA": "Yunda Express",
    "EMS": "China Post",
    "JD": "JD Logistics",
    "UPS": "UPS",
    "DHL": "DHL Express",
    "FEDEX": "FedEx",
}


class ShopifyAdapter:
    """One Shopify shop. Implements ChannelAdapter; keeps nothing but how full the bucket was."""

    def __init__(
        self,
        *,
        base_url: str,
        access_token: str,
        location_id: str = "",
        api_version: str = API_VERSION,
        tells_buyer: bool = True,
        pause: Callable[[float], None] = time.sleep,
    ):
        self._address = f"{base_url.rstrip('/')}/admin/api/{api_version}"
        self._headers = {"X-Shopify-Access-Token": access_token}
        self._location_id, self._tells_buyer, self._pause = location_id, tells_buyer, pause
        self._wait_s = 0.0

    # --- orders -------------------------------------------------------------------------------------------------------

    def pull_changed_orders(self, window: Window, cursor: str | None = None) -> ChangedOrders:
        """One page of orders by time of change, whatever their state, oldest change first."""
        rows, following = self._page(window, cursor)
        orders, unreadable = readable(rows, mapping.read_changed_order, "order")
        return ChangedOrders(tuple(orders), following, tuple(unreadable))

    def read_orders(self, channel_order_nos: Collection[str]) -> BatchResult:
        """Orders whole, up to 50 a call. done: RawOrder; refused by number, as batches.read_many says."""
        numbers = list(channel_order_nos)
        return read_many(numbers, size=READ_ROWS, fetch=self._fetch, read=_read_row, method="orders")

    def _fetch(self, numbers: Sequence[str]) -> list[Any]:
        query = {"ids": ",".join(numbers), "status": "any", "limit": str(READ_ROWS)}
        return list_in(self._call("orders", "GET", "/orders.json", query=query), "orders", "orders")

    # --- messages -----------------------------------------------------------------------------------------------------

    def consume_messages(self, *, quantity: int = 100) -> Notices:
        """Shopify keeps no messages for us: it brings them to our door."""
        return Notices((), ())

    def confirm_messages(self, message_ids: Collection[str]) -> None:
        """Nothing to confirm."""

    # --- refunds ------------------------------------------------------------------------------------------------------

    def pull_refunds(self, window: Window, cursor: str | None = None) -> ChangedRefunds:
        """Refunds stand in their orders, and a refund changes its order: one page of orders, their refunds by line."""
        rows, following = self._page(window, cursor)
        of_orders, unreadable = readable(rows, mapping.refunds_in, "order")
        refunds = tuple(refund for found in of_orders for refund in found)
        return ChangedRefunds(refunds, following, tuple(unreadable))

    def read_refund(self, channel_refund_no: str) -> RawRefund:
        """Shopify's refunds are read with their order only; whole ones come with its webhooks."""
        raise ChannelRefused(method="refunds", error_code=404, message="refunds are read with their order")

    # --- shipping and stock -------------------------------------------------------------------------------------------

    def send_tracking(self, tracking: Tracking) -> TrackingResult:
        """Report a parcel as a fulfillment of these lines and pieces. A number that is there is not sent again."""
        done = self._fulfillments(tracking.channel_order_no)
        numbers = {number for row in done for number in _numbers_of(row)}
        if tracking.tracking_no in numbers:
            return TrackingResult("already_shipped")
        parts = self._open_parts(tracking)
        if not parts:
            if not numbers:
                raise TrackingRefused(method="fulfillments", sub_code="nothing_open", message="no line is open")
            return TrackingResult("already_shipped", ",".join(sorted(numbers)))
        document = {
            "line_items_by_fulfillment_order": parts,
            "tracking_info": _tracking_info(tracking),
            "notify_customer": self._tells_buyer,
        }
        try:
            # Not repeated at once: whether a lost answer did something is seen in the fulfillments first.
            self._call("fulfillments", "POST", "/fulfillments.json", {"fulfillment": document}, repeats=0)
        except ChannelRefused as error:
            raise TrackingRefused.because_of(error) from error
        return TrackingResult("sent")

    def change_tracking(self, tracking: Tracking, *, instead_of: str) -> TrackingResult:
        """Give the parcel reported with `instead_of` another number. Raises TrackingRefused for an unknown one."""
        for row in self._fulfillments(tracking.channel_order_no):
            if tracking.tracking_no in _numbers_of(row):
                return TrackingResult("sent")
            if instead_of in _numbers_of(row):
                document = {"tracking_info": _tracking_info(tracking), "notify_customer": self._tells_buyer}
                path = f"/fulfillments/{row.get('id')}/update_tracking.json"
                self._call("update_tracking", "POST", path, {"fulfillment": document})
                return TrackingResult("sent")
        raise TrackingRefused(method="update_tracking", sub_code="number_unknown", message="no parcel with that number")

    def send_remark(self, channel_order_no: str, text: str, flag: int) -> None:
        """Put our remark below the buyer's note and our flag among the tags; what others wrote there stays."""
        method = "orders.note"
        answer = self._call(method, "GET", f"/orders/{channel_order_no}.json", query={"fields": "id,note,tags"})
        order = object_in(answer, "order", method)
        changed = {
            "id": order.get("id"),
            "note": mapping.joined_note(_text(order.get("note")), text),
            "tags": mapping.joined_tags(_text(order.get("tags")), flag),
        }
        self._call(method, "PUT", f"/orders/{channel_order_no}.json", {"order": changed})

    def push_stock(self, pushes: Sequence[StockPush], *, mode: StockMode = "full") -> BatchResult:
        """Set (full) or change (delta) what is available of variants at the account's location, one call each."""
        result = BatchResult()
        if not self._location_id:
            raise Misconfigured("the Shopify account names no location_id, where its stock is kept")
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
        if mode == "full" and push.quantity < 0:
            raise ChannelRefused(method="inventory_levels.set", sub_code="negative_quantity")
        method = "variants"
        answer = self._call(
            method, "GET", f"/variants/{push.listing_sku_id}.json", query={"fields": "inventory_item_id"}
        )
        item = object_in(answer, "variant", method).get("inventory_item_id")
        if type(item) is not int:
            raise ChannelAnswerUnreadable(method=method, message="no inventory_item_id in the answer")
        key, verb = ("available", "set") if mode == "full" else ("available_adjustment", "adjust")
        document = {"location_id": int(self._location_id), "inventory_item_id": item, key: push.quantity}
        repeats = 3 if mode == "full" else 0
        self._call(f"inventory_levels.{verb}", "POST", f"/inventory_levels/{verb}.json", document, repeats=repeats)

    # --- parts of a parcel --------------------------------------------------------------------------------------------

    def _fulfillments(self, order_no: str) -> list[dict[str, Any]]:
        answer = self._call("fulfillments", "GET", f"/orders/{order_no}/fulfillments.json")
        rows = list_in(answer, "fulfillments", "fulfillments")
        return [row for row in rows if isinstance(row, dict) and row.get("status", "success") == "success"]

    def _open_parts(self, tracking: Tracking) -> list[dict[str, Any]]:
        """What of the parcel's lines is still open, by fulfillment order; several may hold pieces of one line."""
        method = "fulfillment_orders"
        answer = self._call(method, "GET", f"/orders/{tracking.channel_order_no}/fulfillment_orders.json")
        wanted = dict(tracking.pieces) or dict.fromkeys(tracking.channel_line_nos, 10**9)
        parts = []
        for found in list_in(answer, method, method):
            if not isinstance(found, dict) or found.get("status") not in ("open", "in_progress"):
                continue
            lines = []
            for row in fields.objects(found, "line_items", method):
                line, left = str(row.get("line_item_id")), row.get("fulfillable_quantity")
                taken = left if not wanted else min(left or 0, wanted.get(line, 0))
                if type(taken) is int and taken > 0:
                    lines.append({"id": row.get("id"), "quantity": taken})
                    if wanted:
                        wanted[line] -= taken
            if lines:
                parts.append({"fulfillment_order_id": found.get("id"), "fulfillment_order_line_items": lines})
        return parts

    # --- calls --------------------------------------------------------------------------------------------------------

    def _page(self, window: Window, cursor: str | None) -> tuple[list[Any], str | None]:
        # A later page is named by its cursor alone: the platform refuses other conditions beside it.
        query = (
            {"limit": str(PAGE_SIZE), "page_info": cursor}
            if cursor
            else {
                "limit": str(PAGE_SIZE),
                "status": "any",
                "order": "updated_at asc",
                "updated_at_min": _iso(window.start - OVERLAP),
                "updated_at_max": _iso(window.end),
            }
        )
        answer = self._call("orders", "GET", "/orders.json", query=query)
        return list_in(answer, "orders", "orders"), next_page(answer.headers, "page_info")

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
        def call() -> JsonAnswer:
            if self._wait_s:
                self._pause(self._wait_s)
            answer = call_json(
                f"{self._address}{path}",
                method=method,
                verb=verb,
                query=query,
                document=document,
                headers=self._headers,
                problem_of=_problem,
            )
            self._wait_s = _bucket_wait(answer.headers)
            return answer

        return repeated(call, repeats=repeats, pause=self._pause)


def take_push(connection: Connection, request: PushRequest) -> Pushed:
    """Check and read one webhook. Orders come whole and are kept as received; a refund stands for itself.

    The shop's own address must be the one of the account: one app's secret signs for all shops that installed it.
    Raises PushRefused.
    """
    if len(request.body) > MAX_PUSH_BYTES:
        raise PushRefused(problem="too_large")
    given = request.headers.get("x-shopify-hmac-sha256", "")
    if not webhook_is_valid(request.body, given=given, secret=str(connection.secrets.get("api_secret", ""))):
        raise PushRefused(problem="bad_signature")
    shop = request.headers.get("x-shopify-shop-domain", "")
    if connection.app_key and shop != connection.app_key:
        raise PushRefused(problem="other_shop")
    topic = request.headers.get("x-shopify-topic", "")
    return _told(topic, request.body, request.headers.get("x-shopify-webhook-id") or None)


def _read_kept(_connection: Connection, raw: Any) -> Pushed:
    return readable_again(_told(*kept_push(raw)))


def _told(topic: str, body: bytes, delivery: str | None = None) -> Pushed:
    try:
        content = loads_strict(body, max_bytes=MAX_PUSH_BYTES)
        if topic.startswith("orders/") and topic != "orders/delete":
            order = mapping.order_in(content)
            raw = _raw_order(order, body)
            return Pushed(PushAnswer(), orders=(raw,), refunds=mapping.refunds_in(order))
        if topic == "refunds/create":
            refund = _object(content)
            number, currency = fields.number(refund, "order_id", "refund"), _refund_currency(refund)
            return Pushed(PushAnswer(), refunds=tuple(mapping.refund_parts(refund, number, currency)))
    except (MessageUnreadable, UnreadableBody) as error:
        problem = error if isinstance(error, MessageUnreadable) else MessageUnreadable(path=topic, problem="not_json")
        raw_text = body.decode("utf-8", "replace")
        return Pushed(
            PushAnswer(), unreadable=(UnreadableNotice(delivery, problem, {"topic": topic, "body": raw_text}),)
        )
    return Pushed(PushAnswer())


def _read_row(row: dict[str, Any]) -> RawOrder:
    return _raw_order(row, dumps_exact(row))


def _raw_order(order: dict[str, Any], body: bytes) -> RawOrder:
    return RawOrder(mapping.order_number(order), order, body, mapping.buyer_of(order), mapping.changed_at(order))


def _refund_currency(refund: Mapping[str, Any]) -> str:
    rows = fields.objects(refund, "transactions", "refund")
    return next((row["currency"] for row in rows if type(row.get("currency")) is str), "")


def _numbers_of(fulfillment: Mapping[str, Any]) -> set[str]:
    numbers = fulfillment.get("tracking_numbers")
    found = [*numbers] if isinstance(numbers, list) else []
    return {str(number) for number in (*found, fulfillment.get("tracking_number")) if number}


def _tracking_info(tracking: Tracking) -> dict[str, str]:
    company = COMPANIES.get(tracking.carrier_code.upper(), tracking.carrier_code)
    return {"number": tracking.tracking_no, "company": company}


def _bucket_wait(headers: Mapping[str, str]) -> float:
    """Seconds to wait before the next call, so that the bucket does not run over."""
    used, _slash, size = headers.get("x-shopify-shop-api-call-limit", "").partition("/")
    if not (used.isdigit() and size.isdigit()):
        return 0.0
    return max(0.0, (int(used) - int(size) * BUCKET_SHARE) / LEAK_PER_S)


def _problem(content: Any) -> tuple[str, str]:
    """`{"errors": text | list | {field: [texts]}}`: the first field's name and what is said."""
    errors = content.get("errors", content.get("error", "")) if isinstance(content, dict) else ""
    if isinstance(errors, dict):
        name = next(iter(errors), "")
        return str(name), f"{name}: {errors.get(name)}"
    return "", str(errors)


def _object(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise MessageUnreadable(path="order", problem="ill_typed")
    return raw


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _connect(connection: Connection) -> ShopifyAdapter:
    options = connection.options
    return ShopifyAdapter(
        base_url=connection.base_url,
        access_token=connection.secrets["access_token"],
        location_id=str(options.get("location_id") or ""),
        api_version=str(options.get("api_version") or API_VERSION),
        tells_buyer=str(options.get("tells_buyer", "yes")).lower() not in ("no", "false", "0"),
    )


PLATFORM = Platform(
    code="shopify",
    label="Shopify",
    connect=_connect,
    read_order=mapping.read_order,
    read_refund=mapping.read_refund,
    secrets=(
        Field("access_token", _("access token of the Admin API"), _("“Give access” fetches it."), is_required=False),
        Field("api_secret", _("API secret key"), _("Signs the webhooks.")),
    ),
    options=(
        Field("location_id", _("location of the stock"), _("The number of the location that sends the goods.")),
        Field("api_version", _("version of the API"), is_required=False),
        Field(
            "tells_buyer",
            _("Shopify writes to the buyer when a parcel leaves"),
            is_required=False,
            choices=(("yes", _("yes")), ("no", _("no"))),
        ),
    ),
    take_push=take_push,
    granting=Granting(granting_address, take_grant),
    takes_remarks=True,
    poll_every_s=300.0,
    read_kept=_read_kept,
)
