"""Who would be affected by a draft: the last orders under both rule sets, each by itself. Reads, never writes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace

from django.utils import timezone

from fulfillment.models import ShipmentLine
from fulfillment.routing.explain import Explanation, explain
from fulfillment.routing.facts import Decision
from fulfillment.routing.record import record_of
from fulfillment.routing.rule_document import RuleDocument
from fulfillment.services.explaining import names_for, sentences_of
from fulfillment.services.past_days import past_orders
from fulfillment.services.routing_world import current_world
from ordercenter.inventory.models import StockLevel
from ordercenter.orders.models import Order


@dataclass(frozen=True)
class Affected:
    """An order that the draft would send another way. saved_fen: below zero where the draft is dearer."""

    order_id: int
    number: str
    base: Explanation
    trial: Explanation
    saved_fen: int


@dataclass
class Preview:
    """orders: looked at; affected: those that differ, the dearest first."""

    orders: int = 0
    affected: list[Affected] = field(default_factory=list)
    saved_fen: int = 0
    unfilled_before: int = 0
    unfilled_after: int = 0


def preview_rules(*, base: RuleDocument, trial: RuleDocument, most: int) -> Preview:
    """The last paid orders under both rule sets: on the stock that is free now, and each with the goods it had itself.

    A constant number of statements.
    """
    world, now = current_world(), timezone.now()
    orders = list(Order.objects.filter(paid_at__isnull=False).order_by("-pk")[:most])
    past = past_orders(orders, world=world)
    own: dict[int, dict[tuple[int, int], int]] = defaultdict(lambda: defaultdict(int))
    lines = ShipmentLine.objects.filter(order_id__any_of=[o.pk for o in orders]).exclude(shipment__state="cancelled")
    for order_id, sku_id, warehouse_id, n in lines.values_list(
        "order_id", "sku_id", "shipment__warehouse_id", "quantity"
    ):
        own[order_id][sku_id, warehouse_id] += n
    sku_ids = sorted({line.sku_id for each in past for line in each.facts.lines})
    levels = StockLevel.objects.filter(sku_id__any_of=sku_ids)
    free = {(level.sku_id, level.warehouse_id): max(level.free, 0) for level in levels}
    worlds = [world.with_rules(base), world.with_rules(trial)]
    deciders = [each.decider(at=now) for each in worlds]
    found = Preview(orders=len(past))
    names = replace(names_for([]), rules={**sentences_of(base), **sentences_of(trial)})
    for order in past:
        mine = own[order.facts.order_id]
        stock = {**free, **{place: free.get(place, 0) + n for place, n in mine.items()}}
        before, after = (decider.decide(order.facts, stock) for decider in deciders)
        found.unfilled_before += bool(before.problem)
        found.unfilled_after += bool(after.problem)
        if way_of(before) != way_of(after):
            saved = cost_of(before) - cost_of(after) if not before.problem and not after.problem else 0
            found.saved_fen += saved
            words = [
                explain(record_of(d, w.versions, tariff=w.tariff, carriers=w.carriers), names)
                for d, w in zip((before, after), worlds, strict=True)
            ]
            found.affected.append(Affected(order.facts.order_id, order.number, words[0], words[1], saved))
    found.affected.sort(key=lambda each: each.saved_fen)
    return found


def way_of(decision: Decision) -> object:
    """What makes two decisions the same for the buyer and the warehouse: which lines leave from where, by whom."""
    if decision.problem or decision.choice is None:
        return decision.problem
    parcels = decision.choice.parcels
    return sorted(
        (p.warehouse_id, p.courier_id, tuple(sorted(decision.pieces_of(p.line_ids).items()))) for p in parcels
    )


def cost_of(decision: Decision) -> int:
    """What it costs in money, without what rules add to prefer or avoid: that is nobody's bill."""
    if decision.problem or decision.choice is None:
        return 0
    return decision.choice.cost_fen - sum(parcel.extra_fen for parcel in decision.choice.parcels)
