"""The plan for a whole backlog: every order that is not released yet, decided together.

Prices by adjustment; column generation where a solver is there and the backlog is small enough for it; rounding;
local search; small whole-number programmes until the time is over or nothing gets better. The best plan so far is
always one that can be carried out, and the report says what was done and what was cut short.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from fulfillment.routing.adjust import adjust_prices
from fulfillment.routing.answers import choices_of
from fulfillment.routing.backlog import Backlog, Floats, compile_backlog
from fulfillment.routing.blocks import Blocks
from fulfillment.routing.choice import choose
from fulfillment.routing.columns import Generated, Pool, generate_columns, has_solver
from fulfillment.routing.improve import Standing, improve
from fulfillment.routing.plans import Plans, best_plans
from fulfillment.routing.rounding import round_plans
from fulfillment.routing.tariff import Tariff
from fulfillment.routing.terms import Choice, Costs, OrderNeed, Prices, StockView

# Above this the linear programme does not come to an end in the minutes there are; prices by adjustment have to do.
_MOST_FOR_COLUMNS = 30_000
_BLOCKS_A_PASS = 40
_FRUITLESS = 2
# Writing the answer takes time too: seconds for each order, measured with much to spare.
_ANSWER_S = 1e-4

Way = Literal["columns", "adjustment", "adjustment_without_solver"]


@dataclass(frozen=True, slots=True)
class Stage:
    """What one part of the work took, and what the plan cost after it (None before there is one)."""

    name: str
    wall_s: float
    cpu_s: float
    cost_fen: int | None


@dataclass(slots=True)
class Report:
    """How a plan came about.

    way: columns (prices of the linear programme), adjustment (prices by adjustment, the backlog being too large for
    it, or the programme having come to nothing), adjustment_without_solver. cut_short: the parts that ended because
    time was over; empty: more time would have changed nothing. bound_is_exact: the bound is the value of the linear
    programme.
    """

    way: Way
    cut_short: list[str] = field(default_factory=list)
    bound_is_exact: bool = False
    stages: list[Stage] = field(default_factory=list)
    columns: int = 0
    blocks_tried: int = 0
    blocks_better: int = 0

    @property
    def is_out_of_time(self) -> bool:
        return bool(self.cut_short)


@dataclass(frozen=True, slots=True)
class BacklogPlan:
    """The choice for each order, in the order they came; learned prices; a proven lower bound of what any plan
    costs."""

    choices: list[Choice]
    prices: Prices
    bound_fen: float
    report: Report

    @property
    def total_fen(self) -> int:
        return sum(choice.total_fen for choice in self.choices)


def solve_backlog(
    orders: Sequence[OrderNeed],
    stock: StockView,
    tariff: Tariff,
    costs: Costs,
    *,
    seconds: float,
    seed: int = 1,
    use_solver: bool = True,
) -> BacklogPlan:
    """Plan all orders together over the stock, which stays as it is.

    seconds: wall clock, for all of it; a plan comes back in any case, the sooner the poorer. The same input and seed
    give the same plan as long as nothing is cut short; what was is in the report. use_solver: False plans without
    HiGHS, as does an installation that lacks it. Orders of more than six lines, with one SKU in
    two lines, with a line that one warehouse could take from stock or make, or whose cap on parcels binds are chosen
    for one by one at the learned prices before the others are placed, and count nothing in the bound.
    """
    return _Run(orders, stock, tariff, costs, seconds, seed, use_solver and has_solver()).plan()


def learn_prices(
    orders: Sequence[OrderNeed],
    stock: StockView,
    tariff: Tariff,
    costs: Costs,
    *,
    seconds: float,
    use_solver: bool = True,
) -> Prices:
    """What stock, units and parcels would be worth if these orders came: the prices alone, without a plan."""
    run = _Run(orders, stock, tariff, costs, seconds, 1, use_solver and has_solver())
    run.find_prices()
    return run.backlog.prices(run.duals)


class _Run:
    """One run: clock, stages, and what is known so far."""

    def __init__(
        self,
        orders: Sequence[OrderNeed],
        stock: StockView,
        tariff: Tariff,
        costs: Costs,
        seconds: float,
        seed: int,
        with_solver: bool,
    ):
        self._start = time.monotonic()
        self._seconds = max(seconds - len(orders) * _ANSWER_S, seconds / 2)
        self._mark = (self._start, time.process_time())
        self._seed, self._with_solver = seed, with_solver
        self._stock = stock
        fits = with_solver and len(orders) <= _MOST_FOR_COLUMNS
        self.report = Report("columns" if fits else "adjustment" if with_solver else "adjustment_without_solver")
        self.backlog: Backlog = compile_backlog(orders, stock, tariff, costs)
        self.duals: Floats = np.zeros(len(self.backlog.capacity))
        self.bound_fen = 0.0
        self._pool = Pool(self.backlog)
        self._generated: Generated | None = None
        self._stage("arrays")

    def plan(self) -> BacklogPlan:
        self.find_prices()
        wide = self._choose_wide()
        standing = self._place()
        self._better(standing)
        choices = choices_of(self.backlog, standing.plans, self.duals, wide)
        self._fill_up(choices)
        self._stage("answer", sum(choice.total_fen for choice in choices))
        version = f"backlog-{len(choices)}-{self.report.way}"
        return BacklogPlan(choices, self.backlog.prices(self.duals, version), self.bound_fen, self.report)

    def find_prices(self) -> None:
        backlog, rounds = self.backlog, 150 if len(self.backlog.orders) <= _MOST_FOR_COLUMNS else 80

        def keep(number: int, plans: list[Plans]) -> None:
            # Plans of the first rounds are wild: prices are still far off.
            if self._with_solver and number > rounds // 3:
                for shape, each in enumerate(plans):
                    self._pool.add(shape, each)

        adjusted = adjust_prices(backlog, rounds=rounds, keep=keep, enough=lambda: self._used() > 0.3)
        self.duals, self.bound_fen = adjusted.duals, adjusted.bound_fen
        if adjusted.out_of_time:
            self.report.cut_short.append("prices")
        self._stage("prices")
        if self.report.way == "columns" and backlog.shapes:
            self._generate()

    def _generate(self) -> None:
        until = self._start + 0.5 * self._seconds
        found = generate_columns(self.backlog, self._pool, self.duals, self.bound_fen, until=until)
        self.duals, self.bound_fen = found.duals, found.bound_fen
        self.report.bound_is_exact = found.converged
        if not found.converged:
            self.report.cut_short.append("columns")
        if found.weight is None:
            self.report.way = "adjustment"
        self._generated = found
        self._stage("columns")

    def _choose_wide(self) -> dict[int, Choice]:
        backlog, left = self.backlog, self._stock.copy()
        prices, chosen = backlog.prices(self.duals), {}
        for place in backlog.wide:
            order = backlog.orders[place]
            chosen[place] = choose(order, left, backlog.tariff, prices, backlog.costs)
            left.take(order, chosen[place])
        if chosen:
            backlog.capacity = backlog.capacity_of(left)
        return chosen

    def _fill_up(self, choices: list[Choice]) -> None:
        """Orders with lines left out are looked at once more by the choice for one order: it knows what they share."""
        backlog, left = self.backlog, self._stock.copy()
        for order, choice in zip(backlog.orders, choices, strict=True):
            left.take(order, choice)
        for place, choice in enumerate(choices):
            if choice.unfilled_line_ids:
                order = backlog.orders[place]
                left.give_back(order, choice)
                again = choose(order, left, backlog.tariff, None, backlog.costs)
                if again.total_fen < choice.total_fen:
                    choices[place] = again
                left.take(order, choices[place])

    def _place(self) -> Standing:
        generated = self._generated
        if generated is not None and generated.weight is not None:
            plans = round_plans(self.backlog, self.duals, chosen=self._pool.all(), weight=generated.weight)
        else:
            plans = round_plans(self.backlog, self.duals)
        standing = Standing(self.backlog, plans)
        self._stage("placed", standing.cost)
        improve(standing, self.duals, enough=lambda: self._used() > (0.8 if self._with_solver else 0.97))
        self._stage("moved", standing.cost)
        return standing

    def _better(self, standing: Standing) -> None:
        """Blocks and single moves in turn, until nothing gets better."""
        if not self._with_solver:
            if self._used() > 0.97:
                self.report.cut_short.append("moves")
            return
        self._widen_pool()
        blocks = Blocks(standing, self._pool, self.duals, seed=self._seed)
        fruitless = 0
        while fruitless < _FRUITLESS and self._used() < 0.98:
            better = blocks.run(seconds_left=self._left, most=_BLOCKS_A_PASS)
            better += improve(standing, self.duals, enough=lambda: self._used() > 0.98)
            fruitless = 0 if better else fruitless + 1
        if fruitless < _FRUITLESS:
            self.report.cut_short.append("blocks")
        self.report.columns, self.report.blocks_tried = len(self._pool), blocks.tried
        self.report.blocks_better = blocks.gained
        self._stage("blocks", standing.cost)

    def _widen_pool(self) -> None:
        """Second choices: plans at prices around those found."""
        random = np.random.default_rng(self._seed)
        for _ in range(20):
            if self._used() > 0.85:
                break
            scarce = random.random(len(self.duals)) < 0.05
            duals = self.duals * random.uniform(0.5, 1.7, len(self.duals)) + scarce * 300.0
            for number, shape in enumerate(self.backlog.shapes):
                self._pool.add(number, best_plans(self.backlog, shape, duals)[0])

    def _used(self) -> float:
        """The share of the time that is over."""
        return (time.monotonic() - self._start) / max(self._seconds, 1e-9)

    def _left(self) -> float:
        return self._start + 0.98 * self._seconds - time.monotonic()

    def _stage(self, name: str, cost_fen: float | None = None) -> None:
        now = (time.monotonic(), time.process_time())
        wall_s, cpu_s = now[0] - self._mark[0], now[1] - self._mark[1]
        self.report.stages.append(Stage(name, wall_s, cpu_s, None if cost_fen is None else round(cost_fen)))
        self._mark = now
