"""Orders of the platforms beside Tmall in the whole running system: pushed or pulled, shipped, told, completed."""

from __future__ import annotations

import pytest

from tests.badday.books import commands_of, states_of
from tests.badday.day import assert_invariants_hold
from tests.badday.system import System, wait_until

CASES = (
    "SELECT count(*) FROM cases_case c JOIN orders_order o ON c.subject = 'order:' || o.id"
    " WHERE o.channel_order_no = ANY(%s)"
)

pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]


def test_orders_of_jd_and_douyin_go_all_their_way_while_pushes_come_twice_and_late(system: System) -> None:
    system.sandbox.switches(platforms={"douyin": {"duplicates": 1.0, "disorder": 1.0}})

    numbers = [n for platform in ("jd", "douyin") for n in system.sandbox.create_trades(count=4, platform=platform)]

    done = dict.fromkeys(numbers, "completed")
    wait_until(lambda: states_of(system, numbers) == done, timeout_s=120, what="all are completed")
    reports = commands_of(system, numbers, "channel.tracking")
    assert [report["status"] for report in reports] == ["done"] * 8
    assert system.count(CASES, [numbers]) == 0
    assert_invariants_hold(system)
