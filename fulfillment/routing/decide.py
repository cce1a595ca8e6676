"""One decision from beginning to end: the rules, pins, closings, calendars and capacity around the exact choice.

Plain data in, plain data out. The pipeline, the backlog, previews and the shadow mode all decide through this.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

import numpy as np

from fulfillment.routing.calendar import ALWAYS_OPEN, Closing, WarehouseDays
from fulfillment.routing.choice import choose
from fulfillment.routing.quick import QuickChoice, WholeParcels
from fulfillment.routing.rule_document import HOLD
from fulfillment.routing.rules import CompiledRules, Pinned, Ruling
from fulfillment.routing.tariff import Tariff
from fulfillment.routing.terms import UNLIMITED, Choice, Costs, LineNeed, OrderNeed, Prices, StockView
from ordercenter.common.money import split_amount
from ordercenter.orders.states import Grade

# What takes a warehouse out besides rules; rule ids never begin with a colon.
CLOSED, AVOIDED, NEVER_OPEN = ":closed", ":avoided", ":never_open"
GRADES: tuple[str, ...] = (Grade.RUSH, Grade.VIP, Grade.NORMAL)
Problem = Literal["", "short", "no_courier", "closed", "unanswered", "excluded", "full"]
Free = MutableMapping[tuple[int, int], int]


@dataclass(frozen=True, slots=True)
class LineFacts:
    """Pieces of one order line that need a way. value_fen: what the buyer paid for them.

    ready_days: for pieces that have still to come or to be made, days until they lie there, by warehouse id: they leave
    from no other; 0 where they are there. None: only what is there now counts.
    """

    line_id: int
    sku_id: int
    quantity: int
    unit_weight_g: int
    value_fen: int = 0
    unit_volume_cm3: int = 0
    parcel_class: int = 0
    ready_days: Mapping[int, int] | None = None


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What a decision has to know of an order.

    division: code of the place it goes to; None where nobody knows. values: gives what the rules ask, by path.
    goods: what rules on goods ask of a SKU. avoid: warehouses that would not ship it. pin: what a person said.
    """

    order_id: int
    grade: str
    division: str | None
    lines: tuple[LineFacts, ...]
    ship_by: datetime | None = None
    values: Callable[[Collection[str]], Mapping[str, Any]] = field(default=lambda _paths: {})
    goods: Callable[[int], Mapping[str, Any]] = field(default=lambda _sku: {})
    avoid: Collection[int] = ()
    pin: Pinned | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Something out of the ordinary on the way to the decision.

    what: closed, pin, ranking, alone, divided, company. then: what followed: hold, fall_back, taken, or how many.
    """

    what: str
    then: str
    warehouse_id: int | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer for one order. choice: None where nothing was looked at.

    problem: "" when it has a way. short: SKUs that nobody who may ship it has enough of. closed: the warehouse that
    would ship it, were it open. pieces: for lines that were divided over warehouses, part id -> (line id, pieces).
    whole: what the order would cost as one parcel from each warehouse, by term.
    """

    need: OrderNeed
    ruling: Ruling
    choice: Choice | None
    problem: Problem = ""
    short: tuple[int, ...] = ()
    closed: int | None = None
    notes: tuple[Note, ...] = ()
    pieces: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    whole: WholeParcels | None = None

    def pieces_of(self, line_ids: Sequence[int]) -> dict[int, int]:
        """Order line id -> pieces, of the lines of one parcel."""
        quantity = {line.line_id: line.quantity for line in self.need.lines}
        found: dict[int, int] = {}
        for part in line_ids:
            line_id, pieces = self.pieces.get(part) or (part, quantity[part])
            found[line_id] = found.get(line_id, 0) + pieces
        return found


class Decider:
    """Decides orders one after the other at one instant. Takes what each uses from `free`, which the caller gives.

    calendars and loads: by warehouse id; loads count the parcels planned already, by day, where there is a limit.
    """

    def __init__(
        self,
        *,
        tariff: Tariff,
        rules: CompiledRules,
        prices: Prices | None,
        at: datetime,
        calendars: Mapping[int, WarehouseDays] | None = None,
        loads: Mapping[int, dict[date, int]] | None = None,
    ):
        self.tariff, self.rules, self.at = tariff, rules, at
        self.prices = prices if rules.costs.use_prices else None
        self.calendars = calendars or {}
        self.loads: dict[int, dict[date, int]] = {w: dict(days) for w, days in (loads or {}).items()}
        self.dispatch_on: list[date | None] = []
        self._left: list[int] = []
        self._days: list[int] = []
        self.closings: dict[int, Closing] = {}
        self._never: dict[int, str] = {}
        for warehouse_id in tariff.warehouses:
            day, left = self._dispatch(warehouse_id)
            self.dispatch_on.append(day)
            self._left.append(left)
            self._days.append(self._days_until(warehouse_id, day))
            closing = self._calendar(warehouse_id).closing_at(at)
            if closing is not None:
                self.closings[warehouse_id] = closing
            if day is None:
                self._never[warehouse_id] = NEVER_OPEN
        self._price_costs()
        self._transit: dict[int, int] = {}

    def decide(self, order: OrderFacts, free: Free) -> Decision:
        """The way of one order; nothing is taken yet. free: (SKU, warehouse id) -> pieces that it may take."""
        values = order.values(self.rules.order_paths) if self.rules.order_paths else {}
        ruling = self.rules.rule_on(values)
        need = self._need(order, ruling)
        if ruling.unanswered:
            return Decision(need, ruling, None, "unanswered")
        decision = _Attempt(self, order, ruling, need, self._view(need, free)).decide()
        return replace(decision, whole=self.quick.whole_parcels(need, ruling))

    def need_for_batch(self, order: OrderFacts) -> tuple[OrderNeed, Ruling] | None:
        """The order as the batch solver takes it; None where its rules go step by step (pin, ranking, value of parcels)
        or cannot be answered, so that it is decided alone. Warehouses that are temporarily closed are left out.
        """
        found = self.need_for_plan(order)
        if found is None or order.pin:
            return None
        ruling = found[1]
        return None if ruling.pin or ruling.ranking or ruling.alone_fen else found

    def need_for_plan(self, order: OrderFacts) -> tuple[OrderNeed, Ruling] | None:
        """The order as it is planned together with others; None where a rule cannot be answered. Where no parcel may be
        worth too little it goes in one. Pin and ranking are the caller's matter. Warehouses that are temporarily closed
        are left out.
        """
        ruling = self.rules.rule_on(order.values(self.rules.order_paths) if self.rules.order_paths else {})
        if ruling.unanswered:
            return None
        need = self._need(order, ruling)
        if self.closings:
            need = replace(need, excluded={**need.excluded, **dict.fromkeys(self.closings, CLOSED)})
        if ruling.alone_fen and len(need.lines) > 1 and need.max_parcels != 0:
            need = replace(need, max_parcels=1)
        return need, ruling

    def keep_room(self, warehouse_id: int, on: date) -> None:
        """A parcel that is planned for this day stays so: count it, where the warehouse's parcels are limited."""
        if warehouse_id not in self.tariff.warehouses:
            return
        w = self.tariff.warehouses.index(warehouse_id)
        days = self.loads.setdefault(warehouse_id, {})
        days[on] = days.get(on, 0) + 1
        before = self._days[w]
        self.dispatch_on[w], self._left[w] = self._dispatch(warehouse_id)
        self._days[w] = self._days_until(warehouse_id, self.dispatch_on[w])
        if self._days[w] != before:
            self._price_costs()

    def parcels_left(self) -> dict[int, int]:
        """How many parcels can still leave on the coming day, by warehouse id, where that is limited."""
        pairs = zip(self.tariff.warehouses, self._left, strict=True)
        return {warehouse_id: left for warehouse_id, left in pairs if left < UNLIMITED}

    def take(self, decision: Decision, free: Free) -> None:
        """Take what the decision uses from `free`, and from what can still leave."""
        choice = decision.choice
        if choice is None or decision.problem:
            return
        lines = {line.line_id: line for line in decision.need.lines}
        for parcel in choice.parcels:
            for part in parcel.line_ids:
                line = lines[part]
                free[line.sku_id, parcel.warehouse_id] -= line.quantity
            self._load(parcel.warehouse)

    def _load(self, w: int) -> None:
        warehouse_id, day = self.tariff.warehouses[w], self.dispatch_on[w]
        if self._left[w] >= UNLIMITED or day is None:
            return
        days = self.loads.setdefault(warehouse_id, {})
        days[day] = days.get(day, 0) + 1
        self._left[w] -= 1
        if self._left[w] <= 0:
            self.dispatch_on[w], self._left[w] = self._dispatch(warehouse_id)
            self._days[w] = self._days_until(warehouse_id, self.dispatch_on[w])
            self._price_costs()

    def _price_costs(self) -> None:
        settings, names = self.rules.costs, self.rules.masters.warehouse_names
        codes = {warehouse_id: code for code, warehouse_id in names.items()}
        own = settings.handling_by_warehouse
        handling = [own.get(codes.get(w, ""), settings.handling_fen) for w in self.tariff.warehouses]
        self.costs = Costs(
            handling_fen=np.array(handling, np.int64),
            dispatch_days=np.array(self._days, np.int64),
            make_days=np.zeros(len(handling), np.int64),
            late_fen=[settings.late_fen[grade] for grade in GRADES],
            unfilled_fen=[settings.unfilled_fen[grade] for grade in GRADES],
            split_fen=settings.split_fen,
        )
        self.quick = QuickChoice(self.tariff, self.costs, self.prices)

    def _calendar(self, warehouse_id: int) -> WarehouseDays:
        return self.calendars.get(warehouse_id, ALWAYS_OPEN)

    def _dispatch(self, warehouse_id: int) -> tuple[date | None, int]:
        # Temporary closings are no matter of days here: a rule says whether the order waits or goes elsewhere.
        calendar = self._calendar(warehouse_id)
        found = calendar.dispatch_day(self.at, self.loads.get(warehouse_id), ignore_closings=True)
        if found is None:
            return None, 0
        return found[0], UNLIMITED if found[1] is None else found[1]

    def _days_until(self, warehouse_id: int, day: date | None) -> int:
        return (day - self._calendar(warehouse_id).today(self.at)).days if day is not None else 0

    def _need(self, order: OrderFacts, ruling: Ruling) -> OrderNeed:
        zone = self.tariff.zone_of(order.division) if order.division is not None else -1
        excluded = ruling.excluded
        if order.avoid or self._never:
            excluded = {**dict.fromkeys(order.avoid, AVOIDED), **self._never, **excluded}
        single = self.rules.costs.strategy == "single"
        return OrderNeed(
            order_id=order.order_id,
            lines=tuple([self._line(line, order, ruling) for line in order.lines]),
            zone=zone,
            priority=GRADES.index(order.grade) if order.grade in GRADES else len(GRADES) - 1,
            promise_days=self._promise_days(order.ship_by, zone),
            excluded=excluded,
            allowed=ruling.allowed,
            extra_fen=ruling.extra_fen,
            max_parcels=1 if single else ruling.max_parcels,
            is_partial=False,
        )

    def _line(self, line: LineFacts, order: OrderFacts, ruling: Ruling) -> LineNeed:
        allowed = None
        if ruling.goods_masks:
            bits = self.rules.goods_bits(order.goods(line.sku_id))
            allowed = ruling.line_allowed(bits)
        return LineNeed(
            line_id=line.line_id,
            sku_id=line.sku_id,
            quantity=line.quantity,
            weight_g=line.unit_weight_g * line.quantity,
            volume_cm3=line.unit_volume_cm3 * line.quantity,
            value_fen=line.value_fen,
            made_to_order=line.ready_days is not None,
            make_days=None if line.ready_days is None else self._make_days(line.ready_days),
            parcel_class=line.parcel_class,
            allowed=allowed,
        )

    def _make_days(self, ready_days: Mapping[int, int]) -> tuple[int, ...]:
        return tuple([ready_days.get(warehouse_id, -1) for warehouse_id in self.tariff.warehouses])

    def _promise_days(self, ship_by: datetime | None, zone: int) -> int | None:
        """Days until the buyer should have it: the day it has to leave, and the usual transit to that place."""
        if ship_by is None or zone < 0:
            return None
        usual = self._transit.get(zone)
        if usual is None:
            served = self.tariff.days[zone][self.tariff.served[zone]]
            usual = self._transit[zone] = int(np.median(served)) if len(served) else 0
        today = ALWAYS_OPEN.today(self.at)
        return max((ALWAYS_OPEN.today(ship_by) - today).days, 0) + usual

    def _view(self, need: OrderNeed, free: Free) -> StockView:
        """The stock of this order's SKUs only; none of what has to be waited for, whose days say where it will be."""
        ids = self.tariff.warehouses
        pieces = {line.sku_id: [max(free.get((line.sku_id, w), 0), 0) for w in ids] for line in need.lines}
        units = [0] * len(ids)
        for line in need.lines:
            if line.made_to_order:
                pieces[line.sku_id] = [0] * len(ids)
                units = [UNLIMITED] * len(ids)
        return StockView(pieces, units, self._left)


class _Attempt:
    """The decision for one order in the making."""

    def __init__(self, decider: Decider, order: OrderFacts, ruling: Ruling, need: OrderNeed, view: StockView):
        self.decider, self.order, self.ruling, self.need, self.view = decider, order, ruling, need, view
        self.notes: list[Note] = []
        self.parts: dict[int, tuple[int, int]] = {}

    def decide(self) -> Decision:
        for way in (self.by_pin, self.by_ranking):
            decision = way()
            if decision is not None:
                return decision
        return self.by_cost()

    def by_pin(self) -> Decision | None:
        pin = self.order.pin or self.ruling.pin
        if pin is None:
            return None
        # A person's pin goes before rules that would take the warehouse out; couriers stay restricted.
        excluded = {w: rule for w, rule in self.need.excluded.items() if w != pin.warehouse_id or rule == NEVER_OPEN}
        need = replace(self.need, pinned_warehouse_id=pin.warehouse_id, excluded=excluded)
        choice = self.choose(need)
        closing = self.decider.closings.get(pin.warehouse_id)
        if _is_served(choice) and closing is None:
            self.note("pin", "taken", pin.warehouse_id, pin.rule)
            return self.found(choice, need)
        self.note("pin", pin.policy, pin.warehouse_id, pin.rule)
        if pin.policy != HOLD:
            return None
        if _is_served(choice):
            return self.refused("closed", choice, closed=pin.warehouse_id)
        return self.no_way(choice, need)

    def by_ranking(self) -> Decision | None:
        for place, warehouse_id in enumerate(self.ruling.ranking, start=1):
            if warehouse_id in self.need.excluded or not self.has_all(warehouse_id):
                continue
            choice = self.choose(replace(self.need, pinned_warehouse_id=warehouse_id))
            if not _is_served(choice):
                continue
            if warehouse_id in self.decider.closings:
                if self.policy(warehouse_id) == HOLD:
                    return self.refused("closed", choice, closed=warehouse_id)
                continue
            self.note("ranking", str(place), warehouse_id, self.ruling.ranking_rule)
            return self.found(choice, self.need)
        return None

    def by_cost(self) -> Decision:
        need, fell_back = self.need, None
        while True:
            choice, whole = self.cheapest(need)
            if not _is_served(choice):
                if fell_back is not None:
                    return self.refused("closed", choice, closed=fell_back)
                return self.no_way(choice, need)
            shut = next((p.warehouse_id for p in choice.parcels if p.warehouse_id in self.decider.closings), None)
            if shut is None:
                return self.found(choice, whole)
            if self.policy(shut) == HOLD:
                return self.refused("closed", choice, closed=shut)
            fell_back = shut
            need = replace(need, excluded={**need.excluded, shut: CLOSED})

    def policy(self, warehouse_id: int) -> str:
        """What the closing of this warehouse means for this order; noted, for nothing is replaced silently."""
        closing = self.decider.closings[warehouse_id]
        policy, rule = self.ruling.policies.get(warehouse_id, (self.decider.rules.document.closed, ""))
        policy, rule = (closing.policy, "") if closing.policy else (policy, rule)
        self.note("closed", policy, warehouse_id, rule)
        return policy

    def cheapest(self, need: OrderNeed) -> tuple[Choice, OrderNeed]:
        """The exact choice, lines divided over warehouses where no one has enough; no parcel of too little value."""
        choice = self.choose(need)
        if not _is_served(choice) and need.max_parcels != 1:
            divided = replace(need, lines=tuple(self.divided(need)))
            if len(divided.lines) > len(need.lines):
                trial = self.choose(divided)
                if _is_served(trial):
                    choice, need = trial, divided
                    self.note("divided", str(len(choice.parcels)))
        while len(choice.parcels) > 1 and self.ruling.alone_fen and self.has_poor_parcel(choice, need):
            need = replace(need, max_parcels=len(choice.parcels) - 1)
            self.note("alone", str(len(choice.parcels)))
            choice = self.choose(need)
        return choice, need

    def choose(self, need: OrderNeed) -> Choice:
        decider = self.decider
        quick = decider.quick.choose(need, self.ruling, self.view)
        if quick is not None:
            return quick
        choice = choose(need, self.view, decider.tariff, decider.prices, decider.costs)
        return decider.quick.with_whole_costs(choice, need, self.ruling)

    def divided(self, need: OrderNeed) -> Iterator[LineNeed]:
        """The lines, one that no warehouse has enough of in parts: the most that each has, until it is whole."""
        ids = self.decider.tariff.warehouses
        for line in need.lines:
            row = [0 if ids[w] in need.excluded else n for w, n in enumerate(self.view.pieces[line.sku_id])]
            if max(row, default=0) >= line.quantity or sum(row) < line.quantity:
                yield line
                continue
            sizes, left = [], line.quantity
            for pieces in sorted(row, reverse=True):
                sizes.append(min(pieces, left))
                left -= sizes[-1]
            # As the lines of shipments share the line's amount: what is insured is what is billed.
            values = iter(map(int, split_amount(Decimal(line.value_fen), [n for n in sizes if n], cent=Decimal(1))))
            for number, pieces in enumerate(sizes):
                if pieces:
                    part = -(line.line_id * 1000 + number)
                    self.parts[part] = (line.line_id, pieces)
                    yield replace(
                        line,
                        line_id=part,
                        quantity=pieces,
                        weight_g=line.weight_g // line.quantity * pieces,
                        volume_cm3=line.volume_cm3 // line.quantity * pieces,
                        value_fen=next(values),
                    )

    def has_poor_parcel(self, choice: Choice, need: OrderNeed) -> bool:
        value = {line.line_id: line.value_fen for line in need.lines}
        return any(sum(value[n] for n in parcel.line_ids) < self.ruling.alone_fen for parcel in choice.parcels)

    def has_all(self, warehouse_id: int) -> bool:
        w = self.decider.tariff.warehouses.index(warehouse_id)
        return all(
            line.make_days[w] >= 0 if line.make_days is not None else self.view.pieces[line.sku_id][w] >= line.quantity
            for line in self.need.lines
        )

    def note(self, what: str, then: str, warehouse_id: int | None = None, rule: str = "") -> None:
        self.notes.append(Note(what, then, warehouse_id, rule))

    def found(self, choice: Choice, need: OrderNeed) -> Decision:
        return Decision(need, self.ruling, choice, notes=tuple(self.notes), pieces=self.parts)

    def refused(self, problem: Problem, choice: Choice, *, closed: int | None = None) -> Decision:
        return Decision(self.need, self.ruling, choice, problem, (), closed, tuple(self.notes))

    def no_way(self, choice: Choice, need: OrderNeed) -> Decision:
        """Why nothing served it: what is short at all that may ship it, else what keeps them from it."""
        sku = {line.line_id: line.sku_id for line in need.lines}
        lacking = [set(c.short_line_ids) for c in choice.candidates if c.verdict == "short"]
        if lacking:
            missing = set.intersection(*lacking) or set.union(*lacking)
            short = tuple(sorted({sku[pk] for pk in missing if pk in sku}))
            return Decision(need, self.ruling, choice, "short", short, None, tuple(self.notes))
        verdicts = {candidate.verdict for candidate in choice.candidates}
        problem: Problem = "full" if "full" in verdicts else "no_courier"
        if need.zone >= 0 and (verdicts <= {"excluded", "not_pinned"} or self.is_forbidden()):
            problem = "excluded"
        return Decision(need, self.ruling, choice, problem, (), None, tuple(self.notes))

    def is_forbidden(self) -> bool:
        """Whether rules on goods leave some line without any courier anywhere."""
        return any(line.allowed is not None and not line.allowed.any() for line in self.need.lines)


def part_of(value_fen: int, pieces: int, of: int) -> int:
    """What falls on some of so many pieces, to the nearest fen."""
    return (2 * value_fen * pieces + of) // (2 * of)


def _is_served(choice: Choice) -> bool:
    return bool(choice.parcels) and not choice.unfilled_line_ids
