"""Turns this process into the sandbox's server: gunicorn with one worker and a few threads."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

APP = "channels_sync.sandbox.wsgi:create_app()"
THREADS = 8


def command(port: int) -> list[str]:
    """The command line of the server on loopback."""
    return [
        sys.executable,
        "-m",
        "gunicorn",
        APP,
        f"--bind=127.0.0.1:{port}",
        "--worker-class=gthread",
        # The state lives in the worker: exactly one.
        "--workers=1",
        f"--threads={THREADS}",
        "--keep-alive=75",
        "--timeout=60",
        "--graceful-timeout=3",
        "--log-level=warning",
    ]


def exec_server(
    *, port: int, data_dir: Path, rate_per_min: str | None = None, callback_url: str | None = None
) -> NoReturn:
    """Replace this process by the server. rate_per_min, callback_url: see wsgi.create_app; None keeps the defaults."""
    environ = dict(os.environ, OC_DATA_DIR=str(data_dir))
    if rate_per_min is not None:
        environ["OC_SANDBOX_RATE"] = rate_per_min
    if callback_url is not None:
        environ["OC_WMS_CALLBACK_URL"] = callback_url
    root = str(Path(__file__).resolve().parents[2])
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, (root, environ.get("PYTHONPATH"))))
    arguments = command(port)
    os.execve(arguments[0], arguments, environ)
