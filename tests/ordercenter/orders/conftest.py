"""The small company of `tests.flows.world` without flows: nothing happens to its orders but what a test does."""

from __future__ import annotations

import pytest

from tests.flows.world import World


@pytest.fixture
def world() -> World:
    return World(flows=False)
