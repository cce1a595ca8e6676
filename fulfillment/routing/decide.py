"""One decision from beginning to end: the rules, pins, closings, calendars and capacity around the exact choice.

Plain data in, plain data out. The pipeline, the backlog, previews and the shadow mode all decide through this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

import numpy as np

from fulfillment.routing.attempt import Attempt
from fulfillment.routing.boxing import boxing_of
from fulfillment.routing.calendar import ALWAYS_OPEN, Closing, WarehouseDays
from fulfillment.routing.facts import (
    AVOIDED,
    CLOSED,
    GRADES,
    NEVER_OPEN,
    Decision,
    Free,
    LineFacts,
    OrderFacts,
)
from fulfillment.routing.quick import QuickChoice
from fulfillment.routing.rules import CompiledRules, Ruling
from fulfillment.routing.tariff import Tariff
from fulfillment.routing.terms import UNLIMITED, Costs, LineNeed, OrderNeed, Prices, StockView


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
        decision = Attempt(self, order, ruling, need, self._view(need, free)).decide()
        return replace(decision, whole=self.quick.whole_parcels(need, ruling))

    def need_for_batch(self, order: OrderFacts) -> tuple[OrderNeed, Ruling] | None:
        """The order as the batch solver takes it; None where its rules go step by step (pin, ranking, value of parcels,
        several boxes)
        or cannot be answered, so that it is decided alone. Warehouses that are temporarily closed are left out.
        """
        found = self.need_for_plan(order)
        if found is None or order.pin:
            return None
        ruling = found[1]
        by_steps = ruling.pin or ruling.ranking or ruling.alone_fen or found[0].boxing is not None
        return None if by_steps else found

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
            for _box in range(parcel.boxes):
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
        lines = tuple([self._line(line, order, ruling) for line in order.lines])
        return OrderNeed(
            order_id=order.order_id,
            lines=lines,
            zone=zone,
            priority=GRADES.index(order.grade) if order.grade in GRADES else len(GRADES) - 1,
            promise_days=self._promise_days(order.ship_by, zone),
            excluded=excluded,
            allowed=ruling.allowed,
            extra_fen=ruling.extra_fen,
            max_parcels=1 if single else ruling.max_parcels,
            is_partial=False,
            boxing=boxing_of(lines, self.tariff.warehouses, order.limits, order.goods) if order.limits else None,
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
