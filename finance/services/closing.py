"""What people decide about a bill: accepting single differences, and closing the day."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from finance.errors import DifferencesOpen, LineUnknown, NothingToSignOff, StatementIsClosed, StatementUnknown
from finance.models import Statement, StatementLine
from finance.services.differences import close_difference_cases, subject_of
from finance.services.matching import open_lines
from finance.states import DIFFERENCES, LineState, StatementState
from ordercenter.audit.models import Deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.common.actor import Actor
from ordercenter.common.batch import BatchResult
from ordercenter.events.types import StatementClosed


def sign_off(
    *, line_ids: Collection[int], reason: str, at: datetime, actor: Actor, work: Work | None = None
) -> BatchResult:
    """Accept these differences as they are; their cases close, and each leaves a deed with the reason.

    done: the lines. Refused one by one: LineUnknown, NothingToSignOff, StatementIsClosed. Without a reason nothing is
    done (ReasonMissing).
    """
    reason = reason.strip()
    if not reason:
        raise ReasonMissing
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor, reason=reason) as work:
        # The bill first, then its lines: the same order as the match, so that neither waits for the other in a ring.
        found = StatementLine.objects.filter(pk__in=line_ids).values_list("statement_id", flat=True)
        statements = work.lock(Statement, sorted(set(found)))
        lines = work.lock(StatementLine, line_ids)
        for line_id in dict.fromkeys(line_ids):
            line = lines.get(line_id)
            with result.refusals(line_id):
                if line is None:
                    raise LineUnknown(line_id=line_id)
                _accept(line, statements[line.statement_id], reason, work)
                result.done.append(line)
        close_difference_cases(line_ids=[line.pk for line in result.done], resolution=reason, work=work)
    return result


def close_day(*, statement_id: int, at: datetime, actor: Actor, work: Work | None = None) -> Statement:
    """Make a business day final. After it, nothing about the bill changes: no match, no sign-off, no other bill.

    Raises StatementUnknown, DifferencesOpen with the number of lines neither matched nor signed off, StatementIsClosed.
    Emits StatementClosed.
    """
    with unit_of_work(work, at=at, actor=actor) as work:
        statement = work.lock(Statement, [statement_id]).get(statement_id)
        if statement is None:
            raise StatementUnknown(statement_id=statement_id)
        if statement.state == StatementState.CLOSED:
            raise StatementIsClosed(statement_id=statement_id, business_day=statement.business_day)
        open_count = open_lines(statement_id).count()
        if open_count:
            raise DifferencesOpen(statement_id=statement_id, business_day=statement.business_day, open_lines=open_count)
        statement.close()
        statement.closed_at = work.at
        work.save(statement, "closed_at")
        work.record(StatementClosed(statement_id=statement_id))
        details = {
            "provider": statement.provider,
            "account": statement.account,
            "business_day": statement.business_day.isoformat(),
            "lines": statement.line_count,
        }
        work.add([_deed(work, "finance.close_day", f"statement:{statement_id}", "", details)])
    return statement


def _accept(line: StatementLine, statement: Statement, reason: str, work: Work) -> None:
    if statement.state == StatementState.CLOSED:
        raise StatementIsClosed(statement_id=statement.pk, business_day=statement.business_day)
    if line.verdict not in DIFFERENCES:
        raise NothingToSignOff(line_id=line.pk, verdict=line.verdict)
    line.found_verdict, line.verdict, line.signed_off_reason = line.verdict, LineState.SIGNED_OFF, reason[:200]
    work.save(line, "verdict", "found_verdict", "signed_off_reason")
    details = {
        "statement": statement.pk,
        "verdict": line.found_verdict,
        "external_no": line.external_no,
        "theirs": [str(line.amount), str(line.fee)],
        "ours": [str(line.expected_amount), str(line.expected_fee)],
    }
    work.add([_deed(work, "finance.sign_off", subject_of(line.pk), reason, details)])


def _deed(work: Work, action: str, subject: str, reason: str, details: dict[str, object]) -> Deed:
    return Deed(
        at=work.at,
        actor=str(work.actor),
        user_id=work.actor.user_id,
        action=action,
        subject=subject,
        reason=reason,
        details=details,
        chain_id=work.cause_of(subject).chain_id,
    )
