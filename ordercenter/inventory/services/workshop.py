"""What people decide about making things: what makes them, on which days, out of what, and making some for stock."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection

from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import Actor
from ordercenter.common.batch import BatchResult
from ordercenter.inventory.errors import (
    CalendarSenseless,
    CapacityShort,
    PolicyOutOfRange,
    ProductionForOrder,
    ProductionUnknown,
    RouteMissing,
    RouteSenseless,
)
from ordercenter.inventory.formulas import capable_date
from ordercenter.inventory.models import (
    CapacityDay,
    Component,
    ProductionOrder,
    ProductionResource,
    ProductionRoute,
)
from ordercenter.inventory.services.producing import (
    book_production,
    call_off,
    finish_production,
    plan_capacity,
)
from ordercenter.inventory.services.promising import SHANGHAI, timeline_of
from ordercenter.inventory.states import ProductionState

MOST_DAYS = 366
MINUTES_OF_A_DAY = 1440


@dataclass(frozen=True, slots=True)
class Way:
    """How one piece is made. setup_days: before the first minute; lead_days: from the last one to the shelf.

    parts: SKU id -> pieces for one piece.
    """

    resource_id: int
    minutes_per_unit: int
    setup_days: int
    lead_days: int
    parts: Mapping[int, int]
    is_active: bool = True


def plan_days(
    *,
    resource_id: int,
    first: date,
    last: date,
    weekdays: Collection[int],
    minutes: int,
    reason: str,
    at: datetime,
    actor: Actor,
) -> BatchResult:
    """Give a resource so many minutes on these weekdays (0 is Monday) from the first to the last day.

    done: days; refused with CapacityBooked where more is booked already. Raises CalendarSenseless and ReasonMissing.
    Writes the deed "production.calendar".
    """
    span = (last - first).days + 1
    days = (
        [first + timedelta(n) for n in range(span) if (first + timedelta(n)).weekday() in weekdays] if span > 0 else []
    )
    if not days or span > MOST_DAYS or not 0 <= minutes <= MINUTES_OF_A_DAY * 100:
        raise CalendarSenseless(first=first, last=last)
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        result = plan_capacity(resource_id=resource_id, days=days, minutes=minutes)
        details = {"first": str(first), "last": str(last), "minutes": minutes, "days": len(result.done)}
        record_deed(
            work,
            action="production.calendar",
            subject=f"productionresource:{resource_id}",
            reason=reason,
            details=details,
        )
    return result


def set_way(*, sku_id: int, way: Way, reason: str, at: datetime, actor: Actor) -> ProductionRoute:
    """A SKU is made like this from here on; what is being made already stays as it is.

    Raises RouteSenseless, PolicyOutOfRange and ReasonMissing. Writes the deed "production.way".
    """
    ids = [sku_id, *way.parts]
    single = set(Sku.objects.filter(pk__in=ids, is_bundle=False).values_list("pk", flat=True))
    if way.minutes_per_unit < 1 or set(ids) != single or sku_id in way.parts or any(n < 1 for n in way.parts.values()):
        raise RouteSenseless(sku_id=sku_id)
    if not (0 <= way.setup_days <= MOST_DAYS and 0 <= way.lead_days <= MOST_DAYS):
        raise PolicyOutOfRange(field="days")
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(at=at, actor=actor, reason=reason) as work, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('way of making'), %s)", [sku_id % 2**31])
        known = ProductionRoute.objects.filter(sku_id=sku_id).values_list("pk", flat=True)
        route = next(iter(work.lock(ProductionRoute, list(known)).values()), None)
        if route is None:
            route = ProductionRoute(sku_id=sku_id)
            work.add([route])
        else:
            work.save(route, "resource_id", "minutes_per_unit", "setup_days", "lead_days", "is_active")
            Component.objects.filter(route_id=route.pk).delete()
        route.resource_id, route.minutes_per_unit, route.is_active = (
            way.resource_id,
            way.minutes_per_unit,
            way.is_active,
        )
        route.setup_days, route.lead_days = way.setup_days, way.lead_days
        work.add([Component(route_id=route.pk, part_id=pk, quantity=n) for pk, n in sorted(way.parts.items())])
        details = {
            "resource": way.resource_id,
            "minutes": way.minutes_per_unit,
            "parts": {str(pk): n for pk, n in way.parts.items()},
        }
        record_deed(work, action="production.way", subject=f"sku:{sku_id}", reason=reason, details=details)
    return route


def make_to_stock(*, sku_id: int, quantity: int, key: str, reason: str, at: datetime, actor: Actor) -> ProductionOrder:
    """Begin to make pieces that no order has asked for: minutes and parts are booked, the pieces are expected.

    key: the same wish is one production order, however often it is sent. Whoever waits for the SKU may be promised of
    them. Raises RouteMissing, RouteSenseless (fewer than one piece),
    CapacityShort and ReasonMissing. Emits SupplyChanged; writes the deed "production.begin".
    """
    if quantity < 1:
        raise RouteSenseless(sku_id=sku_id)
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(at=at, actor=actor, reason=reason) as work, connection.cursor() as cursor:
        # One promises at a time, as everywhere where minutes and coming pieces are given away.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('promises'), 0)")
        if (known := ProductionOrder.objects.filter(key=key).first()) is not None:
            return known
        today = at.astimezone(SHANGHAI).date()
        routes = ProductionRoute.objects.filter(sku_id=sku_id, is_active=True, resource__is_active=True)
        route = routes.select_related("resource").first()
        if route is None:
            raise RouteMissing(sku_id=sku_id)
        parts = list(Component.objects.filter(route=route).order_by("pk"))
        rows = CapacityDay.objects.filter(resource_id=route.resource_id, day__gte=today).order_by("pk")
        days = {row.day: row for row in rows.select_for_update(of=("self",))}
        work.adopt(CapacityDay, days.values())
        making = capable_date(
            free_minutes={day: row.minutes - row.used for day, row in days.items()},
            pieces=quantity,
            minutes_per_unit=route.minutes_per_unit,
            today=today,
            setup_days=route.setup_days,
            lead_days=route.lead_days,
            components=[(sorted(timeline_of(c.part_id, today=today).items()), c.quantity * quantity) for c in parts],
        )
        if making is None:
            raise CapacityShort(sku_id=sku_id, quantity=quantity)
        order = book_production(
            route=route,
            resource=route.resource,
            components=parts,
            making=making,
            quantity=quantity,
            order_id=None,
            line_id=None,
            days=days,
            key=key,
            work=work,
        )
        details = {"pieces": quantity, "ready_on": str(making.ready_on), "production": order.pk}
        record_deed(work, action="production.begin", subject=f"sku:{sku_id}", reason=reason, details=details)
    return order


def report_made(*, production_ids: Collection[int], reason: str, at: datetime, actor: Actor) -> BatchResult:
    """A person says that these pieces are made; as `finish_production`, with the deed "production.finish"."""
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        result = finish_production(production_ids=production_ids, work=work)
        for order in result.done:
            details = {"production": order.pk, "pieces": order.quantity}
            subject = f"sku:{order.sku_id}"
            record_deed(work, action="production.finish", subject=subject, reason=reason, details=details)
    return result


def stop_production(*, production_id: int, reason: str, at: datetime, actor: Actor) -> ProductionOrder:
    """Pieces for stock will not be made after all: minutes and parts are free again, nothing is expected any more.

    Raises ProductionUnknown (also for one that is made), ProductionForOrder and ReasonMissing. Emits SupplyChanged;
    writes the deed "production.stop".
    """
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        order = work.lock(ProductionOrder, [production_id]).get(production_id)
        if order is None or order.state != ProductionState.PLANNED:
            raise ProductionUnknown(production_id=production_id)
        if order.order_id is not None:
            raise ProductionForOrder(production_id=production_id, order_id=order.order_id)
        call_off([order], work=work)
        details = {"production": order.pk, "pieces": order.quantity}
        record_deed(work, action="production.stop", subject=f"sku:{order.sku_id}", reason=reason, details=details)
    return order


def set_resource(
    *, code: str, name: str, warehouse_id: int, is_active: bool, reason: str, at: datetime, actor: Actor
) -> ProductionResource:
    """A machine, line or workshop, known by its code; what it makes arrives in the warehouse.

    Writes the deed "production.resource". Raises ReasonMissing.
    """
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(at=at, actor=actor, reason=reason) as work, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 12))", [code])
        known = ProductionResource.objects.filter(code=code).values_list("pk", flat=True)
        resource = next(iter(work.lock(ProductionResource, list(known)).values()), None)
        if resource is None:
            resource = ProductionResource(code=code)
            work.add([resource])
        else:
            work.save(resource, "name", "warehouse_id", "is_active")
        resource.name, resource.warehouse_id, resource.is_active = name, warehouse_id, is_active
        subject = f"productionresource:{resource.pk}"
        record_deed(work, action="production.resource", subject=subject, reason=reason, details={"code": code})
    return resource
