"""Reads a condition as it stands in a flow document and types it against a field catalogue.

Shape, the one of the query-builder editors:

    group       {"combinator": "and" | "or", "not": false, "rules": [rule, ...]}
    rule        {"field": path, "operator": op, "value": value}
    quantified  {"field": list path, "quantifier": "some" | "every" | "none", "where": group over the item's fields}
                {"field": list path, "quantifier": "count", "where"?: group, "operator": op, "value": n}
                {"field": list path, "quantifier": "sum", "of": item field, "where"?: group, "operator": op, "value": n}

Values: numbers and money are integers (money in fen), instants ISO 8601 with an offset, dates YYYY-MM-DD, `between`
takes [low, high] and includes both, `within_last` and `within_next` take an ISO 8601 duration, `in` and the set
operators take lists. The editor's own "id" on rules and groups is ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _

from ordercenter.workflow.durations import parse_duration
from ordercenter.workflow.errors import ConditionInvalid
from ordercenter.workflow.fields import BARE_OPERATORS, COMPARISONS, NOW, QUANTIFIERS, Catalogue, Field, FieldType

MAX_LEAVES = 100
MAX_NESTING = 6
MAX_CHOICES = 1000
MAX_TEXT = 500
_MAX_NUMBER = 10**15


@dataclass(frozen=True, slots=True)
class Leaf:
    """One question about one field; value is typed (int, frozenset, text, datetime, timedelta, (low, high) or None)."""

    field: Field
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class Quantified:
    """A question about the items of a list field; operator, value and of only for count and sum."""

    field: Field
    quantifier: str
    where: Node | None
    operator: str = ""
    value: Any = None
    of: Field | None = None


@dataclass(frozen=True, slots=True)
class Group:
    combinator: str
    negated: bool
    rules: tuple[Node, ...]


Node = Leaf | Quantified | Group


@dataclass(frozen=True, slots=True)
class Problem:
    """One place of a tree that is wrong. code: UNKNOWN_FIELD, TYPE_MISMATCH, LIMIT_EXCEEDED or CONDITION_INVALID."""

    code: str
    where: str
    text: str


def read_condition(tree: Any, catalogue: Catalogue) -> tuple[Node | None, list[Problem]]:
    """The typed tree, or None together with every problem found."""
    reader = _Reader()
    node = reader.node(tree, "", {field.path: field for field in catalogue}, depth=1, in_list=False)
    if reader.leaves > MAX_LEAVES:
        text = _("A condition has at most %(limit)d rules; this one has %(count)d.")
        reader.report("LIMIT_EXCEEDED", "", text % {"limit": MAX_LEAVES, "count": reader.leaves})
    return (None if reader.problems else node), reader.problems


def typed_condition(tree: Any, catalogue: Catalogue) -> Node:
    """The typed tree. Raises ConditionInvalid with every problem found."""
    node, problems = read_condition(tree, catalogue)
    if node is None:
        raise ConditionInvalid(problems)
    return node


def count_leaves(tree: Any) -> int:
    """How many rules an untyped tree has; a quantified rule counts with the rules of its `where`."""
    return sum(1 for _rule in _raw_rules(tree))


def raw_fields(tree: Any) -> frozenset[str]:
    """The fields an untyped tree reads, a list as a whole; NOW where a rule is relative to the current time."""
    found = set()
    for rule, in_list in _raw_rules(tree):
        if not in_list and isinstance(rule.get("field"), str):
            found.add(rule["field"])
        if rule.get("operator") in ("within_last", "within_next"):
            found.add(NOW)
    return frozenset(found)


def _raw_rules(tree: Any) -> Iterator[tuple[Mapping[str, Any], bool]]:
    # A stack of our own: a hostile document may be nested deeper than Python's.
    pending = [(tree, False)]
    while pending:
        data, in_list = pending.pop()
        if not isinstance(data, Mapping):
            continue
        if isinstance(data.get("rules"), list):
            pending.extend((rule, in_list) for rule in data["rules"])
        else:
            yield data, in_list
            pending.append((data.get("where"), True))


class _Reader:
    """Walks one tree, collects problems instead of stopping at the first: the designer marks all of them."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.leaves = 0

    def report(self, code: str, where: str, text: str) -> None:
        self.problems.append(Problem(code, where, text))

    def node(self, data: Any, where: str, fields: Mapping[str, Field], *, depth: int, in_list: bool) -> Node | None:
        if not isinstance(data, Mapping):
            self.report("CONDITION_INVALID", where, _("A rule or a group of rules belongs here."))
            return None
        if "rules" in data or "combinator" in data:
            return self.group(data, where, fields, depth=depth, in_list=in_list)
        self.leaves += 1
        if "quantifier" in data:
            return self.quantified(data, where, fields, depth=depth, in_list=in_list)
        return self.leaf(data, where, fields)

    def group(
        self, data: Mapping[str, Any], where: str, fields: Mapping[str, Field], *, depth: int, in_list: bool
    ) -> Group | None:
        if depth > MAX_NESTING:
            text = _("Groups may be nested %(limit)d deep, not deeper.") % {"limit": MAX_NESTING}
            self.report("LIMIT_EXCEEDED", where, text)
            return None
        self.only(data, where, {"combinator", "not", "rules"})
        combinator, negated, rules = data.get("combinator"), data.get("not", False), data.get("rules")
        if combinator not in ("and", "or") or not isinstance(negated, bool) or not isinstance(rules, list) or not rules:
            text = _('A group needs "combinator" (and, or), at least one rule in "rules", and "not" as true or false.')
            self.report("CONDITION_INVALID", where, text)
            return None
        prefix = f"{where}." if where else ""
        nodes = [
            self.node(rule, f"{prefix}rules[{number}]", fields, depth=depth + 1, in_list=in_list)
            for number, rule in enumerate(rules)
        ]
        return Group(combinator, negated, tuple(node for node in nodes if node is not None))

    def quantified(
        self, data: Mapping[str, Any], where: str, fields: Mapping[str, Field], *, depth: int, in_list: bool
    ) -> Quantified | None:
        field, quantifier = self.field(data, where, fields), data["quantifier"]
        if field is None:
            return None
        if in_list or not field.is_list or quantifier not in QUANTIFIERS:
            text = _('"quantifier" is one of %(known)s and needs a list field.') % {"known": ", ".join(QUANTIFIERS)}
            self.report("TYPE_MISMATCH", where, text)
            return None
        subs = {sub.path: sub for sub in field.fields}
        condition: Node | None = None
        if data.get("where") is not None or quantifier in ("some", "every", "none"):
            inner = f"{where}.where" if where else "where"
            condition = self.node(data.get("where"), inner, subs, depth=depth, in_list=True)
        if quantifier in ("some", "every", "none"):
            self.only(data, where, {"field", "quantifier", "where"})
            return Quantified(field, quantifier, condition)
        return self.tally(data, where, field, condition, subs)

    def tally(
        self,
        data: Mapping[str, Any],
        where: str,
        field: Field,
        condition: Node | None,
        subs: Mapping[str, Field],
    ) -> Quantified | None:
        """count and sum: the number of matching items, or the sum of one of their fields, compared with a value."""
        quantifier = data["quantifier"]
        self.only(data, where, {"field", "quantifier", "where", "operator", "value", "of"})
        of: Field | None = None
        if quantifier == "sum":
            of = subs.get(data["of"]) if isinstance(data.get("of"), str) else None
            if of is None or of.type not in (FieldType.NUMBER, FieldType.MONEY):
                text = _('"of" names the number or money field of the list that is added up.')
                self.report("TYPE_MISMATCH", where, text)
                return None
        elif "of" in data:
            self.report("CONDITION_INVALID", where, _('"of" belongs to sum only.'))
        operator = data.get("operator")
        if operator not in COMPARISONS:
            text = _("A count or sum is compared with one of %(known)s.") % {"known": " ".join(COMPARISONS)}
            self.report("TYPE_MISMATCH", where, text)
            return None
        try:
            value = _compared(of or Field("count", FieldType.NUMBER, ""), operator, data.get("value"))
        except ValueError as error:
            self.report("TYPE_MISMATCH", where, str(error))
            return None
        return Quantified(field, quantifier, condition, operator, value, of)

    def leaf(self, data: Mapping[str, Any], where: str, fields: Mapping[str, Field]) -> Leaf | None:
        field = self.field(data, where, fields)
        if field is None:
            return None
        self.only(data, where, {"field", "operator", "value"})
        operator = data.get("operator")
        if operator not in field.operators:
            text = _("%(field)s cannot be asked with %(operator)s; use one of %(known)s.")
            values = {"field": field.label, "operator": operator, "known": " ".join(field.operators)}
            self.report("TYPE_MISMATCH", where, text % values)
            return None
        try:
            return Leaf(field, operator, read_value(field, operator, data.get("value")))
        except ValueError as error:
            self.report("TYPE_MISMATCH", where, str(error))
            return None

    def field(self, data: Mapping[str, Any], where: str, fields: Mapping[str, Field]) -> Field | None:
        path = data.get("field")
        field = fields.get(path) if isinstance(path, str) else None
        if field is None:
            self.report("UNKNOWN_FIELD", where, _("There is no field %(path)s here.") % {"path": path})
        return field

    def only(self, data: Mapping[str, Any], where: str, allowed: set[str]) -> None:
        extra = sorted(str(key) for key in data if key not in allowed and key != "id")
        if extra:
            self.report("CONDITION_INVALID", where, _("Not known here: %(keys)s.") % {"keys": ", ".join(extra)})


def read_value(field: Field, operator: str, value: Any) -> Any:
    """A rule's JSON value in the form the closures compare with. Raises ValueError with a sentence for people."""
    if operator in BARE_OPERATORS:
        if value is not None:
            raise ValueError(_("%(operator)s takes no value.") % {"operator": operator})
        return None
    if operator in COMPARISONS and field.type in (
        FieldType.NUMBER,
        FieldType.MONEY,
        FieldType.DATETIME,
        FieldType.DATE,
    ):
        return _compared(field, operator, value)
    if operator in ("within_last", "within_next"):
        try:
            return parse_duration(value if isinstance(value, str) else "")
        except ValueError:
            raise ValueError(_("A duration such as PT30M or P2D belongs here.")) from None
    if field.type is FieldType.TEXT:
        return _text(value, may_be_empty=operator == "equals")
    if operator == "=":
        return _choice(field, value)
    if not isinstance(value, list) or not value or len(value) > MAX_CHOICES:
        raise ValueError(_("A list of 1 to %(limit)d values belongs here.") % {"limit": MAX_CHOICES})
    return frozenset(_choice(field, each) for each in value)


def read_given(field: Field, value: Any) -> Any:
    """A JSON value as a loader would give it: for test cases and imported samples. Raises ValueError."""
    if value is None:
        return None
    if field.type is FieldType.LIST:
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            raise ValueError(_("A list of objects belongs here."))
        subs = {sub.path: sub for sub in field.fields}
        if unknown := {str(key) for item in value for key in item} - set(subs):
            raise ValueError(_("Not known here: %(keys)s.") % {"keys": ", ".join(sorted(unknown))})
        return [{key: read_given(subs[key], part) for key, part in item.items()} for item in value]
    if field.type in (FieldType.DATETIME, FieldType.DATE):
        return _scalar(field, value)
    if not field.accepts(value):
        raise ValueError(_("%(field)s cannot have the value %(value)s.") % {"field": field.label, "value": value})
    return value


def _compared(field: Field, operator: str, value: Any) -> Any:
    if operator != "between":
        return _scalar(field, value)
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(_("A pair [low, high] belongs here."))
    low, high = (_scalar(field, each) for each in value)
    if low > high:
        raise ValueError(_("The low end is above the high end."))
    return low, high


def _scalar(field: Field, value: Any) -> Any:
    if field.type in (FieldType.NUMBER, FieldType.MONEY):
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _MAX_NUMBER:
            if field.type is FieldType.MONEY:
                raise ValueError(_("An amount in whole fen belongs here."))
            raise ValueError(_("A whole number belongs here."))
        return value
    text = value if isinstance(value, str) else ""
    if field.type is FieldType.DATE:
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise ValueError(_("A date such as 2026-11-22 belongs here.")) from None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ValueError(_("A time with an offset such as 2026-11-22T09:00:00+08:00 belongs here."))
    return instant


def _text(value: Any, *, may_be_empty: bool) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT or not (value or may_be_empty):
        raise ValueError(_("A text of 1 to %(limit)d characters belongs here.") % {"limit": MAX_TEXT})
    return value


def _choice(field: Field, value: Any) -> Any:
    allowed = (int, str) if field.type is FieldType.REF else (str,)
    if isinstance(value, bool) or not isinstance(value, allowed):
        raise ValueError(_("%(field)s cannot have the value %(value)s.") % {"field": field.label, "value": value})
    if field.choices and value not in field.choices:
        known = ", ".join(field.choices)
        raise ValueError(_("%(value)s is not one of %(known)s.") % {"value": value, "known": known})
    return value
