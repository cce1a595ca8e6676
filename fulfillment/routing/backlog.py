"""Many orders at once as arrays: what every parcel of every order would cost, so that prices can be tried on all of
them.

Orders with the same number of lines stand together in a `Shape`. Costs are whole fen in float64, which holds them
exactly. Resources are numbered: pieces of a SKU at a warehouse first (SKU row x W + warehouse), then units made at a
warehouse, then parcels of a warehouse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fulfillment.routing.options import options_of
from fulfillment.routing.subsets import MOST_LINES, NEVER, members
from fulfillment.routing.tariff import IMPOSSIBLE, Tariff
from fulfillment.routing.terms import Costs, LineNeed, OrderNeed, Prices, StockView

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(slots=True)
class Shape:
    """n orders of k lines each. S = 2^k - 1 subsets of lines, subset m in row m - 1; W warehouses.

    rows [n]: place of the order in the backlog. money [n, S, W]: fen of that parcel with its best courier, NEVER
    where it cannot be. courier [n, S, W]. resource [n, k, W]: what the line takes there. quantity [n, k]. unfilled
    [n]: for each line left out; whole [n]: no line of it may be left out alone. split [n]: for each parcel after the
    first.
    """

    lines: int
    rows: NDArray[np.intp]
    money: Floats
    courier: NDArray[np.int16]
    resource: NDArray[np.intp]
    quantity: Ints
    unfilled: Floats
    whole: NDArray[np.bool_]
    split: Floats


@dataclass(slots=True)
class Backlog:
    """All of it. capacity [R]: how much there is of each resource. wide: places of the orders that do not fit the
    arrays (more than six lines, one SKU in two lines, a choice of taking or making, or a cap on parcels that binds):
    they are chosen for one by one.
    """

    orders: Sequence[OrderNeed]
    tariff: Tariff
    costs: Costs
    stock: StockView
    sku_ids: tuple[int, ...]
    shapes: tuple[Shape, ...]
    wide: tuple[int, ...]
    capacity: Floats

    @property
    def warehouses(self) -> int:
        return len(self.tariff.warehouses)

    @property
    def units_at(self) -> int:
        """The first resource of units made."""
        return len(self.sku_ids) * self.warehouses

    @property
    def parcels_at(self) -> int:
        """The first resource of parcels."""
        return self.units_at + self.warehouses

    def capacity_of(self, stock: StockView) -> Floats:
        """[R]: how much of each resource this stock holds."""
        none = [0] * self.warehouses
        pieces = [piece for sku in self.sku_ids for piece in stock.pieces.get(sku, none)]
        capacity: Floats = np.maximum(np.array([*pieces, *stock.units, *stock.parcels], np.float64), 0)
        return capacity

    def prices(self, duals: Floats, version: str = "") -> Prices:
        """Shadow prices of resources as the choice for one order reads them."""
        table = duals[: self.units_at].reshape(len(self.sku_ids), self.warehouses)
        priced = {sku: table[row] for row, sku in enumerate(self.sku_ids) if table[row].any()}
        units, parcels = duals[self.units_at : self.parcels_at], duals[self.parcels_at :]
        return Prices(stock=priced, parcel=parcels, unit=units, version=version)


def compile_backlog(orders: Sequence[OrderNeed], stock: StockView, tariff: Tariff, costs: Costs) -> Backlog:
    """Arrays of all orders over the stock as it is now. Orders keep their place as their number."""
    places: dict[int, list[int]] = {}
    wide = []
    for place, order in enumerate(orders):
        lines, most = len(order.lines), order.max_parcels
        capped = most is not None and most not in (0, 1) and most < lines
        if lines > MOST_LINES or capped or _needs_care(order, stock):
            wide.append(place)
        elif lines:
            places.setdefault(lines, []).append(place)
    sku_ids = sorted({line.sku_id for order in orders for line in order.lines})
    sku_row = {sku: row for row, sku in enumerate(sku_ids)}
    none = [0] * len(tariff.warehouses)
    pieces = np.array([stock.pieces.get(sku, none) for sku in sku_ids], np.int64).reshape(len(sku_ids), len(none))
    backlog = Backlog(
        orders,
        tariff,
        costs,
        stock,
        tuple(sku_ids),
        (),
        tuple(wide),
        np.zeros(0),
    )
    backlog.capacity = backlog.capacity_of(stock)
    backlog.shapes = tuple(
        _shape(backlog, lines, np.array(places[lines], np.intp), pieces, sku_row) for lines in sorted(places)
    )
    return backlog


def _needs_care(order: OrderNeed, stock: StockView) -> bool:
    """Whether what a line takes from a warehouse depends on the plan: two lines share a SKU, or a warehouse that has
    pieces of a line's SKU could make them too."""
    if len(order.lines) > 1 and len({line.sku_id for line in order.lines}) < len(order.lines):
        return True
    return any(
        line.made_to_order
        and any(
            pieces > 0 and units >= line.quantity
            for pieces, units in zip(stock.pieces.get(line.sku_id, ()), stock.units, strict=False)
        )
        for line in order.lines
    )


def _shape(backlog: Backlog, lines: int, rows: NDArray[np.intp], pieces: Ints, sku_row: dict[int, int]) -> Shape:
    orders = [backlog.orders[row] for row in rows]
    costs, stock, width = backlog.costs, backlog.stock, backlog.warehouses
    each = [line for order in orders for line in order.lines]
    sku = _of(each, lambda line: sku_row[line.sku_id], lines)
    quantity = _of(each, lambda line: line.quantity, lines)
    held = pieces[sku] >= quantity[:, :, None]
    to_order = _of(each, lambda line: line.made_to_order, lines).astype(bool)
    made = ~held & to_order[:, :, None] & (np.array(stock.units) >= quantity[:, :, None])
    at = np.arange(width)
    priority = np.array([order.priority for order in orders])
    most = np.array([-1 if order.max_parcels is None else order.max_parcels for order in orders])
    unfilled = np.array(costs.unfilled_fen, float)[priority]
    shape = Shape(
        lines=lines,
        rows=rows,
        money=np.full((len(rows), (1 << lines) - 1, width), NEVER),
        courier=np.zeros((len(rows), (1 << lines) - 1, width), np.int16),
        resource=np.where(made, backlog.units_at + at, sku[:, :, None] * width + at),
        quantity=quantity,
        unfilled=unfilled,
        whole=np.array([not order.is_partial for order in orders]),
        split=np.where(most == 1, NEVER, float(costs.split_fen)),
    )
    plain = np.array([_is_plain(order) for order in orders])
    _price_plain(
        backlog,
        shape,
        [order for order, is_plain in zip(orders, plain, strict=True) if is_plain],
        np.flatnonzero(plain),
        held | made,
        made,
    )
    for i in np.flatnonzero(~plain):
        _price_with_rules(backlog, shape, int(i), orders[i])
    return shape


def _of(each: Sequence[LineNeed], what: object, lines: int) -> Ints:
    return np.fromiter(map(what, each), np.int64, len(each)).reshape(-1, lines)  # type: ignore[call-overload]


def _is_plain(order: OrderNeed) -> bool:
    """Whether nothing but the order's lines and place decides what its parcels cost."""
    return (
        order.zone >= 0
        and not order.excluded
        and order.allowed is None
        and order.extra_fen is None
        and order.max_parcels != 0
        and order.pinned_warehouse_id is None
        and all(line.allowed is None and line.make_days is None for line in order.lines)
        and (len(order.lines) == 1 or len({line.parcel_class for line in order.lines}) == 1)
    )


def _price_plain(
    backlog: Backlog,
    shape: Shape,
    orders: Sequence[OrderNeed],
    where: NDArray[np.intp],
    can: NDArray[np.bool_],
    made: NDArray[np.bool_],
) -> None:
    if not len(where):
        return
    tariff, costs = backlog.tariff, backlog.costs
    can, made = can[where] & (np.array(backlog.stock.parcels) > 0), made[where]
    each = [line for order in orders for line in order.lines]
    weight = _of(each, lambda line: line.weight_g, shape.lines)
    volume = _of(each, lambda line: line.volume_cm3, shape.lines)
    value = _of(each, lambda line: line.value_fen, shape.lines)
    zone = np.array([order.zone for order in orders], np.intp)
    promise = np.array([10**6 if order.promise_days is None else order.promise_days for order in orders])
    late_fen = np.array(costs.late_fen)[[order.priority for order in orders]]
    for row, bits in enumerate(members(shape.lines)):
        chosen = np.flatnonzero(bits)
        fee = tariff.freight_fen(zone, weight @ bits, volume @ bits, value @ bits)
        ready = costs.dispatch_days + made[:, chosen].any(axis=1) * costs.make_days
        late = np.maximum(tariff.days[zone] + ready[:, :, None] - promise[:, None, None], 0)
        fee = fee + late * late_fen[:, None, None]
        courier = fee.argmin(axis=2)
        best = np.take_along_axis(fee, courier[:, :, None], 2)[:, :, 0]
        possible = can[:, chosen].all(axis=1) & (best < IMPOSSIBLE)
        shape.money[where, row] = np.where(possible, best + costs.handling_fen, NEVER)
        shape.courier[where, row] = courier


def _price_with_rules(backlog: Backlog, shape: Shape, i: int, order: OrderNeed) -> None:
    """The same for one order that rules say something about, by the code that chooses for one order."""
    may_ship = [
        left > 0
        and order.zone >= 0
        and order.max_parcels != 0
        and warehouse_id not in order.excluded
        and order.pinned_warehouse_id in (None, warehouse_id)
        for warehouse_id, left in zip(backlog.tariff.warehouses, backlog.stock.parcels, strict=True)
    ]
    options = options_of(
        [(line,) for line in order.lines],
        order,
        may_ship=may_ship,
        stock=backlog.stock,
        tariff=backlog.tariff,
        prices=None,
        costs=backlog.costs,
    )
    money = options.money.astype(float)
    shape.money[i][:, options.at] = np.where(options.money >= IMPOSSIBLE, NEVER, money)
    shape.courier[i][:, options.at] = options.courier
    made = np.array(options.made, np.bool_)
    width = backlog.warehouses
    shape.resource[i] = np.where(made, backlog.units_at + np.arange(width), shape.resource[i])
