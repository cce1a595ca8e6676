from __future__ import annotations

from pathlib import Path

import pytest

from fulfillment.routing.instance import Instance, read_instance
from fulfillment.routing.played_world import World


@pytest.fixture(scope="session")
def world() -> World:
    return World(warehouses=5, orders=400, seed=4, shape="base")


@pytest.fixture(scope="session")
def day_folder(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("day")
    world.write(folder)
    return folder


@pytest.fixture(scope="session")
def day(day_folder: Path) -> Instance:
    return read_instance(day_folder)
