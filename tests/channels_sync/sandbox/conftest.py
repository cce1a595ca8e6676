"""A sandbox in this process, with a clock that the test moves and no threads, reached through its WSGI door."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from channels_sync.sandbox.credentials import Credentials, generate
from channels_sync.sandbox.switches import Switches
from tests.channels_sync.sandbox.stage import FakeClock, Stage

# Noon in China, far from both midnights.
NOON_MS = int(datetime(2026, 11, 11, 4, 0, 0, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture(scope="session")
def credentials() -> Credentials:
    return generate()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON_MS)


@pytest.fixture
def stage(credentials: Credentials, clock: FakeClock) -> Iterator[Stage]:
    stage = Stage(credentials, clock, resting=Switches(wms_callback_url="http://center.test/qimen/{customerId}/"))
    yield stage
    stage.close()
