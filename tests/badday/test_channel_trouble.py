"""The channel takes its permission back, or forgets to tell us something."""

from __future__ import annotations

import pytest

from tests.badday.books import commands_of, states_of
from tests.badday.day import assert_invariants_hold
from tests.badday.system import System, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]

TRACKING = "channel.tracking"
PULL = """
from channels_sync.tasks import pull_all
pull_all()
answer = None
"""
# What a person does who enters the new authorisation.
AUTHORISED = "UPDATE channels_sync_channelaccount SET paused_until = NULL"


def test_a_lost_authorisation_is_one_case_and_everything_waits_until_it_is_back(system: System) -> None:
    # Their parcels leave while the channel does not listen.
    system.sandbox.switches(ship_after_s=4)
    leaving = system.sandbox.create_trades(count=5)
    wait_until(lambda: all_are(system, leaving, "in_fulfillment"), timeout_s=60, what="all are with the warehouse")
    system.sandbox.switches(platforms={"tmall": {"token_expired": True}})
    new = system.sandbox.create_trades(count=5)
    wait_until(lambda: all_are(system, leaving, "shipped"), timeout_s=60, what="the parcels have left")
    wait_until(lambda: auth_cases(system) == ["open"], timeout_s=30, what="there is a case")
    wait_until(lambda: waiting_reports(system, leaving) == 5, timeout_s=30, what="the reports wait")
    unknown = states_of(system, new)

    system.sandbox.switches(platforms={"tmall": {"token_expired": False}})
    system.ask(AUTHORISED)
    everybody = leaving + new
    wait_until(lambda: all_are(system, everybody, "completed"), timeout_s=90, what="all are completed")

    assert unknown == {}
    assert auth_cases(system) == ["auto_resolved"]
    reports = commands_of(system, everybody, TRACKING)
    assert [report["status"] for report in reports] == ["done"] * 10
    assert system.count("SELECT count(*) FROM cases_case WHERE code = 'TRACKING_UPLOAD_FAILED'") == 0
    assert_invariants_hold(system)


def test_what_the_channel_forgot_to_tell_is_found_by_looking(system: System) -> None:
    system.sandbox.switches(lost_messages=1.0)
    numbers = system.sandbox.create_trades(count=5)

    system.run_code(PULL)
    wait_until(lambda: all_are(system, numbers, "shipped"), timeout_s=60, what="all have left")
    wait_until(lambda: all(is_finished(system, n) for n in numbers), timeout_s=60, what="the buyers have received")
    system.run_code(PULL)
    wait_until(lambda: all_are(system, numbers, "completed"), timeout_s=60, what="all are completed")

    assert_invariants_hold(system)


def all_are(system: System, numbers: list[str], state: str) -> bool:
    return states_of(system, numbers) == dict.fromkeys(numbers, state)


def is_finished(system: System, number: str) -> bool:
    return system.sandbox.trade(number)["way"]["status"] == "TRADE_FINISHED"


def auth_cases(system: System) -> list[str]:
    rows = system.ask("SELECT state::text FROM cases_case WHERE code = 'CHANNEL_AUTH' ORDER BY id")
    return [row[0] for row in rows]


def waiting_reports(system: System, numbers: list[str]) -> int:
    return sum(report["status"] == "waiting" for report in commands_of(system, numbers, TRACKING))
