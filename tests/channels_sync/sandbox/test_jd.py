"""Our client and the played JD platform, over real HTTP: each checks the other."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from channels_sync.adapters.base import Connection, StockPush, Tracking, TrackingResult, Window
from channels_sync.adapters.jd import JdAdapter
from channels_sync.adapters.jd_client import JdClient, JdCredentials, renew
from channels_sync.adapters.jd_mapping import read_order, read_refund
from channels_sync.errors import TrackingRefused
from channels_sync.sandbox.goods import SKUS
from ordercenter.common.platform_errors import AuthorizationExpired, ChannelError, ChannelRefused, ChannelThrottled
from tests.channels_sync.sandbox.over_http import over_http

CODE = "jd"


class Shop:
    """The stage's JD shop as our code sees it."""

    def __init__(self, stage, url):
        keys = stage.credentials
        self.stage, self.url = stage, url
        self.connection = Connection(
            1,
            f"{url}/jd/routerjson",
            keys.jd_app_key,
            {"secret": keys.jd_secret, "access_token": keys.jd_access_token, "refresh_token": keys.jd_refresh_token},
            {"oauth_url": f"{url}/jd"},
        )
        self.adapter = self.adapter_with()

    def now(self):
        return datetime.fromtimestamp(self.stage.clock.now_ms / 1000, UTC)

    def client(self, **changes):
        keys = self.stage.credentials
        credentials = JdCredentials(keys.jd_app_key, keys.jd_secret, keys.jd_access_token, self.connection.base_url)
        return JdClient(replace(credentials, **changes), clock=self.now, pause=lambda seconds: None)

    def adapter_with(self, token="", **options):
        return JdAdapter(self.client(**({"access_token": token} if token else {})), **options)

    def sell(self, **wanted):
        return self.stage.control.create_trade(platform=CODE, **wanted)

    def order(self, number, adapter=None):
        (raw,) = (adapter or self.adapter).read_orders([number]).done
        return read_order(json.loads(raw.body))

    def changed(self, until_s=0, adapter=None):
        end = self.now() - timedelta(seconds=until_s)
        window, cursor, seen = Window(end - timedelta(hours=1), end), None, []
        while True:
            page = (adapter or self.adapter).pull_changed_orders(window, cursor)
            assert page.unreadable == ()
            seen += [order.channel_order_no for order in page.orders]
            cursor = page.next_cursor
            if cursor is None:
                return seen

    def refunds(self):
        window, cursor, found = Window(self.now() - timedelta(hours=1), self.now()), None, {}
        while True:
            page = self.adapter.pull_refunds(window, cursor)
            assert page.unreadable == ()
            found |= {raw.channel_refund_no: read_refund(raw.payload) for raw in page.refunds}
            cursor = page.next_cursor
            if cursor is None:
                return found


@pytest.fixture
def shop(stage):
    with over_http(stage) as url:
        yield Shop(stage, url)


@pytest.mark.parametrize("options", [{}, {"request_shape": "wrapped"}, {"is_sealed": True}])
def test_an_order_is_read_in_every_shape_and_adds_up(shop, options):
    adapter = shop.adapter_with(**options)
    numbers = [shop.sell() for _ in range(5)]

    assert sorted(shop.changed(adapter=adapter)) == sorted(numbers)
    for number in numbers:
        order = shop.order(number, adapter)
        trade = shop.stage.app.shop.sold_on(CODE, number)
        assert (len(number), order.status, order.held) == (12, "paid", False)
        assert order.total_amount == Decimal(trade.payment_fen) / 100
        assert order.goods_total - order.discount_total + order.freight == order.total_amount
        assert [line.paid_share for line in order.lines] == [Decimal(line.divided_fen) / 100 for line in trade.lines]
        assert [line.outer_sku for line in order.lines] == [line.outer_sku_id for line in trade.lines]
        assert (order.receiver.is_masked, order.receiver.oaid) == (True, trade.buyer.oaid)
        assert order.receiver.district == trade.buyer.district
        assert order.buyer_id == trade.buyer.open_uid


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


def test_a_number_once_told_stays_and_the_refusal_says_where_it_is_corrected(shop):
    number = shop.sell()
    shop.adapter.send_tracking(Tracking(number, "SF", "OLD"))

    with pytest.raises(TrackingRefused, match="the platform's own back office") as refused:
        shop.adapter.change_tracking(Tracking(number, "SF", "NEW"), instead_of="OLD")

    assert refused.value.sub_code == "number_not_changeable"
    assert shop.adapter.send_tracking(Tracking(number, "SF", "OLD")) == TrackingResult("already_shipped")


def test_an_order_under_refund_is_not_shipped(shop):
    number = shop.sell()
    refund = shop.stage.control.ask_refund(number, reason="拍错了")

    with pytest.raises(TrackingRefused) as refused:
        shop.adapter.send_tracking(Tracking(number, "SF", "SF1"))

    assert refused.value.error_code == 10400002
    assert shop.refunds()[refund].status == "requested"


@pytest.mark.parametrize(("decision", "status"), [("agree", "succeeded"), ("refuse", "refused"), ("close", "refused")])
def test_a_refund_is_found_by_when_it_was_asked_for_and_again_by_when_it_was_decided(shop, decision, status):
    number = shop.sell()
    refund = shop.stage.control.ask_refund(number)
    asked = shop.refunds()[refund]
    shop.stage.clock.now_ms += 5000
    shop.stage.control.decide_refund(refund, decision)

    decided = shop.refunds()[refund]

    assert (asked.status, decided.status, decided.channel_order_no) == ("requested", status, number)
    assert decided.version > asked.version
    assert read_refund(shop.adapter.read_refund(refund).payload) == decided


@pytest.mark.parametrize(
    ("changes", "code"), [({"secret": "wrong"}, 12), ({"app_key": "1"}, 13), ({"access_token": "1"}, 19)]
)
def test_a_call_that_is_not_signed_as_it_must_be_is_refused(shop, changes, code):
    with pytest.raises(AuthorizationExpired if code == 19 else ChannelRefused) as refused:
        shop.client(**changes).call("jingdong.pop.order.get", {"order_id": 1})

    assert refused.value.error_code == code


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("jingdong.nothing", {}, 15),
        ("jingdong.pop.order.search", {"start_date": "x"}, 10),
        (
            "jingdong.pop.order.search",
            {"start_date": "2026-10-01 00:00:00", "end_date": "2026-11-11 00:00:00", "optional_fields": "orderId"},
            10,
        ),
        ("jingdong.pop.order.get", {"order_id": 7}, 10400010),
        ("jingdong.stock.write.updateSkuStock", {"skuId": 7, "stockNum": 1}, 10400006),
        ("jingdong.ware.stock.sku.set", {"skuId": SKUS[0].sku_id, "stockNum": -1}, 10400007),
    ],
)
def test_what_cannot_be_done_is_refused_at_its_own_level(shop, method, params, code):
    with pytest.raises(ChannelRefused) as refused:
        shop.client().call(method, params)

    assert refused.value.error_code == code


def test_orders_of_other_platforms_are_unknown_here(shop):
    shop.stage.control.create_trade()

    assert shop.changed() == []


def test_a_token_is_renewed_before_its_end_and_never_after(shop):
    stage, number = shop.stage, shop.sell()
    renewed = renew(shop.connection, clock=shop.now)
    fresh = shop.adapter_with(renewed.secrets["access_token"])
    assert len(fresh.read_orders([number]).done) == 1

    stage.clock.now_ms += 366 * 86_400_000
    with pytest.raises(AuthorizationExpired):
        fresh.read_orders([number]).raise_first()
    with pytest.raises(AuthorizationExpired):
        renew(replace(shop.connection, secrets=renewed.secrets), clock=shop.now)


def test_too_many_calls_a_second_have_to_wait(shop):
    number = shop.sell()
    shop.stage.control.switches(platforms={CODE: {"rate_limit": 1}})

    shop.order(number)
    with pytest.raises(ChannelThrottled):
        shop.client().call("jingdong.pop.order.get", {"order_id": int(number)})


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


@pytest.mark.parametrize("stock_api", ["old", "new"])
def test_stock_is_listed_by_the_old_call_and_by_its_successor(shop, stock_api):
    sku = SKUS[0]
    pushes = [StockPush(str(sku.num_iid), str(sku.sku_id), 7), StockPush(str(sku.num_iid), "1", 9)]

    result = shop.adapter_with(stock_api=stock_api).push_stock(pushes)

    assert (result.done, [r.key for r in result.refused]) == (pushes[:1], pushes[1:])
    assert shop.stage.app.world.listed_stock(CODE, sku.num_iid, sku.sku_id) == 7


def test_a_remark_arrives(shop):
    number = shop.sell()

    shop.adapter.send_remark(number, text="加急：今天发出", flag=1)

    assert shop.order(number).seller_remark == "加急：今天发出"
    assert shop.stage.app.shop.sold_on(CODE, number).seller_flag == 1


@pytest.mark.parametrize("switch", ["http_500", "garbage", "hostile"])
def test_a_platform_that_answers_nonsense_is_an_error_of_its_own_kind_and_never_an_exception(shop, switch):
    number = shop.sell()
    shop.stage.control.switches(platforms={CODE: {switch: 1.0}})

    result = shop.adapter.read_orders([number])

    assert result.done == []
    assert isinstance(result.refused[0].error, ChannelError)
