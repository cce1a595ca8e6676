"""`manage.py up`: starts the parts in order, keeps them running, stops them in reverse. One thread, one loop."""

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType

from .children import Child, ChildSpec
from .database import EmbeddedDatabase
from .errors import RuntimeTrouble
from .logs import say

# A child that did not say in this time that it is ready is waited for no longer; it may still become ready.
READY_TIMEOUT_S = 60.0
# A child that dies this often before it was ever ready will not get better by itself.
DEATHS_WHILE_STARTING = 3
_TICK_S = 0.2


class Stopped(Exception):
    """Somebody asked us to stop while we were starting."""


class Supervisor:
    """Runs children on top of a database. Asked to stop by SIGTERM, SIGINT or SIGHUP; asked twice, it kills."""

    def __init__(
        self,
        *,
        run_folder: Path,
        logs: Path,
        env: Mapping[str, str],
        database: EmbeddedDatabase | None,
        on_change: Callable[[dict[str, int]], None] = lambda pids: None,
    ) -> None:
        """on_change is told name -> process number each time a child starts or dies."""
        self._run_folder = run_folder
        self._logs = logs
        self._env = env
        self._database = database
        self._on_change = on_change
        self._groups: list[list[Child]] = []
        self._shown_pids: dict[str, int] = {}
        self._asked_to_stop = 0
        self._starting = True
        self._next_look_at = 0.0

    @property
    def _children(self) -> list[Child]:
        return [child for group in self._groups for child in group]

    def listen_to_signals(self) -> None:
        def ask(signum: int, frame: FrameType | None) -> None:
            self.ask_to_stop()

        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, ask)

    def ask_to_stop(self) -> None:
        """Stop soon; asked again while stopping, kill what still runs."""
        self._asked_to_stop += 1

    def start(self, specs: Sequence[ChildSpec]) -> None:
        """Start these children side by side and wait until all are ready; raises Stopped when asked to stop meanwhile,
        RuntimeTrouble when one of them cannot be started.
        """
        new = [self._new_child(spec) for spec in specs]
        self._groups.append(new)
        for child in new:
            child.start()
        deadline = time.monotonic() + READY_TIMEOUT_S
        waiting = new
        while waiting and time.monotonic() < deadline:
            self._tick()
            for child in waiting:
                if child.check_ready():
                    say(child.spec.name, "ready")
                elif child.deaths_before_ready >= DEATHS_WHILE_STARTING:
                    raise RuntimeTrouble(
                        f"{child.spec.name} ended {child.deaths_before_ready} times before it was ready: "
                        f"{child.log.last_line()} (more in {child.log.path})."
                    )
            waiting = [child for child in waiting if not child.is_ready]
        for child in waiting:
            say(child.spec.name, f"has not said that it is ready after {READY_TIMEOUT_S:.0f} s; see {child.log.path}")

    def run_until_asked_to_stop(self) -> None:
        """Keep everything running."""
        self._starting = False
        while not self._asked_to_stop:
            self._tick()
            for child in self._children:
                if not child.is_ready and child.check_ready():
                    say(child.spec.name, "ready")

    def run_to_end(self, spec: ChildSpec) -> None:
        """Run a step that ends by itself; raises RuntimeTrouble with its last words when it fails, Stopped when we are
        asked to stop meanwhile.
        """
        step = self._new_child(spec)
        step.start()
        try:
            while not step.has_ended(within_s=_TICK_S):
                self._tick()
                step.log.show_new_lines()
            if step.returncode:
                raise RuntimeTrouble(f"{spec.name} failed: {step.log.last_line()} (more in {step.log.path}).")
        finally:
            step.finish()
            step.log.show_new_lines()

    def stop(self) -> None:
        """Stop the children, last started first; a group ends before the group it stands on."""
        patience = max(self._asked_to_stop, 1)
        while self._groups:
            group = self._groups[-1]
            for child in reversed(group):
                child.ask_to_stop()
            asked_at = time.monotonic()
            for child in reversed(group):
                self._finish(child, asked_at + child.spec.stop_grace_s, patience)
            self._groups.pop()

    def _new_child(self, spec: ChildSpec) -> Child:
        return Child(spec, env=self._env, run_folder=self._run_folder, log=self._logs / f"{spec.name}.log")

    def _finish(self, child: Child, deadline: float, patience: int) -> None:
        ended = False
        while not ended and time.monotonic() < deadline and self._asked_to_stop <= patience:
            ended = child.has_ended(within_s=_TICK_S)
            child.log.show_new_lines()
        child.finish()
        child.log.show_new_lines()
        say(child.spec.name, "stopped" if ended else "did not stop in time and was killed")

    def _tick(self) -> None:
        if self._asked_to_stop and self._starting:
            raise Stopped
        for child in self._children:
            died = child.check_alive()
            child.log.show_new_lines()
            if died:
                say(child.spec.name, died)
        pids = {child.spec.name: child.pid for child in self._children if child.pid is not None}
        if pids != self._shown_pids:
            self._shown_pids = pids
            self._on_change(pids)
        if time.monotonic() >= self._next_look_at:
            self._next_look_at = time.monotonic() + 1
            self._look_after_database()
            for child in self._children:
                child.log.rotate()
        time.sleep(_TICK_S)

    def _look_after_database(self) -> None:
        if self._database is None:
            return
        try:
            if self._database.revive():
                say("database", "had died; it runs again and has recovered")
        except RuntimeTrouble as trouble:
            say("database", str(trouble))
