"""Which values make a condition true, as boxes: to find cases of a branch that shadow or overlap each other.

A box fixes, per field, a domain: ranges for numbers, money and instants, choices for the rest. A rule that is neither
(text, set, list, relative time) is a field of its own with the answers true and false. An unknown answer needs no
place here: it leaves the branch before any later case is looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ordercenter.workflow.condition_tree import Group, Leaf, Node, Quantified
from ordercenter.workflow.fields import COMPARISONS, FieldType

_MAX_BOXES = 256
_RANGED = (FieldType.NUMBER, FieldType.MONEY, FieldType.DATETIME, FieldType.DATE)

# An end of a range: (-1,) and (1,) are the infinities, (0, value, shift) a value with shift -1, 0 or 1 for just
# below, at, or just above it. Tuples compare as the ends do.
_End = tuple[Any, ...]
_LOWEST: _End = (-1,)
_HIGHEST: _End = (1,)


@dataclass(frozen=True, slots=True)
class Ranges:
    """Disjoint closed ranges in order. Whole numbers have no shifts: above 4 is from 5 on."""

    parts: tuple[tuple[_End, _End], ...]

    def __and__(self, other: Ranges) -> Ranges:
        cuts = [(max(a[0], b[0]), min(a[1], b[1])) for a in self.parts for b in other.parts]
        return Ranges(tuple(sorted((low, high) for low, high in cuts if low <= high)))

    def __invert__(self) -> Ranges:
        borders = [_LOWEST]
        for low, high in self.parts:
            borders += [_step(low, -1), _step(high, 1)]
        borders.append(_HIGHEST)
        gaps = zip(borders[::2], borders[1::2], strict=True)
        return Ranges(tuple((low, high) for low, high in gaps if low <= high and low != _HIGHEST and high != _LOWEST))

    def __bool__(self) -> bool:
        return bool(self.parts)


@dataclass(frozen=True, slots=True)
class Choices:
    """These values, or with `other` all values but these. universe: all there are, where that is known."""

    values: frozenset[Any]
    other: bool = False
    universe: frozenset[Any] | None = None

    def __and__(self, other: Choices) -> Choices:
        if self.other and other.other:
            return Choices(self.values | other.values, True, self.universe)
        if self.other:
            return Choices(other.values - self.values, False, self.universe)
        values = self.values - other.values if other.other else self.values & other.values
        return Choices(values, False, self.universe)

    def __invert__(self) -> Choices:
        if self.universe is not None:
            return Choices(self.universe - self.values, False, self.universe)
        return Choices(self.values, not self.other)

    def __bool__(self) -> bool:
        return self.other or bool(self.values)


Domain = Ranges | Choices
Box = Mapping[str, Domain]
Region = Sequence[Box]


def region_of(node: Node) -> Region | None:
    """The boxes whose union makes the condition true; None when there are too many to look at."""
    try:
        return _boxes(node, negated=False)
    except _TooMany:
        return None


def covers(earlier: Iterable[Region], region: Region) -> bool:
    """Whether the earlier regions together leave nothing of this one; an empty region is always covered."""
    rest: list[Box] = list(region)
    for known in earlier:
        for box in known:
            rest = [part for left in rest for part in _minus(left, box)]
            if len(rest) > _MAX_BOXES:
                return False
    return not rest


def overlap(first: Region, second: Region) -> bool:
    """Whether two conditions on the same fields share values. Conditions on different fields are meant to combine."""
    return any(a.keys() == b.keys() and _both(a, b) is not None for a in first for b in second)


class _TooMany(Exception):
    pass


def _boxes(node: Node, *, negated: bool) -> list[Box]:
    if not isinstance(node, Group):
        return _leaf_boxes(node, negated=negated)
    negated ^= node.negated
    parts = [_boxes(rule, negated=negated) for rule in node.rules]
    if (node.combinator == "and") == negated:  # an or, or by De Morgan the denial of an and
        boxes = [box for part in parts for box in part]
    else:
        boxes = [{}]
        for part in parts:
            joined = (_both(box, other) for box in boxes for other in part)
            boxes = [box for box in joined if box is not None]
            if len(boxes) > _MAX_BOXES:
                raise _TooMany
    if len(boxes) > _MAX_BOXES:
        raise _TooMany
    return boxes


def _leaf_boxes(leaf: Leaf | Quantified, *, negated: bool) -> list[Box]:
    key, domain = _domain(leaf)
    if negated:
        domain = ~domain
    return [{key: domain}] if domain else []


def _domain(leaf: Leaf | Quantified) -> tuple[str, Domain]:
    if isinstance(leaf, Leaf):
        path, kind = leaf.field.path, leaf.field.type
        if kind in _RANGED and leaf.operator in COMPARISONS:
            return path, _ranges(leaf.operator, leaf.value)
        if leaf.operator in ("is_true", "is_false"):
            return path, _truths(leaf.operator == "is_true")
        if leaf.operator in ("=", "in", "not_in"):
            wanted = frozenset({leaf.value}) if leaf.operator == "=" else leaf.value
            chosen = Choices(wanted, universe=frozenset(leaf.field.choices) or None)
            return path, ~chosen if leaf.operator == "not_in" else chosen
    return json.dumps(_identity(leaf), ensure_ascii=False, sort_keys=True), _truths(True)


def _truths(value: bool) -> Choices:
    return Choices(frozenset({value}), universe=frozenset({True, False}))


def _identity(node: Any) -> Any:
    """A rule's text form: two rules that ask the same have the same."""
    if isinstance(node, Group):
        return [node.combinator, node.negated, [_identity(rule) for rule in node.rules]]
    if isinstance(node, Quantified):
        of = node.of.path if node.of else ""
        return [node.field.path, node.quantifier, _identity(node.where), node.operator, str(node.value), of]
    if isinstance(node, Leaf):
        value = sorted(map(str, node.value)) if isinstance(node.value, frozenset) else str(node.value)
        return [node.field.path, node.operator, value]
    return None


def _ranges(operator: str, value: Any) -> Ranges:
    at = (0, value, 0)
    if operator == "between":
        return Ranges((((0, value[0], 0), (0, value[1], 0)),))
    if operator in ("=", "!="):
        exact = Ranges(((at, at),))
        return exact if operator == "=" else ~exact
    if operator in ("<", "<="):
        return Ranges(((_LOWEST, at if operator == "<=" else _step(at, -1)),))
    return Ranges(((at if operator == ">=" else _step(at, 1), _HIGHEST),))


def _step(end: _End, direction: int) -> _End:
    """The next end after (1) or before (-1) this one."""
    if len(end) == 1:
        return end
    _rank, value, shift = end
    if isinstance(value, int):
        return (0, value + direction, 0)
    return (0, value, shift + direction)


def _meet(first: Domain, second: Domain) -> Domain:
    if isinstance(first, Ranges) and isinstance(second, Ranges):
        return first & second
    if isinstance(first, Choices) and isinstance(second, Choices):
        return first & second
    raise TypeError("a field has ranges or choices, never both")


def _both(first: Box, second: Box) -> Box | None:
    joined = dict(first)
    for key, domain in second.items():
        known = joined.get(key)
        joined[key] = domain if known is None else _meet(known, domain)
        if not joined[key]:
            return None
    return joined


def _minus(box: Box, taken: Box) -> list[Box]:
    """What is left of a box without another: one part per field, each disjoint from the others."""
    if _both(box, taken) is None:
        return [box]
    parts: list[Box] = []
    inside = dict(box)
    for key, domain in taken.items():
        known = inside.get(key)
        outside = ~domain if known is None else _meet(known, ~domain)
        if outside:
            parts.append({**inside, key: outside})
        inside[key] = domain if known is None else _meet(known, domain)
    return parts
