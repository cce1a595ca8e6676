"""Our clients of Shopify, WooCommerce and the connector against the shops that the sandbox plays, over real HTTP."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from channels_sync.adapters import http, shopify, woocommerce
from channels_sync.adapters.base import Connection, PushRequest, StockPush, Tracking, Window
from channels_sync.connector.samples import SAMPLE
from channels_sync.errors import PushRefused
from channels_sync.platforms import PLATFORMS
from channels_sync.sandbox.doors import DOORS
from channels_sync.sandbox.platforms.direct import DirectDoor
from channels_sync.sandbox.platforms.shopify import LOCATION, ShopifyDoor
from channels_sync.sandbox.platforms.woocommerce import WooCommerceDoor
from channels_sync.sandbox.switches import Switches
from ordercenter.common.platform_errors import AuthorizationExpired, ChannelThrottled
from ordercenter.common.strictjson import loads_strict
from tests.channels_sync.sandbox.reached import reached
from tests.channels_sync.sandbox.stage import Stage

SHOPS = {"shopify": ShopifyDoor, "woocommerce": WooCommerceDoor, "http": DirectDoor}
CODES = sorted(SHOPS)


@pytest.fixture
def stage(credentials, clock, monkeypatch, settings):
    for code, door in SHOPS.items():
        monkeypatch.setitem(DOORS, code, door)
    settings.CONNECTOR_INTERNAL_HOSTS = ["127.0.0.1"]
    stage = Stage(credentials, clock, resting=Switches(wms_callback_url="http://center.test/qimen/{customerId}/"))
    yield stage
    stage.close()


@contextmanager
def shop_of(stage, code):
    """Our client of one shop, whose calls reach the stage over HTTP."""

    with reached(stage.http) as url:
        connection = connection_of(stage, code, url)
        if code == "woocommerce":
            # Its signatures carry the time, and time is the stage's.
            yield woocommerce.WooCommerceAdapter(
                base_url=connection.base_url,
                consumer_key=connection.app_key,
                consumer_secret=connection.secrets["consumer_secret"],
                clock=lambda: datetime.fromtimestamp(stage.clock.now_ms / 1000, tz=UTC),
            )
        else:
            yield PLATFORMS[code].connect(connection)


def connection_of(stage, code, base_url="http://127.0.0.1:9"):
    keys = stage.credentials
    root = SHOPS[code].root
    if code == "shopify":
        secrets = {"access_token": keys.shopify_access_token, "api_secret": keys.shopify_api_secret}
        return Connection(1, base_url + root, keys.shopify_domain, secrets, {"location_id": str(LOCATION)})
    if code == "woocommerce":
        secrets = {"consumer_secret": keys.woo_secret, "webhook_secret": keys.woo_webhook_secret}
        return Connection(1, base_url + root, keys.woo_key, secrets)
    secrets = {"api_key": keys.direct_api_key, "webhook_secret": keys.direct_webhook_secret}
    return Connection(1, base_url + root, "mumian", secrets, {"connector": SAMPLE})


def sell(stage, code, orders=6):
    """Orders sold and paid on one shop, a second apart, of two lines each; their trades."""
    for number in range(orders):
        lines = [{"sku": "SKU-1001", "num": 2, "discount": "3.33"}, {"sku": "SKU-1002", "num": 1 + number % 3}]
        stage.control.create_trade(platform=code, lines=lines, post_fee="8.00", buyer_message="周末送")
        stage.pass_time(1)
    return [trade for trade in stage.app.world.trades.values() if trade.platform == code]


def window(stage):
    now = datetime.fromtimestamp(stage.clock.now_ms / 1000, tz=UTC)
    return Window(now - timedelta(hours=1), now + timedelta(seconds=2))


def pulled(adapter, span):
    found, cursor = {}, None
    while True:
        page = adapter.pull_changed_orders(span, cursor)
        assert page.unreadable == ()
        numbers = [row.channel_order_no for row in page.orders]
        result = adapter.read_orders(numbers)
        assert result.refused == []
        found.update((raw.channel_order_no, raw) for raw in result.done)
        if page.next_cursor is None:
            return found
        cursor = page.next_cursor


def reader(stage, code):
    platform = PLATFORMS[code]
    if platform.readers_of is None:
        return platform.read_order, platform.read_refund
    readers = platform.readers_of(connection_of(stage, code))
    return readers.read_order, readers.read_refund


@pytest.mark.parametrize("code", CODES)
def test_what_was_sold_there_comes_in_with_the_sums_that_were_paid(stage, code):
    trades = sell(stage, code)
    read_order, _read_refund = reader(stage, code)

    with shop_of(stage, code) as adapter:
        raws = pulled(adapter, window(stage))

    assert set(raws) == {trade.number for trade in trades}
    assert len(raws) >= 6
    for trade in trades:
        order = read_order(loads_strict(raws[trade.number].body))
        assert order.total_amount == Decimal(trade.payment_fen) / 100
        assert [line.channel_line_no for line in order.lines] == [trade.line_number(line) for line in trade.lines]
        assert [line.listing_sku_id for line in order.lines] == [str(line.sku_id) for line in trade.lines]
        assert sum(line.paid_share for line in order.lines) + order.freight == order.total_amount
        assert (order.paid_at is not None) == bool(trade.paid_ms)
        assert order.receiver.phone == trade.buyer.mobile


@pytest.mark.parametrize("code", CODES)
def test_a_parcel_is_reported_once_by_line_and_the_rest_later(stage, code):
    trade = sell(stage, code, orders=1)[0]
    first, *others = trade.lines

    with shop_of(stage, code) as adapter:
        one = Tracking(
            trade.number, "SF", "SF1", (trade.line_number(first),), ((trade.line_number(first), first.num),), "k1"
        )
        sent = adapter.send_tracking(one)
        after_one = [parcel.waybill for parcel in trade.parcels]
        adapter.send_tracking(one)
        rest = tuple((trade.line_number(line), line.num) for line in others)
        adapter.send_tracking(Tracking(trade.number, "YTO", "YT2", tuple(no for no, _ in rest), rest, "k2"))
        raws = adapter.read_orders([trade.number]).done

    read_order, _read_refund = reader(stage, code)
    assert (sent.outcome, after_one) == ("sent", ["SF1"])
    assert [parcel.waybill for parcel in trade.parcels] == ["SF1", "YT2"]
    assert trade.status == "WAIT_BUYER_CONFIRM_GOODS"
    assert read_order(loads_strict(raws[0].body)).status in ("shipped", "completed")


@pytest.mark.parametrize("code", CODES)
def test_an_order_that_is_not_paid_is_not_shipped(stage, code):
    trade = sell(stage, code)[0]
    trade.status = "WAIT_BUYER_PAY"
    for line in trade.lines:
        line.status = "WAIT_BUYER_PAY"

    with shop_of(stage, code) as adapter, pytest.raises(Exception) as refused:  # noqa: PT011
        adapter.send_tracking(Tracking(trade.number, "SF", "SF1"))

    assert getattr(refused.value, "outcome_known", False)
    assert trade.parcels == []


@pytest.mark.parametrize("code", ["shopify", "woocommerce"])
def test_a_number_is_corrected_and_a_remark_written(stage, code):
    trade = next(t for t in sell(stage, code) if t.paid_ms)

    with shop_of(stage, code) as adapter:
        adapter.send_tracking(Tracking(trade.number, "SF", "OLD"))
        adapter.change_tracking(Tracking(trade.number, "SF", "NEW"), instead_of="OLD")
        adapter.send_remark(trade.number, "易碎", 3)
        (raw,) = adapter.read_orders([trade.number]).done

    read_order, _read_refund = reader(stage, code)
    order = read_order(loads_strict(raw.body))
    assert [parcel.waybill for parcel in trade.parcels] == ["NEW"]
    assert (order.seller_remark, order.seller_flag, order.buyer_remark) == ("易碎", 3, trade.buyer_message)


@pytest.mark.parametrize("code", CODES)
def test_money_that_went_back_comes_as_a_refund_of_its_line(stage, code):
    trade = next(t for t in sell(stage, code) if t.paid_ms)
    line = trade.lines[0]
    refund = stage.app.shop.open_refund(trade.tid, oid=line.oid, reason="不想要了")
    stage.app.shop.decide_refund(refund.refund_id, "agree")
    _read_order, read_refund = reader(stage, code)

    with shop_of(stage, code) as adapter:
        rows = adapter.pull_refunds(window(stage)).refunds

    (read,) = [read_refund(row.payload) for row in rows]
    assert (read.channel_order_no, read.channel_line_no) == (trade.number, trade.line_number(line))
    assert (read.status, read.amount, read.reason) == ("succeeded", Decimal(refund.fee_fen) / 100, "不想要了")


@pytest.mark.parametrize("code", CODES)
def test_stock_is_set_where_the_shop_sells_it(stage, code):
    trade = sell(stage, code)[0]
    line = trade.lines[0]
    good = StockPush(str(line.num_iid), str(line.sku_id), 17)

    with shop_of(stage, code) as adapter:
        result = adapter.push_stock([good])

    assert (result.done, result.refused) == ([good], [])
    assert stage.app.world.listed_stock(code, line.num_iid, line.sku_id) == 17


@pytest.mark.parametrize("code", CODES)
def test_a_lost_key_and_too_many_calls_are_told_apart(stage, code):
    sell(stage, code)

    with shop_of(stage, code) as adapter:
        stage.control.switches(platforms={code: {"token_expired": True}})
        with pytest.raises(AuthorizationExpired):
            adapter.pull_changed_orders(window(stage))
        stage.control.switches(platforms={code: {"token_expired": False, "rate_limit": 1}})
        adapter.pull_changed_orders(window(stage))
        with pytest.raises(ChannelThrottled):
            adapter.pull_changed_orders(window(stage))


@pytest.mark.parametrize("code", CODES)
def test_rows_that_move_while_pages_are_walked_hide_none(stage, code):
    trades = sell(stage, code, orders=130)
    stage.control.switches(platforms={code: {"page_shifts": 1.0}})

    with shop_of(stage, code) as adapter:
        raws = pulled(adapter, window(stage))
        stage.control.switches(platforms={code: {"page_shifts": 0}})
        stage.pass_time(60)
        # What changed during the walk comes with the next look, what did not is never hidden.
        unchanged = {trade.number for trade in trades if trade.modified_ms == trade.paid_ms}
        later = pulled(adapter, window(stage))

    assert unchanged <= set(raws)
    assert set(raws) | set(later) == {trade.number for trade in trades}


@pytest.mark.parametrize("code", CODES)
def test_what_is_pushed_is_signed_and_says_the_same_as_what_is_read(stage, code):
    stage.push_reply = (200, b"")
    trades = sell(stage, code)
    at = datetime.fromtimestamp(stage.clock.now_ms / 1000, tz=UTC)
    connection = connection_of(stage, code)
    read_order, _read_refund = reader(stage, code)

    def request_of(sealed, body):
        headers = {name.lower(): value for name, value in sealed.headers.items()}
        return PushRequest("POST", "/", dict(sealed.query), headers, body, at)

    found = {}
    for _url, sealed in stage.pushed:
        pushed = PLATFORMS[code].take_push(connection, request_of(sealed, sealed.body))
        assert pushed.unreadable == ()
        for raw in pushed.orders:
            assert raw.body == sealed.body
            order = read_order(json.loads(raw.body, parse_float=Decimal))
            found[raw.channel_order_no] = order.total_amount
        with pytest.raises(PushRefused):
            PLATFORMS[code].take_push(connection, request_of(sealed, sealed.body + b" "))

    assert found == {trade.number: Decimal(trade.payment_fen) / 100 for trade in trades}


def test_the_played_shops_speak_for_all_three():
    assert {code: SHOPS[code].traits.code for code in SHOPS} == {code: code for code in SHOPS}
    assert {http.PLATFORM.code, shopify.PLATFORM.code, woocommerce.PLATFORM.code} == set(SHOPS)
