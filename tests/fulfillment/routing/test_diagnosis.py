"""Which reason an order without a way is given: goods that are there are never said to be out of stock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from fulfillment.routing.calendar import WarehouseDays
from fulfillment.routing.decide import Decider
from fulfillment.routing.facts import Decision, LineFacts, OrderFacts
from fulfillment.routing.tariff import CourierLimits, TariffRow, compile_tariff
from tests.fulfillment.routing.rule_documents import EAST, SF, SOUTH, WEST, ZTO, compiled, rule

NOON = datetime(2026, 12, 1, 4, tzinfo=UTC)
HOUSES = (EAST, SOUTH, WEST)


def decided(
    stock: dict[tuple[int, int], int],
    *lines: tuple[int, int, int],
    rules: list[dict[str, Any]] | None = None,
    most_g: int = 3000,
    full: tuple[int, ...] = (),
    parcels: int | None = None,
) -> Decision:
    """lines: (SKU, pieces, gram of one). Every courier goes everywhere in 浙江省 with parcels of up to most_g."""
    rows = [
        TariffRow(warehouse_id=w, courier_id=c, zone="33", first_fen=500, step_fen=100, days=1)
        for w in HOUSES
        for c in (ZTO, SF)
    ]
    limits = {(w, c): CourierLimits(max_g=most_g) for w in HOUSES for c in (ZTO, SF)}
    tariff = compile_tariff(rows, warehouses=HOUSES, couriers=(ZTO, SF), limits=limits)
    more = [rule("max_parcels", "most", parcels=parcels)] if parcels else []
    calendars = {w: WarehouseDays(daily_parcels=0, full_excludes=True) for w in full}
    decider = Decider(
        tariff=tariff, rules=compiled(*(rules or []), *more), prices=None, at=NOON, calendars=calendars, loads={}
    )
    facts = tuple(LineFacts(n, sku, pieces, gram) for n, (sku, pieces, gram) in enumerate(lines, 1))
    return decider.decide(OrderFacts(1, "normal", "330106", facts), dict(stock))


def everywhere(sku: int, pieces: int, *but: int) -> dict[tuple[int, int], int]:
    return {(sku, w): pieces for w in HOUSES if w not in but}


def test_goods_that_are_too_heavy_for_every_courier_are_not_out_of_stock_because_one_warehouse_has_none() -> None:
    decision = decided(everywhere(7, 50_000, WEST), (7, 3, 2000))

    assert (decision.problem, decision.short) == ("no_courier", ())


def test_a_warehouse_that_is_full_but_has_everything_goes_before_one_that_has_nothing() -> None:
    decision = decided({(7, EAST): 10}, (7, 1, 500), full=(EAST,))

    assert (decision.problem, decision.short) == ("full", ())


def test_a_full_warehouse_from_which_nobody_would_take_it_is_not_what_keeps_it() -> None:
    decision = decided({(7, EAST): 10}, (7, 3, 2000), full=(EAST,))

    assert decision.problem == "no_courier"


def test_goods_that_lie_apart_and_could_leave_apart_are_not_short_but_too_heavy() -> None:
    decision = decided({(7, EAST): 5, (8, SOUTH): 5}, (7, 1, 4000), (8, 1, 500))

    assert (decision.problem, decision.short) == ("no_courier", ())


@pytest.mark.parametrize(
    ("stock", "lines", "parcels", "short"),
    [
        (everywhere(7, 2), ((7, 9, 100),), None, (7,)),
        (everywhere(7, 2), ((7, 1, 100), (8, 1, 100)), None, (8,)),
        ({(7, EAST): 1, (8, SOUTH): 1}, ((7, 1, 100), (8, 1, 100)), 1, (7, 8)),
        ({(7, EAST): 1, (8, SOUTH): 1, (9, WEST): 1}, ((7, 1, 9), (8, 1, 9), (9, 1, 9)), 2, (7, 8, 9)),
        ({(7, EAST): 4}, ((7, 3, 100), (7, 3, 100)), None, (7,)),
    ],
    ids=["too few anywhere", "one of two nowhere", "apart, one parcel", "apart, two parcels", "two lines of one"],
)
def test_what_is_short_is_named(
    stock: dict[tuple[int, int], int], lines: tuple[tuple[int, int, int], ...], parcels: int | None, short: Any
) -> None:
    decision = decided(stock, *lines, parcels=parcels)

    assert (decision.problem, decision.short) == ("short", short)


def test_stock_where_a_rule_lets_nothing_leave_does_not_count() -> None:
    decision = decided({(7, EAST): 9}, (7, 1, 100), rules=[rule("never_warehouses", "r", warehouses=["EAST"])])

    assert (decision.problem, decision.short) == ("short", (7,))


def test_two_lines_of_one_sku_are_divided_over_what_is_left_after_the_first() -> None:
    decision = decided({(7, EAST): 4, (7, SOUTH): 2}, (7, 3, 100), (7, 3, 100))

    assert decision.problem == ""
    assert decision.choice is not None
    pieces = {p.warehouse_id: decision.pieces_of(p.line_ids) for p in decision.choice.parcels}
    assert {w: sum(lines.values()) for w, lines in pieces.items()} == {EAST: 4, SOUTH: 2}
    assert pieces[EAST][1] + pieces.get(SOUTH, {}).get(1, 0) == 3
