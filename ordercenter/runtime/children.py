"""One child process of the supervisor: how it is started, how one knows that it is ready, how it is stopped."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from .data_folder import PROJECT_ROOT
from .logs import FollowedLog

# After a death: wait this long before the next start, doubling each time up to the maximum.
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 30.0
# A child that lived this long starts again with the first delay.
STEADY_S = 60.0
_TRIES_AT_SESSION = 10


@dataclass(frozen=True)
class ChildSpec:
    """What to run. ready: asked after the child announced itself (or, without announces, from the start).

    announces: the child creates the file OC_READY_FILE. pass_fds: open files the child inherits. talkative: its log
    lines are shown on the terminal too. niceness: how much it stands back when the processor is short (0 to 19).
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    announces: bool = True
    ready: Callable[[], bool] = lambda: True
    pass_fds: tuple[int, ...] = ()
    stop_grace_s: float = 20.0
    talkative: bool = True
    niceness: int = 0


def _stand_back(pid: int, niceness: int) -> None:
    """Lower the priority of a child relative to ours. It may have ended already, which its own watch will see.

    Where the kernel shares the processors out among sessions first (sched(7), autogroup), a process's own niceness
    counts only within its session, and each child has one: so its session stands back as well.
    """
    with suppress(ProcessLookupError, PermissionError):
        lowered = min(19, os.getpriority(os.PRIO_PROCESS, 0) + niceness)
        os.setpriority(os.PRIO_PROCESS, pid, lowered)
        _let_session_stand_back(pid, lowered)


def _let_session_stand_back(pid: int, niceness: int) -> None:
    for _try in range(_TRIES_AT_SESSION):
        try:
            Path(f"/proc/{pid}/autogroup").write_text(str(niceness))
        except BlockingIOError:
            # The kernel takes one such word in a tenth of a second from people without rights.
            time.sleep(0.05)
        except OSError:
            # No such sharing here, or the child has ended.
            return
        else:
            return


class Child:
    """A process that is kept running until it is told to stop."""

    def __init__(self, spec: ChildSpec, *, env: Mapping[str, str], run_folder: Path, log: Path) -> None:
        self.spec = spec
        self.log = FollowedLog(spec.name, log, shown=spec.talkative)
        self.is_ready = False
        self.deaths_before_ready = 0
        self._ready_file = run_folder / f"{spec.name}.ready"
        self._env = {**env, **spec.env, "OC_READY_FILE": str(self._ready_file), "PYTHONUNBUFFERED": "1"}
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._delay_s = FIRST_DELAY_S
        self._start_again_at: float | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def returncode(self) -> int | None:
        return self._process.returncode if self._process is not None else None

    def start(self) -> None:
        """Start the process in a session of its own: Ctrl-C at the terminal reaches us, and we decide the order."""
        self._ready_file.unlink(missing_ok=True)
        self.is_ready = False
        self._start_again_at = None
        self._started_at = time.monotonic()
        with self.log.path.open("ab") as output:
            self._process = subprocess.Popen(
                self.spec.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._env,
                cwd=PROJECT_ROOT,
                pass_fds=self.spec.pass_fds,
                start_new_session=True,
            )
        if self.spec.niceness:
            _stand_back(self._process.pid, self.spec.niceness)

    def check_ready(self) -> bool:
        """Whether the child does its work; once ready it stays so until it dies."""
        if not self.is_ready and self._process is not None:
            announced = not self.spec.announces or self._ready_file.exists()
            self.is_ready = announced and self.spec.ready()
        return self.is_ready

    def check_alive(self) -> str | None:
        """Look after the process; returns a sentence when it just died, and starts it again when its time has come."""
        if self._start_again_at is not None and time.monotonic() >= self._start_again_at:
            self.start()
        if self._process is None or self._process.poll() is None:
            return None
        status = self._process.returncode
        self._kill_group()
        self._process = None
        if time.monotonic() - self._started_at > STEADY_S:
            self._delay_s = FIRST_DELAY_S
        if not self.is_ready:
            self.deaths_before_ready += 1
        self.is_ready = False
        delay_s, self._delay_s = self._delay_s, min(self._delay_s * 2, LONGEST_DELAY_S)
        self._start_again_at = time.monotonic() + delay_s
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with code {status}"
        return f"{how}; starts again in {delay_s:.0f} s"

    def ask_to_stop(self) -> None:
        self._start_again_at = None
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def has_ended(self, *, within_s: float) -> bool:
        """Whether the process ended by itself; waits up to within_s seconds for it."""
        if self._process is None:
            return True
        try:
            self._process.wait(within_s)
            return True
        except subprocess.TimeoutExpired:
            return False

    def finish(self) -> None:
        """Make sure that nothing of the child is left: what has not ended by now is killed."""
        if self._process is not None:
            self._kill_group()
            self._process.wait()
            self._process = None
        self._ready_file.unlink(missing_ok=True)

    def _kill_group(self) -> None:
        # Whatever the child started itself goes with it: pool workers must not outlive their parent.
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
