"""The linear programme over whole plans, solved by HiGHS: column generation with an exact sub-problem.

Each order takes one of its plans in the pool, resources have their capacity. The duals of the programme are prices at
which every order's cheapest plan is looked for; plans that would pay join the pool, until none does.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fulfillment.routing.adjust import lagrangian
from fulfillment.routing.backlog import Backlog, Floats
from fulfillment.routing.plans import Plans, join, nothing_served, signature, usage

try:
    import highspy
except ImportError:  # The solver is an optional part; `solve` then says that it went without.
    highspy = None  # type: ignore[assignment]

# HiGHS keeps one pool of threads for the whole process: another number later makes its next run fail. One thread gives
# the same answer on every machine, and leaves the other processors to those who take orders.
_THREADS = 1
# The bound is called exact when it is as close to the programme's value as this.
_CLOSE = 1e-5
# A block that needs more branching is too large; a limit on nodes, unlike one on time, gives the same answer twice.
_MOST_NODES = 60


def has_solver() -> bool:
    return highspy is not None


@dataclass(slots=True)
class Pool:
    """Different plans of the orders, by shape of the backlog."""

    backlog: Backlog
    plans: list[list[Plans]] = field(default_factory=list)
    known: list[NDArray[np.int64]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.plans = [[] for _ in self.backlog.shapes]
        self.known = [np.zeros(0, np.int64) for _ in self.backlog.shapes]
        for number, shape in enumerate(self.backlog.shapes):
            # With these the programme always has a solution.
            self.add(number, nothing_served(shape))

    def add(self, number: int, plans: Plans) -> int:
        """Take what is new; returns how many that were."""
        marks = signature(self.backlog.shapes[number], plans)
        marks, first = np.unique(marks, return_index=True)
        fresh = ~np.isin(marks, self.known[number], assume_unique=True)
        if fresh.any():
            self.plans[number].append(plans.pick(np.sort(first[fresh])))
            self.known[number] = np.concatenate([self.known[number], marks[fresh]])
        return int(fresh.sum())

    def of(self, number: int) -> Plans:
        if len(self.plans[number]) > 1:
            self.plans[number] = [join(self.plans[number])]
        return self.plans[number][0]

    def all(self) -> list[Plans]:
        return [self.of(number) for number in range(len(self.plans))]

    def __len__(self) -> int:
        return sum(len(known) for known in self.known)


@dataclass(slots=True)
class Matrix:
    """Plans as columns. row 0..orders-1: each order takes one; after these the resources that could run out."""

    cost: Floats
    order: NDArray[np.intp]
    start: NDArray[np.int32]
    index: NDArray[np.int32]
    value: Floats
    resources: NDArray[np.intp]
    shape_of: NDArray[np.intp]


def matrix_of(backlog: Backlog, chosen: Sequence[Plans], capacity: Floats) -> Matrix:
    """One column for each plan. Resources that no choice of these plans can exhaust need no row."""
    cost, order, column, resource, amount, shape_of = [], [], [], [], [], []
    base = 0
    for number, (shape, plans) in enumerate(zip(backlog.shapes, chosen, strict=True)):
        plan, what, much = usage(backlog, shape, plans)
        cost.append(plans.cost)
        order.append(shape.rows[plans.order])
        column.append(plan + base)
        resource.append(what)
        amount.append(much)
        shape_of.append(np.full(len(plans.cost), number, np.intp))
        base += len(plans.cost)
    columns, resources, amounts = np.concatenate(column), np.concatenate(resource), np.concatenate(amount)
    wanted = np.bincount(resources, amounts, minlength=len(capacity))
    binding = wanted > capacity
    kept = binding[resources]
    columns, resources, amounts = columns[kept], resources[kept], amounts[kept]
    rows = np.flatnonzero(binding)
    place = np.full(len(capacity), -1)
    place[rows] = np.arange(len(rows))
    orders = np.concatenate(order)
    listed, order_row = np.unique(orders, return_inverse=True)
    # One order may take the same resource by two lines: their amounts add up.
    key = columns * len(rows) + place[resources]
    key, back = np.unique(key, return_inverse=True)
    summed = np.bincount(back, amounts, minlength=len(key))
    column_of, row_of = key // max(len(rows), 1), key % max(len(rows), 1)
    all_columns = np.concatenate([np.arange(base), column_of])
    all_rows = np.concatenate([order_row, row_of + len(listed)])
    values = np.concatenate([np.ones(base), summed])
    by_column = np.lexsort((all_rows, all_columns))
    start = np.concatenate([[0], np.cumsum(np.bincount(all_columns, minlength=base))])
    return Matrix(
        np.concatenate(cost),
        order_row,
        start.astype(np.int32),
        all_rows[by_column].astype(np.int32),
        values[by_column],
        rows,
        np.concatenate(shape_of),
    )


def solver(time_limit_s: float, **options: Any) -> Any:
    """A quiet HiGHS. Deterministic but for its time limit."""
    _swallow_banner()
    highs = highspy.Highs()
    highs.silent()
    for name, value in {"threads": _THREADS, "random_seed": 1, "time_limit": max(time_limit_s, 0.1), **options}.items():
        highs.setOptionValue(name, value)
    return highs


@cache
def _swallow_banner() -> None:
    """The library prints its name on the first solver of a process, before it can be told not to.

    A command that answers with JSON must not carry it."""
    try:
        own = os.dup(1)
    except OSError:  # No stdout at all: then nothing can spoil it.
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    libc = ctypes.CDLL(None)
    try:
        libc.fflush(None)
        os.dup2(nowhere, 1)
        highspy.Highs()
        # The C library keeps what is printed until its buffer is full; it has to leave before stdout is put back.
        libc.fflush(None)
    finally:
        os.dup2(own, 1)
        os.close(own)
        os.close(nowhere)


def programme(matrix: Matrix, capacity: Floats, *, integral: bool) -> Any:
    """The HiGHS model of these columns."""
    orders = int(matrix.order.max()) + 1
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(matrix.cost), orders + len(matrix.resources)
    # Yuan, not fen: the tolerances of the solver are made for numbers of this size.
    lp.col_cost_ = matrix.cost / 100
    lp.col_lower_ = np.zeros(lp.num_col_)
    lp.col_upper_ = np.ones(lp.num_col_) if integral else np.full(lp.num_col_, highspy.kHighsInf)
    lp.row_lower_ = np.concatenate([np.ones(orders), np.full(len(matrix.resources), -highspy.kHighsInf)])
    lp.row_upper_ = np.concatenate([np.ones(orders), capacity[matrix.resources]])
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = matrix.start, matrix.index, matrix.value
    if integral:
        lp.integrality_ = [highspy.HighsVarType.kInteger] * lp.num_col_
    return lp


def pick_whole(
    matrix: Matrix, capacity: Floats, start: NDArray[np.bool_], seconds: float
) -> tuple[NDArray[np.bool_] | None, bool]:
    """Which columns to take, one for each order, and whether that is surely the best. start: a choice that is known to
    fit; None, where the solver came to nothing."""
    highs = solver(seconds, mip_rel_gap=1e-5, mip_max_nodes=_MOST_NODES)
    highs.passModel(programme(matrix, capacity, integral=True))
    known = highspy.HighsSolution()
    known.col_value = start.astype(float)
    highs.setSolution(known)
    highs.run()
    solution = highs.getSolution()
    if not solution.value_valid or len(solution.col_value) != len(start):
        return None, False
    return np.array(solution.col_value) > 0.5, highs.getModelStatus() == highspy.HighsModelStatus.kOptimal


@dataclass(slots=True)
class Generated:
    """The best prices and the bound that they prove. weight: for each shape, how much of each plan of its pool the last
    programme took; the pool may have grown since."""

    duals: Floats
    bound_fen: float
    rounds: int
    converged: bool
    weight: list[Floats] | None


def generate_columns(backlog: Backlog, pool: Pool, duals: Floats, bound_fen: float, *, until: float) -> Generated:
    """Prices of the linear programme over all plans that there are. until: instant of the monotonic clock at which
    the best so far is returned.

    Interior point without crossover: its duals lie inside the optimal face, so they swing less from round to round than
    those of a simplex.
    """
    best = Generated(duals, bound_fen, 0, False, None)
    while (left := until - time.monotonic()) > 0.2:
        chosen = pool.all()
        matrix = matrix_of(backlog, chosen, backlog.capacity)
        highs = solver(left, solver="ipm", run_crossover="off")
        highs.passModel(programme(matrix, backlog.capacity, integral=False))
        highs.run()
        solution = highs.getSolution()
        if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal or not solution.dual_valid:
            break
        row_dual, now = np.array(solution.row_dual), np.zeros(len(backlog.capacity))
        now[matrix.resources] = np.maximum(-row_dual[len(row_dual) - len(matrix.resources) :], 0) * 100
        value, _, plans = lagrangian(backlog, now)
        cuts = np.cumsum([len(each.cost) for each in chosen])[:-1]
        best.weight, best.rounds = np.split(np.array(solution.col_value), cuts), best.rounds + 1
        if value > best.bound_fen:
            best.duals, best.bound_fen = now, value
        fresh = sum(pool.add(number, each) for number, each in enumerate(plans))
        objective = highs.getInfo().objective_function_value * 100
        if not fresh or objective - best.bound_fen < _CLOSE * abs(objective):
            best.converged = True
            break
    return best
