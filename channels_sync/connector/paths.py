"""Where a value stands in a JSON document: `$.data.items[0].price`, `$.items[*]`, `$['odd.name']`.

A small part of JSONPath (RFC 9535): names, indexes, all members of a list. No filters and no descent, so that reading
costs what the path is long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAX_STEPS = 16
_STEP = re.compile(r"\.([^\s.\[\]'\"$]{1,64})|\[([0-9]{1,4})\]|\[(\*)\]|\['([^']{1,64})'\]")

MISSING: Any = object()
"""What `one` answers where the document has nothing at the path; null counts as nothing too."""


class PathInvalid(ValueError):
    """Not a path that we read."""


@dataclass(frozen=True, slots=True)
class JsonPath:
    """steps: a name, an index, or None for all members."""

    text: str
    steps: tuple[str | int | None, ...]

    @property
    def is_many(self) -> bool:
        """Whether it stands for several values."""
        return None in self.steps


def parse_path(text: str) -> JsonPath:
    """Raises PathInvalid."""
    if not text.startswith("$"):
        raise PathInvalid("a path begins with $")
    steps: list[str | int | None] = []
    at = 1
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None or len(steps) == MAX_STEPS:
            raise PathInvalid(f"not understood from character {at + 1}")
        name, index, every, quoted = found.groups()
        steps.append(None if every else int(index) if index else name or quoted)
        at = found.end()
    return JsonPath(text, tuple(steps))


def all_of(document: Any, path: JsonPath) -> Iterator[tuple[str, Any]]:
    """Each value at the path with the place where it stands, such as `$.items[3]`."""
    yield from _walk(document, path.steps, "$")


def one(document: Any, path: JsonPath) -> Any:
    """The first value at the path, MISSING when there is none or it is null."""
    for _place, value in _walk(document, path.steps, "$"):
        if value is not None:
            return value
    return MISSING


def _walk(value: Any, steps: tuple[str | int | None, ...], place: str) -> Iterator[tuple[str, Any]]:
    if not steps:
        yield place, value
        return
    step, rest = steps[0], steps[1:]
    if step is None:
        for at, item in enumerate(value if isinstance(value, list) else ()):
            yield from _walk(item, rest, f"{place}[{at}]")
    elif isinstance(step, int):
        if isinstance(value, list) and step < len(value):
            yield from _walk(value[step], rest, f"{place}[{step}]")
    elif isinstance(value, dict) and step in value:
        yield from _walk(value[step], rest, f"{place}.{step}")
