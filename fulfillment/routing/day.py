"""A day from files is planned by the code that plans in production: order after order, or all together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fulfillment.routing.choice import choose
from fulfillment.routing.instance import Instance
from fulfillment.routing.learning import learn_from_days
from fulfillment.routing.solve import BacklogPlan, solve_backlog
from fulfillment.routing.terms import Choice, Prices


@dataclass(frozen=True, slots=True)
class DecisionTimes:
    """How long single decisions took, milliseconds: on the clock, and of the processor alone."""

    p50_ms: float
    p99_ms: float
    cpu_p50_ms: float
    cpu_p99_ms: float


def plan_online(instance: Instance, prices: Prices | None) -> tuple[list[Choice], DecisionTimes]:
    """Every order in the order of the file, knowing nothing of those that follow."""
    stock, choices = instance.stock.copy(), []
    wall, cpu = np.zeros(len(instance.orders)), np.zeros(len(instance.orders))
    for number, order in enumerate(instance.orders):
        start, cpu_start = time.perf_counter(), time.thread_time()
        choice = choose(order, stock, instance.tariff, prices, instance.costs)
        wall[number], cpu[number] = time.perf_counter() - start, time.thread_time() - cpu_start
        stock.take(order, choice)
        choices.append(choice)
    figures = [float(np.percentile(each, p)) * 1000 if len(each) else 0.0 for each in (wall, cpu) for p in (50, 99)]
    return choices, DecisionTimes(*figures)


def plan_batch(instance: Instance, *, seconds: float, use_solver: bool, seed: int = 1) -> BacklogPlan:
    """All orders of the day together."""
    return solve_backlog(
        instance.orders,
        instance.stock,
        instance.tariff,
        instance.costs,
        seconds=seconds,
        seed=seed,
        use_solver=use_solver,
    )


def prices_for_online(
    instance: Instance, earlier: Sequence[Instance], *, seconds: float, use_solver: bool
) -> Prices | None:
    """Prices from earlier days; none without any."""
    if not earlier:
        return None
    return learn_from_days(instance, earlier, seconds=seconds, use_solver=use_solver)


def figures_of(choices: Sequence[Choice], bound_fen: float | None) -> dict[str, Any]:
    """What a plan costs, by term, in yuan, and how far it is above a lower bound."""
    parcels = [parcel for choice in choices for parcel in choice.parcels]
    total_fen = sum(choice.total_fen for choice in choices)
    return {
        "orders": len(choices),
        "parcels": len(parcels),
        "split_orders": sum(len(choice.parcels) > 1 for choice in choices),
        "unfilled_lines": sum(len(choice.unfilled_line_ids) for choice in choices),
        "total": total_fen / 100,
        "freight": sum(parcel.freight_fen for parcel in parcels) / 100,
        "handling": sum(parcel.handling_fen for parcel in parcels) / 100,
        "late": sum(parcel.late_fen for parcel in parcels) / 100,
        "split": sum(choice.split_fen for choice in choices) / 100,
        "unfilled": sum(choice.unfilled_fen for choice in choices) / 100,
        "over_bound_pct": round(100 * (total_fen / bound_fen - 1), 3) if bound_fen else None,
    }


def figures_of_run(plan: BacklogPlan) -> dict[str, Any]:
    """How a plan of a whole backlog came about."""
    report = plan.report
    return {
        "way": report.way,
        "cut_short": report.cut_short,
        "bound": round(plan.bound_fen / 100, 2),
        "bound_is_exact": report.bound_is_exact,
        "columns": report.columns,
        "blocks": [report.blocks_tried, report.blocks_better],
        "stages": [
            {key: round(value, 3) if isinstance(value, float) else value for key, value in asdict(stage).items()}
            for stage in report.stages
        ],
    }
