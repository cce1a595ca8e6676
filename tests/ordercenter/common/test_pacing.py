"""Calls are counted in the database: for all processes together, and exactly."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection

from ordercenter.common.pacing import take_call
from tests.concurrency.threads import at_once, errors

# In threads of their own connections nothing is rolled back: each test has its own caller.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def caller() -> str:
    return f"key:{uuid4()}"


def time_passes(caller: str, seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE common_call_pace SET busy_until = busy_until - make_interval(secs => %s) WHERE caller = %s",
            [seconds, caller],
        )


def test_a_burst_of_a_whole_period_goes_and_then_one_after_the_other(caller: str) -> None:
    first = [take_call(caller, rate="4/min") for _ in range(5)]
    time_passes(caller, 15.5)
    then = [take_call(caller, rate="4/min") for _ in range(2)]
    time_passes(caller, 3600)
    after_a_rest = [take_call(caller, rate="4/min") for _ in range(5)]

    assert first == [None, None, None, None, 15.0]
    assert then == [None, 15.0]
    assert after_a_rest == [None, None, None, None, 15.0], "what was not used is not saved up"


def test_callers_do_not_count_for_each_other(caller: str) -> None:
    assert [take_call(each, rate="1/hour") for each in (caller, f"{caller}b", caller)] == [None, None, 3600.0]


def test_many_processes_at_one_instant_let_no_call_too_many_through(caller: str) -> None:
    answers = at_once(*[lambda: take_call(caller, rate="10/hour")] * 24)

    assert errors(answers) == []
    assert sum(answer is None for answer in answers) == 10


def test_it_costs_one_statement(caller: str, django_assert_num_queries: pytest.FixtureRequest) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        take_call(caller, rate="1200/min")
