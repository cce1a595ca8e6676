"""The last pieces: many want them at one instant, and nobody gets what is not there."""

from __future__ import annotations

from functools import partial

import pytest

from ordercenter.audit.models import StateChange
from ordercenter.catalog.models import Sku
from ordercenter.common.batch import BatchResult
from ordercenter.inventory.models import Reservation, StockLevel, StockMovement, Warehouse
from ordercenter.inventory.services import Movement, Promise, move_stock, release_reservations, reserve_stock
from ordercenter.inventory.states import MovementReason
from tests.concurrency.threads import at_once, deadlocks, errors

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def house() -> Warehouse:
    return Warehouse.objects.create(code="EAST", name="华东仓")


def stocked(house: Warehouse, *pieces: int) -> list[Sku]:
    skus = Sku.objects.bulk_create(Sku(code=f"S{n}", name=f"S{n}") for n in range(len(pieces)))
    move_stock(
        movements=[
            Movement(sku.pk, house.pk, n, MovementReason.COUNT, "first", f"first:{sku.code}")
            for sku, n in zip(skus, pieces, strict=True)
        ]
    ).raise_first()
    return skus


def buy(order_id: int, house: Warehouse, *skus: Sku) -> BatchResult:
    return reserve_stock(
        promises=[Promise(order_id, order_id * 10 + n, sku.pk, house.pk, 1) for n, sku in enumerate(skus)]
    )


def test_of_two_hundred_buyers_one_gets_the_last_piece(house: Warehouse) -> None:
    (sku,) = stocked(house, 1)

    answers = at_once(*(partial(buy, order_id, house, sku) for order_id in range(1, 201)))

    assert errors(answers) == []
    assert sum(len(answer.done) for answer in answers) == 1
    assert {refusal.code for answer in answers for refusal in answer.refused} == {"inventory.out_of_stock"}
    assert sum(len(answer.refused) for answer in answers) == 199
    assert Reservation.objects.count() == 1
    assert StockLevel.objects.values_list("on_hand", "reserved").get() == (1, 1)


def test_orders_that_share_goods_in_opposite_order_never_wait_for_each_other_in_a_ring(house: Warehouse) -> None:
    skus = stocked(house, 100, 100, 100)
    before = deadlocks()

    def buy_ten(first: int, goods: list[Sku]) -> None:
        for order_id in range(first, first + 10):
            buy(order_id, house, *goods).raise_first()
            if order_id % 3 == 0:
                release_reservations(order_ids=[order_id])

    forth, back = list(skus), list(reversed(skus))
    answers = at_once(*(partial(buy_ten, n * 100, forth if n % 2 else back) for n in range(1, 7)))

    assert errors(answers) == []
    assert deadlocks() == before
    active = Reservation.objects.filter(state="active")
    assert {level.reserved for level in StockLevel.objects.all()} == {active.count() // 3}
    assert active.count() + StateChange.objects.filter(dst="released").count() == 180


def test_the_same_movement_told_twice_at_one_instant_counts_once(house: Warehouse) -> None:
    (sku,) = stocked(house, 1)
    arrival = Movement(sku.pk, house.pk, 7, MovementReason.ARRIVAL, "A1", "arrival:A1")

    answers = at_once(*[partial(move_stock, movements=[arrival])] * 5)

    assert errors(answers) == []
    assert sum(len(answer.done) for answer in answers) == 1
    assert StockLevel.objects.get().on_hand == 8
    assert StockMovement.objects.filter(idempotency_key="arrival:A1").count() == 1
