"""An order of WeChat shop from the push at our door to the number at the platform, calls and signatures included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from channels_sync.adapters import wechat_shop_client
from channels_sync.kinds import TRACKING_KIND
from channels_sync.models import ChannelAccount, PullRun
from channels_sync.sandbox.control_trades import TradeControl
from channels_sync.sandbox.platforms import Fact, Sealed
from channels_sync.sandbox.platforms.wechat_shop import CODE
from channels_sync.sandbox.trades import Trade
from channels_sync.services import pull_orders, pull_refunds, read_back, renew_authorisation
from finance.models import PaymentEntry
from fulfillment.models import Shipment
from ordercenter.cases.models import Case
from ordercenter.catalog.models import Channel, Shop, Sku
from ordercenter.common.secretfield import unseal
from ordercenter.events import registry
from ordercenter.events.models import InboxMessage, OutgoingCommand
from ordercenter.orders.models import Order, RefundRequest
from tests.flows.outside import answer_everything, settle_down, ship
from tests.flows.world import World
from tests.fulfillment.courier_stage import Post, sandbox

pytestmark = pytest.mark.django_db


class Market:
    """The played WeChat shop, our company with an account at it, and the way between."""

    def __init__(self, post: Post, world: World):
        self.post, self.app, self.world = post, post.app, world
        keys = post.credentials
        channel = Channel.objects.create(code=CODE, name="微信小店")
        self.shop = Shop.objects.create(channel=channel, code="wx1", name="木棉家居视频号小店")
        self.account = ChannelAccount.objects.create(
            shop=self.shop,
            adapter=CODE,
            base_url=f"{post.url}/wechat_shop",
            app_key=keys.wechat_app_id,
            secrets={"secret": keys.wechat_secret, "token": keys.wechat_token, "aes_key": keys.wechat_aes_key},
            push_token=keys.push_token(CODE),
        )
        self.account.refresh_from_db()
        for code in ("SKU-1001", "SKU-1004"):
            Sku.objects.create(code=code, name=code, weight_g=400, list_price=Decimal(90), floor_price=Decimal(1))
        world.stock({"SKU-1001": 500, "SKU-1004": 500}, key="wechat")

    def sell(self, *lines: tuple[str, int], **wanted: Any) -> Trade:
        body = {"platform": CODE, "lines": [{"sku": sku, "num": num} for sku, num in lines], **wanted}
        (number,) = TradeControl(self.app.shop).make(body)["tids"]
        return self.app.shop.sold_on(CODE, number)

    def deliver(self) -> None:
        """Let the platform's pushes reach our door."""
        while self.app.world.agenda.run_due() or self.app.pusher.send_waiting():
            pass

    def settle(self) -> None:
        """Pushes in, what they are about read back, and everything that follows."""
        self.deliver()
        read_back(account=self.account)
        settle_down()


def post_to_our_door(url: str, sealed: Sealed, _timeout_s: float) -> tuple[int, bytes]:
    parts = urlsplit(url)
    answer = Client().generic(
        "POST",
        parts.path,
        sealed.body,
        content_type=sealed.content_type,
        query_params=dict(parse_qsl(parts.query)),
    )
    return answer.status_code, answer.content


@pytest.fixture
def market(monkeypatch: pytest.MonkeyPatch) -> Iterator[Market]:
    real = registry.senders()[TRACKING_KIND]
    answer_everything(monkeypatch)
    # The warehouse is played by the test; what is told to the channel goes out.
    monkeypatch.setitem(registry._senders, TRACKING_KIND, real)
    wechat_shop_client._instead.clear()
    with sandbox(bring=post_to_our_door) as post:
        yield Market(post, World())


def test_a_pushed_order_is_shipped_and_its_number_reaches_the_platform(market: Market) -> None:
    assert renew_authorisation(account=market.account)
    trade = market.sell(("SKU-1001", 2), ("SKU-1004", 1))

    market.settle()

    order = Order.objects.get()
    assert (order.channel_order_no, order.shop_id) == (trade.number, market.shop.pk)
    assert order.paid_amount == Decimal(trade.payment_fen) / 100
    assert order.state == "in_fulfillment"
    payment = PaymentEntry.objects.get()
    assert (payment.provider, payment.external_no) == ("wechatpay", f"4200{trade.alipay_no}")
    assert not market.app.world.pushes
    shipment = Shipment.objects.get()

    ship(shipment, tracking_no="7000000000001")
    settle_down()

    assert trade.status == "WAIT_BUYER_CONFIRM_GOODS"
    assert [(parcel.carrier, parcel.waybill) for parcel in trade.parcels] == [("ZTO", "7000000000001")]
    shipment.refresh_from_db()
    assert (shipment.state, shipment.reported_at is not None) == ("shipped", True)
    assert OutgoingCommand.objects.get(kind=TRACKING_KIND).status == "done"

    market.app.shop.receive(trade.tid)
    market.settle()

    order.refresh_from_db()
    assert order.state == "completed"
    assert not Case.objects.exists()


def test_pushes_that_come_twice_late_and_overtaken_make_one_order(market: Market) -> None:
    switches = market.app.world.switches
    market.app.world.switches = replace(switches, duplicates=1.0)
    trade = market.sell(("SKU-1001", 1))
    market.deliver()
    for _again in range(3):
        market.app.shop.emit(Fact.PAID, trade)
    market.settle()
    market.settle()

    assert Order.objects.count() == 1
    assert set(InboxMessage.objects.filter(kind="wechat_shop.message").values_list("status", flat=True)) == {"done"}


def test_an_order_whose_pushes_were_lost_is_found_by_the_pull_and_counted(market: Market) -> None:
    market.app.world.switches = replace(market.app.world.switches, lost_messages=1.0)
    # Old enough that a push should have told.
    skewed = replace(market.app.world.switches, clock_skew_s=-120.0)
    market.app.world.switches = skewed
    trade = market.sell(("SKU-1001", 1))
    market.deliver()
    assert not InboxMessage.objects.exists()

    first = pull_orders(account=market.account)
    settle_down()
    again = pull_orders(account=market.account)

    assert Order.objects.get().channel_order_no == trade.number
    assert (first.seen, first.kept, first.missed) == (1, 1, 1)
    assert (again.seen, again.kept, again.missed) == (1, 0, 0)
    assert PullRun.objects.count() == 1


def test_a_refund_before_shipping_stops_the_order(market: Market) -> None:
    trade = market.sell(("SKU-1001", 1))
    market.settle()
    refund = market.app.shop.open_refund(trade.tid, oid=trade.lines[0].oid, reason="拍错了")

    market.settle()

    after_sale = RefundRequest.objects.get()
    assert (after_sale.channel_refund_no, after_sale.amount) == (refund.refund_id, Decimal(refund.fee_fen) / 100)
    market.app.shop.decide_refund(refund.refund_id, "agree")
    market.settle()
    settle_down()
    assert Order.objects.get().state == "cancelled"
    assert PaymentEntry.objects.filter(kind="refund").get().amount == after_sale.amount
    run = pull_refunds(account=market.account)
    assert (run.seen, run.kept) == (1, 0)


def test_two_parcels_of_one_line_are_reported_piece_by_piece(market: Market) -> None:
    trade = market.sell(("SKU-1001", 3))
    market.settle()
    shipment = Shipment.objects.get()

    ship(shipment, tracking_no="7000000000001", actual=[2])
    settle_down()

    assert trade.status == "SELLER_CONSIGNED_PART"
    assert [(parcel.waybill, [n for _oid, n in parcel.pieces]) for parcel in trade.parcels] == [("7000000000001", [2])]


def test_the_fetched_token_is_kept_with_the_account_and_used(market: Market) -> None:
    assert renew_authorisation(account=market.account)
    kept = unseal(ChannelAccount.objects.get(pk=market.account.pk).secrets)

    assert kept["access_token"] in market.app.world.tokens[CODE]["access"]
    assert kept["secret"] == market.post.credentials.wechat_secret
    assert not renew_authorisation(account=ChannelAccount.objects.get(pk=market.account.pk), at=timezone.now())


def test_what_is_hostile_or_forged_at_the_door_leaves_the_inbox_readable(market: Market) -> None:
    market.app.world.switches = replace(market.app.world.switches, hostile_pushes=1.0)
    for _no in range(12):
        market.sell(("SKU-1001", 1))
    market.deliver()
    forged = Client().post(
        f"/channels/wechat_shop/{market.account.push_token}/?timestamp=1&nonce=2&msg_signature=" + "0" * 40,
        b'{"Encrypt":"AAAA"}',
        content_type="application/json",
    )

    read_back(account=market.account)
    settle_down()

    assert forged.status_code == 401
    assert not market.app.world.pushes  # signed by the platform: answered, kept, not asked for again
    assert set(InboxMessage.objects.values_list("kind", "status")) == {("wechat_shop.message", "parked")}
    assert not Order.objects.exists()
