"""Handing shipments to their warehouse, and taking its yes or no."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from fulfillment.models import Shipment
from fulfillment.services.planning import planned_shipments
from fulfillment.states import ShipmentState
from ordercenter.audit.work import Work
from ordercenter.common.batch import BatchResult
from ordercenter.common.fsm import TransitionRefused
from ordercenter.events.types import ShipmentAccepted, ShipmentDispatched, ShipmentRejected

CREATE_KIND = "qimen.deliveryorder.create"
CANCEL_KIND = "qimen.order.cancel"


def dispatch_shipments(*, order_ids: Collection[int], flow_runs: Mapping[int, int], work: Work) -> BatchResult:
    """Write the command to the warehouse for every planned shipment of these orders; it leaves after the commit.

    flow_runs: order id -> the run that waits for the answer. done: order ids with at least one shipment on its way.
    Refused: TransitionRefused for an order without a planned shipment. Emits ShipmentDispatched.
    """
    result = BatchResult()
    for order_id, shipments in _planned(work, order_ids).items():
        if not shipments:
            result.refuse(order_id, TransitionRefused(machine="shipment", pk=order_id, state="none", move="dispatch"))
            continue
        for shipment in shipments:
            shipment.dispatch()
            shipment.dispatched_at = work.at
            work.save(shipment, "dispatched_at")
            work.command(
                kind=CREATE_KIND,
                target=f"warehouse:{shipment.warehouse_id}",
                subject=f"shipment:{shipment.id}",
                key=f"{CREATE_KIND}:{shipment.code}",
                payload={"shipment_id": shipment.id, "order_id": order_id},
                because=f"order:{order_id}",
                flow_run_id=flow_runs.get(order_id),
            )
            work.record(ShipmentDispatched(shipment_id=shipment.id, order_ids=(order_id,)), because=f"order:{order_id}")
        result.done.append(order_id)
    return result


def accept_shipments(*, refs: Mapping[int, str], work: Work) -> None:
    """The warehouse has taken these shipments on. refs: shipment id -> its number there. Emits ShipmentAccepted."""
    for shipment in work.lock(Shipment, list(refs)).values():
        # The parcel may have been faster than the answer to the order that asked for it.
        if shipment.state != ShipmentState.DISPATCHED:
            continue
        shipment.accept()
        shipment.warehouse_ref = refs[shipment.id][:64] or shipment.warehouse_ref
        work.save(shipment, "warehouse_ref")
        work.record(ShipmentAccepted(shipment_id=shipment.id))


def reject_shipments(*, reasons: Mapping[int, str], work: Work) -> None:
    """The warehouse will not take these shipments on. reasons: shipment id -> why. Emits ShipmentRejected."""
    for shipment in work.lock(Shipment, list(reasons)).values():
        if shipment.state not in (ShipmentState.DISPATCHED, ShipmentState.ACCEPTED):
            continue
        shipment.reject()
        work.save(shipment)
        work.record(ShipmentRejected(shipment_id=shipment.id, reason=reasons[shipment.id][:200]))


def _planned(work: Work, order_ids: Collection[int]) -> dict[int, list[Shipment]]:
    """Planned shipments by order: those of this unit of work, else those in the database."""
    fresh = planned_shipments(work)
    planned = {pk: [s for s in fresh.get(pk, ()) if s.state == ShipmentState.PLANNED] for pk in order_ids}
    missing = [pk for pk, shipments in planned.items() if not shipments]
    if missing:
        rows = Shipment.objects.filter(lines__order_id__in=missing, state=ShipmentState.PLANNED).distinct()
        pairs = set(rows.values_list("pk", "lines__order_id"))
        locked = work.lock(Shipment, {pk for pk, _ in pairs})
        for shipment_id, order_id in sorted(pairs):
            if order_id in planned and locked[shipment_id].state == ShipmentState.PLANNED:
                planned[order_id].append(locked[shipment_id])
    return planned
