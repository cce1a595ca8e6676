"""The quick choice is the exact choice, or none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fulfillment.routing.choice import choose
from fulfillment.routing.quick import QuickChoice
from fulfillment.routing.rules import Ruling
from fulfillment.routing.tariff import Tariff, TariffRow, compile_tariff
from fulfillment.routing.terms import Choice, Costs, LineNeed, OrderNeed, Prices, StockView
from tests.fulfillment.routing.worlds import worlds

World = tuple[OrderNeed, StockView, Tariff, Prices | None, Costs]


def steered(choice: Choice) -> float:
    """What is compared: the cost and the shadow prices."""
    return choice.cost_fen + sum(parcel.price_fen for parcel in choice.parcels)


@settings(max_examples=400, deadline=None)
@given(world=worlds(), serial=st.integers(1, 1 << 40))
def test_what_it_answers_costs_what_the_exact_choice_costs(world: World, serial: int) -> None:
    order, stock, tariff, prices, costs = world
    order = replace(order, is_partial=False)
    ruling = Ruling(serial=serial, max_parcels=order.max_parcels or 9, allowed=order.allowed, extra_fen=order.extra_fen)

    quick = QuickChoice(tariff, costs, prices).choose(order, ruling, stock)

    if quick is not None:
        exact = choose(order, stock, tariff, prices, costs)
        assert abs(steered(quick) - steered(exact)) < 0.01
        assert quick.unfilled_line_ids == ()


def plain(fees: dict[int, int], *, split_fen: int = 400) -> tuple[Tariff, Costs]:
    rows = [
        TariffRow(warehouse_id=w, courier_id=5, zone="", first_fen=fen, step_fen=100, days=1) for w, fen in fees.items()
    ]
    tariff = compile_tariff(rows, warehouses=sorted(fees), couriers=[5])
    zeros = np.zeros(len(fees), np.int64)
    costs = Costs(
        handling_fen=zeros, dispatch_days=zeros, make_days=zeros, late_fen=(0,), unfilled_fen=(0,), split_fen=split_fen
    )
    return tariff, costs


def order_of(*skus: int, zone: int = 0) -> OrderNeed:
    lines = tuple(LineNeed(line_id=n, sku_id=sku, quantity=1, weight_g=300) for n, sku in enumerate(skus, start=1))
    return OrderNeed(order_id=1, lines=lines, zone=zone, max_parcels=3, is_partial=False)


def test_an_ordinary_order_is_answered_with_everything_that_was_looked_at() -> None:
    tariff, costs = plain({1: 900, 2: 800})
    stock = StockView.of(tariff, {(7, 1): 5, (7, 2): 5, (8, 1): 5, (8, 2): 5})

    choice = QuickChoice(tariff, costs, None).choose(order_of(7, 8), Ruling(max_parcels=3), stock)

    assert choice is not None
    assert choice == choose(order_of(7, 8), stock, tariff, None, costs)
    assert [(c.warehouse_id, c.verdict, c.cost_fen) for c in choice.candidates] == [
        (1, "dearer", 900),
        (2, "chosen", 800),
    ]


def test_an_order_that_no_one_has_whole_is_left_to_the_exact_choice() -> None:
    tariff, costs = plain({1: 900, 2: 800})
    stock = StockView.of(tariff, {(7, 1): 5, (8, 2): 5})

    assert QuickChoice(tariff, costs, None).choose(order_of(7, 8), Ruling(max_parcels=3), stock) is None


def test_where_a_split_could_be_cheaper_the_exact_choice_decides() -> None:
    tariff, costs = plain({1: 2000, 2: 300}, split_fen=100)
    stock = StockView.of(tariff, {(7, 1): 5, (8, 1): 5, (7, 2): 5})

    assert QuickChoice(tariff, costs, None).choose(order_of(7, 8), Ruling(max_parcels=3), stock) is None


def test_shadow_prices_steer_without_being_paid() -> None:
    tariff, costs = plain({1: 900, 2: 800})
    stock = StockView.of(tariff, {(7, 1): 5, (7, 2): 1})
    prices = Prices(stock={7: np.array([0.0, 500.0])}, parcel=np.zeros(2), unit=np.zeros(2))

    choice = QuickChoice(tariff, costs, prices).choose(order_of(7), Ruling(max_parcels=3), stock)

    assert choice is not None
    assert (choice.parcels[0].warehouse_id, choice.cost_fen, choice.parcels[0].price_fen) == (1, 900, 0.0)
