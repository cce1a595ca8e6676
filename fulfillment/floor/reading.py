"""What a scanner or a scale has put into the text field."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MOST_CHARACTERS = 128
_WEIGHT = re.compile(r"(\d{1,3}(?:\.\d{1,3})?)\s*(kg|g)?", re.IGNORECASE)
_TRACKING = re.compile(r"[A-Z0-9-]{8,64}")
_BASKET = re.compile(r"(W\d{6,})-(\d{1,5})")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a parcel's weight may be from what its goods and box should weigh; the larger of the two counts."""

    percent: int
    g: int

    def of(self, expected_g: int) -> int:
        """The largest difference in grams, half percents rounded up."""
        return max(self.g, -(-expected_g * self.percent // 100))

    def allows(self, weight_g: int, expected_g: int) -> bool:
        return abs(weight_g - expected_g) <= self.of(expected_g)


def tidy(text: str) -> str:
    """A scanned text as we compare it: full-width characters made plain, no blanks around, capitals."""
    return unicodedata.normalize("NFKC", text).strip().upper()[:MOST_CHARACTERS]


def weight_in(text: str) -> int | None:
    """Grams: "4.2", "4.20 kg" and "4200g" are the same; None for anything else. A plain number means kilograms."""
    found = _WEIGHT.fullmatch(tidy(text).lower()) or re.fullmatch(r"(\d{1,6})\s*(g)", tidy(text).lower())
    if found is None:
        return None
    number, unit = found[1], found[2] or "kg"
    if unit == "g":
        return int(number) if number.isdigit() else None
    whole, _point, part = number.partition(".")
    return int(whole) * 1000 + int(f"{part}000"[:3])


def looks_like_tracking(text: str) -> bool:
    """Whether it may be a courier's number: eight or more capitals and digits."""
    return _TRACKING.fullmatch(text) is not None and any(character.isdigit() for character in text)


def basket_in(text: str) -> tuple[str, int] | None:
    """Wave number and basket of a basket's label: "W26112400012-03"."""
    found = _BASKET.fullmatch(text)
    return (found[1], int(found[2])) if found else None
