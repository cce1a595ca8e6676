"""A condition as a form: groups within groups, each all, any, not all or none of its rows; and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from ordercenter.workflow.fields import BARE_OPERATORS, Catalogue, Field

# Empty rows that a group offers beside its own, and how deep groups may stand in each other.
SPARE_ROWS = 2
MOST_ROWS = 50
MOST_GROUPS = 20
DEEPEST = 4
# What a group says of its rows -> (combinator, whether it is turned round).
MODES = {"and": ("and", False), "or": ("or", False), "nand": ("and", True), "nor": ("or", True)}
_NAMES = {pair: name for name, pair in MODES.items()}


class FormProblem(Exception):
    """Something in a form cannot be read; the text says what and where, in the active language."""


@dataclass(frozen=True)
class ConditionRow:
    """One row of a condition in a form."""

    field: str = ""
    operator: str = ""
    value: str = ""


@dataclass(frozen=True)
class GroupForm:
    """One group: how its rows and groups go together. prefix: of the names of its inputs. is_spare: an empty one."""

    prefix: str
    mode: str
    rows: Sequence[ConditionRow]
    groups: Sequence[GroupForm]
    is_spare: bool = False


@dataclass(frozen=True)
class ConditionForm:
    """A condition as groups; root None: it asks things that rows cannot show, and stays as it is."""

    prefix: str
    root: GroupForm | None
    fields: Sequence[tuple[str, str]]

    @property
    def blank(self) -> GroupForm:
        """What a new group begins with; its names are given where it is put in."""
        return GroupForm("", "and", [ConditionRow()], ())


# (leaf) -> the text of its value in a form; (field, operator, text) -> the value of a leaf, or FormProblem.
Show = Callable[[Mapping[str, Any]], str]
Read = Callable[[Field, str, str], Any]


def modes() -> list[tuple[str, str]]:
    """What a group may say, with its words."""
    return [
        ("and", _("all of them hold")),
        ("or", _("one of them holds")),
        ("nand", _("not all of them hold")),
        ("nor", _("none of them holds")),
    ]


def condition_form(prefix: str, tree: Mapping[str, Any] | None, catalogue: Catalogue, show: Show) -> ConditionForm:
    """The form of a condition. prefix: "w" for the order's, "g" for that of the goods."""
    fields = [(field.path, str(field.label)) for field in catalogue if field.path != "context.now"]
    if tree is None:
        return ConditionForm(prefix, _group(prefix, {"rules": []}, show, 1), fields)
    group = tree if "rules" in tree else {"combinator": "and", "rules": [tree]}
    return ConditionForm(prefix, _group(prefix, group, show, 1) if _can_show(group, 1) else None, fields)


def posted_condition_form(prefix: str, data: QueryDict, catalogue: Catalogue) -> ConditionForm:
    """The form as it was filled in, right or wrong, so that nobody types a condition twice."""
    fields = [(field.path, str(field.label)) for field in catalogue if field.path != "context.now"]
    return ConditionForm(prefix, _posted_group(prefix, prefix, data, 1), fields)


def read_condition_form(prefix: str, data: QueryDict, catalogue: Catalogue, read: Read) -> dict[str, Any] | None:
    """The condition of a posted form; None when no row is filled in. Raises FormProblem."""
    return _read_group(prefix, data, catalogue, read, 1)


def _can_show(group: Mapping[str, Any], depth: int) -> bool:
    rules = group.get("rules", ())
    if depth > DEEPEST or len(rules) > MOST_ROWS:
        return False
    return all(
        isinstance(rule, Mapping) and "quantifier" not in rule and ("rules" not in rule or _can_show(rule, depth + 1))
        for rule in rules
    )


def _group(prefix: str, group: Mapping[str, Any], show: Show, depth: int) -> GroupForm:
    rules = list(group.get("rules", ()))
    rows = [
        ConditionRow(str(leaf.get("field", "")), str(leaf.get("operator", "")), show(leaf))
        for leaf in rules
        if "rules" not in leaf
    ]
    inner = [each for each in rules if "rules" in each]
    groups = [_group(f"{prefix}g{n}_", each, show, depth + 1) for n, each in enumerate(inner)]
    if depth < DEEPEST:
        groups.append(_spare(f"{prefix}g{len(inner)}_"))
    mode = _NAMES[group.get("combinator", "and"), bool(group.get("not"))]
    return GroupForm(prefix, mode, [*rows, *[ConditionRow()] * SPARE_ROWS], groups)


def _posted_group(source: str, prefix: str, data: QueryDict, depth: int) -> GroupForm:
    """source: the prefix of the posted names; prefix: of the new ones, which have no gaps."""
    rows = [
        ConditionRow(path, data.get(f"{source}o{n}", ""), data.get(f"{source}v{n}", ""))
        for n in range(MOST_ROWS)
        if (path := data.get(f"{source}f{n}", ""))
    ]
    groups: list[GroupForm] = []
    for n in range(MOST_GROUPS) if depth < DEEPEST else ():
        inner = _posted_group(f"{source}g{n}_", f"{prefix}g{len(groups)}_", data, depth + 1)
        if any(row.field for row in inner.rows) or any(not group.is_spare for group in inner.groups):
            groups.append(inner)
    if depth < DEEPEST:
        groups.append(_spare(f"{prefix}g{len(groups)}_"))
    mode = data.get(f"{source}c", "")
    return GroupForm(prefix, mode if mode in MODES else "and", [*rows, *[ConditionRow()] * SPARE_ROWS], groups)


def _spare(prefix: str) -> GroupForm:
    return GroupForm(prefix, "or", [ConditionRow()] * SPARE_ROWS, (), is_spare=True)


def _read_group(prefix: str, data: QueryDict, catalogue: Catalogue, read: Read, depth: int) -> dict[str, Any] | None:
    rules: list[dict[str, Any]] = []
    for number in range(MOST_ROWS):
        path = data.get(f"{prefix}f{number}", "")
        if not path:
            continue
        field = catalogue.get(path)
        if field is None:
            raise FormProblem(_("There is no field %(path)s here.") % {"path": path})
        operator = data.get(f"{prefix}o{number}", "")
        leaf: dict[str, Any] = {"field": path, "operator": operator}
        if operator not in BARE_OPERATORS:
            leaf["value"] = read(field, operator, data.get(f"{prefix}v{number}", "").strip())
        rules.append(leaf)
    for number in range(MOST_GROUPS) if depth < DEEPEST else ():
        inner = _read_group(f"{prefix}g{number}_", data, catalogue, read, depth + 1)
        if inner is not None:
            rules.append(inner)
    if not rules:
        return None
    combinator, is_turned = MODES.get(data.get(f"{prefix}c", "and"), MODES["and"])
    if len(rules) == 1 and not is_turned:
        return rules[0]
    return {"combinator": combinator, "rules": rules, **({"not": True} if is_turned else {})}
