"""The stock pool: every SKU with its sums, one SKU with what makes its numbers, its ledger; what shops may offer."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from ordercenter.catalog.models import Sku
from ordercenter.common.scope import scope_of
from ordercenter.console.pages import back_to, page, whole_number
from ordercenter.console.selectors import stock_moves, stock_shares
from ordercenter.console.selectors import stock_pool as selectors
from ordercenter.console.views.stock_steps import ADJUST, RESERVING, SHARE, steps_of
from ordercenter.inventory.scoping import warehouses_of
from ordercenter.inventory.services.promising import SHANGHAI
from ordercenter.inventory.states import Bucket, MovementReason


@page("inventory.view_stocklevel")
def stock_list(request: HttpRequest) -> HttpResponse:
    """SKUs with stock in the reader's warehouses; q, warehouse, short narrow them. Keyset paged by `after`, a code."""
    text, after = request.GET.get("q", "").strip()[:64], request.GET.get("after", "")[:64]
    houses = list(warehouses_of(request.user).order_by("code"))
    chosen = next((w for w in houses if w.code == request.GET.get("warehouse", "")), None)
    skus = selectors.skus_with_stock(
        scope_of(request),
        text,
        warehouse_id=chosen.pk if chosen else 0,
        short_only=request.GET.get("short") == "yes",
    )
    if after:
        skus = skus.filter(code__gt=after)
    rows = list(skus[: selectors.LIST_ROWS + 1])
    more = len(rows) > selectors.LIST_ROWS
    rows = rows[: selectors.LIST_ROWS]
    context = {
        "rows": [(sku, sku.on_hand - sku.reserved - sku.allocated - sku.set_aside) for sku in rows],
        "after": rows[-1].code if more else "",
        "houses": houses,
        "place": "stock",
        "tab": "pool",
    }
    return render(request, "console/stock_list.html", context)


@page("inventory.view_stocklevel")
def stock_detail(request: HttpRequest, sku_id: int) -> HttpResponse:
    """One SKU; holders: a warehouse, whose holders alone are listed."""
    scope = scope_of(request)
    sku = _sku(request, sku_id)
    at = request.GET.get("holders", "")
    pool = selectors.stock_pool(
        sku,
        scope,
        now=timezone.now(),
        today=timezone.now().astimezone(SHANGHAI).date(),
        at_warehouse=whole_number(at) or 0,
    )
    context = {
        "pool": pool,
        "sku": sku,
        "size": (selectors.WIDTH, selectors.HEIGHT, selectors.HEIGHT - selectors.EDGE),
        "steps": steps_of(request.user),
        "may_release": request.user.has_perm(ADJUST),
        "may_share": request.user.has_perm(SHARE),
        "may_see_ledger": request.user.has_perm("inventory.view_stockmovement"),
        "place": "stock",
    }
    return render(request, "console/stock.html", context)


@page("inventory.view_stocklevel", "inventory.view_stockmovement")
def stock_ledger(request: HttpRequest, sku_id: int) -> HttpResponse:
    """The movements of one SKU; warehouse, bucket and reason narrow them. Keyset paged by `before`, a number."""
    sku = _sku(request, sku_id)
    house, before = request.GET.get("warehouse", ""), request.GET.get("before", "")
    bucket, reason = request.GET.get("bucket", ""), request.GET.get("reason", "")
    rows, more = stock_moves.movements(
        sku,
        scope_of(request),
        warehouse_id=whole_number(house) or 0,
        bucket=bucket if bucket in Bucket.values else "",
        reason=reason if reason in MovementReason.values else "",
        before=whole_number(before) or 0,
    )
    context = {
        "sku": sku,
        "rows": rows,
        "before": rows[-1].movement.pk if more else "",
        "houses": list(warehouses_of(request.user).order_by("code")),
        "buckets": Bucket.choices,
        "reasons": MovementReason.choices,
        "house": house,
        "bucket": bucket,
        "reason": reason,
        "place": "stock",
    }
    return render(request, "console/stock_ledger.html", context)


@page("inventory.view_stocklevel", "inventory.view_channelpolicy")
def shares(request: HttpRequest) -> HttpResponse:
    """What each shop may offer, and what is set aside for it; shop narrows."""
    scope = scope_of(request)
    shops = list(stock_shares.shops(scope))
    chosen = next((shop for shop in shops if shop.code == request.GET.get("shop", "")), None)
    shop_id = chosen.pk if chosen else 0
    may_see_reserving = request.user.has_perm("inventory.view_reservepolicy")
    context = {
        "policies": stock_shares.policies(scope, shop_id=shop_id),
        "quotas": stock_shares.quotas(scope, shop_id=shop_id),
        "reserving": stock_shares.reserving(scope, shop_id=shop_id) if may_see_reserving else None,
        "may_reserve": request.user.has_perms(RESERVING),
        "shops": shops,
        "may_share": request.user.has_perm(SHARE),
        "place": "stock",
        "tab": "shares",
    }
    return render(request, "console/stock_shares.html", context)


@page("inventory.view_stocklevel")
def find_step(request: HttpRequest) -> HttpResponse:
    """From a SKU's code to the form of a verb; back to the page it came from where there is no such SKU."""
    verb = request.GET.get("verb", "")
    if verb not in dict(steps_of(request.user)):
        raise PermissionDenied
    sku = Sku.objects.filter(code=request.GET.get("sku", "").strip()[:64], is_bundle=False).first()
    if sku is None:
        messages.error(request, _("There is no such SKU, or it is a bundle, which has no stock of its own."))
        return back_to(request, "console:stock-shares")
    response = HttpResponse(status=303)
    response["Location"] = reverse("console:stock-step", args=[sku.pk, verb])
    return response


def _sku(request: HttpRequest, sku_id: int) -> Sku:
    sku = selectors.skus_with_stock(scope_of(request), "").filter(pk=sku_id).first()
    if sku is None:
        raise Http404
    return sku
