"""The rules of routing, compiled once per version and asked for each order: what restricts and prices its candidates.

Plain data in, plain data out. Conditions become closures; what a set of fired rules means together is worked out once
and remembered, so that an order costs its conditions and a look-up. Arrays are in the order of the tariff's warehouses
(W) and couriers (C).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fulfillment.routing.rule_document import KINDS, CostSettings, Rule, RuleDocument
from fulfillment.routing.rule_fields import REGIONS, goods_fields, order_fields
from ordercenter.workflow.conditions import Test, compile_condition, fields_read

_MOST_REMEMBERED = 5000
_serials = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Masters:
    """What the codes in a rule set stand for. warehouses, couriers: ids in the tariff's order; names: code -> ids."""

    warehouses: tuple[int, ...]
    couriers: tuple[int, ...]
    warehouse_names: Mapping[str, int]
    courier_names: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Pinned:
    """An order ships from here. policy: what happens when that cannot be; rule: who says so, "" for a person."""

    warehouse_id: int
    policy: str
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What the rules say about one order.

    fired: the rules that apply. excluded: warehouse id -> rule. allowed: bool [W, C], None for all. extra_fen: int64
    [W, C] that rules add (or take off) a parcel, None for nothing. ranking: warehouse ids of a strict regional table,
    best first: the first that can ship the whole order does. policies: warehouse id -> (hold or fall_back, rule) where
    a rule says what a temporary closing means. held: warehouse ids whose shipments wait for the next wave. unanswered:
    a restricting rule whose condition cannot be answered; the order has to wait for a person.
    """

    fired: tuple[str, ...] = ()
    # Names this ruling among all of the process: for those who remember something about it.
    serial: int = 0
    excluded: Mapping[int, str] = field(default_factory=dict)
    allowed: NDArray[np.bool_] | None = None
    extra_fen: NDArray[np.int64] | None = None
    max_parcels: int
    alone_fen: int = 0
    pin: Pinned | None = None
    ranking: tuple[int, ...] = ()
    ranking_rule: str = ""
    policies: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    held: frozenset[int] = frozenset()
    unanswered: str = ""
    # Goods bits of the fired rules -> the couriers that remain for such a line.
    goods_masks: tuple[tuple[int, str, NDArray[np.bool_]], ...] = ()

    def line_allowed(self, goods: int) -> NDArray[np.bool_] | None:
        """bool [W, C] of what may carry a line, by its goods bits; None when nothing forbids it."""
        masks = [mask for bit, _rule, mask in self.goods_masks if goods & bit]
        if not masks:
            return None
        return masks[0] if len(masks) == 1 else np.logical_and.reduce(masks)


class CompiledRules:
    """One version of a rule set, ready to be asked. Immutable but for what it remembers."""

    def __init__(self, document: RuleDocument, masters: Masters):
        self.document, self.masters = document, masters
        self.costs: CostSettings = document.costs
        self._shape = (len(masters.warehouses), len(masters.couriers))
        self._index = {warehouse_id: w for w, warehouse_id in enumerate(masters.warehouses)}
        self._courier_index = {courier_id: c for c, courier_id in enumerate(masters.couriers)}
        self.rules: tuple[Rule, ...] = tuple(rule for rule in document.rules if rule.is_on)
        self._tests: list[tuple[int, Test | None]] = []
        self._goods_tests: list[tuple[int, Test]] = []
        paths: set[str] = set()
        for number, rule in enumerate(self.rules):
            test = None
            if rule.when is not None:
                test = compile_condition(rule.when, order_fields())
                paths |= fields_read(rule.when)
            self._tests.append((1 << number, test))
            if rule.goods is not None:
                self._goods_tests.append((1 << number, compile_condition(rule.goods, goods_fields())))
            if rule.kind == "priority":
                paths.add(REGIONS)
        # What has to be known of an order before it can be asked about; empty when no rule looks at the order.
        self.order_paths = frozenset(paths)
        self._has_table = any(rule.kind == "priority" for rule in self.rules)
        self._rulings: dict[tuple[int, int, Any], Ruling] = {}

    def goods_bits(self, values: Mapping[str, Any]) -> int:
        """Which rules on goods a SKU with these values (paths of `goods_fields`) falls under, as bits."""
        bits = 0
        for bit, test in self._goods_tests:
            if test(values):
                bits |= bit
        return bits

    def rule_on(self, values: Mapping[str, Any]) -> Ruling:
        """What the rules say about an order with these values (paths of `order_fields`)."""
        fired = unknown = 0
        for bit, test in self._tests:
            if test is None:
                fired |= bit
                continue
            truth = test(values)
            if truth:
                fired |= bit
            elif truth is None:
                unknown |= bit
        regions = tuple(values.get(REGIONS) or ()) if self._has_table else ()
        key = (fired, unknown, regions)
        ruling = self._rulings.get(key)
        if ruling is None:
            if len(self._rulings) >= _MOST_REMEMBERED:
                self._rulings.clear()
            ruling = self._rulings[key] = self._combine(fired, unknown, regions)
        return ruling

    def _combine(self, fired: int, unknown: int, regions: tuple[str, ...]) -> Ruling:
        builder = _Builder(self, regions)
        for number, rule in enumerate(self.rules):
            bit = 1 << number
            if fired & bit:
                builder.apply(rule, bit)
            elif unknown & bit and KINDS[rule.kind].restricts and not builder.unanswered:
                builder.unanswered = rule.id
        return builder.ruling()

    def warehouse_ids(self, codes: Sequence[str]) -> tuple[int, ...]:
        names = self.masters.warehouse_names
        return tuple(names[code] for code in codes if code in names)

    def mask(self, rule: Rule) -> NDArray[np.bool_]:
        """bool [W, C]: the warehouses and couriers that a rule names; what it does not name is everything."""
        mask = np.ones(self._shape, np.bool_)
        if rule.warehouses:
            named = [self._index[w] for w in self.warehouse_ids(rule.warehouses) if w in self._index]
            mask[[w for w in range(self._shape[0]) if w not in named]] = False
        if rule.couriers:
            ids = {c for code in rule.couriers for c in self.masters.courier_names.get(code, ())}
            named = [self._courier_index[c] for c in ids if c in self._courier_index]
            mask[:, [c for c in range(self._shape[1]) if c not in named]] = False
        return mask


class _Builder:
    """Puts the fired rules of one order together, in the order in which they are written."""

    def __init__(self, rules: CompiledRules, regions: tuple[str, ...]):
        self.rules, self.regions = rules, regions
        self.fired: list[str] = []
        self.excluded: dict[int, str] = {}
        self.allowed: NDArray[np.bool_] | None = None
        self.extra: NDArray[np.int64] | None = None
        self.max_parcels = rules.costs.max_parcels
        self.alone_fen = 0
        self.pin: Pinned | None = None
        self.ranking: tuple[int, ...] = ()
        self.ranking_rule = ""
        self.has_ranking = False
        self.policies: dict[int, tuple[str, str]] = {}
        self.held: set[int] = set()
        self.unanswered = ""
        self.goods: list[tuple[int, str, NDArray[np.bool_]]] = []

    def apply(self, rule: Rule, bit: int) -> None:
        self.fired.append(rule.id)
        if rule.goods is not None:
            self.goods.append((bit, rule.id, ~self.rules.mask(rule)))
        elif rule.kind in _APPLY:
            _APPLY[rule.kind](self, rule)

    def ruling(self) -> Ruling:
        for array in (self.allowed, self.extra):
            if array is not None:
                array.setflags(write=False)
        return Ruling(
            fired=tuple(self.fired),
            serial=next(_serials),
            excluded=self.excluded,
            allowed=self.allowed,
            extra_fen=self.extra,
            max_parcels=self.max_parcels,
            alone_fen=self.alone_fen,
            pin=self.pin,
            ranking=self.ranking,
            ranking_rule=self.ranking_rule,
            policies=self.policies,
            held=frozenset(self.held),
            unanswered=self.unanswered,
            goods_masks=tuple(self.goods),
        )

    def only_warehouses(self, rule: Rule) -> None:
        named = set(self.rules.warehouse_ids(rule.warehouses))
        self._exclude((w for w in self.rules.masters.warehouses if w not in named), rule)

    def never_warehouses(self, rule: Rule) -> None:
        self._exclude(self.rules.warehouse_ids(rule.warehouses), rule)

    def only_couriers(self, rule: Rule) -> None:
        # Other couriers stay allowed at warehouses that the rule does not name.
        anyone = self.rules.mask(Rule(id="", kind=rule.kind, warehouses=rule.warehouses))
        self._allow(self.rules.mask(rule) | ~anyone)

    def never_couriers(self, rule: Rule) -> None:
        self._allow(~self.rules.mask(rule))

    def add_cost(self, rule: Rule) -> None:
        self._charge(np.where(self.rules.mask(rule), rule.fen, 0))

    def priority(self, rule: Rule) -> None:
        table = self.rules.document.tables.get(rule.table)
        codes = table.of(self.regions) if table is not None else None
        if self.has_ranking or codes is None:
            return
        self.has_ranking = True
        listed = self.rules.warehouse_ids(codes)
        if rule.others == "never":
            self._exclude((w for w in self.rules.masters.warehouses if w not in listed), rule)
        if rule.strict:
            self.ranking, self.ranking_rule = listed, rule.id
            return
        rank = {warehouse_id: place for place, warehouse_id in enumerate(listed)}
        steps = [rank.get(w, len(listed)) * rule.step_fen for w in self.rules.masters.warehouses]
        self._charge(np.repeat(np.array(steps, np.int64)[:, None], self.rules._shape[1], axis=1))

    def pin_to(self, rule: Rule) -> None:
        ids = self.rules.warehouse_ids(rule.warehouses[:1])
        if self.pin is None and ids:
            self.pin = Pinned(ids[0], rule.policy, rule.id)

    def at_most(self, rule: Rule) -> None:
        self.max_parcels = min(self.max_parcels, rule.parcels)

    def not_alone(self, rule: Rule) -> None:
        self.alone_fen = max(self.alone_fen, rule.fen)

    def when_closed(self, rule: Rule) -> None:
        ids = self.rules.warehouse_ids(rule.warehouses) if rule.warehouses else self.rules.masters.warehouses
        for warehouse_id in ids:
            self.policies.setdefault(warehouse_id, (rule.policy, rule.id))

    def hold_release(self, rule: Rule) -> None:
        ids = self.rules.warehouse_ids(rule.warehouses) if rule.warehouses else self.rules.masters.warehouses
        self.held.update(ids)

    def _exclude(self, warehouse_ids: Iterable[int], rule: Rule) -> None:
        for warehouse_id in warehouse_ids:
            self.excluded.setdefault(warehouse_id, rule.id)

    def _allow(self, mask: NDArray[np.bool_]) -> None:
        self.allowed = mask if self.allowed is None else self.allowed & mask

    def _charge(self, fen: NDArray[np.int64]) -> None:
        self.extra = fen.astype(np.int64) if self.extra is None else self.extra + fen


_APPLY: Mapping[str, Callable[[_Builder, Rule], None]] = {
    "only_warehouses": _Builder.only_warehouses,
    "never_warehouses": _Builder.never_warehouses,
    "only_couriers": _Builder.only_couriers,
    "never_couriers": _Builder.never_couriers,
    "add_cost": _Builder.add_cost,
    "priority": _Builder.priority,
    "pin": _Builder.pin_to,
    "max_parcels": _Builder.at_most,
    "alone_threshold": _Builder.not_alone,
    "when_closed": _Builder.when_closed,
    "hold_release": _Builder.hold_release,
}
