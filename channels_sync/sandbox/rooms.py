"""Live rooms of the played platforms, and which orders of a day were bought in one. Pure, no Django."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from channels_sync.sandbox import goods


@dataclass(frozen=True, slots=True)
class Room:
    """A room with its anchor, by the platform's numbers. anchor: a name for people."""

    room_id: str
    author_id: str
    anchor: str = ""


# Rooms by platform: the platforms whose protocol names a room with the order.
DEMO_ROOMS: Mapping[str, tuple[Room, ...]] = {
    "douyin": (Room("7441200000000000101", "68120000001", "木棉小雨"),),
    "wechat_shop": (Room("2051300000000000201", "sph_mumian", "掌柜老周"),),
}
# What is shown in every room.
SHOWN: tuple[goods.Sku, ...] = goods.SKUS[2:8]


def rooms_from_json(rooms: Mapping[str, Sequence[Room | Mapping[str, str]]]) -> dict[str, tuple[Room, ...]]:
    """Rooms as they stand in a spec that was written down. Raises TypeError for what is no room."""
    return {
        platform: tuple(room if isinstance(room, Room) else Room(**room) for room in there)
        for platform, there in rooms.items()
    }


def room_of(rooms: Mapping[str, Sequence[Room]], *, platform: str, share: float, seed: int, index: int) -> Room | None:
    """The room in which the order at this index is bought, None for the shop's ordinary page. By the seed alone."""
    there = rooms.get(platform, ())
    rng = random.Random(f"room/{seed}/{index}")
    return rng.choice(there) if there and rng.random() < share else None
