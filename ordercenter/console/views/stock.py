"""The stock pool: every SKU with its sums, and one SKU with all that is promised, coming and offered of it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from ordercenter.common.scope import scope_of
from ordercenter.console.pages import page
from ordercenter.console.selectors import stock_pool as selectors
from ordercenter.inventory.services.promising import SHANGHAI


@page("inventory.view_stocklevel")
def stock_list(request: HttpRequest) -> HttpResponse:
    """SKUs with stock in the reader's warehouses; q narrows them. Keyset paged by `after`, a code."""
    text, after = request.GET.get("q", "").strip()[:64], request.GET.get("after", "")[:64]
    skus = selectors.skus_with_stock(scope_of(request), text)
    if after:
        skus = skus.filter(code__gt=after)
    rows = list(skus[: selectors.LIST_ROWS + 1])
    more = len(rows) > selectors.LIST_ROWS
    rows = rows[: selectors.LIST_ROWS]
    context = {
        "rows": [(sku, sku.on_hand - sku.reserved - sku.allocated - sku.set_aside) for sku in rows],
        "after": rows[-1].code if more else "",
        "place": "stock",
    }
    return render(request, "console/stock_list.html", context)


@page("inventory.view_stocklevel")
def stock_detail(request: HttpRequest, sku_id: int) -> HttpResponse:
    """One SKU."""
    scope = scope_of(request)
    sku = selectors.skus_with_stock(scope, "").filter(pk=sku_id).first()
    if sku is None:
        raise Http404
    pool = selectors.stock_pool(sku, scope, today=timezone.now().astimezone(SHANGHAI).date())
    context = {
        "pool": pool,
        "sku": sku,
        "size": (selectors.WIDTH, selectors.HEIGHT, selectors.HEIGHT - selectors.EDGE),
        "place": "stock",
    }
    return render(request, "console/stock.html", context)
