"""The played WeChat shop refuses what the real one refuses, in its own codes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.channels_sync.sandbox.stage import Stage

LIST = "/channels/ec/order/list/get"


def call(stage: Stage, path: str, params: dict[str, Any] | None = None, *, token: str | None = None) -> dict[str, Any]:
    query = {"access_token": access(stage) if token is None else token}
    answer = stage.http.post(f"/wechat_shop{path}", params=query, json=params or {})
    assert answer.status_code == 200
    return dict(answer.json())


def access(stage: Stage, **changes: Any) -> str:
    return str(grant(stage, **changes)["access_token"])


def grant(stage: Stage, **changes: Any) -> dict[str, Any]:
    keys = stage.credentials
    wanted = {"grant_type": "client_credential", "appid": keys.wechat_app_id, "secret": keys.wechat_secret}
    return dict(stage.http.post("/wechat_shop/cgi-bin/stable_token", json={**wanted, **changes}).json())


def span(stage: Stage, seconds: int = 60) -> dict[str, Any]:
    now = stage.clock.now_ms // 1000
    return {"update_time_range": {"start_time": now - seconds, "end_time": now}, "page_size": 10}


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [({"grant_type": "x"}, 40002), ({"appid": "wx0"}, 40013), ({"secret": "x"}, 40125)],
)
def test_a_token_is_given_to_the_app_only(stage, changes, errcode):
    assert grant(stage, **changes)["errcode"] == errcode


def test_the_stable_token_stays_the_same_until_its_end_is_near_and_both_are_good_then(stage):
    first = access(stage)
    stage.clock.now_ms += 6_000_000
    assert access(stage) == first
    stage.clock.now_ms += 950_000  # 250 s left

    second = access(stage)

    assert second != first
    assert call(stage, LIST, span(stage), token=first)["errcode"] == 0
    stage.clock.now_ms += 300_000
    assert call(stage, LIST, span(stage), token=first)["errcode"] == 40001
    assert call(stage, LIST, span(stage), token=second)["errcode"] == 0


@pytest.mark.parametrize(
    ("path", "params", "errcode"),
    [
        ("/channels/ec/nothing", {}, 40066),
        (LIST, {}, 40097),
        (LIST, {"update_time_range": {"start_time": 0, "end_time": 8 * 86_400}, "page_size": 10}, 31042),
        (LIST, {"update_time_range": {"start_time": 0, "end_time": 9}, "page_size": 101}, 40097),
        (LIST, {"update_time_range": {"start_time": 0, "end_time": 9}, "page_size": 9, "next_key": "k"}, 606006),
        ("/channels/ec/order/get", {"order_id": "1"}, 100002),
        ("/channels/ec/order/merchantnotes/update", {"order_id": "1"}, 40097),
        ("/channels/ec/product/stock/update", {"product_id": "1", "sku_id": "2"}, 100003),
        ("/channels/ec/aftersale/getaftersalelist", {"begin_update_time": 0, "end_update_time": 90_000}, 31042),
        ("/channels/ec/aftersale/getaftersaleorder", {"after_sale_order_id": "1"}, 100002),
    ],
)
def test_what_is_asked_wrongly_is_refused_with_the_platforms_code(stage, path, params, errcode):
    assert call(stage, path, params)["errcode"] == errcode


def test_calls_without_a_token_in_the_wrong_way_or_of_the_wrong_form_are_refused(stage):
    query = {"access_token": access(stage)}

    assert call(stage, LIST, token="")["errcode"] == 41001
    assert call(stage, LIST, token="old")["errcode"] == 40001
    assert stage.http.get(f"/wechat_shop{LIST}", params=query).json()["errcode"] == 43002
    assert stage.http.post(f"/wechat_shop{LIST}", params=query, content=b"[1]").json()["errcode"] == 47001
    assert stage.http.post(f"/wechat_shop{LIST}", params=query, content=b"{").json()["errcode"] == 47001


def test_more_is_not_sent_than_was_ordered_and_to_no_unknown_courier(stage):
    number = stage.control.create_trade(platform="wechat_shop", lines=[{"sku": "SKU-1001", "num": 2}])
    item = {"product_id": "680000000001", "sku_id": "5100000001", "product_cnt": 3}
    parcel = {"delivery_id": "SF", "waybill_id": "SF1", "deliver_type": 1, "product_infos": [item]}

    def send(**changes: Any) -> int:
        body = {"order_id": number, "delivery_list": [{**parcel, **changes}]}
        return int(call(stage, "/channels/ec/order/delivery/send", body)["errcode"])

    assert send() == 100009
    assert send(delivery_id="PIGEON") == 40097
    assert send(product_infos=[]) == 40097
    assert stage.control.trade(number)["parcels"] == []
    assert send(product_infos=[{**item, "product_cnt": 2}]) == 0
    assert [parcel["waybill"] for parcel in stage.control.trade(number)["parcels"]] == ["SF1"]


def test_events_come_sealed_as_json_and_as_xml(stage):
    stage.push_reply = (200, b"success")
    stage.control.create_trades(count=2, platform="wechat_shop")

    stage.pass_time()

    types = sorted({sealed.content_type for _url, sealed in stage.pushed})
    assert types == ["application/json", "text/xml"]
    assert len(stage.pushed) == 6  # new, pay and wait_shipping of each
    assert all({"timestamp", "nonce", "msg_signature"} <= sealed.query.keys() for _url, sealed in stage.pushed)
