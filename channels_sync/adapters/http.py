"""Any shop with a JSON API, by configuration: the account's `connector` document says how it is called and read.

Lists that name their number of rows are read from the last page back, as rows that change move to the end; others are
read forward, and what a shift hid comes with the overlap of the next look.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.utils.translation import gettext_lazy as _

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
    Readers,
    StockMode,
    StockPush,
    Tracking,
    TrackingResult,
    UnreadableNotice,
    Window,
)
from channels_sync.adapters.json_api import next_link
from channels_sync.adapters.kept import kept_push, readable_again
from channels_sync.connector import reading
from channels_sync.connector.documents import MAX_PAGES, Connector, Listing, Request, Webhook, read_document
from channels_sync.connector.paths import MISSING, all_of, one
from channels_sync.connector.requests import Call, build, signed
from channels_sync.errors import MessageUnreadable, PushRefused, TrackingRefused
from ordercenter.common.batch import BatchResult
from ordercenter.common.errors import Misconfigured
from ordercenter.common.http import HttpAnswer
from ordercenter.common.platform_call import ask_platform, repeated
from ordercenter.common.platform_errors import (
    AuthorizationExpired,
    ChannelAnswerUnreadable,
    ChannelError,
    ChannelRefused,
)
from ordercenter.common.safe_address import safe_address
from ordercenter.common.signing import same_text
from ordercenter.common.strictjson import UnreadableBody, dumps_exact, loads_strict
from ordercenter.orders.intake_types import IncomingOrder, IncomingRefund

CODE = "http"
OVERLAP = timedelta(minutes=2)
MAX_ANSWER_BYTES = 8 * 1024 * 1024
MAX_PUSH_BYTES = 2_000_000
STALE_AFTER = timedelta(minutes=5)
SECRET_LABELS = {
    "api_key": _("API key"),
    "password": _("password"),
    "secret": _("secret that signs our calls"),
    "client_secret": _("client secret (OAuth 2)"),
    "webhook_secret": _("secret of the webhooks"),
}
_UNDERSTOOD = (200, 201, 202, 204, 400, 401, 403, 404, 405, 409, 410, 422)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: its rows with their places, and the cursor of the next page."""

    rows: tuple[tuple[str, Any], ...]
    next_cursor: str | None


class HttpAdapter:
    """One shop behind a connector. Implements ChannelAdapter.

    Where the shop has no call for one order, the rows of the page that was pulled last are the orders; they are kept
    until the next page.
    """

    def __init__(
        self,
        connection: Connection,
        connector: Connector,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: Callable[[float], None] = time.sleep,
    ):
        self._connection, self._connector = connection, connector
        self._clock, self._pause = clock, pause
        self._rows: dict[str, Any] = {}

    # --- orders -------------------------------------------------------------------------------------------------------

    def pull_changed_orders(self, window: Window, cursor: str | None = None) -> ChangedOrders:
        """One page of orders by time of change, the window's start moved back by two minutes."""
        page = self.page("orders", self._connector.orders, window, cursor)
        orders, unreadable = [], []
        self._rows = {}
        for place, row in page.rows:
            try:
                number = reading.order_number(self._connector, row)
                orders.append(ChangedOrder(number, reading.modified_at(self._connector, row), {"row": row}))
                self._rows[number] = row
            except MessageUnreadable as error:
                unreadable.append(_at(error, place))
        return ChangedOrders(tuple(orders), page.next_cursor, tuple(unreadable))

    def read_orders(self, channel_order_nos: Collection[str]) -> BatchResult:
        """Orders whole: each by its own call where the connector has one. done: RawOrder; refused by number."""
        result = BatchResult()
        stop: ChannelError | None = None
        for number in channel_order_nos:
            if stop is None:
                try:
                    result.done.append(self._read_order(number))
                except (ChannelRefused, ChannelAnswerUnreadable, MessageUnreadable) as error:
                    result.refuse(number, error)
                except ChannelError as error:
                    stop = error
            if stop is not None:
                result.refuse(number, stop)
        return result

    def _read_order(self, number: str) -> RawOrder:
        detail = self._connector.detail
        if detail is None:
            if number not in self._rows:
                raise ChannelRefused(method="orders.detail", sub_code="not_configured", message="no call for one order")
            return raw_order(self._connector, self._rows[number])
        content = self._document("orders.detail", detail, {"order_no": number})
        row = one(content, self._connector.detail_root)
        if row is MISSING:
            raise ChannelAnswerUnreadable(
                method="orders.detail", message=f"nothing at {self._connector.detail_root.text}"
            )
        raw = raw_order(self._connector, row)
        if raw.channel_order_no != number:
            raise ChannelAnswerUnreadable(method="orders.detail", message="the answer is about another order")
        return raw

    # --- messages -----------------------------------------------------------------------------------------------------

    def consume_messages(self, *, quantity: int = 100) -> Notices:
        """Nothing is kept for us to take."""
        return Notices((), ())

    def confirm_messages(self, message_ids: Collection[str]) -> None:
        """Nothing to confirm."""

    # --- refunds ------------------------------------------------------------------------------------------------------

    def pull_refunds(self, window: Window, cursor: str | None = None) -> ChangedRefunds:
        """One page of refunds by time of change; nothing where the connector reads none."""
        if self._connector.refunds is None:
            return ChangedRefunds((), None)
        page = self.page("refunds", self._connector.refunds, window, cursor)
        refunds, unreadable = [], []
        for place, row in page.rows:
            try:
                number, order_no = reading.refund_number(self._connector, row)
                refunds.append(RawRefund(number, order_no, row))
            except MessageUnreadable as error:
                unreadable.append(_at(error, place))
        return ChangedRefunds(tuple(refunds), page.next_cursor, tuple(unreadable))

    def read_refund(self, channel_refund_no: str) -> RawRefund:
        """Refunds are read by their list only."""
        raise ChannelRefused(method="refunds", sub_code="not_configured", message="refunds are read by their list")

    # --- outgoing -----------------------------------------------------------------------------------------------------

    def send_tracking(self, tracking: Tracking) -> TrackingResult:
        """Report a parcel by the connector's template; `{key}` is the same for every try. Raises TrackingRefused."""
        request = self._needed(self._connector.tracking, "tracking")
        pieces = dict(tracking.pieces) or dict.fromkeys(tracking.channel_line_nos)
        values = {
            "order_no": tracking.channel_order_no,
            "carrier": self._connector.carriers.get(tracking.carrier_code, tracking.carrier_code),
            "tracking_no": tracking.tracking_no,
            "lines": [{"line_no": line, "quantity": count} for line, count in pieces.items()],
            "key": tracking.key,
            "time": self._connector.clock.write(self._clock()),
        }
        try:
            # Without a key that the shop knows again a second call might make a second parcel.
            self._document("tracking", request, values, repeats=3 if "key" in request.placeholders else 0)
        except ChannelRefused as error:
            raise TrackingRefused.because_of(error) from error
        return TrackingResult("sent")

    def change_tracking(self, tracking: Tracking, *, instead_of: str) -> TrackingResult:
        """Raises TrackingRefused: a connector has no template for it."""
        raise TrackingRefused(
            method="tracking", sub_code="number_not_changeable", message="a connector does not change numbers"
        )

    def send_remark(self, channel_order_no: str, text: str, flag: int) -> None:
        """Our remark and flag by the connector's template."""
        request = self._needed(self._connector.remark, "remark")
        self._document("remark", request, {"order_no": channel_order_no, "text": text, "flag": flag})

    def push_stock(self, pushes: Sequence[StockPush], *, mode: StockMode = "full") -> BatchResult:
        """Set the stock of listed SKUs, one call each; only whole numbers are pushed, no changes of them."""
        result = BatchResult()
        stop: ChannelError | None = None
        for push in pushes:
            if stop is None:
                try:
                    if mode != "full" or push.quantity < 0:
                        raise ChannelRefused(method="stock", sub_code="only_full_quantities")
                    request = self._needed(self._connector.stock, "stock")
                    values = {"listing_id": push.listing_id, "sku_id": push.listing_sku_id, "quantity": push.quantity}
                    self._document("stock", request, values)
                    result.done.append(push)
                    continue
                except (ChannelRefused, ChannelAnswerUnreadable) as error:
                    result.refuse(push, error)
                    continue
                except ChannelError as error:
                    stop = error
            result.refuse(push, stop)
        return result

    # --- lists --------------------------------------------------------------------------------------------------------

    def page(self, name: str, listing: Listing, window: Window, cursor: str | None) -> Page:
        """One page of a list. The cursor says where the next one is, in words of ours or of the shop."""
        paging, clock = listing.paging, self._connector.clock
        values: dict[str, Any] = {
            "start": clock.write(window.start - OVERLAP),
            "end": clock.write(window.end),
            "size": paging.size,
        }
        if paging.kind in ("page", "offset"):
            return self._counted_page(name, listing, values, cursor)
        if paging.kind == "link" and cursor:
            content, answer = self._call(name, Call("GET", self._own(cursor)))
        else:
            content, answer = self._call(name, self._built(listing.request, {**values, "cursor": cursor or ""}))
        rows = tuple(all_of(content, listing.rows))
        following: str | None = None
        if paging.kind == "link":
            following = next_link(answer.headers)
        elif paging.kind == "cursor" and paging.next is not None:
            found = one(content, paging.next)
            following = "" if found is MISSING or isinstance(found, bool | dict | list) else str(found)
        # A shop that names the same cursor again, or one after nothing, would be read for ever.
        return Page(rows, following if following and rows and following != cursor else None)

    def _counted_page(self, name: str, listing: Listing, values: Mapping[str, Any], cursor: str | None) -> Page:
        paging = listing.paging
        direction, _colon, digits = (cursor or "up:0").partition(":")
        at = int(digits)

        def read(index: int) -> Any:
            place = {"page": paging.first + index, "offset": paging.first + index * paging.size}
            return self._call(name, self._built(listing.request, {**values, **place}))[0]

        content = read(at)
        if cursor is None and paging.total is not None:
            last = min(max(0, -(-_total(name, content, listing) // paging.size) - 1), MAX_PAGES)
            if last:
                direction, at, content = "down", last, read(last)
            else:
                direction = "down"
        rows = tuple(all_of(content, listing.rows))
        if direction == "down":
            return Page(rows, f"down:{at - 1}" if at else None)
        return Page(rows, f"up:{at + 1}" if len(rows) >= paging.size and at < MAX_PAGES else None)

    # --- calls --------------------------------------------------------------------------------------------------------

    def _document(self, name: str, request: Request, values: Mapping[str, Any], *, repeats: int = 3) -> Any:
        return self._call(name, self._built(request, values), repeats=repeats)[0]

    def _built(self, request: Request, values: Mapping[str, Any]) -> Call:
        return build(request, {"app_key": self._connection.app_key, **values}, base_url=self._connection.base_url)

    def _own(self, url: str) -> str:
        """A next page that the shop names is only followed to where the account's own address is."""
        ours, theirs = urlsplit(self._connection.base_url), urlsplit(url)
        if (theirs.scheme, theirs.netloc) != (ours.scheme, ours.netloc):
            raise ChannelAnswerUnreadable(method="paging", message="the next page is at another address")
        return url

    def _call(self, name: str, call: Call, *, repeats: int = 3) -> tuple[Any, HttpAnswer]:
        def once() -> HttpAnswer:
            return self._sent(name, call, self._access_token())

        answer = repeated(once, repeats=repeats, pause=self._pause)
        if answer.status == 401 and self._connector.authentication.kind == "oauth2":
            # The shop may have ended the token before its time: one new one is asked for.
            _TOKENS.forget(self._connection)
            answer = repeated(once, repeats=repeats, pause=self._pause)
        content = self._content(name, answer)
        self._refuse_errors(name, answer, content)
        return content, answer

    def _sent(self, name: str, call: Call, access_token: str) -> HttpAnswer:
        ready = signed(
            call,
            self._connector.authentication,
            app_key=self._connection.app_key,
            secrets=self._connection.secrets,
            at=self._clock(),
            nonce=secrets.token_hex(16),
            access_token=access_token,
        )
        return ask_platform(
            ready.url,
            method=name,
            verb=ready.method,
            content=ready.content,
            content_type="application/json; charset=utf-8" if ready.content is not None else "",
            headers={"Accept": "application/json", **ready.headers},
            understood=_UNDERSTOOD,
            max_bytes=MAX_ANSWER_BYTES,
            address=safe_address(ready.url, allowed=settings.CONNECTOR_INTERNAL_HOSTS),
        )

    def _content(self, name: str, answer: HttpAnswer) -> Any:
        if not answer.body.strip() and answer.status < 300:
            return {}
        try:
            return loads_strict(answer.body, max_bytes=MAX_ANSWER_BYTES)
        except UnreadableBody as error:
            if answer.status >= 400:
                return None
            raise ChannelAnswerUnreadable(method=name, message=str(error)) from error

    def _refuse_errors(self, name: str, answer: HttpAnswer, content: Any) -> None:
        accepted = self._connector.accepted
        message = one(content, accepted.message) if accepted is not None and accepted.message is not None else MISSING
        said = "" if message is MISSING else str(message)[:200]
        if answer.status >= 400:
            kind = AuthorizationExpired if answer.status == 401 else ChannelRefused
            raise kind(method=name, error_code=answer.status, message=said or f"HTTP {answer.status}")
        if accepted is not None:
            found = one(content, accepted.path)
            if found is MISSING or found != accepted.value:
                word = "" if found is MISSING else str(found)[:64]
                raise ChannelRefused(method=name, error_code=answer.status, sub_code=word, message=said)

    def _access_token(self) -> str:
        if self._connector.authentication.kind != "oauth2":
            return ""
        return _TOKENS.token(self._connection, self._clock(), self._fetch_token)

    def _fetch_token(self) -> tuple[str, float]:
        """Client credentials (RFC 6749 section 4.4): the token and for how many seconds it holds."""
        asked = self._connector.authentication.settings
        known = {"app_key": self._connection.app_key}
        known |= {f"secret.{name}": str(value) for name, value in self._connection.secrets.items()}
        form = {
            "grant_type": "client_credentials",
            "client_id": _named(asked.get("client_id", "{app_key}"), known),
            "client_secret": _named(asked.get("client_secret", "{secret.client_secret}"), known),
            **({"scope": asked["scope"]} if asked.get("scope") else {}),
        }
        url = f"{self._connection.base_url.rstrip('/')}{asked['token_path']}"
        answer = ask_platform(
            url,
            method="token",
            content=urlencode(form).encode(),
            content_type="application/x-www-form-urlencoded",
            headers={"Accept": "application/json"},
            understood=_UNDERSTOOD,
            max_bytes=64 * 1024,
            address=safe_address(url, allowed=settings.CONNECTOR_INTERNAL_HOSTS),
        )
        if answer.status in (400, 401, 403):
            raise AuthorizationExpired(method="token", error_code=answer.status, message="no token for this client")
        content = self._content("token", answer)
        token = content.get("access_token") if isinstance(content, dict) else None
        if not isinstance(token, str) or not token:
            raise ChannelAnswerUnreadable(method="token", error_code=answer.status, message="no access_token")
        lasts = content.get("expires_in", 300)
        return token, float(lasts) if type(lasts) is int else 300.0

    @staticmethod
    def _needed(request: Request | None, name: str) -> Request:
        if request is None:
            raise ChannelRefused(method=name, sub_code="not_configured", message="the connector has no such call")
        return request


class _Tokens:
    """Access tokens of this process, by account and credentials; a lost one is fetched again."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, datetime]] = {}
        self._lock = threading.Lock()

    def token(self, connection: Connection, now: datetime, fetch: Callable[[], tuple[str, float]]) -> str:
        key = self._key(connection)
        with self._lock:
            token, until = self._kept.get(key, ("", now))
            if not token or until <= now:
                token, lasts_s = fetch()
                if len(self._kept) > 256:
                    self._kept.clear()
                # A little early: the way to the shop takes time too.
                self._kept[key] = (token, now + timedelta(seconds=max(1.0, lasts_s * 0.9)))
            return token

    def forget(self, connection: Connection) -> None:
        with self._lock:
            self._kept.pop(self._key(connection), None)

    @staticmethod
    def _key(connection: Connection) -> str:
        text = json.dumps([connection.account_id, connection.base_url, connection.app_key, dict(connection.secrets)])
        return hashlib.sha256(text.encode()).hexdigest()


_TOKENS = _Tokens()


def connector_of(connection: Connection) -> Connector:
    """The account's connector. Raises Misconfigured where there is none yet, ConnectorInvalid for a wrong one."""
    document = connection.options.get("connector")
    if not document:
        raise Misconfigured(f"account {connection.account_id}: its connector has no active version")
    return _compiled(json.dumps(document, sort_keys=True))


@lru_cache(maxsize=64)
def _compiled(document: str) -> Connector:
    return read_document(json.loads(document))


def raw_order(connector: Connector, row: Any, body: bytes | None = None) -> RawOrder:
    """An order as it is kept: the bytes of the push, or its row. Raises MessageUnreadable without number or time."""
    number, changed = reading.order_number(connector, row), reading.modified_at(connector, row)
    kept = dumps_exact(row) if body is None else body
    return RawOrder(number, {"row": row}, kept, reading.buyer_of(connector, row), changed)


def take_push(connection: Connection, request: PushRequest) -> Pushed:
    """One order that the shop sends by itself. Raises PushRefused.

    Its signature is HMAC-SHA256 over the raw body, or that of Standard Webhooks 1.0 (header `webhook-signature`, over
    `id.timestamp.body`, five minutes of age at most).
    """
    if len(request.body) > MAX_PUSH_BYTES:
        raise PushRefused(problem="too_large")
    connector = connector_of(connection)
    webhook, secret = connector.webhook, str(connection.secrets.get("webhook_secret") or "")
    if webhook is None or not secret:
        raise PushRefused(problem="not_configured")
    if webhook.header == "webhook-signature":
        _check_standard(request, secret)
    else:
        given = request.headers.get(webhook.header, "").removeprefix(webhook.prefix)
        digest = hmac.digest(secret.encode(), request.body, "sha256")
        expected = base64.b64encode(digest).decode() if webhook.encoding == "base64" else digest.hex()
        if not same_text(expected, given.lower() if webhook.encoding == "hex" else given):
            raise PushRefused(problem="bad_signature")
    return _told(connector, webhook, request.body, request.headers.get("webhook-id") or None)


def _read_kept(connection: Connection, raw: Any) -> Pushed:
    connector = connector_of(connection)
    if connector.webhook is None:
        raise MessageUnreadable(path="$", problem="unknown_value", detail="the connector has no push any more")
    return readable_again(_told(connector, connector.webhook, kept_push(raw)[1]))


def _told(connector: Connector, webhook: Webhook, body: bytes, delivery: str | None = None) -> Pushed:
    try:
        content = loads_strict(body, max_bytes=MAX_PUSH_BYTES)
        row = one(content, webhook.order)
        if row is MISSING:
            raise MessageUnreadable(path=webhook.order.text, problem="missing")
        return Pushed(PushAnswer(), orders=(raw_order(connector, row, body),))
    except (MessageUnreadable, UnreadableBody) as error:
        problem = error if isinstance(error, MessageUnreadable) else MessageUnreadable(path="$", problem="not_json")
        kept = {"body": body.decode("utf-8", "replace")}
        return Pushed(PushAnswer(), unreadable=(UnreadableNotice(delivery, problem, kept),))


def _check_standard(request: PushRequest, secret: str) -> None:
    number, stamp = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    if not number or not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12):
        raise PushRefused(problem="bad_signature")
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise PushRefused(problem="not_configured") from None
    message = f"{number}.{stamp}.".encode("utf-8", "surrogatepass") + request.body
    expected = base64.b64encode(hmac.digest(key, message, "sha256")).decode()
    given = request.headers.get("webhook-signature", "").split(" ")
    # Several signatures while a secret is being changed: one that fits is enough.
    if not any(same_text(f"v1,{expected}", one_of_them) for one_of_them in given[:8]):
        raise PushRefused(problem="bad_signature")
    if abs(request.at.timestamp() - int(stamp)) > STALE_AFTER.total_seconds():
        raise PushRefused(problem="stale")


def _total(name: str, content: Any, listing: Listing) -> int:
    assert listing.paging.total is not None
    found = one(content, listing.paging.total)
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 10:
        found = int(found)
    if type(found) is not int or found < 0:
        raise ChannelAnswerUnreadable(method=name, message=f"no number of rows at {listing.paging.total.text}")
    return found


def _named(template: str, known: Mapping[str, str]) -> str:
    for name, value in known.items():
        template = template.replace(f"{{{name}}}", value)
    return template


def _at(error: MessageUnreadable, place: str) -> MessageUnreadable:
    return MessageUnreadable(path=error.path.replace("$", place, 1), problem=error.problem, detail=error.detail)


def connect(connection: Connection) -> HttpAdapter:
    """A client for the account."""
    return HttpAdapter(connection, connector_of(connection))


def readers_of(connection: Connection) -> Readers:
    """How orders and refunds of this account are read: by the version of its connector that is active now."""
    connector = connector_of(connection)

    def read_order(body: Any) -> IncomingOrder:
        return reading.read_order(connector, _row_in(connector, body), account_id=connection.account_id)

    def read_refund(body: Any) -> IncomingRefund:
        return reading.read_refund(connector, body)

    return Readers(read_order, read_refund)


def _row_in(connector: Connector, body: Any) -> Any:
    """The order in what was kept: the whole body of a push holds it where the connector says, a pulled row is it."""
    if connector.webhook is not None and connector.webhook.order.steps:
        inner = one(body, connector.webhook.order)
        return body if inner is MISSING else inner
    return body


def _needs_account(row: Any) -> Any:
    raise Misconfigured("what a connector brings is read by the account's own document")


PLATFORM = Platform(
    code=CODE,
    label=_("Other shop (JSON API)"),
    connect=connect,
    read_order=_needs_account,
    read_refund=_needs_account,
    secrets=tuple(Field(name, label, is_required=False) for name, label in SECRET_LABELS.items()),
    options=(
        Field("connector", _("connector"), _("Changed on the page of the connector only."), is_required=False),
        Field("connector_version", _("version of the connector"), is_required=False),
    ),
    take_push=take_push,
    poll_every_s=60.0,
    read_kept=_read_kept,
    readers_of=readers_of,
)
