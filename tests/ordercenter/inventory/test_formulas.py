"""The formulas of stock on plain numbers, and what holds for any numbers."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordercenter.inventory.formulas import (
    Making,
    available_by_day,
    buffer_of,
    capable_date,
    cheaper_source,
    offer_of,
    offer_of_bundle,
    promise_date,
)

TODAY = date(2026, 11, 22)
pieces = st.integers(-50, 500)
few = st.integers(0, 200)


def day(n: int) -> date:
    return TODAY + timedelta(days=n)


dated = st.lists(st.tuples(st.integers(-3, 20).map(day), st.integers(0, 40)), max_size=12)


def test_a_shop_offers_its_own_and_its_share_up_to_its_cap_less_the_buffer() -> None:
    offer = offer_of(pool=41, own=10, share_percent=50, cap=25, buffer=4)

    assert (offer.share, offer.offer, offer.published) == (20, 25, 21)


@given(pool=pieces, own=few, share=st.integers(0, 100), cap=st.none() | few, buffer=few)
def test_a_channel_is_never_told_more_than_there_is(
    pool: int, own: int, share: int, cap: int | None, buffer: int
) -> None:
    offer = offer_of(pool=pool, own=own, share_percent=share, cap=cap, buffer=buffer)

    assert 0 <= offer.published <= max(0, offer.offer) <= max(0, pool) + own
    assert cap is None or offer.published <= cap


@given(pool=pieces, own=few, shares=st.lists(st.integers(0, 100), min_size=1, max_size=5))
def test_shares_of_a_hundred_percent_never_offer_more_than_the_pool(pool: int, own: int, shares: list[int]) -> None:
    parts = [share * 100 // max(1, sum(shares)) for share in shares]

    assert sum(offer_of(pool=pool, own=0, share_percent=p, cap=None, buffer=0).offer for p in parts) <= max(0, pool)


def test_a_bundle_offers_what_its_scarcest_part_makes() -> None:
    offer = offer_of_bundle(parts=[(100, 0, 1), (30, 0, 4), (9, 3, 2)], share_percent=100, cap=None, buffer=1)

    assert (offer.offer, offer.published) == (6, 5)


@given(parts=st.lists(st.tuples(pieces, few, st.integers(1, 5)), min_size=1, max_size=4), share=st.integers(0, 100))
def test_every_bundle_offered_can_be_made(parts: list[tuple[int, int, int]], share: int) -> None:
    offer = offer_of_bundle(parts=parts, share_percent=share, cap=None, buffer=0)

    assert all(offer.published * n <= max(0, pool) + own for pool, own, n in parts)


def test_the_buffer_covers_what_is_sold_while_a_number_is_on_its_way() -> None:
    assert buffer_of(fixed=2, sold_per_s=Decimal("0.31"), lag_s=Decimal(8), z=Decimal("2.5")) == 7
    assert buffer_of(fixed=9, sold_per_s=Decimal("0.31"), lag_s=Decimal(8), z=Decimal("2.5")) == 9


def test_an_early_promise_does_not_take_the_pieces_of_a_later_one() -> None:
    timeline = available_by_day(now=5, coming=[(day(9), 10)], promised=[(day(4), 4)], today=TODAY)

    assert timeline == [(day(0), 5), (day(4), 1), (day(9), 11)]
    assert [promise_date(timeline, n) for n in (1, 2, 11, 12)] == [day(0), day(9), day(9), None]


@given(now=pieces, coming=dated, promised=dated, wanted=st.integers(1, 60))
def test_a_promise_can_be_kept_and_breaks_no_other(
    now: int, coming: list[tuple[date, int]], promised: list[tuple[date, int]], wanted: int
) -> None:
    found = promise_date(available_by_day(now=now, coming=coming, promised=promised, today=TODAY), wanted)

    if found is not None:
        after = available_by_day(now=now, coming=coming, promised=[*promised, (found, wanted)], today=TODAY)
        assert all(available >= 0 for when, available in after if when >= found)


def test_making_uses_the_first_free_minutes_after_setup_and_parts() -> None:
    making = capable_date(
        free_minutes={day(n): 60 for n in range(10)},
        pieces=5,
        minutes_per_unit=30,
        today=TODAY,
        setup_days=1,
        lead_days=2,
        components=[(available_by_day(now=0, coming=[(day(3), 10)], promised=[], today=TODAY), 10)],
    )

    assert making == Making(((day(3), 60), (day(4), 60), (day(5), 30)), day(7))


def test_a_calendar_that_ends_too_early_and_a_part_that_never_comes_promise_nothing() -> None:
    calendar = {day(0): 60}
    never = available_by_day(now=1, coming=[], promised=[], today=TODAY)

    def made(pieces: int, needed: int) -> Making | None:
        return capable_date(
            free_minutes=calendar,
            pieces=pieces,
            minutes_per_unit=30,
            today=TODAY,
            setup_days=0,
            lead_days=0,
            components=[(never, needed)],
        )

    assert made(3, 1) is None
    assert made(2, 2) is None
    assert made(2, 1) == Making(((day(0), 60),), day(0))


@given(
    free=st.dictionaries(st.integers(0, 20).map(day), st.integers(0, 200), max_size=15),
    n=st.integers(1, 12),
    minutes=st.integers(1, 60),
    setup=st.integers(0, 5),
)
def test_making_never_takes_more_minutes_than_are_free(free: dict[date, int], n: int, minutes: int, setup: int) -> None:
    making = capable_date(
        free_minutes=free, pieces=n, minutes_per_unit=minutes, today=TODAY, setup_days=setup, lead_days=1
    )

    able = sum(m for d, m in free.items() if d >= day(setup))
    assert (making is not None) == (able >= n * minutes)
    if making is not None:
        assert all(0 < used <= free[when] and when >= day(setup) for when, used in making.minutes)
        assert sum(used for _when, used in making.minutes) == n * minutes


@pytest.mark.parametrize(
    ("stock", "make", "late", "source"),
    [
        ("5", "3", 0, "made"),
        ("5", "3", 2, "stock"),
        ("5", "4", 1, "stock"),
        (None, "9", 9, "made"),
        ("5", None, 0, "stock"),
    ],
)
def test_stock_or_make_takes_the_cheaper_one_with_its_lateness(
    stock: str | None, make: str | None, late: int, source: str
) -> None:
    assert source == cheaper_source(
        stock_cost=Decimal(stock) if stock else None,
        make_cost=Decimal(make) if make else None,
        late_days=late,
        penalty_per_day=Decimal("1.5"),
    )
