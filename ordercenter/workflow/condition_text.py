"""Conditions in words: 实付金额 ≥ ¥3,000.00 且 (…), in the active language."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ordercenter.workflow.condition_tree import Group, Leaf, Node, Quantified
from ordercenter.workflow.fields import Field, FieldType

_SIGNS = {"=": "=", "!=": "≠", "<": "<", "<=": "≤", ">": ">", ">=": "≥", "equals": "="}


def node_text(node: Node) -> str:
    """The sentence of a typed condition; nested groups stand in parentheses."""
    if isinstance(node, Group):
        return _group_text(node)
    return _quantified_text(node) if isinstance(node, Quantified) else _leaf_text(node)


def value_text(field: Field, value: Any) -> str:
    """One value as people read it: ¥3,000.00, 2026-11-22 09:31 in the current time zone, the label of a choice."""
    if value is None:
        return _("unknown")
    if isinstance(value, timedelta):
        return _duration_text(value)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, datetime):
        return timezone.localtime(value).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, set | frozenset | list | tuple):
        return _comma(value_text(field, each) for each in sorted(value, key=str))
    if field.type is FieldType.MONEY:
        sign, (yuan, fen) = "-" if value < 0 else "", divmod(abs(value), 100)
        return f"{sign}¥{yuan:,}.{fen:02d}"
    if field.type is FieldType.NUMBER:
        return f"{value:,}"
    if field.type is FieldType.TEXT:
        return _("“%(text)s”") % {"text": value}
    return str(field.choices.get(str(value), value))


def _group_text(group: Group) -> str:
    parts = []
    for rule in group.rules:
        text = node_text(rule)
        needs_brackets = isinstance(rule, Group) and not rule.negated and len(rule.rules) > 1 and len(group.rules) > 1
        parts.append(f"({text})" if needs_brackets else text)
    text = (_(" and ") if group.combinator == "and" else _(" or ")).join(parts)
    return _("not (%(condition)s)") % {"condition": text} if group.negated else text


def _leaf_text(leaf: Leaf) -> str:
    return _question_text(str(leaf.field.label), leaf.field, leaf.operator, leaf.value)


def _question_text(subject: str, field: Field, operator: str, value: Any) -> str:
    if operator in _SIGNS:
        return f"{subject} {_SIGNS[operator]} {value_text(field, value)}"
    if operator == "between":
        ends = {"field": subject, "low": value_text(field, value[0]), "high": value_text(field, value[1])}
        return _("%(field)s from %(low)s to %(high)s") % ends
    return _PATTERNS[operator]() % {"field": subject, "value": value_text(field, value)}


# Functions, so that the catalogue of messages sees the literals and the language is the one of the moment.
_PATTERNS: dict[str, Callable[[], str]] = {
    "in": lambda: _("%(field)s is one of %(value)s"),
    "not_in": lambda: _("%(field)s is none of %(value)s"),
    "has_any": lambda: _("%(field)s has one of %(value)s"),
    "has_all": lambda: _("%(field)s has all of %(value)s"),
    "has_none": lambda: _("%(field)s has none of %(value)s"),
    "contains": lambda: _("%(field)s contains %(value)s"),
    "not_contains": lambda: _("%(field)s does not contain %(value)s"),
    "starts_with": lambda: _("%(field)s starts with %(value)s"),
    "is_true": lambda: _("%(field)s: yes"),
    "is_false": lambda: _("%(field)s: no"),
    "is_known": lambda: _("%(field)s is known"),
    "is_unknown": lambda: _("%(field)s is unknown"),
    "within_last": lambda: _("%(field)s within the last %(value)s"),
    "within_next": lambda: _("%(field)s within the next %(value)s"),
}
_QUANTIFIED: dict[str, Callable[[], str]] = {
    "some": lambda: _("%(list)s: at least one with %(where)s"),
    "every": lambda: _("%(list)s: each with %(where)s"),
    "none": lambda: _("%(list)s: none with %(where)s"),
}


def _quantified_text(node: Quantified) -> str:
    where = node_text(node.where) if node.where else ""
    if node.quantifier in _QUANTIFIED:
        return _QUANTIFIED[node.quantifier]() % {"list": node.field.label, "where": where}
    names = {"list": node.field.label, "of": node.of.label if node.of else "", "where": where}
    if node.quantifier == "count":
        subject = (_("number of %(list)s with (%(where)s)") if where else _("number of %(list)s")) % names
    else:
        subject = (_("sum of %(of)s in %(list)s with (%(where)s)") if where else _("sum of %(of)s in %(list)s")) % names
    return _question_text(subject, node.of or Field("count", FieldType.NUMBER, ""), node.operator, node.value)


def _duration_text(duration: timedelta) -> str:
    hours, rest = divmod(duration.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = []
    if duration.days:
        parts.append(ngettext("%(n)d day", "%(n)d days", duration.days) % {"n": duration.days})
    if hours:
        parts.append(ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours})
    if minutes:
        parts.append(ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes})
    if seconds:
        parts.append(ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds})
    return " ".join(parts)


def _comma(parts: Iterable[str]) -> str:
    return _(", ").join(parts)
