"""What the Douyin platform sends to our door: a signed list of messages, each about one order or after-sale by number.

Source: the platform's official Go kit (message/*). The signature covers the exact bytes; ids in the messages are longer
than a double and are read exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

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
from channels_sync.errors import MessageUnreadable, PushRefused
from ordercenter.common.signing_douyin import douyin_event_is_valid
from ordercenter.common.strictjson import UnreadableBody, loads_strict

ACK = PushAnswer(body=b'{"code":0,"msg":"success"}')
MAX_PUSH_BYTES = 2 * 1024 * 1024
_PROBE = "0"
_KINDS: Mapping[str, NoticeKind] = {"1": "order", "2": "refund"}
# The tags whose message says when it happened, and under which name.
_TIME_OF = {"100": "create_time", "101": "pay_time", "110": "pay_time"}


def take_push(connection: Connection, request: PushRequest) -> Pushed:
    """Check the signature over the bytes as they came, and read the messages one by one.

    A message that cannot be read is kept for a person and does not stop the others. The probe of the address (tag 0) is
    answered like a message. Raises PushRefused.
    """
    app_id = request.headers.get("app-id", "")
    is_signed = douyin_event_is_valid(
        app_key=connection.app_key,
        secret=str(connection.secrets["secret"]),
        body=request.body,
        sign=request.headers.get("event-sign", ""),
    )
    if not is_signed or (app_id and app_id != connection.app_key):
        raise PushRefused(problem="signature")
    try:
        messages = loads_strict(request.body, max_bytes=MAX_PUSH_BYTES)
    except UnreadableBody as error:
        raise PushRefused(problem="malformed", detail=str(error)) from error
    if not isinstance(messages, list):
        raise PushRefused(problem="malformed", detail="no list of messages")
    notices, unreadable = [], []
    for raw in messages:
        if isinstance(raw, dict) and str(raw.get("tag")) == _PROBE:
            continue
        try:
            notices.append(read_message(raw, shop_id=str(connection.options.get("shop_id") or ""), at=request.at))
        except MessageUnreadable as error:
            unreadable.append(UnreadableNotice(_message_id(raw), error, raw))
    return Pushed(ACK, notices=tuple(notices), unreadable=tuple(unreadable))


def read_kept(connection: Connection, raw: Any) -> Pushed:
    """A message that was kept as unreadable, read once more. Raises MessageUnreadable."""
    shop_id = str(connection.options.get("shop_id") or "")
    return Pushed(ACK, notices=(read_message(raw, shop_id=shop_id, at=datetime.now(UTC)),))


def read_message(raw: Any, *, shop_id: str = "", at: datetime) -> ChannelNotice:
    """One message `{tag, msg_id, data}`; data is JSON text. shop_id: the account's shop, "" for whichever.

    An app has one address for all shops that trust it: a message about another shop is not for this account. at: when
    it came, for messages that do not say when they happened. Raises MessageUnreadable.
    """
    if not isinstance(raw, dict):
        raise MessageUnreadable(path="message", problem="ill_typed")
    tag = fields.code(raw, "tag", "message")
    message_id = _message_id(raw)
    if not tag or message_id is None:
        raise MessageUnreadable(path="message.msg_id" if tag else "message.tag", problem="missing")
    data = _data_of(raw.get("data"))
    if shop_id and data.get("shop_id") and str(data["shop_id"]) != shop_id:
        raise MessageUnreadable(path="message.data.shop_id", problem="unknown_value", detail="another shop")
    kind = _kind_of(tag)
    return ChannelNotice(
        message_id=message_id,
        topic=f"doudian.{tag}",
        kind=kind,
        channel_order_no=fields.number(data, "p_id", "message.data") if kind != "other" else "",
        channel_refund_no=fields.number(data, "aftersale_id", "message.data") if kind == "refund" else "",
        published_at=_published_at(tag, data, at),
        raw=dict(raw),
    )


def _kind_of(tag: str) -> NoticeKind:
    if len(tag) != 3:
        return "other"
    return _KINDS.get(tag[0], "other")


def _data_of(data: Any) -> Mapping[str, Any]:
    if isinstance(data, str):
        try:
            data = loads_strict(data.encode())
        except (UnreadableBody, UnicodeEncodeError) as error:
            raise MessageUnreadable(path="message.data", problem="not_json", detail=str(error)) from None
    if not isinstance(data, dict):
        raise MessageUnreadable(path="message.data", problem="missing" if data is None else "ill_typed")
    return data


def _message_id(raw: Any) -> str | None:
    found = raw.get("msg_id") if isinstance(raw, dict) else None
    if type(found) is int:
        return str(found)
    return found if isinstance(found, str) and 0 < len(found) <= 128 else None


def _published_at(tag: str, data: Mapping[str, Any], at: datetime) -> datetime:
    for name in ("update_time", _TIME_OF.get(tag, "")):
        seconds = data.get(name)
        if type(seconds) is int and 0 < seconds <= at.timestamp():
            return datetime.fromtimestamp(seconds, UTC)
    return at
