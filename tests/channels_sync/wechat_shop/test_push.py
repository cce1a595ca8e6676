"""Our door for WeChat shop: what is sealed for us is read, as XML and as JSON; everything else is refused or kept."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from channels_sync.adapters.base import Connection, Pushed, PushRequest
from channels_sync.adapters.wechat_shop_push import MAX_ELEMENTS, take_push
from channels_sync.errors import PushRefused
from channels_sync.sandbox import hostile
from ordercenter.common.errors import Misconfigured
from ordercenter.common.wechat_messages import (
    WechatMessageInvalid,
    open_wechat_message,
    seal_wechat_message,
    wechat_signature,
)

APP, TOKEN = "wx0000000000000001", "callback-token"
KEY = base64.b64encode(bytes(range(32))).decode().rstrip("=")
ACCOUNT = Connection(account_id=1, base_url="", app_key=APP, secrets={"token": TOKEN, "aes_key": KEY})
STAMP, NONCE = "1794355301", "n1"
PAY = {
    "ToUserName": "gh_x",
    "FromUserName": "oX",
    "CreateTime": 1794355300,
    "MsgType": "event",
    "Event": "channels_ec_order_pay",
    "order_info": {"order_id": "3700000000000000001", "pay_time": 1794355299},
}


def push(
    plain: bytes | dict[str, Any], *, as_xml: bool = False, app: str = APP, signature: str = "", token: str = TOKEN
) -> Pushed:
    message = json.dumps(plain).encode() if isinstance(plain, dict) else plain
    encrypted = seal_wechat_message(message, aes_key=KEY, app_id=app)
    body = json.dumps({"ToUserName": "gh_x", "Encrypt": encrypted}).encode()
    if as_xml:
        body = (
            f"<xml><ToUserName><![CDATA[gh_x]]></ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>".encode()
        )
    query = {
        "timestamp": STAMP,
        "nonce": NONCE,
        "msg_signature": signature or wechat_signature(token, STAMP, NONCE, encrypted),
    }
    return take_push(ACCOUNT, request("POST", query, body))


def request(method: str, query: dict[str, str], body: bytes = b"") -> PushRequest:
    return PushRequest(method=method, path="/", query=query, headers={}, body=body, at=datetime.now(UTC))


@pytest.mark.parametrize("as_xml", [False, True])
def test_a_paid_order_is_told_and_answered_with_success(as_xml: bool):
    pushed = push(PAY, as_xml=as_xml)

    assert (pushed.answer.status, pushed.answer.body) == (200, b"success")
    (notice,) = pushed.notices
    assert (notice.kind, notice.channel_order_no, notice.channel_refund_no) == ("order", "3700000000000000001", "")
    assert notice.message_id == "oX:1794355300:channels_ec_order_pay:3700000000000000001"
    assert notice.published_at == datetime.fromtimestamp(1794355300, UTC)
    assert notice.raw == PAY


def test_an_event_inside_may_be_xml_as_well():
    plain = (
        b"<xml><ToUserName><![CDATA[gh_x]]></ToUserName><FromUserName><![CDATA[oX]]></FromUserName>"
        b"<CreateTime>1794355300</CreateTime><MsgType><![CDATA[event]]></MsgType>"
        b"<Event><![CDATA[channels_ec_order_deliver]]></Event>"
        b"<order_info><order_id>370</order_id><finish_delivery>1</finish_delivery></order_info></xml>"
    )

    (notice,) = push(plain, as_xml=True).notices

    assert (notice.topic, notice.kind, notice.channel_order_no) == ("channels_ec_order_deliver", "order", "370")


@pytest.mark.parametrize(
    ("event", "detail", "kind", "order_no", "refund_no"),
    [
        *[
            (f"channels_ec_order_{word}", {"order_info": {"order_id": "37"}}, "order", "37", "")
            for word in ("new", "cancel", "pay", "wait_shipping", "deliver", "confirm", "settle", "ext_info_update")
        ],
        ("product_order_status_update", {"order_info": {"order_id": "37"}}, "order", "37", ""),
        (
            "channels_ec_aftersale_update",
            {"finder_shop_aftersale_status_update": {"status": "X", "after_sale_order_id": 9, "order_id": "37"}},
            "refund",
            "37",
            "9",
        ),
        ("channels_ec_complaint_update", {}, "other", "", ""),
        ("channels_ec_stock_no_enough", {}, "other", "", ""),
        ("channels_ec_withdraw_notify", {}, "other", "", ""),
    ],
)
def test_every_event_says_what_changed(event: str, detail: dict[str, Any], kind: str, order_no: str, refund_no: str):
    message = {name: value for name, value in PAY.items() if name != "order_info"}

    (notice,) = push({**message, "Event": event, **detail}).notices

    assert (notice.kind, notice.channel_order_no, notice.channel_refund_no) == (kind, order_no, refund_no)


def test_the_same_event_sent_again_is_the_same_message_and_another_status_is_another():
    update = {"status": "MERCHANT_PROCESSING", "after_sale_order_id": "9", "order_id": "37"}
    message = {**PAY, "Event": "channels_ec_aftersale_update", "finder_shop_aftersale_status_update": update}
    agreed = {**message, "finder_shop_aftersale_status_update": {**update, "status": "USER_WAIT_RETURN"}}

    ids = [push(told).notices[0].message_id for told in (message, message, agreed)]

    assert ids[0] == ids[1] != ids[2]


def test_the_address_is_checked_by_giving_its_word_back():
    query = {"timestamp": STAMP, "nonce": NONCE, "echostr": "5838479812"}
    good = {**query, "signature": wechat_signature(TOKEN, STAMP, NONCE)}

    assert take_push(ACCOUNT, request("GET", good)).answer.body == b"5838479812"
    for bad in ({**query, "signature": "0" * 40}, query, {}):
        with pytest.raises(PushRefused, match="signature"):
            take_push(ACCOUNT, request("GET", bad))


def test_what_is_signed_with_another_word_sealed_for_another_app_or_changed_is_refused():
    with pytest.raises(PushRefused, match="signature"):
        push(PAY, token="another-token")
    with pytest.raises(PushRefused, match="app_id"):
        push(PAY, app="wx0000000000000002")
    with pytest.raises(PushRefused, match="signature"):
        push(PAY, signature="0" * 40)
    with pytest.raises(PushRefused, match="signature"):
        push(PAY, signature="täuschend")


def test_what_comes_in_the_clear_is_refused():
    with pytest.raises(PushRefused, match="no Encrypt"):
        take_push(ACCOUNT, request("POST", {}, json.dumps(PAY).encode()))


@pytest.mark.parametrize("body", hostile.BODIES, ids=range(len(hostile.BODIES)))
def test_hostile_bodies_are_refused(body: bytes):
    with pytest.raises(PushRefused):
        take_push(ACCOUNT, request("POST", {"timestamp": STAMP, "nonce": NONCE}, body))


@pytest.mark.parametrize(
    "body",
    [
        b"<xml>" + b"<a>" * 20_000 + b"</a>" * 20_000 + b"</xml>",
        b"<xml>" + b"<a>" * (MAX_ELEMENTS // 3) + b"</a>" * (MAX_ELEMENTS // 3) + b"</xml>",
        b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><xml><Encrypt>a</Encrypt></xml>',
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><Encrypt>&a;</Encrypt></xml>',
        b"<xml><Encrypt>",
        b"<xml><Encrypt>\x00</Encrypt></xml>",
        "<xml><Encrypt>täuschend</Encrypt></xml>".encode("utf-16"),
    ],
)
def test_hostile_xml_is_refused(body: bytes):
    with pytest.raises(PushRefused):
        take_push(ACCOUNT, request("POST", {"timestamp": STAMP, "nonce": NONCE}, body))


@pytest.mark.parametrize("plain", hostile.BODIES, ids=range(len(hostile.BODIES)))
def test_what_the_platform_sealed_but_nobody_can_read_is_kept_and_answered(plain: bytes):
    pushed = push(plain)

    assert pushed.answer.body == b"success"
    assert pushed.notices == ()
    assert len(pushed.unreadable) == 1
    # It must go into the inbox, whatever it is.
    assert len(json.dumps(pushed.unreadable[0].raw)) < 100_000


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"CreateTime": "yesterday"}, "event.CreateTime"),
        ({"order_info": {}}, "event.order_info.order_id"),
        ({"order_info": {"order_id": {"$gt": ""}}}, "event.order_info.order_id"),
        ({"Event": "", "MsgType": ""}, "event.Event"),
        ({"FromUserName": "o" * 65}, "event.FromUserName"),
    ],
)
def test_an_event_that_lacks_something_names_it(changes: dict[str, Any], path: str):
    (unreadable,) = push({**PAY, **changes}).unreadable

    assert unreadable.error.path == path


def test_sealing_and_opening_are_each_others_reverse_for_every_length():
    for length in range(0, 70):
        message = bytes(range(length))
        assert open_wechat_message(seal_wechat_message(message, aes_key=KEY, app_id=APP), aes_key=KEY, app_id=APP) == (
            message
        )


def test_what_was_not_sealed_with_this_key_is_refused():
    sealed = seal_wechat_message(b"hello", aes_key=KEY, app_id=APP)
    other = base64.b64encode(bytes(32)).decode().rstrip("=")

    for encrypted, key in (
        (sealed, other),
        (sealed[:-8], KEY),
        ("", KEY),
        ("$$$$", KEY),
        ("täuschend", KEY),
        (base64.b64encode(bytes(64)).decode(), KEY),
    ):
        with pytest.raises(WechatMessageInvalid):
            open_wechat_message(encrypted, aes_key=key, app_id=APP)


def test_a_key_of_another_length_is_said_to_be_unusable():
    with pytest.raises(Misconfigured, match="43 characters"):
        seal_wechat_message(b"x", aes_key="short", app_id=APP)
