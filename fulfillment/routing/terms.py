"""What a routing decision is made of, and what it answers: plain data of the pure core.

Money is integer fen, weight gram, volume cubic centimetre, time whole days. Arrays over warehouses and couriers are
in the order of `Tariff.warehouses` (W) and `Tariff.couriers` (C).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fulfillment.routing.boxing import Boxing
from fulfillment.routing.tariff import Tariff

UNLIMITED = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class LineNeed:
    """One line that is served whole by one warehouse, or not at all. Weight, volume and value are of all its pieces.

    made_to_order: a warehouse that has no pieces may make them. make_days: days until they are made, by warehouse
    index, -1 where it cannot; None: `Costs.make_days`. parcel_class: lines of different classes never share a parcel.
    allowed: which (warehouse, courier) may carry this line, bool [W, C]; None: all.
    """

    line_id: int
    sku_id: int
    quantity: int
    weight_g: int
    volume_cm3: int = 0
    value_fen: int = 0
    made_to_order: bool = False
    make_days: tuple[int, ...] | None = None
    parcel_class: int = 0
    allowed: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNeed:
    """One order, with what the rules say about it.

    zone: row of `Tariff.zone_of(...)`, -1 where nobody goes. priority: index of `Costs.late_fen` and `unfilled_fen`.
    promise_days: days from now until it is promised; None: nothing is ever late. excluded: warehouse id -> the rule
    that takes it out. allowed: bool [W, C], None: all couriers everywhere. extra_fen: int64 [W, C] that rules add to
    a parcel (may be below zero for a preference). max_parcels: None: as many as pay. is_partial: may leave lines
    unfilled; if not, the order is served whole or not at all. boxing: where rules of packing cut what leaves from one
    warehouse into several boxes; None where one box holds all of it.
    """

    order_id: int
    lines: tuple[LineNeed, ...]
    zone: int
    priority: int = 0
    promise_days: int | None = None
    excluded: Mapping[int, str] = field(default_factory=dict)
    allowed: NDArray[np.bool_] | None = None
    extra_fen: NDArray[np.int64] | None = None
    max_parcels: int | None = None
    pinned_warehouse_id: int | None = None
    is_partial: bool = True
    boxing: Boxing | None = None


@dataclass(slots=True)
class StockView:
    """What is left, and changes as decisions take from it. Lists are by warehouse index.

    pieces: SKU -> free pieces. units: pieces that can still be made. parcels: parcels that can still leave today.
    """

    pieces: dict[int, list[int]]
    units: list[int]
    parcels: list[int]

    @classmethod
    def of(
        cls,
        tariff: Tariff,
        free: Mapping[tuple[int, int], int],
        *,
        units: Mapping[int, int] | None = None,
        parcels: Mapping[int, int] | None = None,
    ) -> StockView:
        """free: (SKU, warehouse id) -> pieces; units (default none) and parcels (default unlimited) by warehouse id."""
        index = {warehouse_id: w for w, warehouse_id in enumerate(tariff.warehouses)}
        pieces: dict[int, list[int]] = {}
        for (sku_id, warehouse_id), quantity in free.items():
            w = index.get(warehouse_id)
            if w is not None:
                row = pieces.get(sku_id)
                if row is None:
                    row = pieces[sku_id] = [0] * len(index)
                row[w] = quantity
        return cls(
            pieces,
            [(units or {}).get(warehouse_id, 0) for warehouse_id in tariff.warehouses],
            [(parcels or {}).get(warehouse_id, UNLIMITED) for warehouse_id in tariff.warehouses],
        )

    def copy(self) -> StockView:
        return StockView({sku: list(row) for sku, row in self.pieces.items()}, list(self.units), list(self.parcels))

    def copy_for(self, order: OrderNeed) -> StockView:
        """A copy that one order's decisions can take from."""
        skus = {line.sku_id for line in order.lines} & self.pieces.keys()
        return StockView({sku: list(self.pieces[sku]) for sku in skus}, list(self.units), list(self.parcels))

    def take(self, order: OrderNeed, choice: Choice) -> None:
        """Take what the choice uses; `give_back` undoes it."""
        self._move(order, choice, 1)

    def give_back(self, order: OrderNeed, choice: Choice) -> None:
        self._move(order, choice, -1)

    def _move(self, order: OrderNeed, choice: Choice, sign: int) -> None:
        lines = {line.line_id: line for line in order.lines}
        for parcel in choice.parcels:
            w = parcel.warehouse
            self.parcels[w] -= sign * parcel.boxes
            for line_id in parcel.line_ids:
                line = lines[line_id]
                if line_id in parcel.made_line_ids:
                    self.units[w] -= sign * line.quantity
                else:
                    self.pieces[line.sku_id][w] -= sign * line.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What everything but freight costs. Arrays int64 [W].

    handling_fen: for each parcel. dispatch_days: until a parcel of today leaves (calendar, cut-off). make_days: until
    made-to-order pieces are ready. late_fen: for each day late, by priority. unfilled_fen: for each line not served, by
    priority. split_fen: for each parcel after the first.
    """

    handling_fen: NDArray[np.int64]
    dispatch_days: NDArray[np.int64]
    make_days: NDArray[np.int64]
    late_fen: Sequence[int]
    unfilled_fen: Sequence[int]
    split_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Shadow prices in fen: what using up the last of something costs the orders that come later. All >= 0.

    stock: SKU -> float64 [W], for a piece; a SKU that is absent has none. parcel: float64 [W], for a parcel. unit:
    float64 [W], for a piece made. version names the run that learned them.
    """

    stock: Mapping[int, NDArray[np.float64]]
    parcel: NDArray[np.float64]
    unit: NDArray[np.float64]
    version: str = ""


Verdict = Literal["chosen", "dearer", "short", "excluded", "not_pinned", "no_courier", "full"]


@dataclass(frozen=True, slots=True)
class Parcel:
    """Lines that leave one warehouse with one courier. warehouse and courier are indexes, the ids stand beside them.

    boxes: in how many, where rules of packing cut it; freight and handling are of all of them.
    """

    warehouse: int
    courier: int
    warehouse_id: int
    courier_id: int
    line_ids: tuple[int, ...]
    made_line_ids: tuple[int, ...]
    weight_g: int
    days: int
    freight_fen: int
    handling_fen: int
    late_fen: int
    extra_fen: int
    price_fen: float
    boxes: int = 1

    @property
    def cost_fen(self) -> int:
        """What it costs in money: without the shadow price."""
        return self.freight_fen + self.handling_fen + self.late_fen + self.extra_fen


@dataclass(frozen=True, slots=True)
class Candidate:
    """One warehouse that was looked at, and what came of it.

    verdict: chosen; dearer; short (lines of which it has too little: short_line_ids); excluded (by `rule`);
    not_pinned (the order is pinned to another); no_courier (nobody who may goes there with this); full (no more
    parcels today). cost_fen: what a single parcel with all lines that it has would have cost, with courier_id;
    price_fen: the shadow price of that. terms: freight, lateness and what rules add of that, ready_days: until what is
    waited for lies there; both only where something has to be waited for, so that they are not those of every order.
    """

    warehouse_id: int
    verdict: Verdict
    cost_fen: int | None = None
    price_fen: float = 0.0
    courier_id: int | None = None
    short_line_ids: tuple[int, ...] = ()
    rule: str = ""
    terms: tuple[int, int, int] | None = None
    ready_days: int = 0


Method = Literal["exact", "merged", "greedy", "backlog"]


@dataclass(frozen=True, slots=True)
class Choice:
    """The answer for one order. Nothing was taken from the stock yet: `StockView.take` does.

    method: exact over all ways to split the lines; merged: over all ways that keep lines with the same warehouses
    together; greedy: six lines after six; backlog: planned together with all other open orders, without candidates.
    """

    order_id: int
    parcels: tuple[Parcel, ...]
    unfilled_line_ids: tuple[int, ...]
    split_fen: int
    unfilled_fen: int
    candidates: tuple[Candidate, ...]
    method: Method

    @property
    def cost_fen(self) -> int:
        """Freight, handling, lateness and what rules add, of all parcels, and the split: what shipping costs."""
        return sum(parcel.cost_fen for parcel in self.parcels) + self.split_fen

    @property
    def total_fen(self) -> int:
        """cost_fen and the penalty of what is left unfilled."""
        return self.cost_fen + self.unfilled_fen
