"""What lies together in a box: limits of weight, volume and pieces, and goods that travel apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Item:
    """So many equal pieces. key: what the caller calls them. Weight and volume are of one piece."""

    key: Any
    pieces: int
    weight_g: int = 0
    volume_cm3: int = 0
    category: str = ""
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Limits:
    """What a box may hold; None: as much as you like. apart: categories and handling words that travel alone."""

    weight_g: int | None = None
    volume_cm3: int | None = None
    pieces: int | None = None
    apart_categories: frozenset[str] = frozenset()
    apart_tags: frozenset[str] = frozenset()

    @property
    def is_free(self) -> bool:
        return self == NO_LIMITS


NO_LIMITS = Limits()


@dataclass(slots=True)
class _Box:
    """A box being filled."""

    weight_g: int = 0
    volume_cm3: int = 0
    pieces: int = 0
    content: dict[Any, int] = field(default_factory=dict)

    def room_for(self, item: Item, limits: Limits) -> int:
        room = item.pieces
        for limit, filled, each in (
            (limits.weight_g, self.weight_g, item.weight_g),
            (limits.volume_cm3, self.volume_cm3, item.volume_cm3),
            (limits.pieces, self.pieces, 1),
        ):
            if limit is None:
                continue
            if filled > limit:
                # One piece that is too much by itself is in it: nothing travels with that, be it light as air.
                return 0
            if each:
                room = min(room, (limit - filled) // each)
        return room

    def put(self, item: Item, pieces: int) -> None:
        self.weight_g += item.weight_g * pieces
        self.volume_cm3 += item.volume_cm3 * pieces
        self.pieces += pieces
        self.content[item.key] = self.content.get(item.key, 0) + pieces


def fill_boxes(items: Sequence[Item], limits: Limits) -> list[dict[Any, int]]:
    """Put all pieces into boxes: key -> pieces for each. The same items always give the same boxes.

    Heavy goods first, each into the first box with room (first fit decreasing); goods that travel apart share a box
    only with their own sort. A piece that is above a limit by itself gets a box of its own: it cannot be cut.
    """
    if limits.is_free:
        return [_whole(items)] if items else []
    sorts: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        sorts.setdefault(_sort_of(item, limits), []).append(item)
    boxes: list[dict[Any, int]] = []
    for _sort, group in sorted(sorts.items()):
        boxes.extend(box.content for box in _fill(group, limits))
    return boxes


def _fill(items: Sequence[Item], limits: Limits) -> list[_Box]:
    boxes: list[_Box] = []
    for item in sorted(items, key=lambda i: (-i.weight_g, -i.volume_cm3)):
        left = item.pieces
        for box in boxes:
            taken = min(left, box.room_for(item, limits))
            if taken:
                box.put(item, taken)
                left -= taken
        while left:
            box = _Box()
            taken = max(1, min(left, box.room_for(item, limits)))
            box.put(item, taken)
            boxes.append(box)
            left -= taken
    return boxes


def _sort_of(item: Item, limits: Limits) -> tuple[str, str]:
    tags = sorted(item.tags & limits.apart_tags)
    if tags:
        return "tag", tags[0]
    return ("category", item.category) if item.category in limits.apart_categories else ("", "")


def _whole(items: Sequence[Item]) -> dict[Any, int]:
    box = _Box()
    for item in items:
        box.put(item, item.pieces)
    return box.content
