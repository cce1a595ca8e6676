"""What WeChat shop sends to our door: the check of the address, and events in safe mode, as XML or JSON.

The signature covers the encrypted text as it came; only what it fits is opened. An event says what changed, never how:
the order or after-sale is read back by its number. Without an answer within 5 s the platform sends it again, 3 times.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from channels_sync.adapters import fields
from channels_sync.adapters.base import (
    ChannelNotice,
    Connection,
    NoticeKind,
    PushAnswer,
    Pushed,
    PushRequest,
    UnreadableNotice,
)
from channels_sync.adapters.kept import readable_again
from channels_sync.errors import MessageUnreadable, PushRefused
from ordercenter.common.strictjson import UnreadableBody, loads_strict
from ordercenter.common.wechat_messages import WechatMessageInvalid, open_wechat_message, wechat_signature_is_valid

SUCCESS = PushAnswer(content_type="text/plain", body=b"success")
MAX_ELEMENTS = 500
MAX_LEVELS = 8
KEPT_CHARACTERS = 10_000
AFTER_SALE = "finder_shop_aftersale_status_update"


def take_push(connection: Connection, request: PushRequest) -> Pushed:
    """One request of the platform. Raises PushRefused (signature, malformed) for what is not from it."""
    token = str(connection.secrets["token"])
    stamp, nonce = request.query.get("timestamp", ""), request.query.get("nonce", "")
    if request.method == "GET":
        if not wechat_signature_is_valid(request.query.get("signature", ""), token, stamp, nonce):
            raise PushRefused(problem="signature")
        echo = request.query.get("echostr", "").encode()
        return Pushed(PushAnswer(content_type="text/plain", body=echo))
    encrypted = _document(request.body).get("Encrypt")
    if not isinstance(encrypted, str) or not encrypted:
        # In the clear nothing says who sent it: only the safe mode is taken.
        raise PushRefused(problem="malformed", detail="no Encrypt")
    if not wechat_signature_is_valid(request.query.get("msg_signature", ""), token, stamp, nonce, encrypted):
        raise PushRefused(problem="signature")
    try:
        plain = open_wechat_message(encrypted, aes_key=str(connection.secrets["aes_key"]), app_id=connection.app_key)
    except WechatMessageInvalid as error:
        raise PushRefused(problem="signature", detail=error.problem) from error
    return _told(plain)


def read_event(event: Mapping[str, Any]) -> ChannelNotice:
    """One event, opened and parsed. Raises MessageUnreadable."""
    topic = fields.text(event, "Event", "event") or fields.text(event, "MsgType", "event")
    if not topic:
        raise MessageUnreadable(path="event.Event", problem="missing")
    order_no, refund_no, detail = "", "", ""
    kind: NoticeKind = "other"
    if topic == "channels_ec_aftersale_update":
        update = fields.child(event, AFTER_SALE, "event")
        refund_no = fields.number(update, "after_sale_order_id", f"event.{AFTER_SALE}")
        order_no = fields.code(update, "order_id", f"event.{AFTER_SALE}")
        kind, detail = "refund", fields.text(update, "status", f"event.{AFTER_SALE}")
    elif topic.startswith("channels_ec_order_") or topic == "product_order_status_update":
        order_no = fields.number(fields.child(event, "order_info", "event"), "order_id", "event.order_info")
        kind = "order"
    stamp = fields.whole(event, "CreateTime", "event", most=fields.MAX_UNIX_S)
    # As the platform advises: the same sender, second, event and subject are the same message.
    sender = fields.code(event, "FromUserName", "event")
    return ChannelNotice(
        message_id=f"{sender}:{stamp}:{topic}:{refund_no or order_no}:{detail}".rstrip(":"),
        topic=topic,
        kind=kind,
        channel_order_no=order_no,
        channel_refund_no=refund_no,
        published_at=datetime.fromtimestamp(stamp, UTC),
        raw=dict(event),
    )


def read_kept(_connection: Connection, raw: Any) -> Pushed:
    """A message that was kept as unreadable, read once more. Raises MessageUnreadable."""
    if not isinstance(raw, dict) or not isinstance(raw.get("plain"), str):
        raise MessageUnreadable(path="event", problem="ill_typed")
    return readable_again(_told(raw["plain"].encode("utf-8", "surrogatepass")))


def _told(plain: bytes) -> Pushed:
    """What is the platform's own but cannot be read is kept for a person; asking for it again would not help."""
    try:
        return Pushed(SUCCESS, notices=(read_event(_document(plain)),))
    except PushRefused as error:
        problem = MessageUnreadable(path="event", problem="not_json", detail=error.detail)
    except MessageUnreadable as error:
        problem = error
    kept = {"plain": plain.decode("utf-8", "backslashreplace")[:KEPT_CHARACTERS]}
    return Pushed(SUCCESS, unreadable=(UnreadableNotice(None, problem, kept),))


def _document(body: bytes) -> Mapping[str, Any]:
    """The object that a body is, XML or JSON by its first sign. Raises PushRefused."""
    if body.lstrip()[:1] == b"<":
        return _xml(body)
    try:
        document = loads_strict(body)
    except UnreadableBody as error:
        raise PushRefused(problem="malformed", detail=str(error)) from error
    if not isinstance(document, dict):
        raise PushRefused(problem="malformed", detail="no object")
    return document


def _xml(body: bytes) -> Mapping[str, Any]:
    # Before anything is built: an honest message has a dozen elements.
    if body.count(b"<") > 2 * MAX_ELEMENTS:
        raise PushRefused(problem="malformed", detail="too many elements")
    try:
        root = fromstring(body, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise PushRefused(problem="malformed", detail=type(error).__name__) from error
    content = _content(root, 1)
    return content if isinstance(content, dict) else {}


def _content(element: Element, level: int) -> dict[str, Any] | str:
    if level > MAX_LEVELS:
        raise PushRefused(problem="malformed", detail="too deep")
    if not len(element):
        return element.text or ""
    return {child.tag: _content(child, level + 1) for child in element}
