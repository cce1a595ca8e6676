"""Bills in: fetched, read, written line by line and matched, all in one transaction."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.db import connection
from django.utils.translation import gettext as _

from finance.errors import BillReplaced, ProviderUnsupported, StatementIsClosed
from finance.models import Statement, StatementLine
from finance.services.differences import close_difference_cases
from finance.services.matching import lock_provider, match_imported, open_lines
from finance.statements.alipay_bill import BillRow, read_trade_bill
from finance.statements.errors import StatementUnreadable
from finance.states import EntryKind, LineState, StatementState
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.gathering import StatementCounter
from ordercenter.common.money import ZERO
from ordercenter.events.types import StatementImported

_CHUNK = 4000
_COPY_LINES = (
    "COPY finance_statementline (statement_id, line_no, kind, external_no, request_no, merchant_no, amount, fee,"
    " occurred_at, verdict) FROM STDIN"
)


@dataclass(frozen=True, slots=True)
class Bill:
    """A bill as read, whoever wrote the file. rows: signed amounts, see `finance.matching`."""

    account: str
    business_day: date
    rows: Iterable[BillRow]


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """What an import did. changed: False when the same bill was there already. *_s: seconds spent in that part."""

    statement_id: int
    lines: int
    differences: int
    changed: bool
    write_s: float = 0.0
    match_s: float = 0.0


def _read_alipay(content: bytes, business_day: date) -> Bill:
    bill = read_trade_bill(content, day=business_day)
    return Bill(account=bill.account, business_day=bill.day, rows=bill.rows)


# provider -> reader of the file as fetched; raises StatementUnreadable.
READERS: dict[str, Callable[[bytes, date], Bill]] = {"alipay": _read_alipay}


def import_bill_file(
    *, provider: str, account: str, business_day: date, content: bytes, at: datetime, actor: Actor = SYSTEM
) -> ImportOutcome:
    """Read a bill file (for Alipay the ZIP as fetched) and import it; see `import_statement`.

    Raises StatementUnreadable, naming row and column, for a broken file or one of another day or account; nothing is
    changed then. Raises ProviderUnsupported.
    """
    reader = READERS.get(provider)
    if reader is None:
        raise ProviderUnsupported(provider=provider)
    bill = reader(content, business_day)
    if bill.account != account:
        raise StatementUnreadable(row=0, column="账号", reason="other_account", detail=f"of {bill.account}")
    return import_statement(provider=provider, bill=bill, at=at, actor=actor)


def import_statement(
    *, provider: str, bill: Bill, at: datetime, actor: Actor = SYSTEM, work: Work | None = None
) -> ImportOutcome:
    """Write the bill of a day and match it, in one transaction.

    The same rows again change nothing, however often they come and whatever the file around them looks like. Other rows
    for a day that is still open replace the first ones (providers correct their bills): lines, matches and cases are
    made anew. Refused with BillReplaced once somebody has signed off a difference of the first bill, and with
    StatementIsClosed once the day is closed. Raises StatementUnreadable for a row that the books cannot hold.
    Emits StatementImported and StatementMatched.
    """
    encoder = _LineEncoder()
    chunks = encoder.chunks(bill.rows)
    with unit_of_work(work, at=at, actor=actor) as work:
        lock_provider(provider)
        key = {"provider": provider, "account": bill.account, "business_day": bill.business_day}
        known = Statement.objects.filter(**key).values_list("pk", flat=True).first()
        if known is None:
            statement = Statement(**key, imported_at=work.at)
            work.add([statement])
        else:
            statement = work.lock(Statement, [known])[known]
            # Only the whole bill has a digest.
            chunks = iter(list(chunks))
            if statement.rows_sha256 == encoder.digest.hexdigest():
                return ImportOutcome(statement.pk, statement.line_count, 0, changed=False)
            _clear(statement, work)
        started = time.perf_counter()
        _write_lines(statement.pk, chunks)
        encoder.describe(statement)
        statement.imported_at = work.at
        work.save(statement, "rows_sha256", "line_count", "payment_total", "refund_total", "fee_total", "imported_at")
        written = time.perf_counter()
        work.record(StatementImported(statement_id=statement.pk, lines=statement.line_count))
        outcome = match_imported(statement=statement, work=work)
        return ImportOutcome(
            statement.pk,
            statement.line_count,
            len(outcome.differences),
            changed=True,
            write_s=written - started,
            match_s=time.perf_counter() - written,
        )


def _clear(statement: Statement, work: Work) -> None:
    """Make room for another bill of the same day, if nobody has built on the first one."""
    if statement.state == StatementState.CLOSED:
        raise StatementIsClosed(statement_id=statement.pk, business_day=statement.business_day)
    signed_off = StatementLine.objects.filter(statement=statement, verdict=LineState.SIGNED_OFF).count()
    if signed_off:
        raise BillReplaced(statement_id=statement.pk, business_day=statement.business_day, signed_off=signed_off)
    differences = list(open_lines(statement.pk).values_list("pk", flat=True))
    close_difference_cases(line_ids=differences, resolution=_("The provider replaced the bill."), work=work)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM finance_match m USING finance_statementline l WHERE m.line_id = l.id AND l.statement_id = %s",
            [statement.pk],
        )
        cursor.execute("DELETE FROM finance_statementline WHERE statement_id = %s", [statement.pk])


def _write_lines(statement_id: int, chunks: Iterator[list[str]]) -> None:
    # The server writes one chunk while the next one is made here.
    start, between = f"{statement_id}\t", f"\n{statement_id}\t"
    StatementCounter.unseen += 1
    with connection.cursor() as cursor, cursor.copy(_COPY_LINES) as copy:
        for chunk in chunks:
            copy.write(f"{start}{between.join(chunk)}\n".encode())


class _LineEncoder:
    """Rows of a bill as COPY text; counts, sums and the digest of what passed."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self._count = 0
        self._totals = {EntryKind.PAYMENT.value: ZERO, EntryKind.REFUND.value: ZERO}
        self._fees = ZERO

    def chunks(self, rows: Iterable[BillRow]) -> Iterator[list[str]]:
        """Lines are written as matched, and corrected by the match where they are not; repeats are known already here.

        The digest leaves out the row numbers: a comment more at the head of the file is no other bill.
        """
        chunk: list[str] = []
        digested: list[str] = []
        seen: set[str] = set()
        times = _TimeTexts()
        for row in rows:
            external_no, merchant_no, kind, finished_at, amount, fee, request_no, _raw, line_no = row
            if not external_no.isalnum() or len(external_no) > 64:
                external_no = _escaped(external_no, row, "external_no")
            if not merchant_no.isalnum() or len(merchant_no) > 64:
                merchant_no = _escaped(merchant_no, row, "merchant_no")
            if request_no and (not request_no.isalnum() or len(request_no) > 64):
                request_no = _escaped(request_no, row, "refund_request_no")
            # A text, not a tuple: the garbage collector would walk 200,000 tuples over and over.
            key = f"{kind}\t{external_no}\t{request_no}"
            verdict = "duplicate" if key in seen else "matched"
            seen.add(key)
            self._totals[kind] += amount
            self._fees += fee
            # !s, because formatting a Decimal takes three times as long as its text.
            text = f"{key}\t{merchant_no}\t{amount!s}\t{fee!s}\t{times[finished_at]}\t{verdict}"
            digested.append(text)
            chunk.append(f"{line_no}\t{text}")
            if len(chunk) == _CHUNK:
                self._pass(digested)
                yield chunk
                chunk, digested = [], []
        if chunk:
            self._pass(digested)
            yield chunk

    def describe(self, statement: Statement) -> None:
        statement.rows_sha256 = self.digest.hexdigest()
        statement.line_count = self._count
        statement.payment_total = self._totals[EntryKind.PAYMENT.value]
        statement.refund_total = -self._totals[EntryKind.REFUND.value]
        statement.fee_total = -self._fees

    def _pass(self, texts: list[str]) -> None:
        self._count += len(texts)
        self.digest.update("\n".join(texts).encode())
        self.digest.update(b"\n")


class _TimeTexts(dict[datetime, str]):
    """Instant to COPY text, each made once per bill: many rows share a second."""

    def __missing__(self, at: datetime) -> str:
        self[at] = text = at.astimezone(UTC).isoformat(" ")
        return text


_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def _escaped(text: str, row: BillRow, column: str) -> str:
    """Text that COPY reads back as it is. Raises StatementUnreadable for what the column cannot hold."""
    if len(text) > 64:
        raise StatementUnreadable(row=row.line_no, column=column, reason="too_long", detail=f"{len(text)} characters")
    if "\0" in text:
        raise StatementUnreadable(row=row.line_no, column=column, reason="ill_typed", detail="a zero byte")
    return text.translate(_ESCAPES)
