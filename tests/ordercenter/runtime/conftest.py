"""A data folder of its own for each test, in a place that the database's account can reach."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ordercenter.runtime.data_folder import DataFolder, open_data_folder


@pytest.fixture
def data_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[DataFolder]:
    place = Path(tempfile.mkdtemp(prefix="ordercenter-data-", dir="/tmp"))
    place.chmod(0o755)
    monkeypatch.setenv("OC_DATA_DIR", str(place / "data"))
    for name in ("DATABASE_URL", "BROKER_URL", "OC_HTTP_PORT", "OC_SANDBOX_PORT"):
        monkeypatch.delenv(name, raising=False)
    yield open_data_folder()
    shutil.rmtree(place)


@pytest.fixture
def quiet_env() -> dict[str, str]:
    """The variables of a child that shall find this project."""
    root = Path(__file__).resolve().parents[3]
    return {**os.environ, "PYTHONPATH": str(root)}
