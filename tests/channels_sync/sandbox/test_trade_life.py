"""A trade's life at the shop: paid, shipped once, received; presales, refunds, closed ones."""

from __future__ import annotations

import pytest

from channels_sync.sandbox.control import SandboxRefused

B04 = "isv.logistics-offline-service-error:B04"


def ship(stage, tid, **params):
    return stage.top("logistics.offline.send", tid=tid, **{"out_sid": "SF1", "company_code": "SF", **params})


def test_a_shipped_trade_is_received_after_a_while(stage):
    tid = stage.control.create_trade()

    answer = ship(stage, tid)
    shipped = stage.trade(tid)
    stage.pass_time(5)
    finished = stage.trade(tid)

    assert answer["logistics_offline_send_response"]["shipping"] == {"is_success": True}
    assert shipped["status"] == "WAIT_BUYER_CONFIRM_GOODS"
    assert shipped["consign_time"] == "2026-11-11 12:00:00"
    assert shipped["orders"]["order"][0]["invoice_no"] == "SF1"
    assert finished["status"] == "TRADE_FINISHED"
    assert finished["end_time"] == "2026-11-11 12:00:05"
    assert finished["received_payment"] == finished["payment"]
    topics = [message["topic"].rpartition("_")[2] for message in stage.consume()]
    assert topics == ["TradeCreate", "TradeBuyerPay", "TradeSellerShip", "TradeSuccess"]


def test_reporting_a_parcel_again_fails_with_the_platforms_word_and_is_counted(stage):
    tid = stage.control.create_trade()
    ship(stage, tid)

    again = stage.problem("logistics.offline.send", tid=tid, out_sid="SF1", company_code="SF")

    assert again == {"code": 15, "msg": "Remote service error", "sub_code": B04, "sub_msg": "订单状态不正确"}
    assert stage.control.state()["tracking"] == {"sent": 1, "repeated": {tid: 2}}


def test_an_unpaid_trade_cannot_be_shipped(stage):
    tid = stage.control.create_trade(paid=False)

    assert stage.problem("logistics.offline.send", tid=tid, out_sid="SF1", company_code="SF")["sub_code"] == B04
    assert stage.trade(tid)["status"] == "WAIT_BUYER_PAY"


def test_an_unknown_courier_is_refused(stage):
    tid = stage.control.create_trade()

    assert stage.problem("logistics.offline.send", tid=tid, out_sid="1", company_code="DODO")["code"] == 41


def test_lines_may_leave_in_two_parcels(stage):
    tid = stage.control.create_trade(lines=[{"sku": "SKU-1001"}, {"sku": "SKU-1002"}])
    first, second = (str(line["oid"]) for line in stage.trade(tid)["orders"]["order"])

    ship(stage, tid, out_sid="SF1", is_split="1", sub_tid=first)
    partly = stage.trade(tid)
    repeated = stage.problem(
        "logistics.offline.send", tid=tid, out_sid="SF1", company_code="SF", is_split="1", sub_tid=first
    )
    ship(stage, tid, out_sid="SF2", is_split="1", sub_tid=second)
    whole = stage.trade(tid)

    assert partly["status"] == "SELLER_CONSIGNED_PART"
    assert [line["status"] for line in partly["orders"]["order"]] == [
        "WAIT_BUYER_CONFIRM_GOODS",
        "WAIT_SELLER_SEND_GOODS",
    ]
    assert repeated["sub_code"] == B04
    assert whole["status"] == "WAIT_BUYER_CONFIRM_GOODS"
    assert [line["invoice_no"] for line in whole["orders"]["order"]] == ["SF1", "SF2"]


def test_a_presale_ships_only_after_its_balance(stage):
    tid = stage.control.create_trade(presale=True)  # pays the deposit
    deposit = stage.trade(tid)
    too_early = stage.problem("logistics.offline.send", tid=tid, out_sid="SF1", company_code="SF")
    stage.control.pay(tid)
    paid = stage.trade(tid)

    assert (deposit["status"], deposit["step_trade_status"]) == ("WAIT_BUYER_PAY", "FRONT_PAID_FINAL_NOPAID")
    assert "alipay_no" not in deposit
    assert too_early["sub_code"] == B04
    assert (paid["status"], paid["step_trade_status"]) == ("WAIT_SELLER_SEND_GOODS", "FRONT_PAID_FINAL_PAID")
    assert paid["type"] == "step"


def test_a_trade_is_paid_once(stage):
    tid = stage.control.create_trade(paid=False)
    stage.control.pay(tid)

    with pytest.raises(SandboxRefused, match="not_payable"):
        stage.control.pay(tid)
    assert stage.control.bill()["payments"] == 1


def test_an_unpaid_trade_can_be_given_up(stage):
    tid = stage.control.create_trade(paid=False)

    stage.control.close_trade(tid)

    assert stage.trade(tid)["status"] == "TRADE_CLOSED_BY_TAOBAO"
    assert stage.consume()[-1]["topic"] == "taobao_trade_TradeClose"


def test_a_refund_is_listed_and_marks_its_line(stage):
    tid = stage.control.create_trade(lines=[{"sku": "SKU-1001"}, {"sku": "SKU-1002"}])
    oid = stage.trade(tid)["orders"]["order"][1]["oid"]

    refund_id = stage.control.ask_refund(tid, oid=oid, reason="拍错了")

    listed = stage.ask(
        "refunds.receive.get",
        fields="refund_id,tid,oid,status,order_status,refund_fee,reason,refund_phase,good_status,has_good_return",
        start_modified=stage.clock.text(-60),
        end_modified=stage.clock.text(),
    )
    assert listed["refunds"]["refund"] == [
        {
            "refund_id": refund_id,
            "tid": int(tid),
            "oid": oid,
            "status": "WAIT_SELLER_AGREE",
            "order_status": "WAIT_SELLER_SEND_GOODS",
            "refund_fee": "98.80",
            "reason": "拍错了",
            "refund_phase": "onsale",
            "good_status": "BUYER_NOT_RECEIVED",
            "has_good_return": False,
        }
    ]
    lines = stage.trade(tid)["orders"]["order"]
    assert [line["refund_status"] for line in lines] == ["NO_REFUND", "WAIT_SELLER_AGREE"]
    assert lines[1]["refund_id"] == refund_id
    assert "refunds" not in stage.ask("refunds.receive.get", fields="tid", status="SUCCESS")


def test_money_given_back_for_one_line_leaves_the_other_to_be_shipped(stage):
    tid = stage.control.create_trade(lines=[{"sku": "SKU-1001"}, {"sku": "SKU-1002"}])
    first = stage.trade(tid)["orders"]["order"][0]["oid"]

    stage.control.decide_refund(stage.control.ask_refund(tid, oid=first), "agree")
    ship(stage, tid)

    trade = stage.trade(tid)
    assert trade["status"] == "WAIT_BUYER_CONFIRM_GOODS"
    assert [line["status"] for line in trade["orders"]["order"]] == ["TRADE_CLOSED", "WAIT_BUYER_CONFIRM_GOODS"]
    assert stage.control.bill() | {"day": ""} == {"day": "", "payments": 1, "refunds": 1, "differences": []}


def test_money_given_back_for_all_lines_closes_the_trade(stage):
    tid = stage.control.create_trade()

    stage.control.decide_refund(stage.control.ask_refund(tid), "agree")

    assert stage.trade(tid)["status"] == "TRADE_CLOSED"
    assert stage.problem("logistics.offline.send", tid=tid, out_sid="SF1", company_code="SF")["sub_code"] == B04
    with pytest.raises(SandboxRefused, match="not_refundable"):
        stage.control.ask_refund(tid)
