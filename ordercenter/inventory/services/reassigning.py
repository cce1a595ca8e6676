"""Stock that is promised to less urgent orders goes to a more urgent one: within a cap, for a reason, all on record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Sum

from ordercenter.audit.work import Work
from ordercenter.inventory.errors import TakeoverBeyondCap, TakeoverFromEqual
from ordercenter.inventory.models import Reservation, StockTakeover
from ordercenter.inventory.services.policies import stock_policies
from ordercenter.inventory.services.promising import SHANGHAI
from ordercenter.inventory.services.reserving import end_promises, lock_promised
from ordercenter.inventory.states import ReservationState


@dataclass(frozen=True, slots=True)
class Giver:
    """An order that gives what it is promised. rank: of its grade, higher is more urgent.

    is_planned: it is promised to a shipment that no warehouse was told of, and that the caller has cancelled.
    """

    order_id: int
    rank: int
    is_planned: bool = False


@dataclass(frozen=True, slots=True)
class Allowance:
    """Pieces of a SKU that may change hands today: in all, and what is left of them."""

    allowed: int
    left: int


def allowances(*, promised: Mapping[int, int], work: Work) -> dict[int, Allowance]:
    """How much may be taken over today, by SKU. promised: SKU -> pieces that less urgent orders could give now.

    The cap's percentage is of these and of what changed hands today already. A SKU without a cap allows nothing. One
    statement; the answer holds as long as the stock rows of the SKUs are locked.
    """
    caps = stock_policies(work).caps
    day = work.at.astimezone(SHANGHAI).date()
    skus = [sku_id for sku_id in promised if sku_id in caps]
    taken: dict[int, int] = defaultdict(int)
    if skus:
        rows = StockTakeover.objects.filter(sku_id__in=skus, day=day).values_list("sku_id")
        taken.update(dict(rows.annotate(pieces=Sum("pieces"))))
    for row in _written_here(work):
        if row.day == day:
            taken[row.sku_id] += row.pieces
    answer = dict.fromkeys(promised, Allowance(0, 0))
    for sku_id in skus:
        allowed = caps[sku_id].allowed(promised[sku_id] + taken[sku_id])
        answer[sku_id] = Allowance(allowed, max(0, allowed - taken[sku_id]))
    return answer


def givable(*, sku_ids: Collection[int]) -> list[tuple[int, int, int, int, bool]]:
    """(order, SKU, warehouse, pieces, is in a shipment) of what is promised of these SKUs to orders. Not locked."""
    rows = Reservation.objects.filter(
        sku_id__any_of=sorted(sku_ids), state=ReservationState.ACTIVE, order_id__isnull=False, expires_at__isnull=True
    )
    names = ("order_id", "sku_id", "warehouse_id", "quantity", "is_allocated")
    return list(rows.order_by("pk").values_list(*names))


def take_over(
    *,
    taker_order_id: int,
    taker_rank: int,
    givers: Sequence[Giver],
    promised: Mapping[int, int],
    reason: str,
    work: Work,
) -> list[StockTakeover]:
    """Every promise to these orders ends, for the sake of a more urgent one, which reserves next in this unit of work.

    promised: the SKUs that are wanted, with what less urgent orders could give of them in all. Pieces of these SKUs
    count against the cap, and each is kept as a StockTakeover; other goods of the givers are simply free. What is in a
    shipment is given only where the giver says that it was cancelled. The caller has locked the orders, then the stock
    rows of all their goods (`lock_stock_of`). Raises TakeoverFromEqual, TakeoverBeyondCap; nothing is changed then.
    """
    equal = [giver.order_id for giver in givers if giver.rank >= taker_rank or giver.order_id == taker_order_id]
    if equal:
        raise TakeoverFromEqual(order_id=taker_order_id, givers=equal)
    ranks = {giver.order_id: giver.rank for giver in givers}
    cancelled = {giver.order_id for giver in givers if giver.is_planned}
    _levels, found = lock_promised(work, order_ids=list(ranks))
    promises = [row for row in found if not row.is_allocated or row.order_id in cancelled]
    given: dict[int, int] = defaultdict(int)
    for row in promises:
        if row.sku_id in promised:
            given[row.sku_id] += row.quantity
    allowance = allowances(promised=promised, work=work)
    beyond = [sku_id for sku_id, pieces in given.items() if pieces > allowance[sku_id].left]
    if beyond:
        raise TakeoverBeyondCap(order_id=taker_order_id, sku_ids=beyond, left=allowance[beyond[0]].left)
    day = work.at.astimezone(SHANGHAI).date()
    rows = [
        StockTakeover(
            taker_order_id=taker_order_id,
            giver_order_id=row.order_id or 0,
            sku_id=row.sku_id,
            warehouse_id=row.warehouse_id,
            pieces=row.quantity,
            taker_rank=taker_rank,
            giver_rank=ranks[row.order_id or 0],
            allowed=allowance[row.sku_id].allowed,
            day=day,
            at=work.at,
            by_id=work.actor.user_id,
            reason=reason[:200],
        )
        for row in promises
        if row.sku_id in promised
    ]
    end_promises(work, promises, expired=False)
    work.add(rows)
    _written_here(work).extend(rows)
    return rows


def _written_here(work: Work) -> list[StockTakeover]:
    rows: list[StockTakeover] = work.shared.setdefault("takeovers", [])
    return rows
