"""The cheapest way to divide a few lines into parcels: dynamic programme over subsets, exact.

A subset of k lines is a bit mask. Formula: f[T] = min(unfilled + f[T - low], min over S of T with the lowest line of T:
parcel[S] + split + f[T - S]); 3^k steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

MOST_LINES = 6
# Larger than every cost that can be, small enough that sums stay exact.
NEVER = float(1 << 40)


@cache
def members(lines: int) -> NDArray[np.int64]:
    """[2^lines - 1, lines]: which lines each subset holds, the subset with mask m in row m - 1."""
    masks = np.arange(1, 1 << lines)
    table = (masks[:, None] >> np.arange(lines)) & 1
    table.setflags(write=False)
    return table


@cache
def divisions(lines: int) -> tuple[tuple[int, int, tuple[tuple[int, int], ...]], ...]:
    """For each set T ascending: (T, T without its lowest line, the (S, T - S) with S holding the lowest line of T)."""
    table = []
    for whole in range(1, 1 << lines):
        low = whole & -whole
        rest, pairs, part = whole ^ low, [], whole ^ low
        while True:
            pairs.append((part | low, whole ^ (part | low)))
            if not part:
                break
            part = (part - 1) & rest
        table.append((whole, rest, tuple(pairs)))
    return tuple(table)


def divide(
    parcel: Sequence[float], *, split: float, unfilled: Sequence[float], most_parcels: int | None = None
) -> list[int] | None:
    """The masks of the parcels of the cheapest plan, in the order of their lowest lines.

    parcel: cost of each subset as one parcel, by mask (index 0 unused), NEVER where none can be. split: for each parcel
    after the first. unfilled: for each line left out. None where every plan needs an impossible parcel.
    """
    lines = len(unfilled)
    if most_parcels is not None and most_parcels < lines:
        return _divide_counted(parcel, split, unfilled, max(most_parcels, 0))
    rest, step = cost_of_more(parcel, split, unfilled)
    whole = (1 << lines) - 1
    best, first = sum(unfilled), 0
    for mask in range(1, whole + 1):
        cost = parcel[mask] + rest[whole ^ mask]
        if cost < best:
            best, first = cost, mask
    if best >= NEVER:
        return None
    return _walk(step, first, whole)


def cost_of_more(parcel: Sequence[float], split: float, unfilled: Sequence[float]) -> tuple[list[float], list[int]]:
    """For each set of lines what serving it costs beside a parcel that there is already, and the part taken first (0:
    its lowest line is left out)."""
    lines = len(unfilled)
    cost, step = [0.0] * (1 << lines), [0] * (1 << lines)
    omit = {1 << line: penalty for line, penalty in enumerate(unfilled)}
    for whole, without_low, pairs in divisions(lines):
        best, taken = omit[whole ^ without_low] + cost[without_low], 0
        for part, other in pairs:
            with_part = parcel[part] + split + cost[other]
            if with_part < best:
                best, taken = with_part, part
        cost[whole], step[whole] = best, taken
    return cost, step


def _walk(step: Sequence[int], first: int, whole: int) -> list[int]:
    parts, left = ([first], whole ^ first) if first else ([], 0)
    while left:
        part = step[left]
        if part:
            parts.append(part)
        left ^= part or (left & -left)
    return sorted(parts, key=lambda part: part & -part)


def _divide_counted(
    parcel: Sequence[float], split: float, unfilled: Sequence[float], most_parcels: int
) -> list[int] | None:
    """The same with a cap on the number of parcels: one more dimension."""
    lines = len(unfilled)
    whole = (1 << lines) - 1
    omit = {1 << line: penalty for line, penalty in enumerate(unfilled)}
    layers = [[0.0] * (whole + 1)]
    for mask, without_low, _ in divisions(lines):
        layers[0][mask] = omit[mask ^ without_low] + layers[0][without_low]
    steps: list[list[int]] = [[0] * (whole + 1)]
    for _ in range(most_parcels):
        fewer, cost, step = layers[-1], [0.0] * (whole + 1), [0] * (whole + 1)
        for mask, without_low, pairs in divisions(lines):
            best, taken = omit[mask ^ without_low] + cost[without_low], 0
            for part, other in pairs:
                with_part = parcel[part] + split + fewer[other]
                if with_part < best:
                    best, taken = with_part, part
            cost[mask], step[mask] = best, taken
        layers.append(cost)
        steps.append(step)
    # Every parcel paid a split, the first one too: a plan with parcels is cheaper by one than it looks here.
    count = len(layers) - 1
    best, first = layers[0][whole], 0
    if count:
        for mask in range(1, whole + 1):
            cost_with = parcel[mask] + layers[count - 1][whole ^ mask]
            if cost_with < best:
                best, first = cost_with, mask
    if best >= NEVER:
        return None
    parts, left, count = ([first], whole ^ first, count - 1) if first else ([], 0, 0)
    while left:
        part = steps[count][left]
        if part:
            parts.append(part)
            count -= 1
        left ^= part or (left & -left)
    return sorted(parts, key=lambda part: part & -part)
