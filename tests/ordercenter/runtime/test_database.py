"""The embedded database: first user starts it, last one out stops it, whatever happened to the others."""

import os
import signal
import subprocess
import sys
import time

import psycopg
import pytest

from ordercenter.runtime.database import EmbeddedDatabase
from ordercenter.runtime.errors import RuntimeTrouble

pytestmark = pytest.mark.processes

USE = """
import time
from ordercenter.runtime.data_folder import open_data_folder
from ordercenter.runtime.database import EmbeddedDatabase
folder = open_data_folder()
database = EmbeddedDatabase(folder, folder.secrets())
database.acquire()
print("in use", flush=True)
time.sleep(60)
"""


@pytest.fixture
def database(data_folder):
    database = EmbeddedDatabase(data_folder, data_folder.secrets())
    yield database
    database.release()
    database.cluster.stop()


def ask(url, statement):
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else None


def test_the_last_user_stops_the_server_and_what_was_committed_stays(data_folder, database):
    second = EmbeddedDatabase(data_folder, data_folder.secrets())
    url = database.acquire()
    ask(url, "CREATE TABLE note (text text)")
    ask(url, "INSERT INTO note VALUES ('订单')")

    same_url = second.acquire()
    second.release()
    running_after_the_first_left = database.cluster.running() is not None
    database.release()
    running_after_the_last_left = database.cluster.running() is not None

    assert (same_url == url, running_after_the_first_left, running_after_the_last_left) == (True, True, False)
    assert ask(database.acquire(), "SELECT text FROM note") == [("订单",)]


def test_text_has_chinese_letters_and_commits_reach_the_disk(database):
    url = database.acquire()

    provider, locale = ask(url, "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = 'ordercenter'")[0]
    ask(url, "CREATE EXTENSION pg_trgm")
    pieces = ask(url, "SELECT show_trgm('订单中心')")[0][0]
    durability = [ask(url, f"SHOW {name}")[0][0] for name in ("fsync", "synchronous_commit", "full_page_writes")]

    assert (provider, locale, len(pieces) > 0, durability) == ("b", "C.UTF-8", True, ["on", "on", "on"])


def test_only_the_password_lets_anybody_in(database):
    url = database.acquire()
    without_password = url.replace(url.split("@")[0], "postgres://ordercenter")

    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(without_password)


def test_a_killed_user_does_not_keep_the_server_running(data_folder, database, quiet_env):
    env = {**quiet_env, "OC_DATA_DIR": str(data_folder.root)}
    user = subprocess.Popen([sys.executable, "-c", USE], stdout=subprocess.PIPE, env=env)
    assert user.stdout.readline() == b"in use\n"
    database.acquire()

    user.kill()
    user.wait()
    user.stdout.close()
    database.release()

    assert database.cluster.running() is None


def test_a_child_that_inherited_the_lock_keeps_the_server_running(database):
    database.acquire()
    child = subprocess.Popen(["sleep", "60"], pass_fds=[database.lock_fileno()])

    database.release()
    running_beside_the_child = database.cluster.running() is not None
    child.kill()
    child.wait()
    database.release()

    assert (running_beside_the_child, database.cluster.running()) == (True, None)


def test_a_killed_server_comes_back_with_everything_that_was_committed(database):
    url = database.acquire()
    ask(url, "CREATE TABLE note AS SELECT generate_series(1, 1000) AS number")

    os.kill(database.cluster.running().pid, signal.SIGKILL)
    while database.cluster.running() is not None:
        time.sleep(0.01)
    revived = [database.revive(), database.revive()]

    assert revived == [True, False]
    assert ask(url, "SELECT count(*) FROM note") == [(1000,)]


def test_a_pid_file_that_names_a_strange_process_is_not_believed(database):
    database.acquire()
    server = database.cluster.running()
    pid_file = database.cluster.folder / "postmaster.pid"
    left_behind = pid_file.read_text().replace(str(server.pid), str(os.getpid()), 1)
    database.cluster.stop()

    pid_file.write_text(left_behind)

    assert database.cluster.running() is None
    assert database.revive()
    assert database.cluster.running().pid != os.getpid()


def test_a_lost_secrets_file_is_named_and_no_new_one_is_made(data_folder, database):
    database.acquire()
    secrets_file = data_folder.root / "secrets.json"
    secrets_file.unlink()

    with pytest.raises(RuntimeTrouble, match=r"secrets\.json is missing, but .* holds a database"):
        data_folder.secrets()

    assert not secrets_file.exists()
