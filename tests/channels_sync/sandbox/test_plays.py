"""Playing a day through the control: orders appear, are paid, carry their problems; and what is told about them."""

from __future__ import annotations

from collections import Counter

import httpx
import pytest

from channels_sync.sandbox.control import SandboxRefused
from channels_sync.sandbox.plays import BACKGROUND_BLOCK
from channels_sync.sandbox.scenario import PROBLEMS


def test_a_day_at_full_speed_is_all_there_and_paid(stage):
    scenario_id = stage.control.start_scenario(seed=7, orders=300, bill={"missing": 1, "extra": 1, "fee_off": 2})
    stage.pass_time(6)

    scenario = stage.control.scenario(scenario_id)

    assert (scenario["created"], scenario["paid"], scenario["done"]) == (300, 300, True)
    assert scenario["states"] == {"WAIT_SELLER_SEND_GOODS": 300}
    assert scenario["days"] == ["2026-11-11"]
    assert Counter(lie["kind"] for lie in scenario["bill"]) == {"MISSING_ROW": 1, "EXTRA_ROW": 1, "FEE_OFF": 2}
    assert len(scenario["planted"]) == 3
    assert len(stage.control.receipts(scenario_id)) == 300
    assert stage.control.bill()["payments"] == 300


def test_planted_problems_are_told_by_order_number_with_their_evidence(stage):
    shares = dict.fromkeys(PROBLEMS, 0.05)
    scenario_id = stage.control.start_scenario(seed=7, orders=100, problem_shares=shares)
    stage.pass_time(6)

    planted = stage.control.scenario(scenario_id)["planted"]

    assert Counter(entry["code"] for entry in planted.values()) == dict.fromkeys(PROBLEMS, 5)
    for tid, entry in planted.items():
        trade = stage.control.trade(tid)
        assert trade["problem"] == entry["code"]
        if entry["code"] == "DUPLICATE_SUSPECT":
            partner = stage.control.trade(entry["partner"])
            assert partner["problem"] == ""
            assert partner["trade"]["oaid"] == trade["trade"]["oaid"]
            assert partner["trade"]["created"] <= trade["trade"]["created"]
        if entry["code"] == "REFUND_BEFORE_SHIP":
            statuses = {line["refund_status"] for line in trade["trade"]["orders"]["order"]}
            assert "WAIT_SELLER_AGREE" in statuses
            refund = stage.ask("refund.get", refund_id=entry["refund_id"], fields="tid")["refund"]
            assert refund == {"tid": int(tid)}


def test_unpaid_orders_are_paid_soon_and_presales_later(stage):
    scenario_id = stage.control.start_scenario(seed=3, orders=100, unpaid_first_share=0.5, presale_share=0.3)
    stage.pass_time(0.1)
    at_first = stage.control.scenario(scenario_id)
    stage.pass_time(5)
    later = stage.control.scenario(scenario_id)

    assert at_first["created"] == 100
    assert 30 < at_first["states"]["WAIT_BUYER_PAY"] < 80
    assert later["states"] == {"WAIT_SELLER_SEND_GOODS": 100}


def test_at_a_given_rate_orders_come_one_after_another(stage):
    scenario_id = stage.control.start_scenario(seed=3, orders=50, rate_per_s=10)

    counts = []
    for _second in range(6):
        stage.pass_time(1)
        counts.append(stage.control.scenario(scenario_id)["created"])

    assert counts == [11, 21, 31, 41, 50, 50]


def test_a_refund_may_come_after_payment_and_succeed_by_itself(stage):
    scenario_id = stage.control.start_scenario(
        seed=3,
        orders=20,
        problem_shares={"REFUND_BEFORE_SHIP": 0.2},
        unpaid_first_share=0,
        presale_share=0,
        refund_after_s=3,
        refund_agree_after_s=4,
    )
    stage.pass_time(2.9)
    assert stage.control.state()["refunds"] == {}
    stage.pass_time(0.2)
    assert stage.control.state()["refunds"] == {"WAIT_SELLER_AGREE": 4}
    stage.pass_time(4)
    assert stage.control.state()["refunds"] == {"SUCCESS": 4}
    assert stage.control.bill()["refunds"] == 4
    assert stage.control.scenario(scenario_id)["paid"] == 20


def test_the_way_of_an_order_is_told_in_instants(stage):
    tid = stage.control.create_trade()
    stage.clock.now_ms += 20
    stage.consume()
    stage.clock.now_ms += 5
    stage.trade(tid)
    stage.clock.now_ms += 30
    stage.order_delivery("DO-1", tid=tid)
    stage.order_delivery("DO-1", tid=tid)
    stage.pass_time(3)
    stage.top("logistics.offline.send", tid=tid, out_sid="SF1", company_code="SF")
    stage.pass_time(5)

    assert stage.control.receipts()[tid] == {
        "platform": "tmall",
        "status": "TRADE_FINISHED",
        "problem": "",
        "paid_at": "2026-11-11T04:00:00.000Z",
        "message_at": "2026-11-11T04:00:00.020Z",
        "read_at": "2026-11-11T04:00:00.025Z",
        "warehouse_at": "2026-11-11T04:00:00.055Z",
        "shipped_at": "2026-11-11T04:00:03.055Z",
        "confirmed_at": "2026-11-11T04:00:03.055Z",
        "tracking_at": "2026-11-11T04:00:03.055Z",
        "finished_at": "2026-11-11T04:00:08.055Z",
        "deliveries": {"DO-1": 2},
        "tracking_receipts": 1,
    }


def test_the_background_shop_sells_at_its_gentle_rate_for_ever(stage):
    stage.control.switches(background_per_min=600)
    stage.pass_time(60)
    one_minute = sum(stage.control.state()["trades"].values())
    stage.control.switches(background_per_min=0)
    stage.pass_time(90)

    assert 595 <= one_minute <= 605  # through several blocks
    assert one_minute > 2 * BACKGROUND_BLOCK
    # What was ordered is still paid for.
    assert stage.control.state()["trades"] == {"WAIT_SELLER_SEND_GOODS": one_minute}


def test_a_reset_forgets_everything_but_never_uses_a_number_twice(stage):
    first = stage.control.create_trade()
    stage.order_delivery("DO-1", tid=first)
    stage.control.switches(slow_ms=1)

    stage.control.reset()

    state = stage.control.state()
    assert (state["trades"], state["deliveries"]["received"], state["messages_waiting"]) == ({}, 0, 0)
    assert stage.control.switches()["slow_ms"] == 0
    assert int(stage.control.create_trade()) > int(first)
    stage.pass_time(10)
    assert stage.heard == []


def test_trades_are_made_as_asked_for(stage):
    tids = stage.control.create_trades(
        count=3,
        lines=[{"sku": "NEW-1", "price": "12.50", "num": 2, "adjust": "-5.00"}],
        seller_memo="加急",
        seller_flag=2,
    )

    trades = [stage.control.trade(tid)["trade"] for tid in tids]

    assert len({trade["oaid"] for trade in trades}) == 3
    assert {trade["payment"] for trade in trades} == {"20.00"}
    assert {trade["seller_memo"] for trade in trades} == {"加急"}
    assert {trade["orders"]["order"][0]["outer_sku_id"] for trade in trades} == {"NEW-1"}


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"colour": "red"}, "unknown: colour"),
        ({"buyer": {"nick": "x"}}, "a buyer has no nick"),
        ({"lines": [{"code": "SKU-1"}]}, "a line has no code"),
        ({"lines": [{"price": "cheap"}]}, "not an amount"),
        ({"lines": [{}] * 10}, "at most 9 lines"),
    ],
)
def test_a_trade_that_cannot_be_made_says_why_and_none_appears(stage, wanted, words):
    with pytest.raises(SandboxRefused, match=words):
        stage.control.create_trade(**wanted)
    assert stage.control.state()["trades"] == {}


def test_the_control_is_for_local_callers_who_mean_it(stage):
    foreign = stage.http.post("/control/reset", json={}, headers={"Host": "evil.example"})
    form = stage.http.post("/control/reset", data={"a": "b"})
    broken = stage.http.post("/control/reset", content=b"{", headers={"Content-Type": "application/json"})
    no_object = stage.http.post("/control/reset", json=[1])
    nothing = stage.http.post("/control/nothing", json={})
    remote = httpx.Client(
        transport=httpx.WSGITransport(app=stage.app, remote_addr="192.0.2.7"), base_url="http://localhost"
    )

    assert [reply.status_code for reply in (foreign, form, broken, no_object, nothing)] == [403, 415, 400, 400, 404]
    with remote:
        assert remote.get("/control/state").status_code == 403


def test_other_doors_are_closed(stage):
    assert stage.http.get("/router").status_code == 404
    assert stage.http.get("/healthz").text == "ok"
    assert stage.control.is_ready()


@pytest.mark.parametrize("path", ["scenario/none", "pay/abc", "refund/240000000000001/burn"])
def test_what_does_not_exist_is_not_found(stage, path):
    reply = stage.http.get(f"/control/{path}") if "scenario" in path else stage.http.post(f"/control/{path}", json={})

    assert reply.status_code == 404
