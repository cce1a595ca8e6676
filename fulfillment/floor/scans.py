"""A scan as it comes from a device, and what it is answered with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from fulfillment.states import ScanStep


@dataclass(frozen=True, slots=True)
class ScanInput:
    """id: made by the device, the same however often the scan is sent. text: as read, not yet tidied.

    place: "wave:3", "shipment:12", "count:4", "inbound:7"; empty: where this person's device was last. pieces: how many
    of what was scanned. grade: of returned goods.
    """

    id: UUID
    warehouse_id: int
    step: ScanStep
    text: str
    device: str
    scanned_at: datetime
    pieces: int = 1
    place: str = ""
    grade: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """say: a code that the screen has words for; params: what they need. place: where the device is from now on.

    undo: how to take it back: absent for a scan that changed nothing, {"kind": "none"} for one that stands.
    """

    say: str
    place: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    undo: dict[str, Any] | None = None
    is_ok: bool = True

    def stored(self) -> dict[str, Any]:
        """As it is kept with the scan."""
        return {"say": self.say, "place": self.place, "params": self.params, "undo": self.undo}


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to one scan of a list. was_known: it came before, and changed nothing this time."""

    scan_id: UUID
    is_ok: bool
    say: str
    place: str
    params: dict[str, Any]
    was_known: bool = False


def number_of(place: str, kind: str) -> int | None:
    """The row that a place names: number_of("wave:3", "wave") is 3; None for a place of another kind."""
    found, _colon, number = place.partition(":")
    return int(number) if found == kind and number.isdigit() else None
