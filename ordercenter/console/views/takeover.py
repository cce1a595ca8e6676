"""Giving an urgent order the goods of less urgent ones by hand: who would give, and why it is done."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from fulfillment.errors import TAKEOVER_PROBLEMS
from fulfillment.services import preview_takeover, take_over_stock
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import actor_of
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import scope_of
from ordercenter.console.pages import page
from ordercenter.console.selectors.order_page import order_in_scope
from ordercenter.inventory.models import StockTakeover, Warehouse


@page("orders.view_order", "inventory.take_over_stock")
def takeover(request: HttpRequest, order_id: int) -> HttpResponse:
    """GET: who would give what. POST: do it, for the reason given."""
    scope = scope_of(request)
    order = order_in_scope(order_id, scope)
    if order is None:
        raise Http404
    if request.method == "POST":
        reason = request.POST.get("reason", "").strip()[:200]
        try:
            done = take_over_stock(
                order_id=order.pk,
                reason=reason,
                actor=actor_of(request),
                shop_ids=scope.shop_ids,
                at=timezone.now(),
            )
        except OrderCenterError as error:
            messages.error(request, error.sentence())
            return redirect("console:order-takeover", order.pk)
        pieces = sum(sum(giver.pieces.values()) for giver in done.givers)
        messages.success(request, _("The order has got its goods: %(pieces)s pieces of others.") % {"pieces": pieces})
        return redirect("console:order", order.pk)
    preview = preview_takeover(order_id=order.pk, shop_ids=scope.shop_ids)
    skus = Sku.objects.in_bulk({*preview.promised, *(s for giver in preview.givers for s, _w in giver.pieces)})
    houses = Warehouse.objects.in_bulk({w for giver in preview.givers for _s, w in giver.pieces})
    context = {
        "order": order,
        "problem": TAKEOVER_PROBLEMS.get(preview.problem, ""),
        "givers": [
            (
                giver.order,
                [(skus[sku], houses[warehouse], pieces) for (sku, warehouse), pieces in sorted(giver.pieces.items())],
            )
            for giver in preview.givers
        ],
        "goods": [
            (skus[sku_id], pieces, preview.allowances.get(sku_id))
            for sku_id, pieces in sorted(preview.promised.items())
        ],
        "earlier": StockTakeover.objects.filter(taker_order_id=order.pk).select_related("sku", "warehouse", "by"),
        "place": "orders",
    }
    return render(request, "console/order_takeover.html", context)
