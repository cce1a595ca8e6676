"""How a process that `up` started says that it is ready: it creates the file that OC_READY_FILE names."""

import os
from pathlib import Path

VARIABLE = "OC_READY_FILE"


def announce_ready() -> None:
    """Say that this process now does its work. Does nothing when nobody waits for it."""
    path = os.environ.get(VARIABLE)
    if path:
        Path(path).touch()
