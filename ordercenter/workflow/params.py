"""Parameters of actions: typed, with defaults, and secrets only by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from ordercenter.workflow.durations import parse_duration


class ParamType(StrEnum):
    """text str · number and money int (money in fen) · bool · choice str · choices tuple of str · duration timedelta

    secret: {"secret": name} in the document; the action looks the secret up by that name.
    """

    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"
    BOOL = "bool"
    CHOICE = "choice"
    CHOICES = "choices"
    DURATION = "duration"
    SECRET = "secret"


_SECRET_NAME = re.compile(r"pass(word|wd|phrase)|secret|token|api[_-]?key|private[_-]?key|credential|密码|密钥", re.I)
_SECRET_TEXT = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\bBearer\s+[\w.~+/-]{16,}|://[^/\s:@]+:[^/\s@]+@"
    r"|(?:password|passwd|secret|token|api_?key)\s*[=:]\s*\S{6,}",
    re.I,
)


@dataclass(frozen=True)
class ParamSpec:
    """One parameter. values: for choice and choices, the allowed values with labels, as a mapping or pairs."""

    type: ParamType
    label: str | Promise
    required: bool = True
    default: Any = None
    values: Mapping[str, str | Promise] | Iterable[tuple[str, str | Promise]] | None = None

    def __post_init__(self) -> None:
        if self.values is not None:
            object.__setattr__(self, "values", dict(self.values))

    @property
    def choices(self) -> Mapping[str, str | Promise]:
        return self.values if isinstance(self.values, Mapping) else {}

    def read(self, value: Any) -> Any:
        """The document's JSON value, typed. Raises ValueError with a sentence for people."""
        if self.type is ParamType.DURATION:
            try:
                return parse_duration(value if isinstance(value, str) else "")
            except ValueError:
                raise ValueError(_("A duration such as PT30M or P2D belongs here.")) from None
        if self.type is ParamType.CHOICES:
            if not isinstance(value, list):
                raise ValueError(_("A list belongs here."))
            return tuple(self._choice(each) for each in value)
        if self.type is ParamType.CHOICE:
            return self._choice(value)
        if self.type is ParamType.SECRET:
            return self._secret(value)
        kind = {ParamType.BOOL: bool, ParamType.TEXT: str}.get(self.type, int)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ValueError(_("A value of type %(type)s belongs here.") % {"type": self.type.value})
        return value

    def _choice(self, value: Any) -> str:
        if not isinstance(value, str) or (self.choices and value not in self.choices):
            known = ", ".join(self.choices)
            raise ValueError(_("%(value)s is not one of %(known)s.") % {"value": value, "known": known})
        return value

    @staticmethod
    def _secret(value: Any) -> str:
        if not isinstance(value, Mapping) or set(value) != {"secret"} or not isinstance(value["secret"], str):
            raise ValueError(_('The name of a stored secret belongs here: {"secret": name}.'))
        return value["secret"]


def read_params(specs: Mapping[str, ParamSpec], given: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of an action, typed, with defaults. Raises ValueError naming the first one that is wrong."""
    unknown = sorted(set(given) - set(specs))
    if unknown:
        raise ValueError(_("Not known here: %(keys)s.") % {"keys": ", ".join(unknown)})
    typed = {}
    for name, spec in specs.items():
        if given.get(name) is not None:
            try:
                typed[name] = spec.read(given[name])
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        elif spec.required and spec.default is None:
            raise ValueError(_("%(name)s is missing.") % {"name": name})
        else:
            typed[name] = spec.default
    return typed


def holds_secret(name: str, value: Any) -> bool:
    """Whether a value written in a document looks like a password, key or token in plain text."""
    if isinstance(value, Mapping):
        return any(holds_secret(str(key), part) for key, part in value.items() if set(value) != {"secret"})
    if isinstance(value, list):
        return any(holds_secret(name, part) for part in value)
    return isinstance(value, str) and bool(value) and bool(_SECRET_NAME.search(name) or _SECRET_TEXT.search(value))
