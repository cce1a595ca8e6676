"""Shadow prices by adjustment: what is wanted more than there is becomes dearer. Every round gives a valid lower bound.

For any prices >= 0: sum of each order's cheapest plan at these prices - sum of price x capacity <= cost of every plan
that keeps to the capacities (Lagrangian relaxation; the sub-problems are exact).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fulfillment.routing.backlog import Backlog, Floats
from fulfillment.routing.plans import Plans, best_plans, used

_FIRST_STEP_FEN, _LAST_STEP_FEN, _MOMENTUM = 250.0, 8.0, 0.7


@dataclass(slots=True)
class Adjusted:
    """The best prices found, and the lower bound that they prove."""

    duals: Floats
    bound_fen: float
    rounds: int
    out_of_time: bool


def adjust_prices(
    backlog: Backlog,
    *,
    rounds: int,
    start: Floats | None = None,
    keep: Callable[[int, list[Plans]], None] | None = None,
    enough: Callable[[], bool] = lambda: False,
) -> Adjusted:
    """Prices after so many rounds, or until `enough` says so.

    keep is handed each round's plans, one for each shape: they are good columns for what comes later. Each step is
    (use - capacity) / (use + capacity), with momentum and a step that shrinks geometrically; the last rounds' mean is
    tried too, since it is often better than any single one.
    """
    capacity = backlog.capacity
    duals = np.zeros(len(capacity)) if start is None else start.copy()
    speed = np.zeros(len(capacity))
    best, bound, mean, counted = duals, -np.inf, np.zeros(len(capacity)), 0
    shrink = (_LAST_STEP_FEN / _FIRST_STEP_FEN) ** (1 / max(rounds - 1, 1))
    step = _FIRST_STEP_FEN if start is None else _FIRST_STEP_FEN / 4
    done = 0
    for number in range(rounds):
        value, use, plans = lagrangian(backlog, duals)
        if value > bound:
            bound, best = value, duals
        if keep is not None:
            keep(number, plans)
        done += 1
        if enough():
            break
        if number >= rounds * 2 // 3:
            mean, counted = mean + duals, counted + 1
        excess = (use - capacity) / np.maximum(use + capacity, 1)
        speed = _MOMENTUM * speed + step * excess
        duals = np.maximum(duals + speed, 0)
        speed[duals == 0] = np.maximum(speed[duals == 0], 0)
        step *= shrink
    out_of_time = done < rounds
    if counted:
        value, _, plans = lagrangian(backlog, mean / counted)
        if keep is not None:
            keep(rounds, plans)
        if value > bound:
            bound, best = value, mean / counted
    return Adjusted(best, bound, done, out_of_time)


def lagrangian(backlog: Backlog, duals: Floats) -> tuple[float, Floats, list[Plans]]:
    """The lower bound that these prices prove, what the cheapest plans would use, and the plans."""
    total, use, plans = 0.0, np.zeros(len(backlog.capacity)), []
    for shape in backlog.shapes:
        cheapest, cost = best_plans(backlog, shape, duals)
        total += float(cost.sum())
        use += used(backlog, shape, cheapest)
        plans.append(cheapest)
    return total - float(duals @ backlog.capacity), use, plans
