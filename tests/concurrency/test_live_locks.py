"""A session ends while its orders are reserved and cancelled: each piece is sold once or given back, never both."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.db.models import Sum
from django.utils import timezone

from channels_sync.live import LiveGoods, LivePlan, end_sessions, plan_session, start_sessions
from channels_sync.live_models import LiveSession
from ordercenter.catalog.models import Channel, Shop, Sku
from ordercenter.common.batch import BatchResult
from ordercenter.inventory.models import ChannelQuota, Reservation, StockLevel, Warehouse
from ordercenter.inventory.services import Movement, Promise, move_stock, release_reservations, reserve_stock
from ordercenter.inventory.states import MovementReason
from tests.channels_sync.live.sales import sold_in
from tests.concurrency.threads import at_once, deadlocks, errors

pytestmark = pytest.mark.django_db(transaction=True)

ON_HAND, LOCKED = 40, 25
VIEWERS, STRANGERS = range(1, 31), range(101, 121)


class Studio:
    """A shop, a SKU, a session on air; orders of the session and others."""

    def __init__(self) -> None:
        self.shop = Shop.objects.create(channel=Channel.objects.create(code="douyin", name="抖音"), code="d", name="d")
        self.house = Warehouse.objects.create(code="EAST", name="华东仓")
        self.sku = Sku.objects.create(code="S", name="S")
        first = Movement(self.sku.pk, self.house.pk, ON_HAND, MovementReason.COUNT, "first", "first")
        move_stock(movements=[first]).raise_first()
        now = timezone.now()
        self.session: LiveSession = plan_session(
            shop_id=self.shop.pk,
            plan=LivePlan("晚场", "7301", "", "", now - timedelta(minutes=1), now + timedelta(hours=1)),
            goods=[LiveGoods(self.sku.pk, self.house.pk, LOCKED, Decimal(49))],
            reason="plan",
        )
        start_sessions(session_ids=[self.session.pk]).raise_first()
        sold_in(self.session, *VIEWERS)

    def buy(self, *order_ids: int) -> BatchResult:
        promises = [Promise(pk, pk, self.sku.pk, self.house.pk, 1, self.shop.pk) for pk in order_ids]
        return reserve_stock(promises=promises)

    def buy_and_cancel(self, *order_ids: int) -> None:
        for pk in order_ids:
            self.buy(pk)
            release_reservations(order_ids=[pk])


def test_a_session_that_ends_while_its_orders_come_loses_and_doubles_no_piece() -> None:
    studio, before = Studio(), deadlocks()
    cancelled, kept = VIEWERS[:6], VIEWERS[6:]

    answers = at_once(
        *(partial(studio.buy, *kept[n::6]) for n in range(6)),
        *(partial(studio.buy, *STRANGERS[n::4]) for n in range(4)),
        *(partial(studio.buy_and_cancel, *cancelled[n::2]) for n in range(2)),
        partial(end_sessions, session_ids=[studio.session.pk], reason="over"),
    )

    assert errors(answers) == []
    assert deadlocks() == before
    held = Reservation.objects.filter(state="active")
    level, quota = StockLevel.objects.get(), ChannelQuota.objects.get()
    assert (quota.state, quota.left, level.set_aside) == ("ended", 0, 0)
    assert level.reserved == held.count() == sum(len(answer.done) for answer in answers[:10])
    assert held.filter(order_id__in=STRANGERS).aggregate(pieces=Sum("from_quota"))["pieces"] in (None, 0)
    assert (held.aggregate(pieces=Sum("from_quota"))["pieces"] or 0) <= LOCKED
    # What is neither sold nor lost can be had by anybody, to the last piece and no further.
    rest = studio.buy(*range(1001, 1001 + ON_HAND - held.count()))
    assert rest.refused == []
    assert [refusal.code for refusal in studio.buy(2001).refused] == ["inventory.out_of_stock"]


def test_while_a_session_is_on_air_its_viewers_and_strangers_never_get_each_others_pieces() -> None:
    studio = Studio()

    answers = at_once(
        *(partial(studio.buy, *VIEWERS[n::5]) for n in range(5)),
        *(partial(studio.buy, *STRANGERS[n::5]) for n in range(5)),
    )

    assert errors(answers) == []
    held = Reservation.objects.filter(state="active")
    # Thirty viewers and twenty strangers want forty pieces; strangers have the fifteen of the pool at most.
    assert held.count() == ON_HAND
    assert held.filter(order_id__in=VIEWERS, from_quota=1).count() == LOCKED
    assert held.filter(order_id__in=STRANGERS, from_quota=0).count() == held.filter(order_id__in=STRANGERS).count()
    assert 10 <= held.filter(order_id__in=STRANGERS).count() <= ON_HAND - LOCKED
