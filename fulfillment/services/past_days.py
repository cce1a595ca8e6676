"""Past days as decisions see them: the orders that were paid, the stock as it was, what arrived. Nothing is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import F, Q, Sum

from fulfillment.routing.decide import Decider
from fulfillment.routing.facts import Decision, Free, OrderFacts
from fulfillment.services.order_facts import facts_of
from fulfillment.services.routing_world import RoutingWorld
from fulfillment.services.splitting import packing_rules
from ordercenter.catalog.models import Contact, Sku
from ordercenter.inventory.models import Reservation, StockLevel, StockMovement
from ordercenter.inventory.states import Bucket
from ordercenter.orders.models import Order, OrderLine

SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class PastOrder:
    """An order as it came: when it was paid, and what a decision has to know."""

    at: datetime
    shop_id: int
    number: str
    facts: OrderFacts


@dataclass
class PastDay:
    """One day: orders in the order of payment, stock at its beginning, arrivals (instant, (SKU, warehouse), pieces).

    left_out: how many later orders of the day are not among them.
    """

    day: date
    orders: list[PastOrder]
    stock: dict[tuple[int, int], int]
    arrivals: list[tuple[datetime, tuple[int, int], int]] = field(default_factory=list)
    left_out: int = 0


def past_day(day: date, *, world: RoutingWorld, most: int) -> PastDay:
    """A day as it was, with its first `most` orders. Nine statements, and one more where there were more orders."""
    start = datetime.combine(day, time(), tzinfo=SHANGHAI)
    end = start + timedelta(days=1)
    of_day = Order.objects.filter(paid_at__gte=start, paid_at__lt=end)
    orders = list(of_day.order_by("paid_at", "pk")[:most])
    left_out = of_day.count() - most if len(orders) == most else 0
    past = past_orders(orders, world=world)
    sku_ids = {line.sku_id for each in past for line in each.facts.lines}
    # What comes back damaged, or is put into quarantine, is not there to be sold.
    came = StockMovement.objects.filter(at__gte=start, at__lt=end, delta__gt=0, bucket=Bucket.ON_HAND)
    arrivals = came.filter(sku_id__any_of=sorted(sku_ids))
    return PastDay(
        day,
        past,
        stock_at(start, sku_ids),
        [
            (at, (sku, w), n)
            for at, sku, w, n in arrivals.order_by("at").values_list("at", "sku_id", "warehouse_id", "delta")
        ],
        left_out,
    )


def past_orders(orders: Sequence[Order], *, world: RoutingWorld) -> list[PastOrder]:
    """These orders with what decisions ask, those that hold anything of ours. Four statements."""
    packing = packing_rules(world.tariff.warehouses)
    lines: dict[int, list[OrderLine]] = defaultdict(list)
    rows = OrderLine.objects.filter(order_id__any_of=[order.pk for order in orders], sku_id__isnull=False)
    for line in rows.order_by("pk"):
        lines[line.order_id].append(line)
    wanted = {line.sku_id or 0 for group in lines.values() for line in group}
    skus = {sku.pk: sku for sku in Sku.objects.filter(pk__any_of=sorted(wanted))}
    contacts = {c.pk: c for c in Contact.objects.filter(pk__any_of=sorted({o.contact_id or 0 for o in orders}))}
    return [
        PastOrder(
            order.paid_at or order.placed_at,
            order.shop_id,
            order.channel_order_no,
            facts_of(
                order,
                [(line, line.ordered) for line in lines[order.pk]],
                contact=contacts.get(order.contact_id or 0),
                skus=skus,
                world=world,
                packing=packing,
            ),
        )
        for order in orders
        if lines[order.pk]
    ]


def stock_at(at: datetime, sku_ids: Iterable[int]) -> dict[tuple[int, int], int]:
    """What could be promised at an instant: what lies there now less all that moved since, less what was promised then.

    Three statements.
    """
    ids = sorted(set(sku_ids))
    levels = StockLevel.objects.filter(sku_id__any_of=ids).values_list("sku_id", "warehouse_id", "on_hand")
    stock = {(sku, w): pieces for sku, w, pieces in levels}
    moves = StockMovement.objects.filter(sku_id__any_of=ids, at__gte=at, bucket=Bucket.ON_HAND)
    for sku, w, delta in moves.values_list("sku_id", "warehouse_id").annotate(moved=Sum("delta")):
        stock[sku, w] = stock.get((sku, w), 0) - delta
    promised = Reservation.objects.filter(sku_id__any_of=ids, created_at__lt=at)
    promised = promised.filter(Q(ended_at__isnull=True) | Q(ended_at__gte=at))
    for sku, w, pieces in promised.values_list("sku_id", "warehouse_id").annotate(pieces=Sum(F("quantity"))):
        stock[sku, w] = stock.get((sku, w), 0) - pieces
    return {place: max(pieces, 0) for place, pieces in stock.items()}


def replay(day: PastDay, world: RoutingWorld) -> list[tuple[PastOrder, Decision]]:
    """Decide a day's orders one after the other under this world's rules, on that day's stock.

    Those without a way try again when goods arrive, and once more at the end of the day.
    """
    return _Replay(day, world).run()


class _Replay:
    """One day under one world: what is free, what is to arrive, who waits."""

    def __init__(self, day: PastDay, world: RoutingWorld):
        self.day, self.world = day, world
        self.free: Free = dict(day.stock)
        self.arrivals = list(reversed(day.arrivals))
        self.decided: dict[int, tuple[PastOrder, Decision]] = {}
        self.waiting: list[PastOrder] = []
        self.decider: Decider | None = None
        self.hour: datetime | None = None

    def run(self) -> list[tuple[PastOrder, Decision]]:
        for order in self.day.orders:
            self.arrive(until=order.at)
            self.decide(order, order.at)
        self.arrive(until=None)
        return list(self.decided.values())

    def arrive(self, *, until: datetime | None) -> None:
        came = set()
        at = until
        while self.arrivals and (until is None or self.arrivals[-1][0] <= until):
            at, place, pieces = self.arrivals.pop()
            self.free[place] = self.free.get(place, 0) + pieces
            came.add(place[0])
        if came and at is not None:
            again = [order for order in self.waiting if any(line.sku_id in came for line in order.facts.lines)]
            self.waiting = [order for order in self.waiting if order not in again]
            for order in again:
                self.decide(order, at)

    def decide(self, order: PastOrder, at: datetime) -> None:
        decider = self.decider_at(at)
        decision = decider.decide(order.facts, self.free)
        decider.take(decision, self.free)
        self.decided[order.facts.order_id] = (order, decision)
        if decision.problem:
            self.waiting.append(order)

    def decider_at(self, at: datetime) -> Decider:
        # The calendar is looked at once an hour: cut-offs fall on hours, and a decider costs as much as ten orders.
        hour = at.replace(minute=0, second=0, microsecond=0)
        if self.decider is None or self.hour != hour:
            loads = self.decider.loads if self.decider is not None else None
            self.decider, self.hour = self.world.decider(at=at, loads=loads), hour
        return self.decider
