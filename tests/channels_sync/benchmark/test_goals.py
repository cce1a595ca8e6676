"""Which of its goals a figure reaches."""

from __future__ import annotations

import pytest

from channels_sync.benchmark.goals import Goal


@pytest.mark.parametrize(
    ("measured", "reached"), [(30.0, "aim"), (30.1, "must"), (100.0, "must"), (100.1, "neither"), (None, "neither")]
)
def test_a_wait_reaches_the_goal_that_it_does_not_exceed(measured: float | None, reached: str) -> None:
    assert Goal("answer p99", "ms", measured, 100, 30).reached == reached


@pytest.mark.parametrize(("measured", "reached"), [(3500, "aim"), (3499, "must"), (1500, "must"), (1499, "neither")])
def test_a_rate_reaches_the_goal_that_it_does_not_fall_short_of(measured: float, reached: str) -> None:
    assert Goal("intake", "orders/s", measured, 1500, 3500, is_least=True).reached == reached


def test_without_an_aim_the_must_is_all() -> None:
    assert Goal("lost", "orders", 0, 0).reached == "must"
