"""Orders of the platforms beside Tmall, from the played platform over real HTTP to the parcel it is told of."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from channels_sync.kinds import REMARK_KIND, STOCK_KIND
from channels_sync.models import ChannelAccount
from channels_sync.publishing import publish_stock
from channels_sync.remarking import ask_for_remarks
from channels_sync.sandbox import goods
from channels_sync.services import pull_orders, renew_authorisation
from finance.models import PaymentEntry
from fulfillment.models import Shipment
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.models import Case
from ordercenter.events.models import InboxMessage, OutgoingCommand
from ordercenter.inventory.models import ChannelPolicy
from ordercenter.inventory.services import note_changes_of_shop
from ordercenter.orders.models import Order, RefundRequest
from ordercenter.workflow.components import StepCall
from ordercenter.workflow.components import registry as blocks
from tests.flows.outside import settle_down, ship
from tests.flows.played_shops import Played

pytestmark = pytest.mark.django_db


LINES = [{"sku": goods.SKUS[0].code, "num": 2}, {"sku": goods.SKUS[1].code, "num": 1}]


@pytest.mark.parametrize("platform", ["douyin", "jd"])
def test_an_order_goes_from_the_platform_to_the_parcel_that_it_is_told_of(played: Played, platform: str) -> None:
    number = played.control.create_trade(platform=platform, lines=LINES)
    played.hear(platform)

    order = Order.objects.get(channel_order_no=number)
    trade = played.app.shop.sold_on(platform, number)
    assert (order.state, order.shop) == ("in_fulfillment", played.account(platform).shop)
    assert order.paid_amount == order.total_amount == Decimal(trade.payment_fen) / 100
    assert [(line.sku.code, line.released) for line in order.lines.order_by("line_no")] == [
        (goods.SKUS[0].code, 2),
        (goods.SKUS[1].code, 1),
    ]
    assert (order.contact.is_masked, order.contact.opaque_id) == (True, trade.buyer.oaid)
    entry = PaymentEntry.objects.get()
    assert (entry.provider, entry.amount) == (platform, order.total_amount)

    ship(Shipment.objects.get(), tracking_no="ZT0001")
    settle_down()

    (parcel,) = trade.parcels
    assert (parcel.carrier, parcel.waybill) == ("ZTO", "ZT0001")
    command = OutgoingCommand.objects.get(kind="channel.tracking")
    assert (command.status, command.answer["outcome"]) == ("done", "sent")

    played.control.receive(number)
    played.hear(platform)
    order.refresh_from_db()
    assert order.state == "completed"
    assert not Case.objects.exists()


@pytest.mark.parametrize("platform", ["douyin", "jd"])
def test_a_refund_before_shipping_stops_the_order_and_its_money_ends_it(played: Played, platform: str) -> None:
    number = played.control.create_trade(platform=platform, lines=LINES[:1])
    played.hear(platform)
    assert Order.objects.get().state == "in_fulfillment"

    refund = played.control.ask_refund(number, reason="拍错了")
    played.hear(platform)

    order = Order.objects.get()
    assert order.is_on_hold
    assert Case.objects.get(state="open").code == "REFUND_BEFORE_SHIP"
    assert RefundRequest.objects.get().status == "requested"

    played.control.decide_refund(refund, "agree")
    played.hear(platform)

    order.refresh_from_db()
    assert (order.state, order.refunded_amount) == ("cancelled", order.total_amount)
    assert RefundRequest.objects.get().status == "refunded"
    assert sorted(PaymentEntry.objects.values_list("kind", flat=True)) == ["payment", "refund"]
    assert played.app.shop.sold_on(platform, number).parcels == []


@pytest.mark.parametrize("platform", ["douyin", "jd"])
def test_a_withdrawn_refund_gives_back_what_it_held(played: Played, platform: str) -> None:
    number = played.control.create_trade(platform=platform, lines=LINES[:1])
    played.hear(platform)
    refund = played.control.ask_refund(number)
    played.hear(platform)

    played.control.decide_refund(refund, "close")
    played.hear(platform)

    assert not Order.objects.get().is_on_hold
    assert not Case.objects.filter(state="open").exists()


def test_pushes_that_come_twice_late_and_out_of_order_make_one_order_each(played: Played) -> None:
    played.control.switches(platforms={"douyin": {"duplicates": 1.0, "disorder": 0.5}})
    numbers = [played.control.create_trade(platform="douyin", lines=LINES[:1]) for _ in range(6)]
    played.control.switches(platforms={"douyin": {"duplicates": 0, "disorder": 0}})

    for push in list(played.app.world.pushes.values()):
        played.app.pusher._send(push.id)
    played.hear("douyin")

    assert sorted(Order.objects.values_list("channel_order_no", flat=True)) == sorted(numbers)
    assert set(Order.objects.values_list("state", flat=True)) == {"in_fulfillment"}
    assert PaymentEntry.objects.count() == 6


def test_what_a_push_forgot_is_found_by_the_pull(played: Played) -> None:
    played.control.switches(platforms={"douyin": {"lost_messages": 1.0}})
    number = played.control.create_trade(platform="douyin", lines=LINES[:1])
    played.hear("douyin")
    assert not Order.objects.exists()

    pull_orders(account=played.account("douyin"))
    settle_down()

    assert Order.objects.get().channel_order_no == number


def test_a_push_with_a_wrong_signature_leaves_nothing(played: Played) -> None:
    account = played.account("douyin")
    answer = Client().post(
        f"/channels/douyin/{account.push_token}/",
        data=b'[{"tag":"101","msg_id":"1","data":"{}"}]',
        content_type="application/json",
        headers={"app-id": account.app_key, "event-sign": "0" * 32},
    )

    assert (answer.status_code, answer.json()["problem"]) == (401, "signature")
    assert not InboxMessage.objects.exists()


@pytest.mark.parametrize("platform", ["douyin", "jd"])
def test_a_token_that_ends_is_renewed_and_the_reading_goes_on(played: Played, platform: str) -> None:
    played.app.doors[platform].tokens._kept()["access"].clear()
    number = played.control.create_trade(platform=platform, lines=LINES[:1])
    account = played.account(platform)
    with pytest.raises(Exception, match="channels|authorisation|30002|19"):
        pull_orders(account=account)

    account.refresh_from_db()
    assert renew_authorisation(account=account)
    pull_orders(account=played.account(platform))
    settle_down()

    assert Order.objects.get().channel_order_no == number
    assert not Case.objects.exists()


@pytest.mark.parametrize("platform", ["douyin", "jd"])
def test_a_sale_lowers_the_number_on_the_platforms(played: Played, platform: str) -> None:
    ware = goods.SKUS[0]
    for account in ChannelAccount.objects.filter(adapter__in=["douyin", "jd"]):
        ChannelPolicy.objects.create(shop_id=account.shop_id, share_percent=100, buffer_pieces=0, buffer_z=0)
        note_changes_of_shop(shop_id=account.shop_id)
    publish_stock(at=timezone.now() - timedelta(minutes=5))
    settle_down()
    before = played.app.world.listed_stock(platform, ware.num_iid, ware.sku_id)
    played.control.create_trade(platform="douyin", lines=LINES[:1])
    played.hear("douyin")

    publish_stock()
    settle_down()

    assert before == 200
    assert played.app.world.listed_stock(platform, ware.num_iid, ware.sku_id) == 198
    assert set(
        OutgoingCommand.objects.filter(kind=STOCK_KIND, target=f"account:{played.account(platform).pk}").values_list(
            "status", flat=True
        )
    ) == {"done"}


def test_a_presale_is_booked_as_deposit_and_balance_and_ships_when_both_are_paid(played: Played) -> None:
    number = played.control.create_trade(platform="douyin", lines=LINES[:1], paid=False, presale=True)
    played.control.pay(number)
    played.hear("douyin")
    order = Order.objects.get()
    assert order.state == "awaiting_balance"

    played.control.pay(number)
    played.hear("douyin")

    order.refresh_from_db()
    amounts = list(PaymentEntry.objects.order_by("pk").values_list("amount", flat=True))
    assert (order.state, len(amounts), sum(amounts)) == ("in_fulfillment", 2, order.total_amount)
    assert not Case.objects.exists()


@pytest.mark.parametrize("platform", ["douyin", "jd"])
def test_a_remark_is_written_at_the_platform_once_and_only_where_it_is_taken(played: Played, platform: str) -> None:
    played.world.deliver(played.world.trade(("SKU-1", 1, "110.00")))
    number = played.control.create_trade(platform=platform, lines=LINES[:1])
    played.hear(platform)
    order, other = Order.objects.get(channel_order_no=number), Order.objects.exclude(channel_order_no=number).get()
    ChannelAccount.objects.filter(shop=other.shop).update(is_active=False)
    keys = {order.pk: f"{REMARK_KIND}:1", other.pk: f"{REMARK_KIND}:2"}

    for _again in range(2):
        with unit_of_work() as work:
            asked = ask_for_remarks(order_ids=list(keys), text="加急：今天发出", flag=5, keys=keys, work=work)
    settle_down()

    assert asked == [order.pk]
    trade = played.app.shop.sold_on(platform, number)
    assert (trade.seller_memo, trade.seller_flag) == ("加急：今天发出", 5)
    assert OutgoingCommand.objects.get(kind=REMARK_KIND).status == "done"


def test_a_flow_writes_a_remark_and_goes_on(played: Played) -> None:
    number = played.control.create_trade(platform="jd", lines=LINES[:1])
    played.hear("jd")
    order = Order.objects.get()
    (spec,) = (spec for spec in blocks.actions() if spec.use == "remark.write")

    with unit_of_work() as work:
        call = StepCall(
            spec=spec,
            subjects=[order.pk],
            at=timezone.now(),
            work=work,
            params={"text": "已加急", "flag": "3"},
            node="n1",
        )
        spec.apply(call)
    settle_down()

    assert call.outcome().go == {"out": [order.pk]}
    assert played.app.shop.sold_on("jd", number).seller_memo == "已加急"
