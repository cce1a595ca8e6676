"""What fulfilment offers to flows: routing, shipments, the hand-over to the warehouse, the hold of a stopped order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from fulfillment import services
from fulfillment.models import Shipment
from fulfillment.states import WAREHOUSE_DOUBTS, ShipmentState
from ordercenter.audit.work import Work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.events.types import (
    MergeWindowClosed,
    NothingLeftWarehouse,
    OrderRejectedByWarehouse,
    OrderReleaseDue,
    OtherWarehouseWanted,
    ShipmentShipped,
    TakeoverWanted,
    UrgentOrderWaits,
    WarehouseChangeWanted,
    WarehouseSilent,
)
from ordercenter.inventory.errors import StockShort
from ordercenter.orders import services as orders_services
from ordercenter.orders.errors import OrderOnHold
from ordercenter.orders.flow_components import pass_on
from ordercenter.orders.models import Order
from ordercenter.orders.services.holding import Finding
from ordercenter.orders.services.review import NeedsPerson
from ordercenter.orders.states import Grade, OrderState
from ordercenter.workflow.components import StepCall, action, register_subject, register_trigger
from ordercenter.workflow.engine import register_stopper, run_ids
from ordercenter.workflow.fields import Catalogue, Field, FieldType
from ordercenter.workflow.params import ParamSpec, ParamType
from ordercenter.workflow.plan import Failed

FIELDS = Catalogue(
    [
        Field("shipment.state", FieldType.ENUM, _("State"), values=ShipmentState.choices),
        Field("shipment.warehouse", FieldType.REF, _("Warehouse")),
        Field("shipment.carrier", FieldType.REF, _("Carrier")),
        Field("shipment.weight_g", FieldType.NUMBER, _("Weight (g)")),
    ]
)


def load_shipments(ids: Sequence[int], paths: frozenset[str], work: Work) -> dict[int, dict[str, Any]]:
    """The values of these fields for many shipments. One statement."""
    values = {
        pk: {
            "shipment.state": s.state,
            "shipment.warehouse": str(s.warehouse_id),
            "shipment.carrier": str(s.carrier_id),
            "shipment.weight_g": s.weight_g,
        }
        for pk, s in work.lock(Shipment, ids).items()
    }
    return {pk: {path: known.get(path) for path in paths} for pk, known in values.items()}


register_subject("shipment", FIELDS, load_shipments, model=Shipment, place=2)
register_trigger(ShipmentShipped.name, subject="shipment", label=_("Shipment has left"))
register_trigger(OrderReleaseDue.name, subject="order", label=_("Wave or cut-off reached"))
register_trigger(OrderRejectedByWarehouse.name, subject="order", label=_("Rejected by the warehouse"))

register_trigger(WarehouseSilent.name, subject="order", label=_("The warehouse keeps silent"))
register_trigger(
    NothingLeftWarehouse.name,
    subject="order",
    label=_("The warehouse closed the delivery order without shipping"),
)
register_trigger(UrgentOrderWaits.name, subject="order", label=_("An urgent order waits for goods"))
register_trigger(MergeWindowClosed.name, subject="order", label=_("Merge window closed"))


@action(
    use="order.give_gifts",
    subject="order",
    label=_("Give gifts"),
    writes=["lines", "order.line_count", "order.qty_total"],
)
def give_gifts(call: StepCall) -> None:
    result = orders_services.give_gifts(order_ids=call.subjects, work=call.work, free_of=services.free_pieces)
    call.go([order.id for order in result.done])


@action(
    use="order.merge_window",
    subject="order",
    label=_("Wait for other orders of the parcel"),
    ports=["wait"],
    writes=["order.held"],
    emits=["orders.order.held"],
)
def merge_window(call: StepCall) -> None:
    result = services.open_merge_window(order_ids=call.subjects, work=call.work)
    call.go(result.done)
    call.go(result.waiting, "wait")


@action(
    use="routing.reserve_and_assign",
    subject="order",
    label=_("Reserve stock, choose warehouse"),
    errors=[
        "OUT_OF_STOCK",
        "ROUTING_NONE",
        "WAREHOUSE_CLOSED",
        "ROUTING_FORBIDDEN",
        "RULE_UNANSWERED",
        "CAPACITY_FULL",
    ],
    emits=["inventory.stock.reserved"],
    danger=1,
)
def reserve_and_assign(call: StepCall) -> None:
    pass_on(call, services.reserve_and_route(order_ids=call.subjects, work=call.work))


@action(
    use="fulfillment.create_shipment",
    subject="order",
    label=_("Create shipment"),
    errors=["NOTHING_RESERVED", "ON_HOLD", "TRANSITION_REFUSED"],
    writes=["order.state"],
    emits=["fulfillment.shipment.created"],
    danger=1,
)
def create_shipment(call: StepCall) -> None:
    result = services.create_shipments(order_ids=call.subjects, work=call.work)
    refused = {refusal.key for refusal in result.refused}
    call.go([pk for pk in call.subjects if pk not in refused])
    for refusal in result.refused:
        call.refuse(refusal.key, refusal.error)


@action(
    use="fulfillment.wait_for_release",
    subject="order",
    label=_("Wait for the wave"),
    kind="outside",
)
def wait_for_release(call: StepCall) -> None:
    """Orders whose shipments are held back for a wave or cut-off wait for it; all others pass at once."""
    waiting = services.awaiting_release(order_ids=call.subjects, work=call.work)
    call.park([pk for pk in call.subjects if pk in waiting], f"event:{OrderReleaseDue.name}")
    call.go([pk for pk in call.subjects if pk not in waiting])


@action(
    use="fulfillment.send_to_wms",
    subject="order",
    label=_("Send to warehouse"),
    kind="outside",
    errors=["COMMAND_REFUSED", "COMMAND_DEAD", "TRANSITION_REFUSED"],
    emits=["fulfillment.shipment.dispatched"],
    danger=2,
)
def send_to_wms(call: StepCall) -> None:
    result = services.dispatch_shipments(order_ids=call.subjects, flow_runs=run_ids(call.work), work=call.work)
    call.park(result.done, "command")
    call.go(result.taken)
    for refusal in result.refused:
        call.refuse(refusal.key, refusal.error)


@action(
    use="fulfillment.route_elsewhere",
    subject="order",
    label=_("Ship what was rejected from another warehouse"),
    params={
        "times": ParamSpec(ParamType.NUMBER, _("other warehouses at most"), required=False, default=2),
        "stock": ParamSpec(
            ParamType.CHOICE,
            _("stock at the warehouse that rejected it"),
            required=False,
            default="keep",
            values={"keep": _("can be promised again"), "quarantine": _("into quarantine, with a case")},
        ),
    },
    emits=["fulfillment.order.other_warehouse_wanted"],
    danger=2,
)
def route_elsewhere(call: StepCall) -> None:
    """The wish is told as a fact; what comes of it, others of the same parcel included, is a transaction of its own."""
    quarantine = call.params["stock"] == "quarantine"
    for pk in call.subjects:
        call.work.record(OtherWarehouseWanted(order_id=pk, times=call.params["times"], quarantine=quarantine))
    call.go(call.subjects)


@action(
    use="fulfillment.leave_warehouse",
    subject="order",
    label=_("Stop it at its warehouse, then ship from another"),
    emits=["fulfillment.order.warehouse_change_wanted"],
    danger=2,
)
def leave_warehouse(call: StepCall) -> None:
    """The wish is told as a fact. Nothing leaves from elsewhere before the warehouse has said that it stopped it."""
    for pk in call.subjects:
        call.work.record(WarehouseChangeWanted(order_id=pk))
    call.go(call.subjects)


TAKERS = {
    "rush": ((Grade.RUSH,), _("rush orders")),
    "rush_and_vip": ((Grade.RUSH, Grade.VIP), _("rush and VIP orders")),
}


@action(
    use="fulfillment.take_over",
    subject="order",
    label=_("Take reserved goods over from less urgent orders"),
    params={
        "who": ParamSpec(
            ParamType.CHOICE,
            _("who may take"),
            required=False,
            default="rush_and_vip",
            values={code: label for code, (_grades, label) in TAKERS.items()},
        ),
        "pieces": ParamSpec(
            ParamType.NUMBER,
            _("pieces at most for one order (0: as the stock policy of the SKU allows)"),
            required=False,
            default=0,
        ),
    },
    emits=["fulfillment.order.takeover_wanted"],
    danger=2,
)
def take_over(call: StepCall) -> None:
    """The wish is told as a fact: what comes of it locks other orders too, and is a transaction of its own."""
    grades, _label = TAKERS[call.params["who"]]
    for pk in call.subjects:
        call.work.record(TakeoverWanted(order_id=pk, grades=tuple(map(str, grades)), pieces=call.params["pieces"]))
    call.go(call.subjects)


def stop_orders(failures: Mapping[int, Failed], work: Work) -> list[int]:
    """Orders that their flow cannot bring on: each finding becomes a hold with a case.

    Answers with those that were cancelled meanwhile: there is nothing to bring on and nobody to ask.
    """
    orders = work.lock(Order, list(failures))
    cancelled = [pk for pk, order in orders.items() if order.state == OrderState.CANCELLED]
    stopped = {pk: failed for pk, failed in failures.items() if pk not in cancelled}
    short = [pk for pk, failed in stopped.items() if isinstance(failed.error, StockShort)]
    if short:
        orders_services.wait_for_supply(order_ids=short, work=work)
    skus = work.shared.get("skus", {})
    lacking = services.missing_of(work)
    findings = {pk: _findings(failed, skus, lacking.get(pk, ())) for pk, failed in stopped.items()}
    orders_services.hold_orders(findings={pk: found for pk, found in findings.items() if found}, work=work)
    doubtful = [pk for pk, failed in stopped.items() if failed.code in WAREHOUSE_DOUBTS]
    if doubtful:
        services.tell_rejected(order_ids=doubtful, work=work)
    services.tell_silence(order_ids=[pk for pk, failed in stopped.items() if failed.code == "WMS_SILENT"], work=work)
    return cancelled


def _findings(failed: Failed, skus: Mapping[int, Any], lacking: Sequence[services.Missing]) -> list[Finding]:
    error = failed.error
    if isinstance(error, NeedsPerson):
        return error.findings
    if isinstance(error, OrderOnHold):
        # What holds it has its case already; the step runs again when that is solved.
        return []
    if isinstance(error, StockShort):
        codes = sorted(error.missing)
        first = codes[0] if codes else ""
        return [
            Finding(
                failed.code,
                {"skus": codes, **_what_is_missing(lacking, skus)},
                root_cause=f"{failed.code}:{first}"[:160],
                root_title=f"{first} {getattr(skus.get(error.missing.get(first, 0)), 'name', '')}".strip(),
            )
        ]
    return [Finding(failed.code, {"step": failed.node, "error": error.code, **error.evidence()})]


def _what_is_missing(lacking: Sequence[services.Missing], skus: Mapping[int, Any]) -> dict[str, Any]:
    """For the case: how many pieces of what, and from when on the order could leave; null where nothing is coming."""
    if not lacking:
        return {}
    days = [row.earliest for row in lacking]
    return {
        "missing": {skus[row.sku_id].code: row.pieces for row in lacking if row.sku_id in skus},
        "earliest": None if None in days else max(day.isoformat() for day in days if day is not None),
    }


def stop_shipments(failures: Mapping[int, Failed], work: Work) -> list[int]:
    """Shipments that their flow cannot bring on: a case each."""
    shipments = work.lock(Shipment, list(failures))
    cases.open_cases(
        drafts=[
            CaseDraft(
                code=failed.code,
                subject=f"shipment:{pk}",
                shop_id=shipments[pk].shop_id,
                warehouse_id=shipments[pk].warehouse_id,
                reference=shipments[pk].code,
                evidence={"step": failed.node, "error": failed.error.code, **failed.error.evidence()},
                root_cause=f"{failed.code}:{failed.error.evidence().get('reason', '')}"[:160],
            )
            for pk, failed in failures.items()
        ],
        work=work,
    )
    return []


register_stopper("order", stop_orders)
register_stopper("shipment", stop_shipments)
