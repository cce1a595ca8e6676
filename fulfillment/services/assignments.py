"""What routing hands to planning: for each order, the parcels it leaves in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ordercenter.audit.work import Work

# The step of a flow that looks for the way of an order.
ROUTING = "routing.reserve_and_assign"


@dataclass(frozen=True, slots=True, eq=False)
class CourierTerms:
    """What rules say of the couriers of a parcel, in the order of the tariff: who may take it (all of these arrays have
    to agree), and what is added to compare them, in fen."""

    allowed: tuple[NDArray[np.bool_], ...] = ()
    extra_fen: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class PlannedParcel:
    """What one warehouse sends of one order in one go.

    cost: freight in yuan, were it to travel alone. pieces: order line id -> pieces, each at least one. release_at: when
    the warehouse is told of it, None for at once. couriers: what rules say of them, None where they say nothing.
    """

    warehouse_id: int
    carrier_id: int
    cost: Decimal
    weight_g: int
    pieces: Mapping[int, int]
    release_at: datetime | None = None
    couriers: CourierTerms | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where an order ships from, with what, at what cost, and why.

    parcels: one for each warehouse, or more; together they hold every reserved piece of the order. Planning may put a
    parcel into several shipments (rules of packing) or together with those of other orders of the same receiver.
    decision: the record of the choice, kept on every shipment that comes of it.
    """

    parcels: tuple[PlannedParcel, ...]
    decision: dict[str, Any] = field(default_factory=dict)

    @property
    def pieces(self) -> dict[int, int]:
        """Order line id -> pieces, in all parcels."""
        pieces: dict[int, int] = {}
        for parcel in self.parcels:
            for line_id, n in parcel.pieces.items():
                pieces[line_id] = pieces.get(line_id, 0) + n
        return pieces

    @property
    def cost(self) -> Decimal:
        return sum((parcel.cost for parcel in self.parcels), Decimal(0))


def assignments(work: Work) -> dict[int, Assignment]:
    """The routing decisions made in this unit of work, by order id."""
    kept: dict[int, Assignment] = work.shared.setdefault("assignments", {})
    return kept


def held_until(work: Work) -> dict[tuple[int, int], datetime]:
    """Until when what is planned anew in this unit of work was held back, by order and warehouse."""
    kept: dict[tuple[int, int], datetime] = work.shared.setdefault("held_until", {})
    return kept
