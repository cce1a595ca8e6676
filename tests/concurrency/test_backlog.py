"""A backlog run moves orders while others cancel them or hand them over: one of them wins, nothing is doubled."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import time, timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from fulfillment.models import BacklogRun, Shipment, WarehouseCalendar
from fulfillment.services import backlog, release_due
from fulfillment.services.backlog import reoptimise_backlog
from fulfillment.services.routing_rules import install_rules
from ordercenter.console.invariants import CHECKS, run_checks
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import Reservation, StockLevel
from ordercenter.orders.models import Order
from ordercenter.orders.services import cancel_orders
from tests.concurrency.threads import at_once, deadlocks, errors
from tests.flows.world import World
from tests.fulfillment.routing.rule_documents import document, rule
from tests.fulfillment.test_backlog import GUANGDONG

pytestmark = pytest.mark.django_db(transaction=True)
PAIRS = 8


@pytest.fixture
def crossed() -> tuple[list[Order], list[Order]]:
    """Pairs of held orders, each from the warehouse that is near to the other one of its pair."""
    world = World(stock=0)
    for warehouse in (world.east, world.south):
        WarehouseCalendar.objects.create(warehouse=warehouse, waves=[time(14)])
    install_rules(document(rule("hold_release", "wave")))
    goods = [sku.code for sku in world.skus[:PAIRS]]
    world.stock(dict.fromkeys(goods, 1), warehouse=world.east)
    world.deliver(*(world.trade((code, 1, "55.00"), **GUANGDONG) for code in goods))
    Relay().drain()
    world.stock(dict.fromkeys(goods, 1), warehouse=world.south, key="later")
    world.deliver(*(world.trade((code, 1, "55.00")) for code in goods))
    Relay().drain()
    orders = list(Order.objects.order_by("pk"))
    assert len(orders) == 2 * PAIRS
    assert Counter(Shipment.objects.values_list("warehouse__code", "state")) == {
        ("EAST", "planned"): PAIRS,
        ("SOUTH", "planned"): PAIRS,
    }
    return orders[:PAIRS], orders[PAIRS:]


def race(monkeypatch: pytest.MonkeyPatch, *others: Callable[[], Any]) -> BacklogRun:
    """A run whose plan is carried out at the instant in which the others begin."""
    planned, solve = threading.Event(), backlog.solve

    def solve_and_tell(*args: Any, **options: Any) -> Any:
        plan = solve(*args, **options)
        planned.set()
        return plan

    monkeypatch.setattr(backlog, "solve", solve_and_tell)

    def other(act: Callable[[], Any]) -> None:
        assert planned.wait(60)
        act()

    before = deadlocks()
    run, *answers = at_once(
        partial(reoptimise_backlog, cause="hand", seconds=5), *(partial(other, act) for act in others), timeout_s=120
    )
    assert errors([run, *answers]) == [], [run, *answers]
    Relay().drain()
    assert deadlocks() == before
    return run


def everything_is_once() -> None:
    """Each living order has one living shipment, its piece is promised where that leaves from, the books are right."""
    alive = list(Order.objects.exclude(state="cancelled").values_list("pk", flat=True))
    live = Shipment.objects.exclude(state="cancelled")
    places = sorted(live.values_list("lines__order_id", "warehouse_id"))
    assert [order_id for order_id, _warehouse in places] == sorted(alive)
    promised = Reservation.objects.filter(state="active")
    assert sorted(promised.values_list("order_id", "warehouse_id")) == places
    assert all(level.free >= 0 for level in StockLevel.objects.all())
    assert sum(level.promised for level in StockLevel.objects.all()) == len(alive)
    verdicts = run_checks(CHECKS, stale_before=timezone.now() - timedelta(minutes=10))
    assert [f"{v.check.name} {v.sample}" for v in verdicts if v.broken] == []


def test_orders_cancelled_while_a_run_moves_them_stay_cancelled_and_free_their_goods(
    crossed: tuple[list[Order], list[Order]], monkeypatch: pytest.MonkeyPatch
) -> None:
    far, near = crossed

    def cancel(orders: list[Order]) -> None:
        for order in orders:
            cancel_orders(order_ids=[order.pk], reason="changed her mind").raise_first()
            Relay().drain()

    run = race(monkeypatch, partial(cancel, far[: PAIRS // 2]), partial(cancel, list(reversed(near))[: PAIRS // 4]))

    gone = PAIRS // 2 + PAIRS // 4
    assert Counter(Order.objects.values_list("state", flat=True)) == {
        "cancelled": gone,
        "in_fulfillment": 2 * PAIRS - gone,
    }
    assert run.orders == 2 * PAIRS
    assert not OutgoingCommand.objects.exists(), "nothing was handed over"
    everything_is_once()


def test_orders_handed_over_while_a_run_moves_them_leave_once_from_one_house(
    crossed: tuple[list[Order], list[Order]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def hand_over() -> None:
        while release_due(at=timezone.now() + timedelta(days=2), limit=3):
            Relay().drain()

    run = race(monkeypatch, hand_over)
    hand_over()

    live = Shipment.objects.exclude(state="cancelled")
    assert Counter(live.values_list("state", flat=True)) == {"dispatched": 2 * PAIRS}
    told = [command.payload["shipment_id"] for command in OutgoingCommand.objects.all()]
    assert sorted(told) == sorted(live.values_list("pk", flat=True)), "each warehouse was told of its own, once"
    assert run.moved + run.changed_meanwhile <= 2 * PAIRS
    everything_is_once()
