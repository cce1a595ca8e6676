import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from channels_sync.adapters.base import Connection, StockPush, Tracking, TrackingResult, Window
from channels_sync.adapters.jd import PLATFORM, JdAdapter
from channels_sync.adapters.jd_client import JdAnswer
from channels_sync.errors import TrackingRefused
from ordercenter.common.gmt8 import parse_gmt8
from ordercenter.common.platform_errors import (
    AuthorizationExpired,
    ChannelAnswerUnreadable,
    ChannelRefused,
    ChannelThrottled,
)

SAMPLES = Path(__file__).parents[1] / "data" / "protocols" / "samples"
ORDER_NO = "290000000001"
MIDNIGHT = datetime(2026, 11, 10, 16, 0, tzinfo=UTC)
WINDOW = Window(MIDNIGHT, MIDNIGHT + timedelta(minutes=20))


def whole_order(**changes):
    document = json.loads((SAMPLES / "jd_pop_order_search.json").read_text(encoding="utf-8"))
    result = document["jingdong_pop_order_search_responce"]["searchorderinfo_result"]
    return result["orderInfoList"][0] | changes


class Platform:
    """Answers calls from a function and remembers them; errors are raised as the client would."""

    def __init__(self, answer):
        self.calls = []
        self._answer = answer

    def call(self, method, params, *, repeat=True):
        self.calls.append((method, json.loads(json.dumps(params))))
        content = self._answer(method, params)
        if isinstance(content, Exception):
            raise content
        root = method.replace(".", "_") + "_responce"
        return JdAnswer(content, json.dumps({root: {"code": "0", **content}}).encode())


class Orders:
    """The platform's list of changed orders; pages beyond the hundredth are empty."""

    def __init__(self, count, per_second=1, result="searchorderinfo_result"):
        self.result = result
        self.rows = [(MIDNIGHT + timedelta(seconds=at // per_second), at + 1) for at in range(count)]

    def __call__(self, method, params):
        params = params.get("paramOrderJSFQuery", params)
        page, size = int(params["page"]), int(params["page_size"])
        start, end = parse_gmt8(params["start_date"]), parse_gmt8(params["end_date"])
        found = [row for row in self.rows if start <= row[0] <= end]
        shown = found[(page - 1) * size : page * size] if page <= 100 else []
        rows = [{"orderId": str(no), "modified": (at + timedelta(hours=8)).strftime("%F %T")} for at, no in shown]
        return {self.result: {"apiResult": {"success": True}, "orderTotal": len(found), "orderInfoList": rows}}


def pull_all(adapter, window=WINDOW):
    seen, cursor = [], None
    while True:
        page = adapter.pull_changed_orders(window, cursor)
        seen += [order.channel_order_no for order in page.orders]
        cursor = page.next_cursor
        if cursor is None:
            return seen


def test_changed_orders_are_read_from_the_last_page_in_the_flat_shape():
    platform = Platform(Orders(250))

    assert sorted(map(int, pull_all(JdAdapter(platform)))) == list(range(1, 251))

    assert [params["page"] for _method, params in platform.calls] == ["1", "3", "2", "1"]
    (method, params) = platform.calls[0]
    assert method == "jingdong.pop.order.search"
    assert params == {
        "start_date": "2026-11-10 23:55:00",
        "end_date": "2026-11-11 00:20:00",
        "order_state": "NOT_PAY,WAIT_SELLER_STOCK_OUT,WAIT_SELLER_DELIVERY,LOCKED,PAUSE,POP_ORDER_PAUSE,"
        "WAIT_GOODS_RECEIVE_CONFIRM,FINISHED_L,TRADE_CANCELED",
        "optional_fields": "orderId,orderState,modified",
        "page": "1",
        "page_size": "100",
        "sortType": 0,
        "dateType": 0,
    }


def test_the_wrapped_shape_says_the_same_inside_its_container():
    flat, wrapped = Platform(Orders(3)), Platform(Orders(3, result="orderInfoResult"))

    assert pull_all(JdAdapter(flat)) == pull_all(JdAdapter(wrapped, request_shape="wrapped", source_id="OC"))

    assert wrapped.calls[0][1] == {"paramOrderJSFQuery": {**flat.calls[0][1], "source_id": "OC"}}


def test_more_orders_than_a_hundred_pages_are_read_in_halves():
    platform = Platform(Orders(25_000, per_second=50))

    assert set(map(int, pull_all(JdAdapter(platform)))) == set(range(1, 25_001))
    assert max(int(params["page"]) for _method, params in platform.calls) <= 100


def test_a_broken_row_is_reported_and_the_rest_is_read():
    rows = [{"orderId": "1", "modified": "2026-11-11 00:01:43"}, {"orderId": "2"}, 7]
    answer = {"searchorderinfo_result": {"orderTotal": "3", "orderInfoList": rows}}

    page = JdAdapter(Platform(lambda method, params: answer)).pull_changed_orders(WINDOW)

    assert [order.channel_order_no for order in page.orders] == ["1"]
    assert [error.path for error in page.unreadable] == ["order.modified", "order"]


@pytest.mark.parametrize(
    "content", [{}, {"searchorderinfo_result": {}}, {"searchorderinfo_result": {"orderInfoList": {}, "orderTotal": 1}}]
)
def test_a_list_that_is_none_is_unreadable(content):
    with pytest.raises(ChannelAnswerUnreadable):
        JdAdapter(Platform(lambda method, params: content)).pull_changed_orders(WINDOW)


def detail(**changes):
    return {"orderDetailInfo": {"apiResult": {"success": True}, "orderInfo": whole_order(**changes)}}


@pytest.mark.parametrize(
    ("is_sealed", "shape", "method"),
    [
        (False, "flat", "jingdong.pop.order.get"),
        (True, "flat", "jingdong.pop.order.enGet"),
        (False, "wrapped", "jingdong.pop.order.get"),
    ],
)
def test_an_order_is_read_whole_and_kept_as_it_came(is_sealed, shape, method):
    platform = Platform(lambda method, params: detail())

    (order,) = JdAdapter(platform, is_sealed=is_sealed, request_shape=shape).read_orders([ORDER_NO]).done

    assert (order.channel_order_no, order.buyer_id) == (ORDER_NO, "")
    assert order.changed_at == parse_gmt8("2026-11-11 00:01:43")
    assert PLATFORM.read_order(json.loads(order.body)) == PLATFORM.read_order(whole_order())
    ((called, params),) = platform.calls
    assert called == method
    inner = params["paramOrderJSFQuery"] if shape == "wrapped" else params
    assert inner["order_id"] == 290000000001
    assert {"orderSellerPrice", "couponDetailList", "consigneeInfo", "waybill"} <= set(
        inner["optional_fields"].split(",")
    )


def test_one_lost_order_does_not_stop_the_others_and_a_ban_stops_all():
    def answer(method, params):
        number = params["order_id"]
        if number == 2:
            return ChannelRefused(method=method)
        return AuthorizationExpired(method=method) if number == 4 else detail(orderId=str(number))

    result = JdAdapter(Platform(answer)).read_orders(["1", "2", "x", "3", "4", "5"])

    assert [order.channel_order_no for order in result.done] == ["1", "3"]
    assert [(r.key, type(r.error)) for r in result.refused] == [
        ("2", ChannelRefused),
        ("x", ChannelRefused),
        ("4", AuthorizationExpired),
        ("5", AuthorizationExpired),
    ]


def test_refunds_are_read_by_when_they_were_asked_for_and_by_when_they_were_decided():
    def answer(method, params):
        number = "1" if "apply_time_start" in params else "2"
        row = {"id": number, "order_id": ORDER_NO, "apply_time": "2026-11-11 00:01:43"}
        return {"refundApplyResponse": {"count": 1, "results": [row], "result_state": True}}

    platform, seen, cursor = Platform(answer), [], None
    adapter = JdAdapter(platform)
    while True:
        page = adapter.pull_refunds(WINDOW, cursor)
        seen += [refund.channel_refund_no for refund in page.refunds]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert seen == ["1", "2"]
    assert platform.calls == [
        (
            "jingdong.pop.afs.refundapply.querylist",
            {
                f"{walk}_time_start": "2026-11-10 23:55:00",
                f"{walk}_time_end": "2026-11-11 00:20:00",
                "page_index": 1,
                "page_size": 50,
            },
        )
        for walk in ("apply", "check")
    ]


def test_a_long_list_of_refunds_is_walked_to_its_end():
    rows = [{"id": str(n), "order_id": ORDER_NO, "apply_time": "2026-11-11 00:01:43"} for n in range(1, 121)]

    def answer(method, params):
        page = params["page_index"]
        return {"queryResult": {"count": 120, "results": rows[(page - 1) * 50 : page * 50]}}

    adapter, seen, cursor = JdAdapter(Platform(answer)), [], None
    for _page in range(6):
        page = adapter.pull_refunds(WINDOW, cursor)
        seen += [refund.channel_refund_no for refund in page.refunds]
        cursor = page.next_cursor

    assert cursor is None
    assert sorted(map(int, seen)) == sorted([*range(1, 121), *range(1, 121)])


def test_a_refund_is_read_by_its_number():
    row = {"id": 55, "order_id": ORDER_NO, "apply_time": "2026-11-11 00:01:43"}
    adapter = JdAdapter(Platform(lambda method, params: {"queryResult": {"count": 1, "results": [row]}}))

    assert adapter.read_refund("55").channel_order_no == ORDER_NO
    with pytest.raises(ChannelRefused):
        adapter.read_refund("56")


def test_a_parcel_is_reported_with_the_platform_s_number_of_the_courier():
    platform = Platform(lambda method, params: {"sopjosshipment_result": {"success": True}})

    assert JdAdapter(platform).send_tracking(Tracking(ORDER_NO, "SF", "SF1")) == TrackingResult("sent")
    assert platform.calls == [
        ("jingdong.pop.order.shipment", {"orderId": 290000000001, "logiCoprId": "467", "logiNo": "SF1"})
    ]


@pytest.mark.parametrize(("waybill", "other"), [("SF1", ""), ("ZT9", "ZT9"), ("ZT9|SF1", "")])
def test_an_order_that_has_left_already_is_read_back_and_counts_as_reported(waybill, other):
    def answer(method, params):
        if method.endswith("shipment"):
            return ChannelRefused(method=method, error_code=10400001, message="运单号已存在")
        return detail(orderState="WAIT_GOODS_RECEIVE_CONFIRM", waybill=waybill)

    told = JdAdapter(Platform(answer)).send_tracking(Tracking(ORDER_NO, "SF", "SF1"))

    assert told == TrackingResult("already_shipped", other)


def test_a_refused_report_of_an_order_that_is_still_here_is_refused_with_the_platform_s_words():
    def answer(method, params):
        refused = ChannelRefused(method=method, error_code=10400002, message="订单锁定")
        return refused if method.endswith("shipment") else detail(orderState="LOCKED")

    with pytest.raises(TrackingRefused) as refused:
        JdAdapter(Platform(answer)).send_tracking(Tracking(ORDER_NO, "SF", "SF1"))

    assert (refused.value.error_code, refused.value.message) == (10400002, "订单锁定")


def test_an_unknown_courier_is_refused_before_the_call():
    platform = Platform(lambda method, params: {})

    with pytest.raises(ChannelRefused) as refused:
        JdAdapter(platform).send_tracking(Tracking(ORDER_NO, "PIGEON", "P1"))

    assert (refused.value.sub_code, platform.calls) == ("carrier_unknown", [])


@pytest.mark.parametrize(
    ("options", "method", "extra"),
    [
        ({}, "jingdong.stock.write.updateSkuStock", {}),
        ({"stock_api": "new"}, "jingdong.ware.stock.sku.set", {}),
        ({"store_id": "7"}, "jingdong.stock.write.updateSkuStock", {"storeId": 7}),
    ],
)
def test_stock_is_set_sku_by_sku_by_the_call_that_the_account_has(options, method, extra):
    platform = Platform(lambda method, params: {})
    pushes = [StockPush("10000000001", "100000000001", 5), StockPush("10000000001", "100000000002", 0)]

    result = JdAdapter(platform, **options).push_stock(pushes)

    assert result.done == pushes
    assert platform.calls == [
        (method, {"skuId": 100000000001, "stockNum": 5, **extra}),
        (method, {"skuId": 100000000002, "stockNum": 0, **extra}),
    ]


def test_deltas_and_negative_numbers_never_leave_the_house_and_a_ban_stops_the_rest():
    platform = Platform(lambda method, params: ChannelThrottled(method=method, wait_s=10))
    pushes = [StockPush("1", "1", -1), StockPush("1", "x", 1), StockPush("1", "2", 1), StockPush("1", "3", 1)]

    adapter = JdAdapter(platform)
    assert [r.error.sub_code for r in adapter.push_stock(pushes[:1], mode="delta").refused] == ["delta_unknown"]
    result = adapter.push_stock(pushes)

    assert [getattr(r.error, "sub_code", "") for r in result.refused] == ["negative_quantity", "number_unknown", "", ""]
    assert len(platform.calls) == 1


def test_a_remark_goes_out_with_its_flag():
    platform = Platform(lambda method, params: {})

    JdAdapter(platform).send_remark(ORDER_NO, text="加急：今天发出", flag=1)

    assert platform.calls == [
        (
            "jingdong.pop.order.modifyVenderRemark",
            {"order_id": ORDER_NO, "flag": 1, "remark": "加急：今天发出"},
        )
    ]


def test_an_account_s_options_reach_the_adapter():
    secrets = {"secret": "s", "access_token": "t"}
    options = {"request_shape": "wrapped", "stock_api": "new", "buyers": "sealed", "store_id": "7", "source_id": "A"}

    adapter = PLATFORM.connect(Connection(1, "http://127.0.0.1:9", "k", secrets, options))

    assert adapter._is_wrapped
    assert (adapter._get, adapter._stock_method) == ("jingdong.pop.order.enGet", "jingdong.ware.stock.sku.set")
    assert (adapter._store_id, adapter._source_id) == ("7", "A")
    assert PLATFORM.renew_before < timedelta(hours=24)
    assert PLATFORM.poll_every_s == 5.0
