"""Reading what changed, page by page, so that nothing is missed while it goes on changing.

A row that changes during the walk leaves its place, and those behind it move up, over the edges of pages. So the last
page is read first: what moves up has been read already, or is met again. A window is read in spans; a span with more
rows than the platform pages through is halved. Rows may come twice, at the edges of spans too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from channels_sync.adapters.base import Window

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Paging:
    """How a platform's list is read. step: the longest span of one walk; most_rows: how deep its pages reach."""

    step: timedelta
    overlap: timedelta
    page_size: int
    most_rows: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page as it came. total: the rows of the whole span."""

    rows: Sequence[Any]
    total: int


@dataclass(frozen=True, slots=True)
class _Place:
    """The span being read and its next page, counted from 1; 0: the pages are not counted yet."""

    start: datetime
    end: datetime
    page: int

    def __str__(self) -> str:
        return f"{int(self.start.timestamp())}-{int(self.end.timestamp())}#{self.page}"

    @classmethod
    def read(cls, cursor: str) -> _Place:
        span, _hash, page = cursor.partition("#")
        start, _dash, end = span.partition("-")
        return cls(datetime.fromtimestamp(int(start), UTC), datetime.fromtimestamp(int(end), UTC), int(page))


PageOf = Callable[[datetime, datetime, int], Page]
"""A page of the changes in a span, both ends included; pages are counted from 1."""


def read_page(page_of: PageOf, window: Window, cursor: str | None, how: Paging) -> tuple[Sequence[Any], str | None]:
    """The rows at the cursor (None: the beginning), and the cursor of what is left; None when all is read."""
    # Platforms count in whole seconds; the last one that has begun is read too.
    window_end = (window.end + _SECOND - timedelta.resolution).replace(microsecond=0)
    if cursor:
        place = _Place.read(cursor)
    else:
        start = (window.start - how.overlap).replace(microsecond=0)
        place = _Place(start, min(start + how.step, window_end), 0)
    if place.page:
        rows, page = page_of(place.start, place.end, place.page).rows, place.page
    else:
        place, rows, page = _last_page(page_of, place, how)
    following = None
    if page > 1:
        following = _Place(place.start, place.end, page - 1)
    elif place.end < window_end:
        following = _Place(place.end, min(place.end + how.step, window_end), 0)
    return rows, str(following) if following else None


def _last_page(page_of: PageOf, place: _Place, how: Paging) -> tuple[_Place, Sequence[Any], int]:
    """The last page of the span, which is halved until its pages can be reached. A second cannot be halved."""
    found = page_of(place.start, place.end, 1)
    while found.total > how.most_rows and place.end - place.start > _SECOND:
        half = place.start + (place.end - place.start) / 2
        place = _Place(place.start, half.replace(microsecond=0), 0)
        if place.end <= place.start:
            place = _Place(place.start, place.start + _SECOND, 0)
        found = page_of(place.start, place.end, 1)
    pages = max(1, -(-min(found.total, how.most_rows) // how.page_size))
    rows = found.rows if pages == 1 else page_of(place.start, place.end, pages).rows
    return place, rows, pages
