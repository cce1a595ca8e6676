"""The choice for one order is the cheapest there is, and says why."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from fulfillment.routing.choice import choose
from fulfillment.routing.tariff import TariffRow, compile_tariff
from fulfillment.routing.terms import Costs, LineNeed, OrderNeed, Prices, StockView
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
    # Beyond what is tried in all ways, later lines are made when earlier ones have taken the last pieces.
    made = {i for parcel in choice.parcels for i in parcel.made_line_ids}
    assert made <= {line.line_id for line in order.lines if line.made_to_order}
    assert fits(blocks, stock, made)
    for block, parcel in zip(blocks, choice.parcels, strict=True):
        cost = block_cost(block, order, stock, tariff, prices, costs, parcel.made_line_ids)
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


def two_sites(**order):
    """Warehouse 1 is cheap and holds SKU 7, warehouse 2 is dear and holds 7 and 8; to each one courier."""
    rows = [
        TariffRow(warehouse_id=1, courier_id=5, zone="33", first_fen=300, step_fen=100, days=2),
        TariffRow(warehouse_id=2, courier_id=6, zone="33", first_fen=800, step_fen=100, days=1),
    ]
    tariff = compile_tariff(rows, warehouses=[1, 2], couriers=[5, 6])
    costs = Costs(
        handling_fen=np.array([100, 150]),
        dispatch_days=np.zeros(2, np.int64),
        make_days=np.zeros(2, np.int64),
        late_fen=(300, 2500),
        unfilled_fen=(4000, 9000),
        split_fen=400,
    )
    stock = StockView.of(tariff, {(7, 1): 5, (7, 2): 5, (8, 2): 5})
    lines = tuple(LineNeed(line_id=sku, sku_id=sku, quantity=1, weight_g=400) for sku in order.pop("skus", (7, 8)))
    need = OrderNeed(order_id=1, lines=lines, zone=tariff.zone_of("330100"), **order)
    return need, stock, tariff, costs


def test_two_lines_travel_together_when_splitting_costs_more():
    need, stock, tariff, costs = two_sites()

    choice = choose(need, stock, tariff, None, costs)

    assert [(p.warehouse_id, p.courier_id, p.line_ids) for p in choice.parcels] == [(2, 6, (7, 8))]
    assert choice.cost_fen == 800 + 150
    assert choice.split_fen == 0


def test_the_record_says_why_each_warehouse_lost_and_what_it_would_have_cost():
    need, stock, tariff, costs = two_sites(skus=(7,))

    choice = choose(need, stock, tariff, None, costs)

    first, second = choice.candidates
    assert (first.verdict, first.cost_fen, first.courier_id) == ("chosen", 400, 5)
    assert (second.verdict, second.cost_fen, second.courier_id) == ("dearer", 950, 6)


@pytest.mark.parametrize(
    ("order", "verdicts"),
    [
        ({}, ["short", "chosen"]),
        ({"skus": (7,), "excluded": {1: "no glass from here"}}, ["excluded", "chosen"]),
        ({"skus": (7,), "pinned_warehouse_id": 2}, ["not_pinned", "chosen"]),
        ({"skus": (7,), "allowed": np.array([[False, True], [True, True]])}, ["no_courier", "chosen"]),
    ],
)
def test_each_verdict(order, verdicts):
    need, stock, tariff, costs = two_sites(**order)

    choice = choose(need, stock, tariff, None, costs)

    assert [candidate.verdict for candidate in choice.candidates] == verdicts
    assert choice.unfilled_line_ids == ()


def test_a_warehouse_that_has_shipped_its_last_parcel_is_full():
    need, stock, tariff, costs = two_sites(skus=(7,))
    stock.parcels[0] = 0

    choice = choose(need, stock, tariff, None, costs)

    assert [candidate.verdict for candidate in choice.candidates] == ["full", "chosen"]


def test_where_nobody_goes_everything_stays_and_says_so():
    need, stock, tariff, costs = two_sites(skus=(7,))
    nowhere = OrderNeed(order_id=1, lines=need.lines, zone=-1)

    choice = choose(nowhere, stock, tariff, None, costs)

    assert choice.parcels == ()
    assert choice.unfilled_line_ids == (7,)
    assert [candidate.verdict for candidate in choice.candidates] == ["no_courier", "no_courier"]


def test_prices_steer_to_the_dearer_warehouse_but_never_refuse_a_line():
    need, stock, tariff, costs = two_sites(skus=(7,))
    scarce_at_first = Prices(stock={7: np.array([900.0, 0.0])}, parcel=np.zeros(2), unit=np.zeros(2))
    beyond_every_penalty = Prices(stock={7: np.array([1e6, 1e6])}, parcel=np.zeros(2), unit=np.zeros(2))

    steered = choose(need, stock, tariff, scarce_at_first, costs)
    priced = choose(need, stock, tariff, beyond_every_penalty, costs)

    assert [parcel.warehouse_id for parcel in steered.parcels] == [2]
    assert steered.cost_fen == 950
    assert steered.candidates[0].price_fen == 900
    assert [parcel.warehouse_id for parcel in priced.parcels] == [1]


def test_many_lines_with_the_same_warehouses_are_chosen_for_together():
    need, stock, tariff, costs = two_sites(skus=(7,))
    lines = tuple(LineNeed(line_id=i, sku_id=100 + i, quantity=1, weight_g=100) for i in range(9))
    many = OrderNeed(order_id=1, lines=lines, zone=need.zone)
    for line in lines:
        stock.pieces[line.sku_id] = [1, 1] if line.line_id < 8 else [0, 1]

    choice = choose(many, stock, tariff, None, costs)

    assert choice.method == "merged"
    assert choice.unfilled_line_ids == ()
    # One parcel of 900 g from the dear warehouse beats two parcels and the split.
    assert [(parcel.warehouse_id, len(parcel.line_ids)) for parcel in choice.parcels] == [(2, 9)]
