"""Counts of an own warehouse."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from fulfillment import services
from fulfillment.models import StockCount
from ordercenter.common.actor import actor_of
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import scope_of
from ordercenter.console.pages import back_to, page
from ordercenter.console.selectors import floor as selectors
from ordercenter.console.views.floor_place import (
    PLAN,
    POST,
    WORK,
    needed_warehouse,
    remembered,
    warehouse_of,
    warehouses_of,
)


@page(WORK)
def counts(request: HttpRequest) -> HttpResponse:
    """The counts of a floor; a new one of everything, of a zone, or of some SKUs."""
    here = warehouse_of(request)
    context = {
        "place": "floor",
        "here": here,
        "warehouses": warehouses_of(request),
        "rows": list(selectors.counts_of(here.pk)) if here else [],
        "may_plan": request.user.has_perm(PLAN),
        "tab": "counts",
    }
    return remembered(render(request, "console/counts.html", context), here)


@page(WORK)
def count_detail(request: HttpRequest, count_id: int) -> HttpResponse:
    """One count. Only who posts counts sees what the books say while it is open."""
    count = _count(request, count_id)
    may_post = request.user.has_perm(POST)
    context = {
        "place": "floor",
        "here": count.warehouse,
        "count": count,
        "lines": selectors.count_lines(count),
        "may_post": may_post and count.state == "open",
        "shows_books": may_post or count.state != "open",
        "tab": "counts",
    }
    return render(request, "console/count.html", context)


@require_POST
@page(WORK, PLAN)
def make_count(request: HttpRequest) -> HttpResponse:
    """A new count of a zone, or of everything."""
    here = needed_warehouse(request)
    try:
        count = services.make_count(
            warehouse_id=here.pk,
            zone=request.POST.get("zone", "").strip()[:32],
            reason=request.POST.get("reason", "").strip()[:96],
            actor=actor_of(request),
        )
    except OrderCenterError as error:
        messages.error(request, error.sentence())
        return back_to(request, "console:floor-counts")
    return back_to(request, reverse("console:floor-count", args=[count.pk]))


@require_POST
@page(WORK, POST)
def post_count(request: HttpRequest, count_id: int) -> HttpResponse:
    """The differences into the books, with a reason."""
    count = _count(request, count_id)
    try:
        services.post_count(
            count_id=count.pk, reason=request.POST.get("reason", "").strip()[:200], actor=actor_of(request)
        )
        messages.success(request, _("The differences are in the books."))
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    return back_to(request, reverse("console:floor-count", args=[count.pk]))


def _count(request: HttpRequest, count_id: int) -> StockCount:
    rows = scope_of(request).narrow(StockCount.objects.select_related("warehouse"), warehouse="warehouse_id")
    count = rows.filter(pk=count_id).first()
    if count is None:
        raise Http404
    return count
