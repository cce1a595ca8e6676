"""`manage.py sandbox`: becomes the server, or says what is wrong with its port."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from channels_sync.management.commands import sandbox
from channels_sync.sandbox import server


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(sandbox, "exec_server", lambda **given: calls.append(given))
    return calls


def test_the_command_becomes_the_server_on_its_port(started):
    call_command("sandbox", port="8931", rate="0")

    assert started == [{"port": 8931, "data_dir": settings.DATA_DIR, "rate_per_min": "0", "callback_url": None}]


@pytest.mark.parametrize("port", ["web", "0", "65536", "-1", "８９００"])
def test_a_port_that_is_none_is_named(started, port):
    with pytest.raises(CommandError, match="OC_SANDBOX_PORT"):
        call_command("sandbox", port=port)
    assert started == []


def test_the_server_listens_on_loopback_only_with_one_worker():
    arguments = server.command(8900)

    assert "--bind=127.0.0.1:8900" in arguments
    assert "--workers=1" in arguments
