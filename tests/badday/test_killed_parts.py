"""kill -9 of parts during a running day: nothing lost, nothing doubled, worked off within a minute."""

from __future__ import annotations

import pytest

from tests.badday.conftest import Tell
from tests.badday.day import Day
from tests.badday.system import System

pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]


def test_a_day_survives_the_death_of_relay_and_database(system: System, tell: Tell) -> None:
    day = Day(system, seed=11, orders=150, per_s=15, unpaid_first_share=0.05, presale_share=0.0)

    day.wait_for(0.3)
    system.kill_and_wait("relay")
    day.wait_for(0.6)
    system.kill_and_wait("database")
    after_the_database = day.drain_time(timeout_s=60)
    at_the_end = day.wait_finished(timeout_s=60)

    tell(f"drained {after_the_database:.1f} s after the database, {at_the_end:.1f} s after the last order")
    day.assert_whole()
