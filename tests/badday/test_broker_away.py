"""The broker is only a bell: while it is away orders come in and are worked on, and what has to be sent waits."""

from __future__ import annotations

import time

import pytest

from tests.badday.books import commands_of, effects_of, states_of
from tests.badday.conftest import Tell
from tests.badday.day import assert_invariants_hold
from tests.badday.system import System, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]

CREATE = "qimen.deliveryorder.create"


def test_orders_come_in_and_are_worked_on_while_the_broker_hangs_and_are_sent_afterwards(
    system: System, tell: Tell
) -> None:
    # Senders linger for a moment after their last command: they would not need the bell.
    time.sleep(2)
    system.freeze("valkey")
    try:
        numbers = system.sandbox.create_trades(count=10)
        in_time = wait_until(lambda: waiting(system, numbers) == 10, timeout_s=20, what="all commands are written")
        still_waiting = waiting(system, numbers)
    finally:
        system.thaw("valkey")
    sent_after = wait_until(lambda: len(done(system, numbers)) == 10, timeout_s=60, what="all are sent")
    wait_until(
        lambda: set(states_of(system, numbers).values()) == {"completed"}, timeout_s=60, what="all are completed"
    )

    tell(f"written after {in_time:.1f} s without a broker, sent {sent_after:.1f} s after it was back")
    assert still_waiting == 10
    assert {effects_of(system, number)["delivery orders"] for number in numbers} == {1}
    assert_invariants_hold(system)


def waiting(system: System, numbers: list[str]) -> int:
    return sum(command["status"] == "waiting" for command in commands_of(system, numbers, CREATE))


def done(system: System, numbers: list[str]) -> list[str]:
    return [command["status"] for command in commands_of(system, numbers, CREATE) if command["status"] == "done"]
