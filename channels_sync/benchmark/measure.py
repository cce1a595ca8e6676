"""CPU from the operating system: this process, its children, and the database server's processes."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from django.db import connection

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cpu:
    """Seconds of user and system time, and the wall clock beside them."""

    client_s: float
    database_s: float
    wall_s: float

    def __sub__(self, other: Cpu) -> Cpu:
        return Cpu(self.client_s - other.client_s, self.database_s - other.database_s, self.wall_s - other.wall_s)


def server_pid() -> int | None:
    """The pid of the database server when it runs on this machine where we may look, else None."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    stat = _stat(backend)
    return None if stat is None else int(stat[1])


def cpu_now(server: int | None) -> Cpu:
    """What has been used so far. Backends that have ended count through their parent."""
    times = os.times()
    return Cpu(
        times.user + times.system + times.children_user + times.children_system, _tree_s(server), time.monotonic()
    )


def _tree_s(server: int | None) -> float:
    if server is None:
        return 0.0
    ticks = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))) is not None:
            if int(entry.name) == server:
                # utime, stime, and those of ended children.
                ticks += sum(int(stat[field]) for field in (11, 12, 13, 14))
            elif int(stat[1]) == server:
                ticks += int(stat[11]) + int(stat[12])
    return ticks * _TICK_S


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()
