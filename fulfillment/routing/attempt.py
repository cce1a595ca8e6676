"""The decision for one order in the making: a person's pin, a ranking by rule, else the cheapest way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from fulfillment.routing.choice import choose
from fulfillment.routing.diagnosis import diagnose
from fulfillment.routing.facts import CLOSED, NEVER_OPEN, Decision, Note, OrderFacts, Problem
from fulfillment.routing.rule_document import HOLD
from fulfillment.routing.rules import Ruling
from fulfillment.routing.terms import Choice, LineNeed, OrderNeed, StockView
from ordercenter.common.money import split_amount

if TYPE_CHECKING:
    from fulfillment.routing.decide import Decider


class Attempt:
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
                return self.no_way(choice, replace(need, max_parcels=whole.max_parcels))
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
        rows = {
            sku_id: [0 if ids[w] in need.excluded else n for w, n in enumerate(row)]
            for sku_id, row in self.view.pieces.items()
        }
        for line in need.lines:
            row = rows[line.sku_id]
            if max(row, default=0) >= line.quantity or sum(row) < line.quantity:
                if row:
                    # What this line takes, another one of the same SKU does not find any more.
                    most = max(range(len(row)), key=row.__getitem__)
                    row[most] = max(row[most] - line.quantity, 0)
                yield line
                continue
            sizes, left = [], line.quantity
            for w in sorted(range(len(row)), key=row.__getitem__, reverse=True):
                sizes.append(min(row[w], left))
                row[w] -= sizes[-1]
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
        decider = self.decider
        whole = decider.quick.whole_parcels(need, self.ruling)
        problem, short = diagnose(need, self.view, decider.tariff.warehouses, whole)
        return Decision(need, self.ruling, choice, problem, short, None, tuple(self.notes))


def _is_served(choice: Choice) -> bool:
    return bool(choice.parcels) and not choice.unfilled_line_ids
