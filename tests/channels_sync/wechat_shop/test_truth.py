"""Pushes that are lost, doubled, late and overtaken, pages that shift: in the end we know what the platform knows."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import pytest

from channels_sync.adapters import wechat_shop_client
from channels_sync.adapters.wechat_shop_mapping import read_order
from channels_sync.demo import seed_company
from channels_sync.models import ChannelAccount
from channels_sync.sandbox.platforms.wechat_documents import order_document
from channels_sync.sandbox.platforms.wechat_shop import CODE
from channels_sync.sandbox.scenario import Spec
from channels_sync.sandbox.switches import changed
from channels_sync.sandbox.trades import WAIT_SELLER_SEND_GOODS
from channels_sync.services import pull_orders, read_back
from ordercenter.events.models import InboxMessage
from ordercenter.orders.models import Order
from tests.channels_sync.wechat_shop.test_end_to_end import post_to_our_door
from tests.flows.outside import answer_everything, settle_down
from tests.fulfillment.courier_stage import Post, sandbox

pytestmark = pytest.mark.django_db

ORDERS = 120


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    answer_everything(monkeypatch)
    wechat_shop_client._instead.clear()
    with sandbox(bring=post_to_our_door) as post:
        seed_company(credentials=post.credentials, sandbox_url=post.url)
        yield post


def play(post: Post, *, within_s: float = 30) -> str:
    """Let a day be played and its pushes reach us."""
    spec = Spec(seed=9, orders=ORDERS, problem_shares={}, platforms={CODE: 1}, pay_after_s=0.3, unpaid_first_share=0.2)
    play_id = post.app.plays.start(spec)
    world = post.app.world
    deadline = time.monotonic() + within_s
    while world.plays[play_id]["paid"] < ORDERS or world.pushes:
        assert time.monotonic() < deadline, f"{len(world.pushes)} pushes are still on their way"
        world.agenda.run_due()
        post.app.pusher.send_waiting()
        time.sleep(0.005)
    return play_id


def switch(post: Post, **wanted: float) -> None:
    post.app.world.switches = changed(post.app.world.switches, {"platforms": {CODE: wanted}})


def test_a_bad_day_ends_with_the_platforms_truth(post: Post) -> None:
    account = ChannelAccount.objects.get(adapter=CODE)
    post.app.world.rng.seed(3)
    switch(post, lost_messages=0.5, duplicates=0.2, disorder=0.2)
    play(post)
    told = set(InboxMessage.objects.values_list("headers__order_no", flat=True))
    trades = [trade for trade in post.app.world.trades.values() if trade.platform == CODE]
    # Some of it happens where nobody tells us.
    switch(post, lost_messages=1.0)
    for trade in trades[::6]:
        if trade.status == WAIT_SELLER_SEND_GOODS:
            post.app.shop.ship(trade.tid, waybill=f"BY-HAND-{trade.tid % 1000}", carrier="SF")
    for trade in trades[3::10]:
        refund = post.app.shop.open_refund(trade.tid, oid=trade.lines[0].oid, reason="拍错了")
        post.app.shop.decide_refund(refund.refund_id, "agree")
    while read_back(account=account):
        settle_down()
    switch(post, page_shifts=0.5)

    run = pull_orders(account=account)
    settle_down()

    assert 0 < len(told) < ORDERS  # the test would mean nothing otherwise
    assert run.seen >= ORDERS
    ours = {order.channel_order_no: order for order in Order.objects.filter(shop=account.shop)}
    assert set(ours) == {trade.number for trade in trades}
    truth = {trade.number: read_order(order_document(trade)) for trade in trades}
    assert {no: order.channel_status for no, order in ours.items()} == {
        no: read.raw_status for no, read in truth.items()
    }
    assert Counter(read.status for read in truth.values())["shipped"] >= 10
    assert {no: order.total_amount for no, order in ours.items()} == {
        no: Decimal(read.total_amount) for no, read in truth.items()
    }
    assert {no: order.channel_modified_at for no, order in ours.items()} == {
        no: read.modified_at for no, read in truth.items()
    }
