"""`up` as a whole: every part, by hand killed in every way. Long; run by `make chaos`."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

import psutil
import pytest

from ordercenter.runtime.data_folder import PROJECT_ROOT
from ordercenter.runtime.postgres import free_port
from ordercenter.runtime.processes import processes_of_run
from ordercenter.runtime.run_record import read_record

pytestmark = [pytest.mark.processes, pytest.mark.chaos]

PARTS = {"valkey", "web", "sandbox", "relay", "relay2", "listener", "worker", "beat"}


class Running:
    """One `up` on a data folder."""

    def __init__(self, folder):
        left_out = ("DATABASE_URL", "BROKER_URL", "DJANGO_SETTINGS_MODULE")
        env = {name: value for name, value in os.environ.items() if name not in left_out}
        self.folder = folder
        self.port = free_port()
        self.env = {
            **env,
            "OC_DATA_DIR": str(folder.root),
            "OC_HTTP_PORT": str(self.port),
            "OC_SANDBOX_PORT": str(free_port()),
        }
        self.output = folder.logs / "up.txt"

    def manage(self, *arguments):
        command = [sys.executable, str(PROJECT_ROOT / "manage.py"), *arguments]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, check=False)

    def start(self):
        with self.output.open("w") as output:
            command = [sys.executable, str(PROJECT_ROOT / "manage.py"), "up"]
            self.process = subprocess.Popen(command, env=self.env, stdout=output, stderr=output, start_new_session=True)
        begun = time.monotonic()
        self.wait_until(lambda: "| ready after " in self.said)
        return time.monotonic() - begun

    @property
    def said(self):
        return self.output.read_text()

    @property
    def record(self):
        return read_record(self.folder)

    def wait_until(self, condition, timeout_s=90):
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, self.said
            assert self.process.poll() is None, self.said
            time.sleep(0.1)

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return json.load(answer)["ready"]
        except OSError:
            return False

    @property
    def postmaster(self):
        place = self.folder.root / "postgres" / "postmaster.pid"
        return int(place.read_text().splitlines()[0])


@pytest.fixture
def running(data_folder):
    running = Running(data_folder)
    yield running
    running.manage("down")
    if running.process.poll() is None:
        running.process.kill()
    running.process.wait()


def test_everything_starts_says_where_it_is_and_stops_without_a_trace(running):
    running.start()
    run_id = running.record.run_id
    parts = set(running.record.children)
    logins = json.loads((running.folder.root / "demo-logins.json").read_text())
    second = running.manage("up")

    down = running.manage("down")

    assert parts == PARTS
    assert f"http://127.0.0.1:{running.port}/" in running.said
    assert all(login["password"] in running.said for login in logins)
    assert (second.returncode, f"http://127.0.0.1:{running.port}/" in second.stderr) == (1, True)
    assert (down.returncode, running.process.wait(10)) == (0, 0)
    assert processes_of_run(run_id) == []
    assert not (running.folder.root / "postgres" / "postmaster.pid").exists()


def test_a_warm_start_serves_pages_within_15_seconds(running):
    running.start()
    running.manage("down")
    running.process.wait()

    with running.output.open("w") as output:
        command = [sys.executable, str(PROJECT_ROOT / "manage.py"), "up"]
        begun = time.monotonic()
        running.process = subprocess.Popen(command, env=running.env, stdout=output, stderr=output)
    running.wait_until(running.is_ready)

    assert time.monotonic() - begun < 15


def test_any_part_may_be_killed_while_it_runs(running):
    running.start()

    for part in sorted(PARTS):
        killed = running.record.children[part]
        os.kill(killed, signal.SIGKILL)
        running.wait_until(lambda part=part, killed=killed: running.record.children.get(part, killed) != killed)
    os.kill(running.postmaster, signal.SIGKILL)
    running.wait_until(lambda: "it runs again and has recovered" in running.said)

    running.wait_until(running.is_ready)


def test_after_everything_was_killed_at_once_the_next_up_ends_what_is_left_and_goes_on(running):
    running.start()
    run_id = running.record.run_id
    users = "from django.contrib.auth import get_user_model as m; print(m().objects.count())"
    before = running.manage("shell", "--no-imports", "--command", users).stdout

    for pid in (running.postmaster, running.process.pid, running.record.children["valkey"]):
        psutil.Process(pid).kill()
    running.process.wait()
    running.start()

    assert processes_of_run(run_id) == []
    assert "that an earlier run left behind" in running.said
    assert running.is_ready()
    assert running.manage("shell", "--no-imports", "--command", users).stdout == before != ""
