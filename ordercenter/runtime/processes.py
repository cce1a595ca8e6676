"""Recognise and end processes that an earlier run left behind, and only those."""

import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

# Every process that `up` starts carries the random name of its run in this variable, and so do their children.
RUN_VARIABLE = "OC_RUN_ID"


@dataclass(frozen=True)
class ProcessMark:
    """A process by number and birth time: numbers are given out again, the pair is not."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> "ProcessMark":
        """The mark of a process that runs now; raises psutil.NoSuchProcess when it does not."""
        return cls(pid, psutil.Process(pid).create_time())

    def find(self) -> psutil.Process | None:
        """The process if it still runs."""
        try:
            process = psutil.Process(self.pid)
            # The birth time is computed from the boot time, which some systems correct by fractions of a second.
            if abs(process.create_time() - self.created) < 1 and process.status() != psutil.STATUS_ZOMBIE:
                return process
        except psutil.NoSuchProcess:
            pass
        return None


def processes_of_run(run_id: str) -> list[psutil.Process]:
    """All living processes, except ourselves, that carry the name of this run."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.environ().get(RUN_VARIABLE) == run_id
            if ours and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def end_processes(processes: Iterable[psutil.Process], *, grace_s: float) -> None:
    """Ask the processes to end, and kill those that still run after grace_s seconds."""
    waiting = list(processes)
    for process in waiting:
        _send(process, signal.SIGTERM)
    _gone, stubborn = psutil.wait_procs(waiting, timeout=grace_s)
    for process in stubborn:
        _send(process, signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=5)


def end_run(run_id: str, *, grace_s: float) -> int:
    """End every process of an earlier run; says how many there were."""
    count = 0
    deadline = time.monotonic() + grace_s + 10
    # A parent may have started another child while we looked.
    while (left := processes_of_run(run_id)) and time.monotonic() < deadline:
        count += len(left)
        end_processes(left, grace_s=grace_s)
    return count


def _send(process: psutil.Process, what: signal.Signals) -> None:
    try:
        process.send_signal(what)
    except psutil.NoSuchProcess:
        pass
