"""The supervisor, with small real processes."""

import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from ordercenter.runtime import children, supervisor
from ordercenter.runtime.children import ChildSpec
from ordercenter.runtime.errors import RuntimeTrouble
from ordercenter.runtime.processes import RUN_VARIABLE, end_run, processes_of_run
from ordercenter.runtime.supervisor import Stopped, Supervisor

pytestmark = pytest.mark.processes

# Says when it starts and when it ends, in one file for all.
POLITE = """
import os, signal, sys, time
name, diary = sys.argv[1:3]
def note(what):
    with open(diary, "a") as file:
        file.write(f"{name} {what}\\n")
def end(*_):
    note("ends")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
note("starts")
open(os.environ["OC_READY_FILE"], "w").close()
while True:
    time.sleep(0.05)
"""
STUBBORN = "import signal, time, os; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
STUBBORN += "open(os.environ['OC_READY_FILE'], 'w').close(); time.sleep(60)"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(children, "FIRST_DELAY_S", 0.05)
    monkeypatch.setattr(supervisor, "_TICK_S", 0.02)


@pytest.fixture
def diary(tmp_path):
    return tmp_path / "diary"


@pytest.fixture
def pids():
    return {}


@pytest.fixture
def boss(tmp_path, quiet_env, pids):
    boss = Supervisor(run_folder=tmp_path, logs=tmp_path, env=quiet_env, database=None, on_change=pids.update)
    yield boss
    boss.stop()


def polite(name, diary, **options):
    return ChildSpec(name=name, command=(sys.executable, "-c", POLITE, name, str(diary)), **options)


def python(name, code, **options):
    return ChildSpec(name=name, command=(sys.executable, "-c", code), **options)


def wait_until(condition, *, timeout_s=10):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def keep_running_while(boss, story):
    """Let the supervisor keep its children running while the story is told beside it."""

    def tell():
        try:
            story()
        finally:
            boss.ask_to_stop()

    narrator = threading.Thread(target=tell)
    narrator.start()
    boss.run_until_asked_to_stop()
    narrator.join()


def test_a_group_stops_before_the_group_it_stands_on(boss, diary):
    boss.start([polite("ground", diary)])
    boss.start([polite("house", diary)])

    boss.stop()

    assert diary.read_text().splitlines() == ["ground starts", "house starts", "house ends", "ground ends"]


def test_a_killed_child_is_started_again_and_told_of(boss, diary, pids, capsys):
    boss.start([polite("relay", diary)])

    def kill_it():
        wait_until(lambda: "relay" in pids)
        os.kill(pids["relay"], signal.SIGKILL)
        wait_until(lambda: diary.read_text().count("starts") == 2)

    keep_running_while(boss, kill_it)

    assert diary.read_text().splitlines() == ["relay starts", "relay starts"]
    assert "relay    | was ended by SIGKILL; starts again in 0 s" in capsys.readouterr().out


def test_what_a_dead_child_started_itself_is_ended_with_it(boss, tmp_path, pids):
    grandchild_file = tmp_path / "grandchild"
    code = "import os, subprocess, sys, time\n"
    code += f"open({str(grandchild_file)!r}, 'w').write(str(subprocess.Popen(['sleep', '60']).pid))\n"
    code += "open(os.environ['OC_READY_FILE'], 'w').close()\ntime.sleep(60)"
    boss.start([python("worker", code)])
    grandchild = psutil.Process(int(grandchild_file.read_text()))

    boss.stop()

    wait_until(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE)


def test_a_child_that_does_not_stop_is_killed_after_its_grace(boss, capsys):
    boss.start([python("web", STUBBORN, stop_grace_s=0.2)])

    boss.stop()

    assert "web      | did not stop in time and was killed" in capsys.readouterr().out


def test_a_child_that_cannot_start_is_named_with_its_last_words(boss):
    spec = python("relay", "raise SystemExit('the settings are wrong')")

    with pytest.raises(RuntimeTrouble, match="relay ended 3 times before it was ready: the settings are wrong"):
        boss.start([spec])


def test_a_failed_step_is_named_with_its_last_words(boss):
    spec = python("prepare", "raise SystemExit('no such table')")

    with pytest.raises(RuntimeTrouble, match="prepare failed: no such table"):
        boss.run_to_end(spec)


def test_asked_to_stop_while_starting_it_starts_no_further(boss, diary):
    never_ready = python("sandbox", "import time; time.sleep(60)")
    boss.ask_to_stop()

    with pytest.raises(Stopped):
        boss.start([never_ready])


def test_only_processes_that_carry_the_name_of_the_run_are_ended(quiet_env):
    ours = subprocess.Popen(["sleep", "60"], env={**quiet_env, RUN_VARIABLE: "run-one"}, start_new_session=True)
    strange = subprocess.Popen(["sleep", "60"], env={**quiet_env, RUN_VARIABLE: "run-two"}, start_new_session=True)

    count = end_run("run-one", grace_s=2)

    assert count == 1
    assert (processes_of_run("run-one"), [process.pid for process in processes_of_run("run-two")]) == (
        [],
        [strange.pid],
    )
    for process in (ours, strange):
        process.kill()
        process.wait()
