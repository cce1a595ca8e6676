"""Stopping shipments whose order was cancelled or is asked back: before hand-over the warehouse's answer decides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from fulfillment.models import Shipment, ShipmentLine
from fulfillment.services.assignments import ROUTING, held_until
from fulfillment.services.confirming import ship_so_far
from fulfillment.services.dispatching import CANCEL_KIND, dispatch_shipments
from fulfillment.services.gifts import free_pieces, settle_after_parting
from fulfillment.services.own_house import own_warehouses
from fulfillment.services.planning import create_shipments
from fulfillment.services.taking_out import IN_BASKET, TAKEN_FROM, take_out_of_basket
from fulfillment.states import IN_HAND, ShipmentState
from ordercenter.audit.work import Work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.events.types import OrderReleased, ShipmentCancelled, StockReleased, StockReplenished
from ordercenter.inventory import services as inventory
from ordercenter.orders import services as orders_services
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.services.gifts import gift_rules
from ordercenter.orders.states import OrderState
from ordercenter.workflow import services as workflow

_STILL_IN_BINS = (ShipmentState.DISPATCHED, ShipmentState.ACCEPTED, ShipmentState.WAVED)


def stop_shipments(
    *, order_ids: Collection[int], reason: str, work: Work, only_apart: bool = False, leave_baskets: bool = True
) -> list[int]:
    """Keep the goods of these orders in the house: what no warehouse has yet is cancelled at once, what a warehouse has
    is asked back, and its answer or the parcel, whichever comes first, decides. Our own people are not asked: what
    still lies in its bins is cancelled at once, what is in hand has to be put back and counts as stopped then. Out of a
    basket that others share only the pieces of these orders go (`taking_out`); the others go on, but for a basket of
    which the others' gifts change with that: all of it is put back, and they are planned anew.

    Of an order that lives, what is cancelled at once is to be planned anew (`taken_back`). Orders that share a shipment
    with one of these are planned anew without it, on the goods that they have reserved. only_apart: these are not given
    up either, they are planned anew as well, in shipments of their own. leave_baskets: False where these shall be with
    those who share their basket again, so that all of it is put back. Returns the orders whose goods are free at
    once; stock of the others stays promised until the answer.
    """
    lock_goods(order_ids=order_ids, work=work)
    shipments: Mapping[int, Sequence[Shipment]] = shipments_of(work, list(order_ids))
    orders = work.lock(Order, order_ids)
    own = own_warehouses(work)
    if leave_baskets:
        shipments = _out_of_baskets(work, shipments, order_ids, own)
    cancelled: dict[int, Shipment] = {}
    free: list[int] = []
    for order in orders.values():
        waiting = False
        for shipment in shipments.get(order.pk, ()):
            if _cancel_at_once(shipment, own):
                work.save(shipment)
                cancelled[shipment.pk] = shipment
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
    # The caller gives back all that is promised to a cancelled order whose goods are free.
    done = {pk for pk in free if orders[pk].state == OrderState.CANCELLED}
    asked = set() if only_apart else set(order_ids)
    _take_back(work, list(cancelled.values()), asked=asked, given_back=done)
    return free


def take_stop_answers(*, answers: Mapping[int, bool], work: Work) -> list[int]:
    """The warehouse's answers. answers: shipment id -> whether it stopped it. Returns orders to be routed anew.

    Stopped: the shipment is cancelled and its stock free; an order that lives on goes back to routing (it is on hold,
    and goes on when the hold does). Of several orders in it only those go back that are cancelled or on hold: the
    others are planned anew at once. Stopped after a first parcel of several: what left has left, as if the warehouse
    had said so, and the rest is to be decided. Not stopped: the shipment stays on its way and a case says so.
    """
    orders = lock_for_stopping(shipment_ids=list(answers), work=work)
    shipments = work.lock(Shipment, list(answers))
    # What left and what stays end promises in two steps below.
    inventory.lock_stock_of(order_ids=list(orders), work=work)
    shipment_lines = work.lock_children(ShipmentLine, "shipment_id", list(shipments))
    stopped: list[Shipment] = []
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
            stopped.append(shipment)
        else:
            shipment.resume()
            work.save(shipment)
            unwanted = sorted(pk for pk in mine if len(mine) == 1 or _is_unwanted(orders[pk]))
            cases.open_cases(drafts=[_not_stopped(orders[pk], shipment) for pk in unwanted], work=work)
    ship_so_far(shipments=begun, work=work)
    return _take_back(work, stopped, asked=None)


def give_up_rejected(*, shipments: Collection[Shipment], work: Work) -> None:
    """Shipments that their warehouse rejected are cancelled: their promises end, all their pieces are to be planned
    anew. shipments: locked. Other shipments of their orders stay as they are. Emits ShipmentCancelled.
    """
    for shipment in shipments:
        shipment.cancel()
        work.save(shipment)
    lines = work.lock_children(ShipmentLine, "shipment_id", [shipment.pk for shipment in shipments])
    _take_back(work, list(shipments), asked={line.order_id for group in lines.values() for line in group})


def lock_for_stopping(*, shipment_ids: Collection[int], work: Work) -> dict[int, Order]:
    """The orders of these shipments, locked: before their shipments, as everywhere. None for no shipment."""
    if not shipment_ids:
        return {}
    lines = ShipmentLine.objects.filter(shipment_id__in=shipment_ids).values_list("order_id", flat=True)
    return work.lock(Order, set(lines))


def route_stopped_anew(*, order_ids: Collection[int], work: Work) -> list[int]:
    """Those of these orders whose goods came back in this unit of work: they look for a way anew."""
    return sorted(taken_back(work) & set(order_ids))


def taken_back(work: Work) -> set[int]:
    """Orders that live on and whose goods came back in this unit of work."""
    kept: set[int] = work.shared.setdefault("taken_back", set())
    return kept


def settle_together(*, shipment_ids: Collection[int], work: Work) -> list[int]:
    """Orders share these shipments that were settled apart before: they earn their gifts together now.

    A shipment of which a gift changes is planned anew, while it is planned or waits in the bins of our own house. What
    a warehouse was told of stays as it is, and a gift in it that is not due any more is a case. Returns the shipments
    that were given up. No statement but the one for all versions of rules when there never was a rule.
    """
    if not shipment_ids or not gift_rules(work):
        return []
    orders = lock_for_stopping(shipment_ids=shipment_ids, work=work)
    lock_goods(order_ids=list(orders), work=work)
    shipments = work.lock(Shipment, shipment_ids)
    lines = work.lock_children(ShipmentLine, "shipment_id", list(shipments))
    own = own_warehouses(work)
    changed = []
    for shipment in shipments.values():
        group = sorted({line.order_id for line in lines[shipment.pk]})
        is_free = shipment.state == ShipmentState.PLANNED or (
            shipment.warehouse_id in own and shipment.state in _STILL_IN_BINS
        )
        if len(group) < 2 or not is_free:
            continue
        here = {line.order_line_id for line in lines[shipment.pk]}
        settled = orders_services.settle_gifts(
            groups=[group], reason="merged", work=work, free_of=free_pieces, in_house=here
        )
        if not settled.ended and not settled.given:
            continue
        ended = {line.pk: line.ordered for line in settled.unpromised}
        gone = [inventory.Departure(pk, 0, "gift", shipment.warehouse_id, covered=n) for pk, n in ended.items()]
        inventory.consume_departures(departures=gone, work=work)
        _cancel_at_once(shipment, own)
        work.save(shipment)
        given = {grant.order_id for grant in settled.given}
        _take_back(work, [shipment], asked=set(), gone=set(ended), given=given)
        changed.append(shipment.pk)
    return changed


def _take_back(
    work: Work,
    shipments: Sequence[Shipment],
    *,
    asked: set[int] | None,
    given_back: Collection[int] = (),
    gone: Collection[int] = (),
    given: Collection[int] = (),
) -> list[int]:
    """The goods of cancelled shipments, order by order. asked: whose goods were asked back; None: of all orders that
    are on hold, or alone in their shipment and not just on their own way from now on. given_back: orders whose promises
    are ended elsewhere. gone: lines that are no more in their orders. given: orders that have a gift which nothing is
    promised for yet.

    Cancelled orders: their promises end. Orders asked back: their pieces are to be planned anew, their promises end.
    Their companions keep their promises and are planned anew at once. Returns the orders asked back.
    """
    if not shipments:
        return []
    lines = work.lock_children(ShipmentLine, "shipment_id", [shipment.pk for shipment in shipments])
    orders = work.lock(Order, {line.order_id for group in lines.values() for line in group})
    order_lines = work.lock_children(OrderLine, "order_id", list(orders))
    by_id = {line.pk: line for group in order_lines.values() for line in group}
    alone = {shipment.pk: len({line.order_id for line in lines[shipment.pk]}) == 1 for shipment in shipments}
    ended: list[inventory.Departure] = []
    freed: dict[tuple[int, int], int] = {}
    back: dict[int, Order] = {}
    innocent: dict[int, Order] = {}
    for shipment in shipments:
        members = tuple(sorted({line.order_id for line in lines[shipment.pk]}))
        work.record(ShipmentCancelled(shipment_id=shipment.pk, order_ids=members))
        for piece in lines[shipment.pk]:
            order, line = orders[piece.order_id], by_id[piece.order_line_id]
            if line.pk in gone:
                innocent[order.pk] = order
                continue
            if order.state != OrderState.CANCELLED:
                goes_on = order.ships_alone and TAKEN_FROM in shipment.decision
                is_stopped = order.is_on_hold or (alone[shipment.pk] and not goes_on)
                is_wanted_back = order.pk in asked if asked is not None else is_stopped
                if not is_wanted_back:
                    line.reserved, line.released = line.reserved + piece.quantity, line.released - piece.quantity
                    work.save(line, "reserved", "released")
                    innocent[order.pk] = order
                    if shipment.release_at is not None:
                        held_until(work)[order.pk, shipment.warehouse_id] = shipment.release_at
                    continue
                line.unplanned, line.released = line.unplanned + piece.quantity, line.released - piece.quantity
                work.save(line, "unplanned", "released")
                back[order.pk] = order
            elif order.pk in given_back:
                continue
            ended.append(inventory.Departure(line.pk, 0, shipment.code, shipment.warehouse_id, covered=piece.quantity))
            freed[piece.sku_id, shipment.warehouse_id] = order.pk
    inventory.consume_departures(departures=ended, work=work)
    for order_id in sorted(set(freed.values())):
        work.record(StockReleased(order_id=order_id))
    for sku_id, warehouse_id in freed:
        work.record(StockReplenished(sku_id=sku_id, warehouse_id=warehouse_id))
    for order in (*back.values(), *innocent.values()):
        if order.state == OrderState.IN_FULFILLMENT and not any(line.released for line in order_lines[order.pk]):
            order.return_to_routing()
            work.save(order)
    taken_back(work).update(back)
    # Out of a basket by itself: what it earns alone is settled before it looks for its way.
    out_of_company = {line.order_id for s in shipments if TAKEN_FROM in s.decision for line in lines[s.pk]}
    settle_after_parting(orders=[order for pk, order in back.items() if pk in out_of_company], work=work)
    with_others = not all(alone[s.pk] for s in shipments)
    shared = {pk: order for pk, order in innocent.items() if with_others or pk in out_of_company}
    fresh = {*given, *settle_after_parting(orders=list(shared.values()), work=work)} & innocent.keys()
    _look_for_gifts(work, [innocent[pk] for pk in sorted(fresh)], order_lines)
    plan_again(order_ids=sorted(innocent.keys() - fresh), work=work)
    return sorted(back)


def _look_for_gifts(work: Work, orders: Sequence[Order], lines: Mapping[int, Sequence[OrderLine]]) -> None:
    """Orders that got a gift which nothing is promised for yet look for their whole way anew, in a transaction of their
    own: by then the promises that end here are written as ended.
    """
    if not orders:
        return
    inventory.release_reservations(order_ids=[order.pk for order in orders], work=work)
    for order in orders:
        for line in lines[order.pk]:
            line.unplanned, line.reserved = line.unplanned + line.reserved, 0
            work.save(line, "unplanned", "reserved")
        if not order.is_on_hold:
            work.record(OrderReleased(order_id=order.pk))
    subjects = [f"order:{order.pk}" for order in orders]
    workflow.rewind(subjects=subjects, use=ROUTING, code="GIFTS_SETTLED", work=work)


def plan_again(*, order_ids: Collection[int], work: Work) -> None:
    """Orders with reserved goods and no shipment for them get one now, by the step of their flow that does so.

    An order without such a flow gets its shipment all the same.
    """
    if not order_ids:
        return
    subjects = [f"order:{pk}" for pk in order_ids]
    by_flow = workflow.run_from(subjects=subjects, use="fulfillment.create_shipment", work=work)
    rest = [pk for pk in order_ids if f"order:{pk}" not in by_flow]
    if rest:
        planned = create_shipments(order_ids=rest, work=work)
        refused = {refusal.key for refusal in planned.refused}
        going = [pk for pk in rest if pk not in refused]
        dispatch_shipments(order_ids=going, flow_runs={}, work=work).raise_first()


def _out_of_baskets(
    work: Work, shipments: Mapping[int, Sequence[Shipment]], leaving: Collection[int], own: Collection[int]
) -> dict[int, list[Shipment]]:
    """By order, its shipments: instead of a basket shared with orders that go on as they are, the one with its own
    pieces."""
    in_baskets = {
        s.pk: s for group in shipments.values() for s in group if s.state in IN_BASKET and s.warehouse_id in own
    }
    apart: dict[int, Shipment] = {}
    if in_baskets:
        lines = work.lock_children(ShipmentLine, "shipment_id", list(in_baskets))
        for pk, shipment in in_baskets.items():
            staying = {line.order_id for line in lines[pk]} - set(leaving)
            left = {line.order_id for line in lines[pk]} & set(leaving)
            if staying and not orders_services.earns_otherwise(staying=staying, leaving=left, work=work):
                apart[pk] = take_out_of_basket(shipment=shipment, leaving=leaving, work=work)
    return {order_id: [apart.get(s.pk, s) for s in group] for order_id, group in shipments.items()}


def _cancel_at_once(shipment: Shipment, own: Collection[int]) -> bool:
    """Whether nobody has to be asked, and nothing to be put back; then it is cancelled."""
    in_bins = shipment.warehouse_id in own and shipment.state in _STILL_IN_BINS
    if in_bins:
        if shipment.state == ShipmentState.WAVED:
            shipment.leave_wave()
        shipment.intercept()
    elif shipment.state not in (ShipmentState.PLANNED, ShipmentState.REJECTED):
        return False
    shipment.cancel()
    return True


def _is_unwanted(order: Order) -> bool:
    return order.is_on_hold or order.state == OrderState.CANCELLED


def lock_goods(*, order_ids: Collection[int], work: Work, routes_anew: bool = False) -> None:
    """Lock all that stopping these orders may touch: they and their companions, their shipments, and the stock rows of
    all of them, each kind in one step and by key.

    For the beginning of a unit of work that stops orders in several steps: two that lock stock or orders step by step
    could wait for each other in a ring. Orders stopped before by this unit of work cost nothing. routes_anew: the
    orders look for their way again in this unit of work, so the stock rows of all their goods, reserved or not. Seven
    statements.
    """
    known: set[tuple[int, bool]] = work.shared.setdefault("goods_locked", set())
    asked = [pk for pk in order_ids if not known & {(pk, True), (pk, routes_anew)}]
    if not asked:
        return
    theirs = ShipmentLine.objects.filter(order_id__in=asked).values("shipment_id")
    companions = ShipmentLine.objects.filter(shipment_id__in=theirs).values_list("order_id", flat=True)
    orders = work.lock(Order, {*asked, *companions})
    shipments_of(work, asked)
    lines = work.lock_children(OrderLine, "order_id", asked) if routes_anew else {}
    skus = {line.sku_id for group in lines.values() for line in group if line.sku_id is not None}
    inventory.lock_stock_of(order_ids=list(orders), sku_ids=skus, work=work)
    known.update((pk, routes_anew) for pk in asked)


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
