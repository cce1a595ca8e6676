"""Our client and the played Douyin platform, over real HTTP: each checks the other."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from channels_sync.adapters.base import Connection, PushRequest, StockPush, Tracking, TrackingResult, Window
from channels_sync.adapters.douyin import DouyinAdapter
from channels_sync.adapters.douyin_client import DouyinClient, DouyinCredentials, renew
from channels_sync.adapters.douyin_mapping import read_order, read_refund
from channels_sync.adapters.douyin_push import take_push
from channels_sync.errors import TrackingRefused
from channels_sync.sandbox.goods import SKUS
from ordercenter.common.platform_errors import AuthorizationExpired, ChannelError, ChannelRefused, ChannelThrottled
from tests.channels_sync.sandbox.over_http import over_http

CODE = "douyin"


class Shop:
    """The stage's Douyin shop as our code sees it."""

    def __init__(self, stage, url):
        keys = stage.credentials
        self.stage, self.url = stage, f"{url}/{CODE}"
        self.connection = Connection(
            1,
            self.url,
            keys.douyin_app_key,
            {
                "secret": keys.douyin_secret,
                "access_token": keys.douyin_access_token,
                "refresh_token": keys.douyin_refresh_token,
            },
        )
        self.adapter = self.adapter_with(keys.douyin_access_token)

    def now(self):
        return datetime.fromtimestamp(self.stage.clock.now_ms / 1000, UTC)

    def client(self, token, **changes):
        keys = self.stage.credentials
        credentials = DouyinCredentials(keys.douyin_app_key, keys.douyin_secret, token, self.url)
        return DouyinClient(replace(credentials, **changes), clock=self.now, pause=lambda seconds: None)

    def adapter_with(self, token):
        return DouyinAdapter(self.client(token))

    def sell(self, **wanted):
        return self.stage.control.create_trade(platform=CODE, **wanted)

    def order(self, number):
        (raw,) = self.adapter.read_orders([number]).done
        return read_order(json.loads(raw.body))

    def changed(self, until_s=0):
        end = self.now() - timedelta(seconds=until_s)
        window, cursor, seen = Window(end - timedelta(hours=1), end), None, []
        while True:
            page = self.adapter.pull_changed_orders(window, cursor)
            assert page.unreadable == ()
            seen += [order.channel_order_no for order in page.orders]
            cursor = page.next_cursor
            if cursor is None:
                return seen

    def refunds(self):
        page = self.adapter.pull_refunds(Window(self.now() - timedelta(hours=1), self.now()))
        assert (page.next_cursor, page.unreadable) == (None, ())
        return [read_refund(raw.payload) for raw in page.refunds]


@pytest.fixture
def shop(stage):
    with over_http(stage) as url:
        yield Shop(stage, url)


def test_an_order_is_the_same_in_the_list_and_by_itself_and_adds_up(shop):
    numbers = [shop.sell() for _ in range(5)]

    assert sorted(shop.changed()) == sorted(numbers)
    for number in numbers:
        order = shop.order(number)
        trade = shop.stage.app.shop.sold_on(CODE, number)
        assert (order.channel_order_no, order.status, order.held) == (number, "paid", False)
        assert order.total_amount == Decimal(trade.payment_fen) / 100
        assert order.goods_total - order.discount_total + order.freight == order.total_amount
        assert sum(line.paid_share for line in order.lines) == order.total_amount - order.freight
        assert [line.outer_sku for line in order.lines] == [line.outer_sku_id for line in trade.lines]
        assert order.ship_by == order.paid_at + timedelta(hours=48)
        assert (order.receiver.is_masked, order.receiver.oaid) == (True, trade.buyer.oaid)
        assert order.receiver.district == trade.buyer.district


def test_an_order_goes_all_its_way(shop):
    number = shop.sell(paid=False)
    assert shop.order(number).status == "created"

    shop.stage.control.pay(number)
    assert shop.order(number).status == "paid"
    assert shop.adapter.send_tracking(Tracking(number, "SF", "SF1")) == TrackingResult("sent")
    assert shop.order(number).status == "shipped"
    assert shop.adapter.send_tracking(Tracking(number, "SF", "SF1")) == TrackingResult("already_shipped")
    assert shop.adapter.send_tracking(Tracking(number, "SF", "SF2")) == TrackingResult("already_shipped", "SF1")
    shop.stage.control.receive(number)
    assert shop.order(number).status == "completed"


def test_an_unpaid_order_that_is_given_up_is_cancelled(shop):
    number = shop.sell(paid=False)

    shop.stage.control.close_trade(number)

    assert shop.order(number).status == "cancelled"


def test_pieces_leave_in_parcels_and_a_repeat_of_one_report_ships_once(shop):
    number = shop.sell(lines=[{"sku": SKUS[0].code, "num": 2}, {"sku": SKUS[1].code, "num": 1}])
    first, second = (line.channel_line_no for line in shop.order(number).lines)

    report = Tracking(number, "YTO", "YT1", (first,), ((first, 1),), key="k1")
    assert shop.adapter.send_tracking(report) == TrackingResult("sent")
    assert shop.adapter.send_tracking(report) == TrackingResult("sent")
    trade = shop.stage.app.shop.sold_on(CODE, number)
    assert [(parcel.waybill, len(parcel.pieces)) for parcel in trade.parcels] == [("YT1", 1)]
    assert shop.order(number).status == "part_shipped"
    rest = Tracking(number, "SF", "SF2", (first, second), ((first, 1), (second, 1)), key="k2")
    assert shop.adapter.send_tracking(rest) == TrackingResult("sent")
    assert shop.order(number).status == "shipped"


def test_the_number_of_the_only_parcel_is_changed_once_however_often_it_is_asked(shop):
    number = shop.sell()
    shop.adapter.send_tracking(Tracking(number, "SF", "OLD"))

    asked = [shop.adapter.change_tracking(Tracking(number, "YTO", "NEW"), instead_of="OLD") for _ in range(2)]

    assert asked == [TrackingResult("sent"), TrackingResult("already_shipped")]
    trade = shop.stage.app.shop.sold_on(CODE, number)
    assert [(parcel.carrier, parcel.waybill) for parcel in trade.parcels] == [("YTO", "NEW")]


def test_of_two_parcels_the_named_one_gets_another_number(shop):
    number = shop.sell(lines=[{"sku": SKUS[0].code, "num": 1}, {"sku": SKUS[1].code, "num": 1}])
    first, second = (line.channel_line_no for line in shop.order(number).lines)
    shop.adapter.send_tracking(Tracking(number, "SF", "A", (first,), ((first, 1),), key="k1"))
    shop.adapter.send_tracking(Tracking(number, "SF", "B", (second,), ((second, 1),), key="k2"))

    assert shop.adapter.change_tracking(Tracking(number, "SF", "C"), instead_of="B") == TrackingResult("sent")

    trade = shop.stage.app.shop.sold_on(CODE, number)
    assert [parcel.waybill for parcel in trade.parcels] == ["A", "C"]


def test_a_number_that_no_parcel_has_is_not_changed(shop):
    number = shop.sell()
    shop.adapter.send_tracking(Tracking(number, "SF", "OLD"))

    with pytest.raises(TrackingRefused, match="no parcel with that number"):
        shop.adapter.change_tracking(Tracking(number, "SF", "NEW"), instead_of="GONE")

    trade = shop.stage.app.shop.sold_on(CODE, number)
    assert [parcel.waybill for parcel in trade.parcels] == ["OLD"]


def test_an_order_under_refund_is_not_shipped_and_nobody_decides_about_it(shop):
    number = shop.sell()
    refund = shop.stage.control.ask_refund(number, reason="拍错了")

    with pytest.raises(TrackingRefused) as refused:
        shop.adapter.send_tracking(Tracking(number, "SF", "SF1"))

    assert refused.value.sub_code == "isv.business-failed:refunding"
    (asked,) = shop.refunds()
    assert (asked.channel_refund_no, asked.status, asked.kind) == (refund, "requested", "refund")


@pytest.mark.parametrize(
    ("decision", "status", "line"),
    [("agree", "succeeded", "refunded"), ("refuse", "refused", "refused"), ("close", "withdrawn", "closed")],
)
def test_a_refund_is_told_alike_by_the_list_its_detail_and_its_line(shop, decision, status, line):
    number = shop.sell(lines=[{"sku": SKUS[0].code, "num": 1}, {"sku": SKUS[1].code, "num": 1}])
    refund = shop.stage.control.ask_refund(number)
    shop.stage.clock.now_ms += 5000
    shop.stage.control.decide_refund(refund, decision)

    (listed,) = shop.refunds()
    read = read_refund(shop.adapter.read_refund(refund).payload)
    order = shop.order(number)

    assert listed == read
    assert (read.status, read.channel_order_no) == (status, number)
    assert read.channel_line_no in {row.channel_line_no for row in order.lines}
    states = {row.channel_line_no: row.refund_status for row in order.lines}
    assert states.pop(read.channel_line_no) == line
    assert set(states.values()) == {"none"}


def test_a_return_goes_there_and_back_and_an_exchange_costs_nothing(shop):
    number = shop.sell()
    shop.adapter.send_tracking(Tracking(number, "SF", "SF1"))
    control = shop.stage.control
    refund = control.ask_refund(number, kind="return")
    control.decide_refund(refund, "agree")
    assert read_refund(shop.adapter.read_refund(refund).payload).status == "agreed"
    control.send_back(refund, waybill="YT9", carrier="YTO")

    back = shop.refunds()[0]
    assert (back.status, back.kind, back.return_no) == ("returning", "return", "YT9")
    control.decide_refund(refund, "agree")
    assert shop.refunds()[0].status == "succeeded"

    other = shop.sell()
    shop.adapter.send_tracking(Tracking(other, "SF", "SF2"))
    exchange = control.ask_refund(other, kind="exchange")
    read = read_refund(shop.adapter.read_refund(exchange).payload)
    assert (read.kind, read.amount, read.status) == ("exchange", Decimal("0.00"), "requested")
    assert shop.order(other).lines[0].refund_status == "none"


def test_what_is_pushed_is_signed_and_names_what_to_read_back(shop):
    stage, keys = shop.stage, shop.stage.credentials
    stage.push_reply = (200, b'{"code":0,"msg":"success"}')
    number = shop.sell()
    refund = stage.control.ask_refund(number)
    stage.pass_time(1)

    told = []
    for url, sealed in stage.pushed:
        assert url == f"http://127.0.0.1:8000/channels/douyin/{keys.push_token(CODE)}/"
        headers = {name.lower(): value for name, value in sealed.headers.items()}
        request = PushRequest("POST", "/", {}, headers, sealed.body, shop.now())
        told += take_push(shop.connection, request).notices

    assert [(n.topic, n.kind, n.channel_order_no) for n in told] == [
        ("doudian.100", "order", number),
        ("doudian.101", "order", number),
        ("doudian.200", "refund", number),
    ]
    assert told[2].channel_refund_no == refund
    assert stage.control.pushes() == {"waiting": [], "given_up": 0}


@pytest.mark.parametrize(
    ("changes", "sub_code"),
    [
        ({"secret": "wrong"}, "isv.signature-invalid"),
        ({"app_key": "1"}, "isv.app-not-exist"),
    ],
)
def test_a_call_that_is_not_signed_as_it_must_be_is_refused(shop, changes, sub_code):
    with pytest.raises(ChannelRefused) as refused:
        shop.client(shop.stage.credentials.douyin_access_token, **changes).call("order.searchList", {})

    assert refused.value.sub_code == sub_code


@pytest.mark.parametrize(
    ("method", "params", "sub_code"),
    [
        ("order.nothing", {}, "isv.method-not-exist"),
        ("order.searchList", {"size": 101, "page": 0}, "isv.parameter-invalid"),
        ("order.orderDetail", {"shop_order_id": 7}, "isv.parameter-invalid"),
        ("order.orderDetail", {"shop_order_id": "7"}, "isv.business-failed:trade_unknown"),
        ("order.logisticsAdd", {"order_id": "7"}, "isv.business-failed:trade_unknown"),
        ("sku.syncStock", {"sku_id": 1, "stock_num": 1}, "isv.business-failed:sku-not-exist"),
        ("afterSale.Detail", {"after_sale_id": "7"}, "isv.business-failed:aftersale-not-exist"),
    ],
)
def test_what_cannot_be_done_is_refused_in_the_platform_s_words(shop, method, params, sub_code):
    with pytest.raises(ChannelRefused) as refused:
        shop.client(shop.stage.credentials.douyin_access_token).call(method, params)

    assert refused.value.sub_code == sub_code


def test_orders_of_other_platforms_are_unknown_here(shop):
    number = shop.stage.control.create_trade()

    (refusal,) = shop.adapter.read_orders([number]).refused

    assert isinstance(refusal.error, ChannelRefused)
    assert shop.changed() == []


def test_a_token_ends_and_is_renewed_and_the_one_before_stays_good_for_a_while(shop):
    stage, number = shop.stage, shop.sell()
    stage.clock.now_ms += 8 * 86_400_000
    with pytest.raises(AuthorizationExpired):
        shop.adapter.read_orders([number]).raise_first()

    renewed = renew(shop.connection, clock=shop.now)

    fresh = shop.adapter_with(renewed.secrets["access_token"])
    assert len(fresh.read_orders([number]).done) == 1
    assert renewed.valid_until == shop.now() + timedelta(days=7)
    second = renew(replace(shop.connection, secrets=renewed.secrets), clock=shop.now)
    assert len(fresh.read_orders([number]).done) == 1
    stage.clock.now_ms += 301_000
    with pytest.raises(AuthorizationExpired):
        fresh.read_orders([number]).raise_first()
    assert len(shop.adapter_with(second.secrets["access_token"]).read_orders([number]).done) == 1


def test_a_refresh_token_of_more_than_fourteen_days_is_dead_and_the_shop_s_number_still_opens(shop):
    shop.stage.clock.now_ms += 15 * 86_400_000
    with pytest.raises(AuthorizationExpired):
        renew(shop.connection, clock=shop.now)

    own = replace(shop.connection, options={"shop_id": shop.stage.credentials.douyin_shop_id})

    assert renew(own, clock=shop.now).renewable_until is None


def test_too_many_calls_a_second_have_to_wait(shop):
    shop.stage.control.switches(platforms={CODE: {"rate_limit": 2}})

    client = shop.client(shop.stage.credentials.douyin_access_token)
    client.call("order.logisticsCompanyList", {})
    client.call("order.logisticsCompanyList", {})
    with pytest.raises(ChannelThrottled):
        client.call("order.logisticsCompanyList", {})


def test_rows_that_shift_while_pages_are_walked_hide_no_order(shop):
    numbers = [shop.sell() for _ in range(250)]
    shop.stage.control.switches(platforms={CODE: {"page_shifts": 1.0}})
    shop.stage.clock.now_ms += 60_000

    seen = shop.changed(until_s=30)

    # What changed during the walk is met by the next one.
    shop.stage.control.switches(platforms={CODE: {"page_shifts": 0}})
    trades = shop.stage.app.world.trades.values()
    moved = {trade.number for trade in trades if trade.modified_ms == shop.stage.clock.now_ms}
    assert 0 < len(moved) < 5
    assert set(numbers) - moved <= set(seen)
    assert set(shop.changed()) == set(numbers)


def test_stock_is_listed_on_this_platform_alone(shop):
    first, second = SKUS[0], SKUS[1]
    pushes = [
        StockPush(str(first.num_iid), str(first.sku_id), 7),
        StockPush(str(second.num_iid), str(second.sku_id), 0),
        StockPush(str(second.num_iid), "1", 9),
    ]

    result = shop.adapter.push_stock(pushes)

    assert (result.done, [r.key for r in result.refused]) == (pushes[:2], pushes[2:])
    world = shop.stage.app.world
    assert world.listed_stock(CODE, first.num_iid, first.sku_id) == 7
    assert world.listed_stock("tmall", first.num_iid, first.sku_id) == 0
    shop.adapter.push_stock([StockPush(str(first.num_iid), str(first.sku_id), -2)], mode="delta")
    assert world.listed_stock(CODE, first.num_iid, first.sku_id) == 5


def test_a_remark_arrives_with_its_star(shop):
    number = shop.sell()

    shop.adapter.send_remark(number, text="加急：今天发出", flag=5)

    order = shop.order(number)
    assert (order.seller_remark, order.seller_flag) == ("加急：今天发出", 5)


@pytest.mark.parametrize("switch", ["http_500", "garbage", "hostile"])
def test_a_platform_that_answers_nonsense_is_an_error_of_its_own_kind_and_never_an_exception(shop, switch):
    number = shop.sell()
    shop.stage.control.switches(platforms={CODE: {switch: 1.0}})

    result = shop.adapter.read_orders([number])

    assert result.done == []
    assert isinstance(result.refused[0].error, ChannelError)


def test_a_presale_waits_for_its_balance_and_may_ship_only_then(shop):
    number = shop.sell(paid=False, presale=True)
    assert (shop.order(number).presale_state, shop.order(number).status) == ("deposit_due", "created")

    shop.stage.control.pay(number)
    deposit = shop.order(number)
    shop.stage.control.pay(number)
    whole = shop.order(number)

    assert (deposit.presale_state, deposit.status, whole.presale_state, whole.status) == (
        "balance_due",
        "created",
        "paid",
        "paid",
    )
    assert 0 < deposit.payment.amount < deposit.total_amount
    assert (whole.payment.amount, whole.held) == (whole.total_amount, False)
    assert deposit.payment.external_no != whole.payment.external_no
