"""Judging the lines of couriers' bills, some thousand in a transaction each: a worker that is stopped goes on there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import structlog
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from fulfillment.contracts.bill_sheets import BilledParcel
from fulfillment.freight_errors import FreightBillNotOpen
from fulfillment.models import FreightBill, FreightLine
from fulfillment.services.freight_cases import close_vanished, settle_cases
from fulfillment.services.freight_checking import CHUNK, Checker, rewrite_verdicts, write_lines
from fulfillment.services.freight_intake import lock_courier, locked_bill
from fulfillment.states import FREIGHT_DIFFERENCES, FreightBillState, FreightVerdict
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.events.types import FreightBillChecked, FreightBillToJudge

logger = structlog.get_logger(__name__)


def begin_judging_again(*, bill_id: int, at: datetime, actor: Actor) -> int:
    """Let all lines be judged once more that nobody has signed off: contracts were corrected, parcels have turned up.

    Returns how many lines the bill has. Raises FreightBillUnknown, FreightBillNotOpen. Emits FreightBillToJudge.
    """
    with unit_of_work(at=at, actor=actor) as work:
        bill = locked_bill(bill_id, work)
        FreightLine.objects.filter(bill=bill, line_no=0, verdict=FreightVerdict.NOT_BILLED).delete()
        bill.judge_again()
        bill.judged_lines, bill.judged_to = 0, 0
        work.save(bill, "judged_lines", "judged_to")
        work.record(FreightBillToJudge(freight_bill_id=bill.pk, lines=bill.line_count))
    return bill.line_count


def judge_bill(*, bill_id: int, actor: Actor = SYSTEM, at: datetime | None = None) -> Mapping[str, int]:
    """Judge what nobody has judged of this bill, and open it for people. Several workers at once share the lines.

    Returns differences by verdict; empty for a bill that is judged already, or was withdrawn meanwhile. Emits
    FreightBillChecked; opens one case for each kind of difference.
    """
    bill = FreightBill.objects.filter(pk=bill_id, state=FreightBillState.JUDGING).first()
    if bill is None:
        return {}
    checker = Checker(bill)
    while _judge_some(checker):
        pass
    return _finish(checker, actor, at)


def judge_waiting_bills() -> int:
    """All bills that wait for it, the oldest first; returns how many. A bill that cannot be judged stops no other."""
    waiting = FreightBill.objects.filter(state=FreightBillState.JUDGING).order_by("pk").values_list("pk", flat=True)
    for done, bill_id in enumerate(list(waiting)):
        try:
            judge_bill(bill_id=bill_id)
        except Exception:  # the border of one bill: the next one has nothing to do with it
            logger.exception("courier_bill.not_judged", bill=bill_id, before=done)
    return len(waiting)


def _judge_some(checker: Checker) -> bool:
    """The next lines, in one transaction; whether there were any."""
    with transaction.atomic():
        lock_courier(checker.bill.carrier_id)
        mine = FreightBill.objects.select_for_update(of=("self",))
        bill = mine.filter(pk=checker.bill.pk, state=FreightBillState.JUDGING).first()
        if bill is None:
            return False
        rows = FreightLine.objects.filter(bill=bill, line_no__gt=0, pk__gt=bill.judged_to).order_by("pk")
        lines = list(rows[:CHUNK])
        if not lines:
            return False
        again = [line for line in lines if line.verdict != FreightVerdict.SIGNED_OFF]
        checked = checker.check([_as_billed(line) for line in again])
        rewrite_verdicts([(line.pk, found) for line, found in zip(again, checked, strict=True)])
        # Progress is no change of the bill that its history would tell.
        FreightBill.objects.filter(pk=bill.pk).update(
            judged_to=lines[-1].pk, judged_lines=bill.judged_lines + len(lines)
        )
    return True


def _finish(checker: Checker, actor: Actor, at: datetime | None) -> Mapping[str, int]:
    try:
        with unit_of_work(at=at or timezone.now(), actor=actor) as work:
            bill = locked_bill(checker.bill.pk, work, states=(FreightBillState.JUDGING,))
            write_lines(bill.pk, checker.missing())
            _forget_found(bill, work)
            bill.finish_judging()
            bill.checked_at = work.at
            work.save(bill, "checked_at")
            return _tell(bill, work)
    except FreightBillNotOpen:
        # Another worker was faster, or somebody has withdrawn it.
        return {}


def _forget_found(bill: FreightBill, work: Work) -> None:
    """Parcels that other open bills lacked and this one has: they are not missing there any more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM fulfillment_freightline n USING fulfillment_freightbill b"
            " WHERE n.bill_id = b.id AND b.carrier_id = %s AND b.state = 'open' AND n.verdict = 'not_billed'"
            " AND EXISTS (SELECT FROM fulfillment_freightline l WHERE l.bill_id = %s AND l.line_no > 0"
            " AND l.tracking_no = n.tracking_no) RETURNING n.bill_id",
            [bill.carrier_id, bill.pk],
        )
        others = {bill_id for (bill_id,) in cursor.fetchall()}
    for other in sorted(others):
        close_vanished(bill_id=other, resolution=_("The parcels are on another bill."), work=work)


def _as_billed(line: FreightLine) -> BilledParcel:
    return BilledParcel(
        row=line.line_no,
        tracking_no=line.tracking_no,
        amount=line.amount,
        weight_g=line.billed_g,
        billed_on=line.billed_on,
        destination=line.destination,
        product=line.product_code,
        parts={name: Decimal(amount) for name, amount in line.parts.items()},
    )


def _tell(bill: FreightBill, work: Work) -> dict[str, int]:
    totals = settle_cases(bill=bill, work=work)
    differences = {str(verdict): totals[verdict].lines for verdict in FREIGHT_DIFFERENCES if verdict in totals}
    work.record(
        FreightBillChecked(freight_bill_id=bill.pk, lines=bill.line_count, differences=sum(differences.values()))
    )
    return differences
