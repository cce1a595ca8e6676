"""What can be sold before it is there: what comes and is promised to nobody, and what can still be made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, timedelta

from django.db.models import F, Sum

from ordercenter.inventory.formulas import makeable_pieces
from ordercenter.inventory.models import (
    CapacityDay,
    Component,
    ProductionRoute,
    StockLevel,
    StockPolicy,
    Supply,
    SupplyClaim,
)
from ordercenter.inventory.states import StockSource, SupplyState, WarehouseKind

_MADE = (StockSource.MADE_TO_ORDER, StockSource.STOCK_OR_MADE)


def what_will_be_there(sku_ids: Collection[int], *, today: date) -> dict[int, int]:
    """Pieces that may be sold beyond what lies there, of those of these SKUs that do not come from stock alone.

    A pre-sale: what is coming less what is promised of it, also below zero. Made to order: that, and as many pieces as
    the free minutes of the calendar and the parts make. Goods that share a workshop may each be sold up to all of its
    minutes: whoever sells first lowers the other's number. One statement where nothing is sold ahead, else six.
    """
    policies = StockPolicy.objects.filter(sku_id__in=sku_ids).exclude(source=StockSource.STOCK)
    sources = dict(policies.values_list("sku_id", "source"))
    if not sources:
        return {}
    made = {sku_id for sku_id, source in sources.items() if source in _MADE}
    routes = ProductionRoute.objects.filter(
        sku_id__in=made, is_active=True, resource__is_active=True, resource__warehouse__is_open=True
    )
    ways = {route.sku_id: route for route in routes}
    parts: dict[int, list[tuple[int, int]]] = defaultdict(list)
    rows = Component.objects.filter(route__in=ways.values())
    for sku_id, part_id, n in rows.values_list("route__sku_id", "part_id", "quantity"):
        parts[sku_id].append((part_id, n))
    needed = {part_id for group in parts.values() for part_id, _n in group}
    coming = _coming({*sources, *needed})
    lying = _lying(needed) if needed else {}
    minutes = _free_minutes(ways, today) if ways else {}
    answer = {sku_id: coming.get(sku_id, 0) for sku_id in sources}
    for sku_id, route in ways.items():
        answer[sku_id] += makeable_pieces(
            free_minutes=minutes.get(sku_id, 0),
            minutes_per_unit=route.minutes_per_unit,
            parts=[(lying.get(part, 0) + coming.get(part, 0), n) for part, n in parts[sku_id]],
        )
    return answer


def _coming(sku_ids: Collection[int]) -> dict[int, int]:
    """What has not arrived, less what waits for it."""
    open_ones = Supply.objects.filter(sku_id__in=sku_ids, state=SupplyState.COMING, warehouse__is_open=True)
    rows = open_ones.exclude(warehouse__kind=WarehouseKind.STORE).values_list("sku_id", "quantity", "arrived")
    left: dict[int, int] = defaultdict(int)
    for sku_id, quantity, arrived in rows:
        left[sku_id] += max(0, quantity - arrived)
    claims = SupplyClaim.objects.filter(sku_id__in=sku_ids).values_list("sku_id")
    for sku_id, pieces in claims.annotate(pieces=Sum("quantity")):
        left[sku_id] -= pieces
    return left


def _lying(sku_ids: Collection[int]) -> dict[int, int]:
    free = F("on_hand") - F("reserved") - F("allocated") - F("set_aside") - F("safety")
    rows = StockLevel.objects.filter(sku_id__in=sku_ids, warehouse__is_open=True)
    return dict(rows.exclude(warehouse__kind=WarehouseKind.STORE).values_list("sku_id").annotate(pieces=Sum(free)))


def _free_minutes(ways: Mapping[int, ProductionRoute], today: date) -> dict[int, int]:
    """By SKU: what its workshop has left from the first day on which it could begin."""
    days = CapacityDay.objects.filter(resource_id__in={way.resource_id for way in ways.values()}, day__gte=today)
    free: dict[int, list[tuple[date, int]]] = defaultdict(list)
    for resource_id, day, minutes, used in days.values_list("resource_id", "day", "minutes", "used"):
        free[resource_id].append((day, minutes - used))
    return {
        sku_id: sum(n for day, n in free[way.resource_id] if day >= today + timedelta(days=way.setup_days))
        for sku_id, way in ways.items()
    }
