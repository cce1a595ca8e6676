"""Bringing the lines of a bill and our entries together.

The set does the work: one join says which lines are the same money as an entry, and writes those matches. What is left
is little, and is judged line by line by the plain rules of `finance.matching`. A line is written as matched and only
corrected when it is not, because correcting all of them afterwards would cost more than everything else.

Which entries belong to which account: all of one provider. An installation with two accounts at one provider would find
each other's entries missing in either bill; until entries name their account, give each provider one account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from finance.errors import StatementIsClosed, StatementUnknown
from finance.matching import Difference, LineKey, Sums, day_bounds, verdict_of
from finance.models import Statement, StatementLine
from finance.services.differences import close_difference_cases, open_difference_cases
from finance.states import DIFFERENCES, LineState, StatementState
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.money import ZERO
from ordercenter.events.types import StatementMatched

# Where to look for the entry of a line first: its clock and ours may be a little apart around midnight.
_NEAR = timedelta(days=1)


@dataclass
class MatchOutcome:
    """What a match found. differences: lines judged and found to differ; vanished: ids of lines that no longer do."""

    differences: list[Difference] = field(default_factory=list)
    vanished: list[int] = field(default_factory=list)


def match_statement(
    *, statement_id: int, at: datetime, actor: Actor = SYSTEM, work: Work | None = None
) -> MatchOutcome:
    """Judge again what did not match so far, because entries may have arrived since.

    Lines that matched or were signed off stay as they are. A difference that vanished closes its case; a new one opens
    one. Raises StatementUnknown, StatementIsClosed. Emits StatementMatched when anything changed.
    """
    with unit_of_work(work, at=at, actor=actor) as work:
        statement = Statement.objects.filter(pk=statement_id).first()
        if statement is None:
            raise StatementUnknown(statement_id=statement_id)
        lock_provider(statement.provider)
        statement = work.lock(Statement, [statement_id])[statement_id]
        if statement.state == StatementState.CLOSED:
            raise StatementIsClosed(statement_id=statement_id, business_day=statement.business_day)
        before = dict(open_lines(statement_id).values_list("pk", "verdict"))
        again = [pk for pk, verdict in before.items() if verdict not in (LineState.NOT_IN_BILL, LineState.DUPLICATE)]
        outcome = MatchOutcome()
        _judge_lines(statement, again, outcome, work.at)
        _note_missing(statement, _unmatched_entries(statement), outcome, work)
        _forget_found(statement, outcome)
        open_now = (before.keys() | {d.line_id for d in outcome.differences}) - set(outcome.vanished)
        outcome.differences = [d for d in outcome.differences if before.get(d.line_id) != d.verdict]
        if outcome.differences or outcome.vanished:
            _tell(statement, outcome, len(open_now), work)
        return outcome


def match_imported(*, statement: Statement, work: Work) -> MatchOutcome:
    """Judge all lines of a bill just written. For `import_statement`, which holds the provider's lock."""
    outcome = MatchOutcome()
    lines, entries = _place_equal(statement, work.at)
    _judge_lines(statement, lines, outcome, work.at)
    _note_missing(statement, entries, outcome, work)
    _forget_found(statement, outcome)
    _tell(statement, outcome, len(outcome.differences), work)
    return outcome


def open_lines(statement_id: int) -> QuerySet[StatementLine]:
    """The lines of a bill that are neither matched nor signed off."""
    return StatementLine.objects.filter(statement=statement_id, verdict__in=DIFFERENCES)


def lock_provider(provider: str) -> None:
    """One import or match of a provider at a time, until the transaction ends: neighbouring days share entries."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('finance.matching'), hashtext(%s))", [provider])


def _tell(statement: Statement, outcome: MatchOutcome, open_count: int, work: Work) -> None:
    close_difference_cases(line_ids=outcome.vanished, resolution=_("The difference is gone."), work=work)
    open_difference_cases(statement=statement, differences=outcome.differences, work=work)
    statement.mark_matched()
    statement.matched_at = work.at
    work.save(statement, "matched_at")
    work.record(StatementMatched(statement_id=statement.pk, differences=open_count))


# --- the set ----------------------------------------------------------------------------------------------------------

_OURS = """
    CASE e.kind WHEN 'payment' THEN e.amount ELSE -e.amount END AS amount,
    CASE e.kind WHEN 'payment' THEN -e.expected_fee ELSE e.expected_fee END AS fee
"""

# OFFSET 0 keeps the check an index look-up per row: as a join it would read every match there ever was.
_TAKEN = "EXISTS (SELECT 1 FROM finance_match m WHERE m.entry_id = o.id OFFSET 0)"

_PLACE_EQUAL = """
WITH theirs AS (
    SELECT id, kind, external_no, request_no, amount, fee
    FROM finance_statementline WHERE statement_id = %(statement)s AND verdict = 'matched'
), ours AS (
    SELECT e.id, e.kind, e.external_no, e.request_no, e.occurred_at, {ours}
    FROM finance_paymententry e
    WHERE e.provider = %(provider)s AND e.occurred_at >= %(near_from)s AND e.occurred_at < %(near_until)s
), pairs AS MATERIALIZED (
    SELECT t.id AS line_id, o.id AS entry_id, t.amount = o.amount AND t.fee = o.fee AND NOT {taken} AS same
    FROM theirs t FULL JOIN ours o USING (external_no, kind, request_no)
    WHERE t.id IS NOT NULL OR (o.occurred_at >= %(day_from)s AND o.occurred_at < %(day_until)s)
), placed AS (
    INSERT INTO finance_match (line_id, entry_id, matched_at)
    SELECT line_id, entry_id, %(at)s FROM pairs WHERE same
)
SELECT line_id, entry_id FROM pairs WHERE same IS NOT TRUE
"""


def _place_equal(statement: Statement, at: datetime) -> tuple[list[int], list[int]]:
    """Write the matches of all lines that equal an entry. Returns what is left: line ids, and entry ids without a line.

    Nearly never has an entry been matched by an earlier bill. So the first try does not look, and the unique index on
    entries says when it should have.
    """
    try:
        with transaction.atomic():
            left = _run_place_equal(statement, at, taken="FALSE")
    except IntegrityError:
        left = _run_place_equal(statement, at, taken=_TAKEN)
    repeated = StatementLine.objects.filter(statement=statement, verdict=LineState.DUPLICATE)
    lines = [line_id for line_id, _entry in left if line_id is not None]
    lines += repeated.values_list("pk", flat=True)
    return lines, [entry_id for line_id, entry_id in left if line_id is None and entry_id is not None]


def _run_place_equal(statement: Statement, at: datetime, *, taken: str) -> list[tuple[int | None, int | None]]:
    day_from, day_until = day_bounds(statement.business_day)
    with connection.cursor() as cursor:
        # The lines were written a moment ago, unknown to the planner's statistics: room to hash them all, and no
        # compiling of plans whose cost it guesses.
        cursor.execute("SET LOCAL work_mem = '128MB'; SET LOCAL jit = off")
        cursor.execute(
            _PLACE_EQUAL.format(ours=_OURS, taken=taken),
            {
                "statement": statement.pk,
                "provider": statement.provider,
                "at": at,
                "day_from": day_from,
                "day_until": day_until,
                "near_from": day_from - _NEAR,
                "near_until": day_until + _NEAR,
            },
        )
        left: list[tuple[int | None, int | None]] = cursor.fetchall()
        cursor.execute("RESET work_mem; RESET jit")
    return left


# --- what is left -----------------------------------------------------------------------------------------------------

_WITH_ENTRIES = f"""
SELECT l.id, l.verdict, l.merchant_no, {_TAKEN}, o.id, o.order_id, o.shop_id,
       l.kind, l.external_no, l.request_no, l.amount, l.fee, o.amount, o.fee
FROM finance_statementline l
LEFT JOIN LATERAL (
    SELECT e.id, e.order_id, e.shop_id, {_OURS}
    FROM finance_paymententry e
    WHERE e.provider = %s AND e.external_no = l.external_no AND e.kind = l.kind AND e.request_no = l.request_no
) o ON TRUE
WHERE l.id = ANY(%s)
ORDER BY l.line_no, l.id
"""


def _judge_lines(statement: Statement, line_ids: Sequence[int], outcome: MatchOutcome, at: datetime) -> None:
    """Find the entries of these lines wherever they are in our books, and write the verdicts."""
    if not line_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(_WITH_ENTRIES, [statement.provider, list(line_ids)])
        rows = cursor.fetchall()
    verdicts: list[tuple[int, str, Decimal | None, Decimal | None]] = []
    matches: list[tuple[int, int]] = []
    for line_id, was, merchant_no, taken, entry_id, order_id, shop_id, *values in rows:
        key, theirs = LineKey(*values[:3]), Sums(*values[3:5])
        ours = None if entry_id is None else Sums(*values[5:7])
        verdict = LineState.DUPLICATE if was == LineState.DUPLICATE else verdict_of(theirs, ours, taken=taken)
        if verdict == LineState.MATCHED:
            matches.append((line_id, entry_id))
            verdicts.append((line_id, verdict.value, None, None))
            outcome.vanished.append(line_id)
        else:
            verdicts.append((line_id, verdict.value, ours and ours.amount, ours and ours.fee))
            difference = Difference(line_id, key, merchant_no, verdict, theirs, ours, order_id, shop_id)
            outcome.differences.append(difference)
    _write_matches(matches, at)
    _write_verdicts(verdicts)


def _write_matches(matches: Sequence[tuple[int, int]], at: datetime) -> None:
    if matches:
        lines, entries = map(list, zip(*matches, strict=True))
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO finance_match (line_id, entry_id, matched_at)"
                " SELECT line_id, entry_id, %s FROM unnest(%s::bigint[], %s::bigint[]) AS v(line_id, entry_id)",
                [at, lines, entries],
            )


def _write_verdicts(verdicts: Sequence[tuple[int, str, Decimal | None, Decimal | None]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE finance_statementline l SET verdict = v.verdict, expected_amount = v.amount, expected_fee = v.fee"
            " FROM unnest(%s::bigint[], %s::text[], %s::numeric[], %s::numeric[]) AS v(id, verdict, amount, fee)"
            " WHERE l.id = v.id",
            [list(column) for column in zip(*verdicts, strict=True)],
        )


# --- entries without a line -------------------------------------------------------------------------------------------

_UNMATCHED = f"""
SELECT o.id FROM finance_paymententry o
WHERE o.provider = %s AND o.occurred_at >= %s AND o.occurred_at < %s AND NOT {_TAKEN}
"""

# A line that did not match, of any bill of the provider; the bill in hand is not in its table yet.
_UNEQUAL_LINE = """
    SELECT 1 FROM finance_statementline l LEFT JOIN finance_statement b ON b.id = l.statement_id
    WHERE l.external_no = o.external_no AND l.kind = o.kind AND l.request_no = o.request_no AND l.verdict <> 'matched'
      AND (l.statement_id = %(statement)s OR b.provider = o.provider)
"""

_ON_NO_BILL = f"""
SELECT e.kind, e.external_no, e.request_no, e.merchant_no, e.occurred_at, e.order_id, e.shop_id, {_OURS}
FROM finance_paymententry o JOIN finance_paymententry e ON e.id = o.id
WHERE o.id = ANY(%(entries)s) AND NOT {_TAKEN} AND NOT EXISTS ({_UNEQUAL_LINE} OFFSET 0)
ORDER BY e.occurred_at, e.id
"""

_FOUND = f"""
DELETE FROM finance_statementline WHERE verdict = 'not_in_bill' AND id = ANY(ARRAY(
    SELECT n.id
    FROM finance_statement s
    JOIN finance_statementline n ON n.statement_id = s.id AND n.verdict = 'not_in_bill'
    JOIN finance_paymententry o ON o.provider = s.provider AND o.external_no = n.external_no AND o.kind = n.kind
                               AND o.request_no = n.request_no
    WHERE s.provider = %(provider)s AND s.state <> 'closed'
      AND ({_TAKEN} OR EXISTS ({_UNEQUAL_LINE} AND l.line_no > 0 OFFSET 0))
))
RETURNING id
"""


def _unmatched_entries(statement: Statement) -> list[int]:
    """Our entries of the bill's day that no line of any bill has matched."""
    with connection.cursor() as cursor:
        cursor.execute(_UNMATCHED, [statement.provider, *day_bounds(statement.business_day)])
        return [pk for (pk,) in cursor.fetchall()]


def _note_missing(statement: Statement, entry_ids: Sequence[int], outcome: MatchOutcome, work: Work) -> None:
    """A line NOT_IN_BILL for each of these entries that no bill of the provider has a line for, whatever its day."""
    if not entry_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(_ON_NO_BILL, {"entries": list(entry_ids), "statement": statement.pk})
        rows = cursor.fetchall()
    lines = [
        StatementLine(
            statement_id=statement.pk,
            line_no=0,
            kind=kind,
            external_no=external_no,
            request_no=request_no,
            merchant_no=merchant_no,
            amount=ZERO,
            fee=ZERO,
            occurred_at=occurred_at,
            verdict=LineState.NOT_IN_BILL,
            expected_amount=amount,
            expected_fee=fee,
        )
        for kind, external_no, request_no, merchant_no, occurred_at, _order, _shop, amount, fee in rows
    ]
    work.add(lines)
    for line, (*_columns, order_id, shop_id, amount, fee) in zip(lines, rows, strict=True):
        key = LineKey(line.kind, line.external_no, line.request_no)
        outcome.differences.append(
            Difference(
                line.pk, key, line.merchant_no, LineState.NOT_IN_BILL, None, Sums(amount, fee), order_id, shop_id
            )
        )


def _forget_found(statement: Statement, outcome: MatchOutcome) -> None:
    """Drop lines NOT_IN_BILL, of this bill or a neighbour's, whose entry has turned up on a bill after all."""
    with connection.cursor() as cursor:
        cursor.execute(_FOUND, {"provider": statement.provider, "statement": statement.pk})
        outcome.vanished += [pk for (pk,) in cursor.fetchall()]
