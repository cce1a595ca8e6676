"""A large batch of new orders looks at plentiful stock without a lock; what others take meanwhile still counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fulfillment.services import planning
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import Reservation, StockLevel
from ordercenter.inventory.services import Promise, reserve_stock
from ordercenter.orders.models import Order
from tests.concurrency.threads import at_once, errors
from tests.flows.world import World

pytestmark = pytest.mark.django_db(transaction=True)
ORDERS = 60


@pytest.fixture
def world() -> World:
    world = World(stock=1000)
    world.deliver(*(world.trade(("SKU-1", 1, "60.00")) for _ in range(ORDERS)))
    return world


def meanwhile(monkeypatch: pytest.MonkeyPatch, deed: Callable[[], Any]) -> list[list[Any]]:
    """Let a deed of somebody else be done and committed when the batch has decided and has not written yet."""
    answers: list[list[Any]] = []
    plan = planning.create_shipments

    def create_shipments(**given: Any) -> Any:
        if not answers:
            answers.append(at_once(deed))
        return plan(**given)

    monkeypatch.setattr("fulfillment.services.create_shipments", create_shipments)
    return answers


def taken_by_somebody(world: World, pieces: int) -> Callable[[], Any]:
    """Takes so many pieces of SKU-1 in both warehouses."""
    promises = [
        Promise(9_000_000 + n, 9_000_000 + n, world.skus[1].pk, w.pk, pieces)
        for n, w in enumerate((world.east, world.south))
    ]
    return lambda: reserve_stock(promises=promises)


def counted() -> dict[int, tuple[int, int]]:
    """Warehouse -> (pieces promised by the levels, pieces of the open reservations)."""
    rows = Reservation.objects.filter(state="active").values_list("warehouse_id", "sku_id", "quantity")
    kept = [(warehouse_id, pieces) for warehouse_id, _, pieces in rows]
    return {
        level.warehouse_id: (level.promised, sum(n for w, n in kept if w == level.warehouse_id))
        for level in StockLevel.objects.filter(sku__code="SKU-1")
    }


def test_what_somebody_takes_while_a_batch_is_decided_adds_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = meanwhile(monkeypatch, taken_by_somebody(world, 700))

    relay = Relay()
    assert relay.take(relay.inbox_queue("tmall.trade")) == ORDERS

    # It had not to wait for the batch: nothing was locked.
    assert errors(answers[0]) == []
    assert Order.objects.filter(state="in_fulfillment").count() == ORDERS
    assert sum(promised for promised, _ in counted().values()) == 1400 + ORDERS
    assert all(promised == kept for promised, kept in counted().values())


def test_when_somebody_takes_all_of_it_meanwhile_nothing_is_sold_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = meanwhile(monkeypatch, taken_by_somebody(world, 990))

    Relay().drain()

    assert errors(answers[0]) == []
    assert Order.objects.filter(state="in_fulfillment").count() == 20
    assert Order.objects.filter(state="awaiting_supply").count() == ORDERS - 20
    assert counted() == {world.east.pk: (1000, 1000), world.south.pk: (1000, 1000)}
