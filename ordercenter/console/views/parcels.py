"""Parcels of an order as a person wants them: out of a shared one, in several, and back."""

from __future__ import annotations

import re

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from channels_sync.renumbering import change_number
from fulfillment import services
from fulfillment.models import Parcel
from ordercenter.common.actor import actor_of
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import scope_of
from ordercenter.console.pages import page, whole_number
from ordercenter.console.selectors.order_page import order_in_scope
from ordercenter.orders.models import Order

ARRANGE = "fulfillment.arrange_parcels"


@require_POST
@page("orders.view_order", ARRANGE)
def unmerge(request: HttpRequest, order_id: int) -> HttpResponse:
    """Take the order out of the parcel that it shares; one click, the reason is optional."""
    order = _order(request, order_id)
    reason = request.POST.get("reason", "").strip()[:200] or _("taken out of the shared parcel on the order's page")
    try:
        services.unmerge_orders(order_ids=[order.pk], reason=reason, actor=actor_of(request)).raise_first()
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    else:
        messages.success(request, _("The order travels by itself; if the warehouse has it, its answer decides."))
    return redirect("console:order", order_id=order.pk)


@require_POST
@page("orders.view_order", ARRANGE)
def renumber(request: HttpRequest, order_id: int, parcel_id: int) -> HttpResponse:
    """Another tracking number for a parcel of the order, with a reason; its channel is told."""
    order = _order(request, order_id)
    if not Parcel.objects.filter(pk=parcel_id, shipment__lines__order_id=order.pk).exists():
        raise Http404
    number = request.POST.get("tracking_no", "").strip()
    reason = request.POST.get("reason", "").strip()[:200]
    if not re.fullmatch(r"[A-Za-z0-9-]{4,64}", number):
        messages.error(request, _("A tracking number has 4 to 64 letters, digits and hyphens."))
        return redirect("console:order", order_id=order.pk)
    try:
        is_told = change_number(parcel_id=parcel_id, tracking_no=number, reason=reason, actor=actor_of(request))
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    else:
        told, untold = _("The number is changed, and its channel is told."), _("The number is changed.")
        messages.success(request, told if is_told else untold)
    return redirect("console:order", order_id=order.pk)


@require_POST
@page("orders.view_order", ARRANGE)
def merge(request: HttpRequest, order_id: int) -> HttpResponse:
    """Let other orders of the buyer, in fields named with, travel with this one in one parcel."""
    order = _order(request, order_id)
    reason = request.POST.get("reason", "").strip()[:200] or _("merged on the order's page")
    chosen = [pk for text in request.POST.getlist("with") if (pk := whole_number(text)) is not None]
    others = [other.pk for pk in chosen if (other := order_in_scope(pk, scope_of(request))) is not None]
    if not others or len(others) < len(request.POST.getlist("with")):
        messages.error(request, _("Choose the orders that shall travel with this one."))
        return redirect("console:order", order_id=order.pk)
    try:
        services.merge_orders(order_ids=[order.pk, *others], reason=reason, actor=actor_of(request))
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    else:
        messages.success(request, _("The orders travel together in one parcel."))
    return redirect("console:order", order_id=order.pk)


@require_POST
@page("orders.view_order", ARRANGE)
def split(request: HttpRequest, order_id: int) -> HttpResponse:
    """Pieces for a second parcel, by line, in fields named line-<id>; none at all undoes the split."""
    order = _order(request, order_id)
    reason = request.POST.get("reason", "").strip()[:200] or _("split on the order's page")
    box = _pieces(request)
    try:
        if box is None:
            messages.error(request, _("Please give whole numbers of pieces."))
        else:
            boxes = [box] if box else []
            services.split_order(order_id=order.pk, boxes=boxes, reason=reason, actor=actor_of(request))
            done = _("The order leaves in two parcels.") if box else _("The order leaves in one parcel again.")
            messages.success(request, done)
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    return redirect("console:order", order_id=order.pk)


def _pieces(request: HttpRequest) -> dict[int, int] | None:
    """Order line id -> pieces; None where a field holds anything but a small whole number."""
    box: dict[int, int] = {}
    for name, text in request.POST.items():
        prefix, _sep, line_id = name.partition("-")
        if prefix != "line":
            continue
        value = str(text).strip() or "0"
        if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in (value, line_id)):
            return None
        if int(value):
            box[int(line_id)] = int(value)
    return box


def _order(request: HttpRequest, order_id: int) -> Order:
    order = order_in_scope(order_id, scope_of(request))
    if order is None:
        raise Http404
    return order
