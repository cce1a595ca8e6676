"""Which own warehouse a page of the floor is about: the one asked for, else that of last time."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from ordercenter.common.scope import scope_of
from ordercenter.console.selectors import floor as selectors
from ordercenter.inventory.models import Warehouse

WORK, PLAN, POST = "fulfillment.work_floor", "fulfillment.plan_wave", "fulfillment.post_count"
COOKIE = "oc_floor"


def warehouses_of(request: HttpRequest) -> list[Warehouse]:
    return list(selectors.own_warehouses(scope_of(request)))


def warehouse_of(request: HttpRequest) -> Warehouse | None:
    """The one asked for, the one of last time, or the first of the reader's own warehouses."""
    known = {str(w.pk): w for w in warehouses_of(request)}
    asked = request.POST.get("warehouse") or request.GET.get("warehouse")
    if asked and asked not in known:
        raise PermissionDenied
    return known.get(asked or request.COOKIES.get(COOKIE, "")) or next(iter(known.values()), None)


def needed_warehouse(request: HttpRequest) -> Warehouse:
    here = warehouse_of(request)
    if here is None:
        raise PermissionDenied
    return here


def remembered(response: HttpResponse, here: Warehouse | None) -> HttpResponse:
    if here is not None:
        response.set_cookie(COOKIE, str(here.pk), max_age=30 * 24 * 3600, samesite="Lax", httponly=True)
    return response
