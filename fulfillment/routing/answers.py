"""Plans of a backlog as choices, order by order, with every cost term in whole fen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fulfillment.routing.backlog import Backlog, Floats, Shape
from fulfillment.routing.plans import Plans
from fulfillment.routing.terms import Choice, OrderNeed, Parcel


def choices_of(backlog: Backlog, plans: Sequence[Plans], duals: Floats, wide: Mapping[int, Choice]) -> list[Choice]:
    """The choice for each order of the backlog, in its order. wide: by place, those that were chosen for one by one.

    Candidates are left out: `choice.look_around` says them for the orders whose decision is written down.
    """
    choices: list[Choice | None] = [wide.get(place) for place in range(len(backlog.orders))]
    for shape, each in zip(backlog.shapes, plans, strict=True):
        parts, at = each.part.tolist(), each.at.tolist()
        for row in range(len(shape.rows)):
            place = int(shape.rows[row])
            order = backlog.orders[place]
            parcels = tuple(
                _parcel(backlog, shape, order, row, mask, at[row][(mask & -mask).bit_length() - 1], duals)
                for mask in sorted({mask for mask in parts[row] if mask}, key=lambda mask: mask & -mask)
            )
            unfilled = tuple(line.line_id for line, mask in zip(order.lines, parts[row], strict=True) if not mask)
            choices[place] = _choice(backlog, order, parcels, unfilled)
    # An order without lines is in no shape.
    return [
        choice if choice is not None else _choice(backlog, order, (), ())
        for choice, order in zip(choices, backlog.orders, strict=True)
    ]


def _choice(backlog: Backlog, order: OrderNeed, parcels: tuple[Parcel, ...], unfilled: tuple[int, ...]) -> Choice:
    costs = backlog.costs
    return Choice(
        order_id=order.order_id,
        parcels=parcels,
        unfilled_line_ids=unfilled,
        split_fen=costs.split_fen * max(len(parcels) - 1, 0),
        unfilled_fen=costs.unfilled_fen[order.priority] * len(unfilled),
        candidates=(),
        method="backlog",
    )


def _parcel(backlog: Backlog, shape: Shape, order: OrderNeed, row: int, mask: int, w: int, duals: Floats) -> Parcel:
    tariff, costs = backlog.tariff, backlog.costs
    c = int(shape.courier[row, mask - 1, w])
    inside = [line for line in range(shape.lines) if mask >> line & 1]
    resources = [int(shape.resource[row, line, w]) for line in inside]
    made = [line for line, resource in zip(inside, resources, strict=True) if resource >= backlog.units_at]
    ready = [0]
    for line in made:
        own = order.lines[line].make_days
        ready.append(int(costs.make_days[w]) if own is None else own[w])
    days = int(tariff.days[order.zone, w, c]) + int(costs.dispatch_days[w]) + max(ready)
    late_days = max(days - order.promise_days, 0) if order.promise_days is not None else 0
    late_fen, handling_fen = late_days * costs.late_fen[order.priority], int(costs.handling_fen[w])
    extra_fen = int(order.extra_fen[w, c]) if order.extra_fen is not None else 0
    price = duals[backlog.parcels_at + w] + np.dot(duals[resources], shape.quantity[row, inside])
    return Parcel(
        warehouse=w,
        courier=c,
        warehouse_id=tariff.warehouses[w],
        courier_id=tariff.couriers[c],
        line_ids=tuple(order.lines[line].line_id for line in inside),
        made_line_ids=tuple(order.lines[line].line_id for line in made),
        weight_g=sum(order.lines[line].weight_g for line in inside),
        days=days,
        freight_fen=int(shape.money[row, mask - 1, w]) - handling_fen - late_fen - extra_fen,
        handling_fen=handling_fen,
        late_fen=late_fen,
        extra_fen=extra_fen,
        price_fen=float(price),
    )
