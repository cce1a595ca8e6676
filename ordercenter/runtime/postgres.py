"""One PostgreSQL server of our own: create it, start it, find it again, stop it."""

import locale
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from .account import ServerAccount
from .binaries import postgres_folder
from .errors import RuntimeTrouble

USER = DATABASE = "ordercenter"
HOST = "127.0.0.1"

# A crash recovery may have a lot of log to replay; a start that needs longer is a fault.
START_TIMEOUT_S = 300
STOP_TIMEOUT_S = 60

# Durability stays at PostgreSQL's defaults: a commit is on the disk before it is answered.
SERVER_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}


def free_port() -> int:
    """A TCP port on loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class RunningServer:
    """What the server says of itself in postmaster.pid."""

    pid: int
    port: int
    ready: bool


class PostgresCluster:
    """A PostgreSQL data folder with a password for its one user, reached over TCP on loopback.

    Whoever calls start, stop or create holds the lock that keeps others from doing so at the same time.
    """

    def __init__(
        self, folder: Path, *, password: str, account: ServerAccount, settings: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.account = account
        self._password = password
        self._settings = {**SERVER_SETTINGS, **(settings or {})}
        self._bin = postgres_folder(account)

    @property
    def exists(self) -> bool:
        return (self.folder / "PG_VERSION").is_file()

    def url(self, port: int) -> str:
        """DATABASE_URL of this cluster's database on that port; holds the password."""
        return f"postgres://{USER}:{quote(self._password, safe='')}@{HOST}:{port}/{DATABASE}"

    def program(self, name: str) -> Path:
        """One of the server's programs, such as psql or pg_dump."""
        return self._bin / name

    def create(self, *, options: tuple[str, ...] = ()) -> None:
        """Make a new data folder. Its text order is the same on every machine (builtin C.UTF-8)."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.account.own(self.folder)
        self.folder.chmod(0o700)
        password_file = self.folder.parent / f".initdb-{secrets.token_hex(8)}"
        try:
            password_file.touch(mode=0o600)
            password_file.write_text(self._password)
            self.account.own(password_file)
            self._run(
                "initdb",
                *("--username", USER, "--auth", "scram-sha-256", "--pwfile", str(password_file)),
                *("--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
                *("--locale", "C", "--lc-ctype", _utf8_letters()),
                *options,
            )
        finally:
            password_file.unlink(missing_ok=True)

    def running(self) -> RunningServer | None:
        """The server on this folder, or None. A pid file left behind by a dead server does not count."""
        try:
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
            pid, port = int(lines[0]), int(lines[3])
        except (FileNotFoundError, IndexError, ValueError):
            return None
        if not self._is_our_server(pid):
            return None
        return RunningServer(pid, port, ready=len(lines) > 7 and lines[7].strip() == "ready")

    def start(self, *, port: int | None = None, log: Path) -> RunningServer:
        """Start the server and wait until it answers; another free port is taken when this one is in use.

        log: server messages are appended here. Raises RuntimeTrouble with the last of them when it does not start.
        """
        self._remove_stale_pid_file()
        deadline = time.monotonic() + 20
        candidate = port or free_port()
        while True:
            begin = log.stat().st_size if log.exists() else 0
            if self._try_start(candidate, log):
                server = self.running()
                if server is not None:
                    return server
            with log.open(errors="replace") as messages:
                messages.seek(begin)
                said = messages.read()
            # Backends of a killed server need a moment to notice and let go of the shared memory.
            waits = "could not bind" in said or "shared memory block" in said
            if not waits or time.monotonic() > deadline:
                raise RuntimeTrouble(_start_failure(self.folder, log, said))
            candidate = free_port() if "could not bind" in said else candidate
            time.sleep(0.2)

    def ensure_database(self, port: int) -> bool:
        """Create our database when it is missing; True when it was created."""
        # psycopg is imported here because children that only need the address should not pay for it.
        import psycopg

        maintenance = self.url(port).removesuffix(DATABASE) + "postgres"
        with psycopg.connect(maintenance, autocommit=True, connect_timeout=10) as connection:
            there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if there is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")
            return there is None

    def stop(self) -> None:
        """Stop the server if it runs: open transactions are rolled back, everything committed stays."""
        for mode in ("fast", "immediate"):
            if self.running() is None:
                return
            stop = self._command("pg_ctl", "stop", "--wait", "--mode", mode, "--timeout", str(STOP_TIMEOUT_S))
            subprocess.run(stop, capture_output=True, check=False, env=self._env(), **self.account.popen_options())

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [str(self.program(program)), "--pgdata", str(self.folder), *arguments]

    def _env(self) -> dict[str, str]:
        # Messages in English and no surprises from the caller's PG* variables.
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}

    def _run(self, program: str, *arguments: str) -> None:
        command = self._command(program, *arguments)
        options = self.account.popen_options()
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=self._env(), **options)
        if done.returncode:
            raise RuntimeTrouble(f"{program} failed in {self.folder}: {(done.stderr or done.stdout).strip()}")

    def _try_start(self, port: int, log: Path) -> bool:
        settings = {**self._settings, "port": str(port)}
        given = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        command = self._command("pg_ctl", "start", "--wait", "--timeout", str(START_TIMEOUT_S), "--options", given)
        # The server inherits the open log, so its account needs no right to write in our folder.
        with log.open("ab") as output:
            options = self.account.popen_options()
            started = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False, env=self._env(), **options
            )
        return started.returncode == 0

    def _is_our_server(self, pid: int) -> bool:
        try:
            process = psutil.Process(pid)
            arguments = process.cmdline()
            return process.status() != psutil.STATUS_ZOMBIE and (
                "postgres" in Path(arguments[0]).name and str(self.folder) in arguments
            )
        except (psutil.NoSuchProcess, psutil.AccessDenied, IndexError):
            return False

    def _remove_stale_pid_file(self) -> None:
        # After a crash another program may carry the number in the file; PostgreSQL would then refuse to start.
        if self.running() is None:
            (self.folder / "postmaster.pid").unlink(missing_ok=True)


def _utf8_letters() -> str:
    """A locale of this machine that knows which Chinese characters are letters: pg_trgm asks it, not the builtin one.
    With "C" it would cut every Chinese text to nothing, and a search for a part of it would find nothing.
    """
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        for name in ("C.UTF-8", "en_US.UTF-8", "zh_CN.UTF-8"):
            try:
                locale.setlocale(locale.LC_CTYPE, name)
                return name
            except locale.Error:
                continue
        return "C"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


def _start_failure(folder: Path, log: Path, said: str) -> str:
    worst = [line for line in said.splitlines() if "FATAL" in line or "PANIC" in line or "ERROR" in line]
    reason = (worst or said.strip().splitlines() or ["it said nothing"])[-1]
    return f"PostgreSQL did not start on {folder}: {reason} (more in {log})."
