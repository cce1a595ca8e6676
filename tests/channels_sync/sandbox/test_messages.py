"""Messages to the shop's application: handed out until confirmed, and as unreliable as asked for."""

from __future__ import annotations

import json
from collections import Counter

import pytest


def test_a_paid_trade_leaves_two_messages_that_hold_ids_only(stage):
    tid = stage.control.create_trade()

    created, paid = stage.consume()

    assert created["topic"] == "taobao_trade_TradeCreate"
    assert paid["topic"] == "taobao_trade_TradeBuyerPay"
    assert paid["pub_time"] == "2026-11-11 12:00:00"
    assert paid["user_nick"] == "木棉家居旗舰店"
    content = json.loads(paid["content"])
    assert content["tid"] == int(tid)
    assert content["status"] == "WAIT_SELLER_SEND_GOODS"
    assert not {"receiver_name", "orders"} & set(content)


def test_without_messages_the_list_is_absent(stage):
    answer = stage.ask("tmc.messages.consume", quantity="100")

    assert set(answer) == {"request_id"}


def test_a_message_is_not_handed_out_twice_until_it_was_not_confirmed_for_a_while(stage):
    stage.control.create_trade()

    first = stage.consume()
    at_once = stage.consume()
    stage.clock.now_ms += 30_000
    later = stage.consume()

    assert at_once == []
    assert later == first


def test_a_confirmed_message_never_comes_again(stage):
    stage.control.create_trade()
    messages = stage.consume()

    stage.confirm(messages)
    stage.clock.now_ms += 3_600_000

    assert stage.consume() == []
    assert stage.control.state()["messages_waiting"] == 0


def test_quantity_is_kept_and_lies_between_ten_and_two_hundred(stage):
    stage.control.create_trades(count=30)

    assert len(stage.consume(25)) == 25
    assert len(stage.consume(200)) == 35
    assert stage.problem("tmc.messages.consume", quantity="9")["code"] == 41
    assert stage.problem("tmc.messages.consume", quantity="201")["code"] == 41


def test_at_most_two_hundred_messages_are_confirmed_at_once(stage):
    ids = ",".join(map(str, range(1, 202)))

    assert stage.problem("tmc.messages.confirm", s_message_ids=ids)["code"] == 41
    assert stage.problem("tmc.messages.confirm", s_message_ids="1,x")["code"] == 41


def test_duplicates_come_once_more_although_confirmed_or_under_a_new_id(stage):
    stage.control.switches(duplicates=1)
    stage.control.create_trades(count=40)

    seen: Counter[tuple[int, str]] = Counter()
    for _round in range(4):
        messages = stage.consume()
        if messages:
            stage.confirm(messages)
        seen.update((json.loads(message["content"])["tid"], message["topic"]) for message in messages)
        stage.clock.now_ms += 1000

    assert len(seen) == 80
    assert set(seen.values()) == {2}


def test_late_messages_come_after_their_delay(stage):
    stage.control.switches(delay_s=5)
    stage.control.create_trade()

    assert stage.consume() == []
    stage.clock.now_ms += 5_000
    assert len(stage.consume()) == 2


def test_disorder_lets_later_messages_overtake(stage):
    stage.control.switches(disorder=1)
    tids = stage.control.create_trades(count=50)

    order = []
    for _round in range(21):
        order += [json.loads(message["content"])["tid"] for message in stage.consume()]
        stage.clock.now_ms += 100

    assert Counter(order) == {int(tid): 2 for tid in tids}
    assert order != sorted(order)


def test_lost_messages_never_come_but_the_pull_finds_the_trade(stage):
    stage.control.switches(lost_messages=1)
    tid = stage.control.create_trade()

    window = {"start_modified": stage.clock.text(-60), "end_modified": stage.clock.text(), "fields": "tid"}

    assert stage.consume() == []
    assert stage.ask("trades.sold.increment.get", **window)["trades"]["trade"] == [{"tid": int(tid)}]


def test_a_message_can_be_asked_for_again(stage):
    tid = stage.control.create_trade()
    stage.confirm(stage.consume())

    stage.control.repeat_message(tid, times=5)

    messages = stage.consume()
    assert [message["topic"] for message in messages] == ["taobao_trade_TradeBuyerPay"] * 5
    assert len({message["id"] for message in messages}) == 5


@pytest.mark.parametrize(
    ("decision", "topic", "status"),
    [
        ("agree", "taobao_refund_RefundSuccess", "SUCCESS"),
        ("refuse", "taobao_refund_RefundSellerRefuseAgreement", "SELLER_REFUSE_BUYER"),
        ("close", "taobao_refund_RefundClosed", "CLOSED"),
    ],
)
def test_a_refund_tells_of_its_beginning_and_its_end(stage, decision, topic, status):
    tid = stage.control.create_trade()
    stage.confirm(stage.consume())

    refund_id = stage.control.ask_refund(tid)
    stage.control.decide_refund(refund_id, decision)

    messages = stage.consume()
    contents = [json.loads(message["content"]) for message in messages]
    # Money that went back for the only line closes the trade as well.
    assert [message["topic"] for message in messages if "refund" in message["topic"]] == [
        "taobao_refund_RefundCreated",
        topic,
    ]
    assert {content.get("refund_id", int(refund_id)) for content in contents} == {int(refund_id)}
    assert stage.ask("refund.get", refund_id=refund_id, fields="status")["refund"] == {"status": status}
