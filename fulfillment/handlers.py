"""What fulfilment does on facts, on messages of the warehouses, and the calls it makes to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fulfillment import services
from fulfillment.errors import (
    ShipmentUnknown,
    WarehouseMessageUnreadable,
    WarehouseRefused,
    WarehouseUnavailable,
)
from fulfillment.models import Shipment
from fulfillment.selectors import delivery_documents
from fulfillment.services.dispatching import CANCEL_KIND, CREATE_KIND
from fulfillment.services.leaving_warehouse import CODE as LEAVES
from fulfillment.services.silence import close_silent
from fulfillment.services.waiting import NOT_WAITED_FOR
from fulfillment.services.warehouse_accounts import client_of
from fulfillment.services.warehouse_words import WILL_NOT_SHIP, reject_after_all
from fulfillment.states import HAS_LEFT, IN_WAREHOUSE, WAREHOUSE_DOUBTS
from fulfillment.wms.documents import CancelDocument, DeliveryConfirm, DeliveryOrderDocument
from fulfillment.wms.qimen import QimenClient
from fulfillment.wms.qimen_xml import read_delivery_confirm
from ordercenter.audit.work import unit_of_work
from ordercenter.common.actor import Actor
from ordercenter.common.errors import OrderCenterError
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.registry import Attempt, Message, Recorded, Sender, on, reads, register_sender
from ordercenter.events.types import (
    CommandAnswered,
    CommandSentAgain,
    Event,
    MergeDue,
    OrderAwaitingSupply,
    OrderCancelled,
    OrderHeld,
    OrderPartAwaitsSupply,
    OrderRegraded,
    OrderReleased,
    OrderUnpaid,
    OtherWarehouseWanted,
    RefundRequested,
    RefundSucceeded,
    ReturnCalledOff,
    ReturnExpected,
    ShipmentCancelled,
    ShipmentCreated,
    ShipmentSentAgain,
    StockReplenished,
    SupplyChanged,
    TakeoverWanted,
    WarehouseChangeWanted,
)
from ordercenter.inventory import services as inventory
from ordercenter.inventory.models import Warehouse
from ordercenter.orders import services as orders_services
from ordercenter.orders.states import AfterSaleKind
from ordercenter.workflow import services as workflow

CONFIRM_KIND = "qimen.deliveryorder.confirm"
# The warehouse's words for a delivery order that it will not ship.
GIVEN_UP_THERE = ("CANCELED", "CLOSED", "REJECT")
WAREHOUSE = Actor("warehouse", "qimen")
# What an order may be held for without leaving the parcel: the warehouse's own doubts, and what is too late for that.
KEEPS_COMPANY = frozenset(
    {
        *WAREHOUSE_DOUBTS,
        "WAITING_MERGE",
        "INTERCEPT_FAILED",
        "SHORT_PICK",
        "SHIPPED_AFTER_CANCEL",
        "OUT_OF_STOCK",
        LEAVES,
    }
)


@reads(CONFIRM_KIND)
def take_confirms(messages: Sequence[Message]) -> Mapping[int, OrderCenterError]:
    """Warehouse confirms become parcels and shipped orders."""
    refused: dict[int, OrderCenterError] = {}
    confirms: dict[int, DeliveryConfirm] = {}
    for message in messages:
        try:
            confirms[message.id] = read_delivery_confirm(message.body)
        except WarehouseMessageUnreadable as error:
            refused[message.id] = error
    for message_id, unknown in _of_others(messages, confirms).items():
        refused[message_id] = unknown
        del confirms[message_id]
    # A warehouse that accepted and then says no: a word of its own, not a parcel.
    given_up = {c.delivery_order_code: c.status for c in confirms.values() if c.status in WILL_NOT_SHIP}
    if given_up:
        reject_after_all(reasons=given_up, actor=WAREHOUSE)
    result = services.confirm_shipments(confirms=list(confirms.values()), actor=WAREHOUSE)
    errors = {id(refusal.key): refusal.error for refusal in result.refused}
    refused.update((pk, errors[id(confirm)]) for pk, confirm in confirms.items() if id(confirm) in errors)
    return refused


def _of_others(messages: Sequence[Message], confirms: Mapping[int, DeliveryConfirm]) -> dict[int, OrderCenterError]:
    """Confirms of delivery orders that the sender was never given: a warehouse speaks only of what is its own."""
    senders = {message.id: int(message.source.partition(":")[2]) for message in messages if message.id in confirms}
    customers = dict(Warehouse.objects.filter(pk__in=set(senders.values())).values_list("pk", "customer_id"))
    codes = {confirm.delivery_order_code for confirm in confirms.values()}
    owners = dict(Shipment.objects.filter(code__in=codes).values_list("code", "warehouse__customer_id"))
    return {
        message_id: ShipmentUnknown(number=confirm.delivery_order_code)
        for message_id, confirm in confirms.items()
        if owners.get(confirm.delivery_order_code) != customers.get(senders[message_id])
    }


@on(OrderCancelled, RefundRequested, name="fulfillment.stop")
def stop_goods(events: Sequence[Recorded]) -> None:
    """Cancelled orders and orders asked back stay in the house if they still are there."""
    with unit_of_work(because=events) as work:
        cancelled = {r.event.order_id: r.event.reason for r in events if isinstance(r.event, OrderCancelled)}
        asked = {
            r.event.order_id
            for r in events
            if isinstance(r.event, RefundRequested) and r.event.kind != AfterSaleKind.PRICE_PROTECTION
        } - cancelled.keys()
        services.lock_goods(order_ids=sorted({*asked, *cancelled}), work=work)
        if asked:
            services.stop_shipments(order_ids=sorted(asked), reason="refund requested", work=work)
            services.set_back(order_ids=services.route_stopped_anew(order_ids=asked, work=work), work=work)
        if cancelled:
            free = services.stop_shipments(order_ids=sorted(cancelled), reason="order cancelled", work=work)
            inventory.release_reservations(order_ids=free, work=work)
            services.release_unpaid_holds(order_ids=sorted(cancelled), work=work)
            services.give_up_claims(order_ids=sorted(cancelled), work=work)
            workflow.void_runs(subjects=[f"order:{pk}" for pk in cancelled], work=work)


@on(OrderUnpaid, name="fulfillment.unpaid")
def hold_goods_of_unpaid_orders(events: Sequence[Recorded]) -> None:
    """Orders that wait for their money, or for their balance, hold goods where shop or SKU say so."""
    with unit_of_work(because=events) as work:
        ids = sorted({r.event.order_id for r in events if isinstance(r.event, OrderUnpaid)})
        services.hold_unpaid_orders(order_ids=ids, work=work)
    unpaid = [r.event for r in events if isinstance(r.event, OrderUnpaid)]
    deposits = sorted({e.order_id for e in unpaid if e.stage == "deposit"})
    if deposits:
        # What is held is known now: only what it lacks is promised out of what is to come, and no stock row is held.
        with unit_of_work(because=events) as work:
            services.promise_waiting_orders(order_ids=deposits, work=work)


@on(OrderReleased, name="fulfillment.planned_anew")
def plan_anew_what_did_not_leave(events: Sequence[Recorded]) -> None:
    """The warehouse was through with an order of which nothing left, and a person has decided that it shall go."""
    with unit_of_work(because=events) as work:
        order_ids = sorted({r.event.order_id for r in events if isinstance(r.event, OrderReleased)})
        again = services.plan_anew(order_ids=order_ids, work=work)
    if again:
        # After the old reservations are written as ended: a line has one open one in a warehouse.
        with unit_of_work(because=events) as work:
            workflow.run_stopped_again(subjects=[f"order:{pk}" for pk in again], work=work)


@on(ShipmentCancelled, name="fulfillment.free_capacity")
def free_capacity(events: Sequence[Recorded]) -> None:
    """Shipments that will not leave make room for others on their day, where parcels per day are limited."""
    services.free_loads(shipment_ids=[r.event.shipment_id for r in events if isinstance(r.event, ShipmentCancelled)])


@on(OrderAwaitingSupply, OrderPartAwaitsSupply, RefundSucceeded, SupplyChanged, name="fulfillment.promises")
def promise_dates(events: Sequence[Recorded]) -> None:
    """Lines that wait get the day on which their goods are there, again when supply or what they want has changed."""
    with unit_of_work(because=events) as work:
        about = (OrderAwaitingSupply, OrderPartAwaitsSupply, RefundSucceeded)
        orders = {r.event.order_id for r in events if isinstance(r.event, about)}
        skus = {r.event.sku_id for r in events if isinstance(r.event, SupplyChanged)}
        services.promise_waiting_orders(order_ids=sorted(orders), sku_ids=sorted(skus), work=work)


@on(OrderAwaitingSupply, OrderRegraded, name="fulfillment.take_over")
def tell_urgent_orders(events: Sequence[Recorded]) -> None:
    """Urgent orders have begun to wait for goods, or waiting ones have become urgent: what follows is a flow's."""
    with unit_of_work(because=events) as work:
        ids = sorted({r.event.order_id for r in events if isinstance(r.event, OrderAwaitingSupply | OrderRegraded)})
        services.tell_urgent(order_ids=ids, work=work)


@on(TakeoverWanted, name="fulfillment.take_over_wanted")
def take_over_for_urgent_orders(events: Sequence[Recorded]) -> None:
    """A flow wants urgent orders to get goods of less urgent ones, as far as the policy of the goods allows it."""
    with unit_of_work(because=events) as work:
        wanted = [r.event for r in events if isinstance(r.event, TakeoverWanted)]
        wishes = {e.order_id: services.TakeoverWish(e.grades, e.pieces) for e in wanted}
        services.take_over_by_rule(wishes=wishes, work=work)


@on(OrderReleased, name="fulfillment.rest")
def send_the_rest(events: Sequence[Recorded]) -> None:
    """An order of which a part is on its way was held while goods for the rest came: it follows now."""
    with unit_of_work(because=events) as work:
        ids = sorted({r.event.order_id for r in events if isinstance(r.event, OrderReleased)})
        services.send_rest(order_ids=services.parts_waiting(ids), work=work)


@on(StockReplenished, name="fulfillment.supply")
def supply_waiting_orders(events: Sequence[Recorded]) -> None:
    """Orders that waited for these SKUs try again."""
    with unit_of_work(because=events) as work:
        sku_ids = sorted({r.event.sku_id for r in events if isinstance(r.event, StockReplenished)})
        services.supply_waiting_orders(sku_ids=sku_ids, work=work)


@on(CommandAnswered, name="fulfillment.command_answered", when=lambda e: e.kind in (CREATE_KIND, CANCEL_KIND))
def take_answers(events: Sequence[Recorded]) -> None:
    """The warehouse's yes or no to a delivery order, and to the wish to stop one."""
    answered = [e for r in events if isinstance(e := r.event, CommandAnswered) and e.kind in (CREATE_KIND, CANCEL_KIND)]
    if not answered:
        return
    commands = OutgoingCommand.objects.in_bulk([e.command_id for e in answered])
    with unit_of_work(because=events, actor=WAREHOUSE) as work:
        created = {commands[e.command_id]: e.outcome for e in answered if e.kind == CREATE_KIND}
        stops = {_shipment(commands[e.command_id]): e.outcome == "done" for e in answered if e.kind == CANCEL_KIND}
        reasons = {_shipment(c): c.error for c, outcome in created.items() if outcome == "refused"}
        # All locks in the order of everybody else: orders first, then shipments, each by key and all at once. Who
        # travels alone and was accepted is not touched here.
        touched = [_shipment(c) for c, outcome in created.items() if outcome != "done" or c.payload.get("order_ids")]
        concerned = services.lock_for_stopping(shipment_ids=[*stops, *touched], work=work)
        work.lock(Shipment, [*stops, *map(_shipment, created)])
        refs = {_shipment(c): str((c.answer or {}).get("warehouse_ref", "")) for c, o in created.items() if o == "done"}
        services.accept_shipments(refs=refs, work=work)
        close_silent(shipment_ids=list(refs), work=work)
        services.reject_shipments(reasons=reasons, work=work)
        if stops:
            services.after_stop(answers=stops, work=work)
            close_silent(shipment_ids=list(stops), work=work)
        told = [(commands[e.command_id], e) for e in answered]
        services.let_companions_go_on(answers=told, work=work)
        services.hold_refused_parts(answers=told, work=work)
        if reasons:
            services.tell_rejected(order_ids=services.held_for_doubt(list(concerned)), work=work)


@on(OtherWarehouseWanted, name="fulfillment.route_elsewhere")
def look_elsewhere(events: Sequence[Recorded]) -> None:
    """A flow wants what a warehouse rejected to leave from another one; what cannot stays with its case."""
    wanted = [r.event for r in events if isinstance(r.event, OtherWarehouseWanted)]
    services.route_rejected(wishes={e.order_id: services.Wish(e.times, e.quarantine) for e in wanted}, because=events)


@on(WarehouseChangeWanted, name="fulfillment.leave_warehouse")
def leave_warehouses(events: Sequence[Recorded]) -> None:
    """A flow wants orders away from a warehouse that keeps silent; one of which nothing is there any more stays."""
    ids = sorted({r.event.order_id for r in events if isinstance(r.event, WarehouseChangeWanted)})
    services.leave_warehouse(order_ids=ids, reason="the warehouse keeps silent")


@on(OrderHeld, name="fulfillment.second_parcel", when=lambda e: "SHIPPED_AFTER_CANCEL" in e.codes)
def stop_second_parcels(events: Sequence[Recorded]) -> None:
    """What a warehouse shipped in spite of its yes to stop it must not leave from another one as well."""
    with unit_of_work(because=events) as work:
        ids = sorted({r.event.order_id for r in events if isinstance(r.event, OrderHeld)})
        services.stop_second_parcel(order_ids=ids, work=work)


@on(ShipmentCreated, name="fulfillment.gifts_together", when=lambda e: len(e.order_ids) > 1)
def settle_gifts_together(events: Sequence[Recorded]) -> None:
    """Orders that share a parcel earn their gifts together, however they came to share it."""
    with unit_of_work(because=events) as work:
        ids = sorted({r.event.shipment_id for r in events if isinstance(r.event, ShipmentCreated)})
        services.settle_together(shipment_ids=ids, work=work)


@on(
    RefundSucceeded,
    name="fulfillment.gifts_after_refund",
    when=lambda e: e.kind != AfterSaleKind.PRICE_PROTECTION,
)
def settle_gifts_after_refund(events: Sequence[Recorded]) -> None:
    """A refund may drop an order below what earned it its gift."""
    with unit_of_work(because=events) as work:
        ids = {r.event.order_id for r in events if isinstance(r.event, RefundSucceeded)}
        services.settle_after_refund(order_ids=ids, work=work)


@on(ReturnExpected, ReturnCalledOff, name="fulfillment.returns")
def look_out_for_returns(events: Sequence[Recorded]) -> None:
    """Warehouses are told which goods come back to them, and which do not after all."""
    with unit_of_work(because=events) as work:
        services.take_return_news(news=[r.event for r in events], work=work)


def _may_end_a_wait(event: Event) -> bool:
    return not isinstance(event, OrderHeld) or bool(NOT_WAITED_FOR & set(event.codes))


@on(MergeDue, OrderReleased, OrderCancelled, OrderHeld, name="fulfillment.merge_windows", when=_may_end_a_wait)
def close_merge_windows(events: Sequence[Recorded]) -> None:
    """A wait is over, a waiting order was let go by a person, or one that others waited for will hardly come."""
    with unit_of_work(because=events) as work:
        facts = [r.event for r in events]
        over = {e.order_id for e in facts if isinstance(e, MergeDue) and e.is_over}
        order_ids = {e.order_id for e in facts if isinstance(e, MergeDue | OrderReleased | OrderCancelled | OrderHeld)}
        services.close_merge_windows(order_ids=order_ids, over=over, work=work)


@on(OrderHeld, name="fulfillment.held_companions", when=lambda e: not set(e.codes) <= KEEPS_COMPANY)
def take_held_orders_out(events: Sequence[Recorded]) -> None:
    """An order that a person has to look at does not keep the others of its parcel waiting, nor travel with them."""
    with unit_of_work(because=events) as work:
        ids = {r.event.order_id for r in events if isinstance(r.event, OrderHeld)}
        services.take_out(order_ids=services.held_in_company(ids), reason="order on hold", work=work)


@on(OrderRegraded, name="fulfillment.regraded")
def hand_priority_on(events: Sequence[Recorded]) -> None:
    """Shipments that are still in the house follow the priority of their orders."""
    with unit_of_work(because=events) as work:
        ids = {r.event.order_id for r in events if isinstance(r.event, OrderRegraded)}
        services.follow_priority(order_ids=ids, work=work)


@on(CommandSentAgain, name="fulfillment.sent_again", when=lambda e: e.kind == CREATE_KIND)
def let_sent_again_go_on(events: Sequence[Recorded]) -> None:
    """Somebody sends a rejected or unanswered delivery order once more: its orders wait for the answer now."""
    with unit_of_work(because=events) as work:
        ids = {int(e.about.partition(":")[2]) for r in events if isinstance(e := r.event, CommandSentAgain)}
        order_ids = sorted(services.lock_for_stopping(shipment_ids=ids, work=work))
        orders_services.release_holds(
            order_ids=order_ids,
            codes=WAREHOUSE_DOUBTS,
            reason="the delivery order was sent again",
            accepted=False,
            work=work,
        ).raise_first()


@on(ShipmentSentAgain, name="fulfillment.companions_sent_again")
def let_companions_wait(events: Sequence[Recorded]) -> None:
    """A sibling had their common delivery order sent once more: its companions wait for the answer with it.

    Only the doubts of then end: a no that came since is another one.
    """
    told = [e for r in events if isinstance(e := r.event, ShipmentSentAgain)]
    with unit_of_work(because=events) as work:
        orders_services.release_holds(
            order_ids=sorted({pk for e in told for pk in e.order_ids}),
            codes=WAREHOUSE_DOUBTS,
            case_ids={pk for e in told for pk in e.case_ids},
            reason="the delivery order was sent again",
            accepted=False,
            work=work,
        ).raise_first()


def _shipment(command: OutgoingCommand) -> int:
    return int(command.payload["shipment_id"])


def _prepare_create(target: str, commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
    client = client_of(target)
    documents = delivery_documents([_shipment(c) for c in commands])
    states = dict(Shipment.objects.filter(pk__in=documents).values_list("pk", "state"))
    needed = {pk for pk, state in states.items() if state in IN_WAREHOUSE or state in HAS_LEFT}

    def attempt(shipment_id: int) -> Attempt:
        def send() -> dict[str, Any]:
            if states[shipment_id] in HAS_LEFT:
                # Its answer got lost, its parcel did not: the warehouse knew it.
                return {"was_known": True}
            accepted = client.create_delivery_order(documents[shipment_id])
            return {"warehouse_ref": accepted.warehouse_ref, "was_known": accepted.was_known}

        # The same number twice is the same delivery order, so repeating does no harm; but a warehouse that has it may
        # still say no to the repeat, and we would believe the wrong one of its two answers.
        return Attempt(send, lambda: _known_there(client, documents[shipment_id]))

    return {c.pk: attempt(_shipment(c)) for c in commands if _shipment(c) in needed}


def _known_there(client: QimenClient, document: DeliveryOrderDocument) -> dict[str, Any] | None:
    """Whether the warehouse has this delivery order; None also where it cannot be asked, for the number protects us."""
    try:
        found = client.query_delivery_order(
            order_code=document.code, warehouse_code=document.warehouse_code, owner_code=document.owner_code
        )
    except (WarehouseRefused, WarehouseUnavailable):
        return None
    if found.status in GIVEN_UP_THERE:
        return None
    return {"warehouse_ref": found.warehouse_ref, "was_known": True}


def _prepare_cancel(target: str, commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
    client = client_of(target)
    shipments = Shipment.objects.select_related("warehouse").in_bulk([_shipment(c) for c in commands])

    def attempt(shipment: Shipment, reason: str) -> Attempt:
        document = CancelDocument(
            order_code=shipment.code,
            warehouse_code=shipment.warehouse.code,
            reason=reason,
            owner_code=shipment.warehouse.owner_code or shipment.warehouse.customer_id,
            warehouse_ref=shipment.warehouse_ref,
        )

        def send() -> dict[str, Any]:
            client.cancel_order(document)
            return {"stopped": True}

        return Attempt(send)

    return {c.pk: attempt(shipments[_shipment(c)], c.payload["reason"]) for c in commands if _shipment(c) in shipments}


register_sender(Sender(CREATE_KIND, _prepare_create))
register_sender(Sender(CANCEL_KIND, _prepare_cancel, max_tries=6, handles_failure=True))
