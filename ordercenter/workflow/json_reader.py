"""Reads a JSON document field by field, with the path of the place in every refusal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ordercenter.workflow.errors import DocumentInvalid, LimitExceeded


class JsonReader:
    """One value of a JSON document and the path that leads to it. Every method raises DocumentInvalid."""

    def __init__(self, value: Any, path: str = ""):
        self.value, self.path = value, path

    def refuse(self, reason: str) -> DocumentInvalid:
        return DocumentInvalid(self.path, reason)

    def at(self, key: str) -> JsonReader:
        """The value under a key of this object; its value is None when the key is absent."""
        return JsonReader(self.mapping().get(key), f"{self.path}.{key}" if self.path else key)

    def has(self, key: str) -> bool:
        """Whether the key is there with something else than null."""
        return self.mapping().get(key) is not None

    def mapping(self) -> Mapping[str, Any]:
        if not isinstance(self.value, Mapping):
            raise self.refuse("an object belongs here")
        return self.value

    def only(self, *keys: str) -> None:
        """Refuse keys that are not known: a misspelt key would otherwise be a setting silently ignored."""
        extra = sorted(set(self.mapping()) - set(keys))
        if extra:
            raise self.refuse(f"not known here: {', '.join(extra)}")

    def items(self) -> Iterator[tuple[str, JsonReader]]:
        for key in self.mapping():
            yield key, self.at(key)

    def each(self, *, at_most: int) -> Iterator[JsonReader]:
        if not isinstance(self.value, list):
            raise self.refuse("a list belongs here")
        if len(self.value) > at_most:
            raise LimitExceeded(self.path, f"at most {at_most} entries are allowed, not {len(self.value)}")
        for number, value in enumerate(self.value):
            yield JsonReader(value, f"{self.path}[{number}]")

    def text(self, *, at_most: int = 200) -> str:
        if not isinstance(self.value, str) or not self.value or len(self.value) > at_most:
            raise self.refuse(f"a text of 1 to {at_most} characters belongs here")
        return self.value

    def one_of(self, *known: str) -> str:
        if self.value not in known:
            raise self.refuse(f"one of {', '.join(known)} belongs here")
        return str(self.value)

    def integer(self, *, low: int, high: int) -> int:
        if isinstance(self.value, bool) or not isinstance(self.value, int) or not low <= self.value <= high:
            raise self.refuse(f"a whole number from {low} to {high} belongs here")
        return self.value

    def number(self, *, low: float, high: float) -> float:
        if isinstance(self.value, bool) or not isinstance(self.value, int | float) or not low <= self.value <= high:
            raise self.refuse(f"a number from {low} to {high} belongs here")
        return self.value
