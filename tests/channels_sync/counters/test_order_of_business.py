"""The outcome is a matter of which documents there are, not of when, how often and in which company they came."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.channels_sync.counters.store import Store, giving_back, outcome, sale, shift_end
from tests.fulfillment.floor.house import broken_invariants

pytestmark = pytest.mark.django_db

Document = tuple[str, dict[str, Any]]


@st.composite
def days(draw: st.DrawFn) -> list[Document]:
    """A day of two counters, (counter, document): sales, returns of parts of them, ends of shifts."""
    documents: list[Document] = []
    totals = {"C1": [0, 0], "C2": [0, 0]}
    for n in range(draw(st.integers(1, 5))):
        counter = draw(st.sampled_from(["C1", "C2"]))
        sku, price = draw(st.sampled_from([("CUP", 10), ("PLATE", 5), ("SET", 25)]))
        pieces = draw(st.integers(1, 6))
        documents.append(
            (counter, sale(f"a{n}", (sku, pieces, f"{price * pieces}.00"), minute=n, shift=f"S-{counter}"))
        )
        _count(totals, counter, price * pieces)
        left = pieces
        for m in range(draw(st.integers(0, 2))):
            back = draw(st.integers(0, left))
            if back:
                left -= back
                where = draw(st.sampled_from(["C1", "C2"]))
                line = ("1", back, f"{price * back}.00")
                minute = draw(st.integers(0, 20))
                more = {"minute": minute, "shift": f"S-{where}", "sale_counter": counter}
                documents.append((where, giving_back(f"r{n}-{m}", f"a{n}", line, **more)))
                _count(totals, where, -price * back)
    for counter, (cash, count) in totals.items():
        wrong = draw(st.sampled_from([0, 0, 3]))
        end = shift_end(f"S-{counter}", counted=f"{max(0, 100 + cash - wrong)}.00", documents=count)
        documents.append((counter, end))
    return documents


def _count(totals: dict[str, list[int]], counter: str, cash: int) -> None:
    totals[counter][0] += cash
    totals[counter][1] += 1


@st.composite
def bad_lines(draw: st.DrawFn) -> tuple[list[Document], list[list[Document]]]:
    """A day, and the batches in which a bad line brings it: shuffled, cut anywhere, some of it twice."""
    day = draw(days())
    again = draw(st.lists(st.sampled_from(day), max_size=4))
    mixed = draw(st.permutations([*day, *again]))
    batches: list[list[Document]] = [[]]
    for document in mixed:
        if batches[-1] and (batches[-1][-1][0] != document[0] or draw(st.booleans())):
            batches.append([])
        batches[-1].append(document)
    return day, batches


def lived(batches: list[list[Document]]) -> dict[str, Any]:
    """What is left of a store after these batches; all is undone again."""
    with transaction.atomic():
        store = Store()
        for batch in batches:
            store.send(*[document for _counter, document in batch], counter=batch[0][0])
        found = outcome()
        assert broken_invariants() == {}
        transaction.set_rollback(True)
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bad_lines())
def test_a_day_over_a_bad_line_ends_as_one_over_a_good_line(drawn: tuple[list[Document], list[list[Document]]]) -> None:
    day, batches = drawn
    in_order = sorted(day, key=lambda pair: (pair[1]["business_at"], pair[1]["kind"] != "sale"))

    assert lived(batches) == lived([[document] for document in in_order])
