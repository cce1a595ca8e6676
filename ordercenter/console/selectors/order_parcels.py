"""What the page of an order shows of its parcels: who travels with it, how it may be split, what it got for nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from fulfillment.models import Shipment, ShipmentLine, SplitWish
from fulfillment.states import HAS_LEFT, STOPPABLE, ShipmentState
from ordercenter.cases.models import Case
from ordercenter.orders.models import GiftGrant, Order, OrderLine
from ordercenter.orders.states import CLOSED_STATES, OrderState

MOST_JOINABLE = 5
MOST_LOOKED_AT = 50


@dataclass(frozen=True)
class Companion:
    """Another order in the same parcel."""

    order_id: int
    number: str


@dataclass(frozen=True)
class SplitRow:
    """A line of the split form: how many pieces there are, and how many are wished in the second parcel."""

    line: OrderLine
    pieces: int
    wished: int


@dataclass(frozen=True)
class ParcelView:
    """companions, amounts: by shipment id. can_unmerge: it shares a parcel that is still here, or waits for others.

    joinable: orders of the same buyer to the same address that may still travel with it. split: the rows of the form,
    empty when the order cannot be split any more.
    """

    companions: dict[int, list[Companion]] = field(default_factory=dict)
    amounts: dict[int, Decimal] = field(default_factory=dict)
    can_unmerge: bool = False
    joinable: list[Companion] = field(default_factory=list)
    is_split: bool = False
    split: list[SplitRow] = field(default_factory=list)
    gifts: list[GiftGrant] = field(default_factory=list)


def parcel_view(
    order: Order, lines: Sequence[OrderLine], shipments: Sequence[Shipment], open_cases: Collection[Case]
) -> ParcelView:
    """Five statements at most: who is in the shipments, who else might be, what people wish, what was given."""
    companions: dict[int, list[Companion]] = defaultdict(list)
    amounts: dict[int, Decimal] = defaultdict(Decimal)
    rows = ShipmentLine.objects.filter(shipment_id__in=[s.pk for s in shipments]).order_by("order_id")
    for shipment_id, order_id, number, amount in rows.values_list(
        "shipment_id", "order_id", "order__channel_order_no", "amount"
    ):
        if order_id == order.pk:
            amounts[shipment_id] += amount
        elif all(known.order_id != order_id for known in companions[shipment_id]):
            companions[shipment_id].append(Companion(order_id, number))
    wishes: dict[int, int] = defaultdict(int)
    for wish in SplitWish.objects.filter(order=order):
        wishes[wish.order_line_id] += wish.quantity
    waits = any(case.code == "WAITING_MERGE" for case in open_cases)
    shares = any(s.state in STOPPABLE and companions[s.pk] for s in shipments)
    return ParcelView(
        companions=dict(companions),
        amounts=dict(amounts),
        can_unmerge=shares or waits,
        joinable=_joinable(order, shipments, {c.order_id for group in companions.values() for c in group}, waits),
        is_split=bool(wishes),
        split=_split_rows(order, lines, shipments, wishes),
        gifts=list(GiftGrant.objects.filter(order=order).select_related("rule", "sku").order_by("pk")),
    )


def _joinable(order: Order, shipments: Sequence[Shipment], company: Collection[int], waits: bool) -> list[Companion]:
    """Orders that `merge_orders` would let travel with this one, the oldest first."""
    live = [s for s in shipments if s.state != ShipmentState.CANCELLED]
    contact = order.contact
    if not order.buyer_key or contact is None or not contact.address_hash or order.state in CLOSED_STATES:
        return []
    if not all(_is_at_hand(s) for s in live) or not (live or waits):
        return []
    others = Order.objects.filter(
        shop_id=order.shop_id,
        buyer_key=order.buyer_key,
        contact__address_hash=contact.address_hash,
        contact__phone_hash=contact.phone_hash,
        contact__masked_name=contact.masked_name,
        state=OrderState.IN_FULFILLMENT,
    ).exclude(pk__in=[order.pk, *company])
    found = dict(others.order_by("pk").values_list("pk", "channel_order_no")[:MOST_LOOKED_AT])
    theirs: dict[int, list[Shipment]] = defaultdict(list)
    lines = ShipmentLine.objects.filter(order_id__in=list(found)).exclude(shipment__state=ShipmentState.CANCELLED)
    for line in lines.select_related("shipment__warehouse") if found else ():
        theirs[line.order_id].append(line.shipment)
    places = {s.warehouse_id for s in live}
    return [
        Companion(pk, number)
        for pk, number in found.items()
        if theirs[pk] and all(_is_at_hand(s) and (not places or s.warehouse_id in places) for s in theirs[pk])
    ][:MOST_JOINABLE]


def _is_at_hand(shipment: Shipment) -> bool:
    """Nobody was told of it yet, or it waits for picking in a warehouse of our own."""
    waiting = (ShipmentState.ACCEPTED, ShipmentState.WAVED)
    return shipment.state == ShipmentState.PLANNED or (shipment.warehouse.is_own and shipment.state in waiting)


def _split_rows(
    order: Order, lines: Sequence[OrderLine], shipments: Sequence[Shipment], wishes: dict[int, int]
) -> list[SplitRow]:
    busy = (*HAS_LEFT, ShipmentState.DISPATCHED, ShipmentState.ACCEPTED, ShipmentState.INTERCEPTING)
    if order.state in CLOSED_STATES or any(s.state in busy for s in shipments):
        return []
    rows = [SplitRow(n, n.ordered - n.cancelled - n.shipped, wishes.get(n.pk, 0)) for n in lines]
    open_rows = [row for row in rows if row.pieces]
    return open_rows if sum(row.pieces for row in open_rows) > 1 else []
