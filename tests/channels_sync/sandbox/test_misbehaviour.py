"""Every way in which a platform can fail, one switch each; what was done although nobody was told stays done."""

from __future__ import annotations

import json

import pytest

from channels_sync.sandbox.control import SandboxRefused
from tests.channels_sync.sandbox.stage import delivery_xml


def call(stage, tid: str):
    """A signed report of a parcel, whatever comes back."""
    form = stage.signed("logistics.offline.send", tid=tid, out_sid="SF1", company_code="SF")
    return stage.http.post("/router/rest", data=form)


def test_a_token_that_expired_needs_a_new_grant(stage):
    tid = stage.control.create_trade()
    stage.control.switches(token_expired=True)

    assert stage.problem("trade.fullinfo.get", tid=tid, fields="tid")["code"] == 27


def test_more_calls_a_second_than_allowed_are_banned_for_a_second(stage):
    tid = stage.control.create_trade()
    stage.control.switches(rate_limit=3)

    answers = [stage.top("trade.fullinfo.get", tid=tid, fields="tid") for _no in range(5)]

    assert ["error_response" in answer for answer in answers] == [False, False, False, True, True]
    assert answers[4]["error_response"] | {"request_id": ""} == {
        "code": 7,
        "msg": "App Call Limited",
        "sub_code": "accesscontrol.limited-by-api-access-count",
        "sub_msg": "This ban will last for 1 more seconds",
        "request_id": "",
    }
    stage.clock.now_ms += 1000
    assert "error_response" not in stage.top("trade.fullinfo.get", tid=tid, fields="tid")


def test_an_internal_error_does_nothing(stage):
    tid = stage.control.create_trade()
    stage.control.switches(http_500=1)

    assert call(stage, tid).status_code == 500
    stage.control.rest_switches()
    assert stage.trade(tid)["status"] == "WAIT_SELLER_SEND_GOODS"


def test_garbage_is_no_json_but_the_deed_is_done(stage):
    tids = stage.control.create_trades(count=8)
    stage.control.switches(garbage=1)

    bodies = {call(stage, tid).content for tid in tids}

    for body in bodies:
        with pytest.raises(ValueError, match=r".*"):
            json.loads(body)
    assert len({body[:1] for body in bodies}) == 2  # a page of HTML, and an answer cut in two
    stage.control.rest_switches()
    assert {stage.trade(tid)["status"] for tid in tids} == {"WAIT_BUYER_CONFIRM_GOODS"}


def test_without_an_answer_the_deed_is_done_all_the_same(stage):
    tid = stage.control.create_trade()
    stage.control.switches(no_answer=1)

    response = call(stage, tid)

    assert (response.status_code, response.content) == (500, b"")  # over a socket: nothing at all
    stage.control.rest_switches()
    assert stage.trade(tid)["status"] == "WAIT_BUYER_CONFIRM_GOODS"


def test_a_share_of_calls_fails(stage):
    tid = stage.control.create_trade()
    stage.app.world.rng.seed(1)
    stage.control.switches(http_500=0.3)

    codes = [call(stage, tid).status_code for _no in range(200)]

    assert 30 < codes.count(500) < 90


@pytest.mark.parametrize(
    ("switch", "taken"), [("wms_http_500", False), ("wms_garbage", True), ("wms_silent", True), ("wms_refuse", False)]
)
def test_a_warehouse_that_fails_may_have_taken_the_order(stage, switch, taken):
    stage.control.switches(**{switch: 1})

    response = stage.post_delivery(delivery_xml("DO-1"))

    assert b"<flag>success</flag></response>" not in response.content
    assert stage.control.state()["deliveries"]["received"] == int(taken)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"typhoon": 1}, "no switch 'typhoon'"),
        ({"http_500": 2}, "share 0..1"),
        ({"http_500": "often"}, "does not fit"),
        ({"token_expired": 1}, "does not fit"),
        ({"rate_limit": 1.5}, "does not fit"),
        ({"ship_after_s": -1}, "does not fit"),
        ({"wms_callback_url": 5}, "does not fit"),
    ],
)
def test_a_switch_that_does_not_exist_or_fit_changes_nothing(stage, wanted, words):
    before = stage.control.switches()

    with pytest.raises(SandboxRefused, match=words):
        stage.control.switches(slow_ms=5, **wanted)

    assert stage.control.switches() == before


def test_switches_rest_again(stage):
    before = stage.control.switches()
    stage.control.switches(http_500=1, ship_after_s=0)

    assert stage.control.rest_switches(slow_ms=1) == {**before, "slow_ms": 1}
