"""Counters of stores: which send, how late, what waits, and how their shifts ended."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from ordercenter.common.scope import scope_of
from ordercenter.console.pages import page
from ordercenter.console.selectors import counters as selectors

VIEW = "channels_sync.view_counter"


@page(VIEW)
def counter_list(request: HttpRequest) -> HttpResponse:
    """All counters of the reader's shops."""
    now = timezone.now()
    rows = selectors.rows_of(list(selectors.counters_in_scope(scope_of(request))), now=now)
    return render(request, "console/counters.html", {"rows": rows, "now": now, "place": "counters"})


@page(VIEW)
def counter_detail(request: HttpRequest, counter_id: int) -> HttpResponse:
    """One counter: its shifts, and its documents as they came."""
    counter = selectors.counters_in_scope(scope_of(request)).filter(pk=counter_id).first()
    if counter is None:
        raise Http404
    now = timezone.now()
    (row,) = selectors.rows_of([counter], now=now)
    only_waiting = request.GET.get("show") == "waiting"
    sales, came, went = selectors.takings_of(counter, now=now)
    context = {
        "row": row,
        "counter": counter,
        "now": now,
        "shifts": selectors.shifts_of(counter),
        "documents": selectors.documents_of(counter, waiting=only_waiting),
        "only_waiting": only_waiting,
        "sales": sales,
        "came": came,
        "went": went,
        "place": "counters",
    }
    return render(request, "console/counter.html", context)
