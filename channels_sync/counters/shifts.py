"""The ends of shifts: what was counted against what should be there, anew whenever a late document comes."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from decimal import Decimal

from django.db.models import Count, Q, Sum

from channels_sync.counter_models import Counter, CounterDocument, CounterShift
from channels_sync.states import DocumentKind
from ordercenter.audit.work import Work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.common.money import ZERO
from ordercenter.common.rows import new_row

SHIFT_CASE = "SHIFT_DIFFERENCE"
# A counter whose line is bad may be late by hours; after a day somebody should know that documents are missing.
PATIENCE = timedelta(days=1)
Key = tuple[int, str]


def settle_shifts(*, keys: Collection[Key], work: Work) -> list[CounterShift]:
    """Work out these shifts, (counter, number), as far as their ends have come; open or close their cases.

    A difference is one when every document of the shift is here, or when a day has passed. Five statements.
    """
    wanted = {key for key in keys if key[1]}
    ends = _of(CounterDocument.objects.filter(kind=DocumentKind.SHIFT), wanted)
    if not ends:
        return []
    known = {(s.counter_id, s.client_no): s for s in _locked(work, set(ends))}
    sums = _sums(set(ends))
    shifts, fresh = [], []
    for key, end in ends.items():
        shift = known.get(key)
        if shift is None:
            shift = _new(end)
            fresh.append(shift)
        cash, arrived = sums.get(key, (ZERO, 0))
        before = (shift.expected_cash, shift.arrived)
        shift.expected_cash, shift.arrived = shift.opening_cash + shift.moved_cash + cash, arrived
        if shift in fresh or before != (shift.expected_cash, shift.arrived):
            shifts.append(shift)
    work.add(fresh)
    new = {id(shift) for shift in fresh}
    for shift in shifts:
        if id(shift) not in new:
            work.save(shift, "expected_cash", "arrived")
    tell_differences(shifts, work)
    return shifts


def tell_differences(shifts: Collection[CounterShift], work: Work) -> None:
    """A case for each shift whose cash differs, none for those where it does not."""
    counters = Counter.objects.select_related("shop").in_bulk({shift.counter_id for shift in shifts})
    drafts, well = [], []
    for shift in shifts:
        subject = f"countershift:{shift.pk}"
        is_due = shift.is_complete or work.at - shift.closed_at > PATIENCE
        if not is_due:
            continue
        if not shift.difference and shift.is_complete:
            well.append(subject)
            continue
        counter = counters[shift.counter_id]
        drafts.append(
            CaseDraft(
                code=SHIFT_CASE,
                subject=subject,
                shop_id=counter.shop_id,
                warehouse_id=counter.store_id,
                reference=f"{counter.code}/{shift.client_no}",
                money_at_risk=abs(shift.difference),
                evidence={
                    "counted": str(shift.counted_cash),
                    "expected": str(shift.expected_cash),
                    "difference": str(shift.difference),
                    "documents_missing": max(0, shift.documents - shift.arrived),
                },
            )
        )
    cases.open_cases(drafts=drafts, work=work)
    cases.close_cases_of(subjects=well, codes=[SHIFT_CASE], resolution="the cash is right", work=work)


def _of(rows: object, keys: Collection[Key]) -> dict[Key, CounterDocument]:
    numbers = sorted({number for _counter, number in keys})
    counters = {counter for counter, _number in keys}
    if not numbers:
        return {}
    found = rows.filter(counter_id__in=counters, client_no__any_of=numbers)  # type: ignore[attr-defined]
    return {(d.counter_id, d.client_no): d for d in found if (d.counter_id, d.client_no) in keys}


def _locked(work: Work, keys: Collection[Key]) -> list[CounterShift]:
    rows = CounterShift.objects.filter(
        counter_id__in={counter for counter, _n in keys}, client_no__in={number for _c, number in keys}
    ).order_by("pk")
    found = [row for row in rows.select_for_update(of=("self",)) if (row.counter_id, row.client_no) in keys]
    work.adopt(CounterShift, found)
    return found


def _sums(keys: Collection[Key]) -> dict[Key, tuple[Decimal, int]]:
    """Cash and number of the documents of each shift that are here, booked or not: the drawer does not wait."""
    rows = (
        CounterDocument.objects.filter(
            ~Q(kind=DocumentKind.SHIFT),
            counter_id__in={counter for counter, _n in keys},
            shift__in={number for _c, number in keys},
        )
        .values_list("counter_id", "shift")
        .annotate(cash=Sum("cash"), n=Count("pk"))
    )
    return {(counter, shift): (cash or ZERO, n) for counter, shift, cash, n in rows}


def _new(end: CounterDocument) -> CounterShift:
    said = end.said
    return new_row(
        CounterShift,
        counter_id=end.counter_id,
        client_no=end.client_no,
        opened_at=said["opened_at"],
        closed_at=end.business_at,
        opening_cash=Decimal(said["opening_cash"]),
        moved_cash=Decimal(said["cash_in"]) - Decimal(said["cash_out"]),
        counted_cash=Decimal(said["counted_cash"]),
        expected_cash=ZERO,
        documents=said["documents"],
        arrived=0,
    )
