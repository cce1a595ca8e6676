"""What an order lacks that no warehouse can ship, and from when on it could be there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from fulfillment.routing.decide import Decision, Free
from ordercenter.audit.work import Work
from ordercenter.inventory import services as inventory
from ordercenter.inventory.services import WaitingLine


@dataclass(frozen=True, slots=True)
class Missing:
    """Pieces of one SKU that an order lacks. wanted: by the order; free: in all warehouses that may ship it together.

    earliest: from this day on enough is there that is promised to nobody, come or made; None where no day is known.
    """

    sku_id: int
    wanted: int
    free: int
    earliest: date | None = None

    @property
    def pieces(self) -> int:
        """How many more pieces there would have to be; at least one, for what lies apart is no use either."""
        return max(self.wanted - self.free, 1)


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


def with_dates(missing: Mapping[int, Iterable[Missing]], *, work: Work) -> dict[int, list[Missing]]:
    """The same, by order, with the earliest days: of what comes or can be made, as promises are given
    (`inventory.foresee_lines`). Orders in their sequence take from it. A constant number of statements.
    """
    given = {order_id: list(rows) for order_id, rows in missing.items()}
    pairs = [(order_id, row) for order_id, rows in given.items() for row in rows]
    lines = [WaitingLine(order_id, -n, row.sku_id, row.wanted) for n, (order_id, row) in enumerate(pairs, 1)]
    days = inventory.foresee_lines(lines=lines, work=work)
    dated: dict[int, list[Missing]] = {order_id: [] for order_id in given}
    for line, (order_id, row) in zip(lines, pairs, strict=True):
        dated[order_id].append(replace(row, earliest=days[line.line_id].on))
    return dated


def missing_of(work: Work) -> dict[int, list[Missing]]:
    """What the orders lack that were refused for it in this unit of work, by order id."""
    kept: dict[int, list[Missing]] = work.shared.setdefault("missing", {})
    return kept
