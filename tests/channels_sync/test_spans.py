from datetime import UTC, datetime, timedelta

from channels_sync.adapters.base import Window
from channels_sync.adapters.spans import Page, Paging, read_page

START = datetime(2026, 11, 11, tzinfo=UTC)
HOW = Paging(step=timedelta(hours=6), overlap=timedelta(minutes=5), page_size=100, most_rows=500)


class Changes:
    """A platform's list of changes: (when, number); a row that changes moves to the end."""

    def __init__(self, rows):
        self.rows = dict(rows)
        self.calls = []

    def page_of(self, start, end, page):
        self.calls.append((start, end, page))
        found = sorted((at, key) for key, at in self.rows.items() if start <= at <= end)
        return Page([key for _at, key in found[(page - 1) * 100 : page * 100]], len(found))


def read_all(changes, window, meanwhile=lambda: None, how=HOW):
    seen, cursor, pages = [], None, 0
    while True:
        rows, cursor = read_page(changes.page_of, window, cursor, how)
        seen += rows
        pages += 1
        assert pages < 1000
        if cursor is None:
            return seen
        meanwhile()


def test_one_page_takes_one_call_and_reaches_back_by_the_overlap():
    changes = Changes({1: START + timedelta(minutes=-4), 2: START + timedelta(minutes=-6)})

    assert read_all(changes, Window(START, START + timedelta(minutes=1))) == [1]
    assert changes.calls == [(START - timedelta(minutes=5), START + timedelta(minutes=1), 1)]


def test_a_row_that_changes_during_the_walk_hides_no_other():
    changes = Changes({n: START + timedelta(seconds=n) for n in range(450)})
    moved = iter(range(450))

    def change_some():
        for _ in range(7):
            changes.rows[next(moved)] = START + timedelta(days=2)

    seen = read_all(changes, Window(START, START + timedelta(hours=1)), change_some)

    assert {n for n, at in changes.rows.items() if at < START + timedelta(days=1)} <= set(seen)


def test_a_span_with_more_rows_than_pages_reach_is_halved_until_they_do():
    changes = Changes({n: START + timedelta(seconds=n // 3) for n in range(3000)})

    seen = read_all(changes, Window(START, START + timedelta(minutes=20)))

    assert set(seen) == set(range(3000))
    # No page beyond the reach was ever asked for.
    assert max(page for _start, _end, page in changes.calls) <= 5


def test_a_second_with_too_many_rows_is_read_as_far_as_the_pages_reach():
    changes = Changes({n: START + timedelta(seconds=10) for n in range(700)})

    seen = read_all(changes, Window(START, START + timedelta(minutes=1)))

    assert len(set(seen)) >= 500


def test_a_window_of_fractions_of_a_second_comes_to_an_end_and_misses_nothing():
    end = START + timedelta(seconds=7, microseconds=345678)
    changes = Changes({n: START + timedelta(seconds=n % 8) for n in range(250)})

    assert set(read_all(changes, Window(START + timedelta(microseconds=999), end))) == set(range(250))


def test_a_long_window_is_read_in_spans_without_a_gap():
    changes = Changes({n: START + timedelta(hours=n) for n in range(50)})

    assert set(read_all(changes, Window(START, START + timedelta(hours=50)))) == set(range(50))
    spans = [(start, end) for start, end, _page in changes.calls]
    assert all(end - start <= HOW.step for start, end in spans)
    assert all(before[1] == after[0] for before, after in zip(spans, spans[1:], strict=False))


def test_a_pull_goes_on_where_another_process_stopped():
    changes = Changes({n: START + timedelta(seconds=n) for n in range(350)})
    window = Window(START, START + timedelta(minutes=20))

    _rows, cursor = read_page(changes.page_of, window, None, HOW)
    rows, _following = read_page(changes.page_of, window, cursor, HOW)

    assert rows == list(range(200, 300))
