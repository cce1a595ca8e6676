"""What may be offered, and from when on: the formulas of stock, on plain numbers.

Available to promise and capable to promise follow the usual cumulative look-ahead: a date is promised only if no later
promise loses the pieces by it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Offer:
    """What a shop may offer of one SKU, and the terms of it.

    pool: what all shops share; own: what is set aside for this shop; share: its part of the pool; cap: its limit;
    offer: the least of it; buffer: what is kept back; published: what its platform is told. coming: so many of the pool
    are not there yet, but on their way or still to be made.
    """

    pool: int
    own: int
    share: int
    cap: int | None
    offer: int
    buffer: int
    published: int
    coming: int = 0


def offer_of(*, pool: int, own: int, share_percent: int, cap: int | None, buffer: int) -> Offer:
    """offer = min(own + share x max(0, pool), cap); published = max(0, offer - buffer). Pieces."""
    share = max(0, pool) * share_percent // 100
    offer = own + share
    if cap is not None:
        offer = min(offer, cap)
    return Offer(pool, own, share, cap, offer, buffer, max(0, offer - buffer))


def offer_of_bundle(
    *, parts: Iterable[tuple[int, int, int]], share_percent: int, cap: int | None, buffer: int
) -> Offer:
    """A bundle offers as many as its scarcest part makes. parts: (pool, own, pieces in one bundle)."""
    least = min(
        (((own + max(0, pool) * share_percent // 100) // n, pool // n, own // n) for pool, own, n in parts),
        default=(0, 0, 0),
    )
    made, pool, own = least
    offer = made if cap is None else min(made, cap)
    return Offer(pool, own, made - own, cap, offer, buffer, max(0, offer - buffer))


def makeable_pieces(*, free_minutes: int, minutes_per_unit: int, parts: Iterable[tuple[int, int]] = ()) -> int:
    """How many pieces can be made at all: of the minutes that nobody has booked, and of the parts that are or will be
    there. parts: (available, pieces in one piece).
    """
    by_time = max(0, free_minutes) // minutes_per_unit
    return min([by_time, *(max(0, available) // n for available, n in parts)])


def buffer_of(*, fixed: int, sold_per_s: Decimal, lag_s: Decimal, z: Decimal) -> int:
    """max(fixed, sold_per_s x lag_s x z), rounded up: what can be sold while a number is on its way stays back."""
    moving = (sold_per_s * lag_s * z).to_integral_value(ROUND_CEILING)
    return max(fixed, int(moving))


def available_by_day(
    *, now: int, coming: Iterable[tuple[date, int]], promised: Iterable[tuple[date, int]], today: date
) -> list[tuple[date, int]]:
    """ATP: for each day on which something changes, from today on, what is there less what is promised until then.

    now: free pieces today, safety taken off. Days before today count as today.
    """
    change: dict[date, int] = {today: now}
    for day, pieces in coming:
        change[max(day, today)] = change.get(max(day, today), 0) + pieces
    for day, pieces in promised:
        change[max(day, today)] = change.get(max(day, today), 0) - pieces
    days = sorted(change)
    return list(zip(days, accumulate(change[day] for day in days), strict=True))


def promise_date(timeline: Sequence[tuple[date, int]], pieces: int) -> date | None:
    """The first day from which on there are always that many; None when no known day is.

    Looks at all later days, too: an early promise must not take the pieces of a later one.
    """
    found: date | None = None
    for day, available in reversed(timeline):
        if available < pieces:
            break
        found = day
    return found


@dataclass(frozen=True, slots=True)
class Making:
    """When pieces can be made: the minutes used on each day, and the day on which they are on the shelf."""

    minutes: tuple[tuple[date, int], ...]
    ready_on: date


def capable_date(
    *,
    free_minutes: Mapping[date, int],
    pieces: int,
    minutes_per_unit: int,
    today: date,
    setup_days: int,
    lead_days: int,
    components: Sequence[tuple[Sequence[tuple[date, int]], int]] = (),
) -> Making | None:
    """CTP: the first days on which there is capacity for all pieces, and the parts they take are there.

    free_minutes: day -> minutes nobody has booked. components: (timeline of the part, pieces needed in all); work can
    begin on the day when the last part is there. ready_on = last day used + lead_days. None where the calendar ends
    before the work does, or a part never comes.
    """
    begin = today + timedelta(days=setup_days)
    for timeline, needed in components:
        there = promise_date(timeline, needed)
        if there is None:
            return None
        begin = max(begin, there)
    left, used = pieces * minutes_per_unit, []
    days = sorted(free_minutes)
    for day in days[bisect_left(days, begin) :]:
        taken = min(left, free_minutes[day])
        if taken > 0:
            used.append((day, taken))
            left -= taken
        if left == 0:
            return Making(tuple(used), day + timedelta(days=lead_days))
    return None


def cheaper_source(
    *, stock_cost: Decimal | None, make_cost: Decimal | None, late_days: int, penalty_per_day: Decimal
) -> str:
    """ "stock" or "made": min of cost(stock now) and cost(make) + days late x penalty; stock on a tie.

    None: that way is not open. Raises ValueError when neither is.
    """
    if stock_cost is None and make_cost is None:
        raise ValueError("neither stock nor production can bring it")
    if stock_cost is None:
        return "made"
    if make_cost is None:
        return "stock"
    return "stock" if stock_cost <= make_cost + max(0, late_days) * penalty_per_day else "made"
