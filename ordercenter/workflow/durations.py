"""ISO 8601 durations as flow documents write them: weeks, days, hours, minutes, seconds; no months, no fractions."""

from __future__ import annotations

import re
from datetime import timedelta

_DURATION = re.compile(
    r"P(?:(?P<weeks>\d{1,4})W)?(?:(?P<days>\d{1,5})D)?"
    r"(?:T(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,7})M)?(?:(?P<seconds>\d{1,9})S)?)?",
    re.ASCII,
)


def parse_duration(text: str) -> timedelta:
    """ "PT30M" to 30 minutes. Raises ValueError for anything else than a positive duration of fixed length.

    Months and years are refused because their length depends on the date.
    """
    match = _DURATION.fullmatch(text)
    if match is None or text.endswith("T"):
        raise ValueError(f"not a duration: {text!r}")
    parts = {unit: int(number) for unit, number in match.groupdict().items() if number is not None}
    duration = timedelta(**parts)
    if not duration:
        raise ValueError(f"not a positive duration: {text!r}")
    return duration
