"""Counters for their pages: when they last sent, how late their documents come, what waits, how shifts ended."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Max, Q, QuerySet, Sum

from channels_sync.counter_models import Counter, CounterDocument, CounterShift
from channels_sync.states import DocumentKind, DocumentState
from ordercenter.common.money import ZERO
from ordercenter.common.scope import Scope

SHOWN = 50
WINDOW = timedelta(days=1)
# A counter that is open sends every few minutes when its line is well.
SILENT = timedelta(hours=2)


@dataclass(frozen=True)
class CounterRow:
    """One counter. lag: from happening to being here, of the documents of a day; difference: of its last shift."""

    counter: Counter
    documents: int
    waiting: int
    lag: timedelta | None
    worst_lag: timedelta | None
    shift: CounterShift | None
    is_silent: bool


def counters_in_scope(scope: Scope) -> QuerySet[Counter]:
    """By store and code."""
    counters = Counter.objects.select_related("shop", "store").order_by("store__name", "code")
    return scope.narrow(counters, shop="shop_id")


def rows_of(counters: Collection[Counter], *, now: datetime) -> list[CounterRow]:
    """How these counters stand. Three statements."""
    ids = [counter.pk for counter in counters]
    late = ExpressionWrapper(F("received_at") - F("business_at"), output_field=DurationField())
    of_late = CounterDocument.objects.filter(counter_id__in=ids, received_at__gt=now - WINDOW)
    lags: dict[int, dict[str, Any]] = {
        row["counter_id"]: row
        for row in of_late.values("counter_id").annotate(n=Count("pk"), lag=Avg(late), worst=Max(late))
    }
    waiting = dict(
        CounterDocument.objects.filter(counter_id__in=ids, state=DocumentState.WAITING)
        .values_list("counter_id")
        .annotate(n=Count("pk"))
    )
    shifts = CounterShift.objects.filter(counter_id__in=ids).order_by("counter_id", "-closed_at").distinct("counter_id")
    last = {shift.counter_id: shift for shift in shifts}
    return [_row(counter, lags.get(counter.pk, {}), waiting, last, now) for counter in counters]


def _row(
    counter: Counter, lag: dict[str, Any], waiting: dict[int, int], last: dict[int, CounterShift], now: datetime
) -> CounterRow:
    is_silent = counter.is_active and (counter.last_batch_at is None or now - counter.last_batch_at > SILENT)
    return CounterRow(
        counter,
        lag.get("n", 0),
        waiting.get(counter.pk, 0),
        lag.get("lag"),
        lag.get("worst"),
        last.get(counter.pk),
        is_silent,
    )


def shifts_of(counter: Counter) -> list[CounterShift]:
    """The last shifts, newest first."""
    return list(counter.shifts.order_by("-closed_at")[:SHOWN])


def documents_of(counter: Counter, *, waiting: bool) -> list[CounterDocument]:
    """The last documents as they came, newest first, or those that wait."""
    rows = counter.documents.order_by("-pk")
    if waiting:
        rows = rows.filter(state=DocumentState.WAITING)
    return list(rows[:SHOWN])


def takings_of(counter: Counter, *, now: datetime) -> tuple[int, Decimal, Decimal]:
    """Sales of the last day, and the cash that sales brought and returns took."""
    rows = counter.documents.filter(business_at__gt=now - WINDOW)
    sums = rows.aggregate(
        sales=Count("pk", filter=Q(kind=DocumentKind.SALE)),
        came=Sum("cash", filter=Q(kind=DocumentKind.SALE)),
        went=Sum("cash", filter=Q(kind=DocumentKind.RETURN)),
    )
    return sums["sales"], sums["came"] or ZERO, -(sums["went"] or ZERO)
