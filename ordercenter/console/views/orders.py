"""Orders: a short list with search, and the page of one order with its way in time."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from channels_sync.live_models import LiveSession
from finance.services import excess_of
from ordercenter.audit.steps import possible_steps
from ordercenter.catalog.models import Shop
from ordercenter.common.scope import Scope, scope_of
from ordercenter.console.pages import page, whole_number
from ordercenter.console.selectors.live import orders_sold_in, sessions_of_order, sessions_to_filter_by
from ordercenter.console.selectors.order_page import order_in_scope, order_page
from ordercenter.console.selectors.order_parcels import parcel_view
from ordercenter.console.selectors.timeline import START, Cursor, story_of_order
from ordercenter.orders.models import Order
from ordercenter.orders.priority_words import priority_words
from ordercenter.orders.search import search_orders
from ordercenter.orders.states import PAYABLE, OrderState

LIST_ROWS = 50
VIEW_SESSION = "channels_sync.view_livesession"
KINDS = ("fact", "state", "record", "deed", "case", "command")


@page("orders.view_order")
def order_list(request: HttpRequest) -> HttpResponse:
    """Newest orders first; q, state, shop, live (a session) and held narrow them. Keyset paged by `before`."""
    scope = scope_of(request)
    shops = scope.narrow(Shop.objects.order_by("code"), shop="pk")
    orders = search_orders(scope.narrow(Order.objects.all(), shop="shop_id"), request.GET.get("q", ""))
    state = request.GET.get("state", "")
    shop_id, before = (whole_number(request.GET.get(name, "")) for name in ("shop", "before"))
    if state in OrderState.values:
        orders = orders.filter(state=state)
    if shop_id is not None:
        orders = orders.filter(shop_id=shop_id)
    sessions, session = _sessions(request, scope)
    if session is not None:
        orders = orders.filter(pk__in=orders_sold_in(session))
    elif request.GET.get("live"):
        orders = orders.none()
    if request.GET.get("held"):
        orders = orders.filter(is_on_hold=True)
    if before is not None:
        orders = orders.filter(pk__lt=before)
    rows = list(orders.select_related("shop").order_by("-pk")[: LIST_ROWS + 1])
    context = {
        "orders": rows[:LIST_ROWS],
        "older": rows[LIST_ROWS - 1].pk if len(rows) > LIST_ROWS else None,
        "shops": shops,
        "sessions": sessions,
        "states": OrderState.choices,
        "place": "orders",
    }
    return render(request, "console/orders.html", context)


@page("orders.view_order")
def order_detail(request: HttpRequest, order_id: int) -> HttpResponse:
    """One order with everything around it and its timeline."""
    order = order_in_scope(order_id, scope_of(request))
    if order is None:
        raise Http404
    shown = order_page(order)
    may_see_sessions = request.user.has_perm(VIEW_SESSION)
    sessions = list(sessions_of_order(order.pk, scope_of(request))) if may_see_sessions else []
    waits = order.state in PAYABLE
    books = excess_of(order) if waits and order.is_on_hold else None
    context = {
        "page": shown,
        "order": order,
        "story": story_of_order(
            order,
            shown.shipment_ids,
            parcel_ids=shown.parcel_ids,
            waybill_ids=shown.waybill_ids,
            after=_cursor(request),
            kind=request.GET.get("kind", ""),
        ),
        "parcels": parcel_view(order, shown.lines, shown.shipments, shown.open_cases),
        "sessions": sessions,
        "priority_reasons": priority_words(order),
        "kinds": KINDS,
        "steps": possible_steps(request.user, order),
        "waits_for_money": waits,
        "books": books,
        "is_overpaid": books is not None and bool(books.amount),
        "steps_url": reverse("admin:orders_order_steps", args=[order.pk]),
        "place": "orders",
    }
    # The button for the next page asks for the following lines only.
    template = "console/order.html" if not request.htmx else "console/_timeline.html"  # type: ignore[attr-defined]
    return render(request, template, context)


def _sessions(request: HttpRequest, scope: Scope) -> tuple[list[LiveSession], LiveSession | None]:
    """The live-stream sessions to choose from, and the one that is chosen; none for whoever may not see sessions."""
    if not request.user.has_perm(VIEW_SESSION):
        return [], None
    chosen = whole_number(request.GET.get("live", ""))
    sessions = sessions_to_filter_by(scope, chosen=chosen)
    return sessions, next((session for session in sessions if session.pk == chosen), None)


def _cursor(request: HttpRequest) -> Cursor:
    return Cursor.parse(request.GET.get("after", "")) or START
