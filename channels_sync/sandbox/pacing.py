"""How fast a scenario's orders come: an even rate, and campaign peaks (整点秒杀, 双十一零点) on top of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Peak:
    """From at_s after the beginning, for for_s seconds, orders come `times` times as fast."""

    at_s: float
    for_s: float
    times: float

    def __post_init__(self) -> None:
        if self.at_s < 0 or self.for_s <= 0 or self.times <= 0:
            raise ValueError("a peak begins at 0 s or later, lasts longer than 0 s, and has a factor above 0")


def checked(peaks: Sequence[Peak]) -> tuple[Peak, ...]:
    """The peaks by time. Raises ValueError where two overlap."""
    ordered = tuple(sorted(peaks, key=lambda peak: peak.at_s))
    for earlier, later in zip(ordered, ordered[1:], strict=False):
        if earlier.at_s + earlier.for_s > later.at_s:
            raise ValueError(f"two peaks at {later.at_s} s")
    return ordered


def orders_by(elapsed_s: float, rate_per_s: float, peaks: Sequence[Peak]) -> float:
    """How many orders should have come after so long."""
    more = sum((peak.times - 1) * max(0.0, min(elapsed_s, peak.at_s + peak.for_s) - peak.at_s) for peak in peaks)
    return rate_per_s * (elapsed_s + more)


def time_of(orders: float, rate_per_s: float, peaks: Sequence[Peak]) -> float:
    """After how many seconds so many orders should have come: `orders_by` the other way round."""
    reached, at_s = 0.0, 0.0
    for start_s, end_s, rate in _stretches(rate_per_s, peaks):
        held = (end_s - start_s) * rate
        if reached + held >= orders:
            return start_s + (orders - reached) / rate
        reached, at_s = reached + held, end_s
    return at_s + (orders - reached) / rate_per_s


def _stretches(rate_per_s: float, peaks: Sequence[Peak]) -> list[tuple[float, float, float]]:
    """(from, until, rate) up to the end of the last peak."""
    stretches, at_s = [], 0.0
    for peak in peaks:
        if peak.at_s > at_s:
            stretches.append((at_s, peak.at_s, rate_per_s))
        at_s = peak.at_s + peak.for_s
        stretches.append((peak.at_s, at_s, rate_per_s * peak.times))
    return stretches
