"""What is to come, what has come, what was counted: every way in which pieces reach the ledger but shipments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.services import CaseDraft
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult
from ordercenter.events.types import SupplyChanged
from ordercenter.inventory.errors import StockWouldBeNegative
from ordercenter.inventory.models import Supply
from ordercenter.inventory.services.levels import lock_levels, make_levels
from ordercenter.inventory.services.moving import Movement, move_stock
from ordercenter.inventory.states import Bucket, MovementReason, SupplyKind, SupplyState

COUNT_CASE = "STOCK_COUNT_SHORT"
_REASONS = {
    SupplyKind.PURCHASE: MovementReason.ARRIVAL,
    SupplyKind.TRANSFER: MovementReason.TRANSFER,
    SupplyKind.PRODUCTION: MovementReason.PRODUCTION,
}


@dataclass(frozen=True, slots=True)
class Expected:
    """Pieces that will be in a warehouse on a day. ref: the paper that says so, with the SKU once for each kind."""

    kind: SupplyKind
    ref: str
    sku_id: int
    warehouse_id: int
    quantity: int
    due_on: date
    from_warehouse_id: int | None = None


@dataclass(frozen=True, slots=True)
class Arrived:
    """Pieces that have come. key: of this arrival, once only. bucket: where they were put."""

    kind: SupplyKind
    ref: str
    sku_id: int
    warehouse_id: int
    quantity: int
    key: str
    bucket: Bucket = Bucket.ON_HAND


@dataclass(frozen=True, slots=True)
class Counted:
    """How many pieces of a SKU were found in a bucket of a warehouse."""

    sku_id: int
    warehouse_id: int
    pieces: int
    bucket: Bucket = Bucket.ON_HAND


def expect_supplies(
    *, expected: Sequence[Expected], work: Work | None = None, at: datetime | None = None
) -> list[Supply]:
    """Write down what is to come; what is known by kind, reference, SKU and warehouse gets its new quantity and date.

    Returns the supplies; one that has arrived or was cancelled stays as it is. Emits SupplyChanged for each SKU.
    """
    with unit_of_work(work, at=at) as work:
        known = {_paper(s): s for s in _known(work, [(e.kind, e.ref) for e in expected])}
        new, answer = [], []
        for e in expected:
            supply = known.get((str(e.kind), e.ref, e.sku_id, e.warehouse_id))
            if supply is None:
                supply = Supply(
                    kind=e.kind,
                    ref=e.ref,
                    sku_id=e.sku_id,
                    warehouse_id=e.warehouse_id,
                    from_warehouse_id=e.from_warehouse_id,
                    quantity=e.quantity,
                    due_on=e.due_on,
                    created_at=work.at,
                )
                known[_paper(supply)] = supply
                new.append(supply)
            elif supply.state == SupplyState.COMING:
                supply.quantity, supply.due_on = e.quantity, e.due_on
                work.save(supply, "quantity", "due_on")
            answer.append(supply)
        work.add(new)
        _tell(work, [e.sku_id for e in expected])
    return answer


def receive_supplies(
    *, arrived: Sequence[Arrived], work: Work | None = None, at: datetime | None = None, actor: Actor = SYSTEM
) -> BatchResult:
    """Pieces have come: they lie in the warehouse, and what was expected of them is less. done: Movements applied now.

    Nothing needs to have been expected. A supply of which all has come has arrived. Emits StockReplenished and
    SupplyChanged.
    """
    with unit_of_work(work, at=at, actor=actor) as work:
        by_key = {a.key: a for a in arrived}
        result = move_stock(
            movements=[
                Movement(a.sku_id, a.warehouse_id, a.quantity, _REASONS[a.kind], a.ref, a.key, a.bucket)
                for a in arrived
            ],
            work=work,
        )
        known = {_paper(s): s for s in _known(work, [(a.kind, a.ref) for a in arrived])}
        for movement in result.done:
            a = by_key[movement.key]
            supply = known.get((str(a.kind), a.ref, a.sku_id, a.warehouse_id))
            if supply is None or supply.state != SupplyState.COMING:
                continue
            supply.arrived += a.quantity
            if supply.arrived >= supply.quantity:
                supply.arrive()
            work.save(supply, "arrived")
        _tell(work, [m.sku_id for m in result.done])
    return result


def cancel_supplies(*, supply_ids: Sequence[int], work: Work | None = None, at: datetime | None = None) -> list[int]:
    """What was expected will not come. Returns those called off now; emits SupplyChanged."""
    with unit_of_work(work, at=at) as work:
        gone = [s for s in work.lock(Supply, supply_ids).values() if s.state == SupplyState.COMING]
        for supply in gone:
            supply.cancel()
            work.save(supply)
        _tell(work, [s.sku_id for s in gone])
    return [s.pk for s in gone]


def send_transfer(
    *,
    ref: str,
    from_warehouse_id: int,
    to_warehouse_id: int,
    pieces: dict[int, int],
    due_on: date,
    at: datetime | None = None,
    actor: Actor = SYSTEM,
    work: Work | None = None,
) -> BatchResult:
    """Pieces leave one warehouse for another: out there at once, on their way until `receive_supplies` says they came.

    pieces: SKU -> pieces. done: Movements; refused with StockWouldBeNegative, and then nothing of that SKU is sent.
    The same ref again sends nothing twice.
    """
    with unit_of_work(work, at=at, actor=actor) as work:
        result = move_stock(
            movements=[
                Movement(sku, from_warehouse_id, -n, MovementReason.TRANSFER, ref, f"transfer:{ref}:{sku}:out")
                for sku, n in sorted(pieces.items())
            ],
            work=work,
        )
        sent = [
            Expected(SupplyKind.TRANSFER, ref, m.sku_id, to_warehouse_id, -m.delta, due_on, from_warehouse_id)
            for m in result.done
        ]
        expect_supplies(expected=sent, work=work)
    return result


def count_stock(
    *,
    counted: Sequence[Counted],
    ref: str,
    note: str = "",
    reason: MovementReason = MovementReason.COUNT,
    at: datetime | None = None,
    actor: Actor = SYSTEM,
    work: Work | None = None,
) -> BatchResult:
    """What lies there is what was counted: the difference is moved, once for each ref. done: Movements.

    reason: COUNT, or REPORT for what the warehouse's own system says. Fewer than are promised or set aside is refused
    with StockWouldBeNegative and becomes a case: promises have to be taken back first. A person's count is the deed
    "stock.count".
    """
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor, reason=note) as work:
        make_levels([(c.sku_id, c.warehouse_id) for c in counted])
        levels = lock_levels(sku_ids={c.sku_id for c in counted}, work=work)
        movements = []
        for c in counted:
            delta = c.pieces - getattr(levels[c.sku_id, c.warehouse_id], str(c.bucket))
            if delta:
                key = f"{reason}:{ref}:{c.sku_id}:{c.warehouse_id}:{c.bucket}"
                movements.append(Movement(c.sku_id, c.warehouse_id, delta, reason, ref, key, c.bucket, note))
        result = move_stock(movements=movements, work=work)
        short = [refusal.key for refusal in result.refused]
        cases.open_cases(drafts=[_short(movement) for movement in short], work=work)
        agreed = {f"stock:{c.sku_id}@{c.warehouse_id}" for c in counted} - {_subject(m) for m in short}
        cases.close_cases_of(subjects=agreed, codes=[COUNT_CASE], resolution="counted again", work=work)
        if actor.is_person:
            details = {"ref": ref, "counted": len(counted), "moved": len(result.done), "refused": len(short)}
            record_deed(work, action="stock.count", subject=f"count:{ref}"[:64], reason=note, details=details)
    return result


def adjust_stock(
    *, movements: Sequence[Movement], note: str, at: datetime | None = None, actor: Actor = SYSTEM
) -> BatchResult:
    """Change stock by hand, for a reason that is kept with each movement and as the deed "stock.adjust".

    done: Movements; refused with StockWouldBeNegative. Raises ReasonMissing.
    """
    if not note.strip():
        raise ReasonMissing
    with unit_of_work(at=at, actor=actor, reason=note) as work:
        noted = [Movement(m.sku_id, m.warehouse_id, m.delta, m.reason, m.ref, m.key, m.bucket, note) for m in movements]
        result = move_stock(movements=noted, work=work)
        for m in result.done:
            details = {"warehouse": m.warehouse_id, "bucket": str(m.bucket), "change": m.delta, "key": m.key}
            record_deed(work, action="stock.adjust", subject=f"sku:{m.sku_id}", reason=note, details=details)
    return result


def regrade_stock(
    *,
    sku_id: int,
    warehouse_id: int,
    pieces: int,
    source: Bucket,
    target: Bucket,
    key: str,
    note: str,
    at: datetime | None = None,
    actor: Actor = SYSTEM,
) -> BatchResult:
    """Pieces turn out better or worse: from one bucket to another, both or neither.

    Raises StockWouldBeNegative where there are not so many free in the first. Raises ReasonMissing.
    """
    if not note.strip():
        raise ReasonMissing
    out = Movement(sku_id, warehouse_id, -pieces, MovementReason.ADJUSTMENT, key, f"{key}:out", source, note)
    into = Movement(sku_id, warehouse_id, pieces, MovementReason.ADJUSTMENT, key, f"{key}:in", target, note)
    with unit_of_work(at=at, actor=actor, reason=note) as work:
        result = move_stock(movements=[out], work=work)
        result.raise_first()
        if result.done:
            move_stock(movements=[into], work=work)
            details = {"warehouse": warehouse_id, "from": str(source), "to": str(target), "pieces": pieces}
            record_deed(work, action="stock.regrade", subject=f"sku:{sku_id}", reason=note, details=details)
    return result


def _known(work: Work, papers: Sequence[tuple[SupplyKind, str]]) -> list[Supply]:
    refs = sorted({ref for _kind, ref in papers})
    ids = Supply.objects.filter(ref__any_of=refs, kind__in={kind for kind, _ref in papers}).values_list("pk", flat=True)
    return list(work.lock(Supply, list(ids)).values())


def _paper(supply: Supply) -> tuple[str, str, int, int]:
    return str(supply.kind), supply.ref, supply.sku_id, supply.warehouse_id


def _tell(work: Work, sku_ids: Sequence[int]) -> None:
    for sku_id in dict.fromkeys(sku_ids):
        work.record(SupplyChanged(sku_id=sku_id))


def _subject(movement: Movement) -> str:
    return f"stock:{movement.sku_id}@{movement.warehouse_id}"


def _short(movement: Movement) -> CaseDraft:
    return CaseDraft(
        code=COUNT_CASE,
        subject=_subject(movement),
        warehouse_id=movement.warehouse_id,
        reference=movement.ref,
        evidence={
            **StockWouldBeNegative(
                sku_id=movement.sku_id, warehouse_id=movement.warehouse_id, delta=movement.delta
            ).evidence(),
            "bucket": str(movement.bucket),
        },
        root_cause=f"{COUNT_CASE}:{movement.warehouse_id}",
    )
