"""Bills of couriers in: read whole, written line by line and judged, all in one transaction; and judged once more."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import connection
from django.utils.translation import gettext as _

from fulfillment.contracts.bill_sheets import BilledParcel, BillError, BillTable, open_table, period_of, read_bill
from fulfillment.freight_errors import (
    FreightBillNotOpen,
    FreightBillUnknown,
    FreightFileKnown,
    FreightPeriodInvalid,
)
from fulfillment.models import FreightBill, FreightLayout, FreightLine
from fulfillment.services.freight_cases import close_vanished, settle_cases
from fulfillment.services.freight_checking import (
    CHUNK,
    Checker,
    rewrite_verdicts,
    write_lines,
)
from fulfillment.states import FREIGHT_DIFFERENCES, FreightBillState, FreightVerdict
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.common.actor import Actor
from ordercenter.common.money import ZERO
from ordercenter.events.types import FreightBillChecked

_LONGEST = timedelta(days=367)


@dataclass(frozen=True)
class ImportedBill:
    """What an import did. errors: what is wrong, by row and column; then nothing was written and bill_id is None."""

    bill_id: int | None = None
    errors: tuple[BillError, ...] = ()
    lines: int = 0
    differences: Mapping[str, int] = field(default_factory=dict)


def saved_columns(carrier_id: int) -> dict[str, str]:
    """How the columns of this courier's bills were called the last time; empty for the first bill."""
    found: dict[str, str] | None = (
        FreightLayout.objects.filter(carrier=carrier_id).values_list("columns", flat=True).first()
    )
    return dict(found or {})


def digest_of(content: bytes) -> str:
    """By what a file is known again."""
    return hashlib.sha256(content).hexdigest()


def known_bill(carrier_id: int, content: bytes) -> int | None:
    """The bill that was made of this file, if there is one that counts."""
    live = FreightBill.objects.exclude(state=FreightBillState.WITHDRAWN)
    return live.filter(carrier=carrier_id, file_sha256=digest_of(content)).values_list("pk", flat=True).first()


def import_courier_bill(
    *,
    content: bytes,
    file_name: str,
    carrier_id: int,
    at: datetime,
    actor: Actor,
    starts_on: date | None = None,
    ends_on: date | None = None,
    warehouse_id: int | None = None,
    product_id: int | None = None,
    columns: Mapping[str, str] | None = None,
) -> ImportedBill:
    """Take in a courier's bill (CSV or XLSX) and judge every line, or say what is wrong with it and change nothing.

    starts_on, ends_on (the day after the last): the period, in which every parcel of the courier is expected to be on a
    bill; by default what the days in the file span. columns: our column -> heading in the file; kept for this courier's
    next bill. Raises SheetUnreadable for a file that is no table, FreightFileKnown for a file that was taken in before,
    FreightPeriodInvalid. Emits FreightBillChecked; opens one case for each kind of difference.
    """
    table = open_table(content, saved_columns(carrier_id) if columns is None else columns)
    parcels, errors = read_bill(table)
    if errors:
        return ImportedBill(errors=tuple(errors))
    begins, ends = period(parcels, starts_on, ends_on)
    with unit_of_work(at=at, actor=actor) as work:
        _lock_courier(carrier_id)
        known = known_bill(carrier_id, content)
        if known is not None:
            raise FreightFileKnown(bill_id=known)
        bill = FreightBill(
            carrier_id=carrier_id,
            warehouse_id=warehouse_id,
            product_id=product_id,
            starts_on=begins,
            ends_on=ends,
            file_name=file_name[:200],
            file_sha256=digest_of(content),
            line_count=len(parcels),
            amount_total=sum((parcel.amount for parcel in parcels), ZERO),
            imported_at=work.at,
            checked_at=work.at,
        )
        work.add([bill])
        _write_and_judge(bill, parcels)
        _forget_found(bill, work)
        _keep_layout(carrier_id, table)
        totals = _tell(bill, work)
        record_deed(
            work,
            action="freight.import",
            subject=f"freight_bill:{bill.pk}",
            details={"file": bill.file_name, "lines": bill.line_count, "amount": str(bill.amount_total)},
        )
    return ImportedBill(bill.pk, (), bill.line_count, totals)


def recheck_bill(*, bill_id: int, at: datetime, actor: Actor) -> Mapping[str, int]:
    """Judge all lines once more that nobody has signed off: contracts were corrected, or parcels have turned up.

    Returns differences by verdict. Raises FreightBillUnknown, FreightBillNotOpen. Emits FreightBillChecked.
    """
    with unit_of_work(at=at, actor=actor) as work:
        bill = locked_bill(bill_id, work)
        checker = Checker(bill)
        FreightLine.objects.filter(bill=bill, line_no=0, verdict=FreightVerdict.NOT_BILLED).delete()
        after = 0
        lines = FreightLine.objects.filter(bill=bill, line_no__gt=0).order_by("line_no", "pk")
        while chunk := list(lines.filter(line_no__gt=after)[:CHUNK]):
            after = chunk[-1].line_no
            _judge_again(checker, chunk)
        write_lines(bill.pk, checker.missing())
        bill.checked_at = work.at
        work.save(bill, "checked_at")
        return _tell(bill, work)


def locked_bill(bill_id: int, work: Work) -> FreightBill:
    """An open bill, locked beside all others of its courier. Raises FreightBillUnknown, FreightBillNotOpen."""
    carrier_id = FreightBill.objects.filter(pk=bill_id).values_list("carrier_id", flat=True).first()
    if carrier_id is None:
        raise FreightBillUnknown(bill_id=bill_id)
    _lock_courier(carrier_id)
    bill = work.lock(FreightBill, [bill_id])[bill_id]
    if bill.state != FreightBillState.OPEN:
        raise FreightBillNotOpen(bill_id=bill_id, state=str(bill.state))
    return bill


def period(parcels: Sequence[BilledParcel], starts_on: date | None, ends_on: date | None) -> tuple[date, date]:
    """The days that a bill is for, half open. Raises FreightPeriodInvalid."""
    spanned = period_of(parcels)
    begins = starts_on or (spanned[0] if spanned else None)
    ends = ends_on or (spanned[1] + timedelta(days=1) if spanned else None)
    if begins is None or ends is None or not begins < ends <= begins + _LONGEST:
        raise FreightPeriodInvalid
    return begins, ends


def _write_and_judge(bill: FreightBill, parcels: Sequence[BilledParcel]) -> None:
    checker = Checker(bill)
    # A chunk is judged, then written: the server cannot be asked while a COPY is under way.
    for chunk in checker.check(parcels):
        write_lines(bill.pk, chunk)
    write_lines(bill.pk, checker.missing())


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


def _judge_again(checker: Checker, lines: Sequence[FreightLine]) -> None:
    for line in lines:
        if line.verdict == FreightVerdict.SIGNED_OFF:
            checker.seen(line.tracking_no, line.line_no)
    again = [line for line in lines if line.verdict != FreightVerdict.SIGNED_OFF]
    for checked in checker.check(_as_billed(line) for line in again):
        rewrite_verdicts([(line.pk, found) for line, found in zip(again, checked, strict=True)])


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


def _keep_layout(carrier_id: int, table: BillTable) -> None:
    columns = dict(table.columns)
    layout = FreightLayout.objects.select_for_update().filter(carrier=carrier_id).first()
    if layout is None:
        FreightLayout.objects.create(carrier_id=carrier_id, columns=columns)
    elif layout.columns != columns:
        layout.columns = columns
        layout.save()


def _tell(bill: FreightBill, work: Work) -> dict[str, int]:
    totals = settle_cases(bill=bill, work=work)
    differences = {str(verdict): totals[verdict].lines for verdict in FREIGHT_DIFFERENCES if verdict in totals}
    work.record(
        FreightBillChecked(freight_bill_id=bill.pk, lines=bill.line_count, differences=sum(differences.values()))
    )
    return differences


def _lock_courier(carrier_id: int) -> None:
    """One import or check of a courier at a time, until the transaction ends: bills look at each other's lines."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('fulfillment.freight'), %s)", [carrier_id])
