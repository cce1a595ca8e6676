"""Which warehouse ships what: load, decide inside the rules with the exact choice, reserve."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from fulfillment.errors import CapacityFull, NoCourierThere, RoutingForbidden, RuleUnanswered, WarehouseClosed
from fulfillment.models import RoutingDecision, RoutingPin
from fulfillment.models.routing import DecisionOutcome
from fulfillment.routing.decide import Decider, Decision, OrderFacts
from fulfillment.routing.record import record_of
from fulfillment.routing.rules import Pinned
from fulfillment.routing.tariff import IMPOSSIBLE
from fulfillment.services.assignments import Assignment, PlannedParcel, assignments
from fulfillment.services.missing import missing_of, missing_pieces, with_dates
from fulfillment.services.order_facts import facts_of
from fulfillment.services.routing_world import RoutingWorld, add_loads, has_pins, lock_loads, routing_world
from fulfillment.services.unpaid import held_before_payment, pieces_held
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.catalog.contacts import destination_code
from ordercenter.catalog.models import Contact, Sku
from ordercenter.common.batch import BatchResult
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.money import from_fen
from ordercenter.common.rows import new_row
from ordercenter.inventory import services as inventory
from ordercenter.inventory.errors import StockShort
from ordercenter.inventory.models import Reservation
from ordercenter.inventory.selectors import free_stock
from ordercenter.inventory.services import Promise
from ordercenter.orders import services as orders_services
from ordercenter.orders.models import Hold, Order, OrderLine
from ordercenter.orders.services.lookups import contacts_of, skus_of
from ordercenter.orders.states import OrderState


def reserve_and_route(*, order_ids: Collection[int], work: Work, why: str = "") -> BatchResult:
    """Reserve all lines of each order where it costs least inside the rules, most urgent first.

    An order may leave in several parcels; cost is the courier's price, handling, split, lateness, what rules add, and
    the shadow price of the stock used. done: orders. Refused, nothing reserved: StockShort, NoCourierThere,
    WarehouseClosed, RoutingForbidden, RuleUnanswered, CapacityFull. The decisions are kept for the shipments in
    `assignments(work)`, those of refused orders as RoutingDecision rows. why: what made it necessary, "" for an order
    on its way. At most nine statements, two more where an order is pinned or a warehouse's parcels per day are limited.
    """
    result = BatchResult()
    orders = work.lock(Order, order_ids)
    lines = work.lock_children(OrderLine, "order_id", list(orders))
    contacts = contacts_of(work, orders.values())
    skus = skus_of(work, [line for group in lines.values() for line in group])
    held = held_before_payment(orders=orders, work=work)
    if held:
        inventory.lock_levels(sku_ids=skus, work=work)
    levels = inventory.levels_to_take_from(wanted=_wanted(lines.values()), work=work)
    stock = inventory.free_of_levels(levels, work=work)
    world = routing_world(work)
    batch = DecidedBatch(world, world.decider(at=work.at, loads=lock_loads(world, work)), why)
    pins, avoid = _pins(work, orders), avoid_warehouses(work)
    promises: list[Promise] = []
    routed: list[Order] = []
    # Who holds goods comes first: nobody gets them in the moment in which they are given back and taken.
    turn = (lambda order: (order.id not in held, orders_services.urgency(order))) if held else orders_services.urgency
    for order in sorted(orders.values(), key=turn):
        wanted = [(line, line.unplanned + line.backordered) for line in lines[order.id]]
        facts = facts_of(
            order,
            [(line, pieces) for line, pieces in wanted if pieces],
            contact=contacts.get(order.contact_id or 0),
            skus=skus,
            world=world,
            avoid=avoid.get(order.id, ()),
            pin=pins.get(order.id),
        )
        free = stock.of(order.shop_id)
        own = held.get(order.id, ())
        decision = batch.decider.decide(facts, with_own(free, own, facts) if own else free)
        if decision.problem:
            error = batch.refusal(order, decision, contacts, skus)
            result.refuse(order.id, error)
            batch.keep_refused(order, decision, error, work.at)
            if decision.problem == "short":
                missing_of(work)[order.id] = missing_pieces(decision, free)
            continue
        assignment = batch.assign(decision)
        if own:
            free.update(with_own(free, own, facts))
            inventory.use_up_holds(holds=own, used=pieces_used(decision), work=work)
        batch.decider.take(decision, free)
        assignments(work)[order.id] = assignment
        sku_ids = {line.id: line.sku_id or 0 for line, _ in wanted}
        promises.extend(
            Promise(order.id, line_id, sku_ids[line_id], parcel.warehouse_id, pieces, order.shop_id)
            for parcel in assignment.parcels
            for line_id, pieces in parcel.pieces.items()
        )
        routed.append(order)
    # The decisions were made on locked rows with each one's stock taken: none of these can be short.
    inventory.reserve_stock(promises=promises, work=work).raise_first()
    waited: list[int] = []
    for order in routed:
        for line in lines[order.id]:
            if line.backordered:
                waited.append(line.id)
            line.reserved, line.unplanned, line.backordered = (
                line.reserved + line.unplanned + line.backordered,
                0,
                0,
            )
            work.save(line, "reserved", "unplanned", "backordered")
        result.done.append(order)
    if waited:
        inventory.drop_promises(line_ids=waited, cancelled=False, work=work)
    add_loads(batch.planned)
    batch.date_missing(work)
    work.add(batch.refused)
    return result


def with_own(
    free: Mapping[tuple[int, int], int], own: Sequence[Reservation], facts: OrderFacts
) -> dict[tuple[int, int], int]:
    """What is free of the goods of an order, and what it holds already: what it may take."""
    skus = {line.sku_id for line in facts.lines} | {row.sku_id for row in own}
    pieces = {place: free[place] for place in free if place[0] in skus}
    for row in own:
        pieces[row.sku_id, row.warehouse_id] += row.quantity
    return pieces


def pieces_used(decision: Decision) -> dict[tuple[int, int], int]:
    """(SKU, warehouse) -> pieces that a decision takes."""
    used: dict[tuple[int, int], int] = defaultdict(int)
    lines = {line.line_id: line for line in decision.need.lines}
    for parcel in decision.choice.parcels if decision.choice is not None else ():
        for part in parcel.line_ids:
            used[lines[part].sku_id, parcel.warehouse_id] += lines[part].quantity
    return used


def _wanted(lines: Iterable[Sequence[OrderLine]]) -> dict[int, int]:
    """SKU -> pieces that still need a place."""
    wanted: dict[int, int] = defaultdict(int)
    for group in lines:
        for line in group:
            wanted[line.sku_id or 0] += line.unplanned + line.backordered
    return wanted


@dataclass
class DecidedBatch:
    """The decisions of one call: what they are made with, and what has to be written of them."""

    world: RoutingWorld
    decider: Decider
    why: str
    planned: dict[tuple[int, date], int] = field(default_factory=lambda: defaultdict(int))
    refused: list[RoutingDecision] = field(default_factory=list)

    def assign(self, decision: Decision) -> Assignment:
        """The parcels of a decision, with its record."""
        choice = decision.choice
        if choice is None:
            raise ValueError(f"order {decision.need.order_id}: nothing was chosen")
        parcels = []
        for parcel in choice.parcels:
            day = self.decider.dispatch_on[parcel.warehouse]
            if day is not None and parcel.warehouse_id in self.world.limited:
                self.planned[parcel.warehouse_id, day] += 1
            pieces = decision.pieces_of(parcel.line_ids)
            release_at = None
            if parcel.warehouse_id in decision.ruling.held and parcel.warehouse_id in self.world.calendars:
                release_at = self.world.calendars[parcel.warehouse_id].next_release(self.decider.at)
            cost, carrier_id = from_fen(parcel.freight_fen), self.world.carriers[parcel.courier_id]
            parcels.append(PlannedParcel(parcel.warehouse_id, carrier_id, cost, parcel.weight_g, pieces, release_at))
        record = record_of(decision, self.world.versions, why=self.why, carriers=self.world.carriers)
        for kept, parcel in zip(record["parcels"], choice.parcels, strict=True):
            day = self.decider.dispatch_on[parcel.warehouse]
            if day is not None and parcel.warehouse_id in self.world.limited:
                # By this it is known which day has room again when the shipment is cancelled.
                kept["on"] = day.isoformat()
        return Assignment(tuple(parcels), record)

    def keep_refused(self, order: Order, decision: Decision, error: OrderCenterError, at: datetime) -> None:
        self.refused.append(
            new_row(
                RoutingDecision,
                order_id=order.id,
                at=at,
                outcome=DecisionOutcome.REFUSED,
                code=error.code,
                record=record_of(decision, self.world.versions, why=self.why, carriers=self.world.carriers),
            )
        )

    def date_missing(self, work: Work) -> None:
        """Say in the records of orders that lack something what it is, and from when on it could be there."""
        short = {row.order_id: row for row in self.refused if row.order_id in missing_of(work)}
        dated = with_dates({order_id: missing_of(work)[order_id] for order_id in short})
        missing_of(work).update(dated)
        for order_id, rows in dated.items():
            short[order_id].record["missing"] = [
                {"sku": m.sku_id, "pieces": m.pieces, "from": m.earliest.isoformat() if m.earliest else None}
                for m in rows
            ]

    def refusal(
        self, order: Order, decision: Decision, contacts: Mapping[int, Contact], skus: Mapping[int, Sku]
    ) -> OrderCenterError:
        """Why there is no way, as the error that the flow and the case speak of."""
        if decision.problem == "short":
            codes = {skus[sku_id].code: sku_id for sku_id in decision.short}
            return StockShort(order_id=order.id, sku_ids=decision.short, missing=codes)
        if decision.problem == "closed" and decision.closed is not None:
            closing = self.decider.closings[decision.closed]
            code = self.world.warehouse_codes.get(decision.closed, str(decision.closed))
            return WarehouseClosed(order_id=order.id, warehouse=code, reopens_on=closing.reopens_on.isoformat())
        if decision.problem == "unanswered":
            return RuleUnanswered(order_id=order.id, rule=decision.ruling.unanswered)
        if decision.problem == "excluded":
            return RoutingForbidden(order_id=order.id, rules=forbidding_rules(decision))
        if decision.problem == "full":
            full = [
                c.warehouse_id for c in (decision.choice.candidates if decision.choice else ()) if c.verdict == "full"
            ]
            return CapacityFull(order_id=order.id, warehouses=[self.world.warehouse_codes[pk] for pk in full])
        contact = contacts.get(order.contact_id or 0)
        return NoCourierThere(order_id=order.id, province=contact.province if contact else "")


def forbidding_rules(decision: Decision) -> list[str]:
    """The rules that leave an order no way, as far as single ones are to blame."""
    named = [rule for rule in decision.need.excluded.values() if not rule.startswith(":")]
    if any(line.allowed is not None for line in decision.need.lines):
        named.extend(rule for _bit, rule, _mask in decision.ruling.goods_masks)
    return sorted(set(named))


def supply_waiting_orders(*, sku_ids: Collection[int], work: Work | None = None) -> list[int]:
    """Stock of these SKUs came free: let as many waiting orders try again as it can serve, most urgent first.

    Returns the orders that were let go; their flow runs the routing anew. Only orders that can be served whole are let
    go, from one warehouse or else from several, while their free pieces last: a small arrival does not wake thousands,
    and an order that lacks something else besides does not keep the pieces from one that could leave.
    """
    with unit_of_work(work) as work:
        needs, urgency = _waiting_for(sku_ids)
        held = Hold.objects.filter(order_id__any_of=list(needs), released_at__isnull=True).exclude(code="OUT_OF_STOCK")
        stay = set(held.values_list("order_id", flat=True))
        free = free_stock({sku_id for wanted in needs.values() for sku_id in wanted})
        warehouses = sorted({warehouse_id for _sku_id, warehouse_id in free})
        own = pieces_held(order_ids=list(needs), work=work)
        costs = routing_world(work).rules.costs
        may_split = costs.strategy != "single" and costs.max_parcels > 1
        chosen: list[int] = []
        for order_id in sorted(needs, key=lambda pk: urgency[pk]):
            wanted = needs[order_id]
            if order_id in own:
                wanted = {sku: pieces - own[order_id].get(sku, 0) for sku, pieces in wanted.items()}
            taken = _whole(wanted, warehouses, free, may_split=may_split)
            if taken is None:
                continue
            chosen.append(order_id)
            # One that something else holds as well takes nothing now, but no longer waits for stock either.
            for place, pieces in taken.items() if order_id not in stay else ():
                free[place] -= pieces
        if chosen:
            orders_services.release_holds(
                order_ids=chosen, codes=["OUT_OF_STOCK"], reason="stock arrived", accepted=False, work=work
            )
        return chosen


def _whole(
    wanted: Mapping[int, int],
    warehouses: Sequence[int],
    free: Mapping[tuple[int, int], int],
    *,
    may_split: bool,
) -> dict[tuple[int, int], int] | None:
    """Where an order could take all that it wants: from the first warehouse that has it, else from several."""
    for warehouse_id in warehouses:
        if all(free.get((sku, warehouse_id), 0) >= pieces for sku, pieces in wanted.items()):
            return {(sku, warehouse_id): pieces for sku, pieces in wanted.items()}
    if not may_split:
        return None
    taken: dict[tuple[int, int], int] = {}
    for sku_id, pieces in wanted.items():
        for warehouse_id in warehouses:
            here = min(pieces, free.get((sku_id, warehouse_id), 0))
            if here > 0:
                taken[sku_id, warehouse_id] = here
                pieces -= here
        if pieces > 0:
            return None
    return taken


def _waiting_for(sku_ids: Collection[int]) -> tuple[dict[int, dict[int, int]], dict[int, tuple[int, date, Any, int]]]:
    """The orders that wait for any of these SKUs: what each needs in all (SKU -> pieces), and how urgent each is."""
    waiting = OrderLine.objects.filter(
        sku_id__in=sku_ids,
        order__state=OrderState.AWAITING_SUPPLY,
        order__holds__code="OUT_OF_STOCK",
        order__holds__released_at__isnull=True,
        backordered__gt=0,
    )
    lines = OrderLine.objects.filter(order_id__in=waiting.values("order_id"), backordered__gt=0).values_list(
        "order_id", "order__priority", "order__ship_by", "order__placed_at", "sku_id", "backordered", "promised_on"
    )
    needs: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    urgency: dict[int, tuple[int, date, Any, int]] = {}
    for order_id, priority, ship_by, placed_at, sku_id, pieces, promised_on in lines:
        needs[order_id][sku_id or 0] += pieces
        # By grade, then by what was promised: the latest of an order's dates is the order's.
        known = urgency[order_id][1] if order_id in urgency else date.min
        promised = max(known, promised_on or date.max)
        urgency[order_id] = (-priority, promised, ship_by or placed_at, order_id)
    return needs, urgency


def avoid_warehouses(work: Work) -> dict[int, set[int]]:
    """Warehouses that are no candidates in this unit of work, by order id: those that would not ship it."""
    kept: dict[int, set[int]] = work.shared.setdefault("avoid_warehouses", {})
    return kept


def cheapest_parcel(
    warehouse_id: int, contact: Contact | None, weight_g: int, *, work: Work
) -> tuple[Decimal, int] | None:
    """(freight in yuan, carrier id) of the cheapest courier for a parcel from this warehouse; None if nobody goes."""
    world = routing_world(work)
    tariff = world.tariff
    division = destination_code(contact)
    zone = tariff.zone_of(division) if division is not None else -1
    if zone < 0 or warehouse_id not in tariff.warehouses:
        return None
    freight = tariff.freight_fen(zone, _one(weight_g))[0][tariff.warehouses.index(warehouse_id)]
    courier = int(freight.argmin())
    fen = int(freight[courier])
    return (from_fen(fen), world.carriers[tariff.couriers[courier]]) if fen < IMPOSSIBLE else None


def _pins(work: Work, orders: Collection[int]) -> dict[int, Pinned]:
    """What persons said of these orders. No statement while nobody has pinned anything."""
    if not has_pins(work):
        return {}
    rows = RoutingPin.objects.filter(order_id__any_of=list(orders), ended_at__isnull=True)
    return {
        pk: Pinned(warehouse_id, policy)
        for pk, warehouse_id, policy in rows.values_list("order_id", "warehouse_id", "policy")
    }


def _one(number: int) -> Any:
    return np.array([number], np.int64)
