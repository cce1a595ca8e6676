"""Made to order: minutes are booked with the order, and what is made arrives like any supply."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

from django.db import connection

from ordercenter.audit.work import Work, unit_of_work
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult
from ordercenter.common.ids import new_ids
from ordercenter.inventory.errors import CapacityBooked, StockWouldBeNegative
from ordercenter.inventory.formulas import Making
from ordercenter.inventory.models import (
    CapacityDay,
    CapacityUse,
    Component,
    ProductionOrder,
    ProductionResource,
    ProductionRoute,
    Supply,
    SupplyClaim,
)
from ordercenter.inventory.services.levels import lock_levels
from ordercenter.inventory.services.moving import Movement, move_stock
from ordercenter.inventory.services.supplying import (
    Arrived,
    Expected,
    cancel_supplies,
    expect_supplies,
    receive_supplies,
)
from ordercenter.inventory.states import MovementReason, ProductionState, SupplyKind, SupplyState

_PLAN = """
INSERT INTO inventory_capacityday (resource_id, day, minutes, used)
SELECT %s, d, %s, 0 FROM unnest(%s::date[]) AS v(d) ORDER BY d
ON CONFLICT (resource_id, day) DO UPDATE SET minutes = EXCLUDED.minutes
WHERE inventory_capacityday.used <= EXCLUDED.minutes
RETURNING day
"""


def plan_capacity(*, resource_id: int, days: Collection[date], minutes: int) -> BatchResult:
    """Give a resource so many minutes on each of these days. done: days; refused with CapacityBooked where more is
    booked already.
    """
    result = BatchResult()
    with connection.cursor() as cursor:
        cursor.execute(_PLAN, [resource_id, minutes, sorted(days)])
        done = {row[0] for row in cursor.fetchall()}
    for day in sorted(days):
        if day in done:
            result.done.append(day)
        else:
            result.refuse(day, CapacityBooked(day=day))
    return result


def book_production(
    *,
    route: ProductionRoute,
    resource: ProductionResource,
    components: Sequence[Component],
    making: Making,
    quantity: int,
    order_id: int | None,
    line_id: int | None,
    days: Mapping[date, CapacityDay],
    work: Work,
    key: str | None = None,
) -> ProductionOrder:
    """Take the minutes that were found for these pieces, and promise the parts they need.

    days: the resource's days, locked by the caller, who found the minutes on them. The pieces are expected in the
    resource's warehouse from the day they are ready. key: of the wish to make them, once only.
    """
    (pk,) = new_ids(ProductionOrder, 1)
    order = ProductionOrder(
        pk=pk,
        sku_id=route.sku_id,
        resource_id=resource.pk,
        quantity=quantity,
        order_id=order_id,
        line_id=line_id,
        key=key,
        ready_on=making.ready_on,
        parts={str(c.part_id): c.quantity * quantity for c in components},
        created_at=work.at,
    )
    work.add([order])
    for day, minutes in making.minutes:
        days[day].used += minutes
        work.save(days[day], "used")
    work.add(
        [CapacityUse(production_id=pk, capacity_id=days[day].pk, minutes=minutes) for day, minutes in making.minutes]
    )
    begins = making.minutes[0][0]
    work.add(
        [
            SupplyClaim(
                sku_id=c.part_id,
                quantity=c.quantity * quantity,
                promised_on=begins,
                basis="production",
                production_id=pk,
                made_at=work.at,
            )
            for c in components
        ]
    )
    coming = Expected(SupplyKind.PRODUCTION, f"PO{pk}", route.sku_id, resource.warehouse_id, quantity, making.ready_on)
    expect_supplies(expected=[coming], work=work)
    return order


def finish_production(
    *, production_ids: Collection[int], at: datetime | None = None, actor: Actor = SYSTEM, work: Work | None = None
) -> BatchResult:
    """The pieces are made: their parts are used up, they lie in the warehouse, orders that wait for them go on.

    done: production orders, also those that were made before. Refused with StockWouldBeNegative where the parts are not
    there: nothing of that order is booked. Emits StockReplenished and SupplyChanged.
    """
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor) as work:
        orders = work.lock(ProductionOrder, production_ids)
        planned = [o for o in orders.values() if o.state == ProductionState.PLANNED]
        result.done.extend(o for o in orders.values() if o.state == ProductionState.DONE)
        parts = _parts_of(planned)
        houses = dict(ProductionResource.objects.values_list("pk", "warehouse_id"))
        skus = {o.sku_id for o in planned} | {part for needs in parts.values() for part in needs}
        levels = lock_levels(sku_ids=skus, work=work)
        for order in planned:
            house = houses[order.resource_id]
            needs = parts[order.pk]
            short = [part for part, n in needs.items() if (part, house) not in levels or levels[part, house].free < n]
            if short:
                error = StockWouldBeNegative(sku_id=short[0], warehouse_id=house, delta=-needs[short[0]])
                result.refuse(order.pk, error)
                continue
            ref = f"PO{order.pk}"
            used = [
                Movement(part, house, -n, MovementReason.COMPONENT, ref, f"{ref}:part:{part}")
                for part, n in needs.items()
            ]
            move_stock(movements=used, work=work).raise_first()
            order.finish()
            order.ended_at = work.at
            work.save(order, "ended_at")
            result.done.append(order)
        made = [
            Arrived(SupplyKind.PRODUCTION, f"PO{o.pk}", o.sku_id, houses[o.resource_id], o.quantity, f"PO{o.pk}:made")
            for o in planned
            if o.state == ProductionState.DONE
        ]
        receive_supplies(arrived=made, work=work).raise_first()
        done = [o.pk for o in planned if o.state == ProductionState.DONE]
        SupplyClaim.objects.filter(production_id__in=done, line_id__isnull=True).delete()
    return result


def cancel_production(*, line_ids: Collection[int], work: Work) -> list[int]:
    """Nobody needs these lines' pieces any more: what is not made is not made, its minutes and parts are free."""
    rows = ProductionOrder.objects.filter(line_id__in=line_ids, state=ProductionState.PLANNED)
    orders = work.lock(ProductionOrder, list(rows.values_list("pk", flat=True)))
    return call_off([o for o in orders.values() if o.state == ProductionState.PLANNED], work=work)


def call_off(planned: Sequence[ProductionOrder], *, work: Work) -> list[int]:
    """These planned orders, locked in the work, are not made; what they had booked is free. Emits SupplyChanged."""
    if not planned:
        return []
    ids = [o.pk for o in planned]
    uses = list(CapacityUse.objects.filter(production_id__in=ids))
    days = work.lock(CapacityDay, {use.capacity_id for use in uses})
    for use in uses:
        days[use.capacity_id].used -= use.minutes
        work.save(days[use.capacity_id], "used")
    for order in planned:
        order.cancel()
        order.ended_at = work.at
        work.save(order, "ended_at")
    SupplyClaim.objects.filter(production_id__in=ids, line_id__isnull=True).delete()
    coming = Supply.objects.filter(kind=SupplyKind.PRODUCTION, ref__in=[f"PO{pk}" for pk in ids])
    coming = coming.filter(state=SupplyState.COMING)
    cancel_supplies(supply_ids=list(coming.values_list("pk", flat=True)), work=work)
    return ids


def _parts_of(orders: Sequence[ProductionOrder]) -> dict[int, dict[int, int]]:
    """By production order, what it takes of each part: as it was planned; by today's recipe where that was not kept."""
    old = [o for o in orders if o.parts is None]
    recipes: dict[int, dict[int, int]] = defaultdict(dict)
    rows = Component.objects.filter(route__sku_id__in={o.sku_id for o in old})
    for sku_id, part_id, quantity in rows.values_list("route__sku_id", "part_id", "quantity") if old else ():
        recipes[sku_id][part_id] = quantity
    kept = {o.pk: {int(part): int(n) for part, n in o.parts.items()} for o in orders if o.parts is not None}
    return kept | {o.pk: {part: n * o.quantity for part, n in recipes[o.sku_id].items()} for o in old}
