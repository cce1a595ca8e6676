"""The typed field catalogue: what a flow may ask about a subject, and which questions each type of field understands.

A value is loaded under the field's path, in the plain form of its type:

    number, money    int (money: integer fen; never float, never Decimal)
    enum             str
    ref              int or str (the key of the row referred to)
    set              set, frozenset, list or tuple of str
    text             str
    bool             bool
    datetime         aware datetime
    date             date
    list             list of mappings from sub field path to value

A missing path and None both mean unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# The instant of the run; every catalogue has it, the engine sets it, no loader is asked for it.
NOW = "context.now"


class FieldType(StrEnum):
    NUMBER = "number"
    MONEY = "money"
    ENUM = "enum"
    REF = "ref"
    SET = "set"
    TEXT = "text"
    BOOL = "bool"
    DATETIME = "datetime"
    DATE = "date"
    LIST = "list"


COMPARISONS = ("=", "!=", "<", "<=", ">", ">=", "between")
_KNOWN = ("is_known", "is_unknown")
OPERATORS: Mapping[FieldType, tuple[str, ...]] = {
    FieldType.NUMBER: (*COMPARISONS, *_KNOWN),
    FieldType.MONEY: (*COMPARISONS, *_KNOWN),
    FieldType.ENUM: ("=", "in", "not_in", *_KNOWN),
    FieldType.REF: ("=", "in", "not_in", *_KNOWN),
    FieldType.SET: ("has_any", "has_all", "has_none", *_KNOWN),
    FieldType.TEXT: ("contains", "not_contains", "starts_with", "equals", *_KNOWN),
    FieldType.BOOL: ("is_true", "is_false", *_KNOWN),
    FieldType.DATETIME: (*COMPARISONS, "within_last", "within_next", *_KNOWN),
    FieldType.DATE: (*COMPARISONS, *_KNOWN),
    FieldType.LIST: _KNOWN,
}
# Operators that take no value.
BARE_OPERATORS = frozenset({"is_true", "is_false", *_KNOWN})
QUANTIFIERS = ("some", "every", "none", "count", "sum")

_PYTHON_TYPES: Mapping[FieldType, tuple[type, ...]] = {
    FieldType.NUMBER: (int,),
    FieldType.MONEY: (int,),
    FieldType.ENUM: (str,),
    FieldType.REF: (int, str),
    FieldType.SET: (set, frozenset, list, tuple),
    FieldType.TEXT: (str,),
    FieldType.BOOL: (bool,),
    FieldType.DATETIME: (datetime,),
    FieldType.DATE: (date,),
    FieldType.LIST: (list, tuple),
}


@dataclass(frozen=True)
class Field:
    """One thing a condition can ask about.

    path: the key under which loaders give the value; inside a list, relative to the list's item ("qty").
    values: for enum (and set), the allowed values with their labels, as a mapping or as pairs like Django choices.
    fields: for a list, the fields of one item.
    """

    path: str
    type: FieldType
    label: str | Promise
    values: Mapping[str, str | Promise] | Iterable[tuple[str, str | Promise]] | None = None
    fields: tuple[Field, ...] = ()

    def __post_init__(self) -> None:
        if self.values is not None:
            object.__setattr__(self, "values", {str(value): label for value, label in dict(self.values).items()})
        if bool(self.fields) != self.is_list:
            raise ValueError(f"field {self.path}: a list needs sub fields, and only a list has them")
        if any(sub.is_list for sub in self.fields):
            raise ValueError(f"field {self.path}: a list inside a list is not supported")

    @property
    def is_list(self) -> bool:
        return self.type is FieldType.LIST

    @property
    def choices(self) -> Mapping[str, str | Promise]:
        """The allowed values with labels; empty when the field takes any value of its type."""
        return self.values if isinstance(self.values, Mapping) else {}

    @property
    def operators(self) -> tuple[str, ...]:
        return OPERATORS[self.type]

    def accepts(self, value: Any) -> bool:
        """Whether a loaded value has the plain form of this field's type (None always does: it means unknown)."""
        if value is None:
            return True
        if isinstance(value, bool) and self.type is not FieldType.BOOL:
            return False
        if isinstance(value, datetime):
            return self.type is FieldType.DATETIME and value.tzinfo is not None
        return isinstance(value, _PYTHON_TYPES[self.type])


_NOW_FIELD = Field(NOW, FieldType.DATETIME, _("current time"))


class Catalogue:
    """The fields of one subject, by path, in the order given. Contains the current time without being told."""

    def __init__(self, fields: Iterable[Field]):
        self._fields: dict[str, Field] = {}
        for field in (*fields, _NOW_FIELD):
            if field.path in self._fields:
                raise ValueError(f"field {field.path} is in the catalogue twice")
            self._fields[field.path] = field

    def get(self, path: str) -> Field | None:
        return self._fields.get(path)

    def __contains__(self, path: object) -> bool:
        return path in self._fields

    def __iter__(self) -> Iterator[Field]:
        return iter(self._fields.values())

    def __len__(self) -> int:
        return len(self._fields)

    def misfits(self, values: Mapping[str, Any]) -> list[str]:
        """Paths of loaded values that are unknown here or not in the plain form of their type.

        For the tests of loaders: a Decimal where integer fen belong would compare without an error, and wrongly.
        """
        wrong = []
        for path, value in values.items():
            field = self._fields.get(path)
            if field is None or not field.accepts(value):
                wrong.append(path)
            elif field.is_list and value is not None:
                subs = {sub.path: sub for sub in field.fields}
                wrong.extend(
                    f"{path}[{number}].{key}"
                    for number, item in enumerate(value)
                    for key, part in item.items()
                    if key not in subs or not subs[key].accepts(part)
                )
        return wrong
