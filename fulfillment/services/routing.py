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
from fulfillment.services.order_facts import facts_of, value_fen
from fulfillment.services.routing_world import RoutingWorld, add_loads, has_pins, lock_loads, routing_world
from fulfillment.services.supply_split import all_on_its_way, decide_part, keep_waiting, ships_in_parts
from fulfillment.services.unpaid import held_before_payment
from ordercenter.audit.work import Work
from ordercenter.catalog.contacts import destination_code
from ordercenter.catalog.models import Contact, Sku
from ordercenter.common.batch import BatchResult
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.money import from_fen
from ordercenter.common.rows import new_row
from ordercenter.inventory import services as inventory
from ordercenter.inventory.errors import StockShort
from ordercenter.inventory.models import Reservation
from ordercenter.inventory.services import Promise
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
    parts: dict[int, dict[int, int]] = {}
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
        mine = with_own(free, own, facts) if own else free
        decision = batch.decider.decide(facts, mine)
        if decision.problem == "short" and ships_in_parts(order, lines[order.id], work):
            part = decide_part(order, lines[order.id], facts, decider=batch.decider, free=mine, work=work)
            if part is not None:
                decision, parts[order.id] = part, {}
        if decision.problem:
            error = batch.refusal(order, decision, contacts, skus)
            result.refuse(order.id, error)
            batch.keep_refused(order, decision, error, work.at)
            if decision.problem == "short":
                missing_of(work)[order.id] = missing_pieces(decision, free)
            continue
        assignment = batch.assign(decision)
        if own:
            free.update(mine)
            inventory.use_up_holds(holds=own, used=pieces_used(decision), work=work)
        batch.decider.take(decision, free)
        assignments(work)[order.id] = assignment
        sku_ids = {line.id: line.sku_id or 0 for line, _ in wanted}
        promises.extend(
            Promise(order.id, line_id, sku_ids[line_id], parcel.warehouse_id, pieces, order.shop_id)
            for parcel in assignment.parcels
            for line_id, pieces in parcel.pieces.items()
        )
        if order.id in parts:
            parts[order.id] = assignment.pieces
        else:
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
    if parts:
        keep_waiting(parts=parts, orders=orders, lines=lines, work=work)
        result.done.extend(orders[pk] for pk in parts)
    if waited:
        inventory.drop_promises(line_ids=waited, cancelled=False, work=work)
        all_on_its_way(order_ids=[order.id for order in routed], work=work)
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
        dated = with_dates({order_id: missing_of(work)[order_id] for order_id in short}, work=work)
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
        weight_g=sum(sku.weight_g * n for sku, _line, n in goods),
        volume_cm3=sum(sku.volume_cm3 * n for sku, _line, n in goods),
        value_fen=sum(value_fen(line, n) for _sku, line, n in goods),
    )


def cheapest_parcel(
    warehouse_id: int, contact: Contact | None, content: Content, *, work: Work
) -> tuple[Decimal, int] | None:
    """(freight in yuan, carrier id) of the cheapest courier for a parcel from this warehouse; None if nobody goes."""
    world = routing_world(work)
    tariff = world.tariff
    division = destination_code(contact)
    zone = tariff.zone_of(division) if division is not None else -1
    if zone < 0 or warehouse_id not in tariff.warehouses:
        return None
    measures = (_one(content.weight_g), _one(content.volume_cm3), _one(content.value_fen))
    freight = tariff.freight_fen(zone, *measures)[0][tariff.warehouses.index(warehouse_id)]
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
