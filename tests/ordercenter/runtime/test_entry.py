"""What a person at the terminal sees of manage.py."""

import os
import subprocess
import sys

import pytest

from ordercenter.runtime.data_folder import PROJECT_ROOT
from ordercenter.runtime.entry import run_manage_command
from ordercenter.runtime.run_record import up_lock

pytestmark = pytest.mark.processes


def manage(*arguments, **variables):
    left_out = ("DATABASE_URL", "BROKER_URL", "SECRET_KEY", "DJANGO_SETTINGS_MODULE")
    env = {name: value for name, value in os.environ.items() if name not in left_out}
    command = [sys.executable, str(PROJECT_ROOT / "manage.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={**env, **variables}, check=False)
    return done.returncode, done.stdout, done.stderr


def test_production_without_a_secret_key_says_which_setting_is_missing():
    code, out, err = manage("check", DJANGO_SETTINGS_MODULE="ordercenter.settings.production")

    assert (code, out) == (1, "")
    assert err == (
        "The settings in ordercenter.settings.production are not complete: SECRET_KEY is not set: "
        "production needs 50 or more random characters, the same for every process.\n"
    )


def test_a_command_finds_its_tables_and_leaves_no_server_behind(data_folder):
    ask = "from django.contrib.auth import get_user_model as m; print('users:', m().objects.count())"

    code, out, err = manage("shell", "--no-imports", "--command", ask, OC_DATA_DIR=str(data_folder.root))

    assert (code, out, err) == (0, "users: 0\n", "")
    assert not (data_folder.root / "postgres" / "postmaster.pid").exists()


def test_a_data_folder_that_cannot_be_used_is_named(monkeypatch, tmp_path, capsys):
    file_in_the_way = tmp_path / "file"
    file_in_the_way.touch()
    monkeypatch.setenv("OC_DATA_DIR", str(file_in_the_way / "data"))

    code = run_manage_command(["manage.py", "up"])

    assert code == 1
    assert capsys.readouterr().err == (
        f"The data folder {file_in_the_way}/data cannot be used (Not a directory): make it writable, or name another "
        "one in OC_DATA_DIR.\n"
    )


def test_a_second_up_says_that_one_runs(data_folder, capsys):
    lock = up_lock(data_folder)
    lock.take()

    code = run_manage_command(["manage.py", "up"])

    lock.drop()
    assert code == 1
    assert capsys.readouterr().err == (
        f"Order Center already runs on {data_folder.root}: stop it with `make down`, or name another data folder in "
        "OC_DATA_DIR.\n"
    )


def test_down_without_anything_running_says_so(data_folder, capsys):
    code = run_manage_command(["manage.py", "down"])

    assert code == 0
    assert f"nothing ran on {data_folder.root}" in capsys.readouterr().out
