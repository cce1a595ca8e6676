"""Events to rows and back: plain JSON values out, the typed dataclass in again."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from ordercenter.events import types as event_types
from ordercenter.events.types import Event

# One encoder for all: json.dumps with options builds a new one at each call.
_encode = json.JSONEncoder(default=str, ensure_ascii=False, separators=(",", ":")).encode

# mypy takes the __hash__ of a dataclass's instances for that of the class itself, hence the ignored arguments below.


@cache
def event_classes() -> dict[str, type[Event]]:
    """Every event of the system by its name."""
    return {cls.name: cls for cls in _subclasses(Event) if cls.name}


def to_json(event: Event) -> str:
    """The payload column: every field but occurred_at; Decimal and instants as text."""
    return _encode({name: getattr(event, name) for name in _payload_fields(type(event))})  # type: ignore[arg-type]


def from_row(name: str, payload: Mapping[str, Any], occurred_at: datetime) -> Event:
    """The event of a row. Keys that this version does not know are left out, so old workers can read new rows."""
    cls = event_classes()[name]
    values: dict[str, Any] = {"occurred_at": occurred_at}
    for key, convert in _converters(cls).items():  # type: ignore[arg-type]
        if key in payload:
            value = payload[key]
            values[key] = value if convert is None or value is None else convert(value)
    return cls(**values)


@cache
def _payload_fields(cls: type[Event]) -> tuple[str, ...]:
    return tuple(f.name for f in dataclasses.fields(cls) if f.name != "occurred_at")


@cache
def _converters(cls: type[Event]) -> dict[str, Callable[[Any], Any] | None]:
    hints = typing.get_type_hints(cls, vars(event_types))
    return {name: _converter(hints[name]) for name in _payload_fields(cls)}  # type: ignore[arg-type]


def _converter(hint: Any) -> Callable[[Any], Any] | None:
    if hint is Decimal:
        return Decimal
    if hint is datetime:
        return datetime.fromisoformat
    if typing.get_origin(hint) is tuple:
        return tuple
    return None


def _subclasses(cls: type[Event]) -> Iterator[type[Event]]:
    for child in cls.__subclasses__():
        yield child
        yield from _subclasses(child)
