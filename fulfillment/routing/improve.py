"""Local search: give an order what it wants by moving the one order aside that minds least.

For an order that pays more than it would alone, the plans that it would rather have are tried, cheapest first. Where
a plan lacks one thing, every order that holds some of it is offered its best other place, all of them in one array
operation, and the one with the smallest loss makes room if both together are better off. Cost never rises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fulfillment.routing.backlog import Backlog, Floats
from fulfillment.routing.plans import Plans, best_plans, nothing_served, usage, used

_GAIN = 0.5  # fen: less is no gain but rounding
_MOST_ASKED = 400


@dataclass(slots=True)
class _Use:
    """What one plan of one order takes."""

    resources: NDArray[np.intp]
    amounts: Floats


class Standing:
    """A plan for each order of a backlog that keeps to what there is, and who holds what."""

    def __init__(self, backlog: Backlog, plans: Sequence[Plans] | None = None):
        self.backlog = backlog
        self.plans = [nothing_served(shape) for shape in backlog.shapes] if plans is None else list(plans)
        self.free = backlog.capacity - sum(
            (used(backlog, shape, each) for shape, each in zip(backlog.shapes, self.plans, strict=True)),
            np.zeros(len(backlog.capacity)),
        )
        self._holders: dict[int, set[tuple[int, int]]] = {}
        for number, (shape, each) in enumerate(zip(backlog.shapes, self.plans, strict=True)):
            plan, resource, _ = usage(backlog, shape, each)
            for row, what in zip(plan.tolist(), resource.tolist(), strict=True):
                self._holders.setdefault(what, set()).add((number, row))

    @property
    def cost(self) -> float:
        return sum(float(plans.cost.sum()) for plans in self.plans)

    def use_of(self, number: int, plan: Plans) -> _Use:
        _, resource, amount = usage(self.backlog, self.backlog.shapes[number], plan)
        if len(resource) > 1:
            resource, back = np.unique(resource, return_inverse=True)
            amount = np.bincount(back, amount).astype(np.float64)
        return _Use(resource, amount)

    def now(self, number: int, row: int) -> Plans:
        return self.plans[number].pick(np.array([row]))

    def fits(self, use: _Use) -> bool:
        return bool((self.free[use.resources] >= use.amounts).all())

    def take_out(self, number: int, row: int) -> Plans:
        """Leave the order without anything; returns what it had."""
        had = self.now(number, row)
        use = self.use_of(number, had)
        self.free[use.resources] += use.amounts
        for what in use.resources.tolist():
            self._holders[what].discard((number, row))
        return had

    def put_in(self, number: int, row: int, plan: Plans) -> None:
        """Give an order that has nothing this plan."""
        use = self.use_of(number, plan)
        self.free[use.resources] -= use.amounts
        for what in use.resources.tolist():
            self._holders.setdefault(what, set()).add((number, row))
        mine = self.plans[number]
        mine.part[row], mine.at[row], mine.cost[row] = plan.part[0], plan.at[0], plan.cost[0]

    def holders(self, resource: int) -> list[tuple[int, int]]:
        return sorted(self._holders.get(resource, ()))


def improve(standing: Standing, duals: Floats, *, enough: Callable[[], bool]) -> int:
    """Better plans until nothing improves or `enough` says so; returns how many moves were made."""
    moves = 0
    lowest = [best_plans(standing.backlog, shape, duals) for shape in standing.backlog.shapes]
    while True:
        before = moves
        for number, row in _by_gap(standing, duals, [cost for _, cost in lowest]):
            if enough():
                return moves
            moves += _better(standing, number, row, duals, lowest[number][0])
        if moves == before:
            return moves


def _by_gap(standing: Standing, duals: Floats, lowest: Sequence[Floats]) -> list[tuple[int, int]]:
    """Orders that pay more than their cheapest plan at these prices, the largest difference first."""
    found = []
    for number, (shape, plans) in enumerate(zip(standing.backlog.shapes, standing.plans, strict=True)):
        plan, resource, amount = usage(standing.backlog, shape, plans)
        gap = plans.cost + np.bincount(plan, duals[resource] * amount, minlength=len(plans.cost)) - lowest[number]
        rows = np.flatnonzero(gap > 1)
        found += [(-float(gap[row]), number, int(row)) for row in rows]
    return [(number, row) for _, number, row in sorted(found)]


def _better(standing: Standing, number: int, row: int, duals: Floats, at_prices: Plans) -> int:
    shape, backlog = standing.backlog.shapes[number], standing.backlog
    had = standing.take_out(number, row)
    only = np.array([row])
    now, _ = best_plans(backlog, shape, None, only, free=standing.free)
    best, best_cost, evicted = had, float(had.cost[0]), None
    if now.cost[0] < best_cost - _GAIN and standing.fits(standing.use_of(number, now)):
        best, best_cost = now, float(now.cost[0])
    for wish in _wishes(standing, number, row, duals, at_prices):
        if wish.cost[0] >= best_cost - _GAIN:
            continue
        found = _make_room(standing, number, row, wish, best_cost - float(wish.cost[0]) - _GAIN)
        if found is not None:
            best, evicted = wish, found
            best_cost = float(wish.cost[0]) + found[3]
    if evicted is not None:
        other_number, other_row, other_plan, _ = evicted
        standing.take_out(other_number, other_row)
        standing.put_in(other_number, other_row, other_plan)
    standing.put_in(number, row, best)
    return int(best_cost < had.cost[0] - _GAIN)


def _wishes(standing: Standing, number: int, row: int, duals: Floats, at_prices: Plans) -> list[Plans]:
    """Plans that the order would rather have: at prices, at half of them, at cost."""
    only, shape = np.array([row]), standing.backlog.shapes[number]
    offered = [at_prices.pick(only)]
    for share in (0.5, 0.0):
        offered.append(best_plans(standing.backlog, shape, duals * share, only)[0])
    different = {(*plan.part[0].tolist(), *plan.at[0].tolist()): plan for plan in offered}
    return sorted(different.values(), key=lambda plan: float(plan.cost[0]))


def _make_room(
    standing: Standing, number: int, row: int, wish: Plans, gain: float
) -> tuple[int, int, Plans, float] | None:
    """Who makes room for this plan at a loss below `gain`: (shape, row, its other plan, loss)."""
    use = standing.use_of(number, wish)
    lacking = np.flatnonzero(standing.free[use.resources] < use.amounts)
    if len(lacking) != 1:
        return None
    resource = int(use.resources[lacking[0]])
    standing.free[use.resources] -= use.amounts
    best: tuple[int, int, Plans, float] | None = None
    asked = standing.holders(resource)
    for other in range(len(standing.backlog.shapes)):
        rows = np.array([r for n, r in asked if n == other], np.intp)
        # Of very many, such as all parcels of a warehouse, some from everywhere are enough.
        rows = rows[:: -(-len(rows) // _MOST_ASKED) or 1]
        if not len(rows):
            continue
        had = standing.plans[other].pick(rows)
        plans, _ = best_plans(
            standing.backlog, standing.backlog.shapes[other], None, rows, free=standing.free, giving_back=had
        )
        loss = plans.cost - had.cost
        for i in np.argsort(loss, kind="stable")[:8]:
            if loss[i] >= gain:
                break
            if _holds(standing, other, had.pick(np.array([i])), plans.pick(np.array([i])), resource):
                gain, best = float(loss[i]), (other, int(rows[i]), plans.pick(np.array([i])), float(loss[i]))
                break
    standing.free[use.resources] += use.amounts
    return best


def _holds(standing: Standing, number: int, had: Plans, plan: Plans, resource: int) -> bool:
    """Whether nothing is overdrawn, least of all `resource`, when this order changes its plan."""
    old, new = standing.use_of(number, had), standing.use_of(number, plan)
    standing.free[old.resources] += old.amounts
    touched = np.union1d(np.union1d(old.resources, new.resources), [resource])
    standing.free[new.resources] -= new.amounts
    fine = bool((standing.free[touched] >= 0).all())
    standing.free[new.resources] += new.amounts
    standing.free[old.resources] -= old.amounts
    return fine
