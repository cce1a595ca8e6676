"""What decisions have to know of orders, from the rows that a unit of work has read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from fulfillment.routing.facts import LineFacts, OrderFacts, part_of
from fulfillment.routing.rule_fields import REGIONS, regions_of
from fulfillment.routing.rules import Pinned
from fulfillment.services.routing_world import RoutingWorld
from fulfillment.services.splitting import NO_PACKING, Packing
from ordercenter.catalog.contacts import destination_code
from ordercenter.catalog.models import Contact, Sku
from ordercenter.common.money import to_fen
from ordercenter.orders.models import Order, OrderLine


def facts_of(
    order: Order,
    wanted: Sequence[tuple[OrderLine, int]],
    *,
    contact: Contact | None,
    skus: Mapping[int, Sku],
    world: RoutingWorld,
    avoid: Collection[int] = (),
    pin: Pinned | None = None,
    packing: Packing = NO_PACKING,
) -> OrderFacts:
    """One order. wanted: lines with the pieces that need a way. What rules ask is looked up only when they ask it.
    packing: the rules of packing that hold, for the boxes in which it would leave."""
    # Where no contract asks for it, goods of one weight cost the same and are worked out once.
    by_volume = "divisor" in world.tariff.has
    lines = tuple(
        [
            LineFacts(
                line_id=line.id,
                sku_id=line.sku_id or 0,
                quantity=pieces,
                unit_weight_g=line.weighs(skus[line.sku_id or 0]),
                value_fen=value_fen(line, pieces),
                unit_volume_cm3=skus[line.sku_id or 0].volume_cm3 if by_volume else 0,
            )
            for line, pieces in wanted
        ]
    )
    division = destination_code(contact) or None

    def values(paths: Collection[str]) -> Mapping[str, Any]:
        return {path: _VALUES[path](order, lines, skus, division, world) for path in paths if path in _VALUES}

    return OrderFacts(
        order_id=order.id,
        grade=order.grade,
        division=division,
        lines=lines,
        ship_by=order.ship_by,
        values=values,
        goods=lambda sku_id: goods_values(skus[sku_id]),
        avoid=avoid,
        pin=pin,
        limits=packing.of(order.shop_id) if packing else {},
    )


def goods_values(sku: Sku) -> Mapping[str, Any]:
    """What rules on goods may ask of a SKU; one without a category has none, which is known."""
    return {
        "sku.code": sku.code,
        "sku.category": sku.category,
        "sku.handling": sku.handling_tags,
        "sku.weight_g": sku.weight_g,
        "sku.volume_cm3": sku.volume_cm3,
    }


def value_fen(line: OrderLine, pieces: int) -> int:
    """What the buyer paid for so many pieces of a line, which is what is declared of them: to the nearest fen, as the
    lines of shipments are."""
    return part_of(to_fen(line.paid_share), pieces, line.ordered)


_Look = Callable[[Order, Sequence[LineFacts], Mapping[int, Sku], str | None, RoutingWorld], Any]
_VALUES: Mapping[str, _Look] = {
    "order.shop": lambda order, *_: str(order.shop_id),
    "order.channel": lambda order, _lines, _skus, _division, world: world.channel_of(order.shop_id),
    "order.grade": lambda order, *_: order.grade,
    "order.paid_total": lambda order, *_: to_fen(order.paid_amount),
    "order.line_count": lambda _order, lines, *_: len(lines),
    "order.qty_total": lambda _order, lines, *_: sum(line.quantity for line in lines),
    "order.weight_g": lambda _order, lines, *_: sum(line.unit_weight_g * line.quantity for line in lines),
    "order.skus": lambda _order, lines, skus, *_: {skus[line.sku_id].code for line in lines},
    "order.categories": lambda _order, lines, skus, *_: {skus[line.sku_id].category for line in lines},
    "order.handling": lambda _order, lines, skus, *_: {
        tag for line in lines for tag in skus[line.sku_id].handling_tags
    },
    "order.ship_by": lambda order, *_: order.ship_by,
    REGIONS: lambda _order, _lines, _skus, division, _world: regions_of(division) if division else None,
}
