"""What an order lacks that no warehouse can ship, and from when on it could be there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from django.db.models import F, Sum

from fulfillment.routing.decide import Decision, Free
from ordercenter.audit.work import Work
from ordercenter.inventory.models import Supply, SupplyClaim
from ordercenter.inventory.states import SupplyState


@dataclass(frozen=True, slots=True)
class Missing:
    """Pieces of one SKU that an order lacks. wanted: by the order; free: in all warehouses that may ship it together.

    earliest: from this day on enough is expected that is promised to nobody; None where nothing is known to come.
    """

    sku_id: int
    wanted: int
    free: int
    earliest: date | None = None

    @property
    def pieces(self) -> int:
        """How many more pieces there would have to be; at least one, for what lies apart is no use either."""
        return max(self.wanted - self.free, 1)


@dataclass(slots=True)
class _Coming:
    due_on: date
    pieces: int


def missing_pieces(decision: Decision, free: Free) -> list[Missing]:
    """What a refused decision lacks, from the stock that it was made on."""
    wanted: dict[int, int] = defaultdict(int)
    for line in decision.need.lines:
        if line.sku_id in decision.short:
            wanted[line.sku_id] += line.quantity
    candidates = decision.choice.candidates if decision.choice is not None else ()
    may_ship = [c.warehouse_id for c in candidates if c.verdict in ("short", "dearer", "chosen")]
    return [
        Missing(sku_id, pieces, sum(max(free.get((sku_id, w), 0), 0) for w in may_ship))
        for sku_id, pieces in sorted(wanted.items())
    ]


def with_dates(missing: Mapping[int, Iterable[Missing]]) -> dict[int, list[Missing]]:
    """The same, by order, with the earliest days. Orders in their sequence take from what comes. Two statements."""
    given = {order_id: list(rows) for order_id, rows in missing.items()}
    sku_ids = {row.sku_id for rows in given.values() for row in rows}
    if not sku_ids:
        return given
    coming: dict[int, list[_Coming]] = defaultdict(list)
    supplies = Supply.objects.filter(sku_id__in=sku_ids, state=SupplyState.COMING).order_by("due_on", "pk")
    for sku_id, due_on, pieces in supplies.values_list("sku_id", "due_on", F("quantity") - F("arrived")):
        coming[sku_id].append(_Coming(due_on, pieces))
    claims = SupplyClaim.objects.filter(sku_id__in=sku_ids).values_list("sku_id").annotate(pieces=Sum("quantity"))
    for sku_id, pieces in claims:
        _take(coming[sku_id], pieces)
    return {
        order_id: [Missing(r.sku_id, r.wanted, r.free, _take(coming[r.sku_id], r.pieces)) for r in rows]
        for order_id, rows in given.items()
    }


def missing_of(work: Work) -> dict[int, list[Missing]]:
    """What the orders lack that were refused for it in this unit of work, by order id."""
    kept: dict[int, list[Missing]] = work.shared.setdefault("missing", {})
    return kept


def _take(coming: list[_Coming], pieces: int) -> date | None:
    """Take so many pieces of what comes, the earliest first; the day on which the last of them is there."""
    for supply in coming:
        taken = min(supply.pieces, pieces)
        supply.pieces -= taken
        pieces -= taken
        if not pieces:
            return supply.due_on
    return None
