"""Our client against the played WeChat shop, over HTTP: reading, shipping, stock, and everything that goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from channels_sync.adapters import wechat_shop
from channels_sync.adapters.base import RawOrder, StockPush, Tracking, TrackingResult, Window
from channels_sync.adapters.wechat_shop import PLATFORM
from channels_sync.adapters.wechat_shop_client import error_of
from channels_sync.errors import TrackingRefused
from channels_sync.sandbox.goods import SKU_BY_CODE
from channels_sync.sandbox.trades import Trade
from ordercenter.common.platform_errors import (
    AuthorizationExpired,
    ChannelAnswerUnreadable,
    ChannelQuotaUsedUp,
    ChannelRefused,
    ChannelThrottled,
    ChannelUnavailable,
)
from tests.channels_sync.wechat_shop.stage import WechatStage
from tests.fulfillment.courier_stage import sandbox

CUSHION = SKU_BY_CODE["SKU-1001"]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[WechatStage]:
    with sandbox() as post:
        stage = WechatStage(post)
        stage.renew()
        yield stage


def window(*, minutes: float = 10) -> Window:
    now = datetime.now(UTC)
    return Window(now - timedelta(minutes=minutes), now + timedelta(seconds=1))


def read(stage: WechatStage, trade: Trade) -> RawOrder:
    result = stage.adapter.read_orders([trade.number])
    result.raise_first()
    (raw,) = result.done
    return raw


def walk(stage: WechatStage, within: Window, method: str = "pull_changed_orders") -> tuple[list[str], int]:
    """All numbers of a walk, and in how many pages they came."""
    adapter, numbers, pages, cursor = stage.adapter, [], 0, None
    while True:
        page = getattr(adapter, method)(within, cursor)
        pages += 1
        rows = page.orders if method == "pull_changed_orders" else page.refunds
        numbers += [getattr(row, "channel_refund_no", None) or row.channel_order_no for row in rows]
        cursor = page.next_cursor
        if cursor is None:
            return numbers, pages


def line_of(trade: Trade, at: int = 0) -> str:
    line = trade.lines[at]
    return f"{line.num_iid}-{line.sku_id}"


def tracking(trade: Trade, number: str, **more: Any) -> Tracking:
    return Tracking(trade.number, "SF", number, **more)


# --- reading ----------------------------------------------------------------------------------------------------------


def test_an_order_is_read_as_the_buyer_placed_it(stage: WechatStage):
    trade = stage.sell(("SKU-1001", 2), ("SKU-1004", 1), buyer_message="周末送")

    raw = read(stage, trade)
    order = PLATFORM.read_order(raw.payload)

    assert raw.channel_order_no == trade.number
    assert trade.number.encode() in raw.body
    assert (order.status, order.buyer_remark, order.buyer_id) == ("paid", "周末送", trade.buyer.open_uid)
    assert order.total_amount == Decimal(trade.payment_fen) / 100
    assert [(line.listing_id, line.listing_sku_id, line.outer_sku, line.quantity) for line in order.lines] == [
        (str(line.num_iid), str(line.sku_id), line.outer_sku_id, line.num) for line in trade.lines
    ]
    assert order.receiver.is_masked
    assert order.receiver.oaid
    assert trade.first_read_ms > 0


def test_an_order_that_is_not_there_is_refused_by_number_and_the_others_are_read(stage: WechatStage):
    trade = stage.sell()

    result = stage.adapter.read_orders(["1", trade.number])

    assert [raw.channel_order_no for raw in result.done] == [trade.number]
    assert [(refusal.key, refusal.error.error_code) for refusal in result.refused] == [("1", 100002)]


def test_all_changed_orders_are_walked_page_by_page(stage: WechatStage):
    trades = [stage.sell() for _no in range(250)]

    numbers, pages = walk(stage, window())

    assert sorted(numbers) == sorted(trade.number for trade in trades)
    assert pages == 3


def test_a_row_that_changes_during_the_walk_hides_no_other(stage: WechatStage):
    trades = [stage.sell() for _no in range(150)]
    stage.switch(page_shifts=1)

    numbers, _pages = walk(stage, window())

    assert set(numbers) == {trade.number for trade in trades}


def test_a_window_longer_than_the_platform_takes_is_walked_in_parts(stage: WechatStage):
    trade = stage.sell()
    end = datetime.now(UTC) + timedelta(seconds=1)

    numbers, pages = walk(stage, Window(end - timedelta(days=20), end))

    assert (numbers, pages) == ([trade.number], 3)


def test_a_key_that_no_longer_fits_begins_the_walk_anew(stage: WechatStage):
    trades = [stage.sell() for _no in range(120)]
    first = stage.adapter.pull_changed_orders(window())
    span, _hash, _key = str(first.next_cursor).partition("#")

    again = stage.adapter.pull_changed_orders(window(), f"{span}#forgotten-1-1")

    assert [row.channel_order_no for row in again.orders] == [row.channel_order_no for row in first.orders]
    assert len(trades) == 120


def test_after_sales_are_pulled_whole(stage: WechatStage):
    trade = stage.sell(("SKU-1001", 2), ("SKU-1004", 1))
    shop = stage.app.shop
    refund = shop.open_refund(trade.tid, oid=trade.lines[1].oid, reason="拍错了")
    returned = shop.open_refund(trade.tid, oid=trade.lines[0].oid, reason="不喜欢", kind="return", num=1, fee_fen=9_000)
    shop.decide_refund(returned.refund_id, "agree")
    shop.send_back(returned.refund_id, waybill="SF7", carrier="SF")

    numbers, _pages = walk(stage, window(), "pull_refunds")
    read = {no: PLATFORM.read_refund(stage.adapter.read_refund(no).payload) for no in numbers}

    assert set(read) == {refund.refund_id, returned.refund_id}
    asked, back = read[refund.refund_id], read[returned.refund_id]
    assert (asked.kind, asked.status, asked.channel_line_no) == ("refund", "requested", line_of(trade, 1))
    assert (back.kind, back.status, back.quantity, back.amount) == ("return", "returning", 1, Decimal("90.00"))
    assert (back.return_carrier, back.return_no) == ("SF", "SF7")


@pytest.mark.parametrize(
    ("decision", "status", "line"),
    [("agree", "succeeded", "refunded"), ("refuse", "refused", "none"), ("close", "withdrawn", "none")],
)
def test_what_becomes_of_an_after_sale_is_read_on_it_and_on_the_order(
    stage: WechatStage, decision: str, status: str, line: str
):
    trade = stage.sell(("SKU-1001", 1), ("SKU-1004", 1))
    refund = stage.app.shop.open_refund(trade.tid, oid=trade.lines[0].oid, reason="拍错了")
    asked = PLATFORM.read_order(read(stage, trade).payload).lines[0].refund_status
    stage.app.shop.decide_refund(refund.refund_id, decision)

    assert asked == "requested"
    assert PLATFORM.read_refund(stage.adapter.read_refund(refund.refund_id).payload).status == status
    order = PLATFORM.read_order(read(stage, trade).payload)
    assert [found.refund_status for found in order.lines] == [line, "none"]


# --- parcels ----------------------------------------------------------------------------------------------------------


def test_an_order_leaves_whole_and_the_platform_knows_the_number(stage: WechatStage):
    trade = stage.sell(("SKU-1001", 2), ("SKU-1004", 1))

    assert stage.adapter.send_tracking(tracking(trade, "SF1")) == TrackingResult("sent")

    assert trade.status == "WAIT_BUYER_CONFIRM_GOODS"
    assert [(p.waybill, p.carrier, sorted(n for _oid, n in p.pieces)) for p in trade.parcels] == [("SF1", "SF", [1, 2])]
    assert PLATFORM.read_order(read(stage, trade).payload).status == "shipped"


def test_the_same_report_again_ships_nothing_twice(stage: WechatStage):
    trade = stage.sell(("SKU-1001", 4))
    parcel = tracking(trade, "SF1", pieces=((line_of(trade), 1),), channel_line_nos=(line_of(trade),))

    results = [stage.adapter.send_tracking(parcel) for _no in range(3)]

    assert results == [TrackingResult("sent"), TrackingResult("already_shipped"), TrackingResult("already_shipped")]
    assert [line.sent for line in trade.lines] == [1]


def test_a_report_whose_answer_was_lost_is_known_when_it_comes_again(stage: WechatStage):
    trade = stage.sell(("SKU-1001", 2))
    parcel = tracking(trade, "SF1", pieces=((line_of(trade), 1),), channel_line_nos=(line_of(trade),))
    stage.adapter.send_tracking(tracking(stage.sell(), "SF0"))  # the couriers are known by now
    real = stage.app.doors["wechat_shop"].serve

    def cut(request: Any) -> Any:
        answer = real(request)
        if request.path == wechat_shop.DELIVERY_SEND:
            raise ConnectionAbortedError
        return answer

    stage.app.doors["wechat_shop"].serve = cut  # type: ignore[method-assign]
    with pytest.raises(ChannelUnavailable):
        stage.adapter.send_tracking(parcel)
    stage.app.doors["wechat_shop"].serve = real  # type: ignore[method-assign]

    assert stage.adapter.send_tracking(parcel) == TrackingResult("already_shipped")
    assert [line.sent for line in trade.lines] == [1]


def test_a_line_leaves_piece_by_piece_in_several_parcels(stage: WechatStage):
    trade = stage.sell(("SKU-1001", 3), ("SKU-1004", 1))
    adapter, line = stage.adapter, line_of(trade)

    adapter.send_tracking(tracking(trade, "SF1", pieces=((line, 2),), channel_line_nos=(line,)))
    partly = PLATFORM.read_order(read(stage, trade).payload)
    adapter.send_tracking(tracking(trade, "SF2", pieces=((line, 1),), channel_line_nos=(line,)))
    adapter.send_tracking(tracking(trade, "SF3", channel_line_nos=(line_of(trade, 1),)))

    assert (partly.status, [found.status for found in partly.lines]) == ("part_shipped", ["part_shipped", "paid"])
    assert [parcel.waybill for parcel in trade.parcels] == ["SF1", "SF2", "SF3"]
    assert trade.status == "WAIT_BUYER_CONFIRM_GOODS"


def test_a_courier_that_the_platform_does_not_know_is_reported_as_another(stage: WechatStage):
    trade = stage.sell()

    stage.adapter.send_tracking(Tracking(trade.number, "PIGEON", "P1"))

    assert [(parcel.carrier, parcel.waybill) for parcel in trade.parcels] == [("OTHER", "P1")]


def test_an_order_that_left_with_another_number_is_told_so(stage: WechatStage):
    trade = stage.sell()
    stage.app.shop.ship(trade.tid, waybill="BY-HAND", carrier="ZTO")

    assert stage.adapter.send_tracking(tracking(trade, "SF1")) == TrackingResult("already_shipped", "BY-HAND")


def test_an_order_that_cannot_leave_is_refused_and_nothing_changes(stage: WechatStage):
    trade = stage.sell(paid=False)

    with pytest.raises(TrackingRefused) as refused:
        stage.adapter.send_tracking(tracking(trade, "SF1"))

    assert refused.value.error_code == 100009
    assert trade.parcels == []


def test_a_number_is_corrected_once_and_only_where_all_left_in_one_parcel(stage: WechatStage):
    trade, split = stage.sell(), stage.sell(("SKU-1001", 2))
    adapter = stage.adapter
    adapter.send_tracking(tracking(trade, "SF1"))
    line = line_of(split)
    for number in ("SF2", "SF3"):
        adapter.send_tracking(tracking(split, number, pieces=((line, 1),), channel_line_nos=(line,)))

    assert adapter.change_tracking(tracking(trade, "SF9"), instead_of="SF1") == TrackingResult("sent")
    assert adapter.change_tracking(tracking(trade, "SF9"), instead_of="SF1") == TrackingResult("already_shipped")
    with pytest.raises(TrackingRefused):
        adapter.change_tracking(tracking(trade, "SF10"), instead_of="SF9")
    with pytest.raises(TrackingRefused, match="not_one_parcel"):
        adapter.change_tracking(tracking(split, "SF9"), instead_of="SF2")
    assert [parcel.waybill for parcel in trade.parcels] == ["SF9"]


# --- stock and notes --------------------------------------------------------------------------------------------------


def listed(stage: WechatStage) -> int:
    return stage.app.world.listed_stock("wechat_shop", CUSHION.num_iid, CUSHION.sku_id)


def stock(quantity: int, sku: str = "") -> StockPush:
    return StockPush(str(CUSHION.num_iid), sku or str(CUSHION.sku_id), quantity)


def test_stock_is_set_or_changed_and_what_is_refused_is_named(stage: WechatStage):
    adapter = stage.adapter

    first = adapter.push_stock([stock(7), stock(5, sku="999"), StockPush(str(CUSHION.num_iid), "", 1), stock(-1)])
    after_set = listed(stage)
    adapter.push_stock([stock(3)], mode="delta").raise_first()
    adapter.push_stock([stock(-4)], mode="delta").raise_first()

    assert first.done == [stock(7)]
    assert [refusal.key.listing_sku_id for refusal in first.refused] == ["999", "", str(CUSHION.sku_id)]
    assert (after_set, listed(stage)) == (7, 6)


def test_the_sellers_note_reaches_the_order(stage: WechatStage):
    trade = stage.sell()

    stage.adapter.send_remark(trade.number, "礼品卡已放", 3)

    assert PLATFORM.read_order(read(stage, trade).payload).seller_remark == "礼品卡已放"


# --- the token --------------------------------------------------------------------------------------------------------


def test_the_token_is_renewed_in_one_place_and_is_the_same_for_whoever_asks(stage: WechatStage):
    first, second = stage.renew(), stage.renew()
    renewed = PLATFORM.renew(stage.connection)  # type: ignore[misc]

    assert first["access_token"] == second["access_token"] == renewed.secrets["access_token"]
    assert renewed.secrets["secret"] == stage.post.credentials.wechat_secret
    assert renewed.renewable_until is None
    left = renewed.valid_until - datetime.now(UTC)  # type: ignore[operator]
    assert timedelta(seconds=7100) < left <= timedelta(seconds=7200)


def test_a_bad_token_is_replaced_once_for_all_threads(stage: WechatStage):
    trade = stage.sell()
    asked: list[str] = []
    door = stage.app.doors["wechat_shop"]
    real = door.serve

    def watch(request: Any) -> Any:
        asked.append(request.path)
        return real(request)

    door.serve = watch  # type: ignore[method-assign]
    client = stage.client(access_token="stale")

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _no: client.call(wechat_shop.ORDER_GET, {"order_id": trade.number}), range(12)))
    client.call(wechat_shop.ORDER_GET, {"order_id": trade.number})

    assert len(answers) == 12
    assert asked.count("/cgi-bin/stable_token") == 1
    assert asked[-1] == wechat_shop.ORDER_GET
    assert asked[-2] == wechat_shop.ORDER_GET  # with the good token at once


def test_without_any_token_one_is_fetched(stage: WechatStage):
    trade = stage.sell()

    answer = stage.client(access_token="").call(wechat_shop.ORDER_GET, {"order_id": trade.number})

    assert answer.content["order"]["order_id"] == trade.number


def test_a_grant_that_is_gone_asks_for_its_owner(stage: WechatStage):
    stage.switch(token_expired=True)

    with pytest.raises(AuthorizationExpired):
        stage.client().call(wechat_shop.ORDER_LIST, {})
    with pytest.raises(AuthorizationExpired):
        PLATFORM.renew(stage.connection)  # type: ignore[misc]


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("errcode", "kind", "retryable"),
    [
        (-1, ChannelUnavailable, True),
        (40001, AuthorizationExpired, False),
        (40014, AuthorizationExpired, False),
        (42001, AuthorizationExpired, False),
        (45009, ChannelQuotaUsedUp, True),
        (45011, ChannelThrottled, True),
        (48001, ChannelRefused, False),
        (100002, ChannelRefused, False),
        (47001, ChannelRefused, False),
    ],
)
def test_every_code_says_how_to_go_on(errcode: int, kind: type, retryable: bool):
    error = error_of("m", errcode, "why", datetime(2026, 11, 11, 15, 59, 0, tzinfo=UTC))

    assert type(error) is kind
    assert (error.error_code, error.message, error.retryable) == (errcode, "why", retryable)
    # To the platform's midnight.
    assert error.wait_s == {45009: 60, 45011: 10}.get(errcode, 0)


def test_too_many_calls_are_told_to_wait(stage: WechatStage):
    trade = stage.sell()
    stage.switch(rate_limit=1)

    result = stage.adapter.read_orders([trade.number] * 4)

    assert {type(refusal.error) for refusal in result.refused} == {ChannelThrottled}
    assert len(result.done) + len(result.refused) == 4


def test_a_platform_that_breaks_is_unavailable_and_asked_again_at_once(stage: WechatStage):
    trade = stage.sell()
    stage.app.world.rng.seed(5)
    stage.switch(http_500=0.5)
    found = [stage.adapter.read_orders([trade.number]) for _no in range(20)]
    stage.switch(http_500=1)

    with pytest.raises(ChannelUnavailable):
        stage.client().call(wechat_shop.ORDER_GET, {"order_id": trade.number})
    # One in sixteen fails four times running.
    assert sum(len(result.done) for result in found) >= 15


def test_answers_that_are_no_answers_are_never_believed(stage: WechatStage):
    trade = stage.sell()
    stage.switch(garbage=0.5, hostile=1)

    results = [stage.adapter.read_orders([trade.number]) for _no in range(40)]

    assert not any(result.done for result in results)
    kinds = {type(refusal.error).__name__ for result in results for refusal in result.refused}
    assert kinds <= {"ChannelAnswerUnreadable", "ChannelUnavailable", "MessageUnreadable"}
    assert "ChannelAnswerUnreadable" in kinds


def test_an_answer_without_end_is_cut_off(stage: WechatStage):
    trade = stage.sell()
    stage.switch(huge_answer=1)

    with pytest.raises(ChannelAnswerUnreadable, match="too_large"):
        stage.client().call(wechat_shop.ORDER_GET, {"order_id": trade.number})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"has_more": "yes"}, "ill typed"),
        ({"has_more": True, "next_key": ""}, "no new next_key"),
        ({"order_id_list": [{"a": 1}]}, "not a list of numbers"),
        ({"order_id_list": {"a": 1}}, "not a list of numbers"),
    ],
)
def test_a_list_of_another_form_is_unreadable_and_walks_in_no_circle(
    stage: WechatStage, monkeypatch: pytest.MonkeyPatch, content: dict[str, Any], words: str
):
    adapter = stage.adapter
    monkeypatch.setattr(adapter._client, "call", lambda *_args, **_more: _Answer(content))

    with pytest.raises(ChannelAnswerUnreadable, match=words):
        adapter.pull_changed_orders(window())


class _Answer:
    def __init__(self, content: dict[str, Any]):
        self.content, self.body = content, b"{}"
