import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from channels_sync.adapters import tmall
from channels_sync.adapters.base import StockPush, Tracking, TrackingResult, Window
from channels_sync.adapters.tmall import TmallAdapter
from channels_sync.errors import TrackingRefused
from ordercenter.common.gmt8 import parse_gmt8
from ordercenter.common.platform_errors import (
    AuthorizationExpired,
    ChannelAnswerUnreadable,
    ChannelRefused,
    ChannelThrottled,
    ChannelUnavailable,
)
from ordercenter.common.top_client import TopAnswer, response_root

SAMPLES = Path(__file__).parents[1] / "data" / "protocols" / "samples"
TID = "4012345678901234567"
MIDNIGHT = datetime(2026, 11, 10, 16, 0, tzinfo=UTC)


class Platform:
    """Answers TOP calls from a function and remembers them; errors are raised as the client would."""

    def __init__(self, answer):
        self.calls = []
        self._answer = answer

    def call(self, method, params, *, repeat=True):
        self.calls.append((method, dict(params), repeat))
        content = self._answer(method, params)
        if isinstance(content, Exception):
            raise content
        return TopAnswer(content, json.dumps({response_root(method): content}).encode())


class ChangedTrades:
    """The platform's list of changed trades: oldest change first, a trade that changes again moves to the end."""

    def __init__(self, count):
        self.rows = {1000 + at: MIDNIGHT + timedelta(seconds=at) for at in range(count)}
        self.longest = timedelta(0)

    def __call__(self, method, params):
        start, end = parse_gmt8(params["start_modified"]), parse_gmt8(params["end_modified"])
        self.longest = max(self.longest, end - start)
        found = sorted((at, tid) for tid, at in self.rows.items() if start <= at <= end)
        page, size = int(params["page_no"]), int(params["page_size"])
        rows = [
            {"tid": tid, "status": "WAIT_SELLER_SEND_GOODS", "modified": (at + timedelta(hours=8)).strftime("%F %T")}
            for at, tid in found[(page - 1) * size : page * size]
        ]
        return {"total_results": len(found), **({"trades": {"trade": rows}} if rows else {})}


def pull_all(adapter, window, meanwhile=lambda: None):
    seen, cursor, pages = [], None, 0
    while True:
        page = adapter.pull_changed_orders(window, cursor)
        seen += [order.channel_order_no for order in page.orders]
        pages += 1
        if page.next_cursor is None:
            return seen, pages
        cursor = page.next_cursor
        meanwhile()


def pages_read(platform):
    return [int(params["page_no"]) for _method, params, _repeat in platform.calls]


def test_the_last_page_is_read_first():
    platform = Platform(ChangedTrades(120))

    seen, pages = pull_all(TmallAdapter(platform), Window(MIDNIGHT, MIDNIGHT + timedelta(minutes=20)))

    assert pages == 3
    assert pages_read(platform) == [1, 3, 2, 1]
    assert sorted(seen) == [str(1000 + at) for at in range(120)]


def test_a_trade_that_changes_during_the_pull_hides_no_other():
    trades = ChangedTrades(150)
    first = iter(range(1000, 1150))

    def change_one():
        # It leaves its place, so that all behind it move up by one, over the edges of the pages.
        trades.rows[next(first)] = MIDNIGHT + timedelta(hours=1)

    seen, _pages = pull_all(
        TmallAdapter(Platform(trades)), Window(MIDNIGHT, MIDNIGHT + timedelta(minutes=20)), change_one
    )

    never_changed = {str(tid) for tid, at in trades.rows.items() if at < MIDNIGHT + timedelta(minutes=20)}
    assert never_changed <= set(seen)


def test_one_page_takes_one_call_and_an_empty_window_too():
    platform = Platform(ChangedTrades(50))
    window = Window(MIDNIGHT, MIDNIGHT + timedelta(minutes=20))
    assert pull_all(TmallAdapter(platform), window)[1] == 1
    assert len(platform.calls) == 1

    empty = Platform(lambda method, params: {"request_id": "r"})
    assert pull_all(TmallAdapter(empty), window) == ([], 1)


def test_a_long_window_is_read_in_spans_and_reaches_back_by_the_overlap():
    trades = ChangedTrades(3)
    platform = Platform(trades)
    window = Window(MIDNIGHT, MIDNIGHT + timedelta(hours=50))

    pull_all(TmallAdapter(platform, window_step=timedelta(days=1)), window)

    spans = [(params["start_modified"], params["end_modified"]) for _method, params, _repeat in platform.calls]
    assert spans == [
        ("2026-11-10 23:55:00", "2026-11-11 23:55:00"),
        ("2026-11-11 23:55:00", "2026-11-12 23:55:00"),
        ("2026-11-12 23:55:00", "2026-11-13 02:00:00"),
    ]
    assert trades.longest == timedelta(days=1)


@pytest.mark.parametrize("step", [timedelta(days=1, seconds=1), timedelta(0)])
def test_a_span_is_at_most_a_day(step):
    with pytest.raises(ValueError, match="day"):
        TmallAdapter(Platform(None), window_step=step)


def test_a_pull_goes_on_where_another_process_stopped():
    window = Window(MIDNIGHT, MIDNIGHT + timedelta(minutes=20))
    first = TmallAdapter(Platform(ChangedTrades(120))).pull_changed_orders(window)
    platform = Platform(ChangedTrades(120))

    TmallAdapter(platform).pull_changed_orders(window, first.next_cursor)

    assert first.next_cursor == "2026-11-10 23:55:00#2"
    assert pages_read(platform) == [2]


def test_a_broken_row_is_reported_and_the_rest_is_read():
    rows = [
        {"tid": 1, "modified": "2026-11-11 00:00:00"},
        {"tid": 2},
        "x",
        {"tid": 3, "modified": "2026-11-11 00:00:01"},
    ]
    platform = Platform(lambda method, params: {"trades": {"trade": rows}, "total_results": 4})

    page = TmallAdapter(platform).pull_changed_orders(Window(MIDNIGHT, MIDNIGHT + timedelta(minutes=5)))

    assert [order.channel_order_no for order in page.orders] == ["1", "3"]
    assert [error.path for error in page.unreadable] == ["trade.modified", "trade"]


@pytest.mark.parametrize(
    "content",
    [{"trades": {"trade": {}}}, {"trades": [], "total_results": -1}, {"has_next": True}, {"total_results": "many"}],
)
def test_a_list_that_is_none_is_unreadable(content):
    with pytest.raises(ChannelAnswerUnreadable):
        TmallAdapter(Platform(lambda method, params: content)).pull_changed_orders(
            Window(MIDNIGHT, MIDNIGHT + timedelta(minutes=5))
        )


def trade_content(**changes):
    document = json.loads((SAMPLES / "tmall_trade_fullinfo.json").read_text(encoding="utf-8"))
    content = document["trade_fullinfo_get_response"]
    content["trade"] |= changes
    return content


def test_an_order_is_read_with_all_fields_and_kept_as_it_came():
    platform = Platform(lambda method, params: trade_content())

    result = TmallAdapter(platform).read_orders([TID])

    (order,) = result.done
    assert order.channel_order_no == TID
    assert order.payload["receiver_state"] == "浙江省"
    assert order.buyer_id == order.payload["buyer_open_uid"] != ""
    assert json.loads(order.body)["trade_fullinfo_get_response"]["trade"]["tid"] == int(TID)
    ((method, params, _repeat),) = platform.calls
    assert (method, params["tid"], params["include_oaid"]) == ("taobao.trade.fullinfo.get", TID, "true")
    wanted = set(params["fields"].split(","))
    # These five together make the platform give the opaque address id.
    assert {"receiver_name", "receiver_address", "created", "receiver_mobile", "receiver_phone"} <= wanted
    assert {"orders", "alipay_no", "step_trade_status", "seller_memo", "oaid"} <= wanted


def test_one_lost_order_does_not_stop_the_others():
    lost = ChannelRefused(method="m", error_code=15, sub_code="isv.trade-not-exist")

    def answer(method, params):
        return lost if params["tid"] == "2" else trade_content(tid=int(params["tid"]), tid_str=params["tid"])

    result = TmallAdapter(Platform(answer)).read_orders(["1", "2", "3"])

    assert [order.channel_order_no for order in result.done] == ["1", "3"]
    assert [(refusal.key, refusal.error) for refusal in result.refused] == [("2", lost)]


@pytest.mark.parametrize("error", [ChannelThrottled, ChannelUnavailable, AuthorizationExpired])
def test_a_ban_stops_the_reading_and_refuses_the_rest_without_more_calls(error):
    ban = error(method="m", wait_s=5)
    platform = Platform(lambda method, params: ban if params["tid"] == "2" else trade_content(tid_str=params["tid"]))

    result = TmallAdapter(platform).read_orders(["1", "2", "3", "4"])

    assert [order.channel_order_no for order in result.done] == ["1"]
    assert [(refusal.key, refusal.error) for refusal in result.refused] == [("2", ban), ("3", ban), ("4", ban)]
    assert len(platform.calls) == 2


def test_an_answer_about_another_order_is_not_taken():
    result = TmallAdapter(Platform(lambda method, params: trade_content())).read_orders(["1"])

    assert result.done == []
    assert [refusal.code for refusal in result.refused] == ["channels.answer_unreadable"]


def message(number, **changes):
    return {
        "id": number,
        "topic": "taobao_trade_TradeBuyerPay",
        "content": json.dumps({"tid": int(TID)}),
        "pub_time": "2026-11-11 00:01:43",
        **changes,
    }


def test_messages_are_taken_and_broken_ones_set_beside():
    rows = [message(1), message(2, content="{"), "x", message(3)]
    platform = Platform(lambda method, params: {"messages": {"tmc_message": rows}})

    taken = TmallAdapter(platform, message_group="shop-7").consume_messages(quantity=50)

    assert [notice.message_id for notice in taken.notices] == ["1", "3"]
    assert [(bad.message_id, bad.error.path) for bad in taken.unreadable] == [
        ("2", "message.content"),
        (None, "message"),
    ]
    assert platform.calls == [("taobao.tmc.messages.consume", {"quantity": "50", "group_name": "shop-7"}, True)]


def test_no_messages_is_an_empty_answer():
    taken = TmallAdapter(Platform(lambda method, params: {})).consume_messages()

    assert (taken.notices, taken.unreadable) == ((), ())


@pytest.mark.parametrize("quantity", [9, 201])
def test_the_platform_knows_ten_to_two_hundred_messages_a_call(quantity):
    with pytest.raises(ValueError, match="quantity"):
        TmallAdapter(Platform(None)).consume_messages(quantity=quantity)


def test_messages_are_confirmed_two_hundred_a_call():
    platform = Platform(lambda method, params: {"is_success": True})

    TmallAdapter(platform).confirm_messages([str(number) for number in range(401)])

    sizes = [len(params["s_message_ids"].split(",")) for _method, params, _repeat in platform.calls]
    assert sizes == [200, 200, 1]
    assert {method for method, _params, _repeat in platform.calls} == {"taobao.tmc.messages.confirm"}


def test_refunds_are_pulled_and_read_one_by_one():
    document = json.loads((SAMPLES / "tmall_refunds_receive.json").read_text(encoding="utf-8"))
    content = document["refunds_receive_get_response"]
    refund = content["refunds"]["refund"][0]
    platform = Platform(
        lambda method, params: content if method == "taobao.refunds.receive.get" else {"refund": refund}
    )
    adapter = TmallAdapter(platform)

    page = adapter.pull_refunds(Window(MIDNIGHT, MIDNIGHT + timedelta(minutes=5)))
    single = adapter.read_refund("240000000000001")

    assert [(found.channel_refund_no, found.channel_order_no) for found in page.refunds] == [("240000000000001", TID)]
    assert page.next_cursor is None
    assert single.payload == refund
    assert platform.calls[1][:2] == (
        "taobao.refund.get",
        {"refund_id": "240000000000001", "fields": tmall.REFUND_FIELDS},
    )


def test_a_parcel_is_reported():
    platform = Platform(lambda method, params: {"shipping": {"is_success": True}})

    result = TmallAdapter(platform).send_tracking(Tracking(TID, "SF", "SF1390000000001"))

    assert result == TrackingResult("sent")
    assert platform.calls == [
        (
            "taobao.logistics.offline.send",
            {"tid": TID, "out_sid": "SF1390000000001", "company_code": "SF"},
            True,
        )
    ]


def test_one_parcel_of_several_names_its_lines():
    platform = Platform(lambda method, params: {"shipping": {"is_success": True}})

    TmallAdapter(platform).send_tracking(Tracking(TID, "YTO", "YT1", ("4012345678901234568", "4012345678901234569")))

    params = platform.calls[0][1]
    assert (params["sub_tid"], params["is_split"]) == ("4012345678901234568,4012345678901234569", "1")


REFUSED = ChannelRefused(method="taobao.logistics.offline.send", error_code=15, sub_code="isv.logistics-error:B04")


def shipped_trade(*line_states):
    content = trade_content(status="WAIT_BUYER_CONFIRM_GOODS")
    for line, (status, number) in zip(content["trade"]["orders"]["order"], line_states, strict=True):
        line |= {"status": status, "invoice_no": number}
    return content


GONE, WAITING = "WAIT_BUYER_CONFIRM_GOODS", "WAIT_SELLER_SEND_GOODS"


@pytest.mark.parametrize(
    ("lines", "line_nos", "result"),
    [
        ([(GONE, "SF1"), (GONE, "SF1")], (), TrackingResult("already_shipped")),
        ([(GONE, "SF1"), (WAITING, "")], ("4012345678901234568",), TrackingResult("already_shipped")),
        ([(GONE, "YT9"), (GONE, "YT8")], (), TrackingResult("already_shipped", "YT8,YT9")),
        ([(GONE, ""), (GONE, "")], (), TrackingResult("already_shipped")),
    ],
)
@pytest.mark.parametrize("refusal", [REFUSED, {"shipping": {"is_success": False}}])
def test_a_second_report_counts_as_made_when_the_order_read_back_has_left(lines, line_nos, result, refusal):
    content = shipped_trade(*lines)
    platform = Platform(lambda method, params: refusal if "offline" in method else content)

    assert TmallAdapter(platform).send_tracking(Tracking(TID, "SF", "SF1", line_nos)) == result


@pytest.mark.parametrize("line_nos", [(), ("4012345678901234569",)])
def test_a_report_is_refused_when_the_lines_have_not_left(line_nos):
    content = shipped_trade((GONE, "SF1"), (WAITING, ""))
    platform = Platform(lambda method, params: REFUSED if "offline" in method else content)

    with pytest.raises(TrackingRefused) as refused:
        TmallAdapter(platform).send_tracking(Tracking(TID, "SF", "SF1", line_nos))

    assert (refused.value.sub_code, refused.value.retryable) == ("isv.logistics-error:B04", False)


@pytest.mark.parametrize("error", [ChannelThrottled, ChannelUnavailable, AuthorizationExpired])
def test_other_errors_of_a_report_are_not_read_back(error):
    platform = Platform(lambda method, params: error(method=method))

    with pytest.raises(error):
        TmallAdapter(platform).send_tracking(Tracking(TID, "SF", "SF1"))

    assert len(platform.calls) == 1


def test_an_answer_to_a_report_without_success_is_unreadable():
    with pytest.raises(ChannelAnswerUnreadable):
        TmallAdapter(Platform(lambda method, params: {})).send_tracking(Tracking(TID, "SF", "SF1"))


def test_stock_goes_out_by_listing_twenty_skus_a_call():
    platform = Platform(lambda method, params: {"item": {}})
    pushes = [StockPush("680000000001", str(sku), sku) for sku in range(21)] + [StockPush("680000000002", "", 7)]

    result = TmallAdapter(platform).push_stock(pushes)

    assert result.done == pushes
    assert [(method, params) for method, params, _repeat in platform.calls] == [
        (
            "taobao.skus.quantity.update",
            {
                "num_iid": "680000000001",
                "skuid_quantities": ";".join(f"{sku}:{sku}" for sku in range(20)),
                "type": "1",
            },
        ),
        ("taobao.skus.quantity.update", {"num_iid": "680000000001", "skuid_quantities": "20:20", "type": "1"}),
        ("taobao.item.quantity.update", {"num_iid": "680000000002", "quantity": "7", "type": "1"}),
    ]


def test_a_remark_goes_over_the_trades_memo_and_its_flag_stays_unless_one_is_named():
    platform = Platform(lambda method, params: {"trade": {"tid": 1}})
    adapter = TmallAdapter(platform)

    adapter.send_remark("4012345678901234567", text="加急", flag=5)
    adapter.send_remark("4012345678901234567", text="已联系")

    assert [(method, params) for method, params, _repeat in platform.calls] == [
        ("taobao.trade.memo.update", {"tid": "4012345678901234567", "memo": "加急", "flag": "5"}),
        ("taobao.trade.memo.update", {"tid": "4012345678901234567", "memo": "已联系"}),
    ]


def test_a_delta_is_never_repeated_at_once():
    platform = Platform(lambda method, params: {"item": {}})

    TmallAdapter(platform).push_stock([StockPush("1", "2", -3)], mode="delta")

    assert platform.calls == [
        ("taobao.skus.quantity.update", {"num_iid": "1", "skuid_quantities": "2:-3", "type": "2"}, False)
    ]


def test_a_negative_full_quantity_never_leaves_and_the_rest_does():
    platform = Platform(lambda method, params: {"item": {}})
    good, bad = StockPush("1", "2", 0), StockPush("1", "3", -1)

    result = TmallAdapter(platform).push_stock([bad, good])

    assert result.done == [good]
    assert [(refusal.key, refusal.error.sub_code) for refusal in result.refused] == [(bad, "negative_quantity")]
    assert len(platform.calls) == 1


def test_a_refused_listing_does_not_stop_the_others_but_a_ban_does():
    def answer(method, params):
        refused = ChannelRefused(method=method, sub_code="isv.item-not-exist")
        ban = ChannelThrottled(method=method, wait_s=5)
        return {"1": {"item": {}}, "2": refused, "3": ban, "4": {"item": {}}}[params["num_iid"]]

    platform = Platform(answer)

    result = TmallAdapter(platform).push_stock([StockPush(str(number), "9", 1) for number in (2, 1, 3, 4)])

    assert [push.listing_id for push in result.done] == ["1"]
    assert [(refusal.key.listing_id, refusal.code) for refusal in result.refused] == [
        ("2", "channels.refused"),
        ("3", "channels.throttled"),
        ("4", "channels.throttled"),
    ]
    assert len(platform.calls) == 3


def test_a_window_needs_zones_and_an_end_after_its_start():
    for start, end in [(MIDNIGHT, MIDNIGHT), (MIDNIGHT.replace(tzinfo=None), MIDNIGHT)]:
        with pytest.raises(ValueError, match="window"):
            Window(start, end)
