"""Stock changes hands (改配): an urgent order that lacks goods gets those that less urgent ones are promised.

Only what no warehouse was told of yet: reserved goods, and shipments that are still kept back. Who gives waits for
supply again, with a date, and its flow goes on when goods arrive.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import nsmallest
from typing import Any

from fulfillment.errors import TakeoverImpossible
from fulfillment.models import RoutingPin, Shipment, ShipmentLine
from fulfillment.routing.decide import Decider
from fulfillment.routing.facts import Decision
from fulfillment.routing.rules import Pinned
from fulfillment.services.anew import ROUTING
from fulfillment.services.order_facts import facts_of
from fulfillment.services.routing import pieces_used
from fulfillment.services.routing_world import RoutingWorld, lock_loads, routing_world
from fulfillment.services.splitting import packing_rules
from fulfillment.services.stopping import shipments_of
from fulfillment.states import ShipmentState
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.catalog.models import Contact, Sku
from ordercenter.common.actor import Actor
from ordercenter.events.types import ShipmentCancelled, StockGivenUp, StockTakenOver, UrgentOrderWaits
from ordercenter.inventory import services as inventory
from ordercenter.inventory.services import Giver
from ordercenter.inventory.services.levels import Place
from ordercenter.orders import services as orders_services
from ordercenter.orders.errors import OrderUnknown
from ordercenter.orders.models import Hold, Order, OrderLine
from ordercenter.orders.services.holding import Finding
from ordercenter.orders.services.lookups import contacts_of, skus_of
from ordercenter.orders.states import Grade, OrderState
from ordercenter.workflow import services as workflow

CODE = "OUT_OF_STOCK"
RANKS: Mapping[str, int] = {Grade.NORMAL: 0, Grade.VIP: 1, Grade.RUSH: 2}
# So many of the least urgent orders that have the goods are looked at.
MOST_GIVERS = 200
BY_RULE = "the rule of the goods"


@dataclass
class Candidate:
    """An order that could give: what it is promised of the wanted goods, and its shipments that are kept back."""

    order: Order
    pieces: Mapping[Place, int]
    shipments: Sequence[Shipment]

    @property
    def by_sku(self) -> dict[int, int]:
        total: dict[int, int] = defaultdict(int)
        for (sku_id, _warehouse), pieces in self.pieces.items():
            total[sku_id] += pieces
        return dict(total)


@dataclass
class Takeover:
    """What would happen, or has happened. problem: why nothing does, "" where something does.

    not_waiting: the order does not wait for goods alone; low_grade; no_cap: none of the goods may change hands;
    cap_used: not so many more today; nobody: no less urgent order has them; no_way: even with them it cannot ship;
    no_need: what it lacks is free; over_most: more would change hands than the flow allows for one order.
    """

    order: Order
    problem: str = ""
    givers: list[Candidate] = field(default_factory=list)
    allowances: Mapping[int, inventory.Allowance] = field(default_factory=dict)
    promised: Mapping[int, int] = field(default_factory=dict)


def preview_takeover(*, order_id: int, shop_ids: Collection[int] | None = None, at: datetime | None = None) -> Takeover:
    """From whom this order would get what it lacks, were it done now. Nothing is changed. Raises OrderUnknown.

    shop_ids: whose orders may give; None for all shops.
    """
    with unit_of_work(at=at) as work:
        desk = _Desk([order_id], work, shop_ids=shop_ids)
        return desk.plan(desk.taker(order_id))


def take_over_stock(
    *,
    order_id: int,
    reason: str,
    actor: Actor,
    shop_ids: Collection[int] | None = None,
    at: datetime | None = None,
) -> Takeover:
    """Give this order what it lacks from less urgent ones, by hand; within the caps of the goods.

    shop_ids: whose orders may give: those of the shops that the person may see, None for all. The order is reserved in
    the same transaction and goes on in its flow; the givers wait for supply (OUT_OF_STOCK).
    Raises OrderUnknown, ReasonMissing, TakeoverImpossible; nothing is changed then. The reason is kept with the pieces
    and as a deed. Emits StockTakenOver, StockGivenUp, OrderReleased, OrderAwaitingSupply.
    """
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        desk = _Desk([order_id], work, shop_ids=shop_ids)
        takeover = desk.plan(desk.taker(order_id))
        if takeover.problem:
            raise TakeoverImpossible(order_id=order_id, problem=takeover.problem)
        desk.carry_out(takeover, reason)
        givers = [giver.order.channel_order_no for giver in takeover.givers]
        details = {"from": givers, "pieces": sum(sum(giver.pieces.values()) for giver in takeover.givers)}
        record_deed(work, action="order.take_over", subject=f"order:{order_id}", reason=reason, details=details)
        for giver in takeover.givers:
            record_deed(
                work,
                action="order.give_up",
                subject=f"order:{giver.order.pk}",
                reason=reason,
                details={"to": takeover.order.channel_order_no},
            )
    return takeover


@dataclass(frozen=True, slots=True)
class TakeoverWish:
    """What a flow wants for an order. grades: only of these it takes; pieces: at most so many in one takeover, 0: as
    the caps of the goods allow."""

    grades: Collection[str]
    pieces: int = 0


def tell_urgent(*, order_ids: Collection[int], work: Work) -> None:
    """Of these orders, which have begun to wait for goods or have become more urgent, tell those that are urgent and
    wait. Emits UrgentOrderWaits. One statement while no SKU has a cap.
    """
    if not order_ids or not inventory.stock_policies(work).caps:
        return
    for pk, grade in _urgent(order_ids):
        work.record(UrgentOrderWaits(order_id=pk, grade=grade))


def take_over_by_rule(*, wishes: Mapping[int, TakeoverWish], work: Work) -> list[Takeover]:
    """The same for orders of which a flow wants it, as far as the caps of their goods allow it; most urgent first.

    wishes: by order id. An order that waits no more, or whose grade is none of those, is passed over: asked again,
    nothing happens. Returns what was done. One statement while no SKU has a cap.
    """
    if not wishes or not inventory.stock_policies(work).caps:
        return []
    ids = [pk for pk, _grade in _urgent(wishes)]
    if not ids:
        return []
    desk = _Desk(ids, work)
    done = []
    for order in sorted((desk.taker(pk) for pk in ids), key=orders_services.urgency):
        wish = wishes[order.pk]
        if order.grade not in wish.grades:
            continue
        takeover = desk.plan(order, most=wish.pieces)
        if not takeover.problem:
            desk.carry_out(takeover, BY_RULE)
            done.append(takeover)
    return done


def _urgent(order_ids: Collection[int]) -> list[tuple[int, str]]:
    """(order, grade) of those that wait for goods and are not normal ones. One statement."""
    rows = Order.objects.filter(pk__in=order_ids, state=OrderState.AWAITING_SUPPLY).exclude(grade=Grade.NORMAL)
    return list(rows.order_by("pk").values_list("pk", "grade"))


class _Desk:
    """Takers, all who could give, and the stock: locked in the order of all, orders, shipments, lines, stock."""

    def __init__(self, order_ids: Sequence[int], work: Work, *, shop_ids: Collection[int] | None = None):
        self.work = work
        caps = inventory.stock_policies(work).caps
        wanted = OrderLine.objects.filter(order_id__in=order_ids, backordered__gt=0)
        self.skus = {sku for sku in wanted.values_list("sku_id", flat=True) if sku is not None}
        capped = self.skus & caps.keys()
        candidates = _least_urgent(capped, order_ids, shop_ids) if capped else []
        self.orders = work.lock(Order, {*order_ids, *candidates})
        shipments = shipments_of(work, candidates)
        self.lines = work.lock_children(OrderLine, "order_id", list(self.orders))
        self.levels = inventory.lock_stock_of(order_ids=candidates, sku_ids=self.skus, work=work)
        alone = _alone({s.pk for group in shipments.values() for s in group})
        self.kept_back = {
            pk: [s for s in shipments.get(pk, ()) if s.state != ShipmentState.CANCELLED] for pk in candidates
        }
        self.able = {
            pk
            for pk in candidates
            if pk in self.orders and _may_give(self.orders[pk], self.kept_back[pk], self.lines[pk], alone)
        }
        self.promised = _by_order(capped, self.able, self.kept_back)
        self.holds: dict[int, set[str]] = defaultdict(set)
        rows = Hold.objects.filter(order_id__in=order_ids, released_at__isnull=True)
        for pk, code in rows.values_list("order_id", "code"):
            self.holds[pk].add(code)
        self.pins = {
            pin.order_id: Pinned(pin.warehouse_id, pin.policy)
            for pin in RoutingPin.objects.filter(order_id__in=order_ids, ended_at__isnull=True)
        }

    def taker(self, order_id: int) -> Order:
        if order_id not in self.orders:
            raise OrderUnknown(order_id=order_id)
        return self.orders[order_id]

    def plan(self, order: Order, *, most: int = 0) -> Takeover:
        """Who gives: the least urgent, no more than needed, within the caps; such that the order can ship then.

        most: pieces that may change hands for it, 0: no limit but the caps.
        """
        if order.state != OrderState.AWAITING_SUPPLY or self.holds[order.pk] != {CODE}:
            return Takeover(order, "not_waiting")
        rank = RANKS.get(order.grade, 0)
        if not rank:
            return Takeover(order, "low_grade")
        wanted = {line.sku_id or 0 for line in self.lines[order.pk] if line.backordered}
        if not wanted & inventory.stock_policies(self.work).caps.keys():
            return Takeover(order, "no_cap")
        lower = [c for c in self._candidates(wanted) if RANKS.get(c.order.grade, 0) < rank]
        promised: dict[int, int] = dict.fromkeys(wanted, 0)
        for candidate in lower:
            for sku_id, pieces in candidate.by_sku.items():
                promised[sku_id] += pieces
        allowed = inventory.allowances(promised=promised, work=self.work)
        answer = Takeover(order, "", [], allowed, promised)
        if not lower:
            answer.problem = "nobody"
            return answer
        within = _within(lower, {sku_id: allowance.left for sku_id, allowance in allowed.items()})
        decision, free = self._decide(order, within)
        if decision.problem:
            # Would it ship with all that the less urgent ones have?
            capped = len(within) < len(lower) and not self._decide(order, lower)[0].problem
            answer.problem = "cap_used" if capped else "no_way"
            return answer
        answer.givers = _needed(decision, free, within)
        if not answer.givers:
            # It could ship as things are: it has only to be let go.
            answer.problem = "no_need"
        elif most and sum(sum(giver.pieces.values()) for giver in answer.givers) > most:
            answer.problem, answer.givers = "over_most", []
        return answer

    def carry_out(self, takeover: Takeover, reason: str) -> None:
        """Givers first, then the order, whose flow runs the routing on what is free now."""
        work, order = self.work, takeover.order
        for giver in takeover.givers:
            self._give_up(giver)
        rows = inventory.take_over(
            taker_order_id=order.pk,
            taker_rank=RANKS[order.grade],
            givers=[Giver(g.order.pk, RANKS.get(g.order.grade, 0), bool(g.shipments)) for g in takeover.givers],
            promised=takeover.promised,
            reason=reason,
            work=work,
        )
        ids = [giver.order.pk for giver in takeover.givers]
        orders_services.wait_for_supply(order_ids=ids, work=work).raise_first()
        codes = dict(Sku.objects.filter(pk__in={row.sku_id for row in rows}).values_list("pk", "code"))
        findings = {}
        for giver in takeover.givers:
            names = sorted(codes[sku_id] for sku_id in giver.by_sku)
            evidence: dict[str, Any] = {"skus": names, "given_to": order.channel_order_no, "why": reason}
            findings[giver.order.pk] = [Finding(CODE, evidence, root_cause=f"{CODE}:{names[0]}"[:160])]
            pieces = sum(giver.pieces.values())
            work.record(StockGivenUp(order_id=giver.order.pk, to_order_id=order.pk, pieces=pieces, reason=reason[:200]))
        orders_services.hold_orders(findings=findings, work=work)
        workflow.rewind(subjects=[f"order:{pk}" for pk in ids], use=ROUTING, code=CODE, work=work)
        self.able -= set(ids)
        total = sum(row.pieces for row in rows)
        work.record(StockTakenOver(order_id=order.pk, from_order_ids=tuple(ids), pieces=total, reason=reason[:200]))
        orders_services.release_holds(
            order_ids=[order.pk], codes=[CODE], reason=reason, accepted=False, work=work
        ).raise_first()
        workflow.run_stopped_again(subjects=[f"order:{order.pk}"], work=work)
        if any(line.backordered or line.unplanned for line in self.lines[order.pk]):
            raise TakeoverImpossible(order_id=order.pk, problem="no_way")

    def _give_up(self, giver: Candidate) -> None:
        work, order = self.work, giver.order
        for shipment in giver.shipments:
            shipment.cancel()
            work.save(shipment)
            work.record(
                ShipmentCancelled(shipment_id=shipment.pk, order_ids=(order.pk,)), because=f"order:{giver.order.pk}"
            )
        if giver.shipments:
            order.return_to_routing()
            work.save(order)
        for line in self.lines[order.pk]:
            line.unplanned, line.reserved, line.released = line.unplanned + line.reserved + line.released, 0, 0
            work.save(line, "unplanned", "reserved", "released")

    def _candidates(self, wanted: Collection[int]) -> list[Candidate]:
        """The least urgent first."""
        found = []
        for pk in self.able:
            pieces = {place: n for place, n in self.promised[pk].items() if place[0] in wanted}
            if pieces:
                found.append(Candidate(self.orders[pk], pieces, self.kept_back[pk]))
        key = orders_services.urgency
        found.sort(key=lambda c: key(c.order), reverse=True)
        found.sort(key=lambda c: RANKS.get(c.order.grade, 0))
        return found

    def _decide(self, order: Order, givers: Sequence[Candidate]) -> tuple[Decision, dict[Place, int]]:
        """The way of the order, had these given; and what is free without them."""
        work, world = self.work, routing_world(self.work)
        stock = inventory.free_of_levels(self.levels, order_ids=[order.pk], work=work)
        pieces_of_it = stock.of(shop_id=order.shop_id, order_id=order.pk)
        free = {place: max(0, pieces_of_it[place]) for place in pieces_of_it}
        more = dict(free)
        for giver in givers:
            for place, pieces in giver.pieces.items():
                more[place] = more.get(place, 0) + pieces
        lines = [(line, line.backordered) for line in self.lines[order.pk] if line.backordered]
        contact: Contact | None = contacts_of(work, [order]).get(order.contact_id or 0)
        facts = facts_of(
            order,
            lines,
            contact=contact,
            skus=skus_of(work, [line for line, _pieces in lines]),
            world=world,
            pin=self.pins.get(order.pk),
            packing=packing_rules(world.tariff.warehouses, work=work),
        )
        return self._decider(world).decide(facts, more), free

    def _decider(self, world: RoutingWorld) -> Decider:
        return world.decider(at=self.work.at, loads=lock_loads(world, self.work))


def _least_urgent(sku_ids: Collection[int], takers: Collection[int], shop_ids: Collection[int] | None) -> list[int]:
    """Orders that are promised these goods and might give them, as far as can be seen without locks."""
    ids = {row[0] for row in inventory.givable(sku_ids=sku_ids)} - set(takers)
    rows = Order.objects.filter(
        pk__any_of=sorted(ids), state__in=[OrderState.APPROVED, OrderState.IN_FULFILLMENT], is_on_hold=False
    ).exclude(grade=Grade.RUSH)
    if shop_ids is not None:
        rows = rows.filter(shop_id__in=shop_ids)
    found = rows.values_list("pk", "grade", "priority", "ship_by", "placed_at")
    least = nsmallest(MOST_GIVERS, found, key=lambda r: (RANKS.get(r[1], 0), r[2], -(r[3] or r[4]).timestamp(), -r[0]))
    return sorted(row[0] for row in least)


def _may_give(order: Order, shipments: Sequence[Shipment], lines: Sequence[OrderLine], alone: Collection[int]) -> bool:
    """Whether no warehouse was told of anything of it, nothing of it has left, and nobody travels with it."""
    if order.is_on_hold or any(line.shipped or line.backordered for line in lines):
        return False
    if not shipments:
        return bool(order.state == OrderState.APPROVED)
    kept_back = all(s.state == ShipmentState.PLANNED and s.release_at is not None and s.pk in alone for s in shipments)
    return bool(order.state == OrderState.IN_FULFILLMENT and kept_back)


def _alone(shipment_ids: Collection[int]) -> set[int]:
    """Those of these shipments that carry goods of one order only."""
    members: dict[int, set[int]] = defaultdict(set)
    rows = ShipmentLine.objects.filter(shipment_id__any_of=sorted(shipment_ids))
    for shipment_id, order_id in rows.values_list("shipment_id", "order_id"):
        members[shipment_id].add(order_id)
    return {pk for pk, order_ids in members.items() if len(order_ids) == 1}


def _by_order(
    sku_ids: Collection[int], able: Collection[int], kept_back: Mapping[int, Sequence[Shipment]]
) -> dict[int, dict[Place, int]]:
    """What each of these orders is promised of the goods, under the lock of their stock rows."""
    found: dict[int, dict[Place, int]] = defaultdict(lambda: defaultdict(int))
    for order_id, sku_id, warehouse_id, pieces, is_allocated in inventory.givable(sku_ids=sku_ids):
        if order_id in able and (not is_allocated or kept_back[order_id]):
            found[order_id][sku_id, warehouse_id] += pieces
    return found


def _within(candidates: Sequence[Candidate], left: Mapping[int, int]) -> list[Candidate]:
    """The least urgent of these whose pieces together keep to the caps. A giver gives all it has of the goods."""
    rest, within = dict(left), []
    for candidate in candidates:
        wanted = candidate.by_sku
        if all(pieces <= rest.get(sku_id, 0) for sku_id, pieces in wanted.items()):
            within.append(candidate)
            for sku_id, pieces in wanted.items():
                rest[sku_id] -= pieces
    return within


def _needed(decision: Decision, free: Mapping[Place, int], candidates: Sequence[Candidate]) -> list[Candidate]:
    """The least urgent of these that together give what the decision uses beyond what is free, and no more of them."""
    used = pieces_used(decision)
    lacking = {place: n - free.get(place, 0) for place, n in used.items() if n > free.get(place, 0)}
    chosen: list[Candidate] = []
    for candidate in candidates:
        if any(lacking.get(place, 0) > 0 for place in candidate.pieces):
            chosen.append(candidate)
            for place, pieces in candidate.pieces.items():
                lacking[place] = lacking.get(place, 0) - pieces
    for candidate in reversed(list(chosen)):
        if all(lacking.get(place, 0) + pieces <= 0 for place, pieces in candidate.pieces.items() if place in used):
            chosen.remove(candidate)
            for place, pieces in candidate.pieces.items():
                lacking[place] = lacking.get(place, 0) + pieces
    return chosen
