"""One running system for all tests of this folder, and their figures at the end of the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.badday.system import System

FIGURES = pytest.StashKey[list[str]]()
Tell = Callable[[str], None]


@pytest.fixture(scope="package")
def shared_system() -> Iterator[System]:
    # Eight tries at a call in a few seconds instead of two minutes.
    system = System(OC_RETRY_FIRST_PAUSE_S="0.01")
    try:
        system.start()
        yield system
    finally:
        system.end()


@pytest.fixture(scope="package")
def shared_long_system() -> Iterator[System]:
    system = System()
    try:
        system.start()
        yield system
    finally:
        system.end()


@pytest.fixture
def long_system(shared_long_system: System) -> Iterator[System]:
    """A system for days of thousands of orders, with the pauses that it has in real life."""
    shared_long_system.sandbox.rest_switches(ship_after_s=2, receive_after_s=3)
    yield shared_long_system
    shared_long_system.sandbox.rest_switches()


@pytest.fixture
def system(shared_system: System) -> Iterator[System]:
    """The shared system, its platforms well-behaved and quick."""
    shared_system.sandbox.rest_switches(ship_after_s=0.5, receive_after_s=1)
    yield shared_system
    shared_system.sandbox.rest_switches()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Keep a figure of this test for the end of the run."""
    figures = request.config.stash.setdefault(FIGURES, [])
    return lambda text: figures.append(f"{request.node.name}: {text}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    figures = config.stash.get(FIGURES, [])
    if figures:
        terminalreporter.section("figures")
        for line in figures:
            terminalreporter.write_line(line)
