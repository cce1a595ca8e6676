"""Every test of the floor has a house, and warehouses and platforms that say yes."""

import pytest

from tests.flows.outside import answer_everything
from tests.fulfillment.floor.house import House


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch, db: None) -> House:
    answer_everything(monkeypatch)
    return House()
