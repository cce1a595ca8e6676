"""Several parcels of one order: rules of packing, and what a person wants by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fulfillment.models import PackingRule, SplitWish
from fulfillment.packing.boxes import NO_LIMITS, Item, Limits, fill_boxes
from fulfillment.states import PackingKind
from ordercenter.audit.stamps import compiled
from ordercenter.audit.work import Work
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.services.review import skus_of

if TYPE_CHECKING:
    from fulfillment.services.planning import Consignment

STAMP = "packing"
# (shop, warehouse) -> limits; None stands for all of them.
Rules = dict[tuple[int | None, int | None], Limits]


@dataclass(frozen=True, slots=True)
class Packing:
    """The rules of packing, with the warehouses that are asked; false where there is no rule at all."""

    rules: Rules
    warehouses: tuple[int, ...]
    _kept: dict[int, Mapping[int, Limits]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.rules)

    def of(self, shop_id: int) -> Mapping[int, Limits]:
        """What a box of this shop may hold, by warehouse id; empty where no rule is about it."""
        if shop_id not in self._kept:
            found = {w: limits_of(self.rules, shop_id, w) for w in self.warehouses}
            self._kept[shop_id] = found if any(limits is not NO_LIMITS for limits in found.values()) else {}
        return self._kept[shop_id]


NO_PACKING = Packing({}, ())


def packing_rules(warehouses: Sequence[int], *, work: Work | None = None) -> Packing:
    """The rules that hold now, for decisions that price what is cut. One statement; none in a unit of work that knows
    them already."""
    return Packing(compiled(work, STAMP, _compile) if work is not None else _compile(), tuple(warehouses))


def cut(
    work: Work,
    group: Sequence[Consignment],
    lines: Mapping[int, tuple[Order, OrderLine]],
    wishes: Mapping[int, Sequence[SplitWish]],
) -> list[dict[int, int]]:
    """What of these consignments, which travel together, goes into which box: line id -> pieces for each box.

    Pieces that a person wants in a box of their own come first; the rest, and each such box, keeps to the rules.
    """
    first = group[0]
    limits = limits_of(compiled(work, STAMP, _compile), first.order.shop_id, first.parcel.warehouse_id)
    wanted = [wish for consignment in group for wish in wishes.get(consignment.order.id, ())]
    if limits is NO_LIMITS and not wanted:
        if len(group) == 1:
            return [dict(first.parcel.pieces)]
        return [{pk: n for consignment in group for pk, n in consignment.parcel.pieces.items()}]
    left = {pk: n for consignment in group for pk, n in consignment.parcel.pieces.items()}
    by_hand: dict[int, dict[int, int]] = defaultdict(dict)
    for wish in wanted:
        pieces = min(wish.quantity, left.get(wish.order_line_id, 0))
        if pieces:
            by_hand[wish.box][wish.order_line_id] = pieces
            left[wish.order_line_id] -= pieces
    rest = {pk: n for pk, n in left.items() if n}
    contents = [rest, *(by_hand[box] for box in sorted(by_hand))]
    skus = skus_of(work, [lines[pk][1] for content in contents for pk in content])
    boxes: list[dict[int, int]] = []
    for content in contents:
        items = []
        for pk, pieces in content.items():
            line = lines[pk][1]
            sku = skus[line.sku_id or 0]
            tags = frozenset(sku.handling_tags)
            items.append(Item(pk, pieces, line.weighs(sku), sku.volume_cm3, sku.category, tags))
        boxes.extend(fill_boxes(items, limits))
    return boxes


def wishes_of(work: Work, orders: Collection[Order]) -> dict[int, list[SplitWish]]:
    """What people want in parcels of their own, by order. One statement, or none for no order."""
    wishes: dict[int, list[SplitWish]] = defaultdict(list)
    if orders:
        for wish in SplitWish.objects.filter(order_id__any_of=[order.id for order in orders]).order_by("box", "pk"):
            wishes[wish.order_id].append(wish)
    return wishes


def limits_of(rules: Rules, shop_id: int, warehouse_id: int) -> Limits:
    """What a box of this shop from this warehouse may hold: of several limits the lowest."""
    if not rules:
        return NO_LIMITS
    found = [rules[key] for key in _places(shop_id, warehouse_id) if key in rules]
    return _tightest(found) if found else NO_LIMITS


def _places(shop_id: int, warehouse_id: int) -> tuple[tuple[int | None, int | None], ...]:
    return (None, None), (shop_id, None), (None, warehouse_id), (shop_id, warehouse_id)


def _compile() -> Rules:
    rules: dict[tuple[int | None, int | None], list[Limits]] = defaultdict(list)
    for row in PackingRule.objects.filter(is_active=True):
        rules[row.shop_id, row.warehouse_id].append(_limit_of(row))
    return {place: _tightest(limits) for place, limits in rules.items()}


def _limit_of(row: PackingRule) -> Limits:
    match row.kind:
        case PackingKind.WEIGHT:
            return Limits(weight_g=row.most)
        case PackingKind.VOLUME:
            return Limits(volume_cm3=row.most)
        case PackingKind.PIECES:
            return Limits(pieces=row.most)
        case PackingKind.CATEGORY:
            return Limits(apart_categories=frozenset({row.category}))
        case _:
            return Limits(apart_tags=frozenset({row.tag}))


def _tightest(limits: Sequence[Limits]) -> Limits:
    def least(values: Collection[int | None]) -> int | None:
        return min((value for value in values if value is not None), default=None)

    return Limits(
        weight_g=least([limit.weight_g for limit in limits]),
        volume_cm3=least([limit.volume_cm3 for limit in limits]),
        pieces=least([limit.pieces for limit in limits]),
        apart_categories=frozenset().union(*(limit.apart_categories for limit in limits)),
        apart_tags=frozenset().union(*(limit.apart_tags for limit in limits)),
    )
