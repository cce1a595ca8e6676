"""The small company of `tests.flows.world` for the services of orders: no flows, so nothing happens but what a test does."""

from __future__ import annotations

import pytest

from tests.flows.world import World


@pytest.fixture
def world() -> World:
    return World(flows=False)
