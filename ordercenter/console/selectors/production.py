"""What is made: resources with their calendars, ways of making, and the pieces that are being made."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta

from ordercenter.common.scope import Scope
from ordercenter.inventory.models import (
    CapacityDay,
    Component,
    ProductionOrder,
    ProductionResource,
    ProductionRoute,
)
from ordercenter.orders.models import Order

DAYS = 14
MOST = 200


@dataclass(frozen=True)
class DayShown:
    """One day of a resource. percent: of its minutes that are taken; None where the day has no minutes."""

    day: date
    minutes: int
    used: int

    @property
    def percent(self) -> int | None:
        return None if not self.minutes else round(100 * self.used / self.minutes)


@dataclass(frozen=True)
class Making:
    """A production order, with the order that waits for it when the reader may see it."""

    production: ProductionOrder
    order: Order | None


@dataclass(frozen=True)
class Workshop:
    """All of the page."""

    days: list[date]
    resources: list[tuple[ProductionResource, list[DayShown]]]
    ways: list[tuple[ProductionRoute, list[Component]]]
    orders: list[Making]
    done: list[Making]


def workshop(scope: Scope, *, today: date) -> Workshop:
    """Resources, ways and production orders of the reader's warehouses. Seven statements."""
    days = [today + timedelta(n) for n in range(DAYS)]
    resources = list(
        scope.narrow(ProductionResource.objects.select_related("warehouse"), warehouse="warehouse_id").order_by("code")
    )
    calendar: dict[int, dict[date, CapacityDay]] = defaultdict(dict)
    for row in CapacityDay.objects.filter(resource__in=resources, day__gte=days[0], day__lte=days[-1]):
        calendar[row.resource_id][row.day] = row
    ways = list(
        ProductionRoute.objects.filter(resource__in=resources)
        .select_related("sku", "resource")
        .order_by("sku__code")[:MOST]
    )
    parts: dict[int, list[Component]] = defaultdict(list)
    for component in Component.objects.filter(route__in=ways).select_related("part").order_by("part__code"):
        parts[component.route_id].append(component)
    orders = ProductionOrder.objects.filter(resource__in=resources).select_related("sku", "resource")
    planned = list(orders.filter(state="planned").order_by("ready_on", "pk")[:MOST])
    done = list(orders.exclude(state="planned").order_by("-ended_at", "-pk")[:20])
    seen = scope.narrow(
        Order.objects.filter(pk__in={p.order_id for p in (*planned, *done) if p.order_id}), shop="shop_id"
    ).in_bulk()
    return Workshop(
        days=days,
        resources=[(r, [_shown(calendar[r.pk].get(day), day) for day in days]) for r in resources],
        ways=[(way, parts[way.pk]) for way in ways],
        orders=[Making(p, seen.get(p.order_id or 0)) for p in planned],
        done=[Making(p, seen.get(p.order_id or 0)) for p in done],
    )


def _shown(row: CapacityDay | None, day: date) -> DayShown:
    return DayShown(day, row.minutes, row.used) if row is not None else DayShown(day, 0, 0)
