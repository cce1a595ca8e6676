"""What an order lacks that no warehouse can ship, and from when on it could be there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from fulfillment.routing.facts import Decision, Free, OrderFacts
from ordercenter.audit.work import Work
from ordercenter.inventory import services as inventory
from ordercenter.inventory.services import WaitingLine
from ordercenter.inventory.services.levels import Place


@dataclass(frozen=True, slots=True)
class Missing:
    """Pieces of one SKU that an order lacks. wanted: by the order; free: in all warehouses that may ship it together.

    earliest: from this day on enough is there that is promised to nobody, come or made; None where no day is known.
    places: from when on all of it lies in one warehouse, by warehouse.
    """

    sku_id: int
    wanted: int
    free: int
    earliest: date | None = None
    places: Mapping[int, date] = field(default_factory=dict)

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
        answer = days[line.line_id]
        dated[order_id].append(replace(row, earliest=answer.on, places=answer.places))
    return dated


def once_there(
    facts: OrderFacts, missing: Iterable[Missing], free: Mapping[Place, int], today: date, *, in_parts: bool
) -> OrderFacts | None:
    """The order as it can be decided on the day on which it lacks nothing; None where no such day is known.

    What it lacks leaves from where it comes to lie, not before. in_parts: what is there may leave before; else all of
    it leaves once the last of it is there. free: what it may take now.
    """
    rows = {row.sku_id: row for row in missing}
    if any(not row.places for row in rows.values()):
        return None
    ready = {sku: {w: max((day - today).days, 0) for w, day in row.places.items()} for sku, row in rows.items()}
    first = max((min(days.values()) for days in ready.values()), default=0)
    lines = []
    for line in facts.lines:
        days = ready.get(line.sku_id)
        if days is None and not in_parts:
            days = {w: 0 for (sku, w), pieces in free.items() if sku == line.sku_id and pieces >= line.quantity}
        if days is not None:
            at_best = 0 if in_parts else first
            days = {w: max(day, at_best) for w, day in days.items()}
        lines.append(replace(line, ready_days=days))
    return replace(facts, lines=tuple(lines))


def missing_of(work: Work) -> dict[int, list[Missing]]:
    """What the orders lack that were refused for it in this unit of work, by order id."""
    kept: dict[int, list[Missing]] = work.shared.setdefault("missing", {})
    return kept
