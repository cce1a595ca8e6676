"""One platform takes every connection and never answers, or lets bytes trickle. Long; run by `make chaos`."""

from __future__ import annotations

import pytest

from channels_sync.benchmark.hanging import measure_hanging
from tests.badday.conftest import Tell
from tests.badday.day import assert_invariants_hold
from tests.badday.system import System

pytestmark = [pytest.mark.processes, pytest.mark.chaos, pytest.mark.timeout(900)]


def test_a_platform_that_hangs_keeps_no_other_platform_waiting(long_system: System, tell: Tell) -> None:
    # Longer than a call with its repeats, so that every thread that can hang does; `bench --only hanging`: 10 minutes.
    figures = measure_hanging(long_system.database_url, long_system.sandbox, seconds=80, beside_s=60)

    tell(str({name: figures[name] for name in ("quiet", "silent", "trickling", "back_after_s")}))
    assert min(figures["calls_into_the_hole"].values()) > 0
    assert [goal for goal in figures["goals"] if goal["reached"] == "neither"] == []
    assert_invariants_hold(long_system)
