"""Every parcel that an order could leave in: which lines, from which warehouse, with which courier, at what cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fulfillment.routing.subsets import members
from fulfillment.routing.tariff import IMPOSSIBLE, Tariff
from fulfillment.routing.terms import Costs, LineNeed, OrderNeed, Prices, StockView

Ints = NDArray[np.int64]
Group = tuple[LineNeed, ...]


@dataclass(slots=True)
class Options:
    """The parcels of an order whose lines stand in k groups; S = 2^k - 1 subsets, subset m in row m - 1.

    at: warehouse indexes [A] that have something and may ship. held[g][w], made[g][w]: whether a warehouse could serve
    the group at all, and whether it would make it. ready [S, A], or [1, A] where all subsets wait equally: days until
    the parcel leaves. freight [S, A, C]: the courier's fee. money [S, A]: all costs in fen with the cheapest
    courier [S, A], IMPOSSIBLE where it cannot be. price [S, A]: the shadow price that comes on top. boxes [S, A]: in
    how many boxes it leaves, None where that is one always.
    """

    groups: Sequence[Group]
    at: NDArray[np.intp]
    held: list[list[bool]]
    made: list[list[bool]]
    weight_g: Ints
    ready: Ints
    freight: Ints
    money: Ints
    courier: NDArray[np.intp]
    price: NDArray[np.float64] | None = None
    boxes: Ints | None = None


def sources(line: LineNeed, stock: StockView, costs: Costs) -> tuple[list[bool], list[bool]]:
    """By warehouse index: whether it could serve the line at all, and whether it would make it."""
    quantity = line.quantity
    row = stock.pieces.get(line.sku_id)
    held = [pieces >= quantity for pieces in row] if row is not None else [False] * len(stock.units)
    made = [False] * len(held)
    if line.made_to_order:
        days = line.make_days
        for w, units in enumerate(stock.units):
            if not held[w] and units >= quantity and (days is None or days[w] >= 0):
                held[w] = made[w] = True
    return held, made


def options_of(
    groups: Sequence[Group],
    order: OrderNeed,
    *,
    may_ship: Sequence[bool],
    stock: StockView,
    tariff: Tariff,
    prices: Prices | None,
    costs: Costs,
) -> Options:
    """All parcels of these groups. may_ship: by warehouse index, whether rules and capacity let it ship at all."""
    held, made = [], []
    for group in groups:
        group_held, group_made = _sources_of_group(group, stock, costs)
        held.append(group_held)
        made.append(group_made)
    any_held = map(any, zip(*held, strict=True))
    at = np.array([w for w, (can, may) in enumerate(zip(any_held, may_ship, strict=True)) if can and may], np.intp)
    subsets = members(len(groups))
    weight_g = subsets @ np.array([sum(line.weight_g for line in group) for group in groups], np.int64)
    if not len(at):
        nothing = np.full((len(subsets), 0), IMPOSSIBLE, np.int64)
        return Options(groups, at, held, made, weight_g, nothing, nothing[:, :, None], nothing, nothing)
    volume = value = None
    if "divisor" in tariff.has:
        volume = subsets @ np.array([sum(line.volume_cm3 for line in group) for group in groups], np.int64)
    if "insurance" in tariff.has:
        value = subsets @ np.array([sum(line.value_fen for line in group) for group in groups], np.int64)
    boxes: Ints | None = None
    handling = costs.handling_fen[at]
    if order.boxing is not None:
        contents = [[line for g, group in enumerate(groups) if row[g] for line in group] for row in subsets.tolist()]
        freight, boxes = order.boxing.freight(tariff, order.zone, contents, at.tolist())
        handling = handling * boxes
    else:
        freight = tariff.freight_fen(order.zone, weight_g, volume, value, at=at)
    ready = _ready_days(groups, made, subsets, at, costs)
    fee = _with_rules(freight, groups, subsets, order, at)
    if order.promise_days is not None:
        late = tariff.days[order.zone, at] + (ready - order.promise_days)[:, :, None]
        fee = fee + np.maximum(late, 0) * costs.late_fen[order.priority]
    courier = fee.argmin(axis=2)
    money = np.minimum(fee.min(axis=2) + handling, IMPOSSIBLE)
    if not all(map(all, held)):
        money[subsets @ ~np.array(held, np.bool_)[:, at] > 0] = IMPOSSIBLE
    if (overdrawn := _overdrawn(groups, made, subsets, at, stock)) is not None:
        money[overdrawn] = IMPOSSIBLE
    if len(subsets) > 1 and len({line.parcel_class for group in groups for line in group}) > 1:
        money[_mixed(groups, subsets)] = IMPOSSIBLE
    price = _prices(groups, made, subsets, at, prices) if prices is not None else None
    return Options(groups, at, held, made, weight_g, ready, freight, money, courier, price, boxes)


def _sources_of_group(group: Group, stock: StockView, costs: Costs) -> tuple[list[bool], list[bool]]:
    held, made = sources(group[0], stock, costs)
    if len(group) == 1:
        return held, made
    wanted: dict[int, int] = {}
    for line in group:
        wanted[line.sku_id] = wanted.get(line.sku_id, 0) + line.quantity
    for line in group[1:]:
        also_held, also_made = sources(line, stock, costs)
        held = [a and b for a, b in zip(held, also_held, strict=True)]
        made = [a or b for a, b in zip(made, also_made, strict=True)]
    units = sum(line.quantity for line in group if line.made_to_order)
    for w in range(len(held)):
        if made[w]:
            held[w] = held[w] and stock.units[w] >= units
        elif held[w]:
            held[w] = all(stock.pieces[sku][w] >= pieces for sku, pieces in wanted.items())
    return held, made


def _overdrawn(
    groups: Sequence[Group], made: Sequence[Sequence[bool]], subsets: Ints, at: NDArray[np.intp], stock: StockView
) -> NDArray[np.bool_] | None:
    """[S, A]: parcels whose lines each find enough, but not all together: one SKU in two lines, or much to be made.
    None where that cannot be."""
    is_shared = len({line.sku_id for group in groups for line in group}) < sum(map(len, groups))
    if not is_shared and sum(map(any, made)) < 2:
        return None
    drawn: dict[int | None, list[tuple[int, NDArray[np.int64]]]] = {}
    for g, group in enumerate(groups):
        is_made = np.array(made[g], np.bool_)[at] if any(made[g]) else None
        for line in group:
            taken = np.full(len(at), line.quantity)
            if is_made is not None and line.made_to_order:
                drawn.setdefault(None, []).append((g, taken * is_made))
                taken = taken * ~is_made
            drawn.setdefault(line.sku_id, []).append((g, taken))
    over = np.zeros((len(subsets), len(at)), np.bool_)
    for sku, uses in drawn.items():
        if len(uses) > 1:
            row = stock.units if sku is None else stock.pieces.get(sku, [0] * len(stock.units))
            total = sum(subsets[:, g, None] * taken for g, taken in uses)
            over |= total > np.array(row, np.int64)[at]
    return over


def _with_rules(freight: Ints, groups: Sequence[Group], subsets: Ints, order: OrderNeed, at: NDArray[np.intp]) -> Ints:
    """[S, A, C]: freight with what rules add, IMPOSSIBLE where they forbid."""
    fee = freight
    if order.extra_fen is not None:
        # A preference below zero makes nothing possible that is not.
        fee = np.where(freight >= IMPOSSIBLE, IMPOSSIBLE, fee + order.extra_fen[at])
    if order.allowed is not None:
        fee = np.where(order.allowed[at], fee, IMPOSSIBLE)
    for g, group in enumerate(groups):
        for line in group:
            if line.allowed is not None:
                forbidden = (subsets[:, g] > 0)[:, None, None] & ~line.allowed[at]
                fee = np.where(forbidden, IMPOSSIBLE, fee)
    return fee


def _ready_days(
    groups: Sequence[Group], made: Sequence[Sequence[bool]], subsets: Ints, at: NDArray[np.intp], costs: Costs
) -> Ints:
    """[S, A], or [1, A] where nothing is made: days until a parcel leaves, that of its slowest line."""
    ready = costs.dispatch_days[at][None, :]
    for g, group in enumerate(groups):
        if not any(made[g]):
            continue
        days = np.zeros(len(at), np.int64)
        for line in group:
            if line.made_to_order:
                own = costs.make_days if line.make_days is None else np.array(line.make_days, np.int64)
                days = np.maximum(days, np.where(np.array(made[g], np.bool_)[at], own[at], 0))
        ready = np.maximum(ready, subsets[:, g, None] * (days + costs.dispatch_days[at]))
    return ready


def _mixed(groups: Sequence[Group], subsets: Ints) -> NDArray[np.bool_]:
    classes = sorted({line.parcel_class for group in groups for line in group})
    kinds = sum(
        (
            subsets @ np.array([any(line.parcel_class == one for line in group) for group in groups], np.int64) > 0
        ).astype(np.int64)
        for one in classes
    )
    return np.asarray(kinds > 1)


def _prices(
    groups: Sequence[Group], made: Sequence[Sequence[bool]], subsets: Ints, at: NDArray[np.intp], prices: Prices
) -> NDArray[np.float64]:
    """[S, A]: the shadow price of each parcel."""
    rows = np.zeros((len(groups), len(at)))
    for g, group in enumerate(groups):
        is_made = np.array(made[g], np.bool_)[at] if any(made[g]) else None
        for line in group:
            of_stock = prices.stock.get(line.sku_id)
            row = of_stock[at] * line.quantity if of_stock is not None else np.zeros(len(at))
            if is_made is not None and line.made_to_order:
                row = np.where(is_made, prices.unit[at] * line.quantity, row)
            rows[g] += row
    return subsets @ rows + prices.parcel[at]
