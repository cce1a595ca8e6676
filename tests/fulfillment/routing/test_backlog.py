"""A backlog is planned together: within every limit, above the proven bound, the same every time."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fulfillment.routing import columns
from fulfillment.routing.adjust import adjust_prices, lagrangian
from fulfillment.routing.backlog import compile_backlog
from fulfillment.routing.choice import choose
from fulfillment.routing.day import plan_batch, plan_online
from fulfillment.routing.instance import read_instance, write_solution
from fulfillment.routing.played_world import SHAPES, World
from fulfillment.routing.solve import solve_backlog
from tests.fulfillment.routing.brute_force import block_cost
from tests.fulfillment.routing.checker import judge
from tests.fulfillment.routing.worlds import worlds

SLOW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def shippable(orders, choices, stock, tariff, costs):
    """Every choice can be carried out beside all others, and costs what it says."""
    left = stock.copy()
    for order, choice in zip(orders, choices, strict=True):
        lines = {line.line_id: line for line in order.lines}
        for parcel in choice.parcels:
            block = ([lines[i] for i in parcel.line_ids], parcel.warehouse, parcel.courier)
            made = parcel.made_line_ids
            assert all(lines[i].made_to_order for i in made)
            assert block_cost(block, order, stock, tariff, None, costs, made) == parcel.cost_fen
        left.take(order, choice)
        placed = [i for parcel in choice.parcels for i in parcel.line_ids]
        assert sorted([*placed, *choice.unfilled_line_ids]) == sorted(lines)
        assert order.max_parcels is None or len(choice.parcels) <= order.max_parcels
        assert order.is_partial or not choice.parcels or not choice.unfilled_line_ids
    assert min(min(row) for row in [*left.pieces.values(), left.units, left.parcels]) >= 0


@SLOW
@given(worlds(most_lines=8), st.integers(1, 5), st.booleans())
def test_plans_under_rules_keep_to_every_limit(world, many, use_solver):
    order, stock, tariff, _, costs = world
    orders = [replace(order, order_id=number) for number in range(many)]

    plan = solve_backlog(orders, stock, tariff, costs, seconds=5, use_solver=use_solver)

    shippable(orders, plan.choices, stock, tariff, costs)
    # A preference may make a parcel cheaper than nothing, so that the bound is below zero; never above the plan.
    assert plan.bound_fen <= plan.total_fen + 1e-6


@SLOW
@given(worlds(most_lines=4), st.integers(1, 4))
def test_no_prices_prove_more_than_the_plans_that_can_be_carried_out_cost(world, many):
    order, stock, tariff, prices, costs = world
    orders = [replace(order, order_id=number, is_partial=True, max_parcels=None) for number in range(many)]
    left, total = stock.copy(), 0
    for each in orders:
        choice = choose(each, left, tariff, prices, costs)
        left.take(each, choice)
        total += choice.total_fen
    backlog = compile_backlog(orders, stock, tariff, costs)
    random = np.random.default_rng(1)

    values = [lagrangian(backlog, random.uniform(0, 2000, len(backlog.capacity)))[0] for _ in range(5)]
    adjusted = adjust_prices(backlog, rounds=20)

    assert max(values) <= total + 1e-6
    assert adjusted.bound_fen <= total + 1e-6


@SLOW
@given(worlds(most_lines=4))
def test_a_backlog_of_one_order_costs_what_the_choice_for_it_costs(world):
    order, stock, tariff, _, costs = world

    plan = solve_backlog([order], stock, tariff, costs, seconds=5)

    assert plan.total_fen == choose(order, stock, tariff, None, costs).total_fen


@pytest.mark.parametrize("shape", sorted(SHAPES))
@pytest.mark.parametrize("use_solver", [True, False])
def test_a_day_of_every_shape_is_planned_within_its_limits_and_above_the_bound(shape, use_solver, tmp_path):
    World(warehouses=4, orders=150, seed=7, shape=shape).write(tmp_path)
    instance = read_instance(tmp_path)

    plan = plan_batch(instance, seconds=10, use_solver=use_solver)
    write_solution(tmp_path / "solution.csv", instance, plan.choices)
    online, _ = plan_online(instance, None)

    cost, broken = judge(tmp_path, tmp_path / "solution.csv")
    assert broken == []
    assert cost * 100 == plan.total_fen
    assert plan.bound_fen <= plan.total_fen <= sum(choice.total_fen for choice in online)
    assert plan.report.way == ("columns" if use_solver else "adjustment_without_solver")
    assert (plan.report.blocks_tried > 0) <= use_solver


def test_together_comes_close_to_the_bound(day):
    plan = plan_batch(day, seconds=20, use_solver=True)

    assert plan.report.bound_is_exact
    assert plan.total_fen <= plan.bound_fen * 1.03


def test_the_same_backlog_gives_the_same_plan(day):
    first = plan_batch(day, seconds=30, use_solver=True, seed=3)
    second = plan_batch(day, seconds=30, use_solver=True, seed=3)

    assert first.report.cut_short == second.report.cut_short == []
    assert first.choices == second.choices
    assert first.bound_fen == second.bound_fen


@pytest.mark.parametrize("use_solver", [True, False])
def test_a_plan_comes_back_when_there_is_no_time_and_says_so(day, use_solver):
    plan = plan_batch(day, seconds=0.02, use_solver=use_solver)

    assert plan.report.is_out_of_time
    assert "prices" in plan.report.cut_short
    shippable(day.orders, plan.choices, day.stock, day.tariff, day.costs)
    assert 0 < plan.bound_fen <= plan.total_fen
    nothing = sum(day.costs.unfilled_fen[order.priority] * len(order.lines) for order in day.orders)
    assert plan.total_fen < nothing


def test_without_the_solver_installed_the_report_says_so(day, monkeypatch):
    monkeypatch.setattr(columns, "highspy", None)

    plan = plan_batch(day, seconds=10, use_solver=True)

    assert plan.report.way == "adjustment_without_solver"
    assert plan.report.columns == plan.report.blocks_tried == 0
    shippable(day.orders, plan.choices, day.stock, day.tariff, day.costs)


def test_a_solver_that_comes_to_nothing_leaves_the_prices_by_adjustment(day, monkeypatch):
    class Failing:
        """A solver whose runs end in an error, as after a change of its threads."""

        def __getattr__(self, name):
            return getattr(real, name)

        def Highs(self):
            highs = real.Highs()
            highs.run = lambda: None
            return highs

    real = columns.highspy
    monkeypatch.setattr(columns, "highspy", Failing())

    plan = plan_batch(day, seconds=10, use_solver=True)

    assert plan.report.way == "adjustment"
    assert "columns" in plan.report.cut_short
    shippable(day.orders, plan.choices, day.stock, day.tariff, day.costs)


def test_orders_of_many_lines_find_their_place_before_the_others(day):
    lines = tuple(
        replace(line, line_id=number)
        for number, line in enumerate(line for order in day.orders[:12] for line in order.lines)
    )
    wide = replace(day.orders[0], order_id=10_000, lines=lines)
    orders = [*day.orders[12:60], wide]

    plan = solve_backlog(orders, day.stock, day.tariff, day.costs, seconds=10)

    assert len(lines) > 6
    shippable(orders, plan.choices, day.stock, day.tariff, day.costs)
    assert plan.choices[-1].method in ("merged", "greedy")
    assert plan.bound_fen <= plan.total_fen


def test_an_empty_backlog_is_no_trouble(day):
    plan = solve_backlog([], day.stock, day.tariff, day.costs, seconds=1)

    assert plan.choices == []
    assert plan.total_fen == plan.bound_fen == 0
    assert Decimal(plan.total_fen) == 0


def test_two_lines_of_one_sku_are_split_when_no_warehouse_has_enough_for_both(day):
    sku = next(line.sku_id for order in day.orders for line in order.lines if not line.made_to_order)
    model = replace(day.orders[0].lines[0], sku_id=sku, quantity=2, made_to_order=False)
    order = replace(day.orders[0], lines=(replace(model, line_id=0), replace(model, line_id=1)))
    stock = day.stock.copy()
    stock.pieces[sku] = [3, 2, 0, 0, 0]

    plan = solve_backlog([order], stock, day.tariff, day.costs, seconds=5)

    assert plan.choices[0].unfilled_line_ids == ()
    assert sorted(parcel.warehouse for parcel in plan.choices[0].parcels) == [0, 1]
    shippable([order], plan.choices, stock, day.tariff, day.costs)


@pytest.mark.parametrize("use_solver", [True, False])
def test_no_line_stays_behind_that_is_worth_sending_from_what_is_left(day, use_solver):
    plan = plan_batch(day, seconds=10, use_solver=use_solver)

    left = day.stock.copy()
    for order, choice in zip(day.orders, plan.choices, strict=True):
        left.take(order, choice)
    for order, choice in zip(day.orders, plan.choices, strict=True):
        if choice.unfilled_line_ids:
            left.give_back(order, choice)
            assert choose(order, left, day.tariff, None, day.costs).total_fen >= choice.total_fen
            left.take(order, choice)
