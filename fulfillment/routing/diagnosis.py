"""Why an order has no way: what its goods lack, and only where they lack nothing, what keeps them from leaving."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

from fulfillment.routing.facts import Problem
from fulfillment.routing.quick import WholeParcels
from fulfillment.routing.tariff import IMPOSSIBLE
from fulfillment.routing.terms import LineNeed, OrderNeed, StockView

# Of twenty warehouses there are 1,140 threes; more parcels than that is no limit that keeps anything back.
_MOST_TRIED = 3


def diagnose(
    need: OrderNeed, view: StockView, warehouses: Sequence[int], whole: WholeParcels | None
) -> tuple[Problem, tuple[int, ...]]:
    """The problem of an order that nothing serves, with the SKUs it lacks, which are named for `short` alone.

    short: no warehouse that may ship it has everything, and where it may leave in as many parcels as it takes, not even
    all of them together. Else the goods are there: full where a courier would go from a warehouse that has no parcel
    left, no_courier otherwise. excluded: no warehouse may ship it. whole: one parcel of it from each warehouse, None
    where its price depends on more. A wait for goods that lie there would never end, so what lies there decides first.
    """
    if need.zone < 0:
        return "no_courier", ()
    may = [w for w, warehouse_id in enumerate(warehouses) if _may_ship(need, warehouse_id)]
    if not may or any(line.allowed is not None and not line.allowed.any() for line in need.lines):
        return "excluded", ()
    lacking = {w: _lacking(need.lines, view, [w]) for w in may}
    have_all = [w for w in may if not lacking[w]]
    if not have_all:
        short = _lacking(need.lines, view, may)
        if not short and not _fits_in(need, view, may):
            # Each has its part, but they may not be as many parcels as that takes.
            short = set.intersection(*lacking.values()) or set.union(*lacking.values())
        if short:
            return "short", tuple(sorted(short))
    able = have_all or may
    full = [w for w in able if view.parcels[w] <= 0]
    goes = whole is None or not have_all or any(whole.cost[w] < IMPOSSIBLE for w in full)
    return ("full" if full and goes else "no_courier"), ()


def _may_ship(need: OrderNeed, warehouse_id: int) -> bool:
    pinned = need.pinned_warehouse_id
    return warehouse_id not in need.excluded and (pinned is None or pinned == warehouse_id)


def _fits_in(need: OrderNeed, view: StockView, may: Sequence[int]) -> bool:
    """Whether as few warehouses as there may be parcels have everything together; may: all of them have."""
    most = len(may) if need.max_parcels is None else need.max_parcels
    if most >= min(len(may), len(need.lines)) or most > _MOST_TRIED:
        return True
    return any(
        not _lacking(need.lines, view, some) for count in range(2, most + 1) for some in combinations(may, count)
    )


def _lacking(lines: Sequence[LineNeed], view: StockView, at: Sequence[int]) -> set[int]:
    """SKUs of which these warehouses together have too little; what has to be made comes from where it can be."""
    lacking = set()
    wanted: dict[int, int] = defaultdict(int)
    for line in lines:
        if not line.made_to_order:
            wanted[line.sku_id] += line.quantity
        elif line.make_days is not None and all(line.make_days[w] < 0 for w in at):
            lacking.add(line.sku_id)
    for sku_id, quantity in wanted.items():
        row = view.pieces.get(sku_id)
        if row is None or sum(row[w] for w in at) < quantity:
            lacking.add(sku_id)
    return lacking
