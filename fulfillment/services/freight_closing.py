"""What people decide about a courier's bill: accepting differences, closing, reopening, withdrawing."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import connection
from django.utils.translation import gettext as _

from fulfillment.freight_errors import (
    FreightBillNotClosed,
    FreightBillUnknown,
    FreightDifferencesOpen,
    FreightLineNotOpen,
)
from fulfillment.models import FreightBill, FreightLine
from fulfillment.services.freight_cases import close_all_cases, close_vanished, settle_cases, subject_of
from fulfillment.services.freight_intake import locked_bill
from fulfillment.states import FREIGHT_DIFFERENCES, FreightBillState
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.common.actor import Actor
from ordercenter.common.batch import BatchResult
from ordercenter.events.types import FreightBillClosed, FreightBillReopened, FreightBillWithdrawn


def sign_off_lines(*, bill_id: int, line_ids: Collection[int], reason: str, at: datetime, actor: Actor) -> BatchResult:
    """Accept these differences of an open bill as they are. done: their ids. One UPDATE, one deed.

    Refused one by one: FreightLineNotOpen. A kind of which nothing is left open closes its case. Raises
    FreightBillUnknown, FreightBillNotOpen; without a reason nothing is done (ReasonMissing).
    """
    return _sign_off(bill_id=bill_id, line_ids=line_ids, verdict=None, reason=reason, at=at, actor=actor)


def sign_off_kind(*, bill_id: int, verdict: str, reason: str, at: datetime, actor: Actor) -> BatchResult:
    """Accept all differences of one kind, however many lines they are. done: their ids; as `sign_off_lines`."""
    return _sign_off(bill_id=bill_id, line_ids=None, verdict=verdict, reason=reason, at=at, actor=actor)


def _sign_off(
    *, bill_id: int, line_ids: Collection[int] | None, verdict: str | None, reason: str, at: datetime, actor: Actor
) -> BatchResult:
    reason = _reason(reason)
    result = BatchResult()
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        bill = locked_bill(bill_id, work)
        kinds = [str(v) for v in FREIGHT_DIFFERENCES if verdict in (None, str(v))]
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE fulfillment_freightline SET found_verdict = verdict, verdict = 'signed_off',"
                " signed_off_reason = %s WHERE bill_id = %s AND verdict = ANY(%s)"
                " AND (%s::bigint[] IS NULL OR id = ANY(%s::bigint[]))"
                " RETURNING id, found_verdict, amount - COALESCE(expected_amount, 0)",
                [reason, bill_id, kinds, *[list(line_ids) if line_ids is not None else None] * 2],
            )
            rows = cursor.fetchall()
        result.done = sorted(pk for pk, _found, _off in rows)
        done = set(result.done)
        for line_id in dict.fromkeys(line_ids or ()):
            if line_id not in done:
                result.refuse(line_id, FreightLineNotOpen(line_id=line_id))
        if rows:
            counts: dict[str, int] = {}
            for _pk, found, _off in rows:
                counts[found] = counts.get(found, 0) + 1
            details = {"lines": counts, "amount": str(sum(off for _pk, _found, off in rows))}
            if len(rows) <= 100:
                details["line_ids"] = result.done
            record_deed(work, action="freight.sign_off", subject=subject_of(bill.pk), reason=reason, details=details)
            close_vanished(bill_id=bill.pk, resolution=reason, work=work)
    return result


def take_back_sign_off(
    *, bill_id: int, line_ids: Collection[int], reason: str, at: datetime, actor: Actor
) -> BatchResult:
    """Make signed-off lines of an open bill differences again. done: their ids; refusals as `sign_off_lines`."""
    reason = _reason(reason)
    result = BatchResult()
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        bill = locked_bill(bill_id, work)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE fulfillment_freightline SET verdict = found_verdict, found_verdict = '', signed_off_reason = ''"
                " WHERE bill_id = %s AND verdict = 'signed_off' AND id = ANY(%s) RETURNING id",
                [bill_id, list(line_ids)],
            )
            result.done = sorted(pk for (pk,) in cursor.fetchall())
        for line_id in dict.fromkeys(line_ids):
            if line_id not in set(result.done):
                result.refuse(line_id, FreightLineNotOpen(line_id=line_id))
        if result.done:
            details = {"lines": len(result.done)}
            record_deed(
                work, action="freight.take_back_sign_off", subject=subject_of(bill.pk), reason=reason, details=details
            )
            settle_cases(bill=bill, work=work)
    return result


def close_bill(*, bill_id: int, at: datetime, actor: Actor) -> FreightBill:
    """Make a bill final: it may be paid as it is.

    Raises FreightBillUnknown, FreightBillNotOpen, FreightDifferencesOpen. Emits FreightBillClosed.
    """
    with unit_of_work(at=at, actor=actor) as work:
        bill = locked_bill(bill_id, work)
        open_lines = open_lines_of(bill_id)
        if open_lines:
            raise FreightDifferencesOpen(bill_id=bill_id, open_lines=open_lines)
        bill.close()
        bill.closed_at = work.at
        work.save(bill, "closed_at")
        work.record(FreightBillClosed(freight_bill_id=bill_id))
        details = {"courier": str(bill.carrier), "lines": bill.line_count, "amount": str(bill.amount_total)}
        record_deed(work, action="freight.close", subject=subject_of(bill_id), details=details)
    return bill


def reopen_bill(*, bill_id: int, reason: str, at: datetime, actor: Actor) -> FreightBill:
    """Look at a closed bill again; what was signed off stays so until somebody takes it back.

    Raises FreightBillUnknown, FreightBillNotClosed, ReasonMissing. Emits FreightBillReopened.
    """
    reason = _reason(reason)
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        bill = work.lock(FreightBill, [bill_id]).get(bill_id)
        if bill is None:
            raise FreightBillUnknown(bill_id=bill_id)
        if bill.state != FreightBillState.CLOSED:
            raise FreightBillNotClosed(bill_id=bill_id, state=str(bill.state))
        bill.reopen()
        bill.closed_at = None
        work.save(bill, "closed_at")
        work.record(FreightBillReopened(freight_bill_id=bill_id))
        record_deed(work, action="freight.reopen", subject=subject_of(bill_id), reason=reason)
    return bill


def withdraw_bill(*, bill_id: int, reason: str, at: datetime, actor: Actor) -> FreightBill:
    """Take a bill that is not closed out of the books: the wrong file, or the courier has sent a corrected one.

    Its lines are kept to be looked at and count nowhere; its cases close; the same file may be taken in again. Bills
    that called a parcel billed twice because of it say otherwise when they are checked again. Raises
    FreightBillUnknown, FreightBillNotOpen, ReasonMissing. Emits FreightBillWithdrawn.
    """
    reason = _reason(reason)
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        bill = locked_bill(bill_id, work, states=(FreightBillState.OPEN, FreightBillState.JUDGING))
        bill.withdraw()
        work.save(bill)
        close_all_cases(bill_id=bill_id, resolution=_("The bill was withdrawn."), work=work)
        work.record(FreightBillWithdrawn(freight_bill_id=bill_id))
        record_deed(work, action="freight.withdraw", subject=subject_of(bill_id), reason=reason)
    return bill


def open_lines_of(bill_id: int) -> int:
    """How many lines of a bill nobody has decided."""
    return FreightLine.objects.filter(bill=bill_id, verdict__in=[str(v) for v in FREIGHT_DIFFERENCES]).count()


def _reason(reason: str) -> str:
    reason = reason.strip()[:200]
    if not reason:
        raise ReasonMissing
    return reason
