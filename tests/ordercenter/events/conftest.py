"""A post office with none of the system's own handlers, so that a test says all that happens."""

from __future__ import annotations

import pytest

from ordercenter.cases.handlers import (
    open_cases_for_failed_commands,
    open_cases_for_parked_deliveries,
    open_cases_for_parked_messages,
)
from ordercenter.events import registry
from ordercenter.events.registry import on
from ordercenter.events.types import CommandAnswered, DeliveryParked, MessageParked


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what cannot be done becomes a case; everything else is for the test to register."""
    for name in ("_handlers", "_by_event", "_readers", "_senders"):
        monkeypatch.setattr(registry, name, {})
    on(DeliveryParked, name="cases.delivery_parked")(open_cases_for_parked_deliveries)
    on(MessageParked, name="cases.message_parked")(open_cases_for_parked_messages)
    on(CommandAnswered, name="cases.command_failed")(open_cases_for_failed_commands)
