"""A whole running system of its own, for measurements and played days: `manage.py up` on a fresh data folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from ordercenter.runtime.data_folder import open_data_folder
from ordercenter.runtime.database import EmbeddedDatabase
from ordercenter.runtime.postgres import free_port

START_TIMEOUT_S = 180
STOP_TIMEOUT_S = 60


@dataclass(frozen=True)
class RunningSystem:
    """Where its parts answer. database_url: of its own embedded server."""

    data_dir: Path
    url: str
    sandbox_url: str
    database_url: str


class DidNotStart(RuntimeError):
    """The system ended or was not ready in time; the message holds the last lines that it printed."""


@contextmanager
def running_system() -> Iterator[RunningSystem]:
    """Start everything on free ports in a temporary folder; stop and forget it at the end."""
    with tempfile.TemporaryDirectory(prefix="ordercenter-") as folder:
        web, sandbox = free_port(), free_port()
        inherited = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "BROKER_URL", "OC_RUN_ID")}
        env = {
            **inherited,
            "OC_DATA_DIR": folder,
            "OC_HTTP_PORT": str(web),
            "OC_SANDBOX_PORT": str(sandbox),
            "OC_SANDBOX_RATE": "0",
            # What is measured ends at the warehouse; parcels on their way would only disturb it.
            "OC_DEMO_COURIERS": "0",
            # An empty company: what others wait for would be measured along.
            "OC_DEMO_LIFE": "0",
        }
        with up(env):
            yield RunningSystem(
                Path(folder), f"http://127.0.0.1:{web}", f"http://127.0.0.1:{sandbox}", _database_url(folder)
            )


@contextmanager
def up(env: Mapping[str, str]) -> Iterator[None]:
    """`manage.py up` with exactly this environment, from its being ready to the end of the block."""
    process = subprocess.Popen(
        [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "up"],
        env=dict(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        _wait_ready(process)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _wait_ready(process: subprocess.Popen[str]) -> None:
    """Read what it prints until it says that it is ready; go on reading afterwards so that it never blocks."""
    ready, lines = threading.Event(), []

    def read() -> None:
        for line in process.stdout or ():
            if not ready.is_set():
                lines.append(line)
                if "| ready after" in line:
                    ready.set()
        ready.set()

    threading.Thread(target=read, daemon=True).start()
    if not ready.wait(START_TIMEOUT_S) or process.poll() is not None:
        raise DidNotStart("".join(lines[-20:]))


def _database_url(folder: str) -> str:
    before = os.environ.get("OC_DATA_DIR")
    os.environ["OC_DATA_DIR"] = folder
    try:
        data = open_data_folder()
    finally:
        if before is None:
            del os.environ["OC_DATA_DIR"]
        else:
            os.environ["OC_DATA_DIR"] = before
    database = EmbeddedDatabase(data, data.secrets())
    url = database.acquire()
    # The running system keeps its server; we only wanted to know the address.
    database.release()
    return url
