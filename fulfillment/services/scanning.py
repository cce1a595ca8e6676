"""Scans come in, each once, in order; every one is answered and kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from fulfillment.floor.scans import Answer, Answered, ScanInput
from fulfillment.floor_errors import NothingToUndo, ScanTooOld, WarehouseNotYours
from fulfillment.models import Scan
from fulfillment.services import counting, handing_over, packing, picking, receiving
from fulfillment.services.own_house import own_warehouses
from fulfillment.states import ScanStep
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.common.actor import Actor
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.rows import new_row

Step = Callable[[ScanInput, str, Work], Answer]
# Takes back what an answer's `undo` describes.
Undo = Callable[[Mapping[str, Any], Work], None]

MOST_AT_ONCE = 200
STEPS: Mapping[ScanStep, Step] = {
    ScanStep.PICK: picking.pick,
    ScanStep.SHORT: picking.report_missing,
    ScanStep.CHECK: packing.at_the_bench,
    ScanStep.PACK: packing.at_the_bench,
    ScanStep.WEIGH: packing.at_the_bench,
    ScanStep.HAND_OVER: handing_over.hand_over_scanned,
    ScanStep.PUT_BACK: handing_over.put_back_scanned,
    ScanStep.COUNT: counting.count_scanned,
    ScanStep.RECEIVE: receiving.receive_scanned,
}
# Steps that one works with in one place, so that what one of them opened is open for the others.
TOGETHER: Sequence[tuple[ScanStep, ...]] = (
    (ScanStep.PICK, ScanStep.SHORT),
    (ScanStep.CHECK, ScanStep.PACK, ScanStep.WEIGH),
)
UNDOS: Mapping[str, Undo] = {
    "pick": picking.undo_pick,
    "short": picking.undo_missing,
    "check": packing.undo_check,
    "pack": packing.undo_pack,
    "weigh": packing.undo_weigh,
    "count": counting.undo_count,
    "receive": receiving.undo_receive,
}


def take_scans(
    *,
    scans: Sequence[ScanInput],
    warehouse_ids: Collection[int] | None,
    actor: Actor,
    at: datetime | None = None,
) -> list[Answered]:
    """Take scans in the order in which they were made; one answer for each, in order.

    Each is a transaction of its own, so that a wrong one does not undo the right ones before it. A scan whose id is
    known is answered as it was the first time and changes nothing. warehouse_ids: where the person works; None: in all.
    Refusals are answers, too: their code is `say`, their data `params`.
    """
    return [_take(scan, warehouse_ids, actor, at or timezone.now()) for scan in scans[:MOST_AT_ONCE]]


def _take(scan: ScanInput, warehouse_ids: Collection[int] | None, actor: Actor, at: datetime) -> Answered:
    place = scan.place or _last_place(scan, actor)
    try:
        with unit_of_work(at=at, actor=actor) as work:
            known = _known(scan.id)
            if known is not None:
                return _again(known)
            if scan.warehouse_id not in own_warehouses(work) or (
                warehouse_ids is not None and scan.warehouse_id not in warehouse_ids
            ):
                raise WarehouseNotYours(warehouse_id=scan.warehouse_id)
            answer = _undo(scan, work) if scan.step == ScanStep.UNDO else STEPS[scan.step](scan, place, work)
            _keep(work, scan, answer)
    except OrderCenterError as error:
        refused = Answer(error.code, place=place, params=error.evidence(), is_ok=False)
        with unit_of_work(at=at, actor=actor) as work:
            known = _known(scan.id)
            if known is not None:
                return _again(known)
            _keep(work, scan, refused)
        answer = refused
    return Answered(scan.id, answer.is_ok, answer.say, answer.place, answer.params)


def _known(scan_id: UUID) -> Scan | None:
    """The scan of this id, once whoever has it in hand at this instant is done with it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(scan_id)])
    return Scan.objects.filter(pk=scan_id).first()


def _again(known: Scan) -> Answered:
    said = known.answer
    return Answered(known.pk, known.is_ok, said["say"], said["place"], said["params"], was_known=True)


def _keep(work: Work, scan: ScanInput, answer: Answer) -> None:
    work.add(
        [
            new_row(
                Scan,
                id=scan.id,
                warehouse_id=scan.warehouse_id,
                user_id=work.actor.user_id or 0,
                device=scan.device[:64],
                step=scan.step,
                subject=answer.place[:64],
                text=scan.text.replace("\0", "")[:128],
                pieces=scan.pieces,
                is_ok=answer.is_ok,
                code=answer.say[:64],
                answer=answer.stored(),
                scanned_at=scan.scanned_at,
                received_at=work.at,
            )
        ]
    )


def _last_place(scan: ScanInput, actor: Actor) -> str:
    """Where this person's device was at its last scan of this step or one that goes with it, right or wrong."""
    steps = next((group for group in TOGETHER if scan.step in group), (scan.step,))
    rows = _of_device(scan, actor).filter(step__in=steps).exclude(subject="")
    last = rows.order_by("-received_at", "-scanned_at").values_list("subject", flat=True).first()
    return str(last or "")


def _undo(scan: ScanInput, work: Work) -> Answer:
    """Take back the last scan of this person and device that changed something."""
    rows = _of_device(scan, work.actor).filter(is_ok=True, undone_at=None, answer__undo__isnull=False)
    last = rows.exclude(answer__undo=None).order_by("-received_at", "-scanned_at").first()
    undo = UNDOS.get(last.answer["undo"]["kind"]) if last else None
    if last is None or undo is None:
        raise NothingToUndo
    undo(last.answer["undo"], work)
    # By hand, not by the work: scans are written once, this column is the only one that ever changes.
    if not Scan.objects.filter(pk=last.pk, undone_at=None).update(undone_at=work.at):
        raise ScanTooOld(scan=str(last.pk))
    return Answer("undone", place=last.answer["place"], params={"text": last.text, "step": last.step})


def _of_device(scan: ScanInput, actor: Actor) -> Any:
    return Scan.objects.filter(warehouse_id=scan.warehouse_id, user_id=actor.user_id or 0, device=scan.device[:64])
