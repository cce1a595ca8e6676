"""Urgent orders want the same goods at one instant, while these are handed over and cancelled: each piece goes once."""

from __future__ import annotations

from collections import Counter
from datetime import time, timedelta
from functools import partial

import pytest
from django.utils import timezone

from fulfillment.errors import TakeoverImpossible
from fulfillment.models import Shipment, WarehouseCalendar
from fulfillment.services import release_due, take_over_stock
from fulfillment.services.dispatching import CREATE_KIND
from fulfillment.services.routing_rules import install_rules
from ordercenter.common.actor import SYSTEM
from ordercenter.console.invariants import CHECKS, run_checks
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import Reservation, StockLevel, StockPolicy, StockTakeover
from ordercenter.orders.models import Order
from ordercenter.orders.services import cancel_orders
from tests.concurrency.threads import at_once, deadlocks, errors
from tests.flows.world import World
from tests.fulfillment.routing.rule_documents import document, rule
from tests.fulfillment.test_taking_over import buy, grades

pytestmark = pytest.mark.django_db(transaction=True)
PIECES = 6


def test_what_changes_hands_leaves_or_is_cancelled_at_one_instant_has_one_fate() -> None:
    world = World(stock=0)
    WarehouseCalendar.objects.create(warehouse=world.east, waves=[time(14)])
    install_rules(document(rule("hold_release", "wave")))
    grades()
    world.stock({"SKU-1": PIECES}, warehouse=world.east)
    normal = [buy(world, 60, ("SKU-1", 1)) for _n in range(PIECES)]
    rush = [buy(world, 950, ("SKU-1", 1)) for _n in range(PIECES)]
    assert {order.state for order in normal} == {"in_fulfillment"}
    assert {order.state for order in rush} == {"awaiting_supply"}
    StockPolicy.objects.create(sku=world.skus[1], rush_cap_percent=100)
    before = deadlocks()

    def take(order: Order) -> bool:
        try:
            take_over_stock(order_id=order.pk, reason="now", actor=SYSTEM)
        except TakeoverImpossible:
            return False
        return True

    def cancel() -> None:
        for order in normal[:2]:
            cancel_orders(order_ids=[order.pk], reason="changed her mind").raise_first()

    wave = timezone.now() + timedelta(days=2)
    answers = at_once(*(partial(take, order) for order in rush), cancel, partial(release_due, at=wave, limit=2))
    while Relay().drain():
        pass

    assert errors(answers) == [], answers
    assert deadlocks() == before
    # A piece that was taken over was nobody's else: neither told to the warehouse for its giver, nor promised twice.
    moved = set(StockTakeover.objects.values_list("giver_order_id", flat=True))
    assert len(moved) == StockTakeover.objects.count()
    commands = OutgoingCommand.objects.filter(kind=CREATE_KIND)
    handed_over = Shipment.objects.filter(pk__in=[command.payload["shipment_id"] for command in commands])
    told = set(handed_over.values_list("lines__order_id", flat=True))
    assert not moved & told
    promised = Reservation.objects.filter(state="active")
    assert max(Counter(promised.values_list("order_id", flat=True)).values()) == 1
    level = StockLevel.objects.get(sku=world.skus[1], warehouse=world.east)
    assert (level.on_hand, level.promised, level.free) == (PIECES, promised.count(), PIECES - promised.count())
    live = Shipment.objects.exclude(state="cancelled")
    assert Counter(live.values_list("lines__order_id", flat=True)) == Counter(
        promised.values_list("order_id", flat=True)
    )
    verdicts = run_checks(CHECKS, stale_before=timezone.now() - timedelta(minutes=10))
    assert [f"{v.check.name} {v.sample}" for v in verdicts if v.broken] == []
