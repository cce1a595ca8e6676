"""What a figure has to reach, and what it aims at, beside what was measured."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure with its goals. is_least: more is better (orders a second); else less is (milliseconds).

    aim: None where there is none beyond the must.
    """

    figure: str
    unit: str
    measured: float | None
    must: float
    aim: float | None = None
    is_least: bool = False

    def row(self) -> dict[str, object]:
        """As a row of the result: figure, unit, measured, must, aim, and which of the two is reached."""
        return {
            "figure": self.figure,
            "unit": self.unit,
            "measured": self.measured,
            "must": self.must,
            "aim": self.aim,
            "reached": self.reached,
        }

    @property
    def reached(self) -> str:
        """ "aim", "must" or "neither"; what was not measured reaches neither."""
        if self.aim is not None and self._is_within(self.aim):
            return "aim"
        return "must" if self._is_within(self.must) else "neither"

    def _is_within(self, goal: float) -> bool:
        if self.measured is None:
            return False
        return self.measured >= goal if self.is_least else self.measured <= goal


def rows(*goals: Goal) -> list[dict[str, object]]:
    return [goal.row() for goal in goals]


def load_now() -> float:
    """The machine's load over the last minute: a figure that was taken beside other work says so."""
    return round(os.getloadavg()[0], 1)
