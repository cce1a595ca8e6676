"""Orders of Shopify, WooCommerce and a connector, from the played shop over HTTP to the parcel it is told of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from urllib.parse import urlsplit

import httpx
import pytest
from django.test import Client

from channels_sync.connector.samples import SAMPLE
from channels_sync.models import ChannelAccount
from channels_sync.sandbox import goods
from channels_sync.sandbox.control import SandboxControl
from channels_sync.sandbox.credentials import generate
from channels_sync.sandbox.doors import DOORS
from channels_sync.sandbox.platforms.direct import DirectDoor
from channels_sync.sandbox.platforms.shopify import LOCATION, ShopifyDoor
from channels_sync.sandbox.platforms.woocommerce import WooCommerceDoor
from channels_sync.sandbox.wsgi import SandboxApp
from channels_sync.services import pull_orders, pull_refunds
from finance.models import PaymentEntry
from fulfillment.models import Shipment
from fulfillment.services.dispatching import CANCEL_KIND, CREATE_KIND
from ordercenter.cases.models import Case
from ordercenter.catalog.models import Channel, ListingMatch, Shop, Sku
from ordercenter.events import registry
from ordercenter.events.models import InboxMessage, OutgoingCommand
from ordercenter.events.registry import Attempt
from ordercenter.events.retrying import retry_messages
from ordercenter.orders.models import Order, RefundRequest
from tests.channels_sync.sandbox.reached import reached
from tests.flows.outside import ANSWERS, settle_down, ship
from tests.flows.world import World

pytestmark = pytest.mark.django_db

CODES = ["http", "shopify", "woocommerce"]
LINES = [{"sku": goods.SKUS[0].code, "num": 2}, {"sku": goods.SKUS[1].code, "num": 1}]


@dataclass
class Played:
    """The sandbox behind the accounts; what it pushes comes to our door in the test's own thread."""

    app: SandboxApp
    control: SandboxControl

    def hear(self) -> None:
        while self.app.world.agenda.run_due() or self.app.pusher.send_waiting():
            pass
        settle_down()

    def look(self, code: str) -> None:
        account = ChannelAccount.objects.select_related("shop").get(adapter=code)
        pull_orders(account=account)
        pull_refunds(account=account)
        settle_down()

    def trade(self, code: str, number: str):
        return self.app.shop.sold_on(code, number)


def bring(url, sealed, _timeout_s):
    answer = Client().post(
        urlsplit(url).path, data=sealed.body, content_type=sealed.content_type, headers=dict(sealed.headers)
    )
    return answer.status_code, answer.content


@pytest.fixture
def played(monkeypatch, settings):
    def answer_warehouse(_target: str, commands: Sequence[OutgoingCommand]) -> Mapping[int, Attempt]:
        return {c.pk: Attempt(lambda kind=c.kind: dict(ANSWERS[kind])) for c in commands}

    for kind in (CREATE_KIND, CANCEL_KIND):
        monkeypatch.setitem(registry._senders, kind, replace(registry.senders()[kind], prepare=answer_warehouse))
    for code, door in (("shopify", ShopifyDoor), ("woocommerce", WooCommerceDoor), ("http", DirectDoor)):
        monkeypatch.setitem(DOORS, code, door)
    settings.CONNECTOR_INTERNAL_HOSTS = ["127.0.0.1"]
    world, keys = World(), generate()
    skus = Sku.objects.bulk_create(
        Sku(code=ware.code, name=ware.title, weight_g=ware.weight_g, list_price=Decimal(ware.price_fen) / 100)
        for ware in goods.SKUS
    )
    world.stock({sku.code: 100 for sku in skus}, key="demo")
    app = SandboxApp(keys, bring=bring)
    control = SandboxControl("http://localhost", transport=httpx.WSGITransport(app=app))
    with httpx.Client(transport=httpx.WSGITransport(app=app)) as client, reached(client) as url:
        for code, app_key, secrets, options in (
            (
                "shopify",
                keys.shopify_domain,
                {"access_token": keys.shopify_access_token, "api_secret": keys.shopify_api_secret},
                {"location_id": str(LOCATION)},
            ),
            (
                "woocommerce",
                keys.woo_key,
                {"consumer_secret": keys.woo_secret, "webhook_secret": keys.woo_webhook_secret},
                {},
            ),
            (
                "http",
                "mumian",
                {"api_key": keys.direct_api_key, "webhook_secret": keys.direct_webhook_secret},
                {"connector": SAMPLE},
            ),
        ):
            shop = Shop.objects.create(channel=Channel.objects.create(code=code, name=code), code=code, name=code)
            ChannelAccount.objects.create(
                shop=shop,
                adapter=code,
                base_url=f"{url}{DOORS[code].root}",
                app_key=app_key,
                secrets=secrets,
                options=options,
                push_token=keys.push_token(code),
            )
            ListingMatch.objects.bulk_create(
                ListingMatch(shop=shop, listing_id=str(ware.num_iid), listing_sku_id=str(ware.sku_id), sku=sku)
                for ware, sku in zip(goods.SKUS, skus, strict=True)
            )
        yield Played(app, control)
    control.close()
    app.stop()


@pytest.mark.parametrize("code", CODES)
def test_an_order_goes_from_the_shop_to_the_parcel_that_it_is_told_of(played, code):
    number = played.control.create_trade(platform=code, lines=LINES, post_fee="8.00")
    played.hear()

    order, trade = Order.objects.get(), played.trade(code, number)
    assert (order.channel_order_no, order.shop.code, order.state) == (number, code, "in_fulfillment")
    assert order.paid_amount == order.total_amount == Decimal(trade.payment_fen) / 100
    assert [line.paid_share for line in order.lines.order_by("line_no")] == [
        Decimal(line.divided_fen) / 100 for line in trade.lines
    ]
    assert (PaymentEntry.objects.get().provider, PaymentEntry.objects.get().amount) == (code, order.total_amount)

    ship(Shipment.objects.get(), tracking_no="ZT0001")
    settle_down()

    command = OutgoingCommand.objects.get(kind="channel.tracking")
    assert (command.status, command.answer["outcome"]) == ("done", "sent")
    assert [(parcel.carrier, parcel.waybill) for parcel in trade.parcels] == [("ZTO", "ZT0001")]

    played.hear()
    played.control.receive(number)
    played.hear()
    order.refresh_from_db()
    assert order.state == "completed"
    assert not Case.objects.exists()


@pytest.mark.parametrize("code", CODES)
def test_what_no_push_told_is_found_by_looking_and_a_push_twice_is_one_order(played, code):
    played.control.switches(platforms={code: {"lost_messages": 1.0}})
    number = played.control.create_trade(platform=code, lines=LINES[:1])
    played.hear()
    unheard = Order.objects.count()

    played.look(code)
    played.look(code)
    played.control.switches(platforms={code: {"lost_messages": 0, "duplicates": 1.0}})
    played.control.change_memo(number, "易碎")
    played.hear()

    assert unheard == 0
    assert Order.objects.get().channel_order_no == number
    assert PaymentEntry.objects.count() == 1


@pytest.mark.parametrize("code", CODES)
def test_money_that_goes_back_before_shipping_ends_the_order(played, code):
    number = played.control.create_trade(platform=code, lines=LINES[:1])
    played.hear()
    refund = played.control.ask_refund(number, reason="拍错了")
    played.control.decide_refund(refund, "agree")
    played.hear()
    played.look(code)

    order = Order.objects.get()
    assert (order.state, order.refunded_amount) == ("cancelled", order.total_amount)
    assert RefundRequest.objects.get().status == "refunded"
    assert sorted(PaymentEntry.objects.values_list("kind", flat=True)) == ["payment", "refund"]
    assert played.trade(code, number).parcels == []


@pytest.mark.parametrize("code", CODES)
def test_a_forged_push_is_refused_and_nothing_is_kept(played, code):
    account = ChannelAccount.objects.get(adapter=code)
    before = InboxMessage.objects.count()

    answers = {
        token: Client()
        .post(f"/channels/{code}/{token}/", data=b'{"id": 1}', content_type="application/json")
        .status_code
        for token in (account.push_token, "guessed")
    }

    assert answers == {account.push_token: 401, "guessed": 404}
    assert InboxMessage.objects.count() == before


def test_an_order_that_the_connector_cannot_read_waits_whole_and_is_read_after_the_document_is_mended(played):
    account = ChannelAccount.objects.get(adapter="http")
    good = account.options
    broken = {
        **SAMPLE,
        "orders": {**SAMPLE["orders"], "line_fields": {**SAMPLE["orders"]["line_fields"], "title": "$.name"}},
    }
    account.options = {"connector": broken}
    account.save()
    number = played.control.create_trade(platform="http", lines=LINES)
    played.hear()
    parked = InboxMessage.objects.filter(kind="http.order", status="parked")
    nothing_yet = (Order.objects.count(), PaymentEntry.objects.count(), parked.exists())

    account.options = good
    account.save()
    retry_messages(ids=list(parked.values_list("pk", flat=True)))
    settle_down()

    assert nothing_yet == (0, 0, True)
    assert Order.objects.get().channel_order_no == number
