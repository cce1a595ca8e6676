"""A PostgreSQL that lives as long as the process that asked for it: for tests. It does not wait for the disk."""

import atexit
import os
import secrets
import subprocess
import tempfile
from pathlib import Path

from .account import server_account
from .postgres import PostgresCluster

VARIABLE = "OC_TEST_DATABASE_URL"

_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "250",
    "shared_buffers": "128MB",
}


def database_url_for_tests() -> str:
    """The server of this test run: the one OC_TEST_DATABASE_URL names, else a new one that ends with this process."""
    if VARIABLE not in os.environ:
        os.environ[VARIABLE] = start_scratch_server()
    return os.environ[VARIABLE]


def start_scratch_server() -> str:
    """Start a new server in a temporary folder and say its address; it goes when this process goes, however it ends."""
    account = server_account()
    home = Path(tempfile.mkdtemp(prefix="ordercenter-test-"))
    if not account.can_use(home.parent):
        home.rmdir()
        home = Path(tempfile.mkdtemp(prefix="ordercenter-test-", dir="/tmp"))
    account.own(home)
    cluster = PostgresCluster(
        home / "postgres", password=secrets.token_urlsafe(16), account=account, settings=_SETTINGS
    )
    cluster.create(options=("--no-sync", "--no-data-checksums"))
    server = cluster.start(log=home / "server.log")
    cluster.ensure_database(server.port)
    _end_with_this_process(cluster, home)
    return cluster.url(server.port)


def _end_with_this_process(cluster: PostgresCluster, home: Path) -> None:
    """Let a small shell wait for the end of a pipe that only we hold: it also comes after kill -9."""
    stop = 'cat >/dev/null; "$0" --pgdata "$1/postgres" stop --mode immediate --silent; rm -rf "$1"'
    guard = subprocess.Popen(
        ["/bin/sh", "-c", stop, str(cluster.program("pg_ctl")), str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **cluster.account.popen_options(),
    )
    owner = os.getpid()

    def close() -> None:
        if os.getpid() == owner:
            guard.communicate()

    atexit.register(close)
