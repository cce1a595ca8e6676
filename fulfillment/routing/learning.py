"""Prices from earlier days: what today's stock would be worth if those days' orders came again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fulfillment.routing.instance import Instance
from fulfillment.routing.instance_tables import BadInstance
from fulfillment.routing.solve import learn_prices
from fulfillment.routing.terms import OrderNeed, Prices


def learn_from_days(today: Instance, days: Sequence[Instance], *, seconds: float, use_solver: bool = True) -> Prices:
    """The mean of what each of these days' orders says about today's stock, prices and costs.

    Nothing of today's orders is looked at. seconds: for all days together. Raises BadInstance for a day of another
    world: other warehouses, or a SKU that is unknown today or weighs something else.
    """
    learned = [
        learn_prices(
            _orders_today(today, day),
            today.stock,
            today.tariff,
            today.costs,
            seconds=seconds / len(days),
            use_solver=use_solver,
        )
        for day in days
    ]
    return mean_prices(learned, warehouses=len(today.warehouse_names))


def mean_prices(learned: Sequence[Prices], *, warehouses: int) -> Prices:
    """The mean of several days' prices; what a day has no price for counts as nothing."""
    share = 1 / len(learned)
    stock: dict[int, np.ndarray[tuple[int, ...], np.dtype[np.float64]]] = {}
    parcel, unit = np.zeros(warehouses), np.zeros(warehouses)
    for prices in learned:
        parcel, unit = parcel + share * prices.parcel, unit + share * prices.unit
        for sku, row in prices.stock.items():
            stock[sku] = stock.get(sku, np.zeros(warehouses)) + share * row
    return Prices(stock=stock, parcel=parcel, unit=unit, version=f"mean-of-{len(learned)}")


def _orders_today(today: Instance, day: Instance) -> list[OrderNeed]:
    """The day's orders in the numbers of today."""
    if day.warehouse_names != today.warehouse_names:
        raise BadInstance(f"{day.name}/warehouses.csv", None, f"not the warehouses of {today.name}")
    index = {name: number for number, name in enumerate(today.sku_names)}
    known: dict[int, int] = {}
    for number, (name, kind) in enumerate(zip(day.sku_names, day.sku_kinds, strict=True)):
        same = index.get(name)
        if same is None or today.sku_kinds[same] != kind:
            problem = (
                f"SKU {name!r} is unknown in {today.name}" if same is None else f"SKU {name!r} is another thing there"
            )
            raise BadInstance(f"{day.name}/skus.csv", number + 2, problem)
        known[number] = same
    return [
        replace(
            order,
            zone=today.tariff.zone_of(code),
            priority=min(order.priority, len(today.costs.late_fen) - 1),
            lines=tuple(replace(line, sku_id=known[line.sku_id]) for line in order.lines),
        )
        for order, code in zip(day.orders, day.destinations, strict=True)
    ]
