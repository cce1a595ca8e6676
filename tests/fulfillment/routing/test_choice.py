"""The choice for one order is the cheapest there is, and says why."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from fulfillment.routing.choice import choose
from tests.fulfillment.routing.brute_force import block_cost, cheapest_by_trying_all, fits, plan_cost
from tests.fulfillment.routing.worlds import worlds

MUCH = 1e7


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(worlds())
def test_the_choice_costs_what_the_best_of_all_ways_costs(world):
    order, stock, tariff, prices, costs = world
    unfilled = costs.unfilled_fen[order.priority] + (MUCH if prices is not None else 0)

    choice = choose(order, stock, tariff, prices, costs)

    best = cheapest_by_trying_all(order, stock, tariff, prices, costs, unfilled)
    if best is None:
        assert choice.parcels == ()
        assert choice.unfilled_line_ids == tuple(line.line_id for line in order.lines)
    else:
        assert plan_cost(choice, unfilled) == pytest.approx(best, abs=1e-3)
    assert choice.method == "exact"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(worlds(most_lines=9))
def test_every_choice_can_be_shipped_and_its_terms_add_up(world):
    order, stock, tariff, prices, costs = world
    before = stock.copy()

    choice = choose(order, stock, tariff, prices, costs)

    assert stock == before
    lines = {line.line_id: line for line in order.lines}
    blocks = [([lines[i] for i in parcel.line_ids], parcel.warehouse, parcel.courier) for parcel in choice.parcels]
    assert fits(blocks, stock)
    for block, parcel in zip(blocks, choice.parcels, strict=True):
        cost = block_cost(block, order, stock, tariff, prices, costs)
        assert cost == pytest.approx(parcel.cost_fen + parcel.price_fen, abs=1e-3)
    placed = [i for parcel in choice.parcels for i in parcel.line_ids]
    assert sorted([*placed, *choice.unfilled_line_ids]) == sorted(lines)
    assert len(choice.parcels) <= (len(lines) if order.max_parcels is None else order.max_parcels)
    assert order.is_partial or not choice.parcels or not choice.unfilled_line_ids
    assert len(choice.candidates) == len(tariff.warehouses)
    stock.take(order, choice)
    assert min(min(row) for row in [*stock.pieces.values(), stock.units, stock.parcels]) >= 0
    stock.give_back(order, choice)
    assert stock == before
