"""Stopping shipments whose order was cancelled or is asked back: before hand-over the warehouse's answer decides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from fulfillment.models import Shipment, ShipmentLine
from fulfillment.services.anew import return_to_routing
from fulfillment.services.confirming import ship_so_far
from fulfillment.services.dispatching import CANCEL_KIND
from fulfillment.services.own_house import own_warehouses
from fulfillment.states import IN_HAND, ShipmentState
from ordercenter.audit.work import Work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.events.types import ShipmentCancelled
from ordercenter.inventory import services as inventory
from ordercenter.orders.models import Order
from ordercenter.orders.states import OrderState

_STILL_IN_BINS = (ShipmentState.DISPATCHED, ShipmentState.ACCEPTED, ShipmentState.WAVED)


def stop_shipments(*, order_ids: Collection[int], reason: str, work: Work) -> list[int]:
    """Keep the goods of these orders in the house: what no warehouse has yet is cancelled at once, what a warehouse has
    is asked back, and its answer or the parcel, whichever comes first, decides. Our own people are not asked: what
    still lies in its bins is cancelled at once, what is in hand has to be put back and counts as stopped then.

    Returns the orders whose goods are free at once; stock of the others stays promised until the answer.
    """
    orders = work.lock(Order, order_ids)
    shipments = shipments_of(work, list(orders))
    free: list[int] = []
    own = own_warehouses(work)
    for order in orders.values():
        waiting = False
        for shipment in shipments[order.pk]:
            if shipment.state in (ShipmentState.PLANNED, ShipmentState.REJECTED):
                shipment.cancel()
                work.save(shipment)
                work.record(ShipmentCancelled(shipment_id=shipment.pk, order_ids=(order.pk,)))
            elif shipment.warehouse_id in own and shipment.state in _STILL_IN_BINS:
                _stop_in_bins(shipment)
                work.save(shipment)
                work.record(ShipmentCancelled(shipment_id=shipment.pk, order_ids=(order.pk,)))
            elif shipment.state in IN_HAND:
                shipment.order_back()
                work.save(shipment)
                waiting = True
            elif shipment.state in (ShipmentState.DISPATCHED, ShipmentState.ACCEPTED):
                _ask_back(work, shipment, order, reason)
                waiting = True
            elif shipment.state in (ShipmentState.INTERCEPTING, ShipmentState.TO_PUT_BACK):
                waiting = True
        if not waiting:
            free.append(order.pk)
    return free


def take_stop_answers(*, answers: Mapping[int, bool], work: Work) -> list[int]:
    """The warehouse's answers. answers: shipment id -> whether it stopped it. Returns orders to be routed anew.

    Stopped: the shipment is cancelled and its stock free; an order that lives on goes back to routing (it is on hold,
    and goes on when the hold does). Stopped after a first parcel of several: what left has left, as if the warehouse
    had said so, and the rest is to be decided. Not stopped: the shipment stays on its way and a case says so.
    """
    orders = lock_for_stopping(shipment_ids=list(answers), work=work)
    shipments = work.lock(Shipment, list(answers))
    shipment_lines = work.lock_children(ShipmentLine, "shipment_id", list(shipments))
    stopped: set[int] = set()
    begun: list[Shipment] = []
    for shipment in shipments.values():
        mine = {line.order_id for line in shipment_lines[shipment.pk]}
        if shipment.state not in (ShipmentState.INTERCEPTING, ShipmentState.TO_PUT_BACK):
            # The parcel was faster; what that means for a cancelled order was said when it left.
            continue
        if answers[shipment.pk] and any(line.confirmed for line in shipment_lines[shipment.pk]):
            begun.append(shipment)
        elif answers[shipment.pk]:
            shipment.cancel()
            work.save(shipment)
            work.record(ShipmentCancelled(shipment_id=shipment.pk, order_ids=tuple(sorted(mine))))
            stopped |= mine
        else:
            shipment.resume()
            work.save(shipment)
            cases.open_cases(drafts=[_not_stopped(orders[pk], shipment) for pk in sorted(mine)], work=work)
    ship_so_far(shipments=begun, work=work)
    if stopped:
        inventory.release_reservations(order_ids=stopped, work=work)
    return return_to_routing(orders=[orders[pk] for pk in sorted(stopped)], work=work)


def lock_for_stopping(*, shipment_ids: Collection[int], work: Work) -> dict[int, Order]:
    """The orders of these shipments, locked: before their shipments, as everywhere. None for no shipment."""
    if not shipment_ids:
        return {}
    lines = ShipmentLine.objects.filter(shipment_id__in=shipment_ids).values_list("order_id", flat=True)
    return work.lock(Order, set(lines))


def route_stopped_anew(*, order_ids: Collection[int], work: Work) -> list[int]:
    """Orders in fulfilment whose goods stay in the house for good give their stock back and look for a way anew.

    Returns them; orders at any other place are left alone.
    """
    orders = [o for o in work.lock(Order, order_ids).values() if o.state == OrderState.IN_FULFILLMENT]
    if orders:
        inventory.release_reservations(order_ids=[order.pk for order in orders], work=work)
    return return_to_routing(orders=orders, work=work)


def _stop_in_bins(shipment: Shipment) -> None:
    """Nothing of it has been touched: it is stopped and cancelled in one go."""
    if shipment.state == ShipmentState.WAVED:
        shipment.leave_wave()
    shipment.intercept()
    shipment.cancel()


def _ask_back(work: Work, shipment: Shipment, order: Order, reason: str) -> None:
    shipment.intercept()
    work.save(shipment)
    work.command(
        kind=CANCEL_KIND,
        target=f"warehouse:{shipment.warehouse_id}",
        subject=f"shipment:{shipment.pk}",
        key=f"{CANCEL_KIND}:{shipment.code}:{work.at:%y%m%d%H%M%S%f}",
        payload={"shipment_id": shipment.pk, "reason": reason[:200]},
        because=f"order:{order.pk}",
    )


def shipments_of(work: Work, order_ids: Collection[int]) -> dict[int, list[Shipment]]:
    """The shipments of these orders, locked, by order. Two statements."""
    pairs = set(ShipmentLine.objects.filter(order_id__in=order_ids).values_list("shipment_id", "order_id"))
    locked = work.lock(Shipment, {shipment_id for shipment_id, _ in pairs})
    by_order: dict[int, list[Shipment]] = defaultdict(list)
    for shipment_id, order_id in sorted(pairs):
        by_order[order_id].append(locked[shipment_id])
    return by_order


def _not_stopped(order: Order, shipment: Shipment) -> CaseDraft:
    return CaseDraft(
        code="INTERCEPT_FAILED",
        subject=f"order:{order.pk}",
        shop_id=order.shop_id,
        warehouse_id=shipment.warehouse_id,
        reference=order.channel_order_no,
        money_at_risk=order.total_amount,
        evidence={"shipment": shipment.code},
    )
