"""Two channels take their permission back with thousands of orders behind them. Long; run by `make chaos`."""

from __future__ import annotations

import time

import pytest

from tests.badday.books import commands_of, states_of
from tests.badday.conftest import Tell
from tests.badday.day import assert_invariants_hold
from tests.badday.system import System, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.chaos, pytest.mark.timeout(900)]

EACH, LEAVING = 5_000, 50
PLATFORMS = ("tmall", "douyin")
CASES = "SELECT code, state::text, count(*) FROM cases_case WHERE id > %s GROUP BY 1, 2 ORDER BY 1, 2"
NOTICES = "SELECT count(*) FROM events_inbox WHERE kind = 'douyin.message' AND status = 'waiting'"


def test_ten_thousand_orders_behind_two_lost_authorisations_are_two_cases_and_come_by_themselves(
    long_system: System, tell: Tell
) -> None:
    system = long_system
    system.sandbox.switches(ship_after_s=8, receive_after_s=3600)
    leaving = [no for code in PLATFORMS for no in system.sandbox.create_trades(count=LEAVING, platform=code)]
    wait_until(lambda: known(system, leaving) == 2 * LEAVING, timeout_s=60, what="all are here")
    last_case = system.count("SELECT coalesce(max(id), 0) FROM cases_case")
    lost = {code: {"token_expired": True} for code in PLATFORMS}
    system.sandbox.switches(platforms=lost)

    behind = [no for code in PLATFORMS for no in trades(system, code)]
    wait_until(lambda: system.count(NOTICES) >= EACH, timeout_s=180, what="all pushes are kept")
    wait_until(lambda: waiting_reports(system, leaving) == 2 * LEAVING, timeout_s=120, what="the reports wait")
    meanwhile, known_meanwhile = system.ask(CASES, [last_case]), known(system, behind)
    # The shops' owners authorise the connections again; nobody does anything else.
    system.sandbox.switches(ship_after_s=3600, platforms={code: {"token_expired": False} for code in PLATFORMS})
    begun = time.monotonic()
    wait_until(lambda: known(system, behind) == 2 * EACH, timeout_s=400, what="all are here", every_s=1)
    here_after_s = time.monotonic() - begun
    wait_until(lambda: reports(system, leaving) == {"done"}, timeout_s=120, what="all parcels are told", every_s=1)
    wait_until(lambda: states(system, behind) == {"in_fulfillment"}, timeout_s=400, what="all are at work", every_s=1)

    tell(f"10,000 orders here {here_after_s:.0f} s after the authorisation, {2 * EACH / here_after_s:.0f}/s")
    assert (meanwhile, known_meanwhile) == ([("CHANNEL_AUTH", "open", 2)], 0)
    assert system.ask(CASES, [last_case]) == [("CHANNEL_AUTH", "auto_resolved", 2)]
    assert_invariants_hold(system)


def trades(system: System, platform: str) -> list[str]:
    """Some hundred at a time, as the sandbox's pushes have to keep up."""
    return [no for _ in range(EACH // 500) for no in system.sandbox.create_trades(count=500, platform=platform)]


def known(system: System, numbers: list[str]) -> int:
    return len(states_of(system, numbers))


def states(system: System, numbers: list[str]) -> set[str]:
    return set(states_of(system, numbers).values())


def reports(system: System, numbers: list[str]) -> set[str]:
    return {report["status"] for report in commands_of(system, numbers, "channel.tracking")}


def waiting_reports(system: System, numbers: list[str]) -> int:
    return sum(report["status"] == "waiting" for report in commands_of(system, numbers, "channel.tracking"))
