"""Files of orders are worked on in a process of their own, so that a long one takes neither the worker's time nor its
memory: threads of the worker would share both with every call to a platform."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import structlog
from django.conf import settings

from ordercenter.common.sessions import alone_at

logger = structlog.get_logger(__name__)
# So many files at a time, whoever asks; the machine has other work.
PLACES = 2
MEMORY = 1536 * 1024 * 1024
CPU_S = 600
WALL_S = 900.0


def work_apart(file_ids: list[int]) -> int:
    """Work on these files one after the other, each in a process of its own. Returns how many were begun.

    0 where all places are taken: the next look finds what is left.
    """
    for place in range(PLACES):
        with alone_at("order_file_place", place) as is_ours:
            if is_ours:
                for file_id in file_ids:
                    _run(file_id)
                return len(file_ids)
    return 0


def _run(file_id: int) -> None:
    command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "take_order_files", "--file", str(file_id)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.prlimit(process.pid, resource.RLIMIT_CPU, (CPU_S, CPU_S))
    try:
        code = process.wait(timeout=WALL_S)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    if code:
        # What it wrote stays, and the next process goes on behind it.
        logger.warning("order_file.process_ended", file=file_id, code=code)
