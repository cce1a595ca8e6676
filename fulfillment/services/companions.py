"""Orders that share a shipment, or have several: what happens to one of them, and to the others."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db.models import Count

from fulfillment.models import Shipment, ShipmentLine
from fulfillment.services.anew import set_back
from fulfillment.services.dispatching import CREATE_KIND
from fulfillment.services.rejected import tell_rejected
from fulfillment.services.stopping import route_stopped_anew, stop_shipments
from fulfillment.states import IN_WAREHOUSE, STOPPABLE
from ordercenter.audit.work import Work
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.types import CommandAnswered
from ordercenter.orders import services as orders_services
from ordercenter.orders.models import Order
from ordercenter.orders.services.holding import Finding
from ordercenter.workflow import engine
from ordercenter.workflow import services as workflow
from ordercenter.workflow.errors import CommandDead, CommandRefused
from ordercenter.workflow.locking import lock_runs
from ordercenter.workflow.models import FlowRun, RunStatus
from ordercenter.workflow.plan import Answer

_REFUSAL = {"refused": "WMS_REJECTED", "dead": "WMS_SILENT"}


def let_companions_go_on(*, answers: Sequence[tuple[OutgoingCommand, CommandAnswered]], work: Work) -> None:
    """The warehouse answered about a shipment of several orders: the runs of all of them go on.

    A command names one run, which the flows wake themselves; these are the others. No statement where each shipment
    has one order.
    """
    by_subject: dict[str, CommandAnswered] = {}
    named = set()
    for command, event in answers:
        order_ids = command.payload.get("order_ids", ()) if event.kind == CREATE_KIND else ()
        by_subject.update((f"order:{pk}", event) for pk in order_ids)
        named.add(event.flow_run_id)
    if not by_subject:
        return
    waiting = FlowRun.objects.filter(subject__any_of=list(by_subject), status=RunStatus.WAITING, waits_for="command")
    runs = lock_runs(waiting.exclude(pk__in=[pk for pk in named if pk is not None]), work)
    still = [r for r in runs if r.status == RunStatus.WAITING and r.waits_for == "command"]
    engine.go_on(still, {r.pk: Answer("", (), error=_error(by_subject[r.subject])) for r in still}, work)


def hold_refused_parts(*, answers: Sequence[tuple[OutgoingCommand, CommandAnswered]], work: Work) -> None:
    """Of an order in several shipments one was refused after its run had gone on with the answer about another: the
    order is held, and sends that one again when it is let go. No statement when nothing was refused.
    """
    refused = {
        event.flow_run_id: (int(command.payload["order_id"]), event.outcome)
        for command, event in answers
        if event.kind == CREATE_KIND and event.outcome in _REFUSAL and event.flow_run_id is not None
    }
    if not refused:
        return
    gone_on = FlowRun.objects.filter(pk__in=list(refused), status=RunStatus.DONE).values_list("pk", flat=True)
    late = {refused[pk][0]: _REFUSAL[refused[pk][1]] for pk in gone_on}
    if late:
        subjects = [f"order:{pk}" for pk in late]
        workflow.rewind(subjects=subjects, use="fulfillment.send_to_wms", code="WMS_REJECTED", work=work)
        orders_services.hold_orders(findings={pk: [Finding(code)] for pk, code in late.items()}, work=work)
        tell_rejected(order_ids=list(late), work=work)


def take_out(*, order_ids: Collection[int], reason: str, work: Work) -> None:
    """Take these orders out of the shipments that they share: at once, or when the warehouse has stopped them."""
    if order_ids:
        stop_shipments(order_ids=order_ids, reason=reason, work=work)
        set_back(order_ids=route_stopped_anew(order_ids=order_ids, work=work), work=work)


def held_in_company(order_ids: Collection[int]) -> list[int]:
    """Those of these orders that share a shipment which could still be stopped. One statement."""
    shared = (
        ShipmentLine.objects.filter(shipment__state__in=STOPPABLE, shipment__lines__order_id__in=order_ids)
        .values("shipment_id")
        .annotate(orders=Count("order_id", distinct=True))
        .filter(orders__gt=1)
        .values("shipment_id")
    )
    mine = ShipmentLine.objects.filter(shipment_id__in=shared, order_id__in=order_ids)
    return sorted(set(mine.values_list("order_id", flat=True)))


def follow_priority(*, order_ids: Collection[int], work: Work) -> None:
    """Shipments of these orders that are still in the house take on the highest priority among their orders."""
    theirs = ShipmentLine.objects.filter(order_id__in=order_ids, shipment__state__in=IN_WAREHOUSE)
    pairs = set(
        ShipmentLine.objects.filter(shipment_id__in=theirs.values("shipment_id")).values_list("shipment_id", "order_id")
    )
    orders = work.lock(Order, {order_id for _, order_id in pairs})
    for shipment in work.lock(Shipment, {shipment_id for shipment_id, _ in pairs}).values():
        highest = max(orders[order_id].priority for shipment_id, order_id in pairs if shipment_id == shipment.pk)
        if highest != shipment.priority and shipment.state in IN_WAREHOUSE:
            shipment.priority = highest
            work.save(shipment, "priority")


def _error(event: CommandAnswered) -> CommandDead | CommandRefused | None:
    if event.outcome == "done":
        return None
    failed = CommandDead if event.outcome == "dead" else CommandRefused
    return failed(outcome=event.outcome, kind=event.kind, reason=event.error_code)
