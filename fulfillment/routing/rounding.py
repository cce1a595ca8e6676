"""From prices to plans that can be carried out: first come those that the programme is sure of, then the rest in
rounds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fulfillment.routing.backlog import Backlog, Floats
from fulfillment.routing.plans import Plans, best_plans, nothing_served, usage

_ROUNDS = 30


def round_plans(
    backlog: Backlog,
    duals: Floats,
    *,
    chosen: Sequence[Plans] | None = None,
    weight: Sequence[Floats] | None = None,
) -> list[Plans]:
    """A plan for each order, within the capacities. chosen, weight: plans of a linear programme and how much it took
    of each; the heavier go first. What is open afterwards takes its best plan at these prices as long as there is
    stock, then the best at cost."""
    result = [nothing_served(shape) for shape in backlog.shapes]
    open_rows = [np.ones(len(shape.rows), np.bool_) for shape in backlog.shapes]
    free = backlog.capacity.copy()
    if chosen is not None and weight is not None:
        _take_heavy(backlog, chosen, weight, result, open_rows, free)
    for number_of_round in range(_ROUNDS if result else 0):
        # The last rounds weigh money alone: nothing has to be kept for later any more.
        priced = duals if number_of_round < _ROUNDS // 2 else None
        offers, taken = [], 0
        for number, shape in enumerate(backlog.shapes):
            rows = np.flatnonzero(open_rows[number])
            offers.append(best_plans(backlog, shape, priced, rows, free=free)[0])
        for number, fits in enumerate(_first_come(backlog, offers, free)):
            plans = offers[number].pick(fits)
            _put(result[number], plans)
            served = (plans.part > 0).any(axis=1)
            open_rows[number][plans.order[served]] = False
            taken += int(served.sum())
        if not taken and priced is None:
            break
    return result


def _take_heavy(
    backlog: Backlog,
    chosen: Sequence[Plans],
    weight: Sequence[Floats],
    result: Sequence[Plans],
    open_rows: Sequence[NDArray[np.bool_]],
    free: Floats,
) -> None:
    for least in (0.99, 0.7, 0.5):
        offers = []
        for number, (plans, share) in enumerate(zip(chosen, weight, strict=True)):
            # The pool may have grown since the programme ran; new plans stand at its end.
            heavy = np.flatnonzero(share > least)
            heavy = heavy[open_rows[number][plans.order[heavy]]]
            offers.append(plans.pick(heavy))
        for number, fits in enumerate(_first_come(backlog, offers, free)):
            plans = offers[number].pick(fits)
            _put(result[number], plans)
            open_rows[number][plans.order] = False


def _first_come(backlog: Backlog, offers: Sequence[Plans], free: Floats) -> list[NDArray[np.bool_]]:
    """Which offers find what they need if those before them took theirs; that is taken from `free`. Orders of many
    lines go first: they have the fewest ways out."""
    sizes = [len(plans.cost) for plans in offers]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    uses = [usage(backlog, shape, plans) for shape, plans in zip(backlog.shapes, offers, strict=True)]
    plan = np.concatenate([each[0] + start for each, start in zip(uses, starts, strict=False)])
    resource = np.concatenate([each[1] for each in uses])
    amount = np.concatenate([each[2] for each in uses])
    lines = np.concatenate([np.full(size, shape.lines) for size, shape in zip(sizes, backlog.shapes, strict=True)])
    cost = np.concatenate([plans.cost for plans in offers])
    rank = np.empty(len(cost), np.intp)
    rank[np.lexsort((np.arange(len(cost)), cost, -lines))] = np.arange(len(cost))
    fits = np.ones(len(cost), np.bool_)
    # Those that do not fit must not stand before others: without them the sums are looked at once more.
    while len(plan):
        order = np.lexsort((rank[plan], resource))
        sorted_resource, sums = resource[order], np.cumsum(amount[order])
        first = np.concatenate([[True], sorted_resource[1:] != sorted_resource[:-1]])
        before = np.maximum.accumulate(np.where(first, sums - amount[order], 0))
        over = sums - before > free[sorted_resource] + 1e-9
        if not over.any():
            break
        # On each resource only the first that is too much falls, and what comes after it is asked again.
        failing = order[over & np.concatenate([[True], ~over[:-1] | first[1:]])]
        fits[plan[failing]] = False
        kept = fits[plan]
        plan, resource, amount = plan[kept], resource[kept], amount[kept]
    np.subtract.at(free, resource, amount)
    return np.split(fits, starts[1:-1])


def _put(into: Plans, plans: Plans) -> None:
    into.part[plans.order], into.at[plans.order], into.cost[plans.order] = plans.part, plans.at, plans.cost
