"""`manage.py play_day` with the real processes: from nothing to the table."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

NOT_OURS = ("DATABASE_URL", "BROKER_URL", "DJANGO_SETTINGS_MODULE", "OC_HTTP_PORT", "OC_SANDBOX_PORT")
pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """In a place that the database's account can reach."""
    place = Path(tempfile.mkdtemp(prefix="ordercenter-play-", dir="/tmp"))
    place.chmod(0o755)
    yield place / "data"
    shutil.rmtree(place)


def test_a_day_is_played_on_a_system_of_its_own_and_everything_planted_is_found(data_dir: Path) -> None:
    mix = "tmall:2,wechat_shop:1"
    played = _manage(
        data_dir, "play_day", "--orders", "60", "--seed", "3", "--platforms", mix, "--json", "--stall-s", "90"
    )

    assert played.returncode == 0, played.stderr[-3000:]
    figures = json.loads(played.stdout)
    assert (figures["orders"], figures["received"], figures["problems"]) == (60, 60, [])
    planted = sum(tally["planted"] for tally in figures["cases"].values())
    assert planted >= 1
    assert figures["untouched"] == figures["completed"] == figures["shipped"] == 60 - planted
    assert figures["differences"]["planted"] == figures["differences"]["found"] == 4
    assert figures["invariants"]["broken"] == []
    # The system that was started for the day is gone, what it did is kept.
    checked = _manage(data_dir, "check_invariants", "--json")
    assert json.loads(checked.stdout)["ok"] is True
    assert "nothing ran" in _manage(data_dir, "down").stdout


def _manage(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    ours = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    return subprocess.run(
        [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), *arguments],
        env={**ours, "OC_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=False,
    )
