import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from channels_sync.adapters.base import Connection, PushRequest
from channels_sync.adapters.douyin_push import ACK, take_push
from channels_sync.errors import PushRefused
from ordercenter.common.signing_douyin import douyin_event_sign

VECTORS = Path(__file__).parents[1] / "data" / "protocols" / "vectors"
KEY, SECRET = "6855555555555555555", "test-dd-secret-aaaa-bbbb"
NOW = datetime(2026, 11, 11, 0, 5, tzinfo=UTC)
ORDER_NO = 6917000000000000001


def message(tag, data, msg_id="m-1"):
    return {"tag": tag, "msg_id": msg_id, "data": data if isinstance(data, str) else json.dumps(data)}


def push(body, *, sign=None, app_id=KEY, options=None):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    sign = douyin_event_sign(app_key=KEY, secret=SECRET, body=raw) if sign is None else sign
    headers = {"event-sign": sign, **({"app-id": app_id} if app_id else {})}
    connection = Connection(1, "http://platform", KEY, {"secret": SECRET, "access_token": "t"}, options or {})
    return take_push(connection, PushRequest("POST", "/channels/douyin/x/", {}, headers, raw, NOW))


def test_a_message_of_the_platform_s_kit_is_a_notice_with_exact_ids():
    (case,) = [
        case
        for case in json.loads((VECTORS / "douyin.json").read_text(encoding="utf-8"))["cases"]
        if case["id"] == "douyin-push-message"
    ]

    told = push(case["input"]["body"].encode(), sign=case["input"]["headers"]["event-sign"])

    (notice,) = told.notices
    assert (notice.kind, notice.channel_order_no, notice.topic) == ("order", str(ORDER_NO), "doudian.101")
    assert notice.message_id == "6917000000000000001:101:1794355302:42"
    assert notice.published_at == datetime(2026, 11, 11, 0, 1, 42, tzinfo=UTC)
    assert told.answer == ACK
    assert (told.answer.status, json.loads(told.answer.body)) == (200, {"code": 0, "msg": "success"})


@pytest.mark.parametrize("sign", ["", "0" * 32, hashlib.md5(b"x", usedforsecurity=False).hexdigest()])
def test_a_wrong_signature_is_refused(sign):
    with pytest.raises(PushRefused) as refused:
        push([message("101", {"p_id": ORDER_NO})], sign=sign)

    assert refused.value.problem == "signature"


def test_one_changed_byte_breaks_the_signature():
    body = json.dumps([message("101", {"p_id": ORDER_NO})]).encode()
    sign = douyin_event_sign(app_key=KEY, secret=SECRET, body=body)

    with pytest.raises(PushRefused):
        push(body.replace(b"101", b"106"), sign=sign)
    with pytest.raises(PushRefused):
        push(body + b" ", sign=sign)


def test_another_app_s_message_is_refused_and_one_without_the_header_is_not():
    body = [message("101", {"p_id": ORDER_NO})]

    with pytest.raises(PushRefused):
        push(body, app_id="1")
    assert len(push(body, app_id="").notices) == 1


def test_the_probe_of_the_address_is_answered_and_kept_nowhere():
    told = push([message("0", "", "0")])

    assert (told.answer, told.notices, told.unreadable) == (ACK, (), ())


@pytest.mark.parametrize(
    ("tag", "data", "kind", "order_no", "refund_no"),
    [
        (100, {"p_id": ORDER_NO}, "order", str(ORDER_NO), ""),
        ("101", {"p_id": ORDER_NO}, "order", str(ORDER_NO), ""),
        ("106", {"p_id": str(ORDER_NO)}, "order", str(ORDER_NO), ""),
        ("126", {"p_id": ORDER_NO}, "order", str(ORDER_NO), ""),
        ("200", {"p_id": ORDER_NO, "aftersale_id": 71, "aftersale_type": 2}, "refund", str(ORDER_NO), "71"),
        ("206", {"p_id": ORDER_NO, "aftersale_id": 71, "aftersale_type": 0}, "refund", str(ORDER_NO), "71"),
        ("211", {"p_id": ORDER_NO, "aftersale_id": 71, "aftersale_type": 3}, "refund", str(ORDER_NO), "71"),
        ("226", {"p_id": ORDER_NO, "aftersale_id": 71, "aftersale_type": 7}, "refund", str(ORDER_NO), "71"),
        ("400", {"product_id": 34}, "other", "", ""),
        ("417", {"product_id": 34}, "other", "", ""),
    ],
)
def test_each_tag_says_what_to_read_back(tag, data, kind, order_no, refund_no):
    (notice,) = push([message(tag, data)]).notices

    assert (notice.kind, notice.channel_order_no, notice.channel_refund_no) == (kind, order_no, refund_no)


def test_a_broken_message_is_kept_apart_and_the_others_are_taken():
    told = push(
        [
            message("101", {"p_id": ORDER_NO}, "a"),
            message("101", {"s_ids": []}, "b"),
            message("101", "{", "c"),
            "x",
            {"tag": "101", "data": "{}"},
            message("206", {"p_id": ORDER_NO}, "d"),
            message("101", {"p_id": ORDER_NO + 1}, "e"),
        ]
    )

    assert [notice.message_id for notice in told.notices] == ["a", "e"]
    assert [(u.message_id, u.error.path) for u in told.unreadable] == [
        ("b", "message.data.p_id"),
        ("c", "message.data"),
        (None, "message"),
        (None, "message.msg_id"),
        ("d", "message.data.aftersale_id"),
    ]


def test_a_message_about_another_shop_is_not_ours():
    body = [message("101", {"p_id": ORDER_NO, "shop_id": 123456})]

    assert len(push(body, options={"shop_id": "123456"}).notices) == 1
    assert [u.error.path for u in push(body, options={"shop_id": "999"}).unreadable] == ["message.data.shop_id"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'"x"',
        b"[",
        b"\xff[]",
        b'[{"a":1,"a":2}]',
        b"[" * 20_000 + b"]" * 20_000,
        b"[1e309]",
        b'["\\u0000"]',
        b'["\\ud800"]',
        b" " * (2 * 1024 * 1024 + 1),
    ],
)
def test_a_hostile_body_is_refused_even_when_it_is_signed(body):
    with pytest.raises(PushRefused) as refused:
        push(body)

    assert refused.value.problem == "malformed"
