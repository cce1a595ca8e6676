"""What a decision has to know of an order, and what it answers. Plain data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from fulfillment.packing.boxes import Limits
from fulfillment.routing.quick import WholeParcels
from fulfillment.routing.rules import Pinned, Ruling
from fulfillment.routing.terms import Choice, OrderNeed
from ordercenter.orders.states import Grade

# What takes a warehouse out besides rules; rule ids never begin with a colon.
CLOSED, AVOIDED, NEVER_OPEN = ":closed", ":avoided", ":never_open"
GRADES: tuple[str, ...] = (Grade.RUSH, Grade.VIP, Grade.NORMAL)
Problem = Literal["", "short", "no_courier", "closed", "unanswered", "excluded", "full"]
Free = MutableMapping[tuple[int, int], int]


@dataclass(frozen=True, slots=True)
class LineFacts:
    """Pieces of one order line that need a way. value_fen: what the buyer paid for them.

    ready_days: for pieces that have still to come or to be made, days until they lie there, by warehouse id: they leave
    from no other; 0 where they are there. None: only what is there now counts.
    """

    line_id: int
    sku_id: int
    quantity: int
    unit_weight_g: int
    value_fen: int = 0
    unit_volume_cm3: int = 0
    parcel_class: int = 0
    ready_days: Mapping[int, int] | None = None


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What a decision has to know of an order.

    division: code of the place it goes to; None where nobody knows. values: gives what the rules ask, by path.
    goods: what rules on goods ask of a SKU. avoid: warehouses that would not ship it. pin: what a person said. limits:
    what a box of its shop may hold, by warehouse id, where rules of packing say so.
    """

    order_id: int
    grade: str
    division: str | None
    lines: tuple[LineFacts, ...]
    ship_by: datetime | None = None
    values: Callable[[Collection[str]], Mapping[str, Any]] = field(default=lambda _paths: {})
    goods: Callable[[int], Mapping[str, Any]] = field(default=lambda _sku: {})
    avoid: Collection[int] = ()
    pin: Pinned | None = None
    limits: Mapping[int, Limits] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Note:
    """Something out of the ordinary on the way to the decision.

    what: closed, pin, ranking, alone, divided, company. then: what followed: hold, fall_back, taken, or how many.
    """

    what: str
    then: str
    warehouse_id: int | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer for one order. choice: None where nothing was looked at.

    problem: "" when it has a way. short: SKUs that nobody who may ship it has enough of. closed: the warehouse that
    would ship it, were it open. pieces: for lines that were divided over warehouses, part id -> (line id, pieces).
    whole: what the order would cost as one parcel from each warehouse, by term.
    """

    need: OrderNeed
    ruling: Ruling
    choice: Choice | None
    problem: Problem = ""
    short: tuple[int, ...] = ()
    closed: int | None = None
    notes: tuple[Note, ...] = ()
    pieces: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    whole: WholeParcels | None = None

    def pieces_of(self, line_ids: Sequence[int]) -> dict[int, int]:
        """Order line id -> pieces, of the lines of one parcel."""
        quantity = {line.line_id: line.quantity for line in self.need.lines}
        found: dict[int, int] = {}
        for part in line_ids:
            line_id, pieces = self.pieces.get(part) or (part, quantity[part])
            found[line_id] = found.get(line_id, 0) + pieces
        return found


def part_of(value_fen: int, pieces: int, of: int) -> int:
    """What falls on some of so many pieces, to the nearest fen."""
    return (2 * value_fen * pieces + of) // (2 * of)
