"""What a warehouse says about a delivery order on its way: how far it is, what it lacks, that it will not ship."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fulfillment.errors import ShipmentUnknown
from fulfillment.models import Shipment, ShipmentLine
from fulfillment.services.dispatching import reject_shipments
from fulfillment.services.leaving_warehouse import after_stop
from fulfillment.services.rejected import tell_rejected
from fulfillment.services.silence import close_silent
from fulfillment.states import ShipmentState
from fulfillment.wms.goods_documents import ItemLack, OrderProcess
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult
from ordercenter.events.types import ShipmentProgressed
from ordercenter.orders import services as orders_services
from ordercenter.orders.models import Order
from ordercenter.orders.services.holding import Finding
from ordercenter.workflow import services as workflow

# Words for a delivery order that will not leave, whatever was said before.
WILL_NOT_SHIP = ("REJECT", "CANCELED", "CLOSED", "EXCEPTION")
_GOES_ON_AT = "fulfillment.send_to_wms"


def reject_after_all(*, reasons: Mapping[str, str], work: Work | None = None, actor: Actor = SYSTEM) -> list[Shipment]:
    """Warehouses that had accepted these delivery orders will not ship them. reasons: delivery order number -> why.

    The shipments are rejected, their orders keep their goods and are held with a case: solved, the same delivery order
    goes again; or the order ships from elsewhere, or is cancelled. One that is being stopped has its stop's answer
    with it. Returns the shipments that were rejected. Emits ShipmentRejected.
    """
    with unit_of_work(work, actor=actor) as work:
        lines = ShipmentLine.objects.filter(shipment__code__in=reasons).values_list("shipment_id", "order_id")
        pairs = sorted(set(lines))
        orders = work.lock(Order, {order_id for _, order_id in pairs})
        shipments = work.lock(Shipment, {shipment_id for shipment_id, _ in pairs})
        late = {
            pk: reasons[shipment.code]
            for pk, shipment in shipments.items()
            if shipment.state in (ShipmentState.DISPATCHED, ShipmentState.ACCEPTED)
        }
        stopped = [pk for pk, shipment in shipments.items() if shipment.state == ShipmentState.INTERCEPTING]
        if stopped:
            after_stop(answers=dict.fromkeys(stopped, True), work=work)
        reject_shipments(reasons=late, work=work)
        concerned = sorted({order_id for shipment_id, order_id in pairs if shipment_id in late})
        if concerned:
            subjects = [f"order:{pk}" for pk in concerned]
            workflow.rewind(subjects=subjects, use=_GOES_ON_AT, code="COMMAND_REFUSED", work=work)
            by_order = {order_id: shipments[pk] for pk, order_id in pairs if pk in late}
            orders_services.hold_orders(
                findings={
                    pk: [
                        Finding(
                            "WMS_REJECTED",
                            {"shipment": by_order[pk].code, "reason": late[by_order[pk].pk], "was_accepted": True},
                        )
                    ]
                    for pk in concerned
                    if pk in orders
                },
                work=work,
            )
            tell_rejected(order_ids=concerned, work=work)
        return [shipments[pk] for pk in late]


def take_lacks(*, lacks: Sequence[ItemLack], work: Work | None = None, actor: Actor = SYSTEM) -> BatchResult:
    """Goods that a warehouse does not find for delivery orders: a case each, before the parcel is short.

    done: the shipments; refused: ShipmentUnknown. A shipment that has left already has said itself what is missing.
    """
    result = BatchResult()
    with unit_of_work(work, actor=actor) as work:
        codes = {lack.delivery_order_code for lack in lacks}
        shipments = {s.code: s for s in Shipment.objects.filter(code__in=codes)}
        drafts = []
        for lack in lacks:
            shipment = shipments.get(lack.delivery_order_code)
            if shipment is None:
                result.refuse(lack, ShipmentUnknown(number=lack.delivery_order_code))
                continue
            result.done.append(shipment)
            if shipment.state in (ShipmentState.DISPATCHED, ShipmentState.ACCEPTED):
                drafts.append(_lack(shipment, lack))
        cases.open_cases(drafts=drafts, work=work)
        close_silent(shipment_ids=[shipment.pk for shipment in result.done], work=work)
    return result


def take_progress(*, reports: Sequence[OrderProcess], work: Work | None = None, actor: Actor = SYSTEM) -> BatchResult:
    """How far delivery orders are inside a warehouse, for the timeline; nothing is decided by it.

    done: the shipments. Refused: ShipmentUnknown. Emits ShipmentProgressed.
    """
    result = BatchResult()
    with unit_of_work(work, actor=actor) as work:
        codes = {report.order_code for report in reports}
        shipments = {s.code: s for s in Shipment.objects.filter(code__in=codes)}
        owners: dict[int, set[int]] = {}
        rows = ShipmentLine.objects.filter(shipment__in=shipments.values()).values_list("shipment_id", "order_id")
        for shipment_id, order_id in rows:
            owners.setdefault(shipment_id, set()).add(order_id)
        for report in reports:
            shipment = shipments.get(report.order_code)
            if shipment is None:
                result.refuse(report, ShipmentUnknown(number=report.order_code))
                continue
            work.record(
                ShipmentProgressed(
                    shipment_id=shipment.pk,
                    order_ids=tuple(sorted(owners.get(shipment.pk, ()))),
                    status=report.status[:32],
                )
            )
            result.done.append(shipment)
        close_silent(shipment_ids=[shipment.pk for shipment in result.done], work=work)
    return result


def _lack(shipment: Shipment, lack: ItemLack) -> CaseDraft:
    return CaseDraft(
        code="SHORT_PICK",
        subject=f"shipment:{shipment.pk}",
        shop_id=shipment.shop_id,
        warehouse_id=shipment.warehouse_id,
        reference=shipment.code,
        evidence={
            "lines": [{"sku": code, "missing": pieces, "reason": why[:80]} for code, pieces, why in lack.lines],
        },
    )
