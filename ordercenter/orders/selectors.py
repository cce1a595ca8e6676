"""Reading orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import F, Prefetch, QuerySet

from ordercenter.common.scope import Scope
from ordercenter.orders.errors import OrderUnknown
from ordercenter.orders.models import Hold, Order, OrderLine

_LOOKUPS = {
    "state": "state__in",
    "shop": "shop__code__in",
    "grade": "grade__in",
    "channel_order_no": "channel_order_no",
    "on_hold": "is_on_hold",
    "placed_from": "placed_at__gte",
    "placed_before": "placed_at__lt",
    "paid_from": "paid_at__gte",
    "paid_before": "paid_at__lt",
    "changed_from": "channel_modified_at__gte",
    "changed_before": "channel_modified_at__lt",
}


def orders_matching(filters: Mapping[str, Any], *, scope: Scope) -> QuerySet[Order]:
    """The orders in the scope that all of these filters let through; filters are named as in the API's list."""
    lookups = {lookup: filters[name] for name, lookup in _LOOKUPS.items() if name in filters}
    return scope.narrow(Order.objects.filter(**lookups), shop="shop_id")


def with_details(orders: QuerySet[Order]) -> QuerySet[Order]:
    """Each with `shop_code`, receiver, lines (with `sku_code`, `bundle_code`) and `open_holds`. Two statements more."""
    lines = OrderLine.objects.annotate(sku_code=F("sku__code"), bundle_code=F("bundle__code")).order_by("line_no")
    holds = Hold.objects.filter(released_at__isnull=True).order_by("pk")
    return (
        orders.select_related("contact")
        .annotate(shop_code=F("shop__code"))
        .prefetch_related(Prefetch("lines", lines), Prefetch("holds", holds, to_attr="open_holds"))
    )


def order_in_scope(order_id: int, *, scope: Scope) -> Order:
    """One order with its details. Raises OrderUnknown for one that does not exist or is not in the scope."""
    order = with_details(scope.narrow(Order.objects.filter(pk=order_id), shop="shop_id")).first()
    if order is None:
        raise OrderUnknown(order_id=order_id)
    return order
