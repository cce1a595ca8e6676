"""Small whole-number programmes: a few hundred orders that want the same things are planned anew together, exactly.

A block grows from an order that pays more than it would alone: who holds what it wants, what those would rather have,
and so on. Everything outside the block stays as it is, so a better block is a better plan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fulfillment.routing.backlog import Backlog, Floats
from fulfillment.routing.columns import Pool, matrix_of, pick_whole
from fulfillment.routing.improve import Standing
from fulfillment.routing.plans import Plans, best_plans, join, usage, used

_GAIN = 0.5
_FEW, _MANY = 100, 450
_MOST_SECONDS = 3.0


@dataclass(slots=True)
class _Catalogue:
    """The plans of one shape that are worth a look, sorted by order, and what they use."""

    plans: Plans
    start: NDArray[np.intp]
    wanted: NDArray[np.intp]  # resources, by plan
    wanted_start: NDArray[np.intp]

    def of(self, rows: NDArray[np.intp]) -> Plans:
        return self.plans.pick(_ranges(self.start, rows))

    def wants(self, row: int) -> NDArray[np.intp]:
        first, last = self.start[row], self.start[row + 1]
        return self.wanted[self.wanted_start[first] : self.wanted_start[last]]


def _ranges(start: NDArray[np.intp], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    length = start[rows + 1] - start[rows]
    offset = np.repeat(start[rows] - np.concatenate([[0], np.cumsum(length)[:-1]]), length)
    ranges: NDArray[np.intp] = np.arange(int(length.sum())) + offset
    return ranges


class Blocks:
    """Replans blocks of a standing. worth_fen: plans that are dearer than an order's cheapest by more than this, at
    these prices, are not looked at."""

    def __init__(self, standing: Standing, pool: Pool, duals: Floats, *, seed: int, worth_fen: float = 1500):
        self.standing, self.duals = standing, duals
        self.random = np.random.default_rng(seed)
        self.lowest = [best_plans(standing.backlog, shape, duals)[1] for shape in standing.backlog.shapes]
        self.catalogues = [self._catalogue(number, pool.of(number), worth_fen) for number in range(len(self.lowest))]
        self.size = 300
        self.tried = self.gained = 0

    def _catalogue(self, number: int, plans: Plans, worth_fen: float) -> _Catalogue:
        shape = self.standing.backlog.shapes[number]
        plans = plans.pick(self._price(number, plans) - self.lowest[number][plans.order] < worth_fen)
        plans = plans.pick(np.argsort(plans.order, kind="stable"))
        start = np.searchsorted(plans.order, np.arange(len(shape.rows) + 1))
        plan, resource, _ = usage(self.standing.backlog, shape, plans)
        # Parcels are wanted by everybody; whom to ask is decided by goods.
        goods = resource < self.standing.backlog.parcels_at
        plan, resource = plan[goods], resource[goods]
        by_plan = np.argsort(plan, kind="stable")
        wanted_start = np.searchsorted(plan[by_plan], np.arange(len(plans.cost) + 1))
        return _Catalogue(plans, start, resource[by_plan], wanted_start)

    def _price(self, number: int, plans: Plans) -> Floats:
        plan, resource, amount = usage(self.standing.backlog, self.standing.backlog.shapes[number], plans)
        return plans.cost + np.bincount(plan, self.duals[resource] * amount, minlength=len(plans.cost))

    def gaps(self) -> list[Floats]:
        """For each order, by shape, what it pays above its cheapest plan at these prices."""
        return [self._price(n, plans) - self.lowest[n] for n, plans in enumerate(self.standing.plans)]

    def run(self, *, seconds_left: Callable[[], float], most: int) -> int:
        """Replan up to so many blocks, while there is time; returns how many were better."""
        better = 0
        gaps = self.gaps()
        keys = [(number, row) for number, gap in enumerate(gaps) for row in np.flatnonzero(gap > 1).tolist()]
        if not keys:
            return 0
        weight = np.array([gaps[number][row] for number, row in keys])
        order = np.argsort(-weight * self.random.uniform(0.2, 1, len(weight)), kind="stable")
        covered: set[tuple[int, int]] = set()
        dirty = {keys[i]: float(weight[i]) for i in order}
        for i in order.tolist():
            if most <= 0 or seconds_left() < 0.3:
                break
            if keys[i] in covered:
                continue
            block = self._grow(keys[i], dirty)
            covered |= {key for key in block if key in dirty}
            better += self._replan(block, seconds_left())
            most -= 1
        return better

    def _grow(self, seed: tuple[int, int], dirty: dict[tuple[int, int], float]) -> list[tuple[int, int]]:
        """Orders around this one, by who holds what they want."""
        block, edge, asked = {seed: None}, [seed], set[int]()
        while edge and len(block) < self.size:
            found: list[tuple[int, int]] = []
            for number, row in edge:
                for resource in np.unique(self.catalogues[number].wants(row)).tolist():
                    if resource in asked or self.standing.free[resource] > 1:
                        continue
                    asked.add(resource)
                    found += [key for key in self.standing.holders(resource) if key not in block]
            found = list(dict.fromkeys(found))
            room = self.size - len(block)
            if len(found) > room:
                # Those that pay too much are in any case worth asking; of the others some.
                chance = np.array([2.0 if key in dirty else 0.0 for key in found]) + self.random.random(len(found))
                found = [found[i] for i in np.argsort(-chance, kind="stable")[:room]]
            block.update(dict.fromkeys(found))
            edge = found
        return list(block)

    def _replan(self, block: Sequence[tuple[int, int]], seconds: float) -> int:
        backlog, standing = self.standing.backlog, self.standing
        rows = [
            np.array(sorted(row for n, row in block if n == number), np.intp) for number in range(len(backlog.shapes))
        ]
        now = [plans.pick(each) for plans, each in zip(standing.plans, rows, strict=True)]
        chosen = [
            join([mine, catalogue.of(each)]) for mine, catalogue, each in zip(now, self.catalogues, rows, strict=True)
        ]
        capacity = standing.free.copy()
        for shape, plans in zip(backlog.shapes, now, strict=True):
            capacity += used(backlog, shape, plans)
        cost = sum(float(plans.cost.sum()) for plans in now)
        solution, is_best = _best_of(backlog, chosen, capacity, [len(plans.cost) for plans in now], seconds)
        self.tried += 1
        self.size = min(self.size + 20, _MANY) if is_best else max(int(self.size * 0.8), _FEW)
        if solution is None:
            return 0
        better = [plans.pick(np.flatnonzero(taken)) for plans, taken in zip(chosen, solution, strict=True)]
        gain = cost - sum(float(plans.cost.sum()) for plans in better)
        if gain < _GAIN or sum(len(plans.cost) for plans in better) != len(block):
            return 0
        for number, row in block:
            standing.take_out(number, row)
        for number, plans in enumerate(better):
            for i in range(len(plans.cost)):
                standing.put_in(number, int(plans.order[i]), plans.pick(np.array([i])))
        self.gained += 1
        return 1


def _best_of(
    backlog: Backlog, chosen: Sequence[Plans], capacity: Floats, standing: Sequence[int], seconds: float
) -> tuple[list[NDArray[np.bool_]] | None, bool]:
    """Which plans to take, one for each order, and whether that is surely the best. standing: how many plans at the
    head of each list are those that the orders have now."""
    matrix = matrix_of(backlog, chosen, capacity)
    start = np.concatenate([np.arange(len(plans.cost)) < mine for plans, mine in zip(chosen, standing, strict=True)])
    taken, is_best = pick_whole(matrix, capacity, start, min(seconds, _MOST_SECONDS))
    if taken is None:
        return None, False
    return np.split(taken, np.cumsum([len(plans.cost) for plans in chosen])[:-1]), is_best
