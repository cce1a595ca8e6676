"""What an order costs that leaves a warehouse in several boxes, because rules of packing let no single one hold it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fulfillment.packing.boxes import NO_LIMITS, Item, Limits, fill_boxes
from fulfillment.routing.tariff import IMPOSSIBLE, Tariff

if TYPE_CHECKING:
    from fulfillment.routing.terms import LineNeed

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Boxing:
    """The limits of a box by warehouse index, and one piece of each SKU as packing sees it.

    The boxes are those that planning makes of the same pieces (`packing.boxes.fill_boxes`), so that what is priced is
    what is sent. One courier takes all boxes of a warehouse here; planning may find a cheaper one for a single box.
    """

    limits: tuple[Limits, ...]
    goods: Mapping[int, Item]

    def freight(
        self,
        tariff: Tariff,
        zone: int,
        contents: Sequence[Sequence[LineNeed]],
        at: Sequence[int],
    ) -> tuple[Ints, Ints]:
        """([contents, at, couriers] what all boxes of a content cost from a warehouse, IMPOSSIBLE where a courier does
        not take one of them; [contents, at] how many boxes). at: warehouse indexes."""
        freight = np.zeros((len(contents), len(at), len(tariff.couriers)), np.int64)
        counts = np.ones((len(contents), len(at)), np.int64)
        by_limits: dict[Limits, list[int]] = {}
        for a, w in enumerate(at):
            by_limits.setdefault(self.limits[w], []).append(a)
        for n, lines in enumerate(contents):
            for limits, places in by_limits.items():
                boxes = self._measures(lines, limits)
                houses = np.array([at[a] for a in places], np.intp)
                each = tariff.freight_fen(zone, boxes[:, 0], boxes[:, 1], boxes[:, 2], at=houses)
                freight[n, places] = np.where((each >= IMPOSSIBLE).any(axis=0), IMPOSSIBLE, each.sum(axis=0))
                counts[n, places] = len(boxes)
        return freight, counts

    def _measures(self, lines: Sequence[LineNeed], limits: Limits) -> Ints:
        """[boxes, 3]: weight, volume and value of each."""
        by_id = {line.line_id: line for line in lines}
        items = [replace(self.goods[line.sku_id], key=line.line_id, pieces=line.quantity) for line in lines]
        rows = []
        for content in fill_boxes(items, limits):
            weight = volume = value = 0
            for line_id, pieces in content.items():
                line = by_id[line_id]
                weight += line.weight_g // line.quantity * pieces
                volume += line.volume_cm3 // line.quantity * pieces
                # To the nearest fen, as the lines of shipments are.
                value += (2 * line.value_fen * pieces + line.quantity) // (2 * line.quantity)
            rows.append((weight, volume, value))
        return np.array(rows, np.int64).reshape(-1, 3)


def boxing_of(
    lines: Sequence[LineNeed],
    warehouses: Sequence[int],
    limits: Mapping[int, Limits],
    goods: Callable[[int], Mapping[str, Any]],
) -> Boxing | None:
    """How these lines are packed, or None where one box holds them all wherever they leave from.

    limits: by warehouse id. goods: what is known of a SKU, by path (`order_facts.goods_values`).
    """
    known = {sku_id: _piece(goods(sku_id)) for sku_id in {line.sku_id for line in lines}}
    items = [replace(known[line.sku_id], key=line.line_id, pieces=line.quantity) for line in lines]
    kinds = set(limits.values())
    if not any(len(fill_boxes(items, each)) > 1 for each in kinds):
        return None
    return Boxing(tuple(limits.get(w, NO_LIMITS) for w in warehouses), known)


def _piece(values: Mapping[str, Any]) -> Item:
    return Item(
        None,
        1,
        values.get("sku.weight_g") or 0,
        values.get("sku.volume_cm3") or 0,
        values.get("sku.category") or "",
        frozenset(values.get("sku.handling") or ()),
    )
