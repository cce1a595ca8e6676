import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from channels_sync.adapters.base import Connection, StockPush, Tracking, TrackingResult, Window
from channels_sync.adapters.douyin import CARRIERS, PLATFORM, DouyinAdapter
from channels_sync.adapters.douyin_client import DouyinAnswer
from channels_sync.errors import TrackingRefused
from ordercenter.common.platform_errors import (
    AuthorizationExpired,
    ChannelAnswerUnreadable,
    ChannelRefused,
    ChannelThrottled,
    ChannelUnavailable,
)

SAMPLES = Path(__file__).parents[1] / "data" / "protocols" / "samples"
ORDER_NO, SECOND_LINE = "6917000000000000001", "6917000000000000002"
MIDNIGHT = datetime(2026, 11, 10, 16, 0, tzinfo=UTC)
WINDOW = Window(MIDNIGHT, MIDNIGHT + timedelta(minutes=20))


def whole_order(**changes):
    document = json.loads((SAMPLES / "douyin_order_search_list.json").read_text(encoding="utf-8"))
    return document["data"]["shop_order_list"][0] | changes


class Platform:
    """Answers calls from a function and remembers them; errors are raised as the client would."""

    def __init__(self, answer):
        self.calls = []
        self._answer = answer

    def call(self, method, params, *, repeat=True):
        self.calls.append((method, json.loads(json.dumps(params))))
        data = self._answer(method, params)
        if isinstance(data, Exception):
            raise data
        return DouyinAnswer(data, json.dumps({"code": 10000, "data": data}).encode())

    @property
    def methods(self):
        return [method for method, _params in self.calls]


class Orders:
    """The platform's list of changed orders; it pages through 50,000 rows and no further."""

    def __init__(self, count, per_second=1):
        self.rows = [(int(MIDNIGHT.timestamp()) + at // per_second, at + 1) for at in range(count)]

    def __call__(self, method, params):
        page, size = params["page"], params["size"]
        if (page + 1) * size > 50_000:
            return ChannelRefused(method=method, error_code=50002, sub_code="isv.parameter-invalid")
        start, end = params["update_time_start"], params["update_time_end"]
        found = [row for row in self.rows if start <= row[0] <= end]
        rows = [{"order_id": str(no), "update_time": at} for at, no in found[page * size : (page + 1) * size]]
        return {"page": page, "size": size, "total": len(found), "shop_order_list": rows}


def pull_all(adapter, window=WINDOW):
    seen, cursor = [], None
    while True:
        page = adapter.pull_changed_orders(window, cursor)
        seen += [order.channel_order_no for order in page.orders]
        cursor = page.next_cursor
        if cursor is None:
            return seen


def test_changed_orders_are_read_page_by_page_from_the_last_one():
    platform = Platform(Orders(250))

    seen = pull_all(DouyinAdapter(platform))

    assert sorted(map(int, seen)) == list(range(1, 251))
    assert [params["page"] for _method, params in platform.calls] == [0, 2, 1, 0]
    (method, params) = platform.calls[0]
    assert method == "order.searchList"
    assert params == {
        "page": 0,
        "size": 100,
        "order_by": "update_time",
        "order_asc": True,
        "update_time_start": int((MIDNIGHT - timedelta(minutes=5)).timestamp()),
        "update_time_end": int((MIDNIGHT + timedelta(minutes=20)).timestamp()),
    }


def test_a_rush_of_more_orders_than_the_pages_reach_is_read_whole():
    platform = Platform(Orders(120_000, per_second=200))

    seen = pull_all(DouyinAdapter(platform))

    assert set(map(int, seen)) == set(range(1, 120_001))


def test_a_broken_row_is_reported_and_the_rest_is_read():
    rows = [{"order_id": "1", "update_time": 1794355303}, {"order_id": "2"}, "x", {"update_time": 1794355303}]
    platform = Platform(lambda method, params: {"total": 4, "shop_order_list": rows})

    page = DouyinAdapter(platform).pull_changed_orders(WINDOW)

    assert [order.channel_order_no for order in page.orders] == ["1"]
    assert [error.path for error in page.unreadable] == ["order.update_time", "order", "order.order_id"]


@pytest.mark.parametrize(
    "data", [{"shop_order_list": {}, "total": 0}, {"shop_order_list": [], "total": "many"}, {"total": -1}]
)
def test_a_list_that_is_none_is_unreadable(data):
    with pytest.raises(ChannelAnswerUnreadable):
        DouyinAdapter(Platform(lambda method, params: data)).pull_changed_orders(WINDOW)


def test_a_token_that_ends_during_a_pull_ends_the_pull():
    answers = Orders(250)
    calls = iter(range(10))

    def answer(method, params):
        return AuthorizationExpired(method=method, error_code=30002) if next(calls) == 2 else answers(method, params)

    adapter = DouyinAdapter(Platform(answer))
    page = adapter.pull_changed_orders(WINDOW)
    with pytest.raises(AuthorizationExpired):
        adapter.pull_changed_orders(WINDOW, page.next_cursor)
    # The new token's client goes on at the same place.
    assert len(DouyinAdapter(Platform(Orders(250))).pull_changed_orders(WINDOW, page.next_cursor).orders) == 100


def test_an_order_is_read_whole_and_kept_as_it_came():
    platform = Platform(lambda method, params: {"shop_order_detail": whole_order()})

    (order,) = DouyinAdapter(platform).read_orders([ORDER_NO]).done

    assert (order.channel_order_no, order.buyer_id) == (ORDER_NO, "1@#test")
    assert order.changed_at == datetime(2026, 11, 11, 0, 1, 43, tzinfo=UTC)
    assert PLATFORM.read_order(json.loads(order.body)).total_amount == PLATFORM.read_order(whole_order()).total_amount
    assert platform.calls == [("order.orderDetail", {"shop_order_id": ORDER_NO})]


def test_another_order_in_the_answer_is_refused():
    platform = Platform(lambda method, params: {"shop_order_detail": whole_order(order_id="1")})

    (refusal,) = DouyinAdapter(platform).read_orders([ORDER_NO]).refused

    assert isinstance(refusal.error, ChannelAnswerUnreadable)


@pytest.mark.parametrize("stop", [ChannelThrottled, AuthorizationExpired, ChannelUnavailable])
def test_one_lost_order_does_not_stop_the_others_and_a_ban_stops_all(stop):
    def answer(method, params):
        number = params["shop_order_id"]
        if number == "2":
            return ChannelRefused(method=method, sub_code="isv.order-not-found")
        return stop(method=method) if number == "4" else {"shop_order_detail": whole_order(order_id=number)}

    platform = Platform(answer)
    result = DouyinAdapter(platform).read_orders(["1", "2", "3", "4", "5"])

    assert [order.channel_order_no for order in result.done] == ["1", "3"]
    assert [(r.key, type(r.error)) for r in result.refused] == [("2", ChannelRefused), ("4", stop), ("5", stop)]
    assert len(platform.calls) == 4


def test_after_sales_of_every_kind_are_pulled_by_time_of_change():
    def row(number, kind):
        info = {"aftersale_id": str(number), "aftersale_type": kind, "aftersale_status": 6, "update_time": 1794360100}
        return {"aftersale_info": info, "order_info": {"shop_order_id": ORDER_NO}}

    rows = [row(1, 2), row(2, 3), row(3, 0), {"aftersale_info": {}}]
    platform = Platform(lambda method, params: {"items": rows, "total": 4, "has_more": False})

    page = DouyinAdapter(platform).pull_refunds(WINDOW)

    assert [refund.channel_refund_no for refund in page.refunds] == ["1", "2", "3"]
    assert [error.path for error in page.unreadable] == ["aftersale.aftersale_info.aftersale_id"]
    ((method, params),) = platform.calls
    assert (method, params["order_by"], params["size"]) == ("afterSale.List", ["update_time asc"], 100)
    assert page.next_cursor is None


def test_a_refund_is_read_by_its_number():
    info = {"after_sale_id": 71, "update_time": 1794360100}
    detail = {"process_info": {"after_sale_info": info}, "order_info": {"shop_order_id": int(ORDER_NO)}}
    platform = Platform(lambda method, params: detail)

    refund = DouyinAdapter(platform).read_refund("71")

    assert (refund.channel_refund_no, refund.channel_order_no, refund.payload) == ("71", ORDER_NO, detail)
    assert platform.calls == [("afterSale.Detail", {"after_sale_id": "71"})]
    with pytest.raises(ChannelAnswerUnreadable):
        DouyinAdapter(platform).read_refund("72")


# --- shipping ---------------------------------------------------------------------------------------------------------


def shipped_order(number="SF1", **changes):
    order = whole_order(logistics_info=[{"tracking_no": number, "delivery_id": "d1", "product_info": []}], **changes)
    for line in order["sku_order_list"]:
        line["order_status"] = 3
    return order


def test_a_whole_order_is_reported_without_deciding_about_its_refunds():
    platform = Platform(lambda method, params: {})

    assert DouyinAdapter(platform).send_tracking(Tracking(ORDER_NO, "SF", "SF1")) == TrackingResult("sent")
    assert platform.calls == [
        ("order.logisticsAdd", {"order_id": ORDER_NO, "logistics_code": "SF1", "company_code": "shunfeng"})
    ]


def test_a_part_names_its_pieces_and_an_id_that_stays_the_same():
    platform = Platform(lambda method, params: {"pack_id": "1"})
    tracking = Tracking(ORDER_NO, "YTO", "YT2", (ORDER_NO,), ((ORDER_NO, 1),), key="channel.tracking:7")

    adapter = DouyinAdapter(platform)
    adapter.send_tracking(tracking)
    adapter.send_tracking(tracking)

    (method, params), again = platform.calls
    assert (method, params) == again
    assert method == "order.logisticsAddSinglePack"
    request_id = params.pop("request_id")
    assert params == {
        "order_id_list": [ORDER_NO],
        "shipped_order_info": [{"shipped_order_id": ORDER_NO, "shipped_num": 1}],
        "logistics_code": "YT2",
        "company_code": "yuantong",
    }
    assert len(request_id) == 32
    adapter.send_tracking(Tracking(ORDER_NO, "YTO", "YT3", (ORDER_NO,), ((ORDER_NO, 1),), key="channel.tracking:8"))
    assert platform.calls[-1][1]["request_id"] != request_id


def test_where_the_pieces_are_not_told_the_whole_line_is_in_the_parcel():
    platform = Platform(lambda method, params: {"shop_order_detail": whole_order()})

    DouyinAdapter(platform).send_tracking(Tracking(ORDER_NO, "SF", "SF1", (ORDER_NO,)))

    assert platform.methods == ["order.orderDetail", "order.logisticsAddSinglePack"]
    assert platform.calls[1][1]["shipped_order_info"] == [{"shipped_order_id": ORDER_NO, "shipped_num": 2}]


@pytest.mark.parametrize(
    ("order", "lines", "other"),
    [
        (shipped_order("SF1"), (), ""),
        (shipped_order("ZT9"), (), "ZT9"),
        (shipped_order("SF1"), (SECOND_LINE,), ""),
    ],
)
def test_an_order_that_has_left_already_is_read_back_and_counts_as_reported(order, lines, other):
    def answer(method, params):
        refused = ChannelRefused(method=method, error_code=50002, sub_code="isv.business-failed")
        return {"shop_order_detail": order} if method == "order.orderDetail" else refused

    pieces = tuple((line, 1) for line in lines)
    told = DouyinAdapter(Platform(answer)).send_tracking(Tracking(ORDER_NO, "SF", "SF1", lines, pieces))

    assert told == TrackingResult("already_shipped", other)


def test_a_refused_report_of_an_order_that_is_still_here_is_refused_with_the_platform_s_words():
    def answer(method, params):
        refused = ChannelRefused(method=method, error_code=50002, sub_code="isv.business-failed", message="有退款")
        return {"shop_order_detail": whole_order()} if method == "order.orderDetail" else refused

    with pytest.raises(TrackingRefused) as refused:
        DouyinAdapter(Platform(answer)).send_tracking(Tracking(ORDER_NO, "SF", "SF1"))

    assert (refused.value.sub_code, refused.value.message) == ("isv.business-failed", "有退款")


def test_an_unknown_courier_is_refused_before_the_call_and_an_account_may_name_more():
    platform = Platform(lambda method, params: {})
    with pytest.raises(ChannelRefused) as refused:
        DouyinAdapter(platform).send_tracking(Tracking(ORDER_NO, "PIGEON", "P1"))
    assert (refused.value.sub_code, platform.calls) == ("carrier_unknown", [])

    DouyinAdapter(platform, carriers={**CARRIERS, "PIGEON": "gezi"}).send_tracking(Tracking(ORDER_NO, "PIGEON", "P1"))
    assert platform.calls[0][1]["company_code"] == "gezi"


# --- stock and remarks ------------------------------------------------------------------------------------------------


def test_stock_is_set_by_sku_and_by_listing_with_numbers_as_numbers():
    platform = Platform(lambda method, params: {})
    pushes = [StockPush("34", "171", 5), StockPush("34", "172", 0), StockPush("35", "181", 7)]

    result = DouyinAdapter(platform).push_stock(pushes)

    assert result.done == pushes
    assert platform.calls == [
        (
            "sku.syncStockBatch",
            {
                "product_id": 34,
                "incremental": False,
                "sku_sync_list": [
                    {"sku_id": 171, "sku_type": 0, "stock_num": 5},
                    {"sku_id": 172, "sku_type": 0, "stock_num": 0},
                ],
            },
        ),
        ("sku.syncStock", {"sku_id": 181, "stock_num": 7, "incremental": False}),
    ]


def test_one_bad_sku_keeps_back_no_other_of_its_listing():
    def answer(method, params):
        bad = method == "sku.syncStockBatch" or params["sku_id"] == 172
        return ChannelRefused(method=method, sub_code="isv.sku-not-found") if bad else {}

    pushes = [StockPush("34", "171", 5), StockPush("34", "172", 6), StockPush("34", "173", 7)]
    result = DouyinAdapter(Platform(answer)).push_stock(pushes)

    assert result.done == [pushes[0], pushes[2]]
    assert [r.key for r in result.refused] == [pushes[1]]


def test_a_ban_refuses_what_is_left_without_further_calls():
    platform = Platform(lambda method, params: ChannelThrottled(method=method, wait_s=10))
    pushes = [StockPush("34", "171", 5), StockPush("35", "181", 7)]

    result = DouyinAdapter(platform).push_stock(pushes)

    assert ([r.key for r in result.refused], len(platform.calls)) == (pushes, 1)
    assert all(isinstance(r.error, ChannelThrottled) for r in result.refused)


def test_a_change_of_stock_has_an_id_of_its_own():
    platform = Platform(lambda method, params: {})

    DouyinAdapter(platform).push_stock([StockPush("34", "171", -2)], mode="delta")

    ((method, params),) = platform.calls
    assert (method, params["incremental"], params["stock_num"], len(params["idempotent_id"])) == (
        "sku.syncStock",
        True,
        -2,
        32,
    )


def test_a_negative_or_nameless_number_never_leaves_the_house():
    platform = Platform(lambda method, params: {})
    pushes = [StockPush("34", "171", -1), StockPush("34", "", 4), StockPush("34", "x", 4), StockPush("34", "172", 4)]

    result = DouyinAdapter(platform).push_stock(pushes)

    assert result.done == [pushes[3]]
    assert [r.error.sub_code for r in result.refused] == ["negative_quantity", "sku_unknown", "sku_unknown"]


@pytest.mark.parametrize(("flag", "extra"), [(0, {}), (5, {"is_add_star": "true", "star": "5"})])
def test_a_remark_goes_out_with_its_flag(flag, extra):
    platform = Platform(lambda method, params: {})

    DouyinAdapter(platform).send_remark(ORDER_NO, text="加急", flag=flag)

    assert platform.calls == [("order.addOrderRemark", {"order_id": ORDER_NO, "remark": "加急", **extra})]


def test_an_account_s_options_reach_the_adapter():
    connection = Connection(
        1, "http://127.0.0.1:9", "k", {"secret": "s", "access_token": "t"}, {"carriers": {"XX": "xingxing"}}
    )

    adapter = PLATFORM.connect(connection)

    assert adapter._carriers["XX"] == "xingxing"
    assert (PLATFORM.code, adapter.consume_messages().notices) == ("douyin", ())
    with pytest.raises(KeyError):
        PLATFORM.connect(Connection(1, "http://x", "k", {"secret": "s"}))
