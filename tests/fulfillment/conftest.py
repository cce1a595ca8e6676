"""What several tests of warehouses need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fulfillment.played_warehouse import Play, playing


@pytest.fixture
def play(db: None) -> Iterator[Play]:
    with playing() as play:
        yield play
