"""Handing shipments to their warehouse, and taking its yes or no."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from fulfillment.models import Shipment, ShipmentLine
from fulfillment.services.own_house import own_warehouses
from fulfillment.services.planning import orders_in, planned_shipments
from fulfillment.states import WAREHOUSE_DOUBTS, ShipmentState
from ordercenter.audit.work import Work
from ordercenter.common.batch import BatchResult
from ordercenter.common.fsm import TransitionRefused
from ordercenter.events.retrying import send_again
from ordercenter.events.types import ShipmentAccepted, ShipmentDispatched, ShipmentRejected, ShipmentSentAgain
from ordercenter.orders.models import Hold

CREATE_KIND = "qimen.deliveryorder.create"
CANCEL_KIND = "qimen.order.cancel"
_NOT_TO_SEND = (ShipmentState.PLANNED, ShipmentState.CANCELLED)


@dataclass
class Dispatched(BatchResult):
    """done: order ids with a command on its way. taken: orders whose shipments the warehouse has taken on already."""

    taken: list[int] = field(default_factory=list)


def dispatch_shipments(*, order_ids: Collection[int], flow_runs: Mapping[int, int], work: Work) -> Dispatched:
    """Write the command to the warehouse for every planned shipment of these orders; it leaves after the commit.

    A shipment of several orders goes once; all of them wait for its answer. An own warehouse has no system to send to:
    its people find the shipment among those that wait for a wave, so it counts as accepted at once. Done once more for
    an order whose command was refused or given up, the same command goes again, under the same number. flow_runs:
    order id -> the run that waits for the answer. Refused: TransitionRefused for an order that has no shipment to
    send. Emits ShipmentDispatched, ShipmentAccepted, ShipmentSentAgain.
    """
    result = Dispatched()
    planned = _planned(work, order_ids)
    own = own_warehouses(work)
    stuck = _send_again(work, [pk for pk, shipments in planned.items() if not shipments], flow_runs)
    for order_id, shipments in planned.items():
        if not shipments:
            if order_id not in stuck:
                error = TransitionRefused(machine="shipment", pk=order_id, state="none", move="dispatch")
                result.refuse(order_id, error)
            else:
                (result.done if stuck[order_id] else result.taken).append(order_id)
            continue
        for shipment in shipments:
            # With a sibling that travels in it, it may have gone a moment ago.
            if shipment.state == ShipmentState.PLANNED:
                _hand_over(work, shipment, order_id, flow_runs.get(order_id))
        all_own = all(shipment.warehouse_id in own for shipment in shipments)
        (result.taken if all_own else result.done).append(order_id)
    return result


def _hand_over(work: Work, shipment: Shipment, order_id: int, flow_run_id: int | None) -> None:
    order_ids = orders_in(work).get(shipment.id, (order_id,))
    shipment.dispatch()
    shipment.dispatched_at = work.at
    work.save(shipment, "dispatched_at")
    work.record(ShipmentDispatched(shipment_id=shipment.id, order_ids=order_ids), because=f"order:{order_id}")
    if shipment.warehouse_id in own_warehouses(work):
        shipment.accept()
        work.record(ShipmentAccepted(shipment_id=shipment.id), because=f"order:{order_id}")
        return
    payload: dict[str, Any] = {"shipment_id": shipment.id, "order_id": order_id}
    if len(order_ids) > 1:
        # Only one run can be named in a command: those of the others are woken by fulfilment itself.
        payload["order_ids"] = list(order_ids)
    work.command(
        kind=CREATE_KIND,
        target=f"warehouse:{shipment.warehouse_id}",
        subject=f"shipment:{shipment.id}",
        key=_key(shipment),
        payload=payload,
        because=f"order:{order_id}",
        flow_run_id=flow_run_id,
    )


def accept_shipments(*, refs: Mapping[int, str], work: Work) -> None:
    """The warehouse has taken these shipments on. refs: shipment id -> its number there. Emits ShipmentAccepted.

    One that it had rejected before was sent again: its yes counts like the first one's.
    """
    for shipment in work.lock(Shipment, list(refs)).values():
        if shipment.state == ShipmentState.REJECTED:
            _hand_over_again(work, shipment)
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


def _send_again(work: Work, order_ids: Collection[int], flow_runs: Mapping[int, int]) -> dict[int, bool]:
    """By order that was handed over before, whether a command is on its way again; False: the warehouse has it all.

    Orders that share a shipment with one of these wait for no person any more. Three statements and one more where
    there are such, or none when there is no order that was handed over. Emits ShipmentSentAgain.
    """
    if not order_ids:
        return {}
    rows = Shipment.objects.filter(lines__order_id__in=order_ids).exclude(state__in=_NOT_TO_SEND)
    pairs = sorted(
        set(ShipmentLine.objects.filter(shipment__in=rows.values("pk")).values_list("shipment_id", "order_id"))
    )
    shipments = work.lock(Shipment, {pk for pk, _ in pairs})
    unanswered = [
        (shipments[pk], order_id)
        for pk, order_id in pairs
        if shipments[pk].state in (ShipmentState.REJECTED, ShipmentState.DISPATCHED)
    ]
    runs = {_key(shipment): flow_runs[order_id] for shipment, order_id in unanswered if order_id in flow_runs}
    # A command that was done meanwhile is left alone: the warehouse's yes is on its way to the shipment.
    sent = send_again({_key(shipment): runs.get(_key(shipment)) for shipment, _order_id in unanswered})
    on_its_way = {order_id: False for _, order_id in pairs if order_id in order_ids}
    for shipment, order_id in unanswered:
        if _key(shipment) in sent and order_id in on_its_way:
            on_its_way[order_id] = True
            if shipment.state == ShipmentState.REJECTED:
                _hand_over_again(work, shipment)
    _tell_companions(work, [(s, pk) for s, pk in unanswered if _key(s) in sent and pk not in on_its_way])
    return on_its_way


def _tell_companions(work: Work, companions: Collection[tuple[Shipment, int]]) -> None:
    """What was sent again is theirs, too: their doubts end in a transaction of their own. To take their orders here,
    after others' shipments, would be out of turn. One statement, or none.
    """
    if not companions:
        return
    doubts = Hold.objects.filter(
        order_id__in={pk for _, pk in companions}, code__in=WAREHOUSE_DOUBTS, released_at__isnull=True
    )
    cases = dict(doubts.values_list("case_id", "order_id"))
    by_shipment: dict[int, set[int]] = defaultdict(set)
    for shipment, order_id in companions:
        by_shipment[shipment.pk].add(order_id)
    for shipment_id, order_ids in by_shipment.items():
        mine = sorted(case_id for case_id, order_id in cases.items() if case_id and order_id in order_ids)
        if mine:
            work.record(
                ShipmentSentAgain(shipment_id=shipment_id, order_ids=tuple(sorted(order_ids)), case_ids=tuple(mine))
            )


def _hand_over_again(work: Work, shipment: Shipment) -> None:
    shipment.plan_again()
    shipment.dispatch()
    shipment.dispatched_at = work.at
    work.save(shipment, "dispatched_at")


def _key(shipment: Shipment) -> str:
    return f"{CREATE_KIND}:{shipment.code}"


def _planned(work: Work, order_ids: Collection[int]) -> dict[int, list[Shipment]]:
    """Planned shipments by order: those of this unit of work, else those in the database."""
    fresh = planned_shipments(work)
    known = {pk: [s for s in fresh.get(pk, ()) if s.state != ShipmentState.CANCELLED] for pk in order_ids}
    missing = [pk for pk, shipments in known.items() if not shipments]
    if missing:
        rows = Shipment.objects.filter(lines__order_id__in=missing, state=ShipmentState.PLANNED)
        pairs = sorted(
            set(ShipmentLine.objects.filter(shipment__in=rows.values("pk")).values_list("shipment_id", "order_id"))
        )
        locked = work.lock(Shipment, {pk for pk, _ in pairs})
        for shipment_id, order_id in pairs:
            if locked[shipment_id].state == ShipmentState.PLANNED:
                orders_in(work)[shipment_id] = (*orders_in(work).get(shipment_id, ()), order_id)
                if order_id in known:
                    known[order_id].append(locked[shipment_id])
    return known


def _members(shipments: QuerySet[Shipment]) -> list[tuple[int, int]]:
    """(shipment, order) for every order that has a part in one of these shipments. One statement."""
    lines = ShipmentLine.objects.filter(shipment__in=shipments.values("pk"))
    return sorted(set(lines.values_list("shipment_id", "order_id")))
