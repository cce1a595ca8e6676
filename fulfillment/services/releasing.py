"""Handing over what was held back for a wave, and letting go what waited for a warehouse to open or to have room."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.utils import timezone

from fulfillment.models import Shipment, ShipmentLine
from fulfillment.services.planning import planned_shipments
from fulfillment.services.routing_world import current_world
from fulfillment.states import ShipmentState
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases.models import Case
from ordercenter.events.types import OrderReleaseDue
from ordercenter.orders import services as orders_services
from ordercenter.orders.models import Hold

RELEASED_AT_ONCE = 500


def awaiting_release(*, order_ids: Collection[int], work: Work) -> set[int]:
    """Those of these orders that have a planned shipment which is held back still.

    No statement for orders that were planned in this unit of work.
    """
    fresh = planned_shipments(work)
    waiting = {
        pk for pk in order_ids if any(s.release_at is not None and s.release_at > work.at for s in fresh.get(pk, ()))
    }
    earlier = [pk for pk in order_ids if pk not in fresh]
    if earlier:
        rows = ShipmentLine.objects.filter(
            order_id__any_of=earlier, shipment__state=ShipmentState.PLANNED, shipment__release_at__gt=work.at
        )
        waiting |= set(rows.values_list("order_id", flat=True))
    return waiting


def release_due(*, at: datetime | None = None, limit: int = RELEASED_AT_ONCE) -> int:
    """Tell the orders whose wave has come, so that their flows hand them over; returns how many shipments that were.

    Emits OrderReleaseDue once for each order: the shipment's time is taken off with it. At most `limit` shipments in
    one transaction; called again until nothing is due.
    """
    now = at or timezone.now()
    with unit_of_work(at=now) as work:
        due = Shipment.objects.filter(state=ShipmentState.PLANNED, release_at__lte=now).order_by("release_at", "pk")
        ids = list(due.values_list("pk", flat=True)[:limit])
        shipments = {
            pk: row
            for pk, row in work.lock(Shipment, ids).items()
            if row.state == ShipmentState.PLANNED and row.release_at is not None and row.release_at <= now
        }
        orders = ShipmentLine.objects.filter(shipment_id__any_of=list(shipments)).values_list("order_id", flat=True)
        for shipment in shipments.values():
            shipment.release_at = None
            work.save(shipment, "release_at")
        for order_id in sorted(set(orders)):
            work.record(OrderReleaseDue(order_id=order_id))
        return len(ids)


def release_reopened(*, at: datetime | None = None) -> int:
    """Let orders go that waited for a closed or full warehouse: where it is open again, and on the next day.

    Returns how many; their flows run the routing anew. An order that still finds no way waits again.
    """
    now = at or timezone.now()
    world = current_world()
    today = timezone.localdate(now)
    open_holds = Hold.objects.filter(code__in=["WAREHOUSE_CLOSED", "CAPACITY_FULL"], released_at__isnull=True)
    rows = list(open_holds.values_list("order_id", "code", "case_id", "opened_at"))
    if not rows:
        return 0
    evidence = dict(Case.objects.filter(pk__in=[case_id for _, _, case_id, _ in rows]).values_list("pk", "evidence"))
    shut = {world.warehouse_codes[pk] for pk, days in world.calendars.items() if days.closing_at(now) is not None}
    free = set()
    for order_id, code, case_id, opened_at in rows:
        waits_for = (evidence.get(case_id or 0) or {}).get("warehouse")
        if code == "WAREHOUSE_CLOSED" and waits_for not in shut:
            free.add(order_id)
        elif code == "CAPACITY_FULL" and timezone.localdate(opened_at) < today:
            free.add(order_id)
    if free:
        orders_services.release_holds(
            order_ids=sorted(free),
            codes=["WAREHOUSE_CLOSED", "CAPACITY_FULL"],
            reason="the warehouse is open again or has room",
            accepted=False,
            at=now,
        )
    return len(free)
