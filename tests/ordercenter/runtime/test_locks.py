"""Locks that the kernel frees."""

import signal
import subprocess
import sys

from ordercenter.runtime.locks import FileLock

HOLD = """
import sys, time
from pathlib import Path
from ordercenter.runtime.locks import FileLock
lock = FileLock(Path(sys.argv[1]))
lock.take(shared=len(sys.argv) > 2)
print("held", flush=True)
time.sleep(60)
"""


def holder(path, env, *arguments):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path), *arguments], stdout=subprocess.PIPE, env=env)
    assert process.stdout.readline() == b"held\n"
    return process


def end(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_a_lock_is_free_again_when_its_holder_is_killed(tmp_path, quiet_env):
    path = tmp_path / "a.lock"
    process = holder(path, quiet_env)
    refused = FileLock(path).take(wait=False)

    end(process)

    lock = FileLock(path)
    assert (refused, lock.take(wait=False)) == (False, True)
    lock.drop()


def test_shared_holders_do_not_hinder_each_other_but_a_lone_one(tmp_path, quiet_env):
    path = tmp_path / "a.lock"
    process = holder(path, quiet_env, "shared")
    shared, alone = FileLock(path), FileLock(path)

    outcome = (shared.take(shared=True, wait=False), alone.take(wait=False))

    assert outcome == (True, False)
    end(process)
    shared.drop()
    assert alone.take(wait=False)
    alone.drop()
