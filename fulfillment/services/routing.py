"""Which warehouse ships what: load, decide inside the rules with the exact choice, reserve."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from fulfillment.models import RoutingPin
from fulfillment.routing.facts import Decision, OrderFacts
from fulfillment.routing.rules import Pinned
from fulfillment.routing.tariff import IMPOSSIBLE
from fulfillment.services.assignments import Assignment, CourierTerms, assignments
from fulfillment.services.decided_batch import DecidedBatch
from fulfillment.services.missing import missing_of, missing_pieces
from fulfillment.services.order_facts import facts_of, value_fen
from fulfillment.services.routing_world import has_pins, lock_loads, routing_world
from fulfillment.services.splitting import packing_rules
from fulfillment.services.supply_split import all_on_its_way, decide_part, keep_waiting, ships_in_parts
from fulfillment.services.unpaid import held_before_payment
from ordercenter.audit.work import Work
from ordercenter.catalog.contacts import destination_code
from ordercenter.catalog.models import Contact, Sku
from ordercenter.common.batch import BatchResult
from ordercenter.common.money import from_fen
from ordercenter.inventory import services as inventory
from ordercenter.inventory.models import Reservation
from ordercenter.inventory.services import Promise
from ordercenter.inventory.services.levels import Place
from ordercenter.orders import services as orders_services
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.services.lookups import contacts_of, skus_of


def reserve_and_route(*, order_ids: Collection[int], work: Work, why: str = "") -> BatchResult:
    """Reserve all lines of each order where it costs least inside the rules, most urgent first.

    An order may leave in several parcels; cost is the courier's price, handling, split, lateness, what rules add, and
    the shadow price of the stock used. done: orders. Refused, nothing reserved: StockShort, NoCourierThere,
    WarehouseClosed, RoutingForbidden, RuleUnanswered, CapacityFull. The decisions are kept for the shipments in
    `assignments(work)`, those of refused orders as RoutingDecision rows. why: what made it necessary, "" for an order
    on its way. Of an order that lacks something and may ship in parts what is there is reserved, and the rest is
    backordered (OrderPartAwaitsSupply). At most nine statements, two more where an order is pinned or a warehouse's
    parcels per day are limited; more for orders that hold goods since before they were paid.
    """
    result = BatchResult()
    routing = _Routing(work, order_ids, why)
    for order in routing.by_turn():
        routing.decide(order, result)
    # The decisions were made with each one's stock taken: none of these can be short.
    inventory.reserve_stock(promises=routing.promises, work=work).raise_first()
    routing.book(result)
    routing.batch.date_missing(work)
    work.add(routing.batch.refused)
    return result


class _Routing:
    """One call of reserve_and_route: what it decides with, and what it has decided."""

    def __init__(self, work: Work, order_ids: Collection[int], why: str):
        self.work = work
        self.orders = work.lock(Order, order_ids)
        self.lines = work.lock_children(OrderLine, "order_id", list(self.orders))
        self.contacts = contacts_of(work, self.orders.values())
        self.skus = skus_of(work, [line for group in self.lines.values() for line in group])
        self.held = held_before_payment(orders=self.orders, work=work)
        if self.held:
            inventory.lock_levels(sku_ids=self.skus, work=work)
        levels = inventory.levels_to_take_from(wanted=_wanted(self.lines.values()), work=work)
        self.stock = inventory.free_of_levels(levels, order_ids=list(self.orders), work=work)
        world = routing_world(work)
        self.batch = DecidedBatch(world, world.decider(at=work.at, loads=lock_loads(world, work)), why)
        self.pins, self.avoid = _pins(work, self.orders), avoid_warehouses(work)
        self.packing = packing_rules(world.tariff.warehouses, work=work)
        self.promises: list[Promise] = []
        self.routed: list[Order] = []
        # Orders of which a part goes now: line -> its pieces.
        self.parts: dict[int, dict[int, int]] = {}

    def by_turn(self) -> list[Order]:
        """The order of work. Who holds goods comes first: nobody gets them in the moment in which they change hands."""
        urgency = orders_services.urgency
        if not self.held:
            return sorted(self.orders.values(), key=urgency)
        return sorted(self.orders.values(), key=lambda order: (order.id not in self.held, urgency(order)))

    def decide(self, order: Order, result: BatchResult) -> None:
        """Decide one order on what the earlier ones left, and take its pieces; or refuse it."""
        facts = self._facts(order)
        free = self.stock.of(shop_id=order.shop_id, order_id=order.id)
        own = self.held.get(order.id, ())
        mine = with_own(free, own, facts) if own else free
        decision = self.batch.decider.decide(facts, mine)
        is_part = False
        if decision.problem == "short" and ships_in_parts(order, self.lines[order.id], self.work):
            decider = self.batch.decider
            part = decide_part(order, self.lines[order.id], facts, decider=decider, free=mine, work=self.work)
            if part is not None:
                decision, is_part = part, True
        if decision.problem:
            self._refuse(order, facts, decision, mine, result)
            return
        assignment = self.batch.assign(decision)
        if own:
            free.update(mine)
            inventory.use_up_holds(holds=own, used=pieces_used(decision), work=self.work)
        self.batch.decider.take(decision, free)
        assignments(self.work)[order.id] = assignment
        self._promise(order, assignment)
        if is_part:
            self.parts[order.id] = assignment.pieces
        else:
            self.routed.append(order)

    def book(self, result: BatchResult) -> None:
        """What was reserved stands in the lines; what goes in parts keeps waiting for its rest."""
        waited: list[int] = []
        presales = inventory.stock_policies(self.work).presales
        # Promised to its deposit out of what was to come, and there now: it is its own.
        ahead: list[int] = []
        for order in self.routed:
            for line in self.lines[order.id]:
                if line.backordered:
                    waited.append(line.id)
                elif line.unplanned and line.sku_id in presales:
                    ahead.append(line.id)
                line.reserved += line.unplanned + line.backordered
                line.unplanned = line.backordered = 0
                self.work.save(line, "reserved", "unplanned", "backordered")
            result.done.append(order)
        if self.parts:
            keep_waiting(parts=self.parts, orders=self.orders, lines=self.lines, work=self.work)
            result.done.extend(self.orders[pk] for pk in self.parts)
        if waited or ahead:
            inventory.drop_promises(line_ids=[*waited, *ahead], cancelled=False, work=self.work)
        if waited:
            all_on_its_way(order_ids=[order.id for order in self.routed], work=self.work)

    def _facts(self, order: Order) -> OrderFacts:
        wanted = [(line, line.unplanned + line.backordered) for line in self.lines[order.id]]
        return facts_of(
            order,
            [(line, pieces) for line, pieces in wanted if pieces],
            contact=self.contacts.get(order.contact_id or 0),
            skus=self.skus,
            world=self.batch.world,
            avoid=self.avoid.get(order.id, ()),
            pin=self.pins.get(order.id),
            packing=self.packing,
        )

    def _refuse(
        self,
        order: Order,
        facts: OrderFacts,
        decision: Decision,
        free: MutableMapping[Place, int],
        result: BatchResult,
    ) -> None:
        error = self.batch.refusal(order, decision, self.contacts, self.skus)
        result.refuse(order.id, error)
        self.batch.keep_refused(order, decision, error, self.work.at)
        if decision.problem == "short":
            missing_of(self.work)[order.id] = missing_pieces(decision, free)
            in_parts = ships_in_parts(order, self.lines[order.id], self.work)
            self.batch.lacking[order.id] = (facts, free, in_parts)

    def _promise(self, order: Order, assignment: Assignment) -> None:
        sku_ids = {line.id: line.sku_id or 0 for line in self.lines[order.id]}
        self.promises.extend(
            Promise(order.id, line_id, sku_ids[line_id], parcel.warehouse_id, pieces, order.shop_id)
            for parcel in assignment.parcels
            for line_id, pieces in parcel.pieces.items()
        )


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


def avoid_warehouses(work: Work) -> dict[int, set[int]]:
    """Warehouses that are no candidates in this unit of work, by order id: those that would not ship it."""
    kept: dict[int, set[int]] = work.shared.setdefault("avoid_warehouses", {})
    return kept


@dataclass(frozen=True, slots=True)
class Content:
    """What a courier asks of a parcel. value_fen: what the buyer paid for what is in it."""

    weight_g: int
    volume_cm3: int = 0
    value_fen: int = 0


def content_of(pieces: Iterable[tuple[OrderLine, int]], skus: Mapping[int, Sku]) -> Content:
    """The measures of so many pieces of these lines together."""
    goods = [(skus[line.sku_id or 0], line, n) for line, n in pieces]
    return Content(
        weight_g=sum(line.weighs(sku) * n for sku, line, n in goods),
        volume_cm3=sum(sku.volume_cm3 * n for sku, _line, n in goods),
        value_fen=sum(value_fen(line, n) for _sku, line, n in goods),
    )


def cheapest_parcel(
    warehouse_id: int,
    contact: Contact | None,
    content: Content,
    *,
    work: Work,
    terms: Iterable[CourierTerms | None] = (),
) -> tuple[Decimal, int] | None:
    """(freight in yuan, carrier id) of the cheapest courier for a parcel from this warehouse; None if nobody takes it.

    terms: what the rules on all that is in it say of couriers.
    """
    world = routing_world(work)
    tariff = world.tariff
    division = destination_code(contact)
    zone = tariff.zone_of(division) if division is not None else -1
    if zone < 0 or warehouse_id not in tariff.warehouses:
        return None
    measures = (_one(content.weight_g), _one(content.volume_cm3), _one(content.value_fen))
    freight = tariff.freight_fen(zone, *measures)[0][tariff.warehouses.index(warehouse_id)]
    told = [each for each in terms if each is not None]
    for allowed in (row for each in told for row in each.allowed):
        freight = np.where(allowed, freight, IMPOSSIBLE)
    # A preference below zero makes nothing possible that is not; of several orders in a box the first one's counts.
    extra = next((each.extra_fen for each in told if each.extra_fen is not None), None)
    steered = freight if extra is None else np.where(freight < IMPOSSIBLE, freight + extra, IMPOSSIBLE)
    courier = int(steered.argmin())
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
