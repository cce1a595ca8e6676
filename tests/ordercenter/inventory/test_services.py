"""Stock: promised whole or not at all, moved once, never below nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError

from ordercenter.audit.work import unit_of_work
from ordercenter.catalog.models import Sku
from ordercenter.common.batch import BatchResult
from ordercenter.common.gathering import counted_statements
from ordercenter.events.models import EventRow
from ordercenter.inventory.models import Reservation, StockLevel, StockMovement, Warehouse
from ordercenter.inventory.services import (
    Movement,
    Promise,
    consume_reservations,
    move_stock,
    release_reservations,
    reserve_stock,
)
from ordercenter.inventory.states import MovementReason

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


@pytest.fixture
def skus() -> list[Sku]:
    return Sku.objects.bulk_create(Sku(code=code, name=code) for code in "ABC")


@pytest.fixture
def house() -> Warehouse:
    return Warehouse.objects.create(code="EAST", name="华东仓")


@pytest.fixture
def stocked(skus: list[Sku], house: Warehouse) -> list[Sku]:
    """Five of A, two of B, none of C."""
    move(*(moved(sku, house, pieces) for sku, pieces in zip(skus, (5, 2), strict=False))).raise_first()
    return skus


def moved(sku: Sku, house: Warehouse, pieces: int, key: str = "") -> Movement:
    return Movement(sku.pk, house.pk, pieces, MovementReason.COUNT, "count", key or f"{sku.code}:{pieces}")


def move(*movements: Movement) -> BatchResult:
    return move_stock(movements=movements, at=NOON)


def want(order: int, house: Warehouse, *wanted: tuple[Sku, int]) -> list[Promise]:
    return [Promise(order, order * 10 + n, sku.pk, house.pk, pieces) for n, (sku, pieces) in enumerate(wanted)]


def reserve(*promises: Promise) -> BatchResult:
    return reserve_stock(promises=promises, at=NOON)


def levels() -> dict[str, tuple[int, int]]:
    rows = StockLevel.objects.order_by("sku__code").values_list("sku__code", "on_hand", "reserved")
    return {code: (on_hand, reserved) for code, on_hand, reserved in rows}


def reservations() -> list[tuple[int, int, str]]:
    return list(Reservation.objects.order_by("line_id").values_list("line_id", "quantity", "state"))


def facts(name: str) -> Sequence[str]:
    return list(
        EventRow.objects.filter(name=f"inventory.stock.{name}").order_by("id").values_list("subject", flat=True)
    )


def test_all_lines_of_an_order_are_reserved(stocked: list[Sku], house: Warehouse) -> None:
    result = reserve(*want(1, house, (stocked[0], 3), (stocked[1], 2)))

    assert (result.done, result.refused) == ([1], [])
    assert levels() == {"A": (5, 3), "B": (2, 2)}
    assert reservations() == [(10, 3, "active"), (11, 2, "active")]
    assert facts("reserved") == ["order:1"]


@pytest.mark.parametrize("short", [1, 2], ids=["too many of B", "C was never there"])
def test_one_short_line_leaves_the_whole_order_without_a_promise(
    stocked: list[Sku], house: Warehouse, short: int
) -> None:
    result = reserve(*want(1, house, (stocked[0], 3), (stocked[short], 3)))

    assert [(r.key, r.code, r.error.evidence()["sku_ids"]) for r in result.refused] == [
        (1, "inventory.out_of_stock", [stocked[short].pk])
    ]
    assert levels() == {"A": (5, 0), "B": (2, 0)}
    assert not Reservation.objects.exists()
    assert facts("reserved") == []


def test_two_lines_of_one_sku_do_not_share_the_last_piece(stocked: list[Sku], house: Warehouse) -> None:
    result = reserve(*want(1, house, (stocked[1], 1), (stocked[1], 2)))

    assert [r.key for r in result.refused] == [1]
    assert levels()["B"] == (2, 0)


def test_orders_of_one_list_are_served_in_their_order_and_a_short_one_leaves_its_pieces_to_the_next(
    stocked: list[Sku], house: Warehouse
) -> None:
    a = stocked[0]

    result = reserve(*want(1, house, (a, 3)), *want(2, house, (a, 3)), *want(3, house, (a, 2)))

    assert (result.done, [r.key for r in result.refused]) == ([1, 3], [2])
    assert levels()["A"] == (5, 5)


def test_released_promises_are_free_for_others_and_told_once(stocked: list[Sku], house: Warehouse) -> None:
    reserve(*want(1, house, (stocked[0], 3), (stocked[1], 2)), *want(2, house, (stocked[0], 2)))

    assert release_reservations(order_ids=[1, 3]).done == [1]
    assert release_reservations(order_ids=[1]).done == []

    assert levels() == {"A": (5, 2), "B": (2, 0)}
    assert reservations() == [(10, 3, "released"), (11, 2, "released"), (20, 2, "active")]
    assert (facts("released"), len(facts("replenished"))) == (["order:1"], 2 + 2)


def test_what_leaves_ends_the_promise_and_lowers_the_stock_and_what_is_missed_is_free_again(
    stocked: list[Sku], house: Warehouse
) -> None:
    reserve(*want(1, house, (stocked[0], 3), (stocked[1], 2)))

    with unit_of_work(at=NOON) as work:
        consume_reservations(shipped={10: 2, 11: 0}, refs={10: "DO1", 11: "DO1"}, work=work)

    assert levels() == {"A": (3, 0), "B": (2, 0)}
    assert reservations() == [(10, 3, "consumed"), (11, 2, "released")]
    out = StockMovement.objects.filter(reason="shipment")
    assert list(out.values_list("sku__code", "delta", "ref")) == [("A", -2, "DO1")]


def test_a_movement_counts_once_however_often_it_is_told(stocked: list[Sku], house: Warehouse) -> None:
    arrival = moved(stocked[0], house, 4, key="arrival-1")

    assert move(arrival, arrival).done == [arrival]
    assert move(arrival).done == []

    assert levels()["A"] == (9, 0)
    assert StockMovement.objects.filter(idempotency_key="arrival-1").count() == 1


def test_stock_on_hand_is_the_sum_of_its_movements(stocked: list[Sku], house: Warehouse) -> None:
    move(moved(stocked[0], house, -2), moved(stocked[0], house, 7))

    assert levels()["A"][0] == sum(StockMovement.objects.filter(sku=stocked[0]).values_list("delta", flat=True)) == 10


@pytest.mark.parametrize("taken", [-6, -3], ids=["more than there is", "what is promised to somebody"])
def test_more_cannot_be_taken_away_than_is_free(stocked: list[Sku], house: Warehouse, taken: int) -> None:
    reserve(*want(1, house, (stocked[0], 3)))
    too_much, fine = moved(stocked[0], house, taken), moved(stocked[1], house, -1)

    result = move(too_much, fine)

    assert [(r.key, r.code) for r in result.refused] == [(too_much, "inventory.would_be_negative")]
    assert result.done == [fine]
    assert levels() == {"A": (5, 3), "B": (1, 0)}
    assert not StockMovement.objects.filter(idempotency_key=too_much.key).exists()


def test_nothing_can_be_taken_from_where_the_goods_never_were(stocked: list[Sku], house: Warehouse) -> None:
    result = move(moved(stocked[2], house, -1))

    assert [r.code for r in result.refused] == ["inventory.would_be_negative"]
    assert "C" not in levels()


def test_only_more_stock_is_told_as_an_arrival(stocked: list[Sku], house: Warehouse) -> None:
    before = len(facts("replenished"))

    move(moved(stocked[0], house, -1), moved(stocked[2], house, 3))

    assert facts("replenished")[before:] == [f"sku:{stocked[2].pk}"]


def test_the_number_of_statements_does_not_grow_with_the_orders(stocked: list[Sku], house: Warehouse) -> None:
    counts = []
    for number, size in ((100, 1), (200, 1), (300, 2)):
        with counted_statements() as queries:
            reserve(*(p for n in range(size) for p in want(number + n, house, (stocked[0], 1))))
        counts.append(queries())

    assert counts[1] == counts[2]


@pytest.mark.parametrize(
    "change",
    [
        {"reserved": 6},
        {"on_hand": -1},
        {"reserved": -1},
        {"allocated": 6},
        {"set_aside": 6},
        {"allocated": 6, "oversell_limit": 9},
        {"damaged": -1},
        {"safety": -1},
    ],
)
def test_the_database_itself_never_oversells(stocked: list[Sku], change: dict[str, int]) -> None:
    with pytest.raises(IntegrityError, match="stock_never_oversold|stock_lies_there|stock_limits_positive"):
        StockLevel.objects.filter(sku=stocked[0]).update(**change)


def test_the_database_itself_knows_one_open_promise_for_a_line_and_warehouse(
    stocked: list[Sku], house: Warehouse
) -> None:
    reserve(*want(1, house, (stocked[0], 1)))

    with pytest.raises(IntegrityError, match="one_open_reservation"):
        reserve(*want(1, house, (stocked[0], 1)))
