"""A courier's bill into its tables: read row by row, written in one transaction as lines that nobody has judged yet."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice

from django.db import connection

from fulfillment.contracts.bill_sheets import BilledParcel, BillError, BillTable, open_table, parcels_of
from fulfillment.freight_errors import (
    FreightBillNotOpen,
    FreightBillUnknown,
    FreightFileKnown,
    FreightPeriodInvalid,
)
from fulfillment.models import FreightBill, FreightLayout
from fulfillment.services.freight_checking import CHUNK, unjudged, write_lines
from fulfillment.states import FreightBillState
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.common.actor import Actor
from ordercenter.common.money import ZERO
from ordercenter.common.sheets import plain_heading
from ordercenter.events.types import FreightBillToJudge

_LONGEST = timedelta(days=367)


@dataclass(frozen=True)
class ImportedBill:
    """What an import did. errors: what is wrong, by row and column; then nothing was written and bill_id is None."""

    bill_id: int | None = None
    errors: tuple[BillError, ...] = ()
    lines: int = 0
    differences: Mapping[str, int] = field(default_factory=dict)


@dataclass
class Sums:
    """What the rows of a bill come to, counted while they go by."""

    count: int = 0
    total: Decimal = ZERO
    first_day: date | None = None
    last_day: date | None = None

    def counted(self, parcels: Iterable[BilledParcel]) -> Iterator[BilledParcel]:
        for parcel in parcels:
            self.count += 1
            self.total += parcel.amount
            if parcel.billed_on is not None:
                self.first_day = min(self.first_day or parcel.billed_on, parcel.billed_on)
                self.last_day = max(self.last_day or parcel.billed_on, parcel.billed_on)
            yield parcel

    def period(self, starts_on: date | None, ends_on: date | None) -> tuple[date, date]:
        """The days that a bill is for, half open; what is not given is what the file spans. Raises
        FreightPeriodInvalid.
        """
        begins = starts_on or self.first_day
        ends = ends_on or (self.last_day + timedelta(days=1) if self.last_day else None)
        if begins is None or ends is None or not begins < ends <= begins + _LONGEST:
            raise FreightPeriodInvalid
        return begins, ends


class _Mistakes(Exception):
    """Undoes what was written before the mistake was met."""


def saved_columns(carrier_id: int, content: bytes) -> dict[str, str]:
    """Which columns of this file are called as they were in this courier's last bill; empty for the first one.

    A remembered heading that this file lacks is left out: such a column is found by the usual headings, as in a file
    without a memory, or is simply not there. Raises SheetUnreadable.
    """
    found: dict[str, str] | None = (
        FreightLayout.objects.filter(carrier=carrier_id).values_list("columns", flat=True).first()
    )
    if not found:
        return {}
    there = {plain_heading(heading) for heading in open_table(content, found).headings}
    return {ours: heading for ours, heading in found.items() if plain_heading(heading) in there}


def digest_of(content: bytes) -> str:
    """By what a file is known again."""
    return hashlib.sha256(content).hexdigest()


def known_bill(carrier_id: int, content: bytes) -> int | None:
    """The bill that was made of this file, if there is one that counts."""
    live = FreightBill.objects.exclude(state=FreightBillState.WITHDRAWN)
    return live.filter(carrier=carrier_id, file_sha256=digest_of(content)).values_list("pk", flat=True).first()


def take_in_bill(
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
    """Write a courier's bill (CSV or XLSX) as it is, to be judged (`freight_judging`), or say what is wrong with it and
    change nothing. A file of any length takes the memory of some thousand rows.

    Parameters and refusals as `import_courier_bill`. Emits FreightBillToJudge.
    """
    table = open_table(content, saved_columns(carrier_id, content) if columns is None else columns)
    errors: list[BillError] = []
    try:
        with unit_of_work(at=at, actor=actor) as work:
            lock_courier(carrier_id)
            known = known_bill(carrier_id, content)
            if known is not None:
                raise FreightFileKnown(bill_id=known)
            bill = FreightBill(
                carrier_id=carrier_id,
                warehouse_id=warehouse_id,
                product_id=product_id,
                file_name=file_name[:200],
                file_sha256=digest_of(content),
                imported_at=work.at,
            )
            work.add([bill])
            sums = _write(bill, table, errors)
            bill.starts_on, bill.ends_on = sums.period(starts_on, ends_on)
            bill.line_count, bill.amount_total = sums.count, sums.total
            _keep_layout(carrier_id, table)
            work.record(FreightBillToJudge(freight_bill_id=bill.pk, lines=bill.line_count))
            record_deed(
                work,
                action="freight.import",
                subject=f"freight_bill:{bill.pk}",
                details={"file": bill.file_name, "lines": bill.line_count, "amount": str(bill.amount_total)},
            )
    except _Mistakes:
        return ImportedBill(errors=tuple(errors))
    return ImportedBill(bill.pk, (), bill.line_count)


def _write(bill: FreightBill, table: BillTable, errors: list[BillError]) -> Sums:
    sums = Sums()
    parcels = sums.counted(parcels_of(table, errors))
    # One COPY for some thousand rows: those of the whole file are never in memory at once.
    while chunk := list(islice(parcels, CHUNK)):
        if not errors:
            write_lines(bill.pk, map(unjudged, chunk))
    if errors:
        raise _Mistakes
    return sums


def locked_bill(
    bill_id: int, work: Work, *, states: Collection[FreightBillState] = (FreightBillState.OPEN,)
) -> FreightBill:
    """A bill in one of these states, locked beside all others of its courier.

    Raises FreightBillUnknown, FreightBillNotOpen.
    """
    carrier_id = FreightBill.objects.filter(pk=bill_id).values_list("carrier_id", flat=True).first()
    if carrier_id is None:
        raise FreightBillUnknown(bill_id=bill_id)
    lock_courier(carrier_id)
    bill = work.lock(FreightBill, [bill_id])[bill_id]
    if bill.state not in states:
        raise FreightBillNotOpen(bill_id=bill_id, state=str(bill.state))
    return bill


def lock_courier(carrier_id: int) -> None:
    """One import or check of a courier at a time, until the transaction ends: bills look at each other's lines."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('fulfillment.freight'), %s)", [carrier_id])


def _keep_layout(carrier_id: int, table: BillTable) -> None:
    columns = dict(table.columns)
    layout = FreightLayout.objects.select_for_update().filter(carrier=carrier_id).first()
    if layout is None:
        FreightLayout.objects.create(carrier_id=carrier_id, columns=columns)
    elif layout.columns != columns:
        layout.columns = columns
        layout.save()


def first_rows(parcels: Iterable[BilledParcel], most: int) -> Sequence[BilledParcel]:
    """The first of these; the others are read as well, and let go."""
    found: list[BilledParcel] = []
    for parcel in parcels:
        if len(found) < most:
            found.append(parcel)
    return found
