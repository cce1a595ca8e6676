"""Money that comes at the instant in which the time is over: the goods are kept or free, never lost, never twice."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from fulfillment.services import end_unpaid_holds
from ordercenter.console.invariants import CHECKS, run_checks
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import Reservation, ReservePolicy, StockLevel
from ordercenter.orders.models import Order
from tests.concurrency.threads import at_once, deadlocks, errors
from tests.flows.world import SHANGHAI, World

pytestmark = pytest.mark.django_db(transaction=True)


def test_paid_and_over_at_one_instant_leave_each_order_with_its_goods_once() -> None:
    world = World(stock=0)
    world.stock({"SKU-1": 12, "SKU-2": 12}, warehouse=world.east)
    ReservePolicy.objects.create(shop=world.shop, reserve_on="placed", hold_minutes=15)
    trades = [world.trade(("SKU-1", 1, "60.00"), ("SKU-2", 1, "60.00")) for _n in range(12)]
    world.deliver(*({**t, "status": "WAIT_BUYER_PAY", "pay_time": "", "alipay_no": ""} for t in trades))
    Relay().drain()
    assert Reservation.objects.filter(state="active", holder__startswith="order:").count() == 24
    later = (timezone.now() + timedelta(minutes=1)).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
    over = timezone.now() + timedelta(minutes=16)
    before = deadlocks()

    def pay() -> None:
        for trade in trades:
            world.deliver({**trade, "modified": later})
            Relay().drain()

    answers = at_once(pay, *[partial(end_unpaid_holds, at=over)] * 3, Relay().drain, timeout_s=120)
    while Relay().drain():
        pass

    assert errors(answers) == [], answers
    assert deadlocks() == before
    assert set(Order.objects.values_list("state", flat=True)) == {"in_fulfillment"}
    levels = StockLevel.objects.filter(warehouse=world.east, on_hand__gt=0)
    assert {(level.reserved, level.allocated, level.free) for level in levels} == {(0, 12, 0)}
    mine = Reservation.objects.filter(state="active")
    assert mine.count() == 24
    assert not mine.filter(order_id__isnull=True).exists()
    verdicts = run_checks(CHECKS, stale_before=timezone.now() - timedelta(minutes=10))
    assert [f"{v.check.name} {v.sample}" for v in verdicts if v.broken] == []
