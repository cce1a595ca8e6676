"""Days of 2,000 orders on which parts are killed again and again. Long; run by `make chaos`."""

from __future__ import annotations

import socket
import time

import pytest

from tests.badday.conftest import Tell
from tests.badday.day import Day
from tests.badday.system import System, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.chaos, pytest.mark.timeout(900)]

ORDERS, PER_S = 2000, 20.0
DRAINED_WITHIN_S = 60


@pytest.mark.parametrize(
    "parts",
    [("relay", "relay2"), ("worker",), ("web",), ("valkey",), ("database",), ("listener", "beat")],
    ids=lambda parts: "+".join(parts),
)
def test_a_day_survives_that_a_part_is_killed_three_times(
    long_system: System, tell: Tell, parts: tuple[str, ...]
) -> None:
    day = Day(long_system, seed=len("".join(parts)), orders=ORDERS, per_s=PER_S)

    drained = []
    for share in (0.25, 0.45, 0.65):
        day.wait_for(share)
        back = long_system.kill_and_wait(*parts)
        drained.append((back, day.drain_time(timeout_s=DRAINED_WITHIN_S)))
    at_the_end = day.wait_finished(timeout_s=DRAINED_WITHIN_S)

    times = ", ".join(f"{seconds:.1f} s (down {back:.1f} s)" for back, seconds in drained)
    tell(f"drained in {times}; {at_the_end:.1f} s after the last order")
    day.assert_whole()


def test_a_day_survives_that_everything_is_killed_at_once(long_system: System, tell: Tell) -> None:
    day = Day(long_system, seed=77, orders=ORDERS, per_s=PER_S)

    day.wait_for(0.5)
    long_system.kill_everything()
    started = long_system.start()
    drained = day.drain_time(timeout_s=DRAINED_WITHIN_S)
    at_the_end = day.wait_finished(timeout_s=DRAINED_WITHIN_S)

    tell(f"up again in {started:.1f} s, drained in {drained:.1f} s; {at_the_end:.1f} s after the last order")
    day.assert_whole()


def test_a_day_goes_on_without_a_broker(long_system: System, tell: Tell) -> None:
    day = Day(long_system, seed=78, orders=ORDERS, per_s=PER_S)
    written = "SELECT count(*) FROM events_outgoing WHERE kind = 'qimen.deliveryorder.create'"

    day.wait_for(0.3)
    with port_taken(long_system):
        before = long_system.count(written)
        time.sleep(40)
        meanwhile = long_system.count(written) - before
        silent = not long_system.broker_answers()
    wait_until(long_system.broker_answers, timeout_s=60, what="the broker is back")
    drained = day.drain_time(timeout_s=DRAINED_WITHIN_S)
    at_the_end = day.wait_finished(timeout_s=DRAINED_WITHIN_S)

    tell(
        f"{meanwhile} commands written in 40 s without a broker, drained {drained:.1f} s after it was back;"
        f" {at_the_end:.1f} s after the last order"
    )
    assert silent
    assert meanwhile > 0.9 * 40 * PER_S
    day.assert_whole()


class port_taken:  # noqa: N801 - reads as what it does
    """The broker dies, and its port is taken by somebody who listens to nobody: it cannot come back."""

    def __init__(self, system: System) -> None:
        self._system = system

    def __enter__(self) -> None:
        port = self._system.broker_port
        self._system.kill("valkey")
        self._squatter = socket.socket()
        # Old connections on the port do not keep us out, but our own address is not to be shared.
        self._squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

        def is_ours() -> bool:
            try:
                self._squatter.bind(("127.0.0.1", port))
            except OSError:
                return False
            self._squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
            return True

        wait_until(is_ours, timeout_s=0.9, what="the port is free before the supervisor is back", every_s=0.005)

    def __exit__(self, *_error: object) -> None:
        self._squatter.close()
