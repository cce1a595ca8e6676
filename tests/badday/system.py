"""The whole of Order Center as processes of its own, with the tools to hurt it and to look inside."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import psycopg

from channels_sync.sandbox.control import SandboxControl
from ordercenter.runtime.account import server_account
from ordercenter.runtime.data_folder import PROJECT_ROOT, DataFolder
from ordercenter.runtime.postgres import PostgresCluster, free_port
from ordercenter.runtime.processes import end_run, processes_of_run
from ordercenter.runtime.run_record import read_record
from ordercenter.runtime.valkey import answers

START_TIMEOUT_S = 240
SHELL = """
import json, sys, traceback
from django.db import connection
for line in sys.stdin:
    scope = {}
    try:
        exec(json.loads(line), scope)
        said = {"answer": scope["answer"]}
    except Exception:
        said = {"error": traceback.format_exc()}
    connection.close()
    print("\\n>>" + json.dumps(said), flush=True)
"""
LEFT_OUT = ("DATABASE_URL", "BROKER_URL", "DJANGO_SETTINGS_MODULE", "OC_RUN_ID", "OC_READY_FILE")


def wait_until(condition: Callable[[], object], *, timeout_s: float, what: str, every_s: float = 0.2) -> float:
    """Wait until this is true; returns after how many seconds, fails with `what` when it takes too long."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < timeout_s, f"after {timeout_s:.0f} s still not: {what}"
        time.sleep(every_s)
    return time.monotonic() - begun


class System:
    """One `manage.py up` on a data folder of its own."""

    def __init__(self, **variables: str) -> None:
        # The database's own account has to get there.
        self.place = Path(tempfile.mkdtemp(prefix="ordercenter-badday-", dir="/tmp"))
        self.place.chmod(0o755)
        self.folder = DataFolder(self.place / "data")
        self.output = self.place / "up.txt"
        self.port, self.sandbox_port = free_port(), free_port()
        inherited = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
        self.env = {
            **inherited,
            "OC_DATA_DIR": str(self.folder.root),
            "OC_HTTP_PORT": str(self.port),
            "OC_SANDBOX_PORT": str(self.sandbox_port),
            "OC_SANDBOX_RATE": "0",
            # Only what a test plays: the demo's couriers and shops would always have something on the way.
            "OC_DEMO_COURIERS": "0",
            "OC_DEMO_LIFE": "0",
            **variables,
        }
        self.sandbox = SandboxControl(f"http://127.0.0.1:{self.sandbox_port}", timeout_s=120)
        self._process: subprocess.Popen[bytes] | None = None
        self._database: psycopg.Connection[Any] | None = None
        self._shell: subprocess.Popen[str] | None = None
        self._run_ids: set[str] = set()

    # Beginning and end

    def start(self) -> float:
        """Start everything and wait until it is ready; returns after how many seconds."""
        with self.output.open("wb") as output:
            command = [sys.executable, str(PROJECT_ROOT / "manage.py"), "up"]
            self._process = subprocess.Popen(
                command, env=self.env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        took = wait_until(self._is_up, timeout_s=START_TIMEOUT_S, what="everything runs")
        self._run_ids.add(self._record().run_id)
        return took

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.output.read_text()
        return "| ready after " in self.output.read_text()

    def end(self) -> None:
        """Stop everything, by force where it does not stop, and forget it. Leaves no process behind."""
        self.sandbox.close()
        self._forget_database()
        self._end_shell()
        if (self.folder.run / "up.lock").exists():
            self.manage("down", timeout_s=120)
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        for run_id in self._run_ids:
            end_run(run_id, grace_s=1)
        if self.folder.root.exists():
            self.cluster.stop()
        shutil.rmtree(self.place)

    def manage(self, *arguments: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        """One manage.py command beside the running system."""
        command = [sys.executable, str(PROJECT_ROOT / "manage.py"), *arguments]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, check=False, timeout=timeout_s)

    def run_code(self, code: str) -> Any:
        """Run Python as a person at `manage.py shell` would; what it leaves in `answer` comes back. One shell only."""
        if self._shell is None:
            command = [sys.executable, str(PROJECT_ROOT / "manage.py"), "shell", "--no-imports", "--command", SHELL]
            self._shell = subprocess.Popen(
                command,
                env=self.env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(json.dumps(code) + "\n")
        self._shell.stdin.flush()
        for line in self._shell.stdout:
            if line.startswith(">>"):
                said = json.loads(line.removeprefix(">>"))
                assert "error" not in said, said["error"]
                return said["answer"]
        raise AssertionError("the shell ended")

    def _end_shell(self) -> None:
        if self._shell is not None:
            self._shell.kill()
            self._shell.communicate()
            self._shell = None

    # Its processes

    def _record(self) -> Any:
        record = read_record(self.folder)
        assert record is not None, self.output.read_text()
        return record

    def pid_of(self, part: str) -> int:
        """The process of a part; "database" is PostgreSQL's own."""
        if part == "database":
            server = self.cluster.running()
            return server.pid if server is not None else 0
        return int(self._record().children.get(part, 0))

    def kill(self, part: str) -> int:
        """kill -9; returns the process that is no more."""
        pid = self.pid_of(part)
        os.kill(pid, signal.SIGKILL)
        return pid

    def kill_and_wait(self, *parts: str) -> float:
        """kill -9 of these parts at once; returns after how many seconds the supervisor has started them all again."""
        killed = {part: self.kill(part) for part in parts}

        def are_back() -> bool:
            return all(self._is_back(part, pid) for part, pid in killed.items())

        return wait_until(are_back, timeout_s=60, what=f"{parts} run again", every_s=0.05)

    def _is_back(self, part: str, killed: int) -> bool:
        if part == "database":
            server = self.cluster.running()
            return server is not None and server.pid != killed and server.ready
        return self.pid_of(part) not in (0, killed)

    def kill_everything(self) -> None:
        """kill -9 of every process at once, the supervisor first, the database too."""
        assert self._process is not None
        record = self._record()
        database = psutil.Process(self.pid_of("database"))
        victims = [psutil.Process(self._process.pid), *processes_of_run(record.run_id), database]
        for process in {process.pid: process for process in victims}.values():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self._process.wait()

    def freeze(self, part: str) -> None:
        """The part no longer answers, but its port is open: the nastiest way to be away."""
        os.kill(self.pid_of(part), signal.SIGSTOP)

    def thaw(self, part: str) -> None:
        os.kill(self.pid_of(part), signal.SIGCONT)

    @property
    def broker_port(self) -> int:
        return int(self._record().valkey_port)

    def broker_answers(self) -> bool:
        return answers(self.broker_port, self.folder.secrets().valkey_password)

    def log_of(self, part: str) -> str:
        return (self.folder.logs / f"{part}.log").read_text(errors="replace")

    # Its database

    @property
    def cluster(self) -> PostgresCluster:
        secrets, account = self.folder.secrets(), server_account()
        place = self.folder.postgres(account, secrets.installation_id)
        return PostgresCluster(place, password=secrets.postgres_password, account=account)

    def ask(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of a statement, committed at once; asked again on a new connection when the old one is gone."""
        for is_last in (False, True):
            try:
                cursor = self._connection().execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:
                self._forget_database()
                if is_last:
                    raise
        raise AssertionError

    def count(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """The one number that this statement answers with."""
        return int(self.ask(statement, parameters)[0][0])

    @property
    def database_url(self) -> str:
        """Of the embedded server, while it runs."""
        server = self.cluster.running()
        assert server is not None, "the database does not run"
        return self.cluster.url(server.port)

    def _connection(self) -> psycopg.Connection[Any]:
        if self._database is None:
            self._database = psycopg.connect(self.database_url, autocommit=True, connect_timeout=10)
        return self._database

    def _forget_database(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
