"""Why an order ships from where it does, and saying it by hand."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from fulfillment.models import RoutingPin
from fulfillment.routing.explain import Explanation, Row
from fulfillment.routing.rule_document import POLICIES
from fulfillment.services.explaining import explained_decisions
from fulfillment.services.pinning import pin_order, unpin_order
from ordercenter.common.actor import actor_of
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import scope_of
from ordercenter.console.pages import back_to, page
from ordercenter.console.selectors.order_page import order_in_scope
from ordercenter.inventory.models import Warehouse
from ordercenter.orders.models import Order
from ordercenter.orders.states import CLOSED_STATES

BAR_WIDTH = 240


@dataclass(frozen=True)
class Piece:
    """One part of a bar, in its units: where it begins, how long it is, what it stands for."""

    x: int
    width: int
    code: str
    title: str


@page("orders.view_order", "fulfillment.view_shipment")
def explainer(request: HttpRequest, order_id: int) -> HttpResponse:
    """Every decision about one order, the latest first, with what was looked at."""
    order = _order(request, order_id)
    decisions = [
        (each, [(row, bar_of(row, each.explanation)) for row in each.explanation.rows])
        for each in explained_decisions(order)
    ]
    scope = scope_of(request)
    context = {
        "order": order,
        "decisions": decisions,
        "pin": RoutingPin.objects.filter(order=order, ended_at__isnull=True).select_related("warehouse").first(),
        "warehouses": scope.narrow(Warehouse.objects.filter(is_open=True).order_by("code"), warehouse="pk"),
        # Of what has ended nothing leaves any more.
        "may_pin": request.user.has_perm("fulfillment.pin_order") and order.state not in CLOSED_STATES,
        "bar_width": BAR_WIDTH,
        "place": "orders",
    }
    return render(request, "console/order_routing.html", context)


@require_POST
@page("orders.view_order", "fulfillment.pin_order")
def pin(request: HttpRequest, order_id: int) -> HttpResponse:
    """Pin an order to a warehouse, or take the pin back where none is named."""
    order = _order(request, order_id)
    reason = request.POST.get("reason", "").strip()[:200]
    chosen = request.POST.get("warehouse", "")
    scope = scope_of(request)
    try:
        if not chosen:
            unpin_order(order_id=order.pk, reason=reason, actor=actor_of(request), at=timezone.now())
            messages.success(request, _("The pin is taken back."))
        else:
            here = scope.narrow(Warehouse.objects.filter(is_open=True), warehouse="pk")
            warehouse_id = next((pk for pk in here.values_list("pk", flat=True) if str(pk) == chosen), None)
            policy = request.POST.get("policy", "")
            if warehouse_id is None or policy not in POLICIES:
                raise Http404
            pin_order(
                order_id=order.pk,
                warehouse_id=warehouse_id,
                policy=policy,
                reason=reason,
                actor=actor_of(request),
                at=timezone.now(),
            )
            messages.success(request, _("The order is pinned to this warehouse."))
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    return back_to(request, reverse("console:order-routing", args=[order.pk]))


def bar_of(row: Row, explanation: Explanation) -> list[Piece]:
    """The bar of a candidate: its cost terms one after the other, to the scale of the dearest."""
    pieces, at = [], 0
    for term in row.terms:
        width = round(max(term.fen, 0) * BAR_WIDTH / explanation.most_fen)
        if width:
            pieces.append(Piece(at, width, term.code, f"{term.label} ¥{term.fen / 100:.2f}"))
            at += width
    return pieces


def _order(request: HttpRequest, order_id: int) -> Order:
    order = order_in_scope(order_id, scope_of(request))
    if order is None:
        raise Http404
    return order
