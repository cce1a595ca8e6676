"""The system that a day is played on: the one that runs on this data folder, or one started for the day."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection
from django.utils import timezone

from channels_sync.models import ChannelAccount
from channels_sync.running import up
from channels_sync.sandbox.control import SandboxControl
from ordercenter.common.errors import Misconfigured
from ordercenter.events.models import ProcessBeat
from ordercenter.runtime.data_folder import open_data_folder
from ordercenter.runtime.run_record import running_record

ALIVE_WITHIN_S = 30
READY_TIMEOUT_S = 60


@contextmanager
def system_at_hand() -> Iterator[SandboxControl]:
    """The remote control of the sandbox that plays for this installation; everything else runs beside it.

    When `manage.py up` runs on this data folder, that one is used and left as it is. When not, it is started for the
    time of the block, without background orders and the demo's days of life, on the database that this process uses.
    Raises Misconfigured when the installation has no account at the sandbox, or a part does not work.
    """
    if running_record(open_data_folder()) is not None:
        with _sandbox() as sandbox:
            yield sandbox
        return
    with up(env=_environment()), _sandbox() as sandbox:
        yield sandbox


def _environment() -> dict[str, str]:
    """Ours, without what would make `up` take its own embedded database for one from outside."""
    env = {**os.environ, "OC_DATA_DIR": str(settings.DATA_DIR), "OC_SANDBOX_RATE": "0"}
    # The demo's life puts ordinary goods into the house of our own, where nobody works during a played day.
    env["OC_DEMO_LIFE"] = "0"
    embedded = open_data_folder().secrets().postgres_password == connection.settings_dict["PASSWORD"]
    if embedded:
        env.pop("DATABASE_URL", None)
    return env


def sandbox_account() -> ChannelAccount:
    """The shop that the sandbox plays. Raises Misconfigured when there is none."""
    accounts = ChannelAccount.objects.filter(is_active=True, base_url__startswith="http://127.0.0.1:")
    account = accounts.order_by("pk").first()
    if account is None:
        raise Misconfigured("no shop of this installation is on the sandbox: run `manage.py seed_demo` first")
    return account


def sandbox_shops(platforms: Collection[str]) -> dict[str, int]:
    """The shops that the sandbox plays, by platform. Raises Misconfigured for a platform without one."""
    local = ChannelAccount.objects.filter(is_active=True, base_url__startswith="http://127.0.0.1:")
    shops = dict(local.filter(adapter__in=platforms).order_by("-pk").values_list("adapter", "shop_id"))
    if missing := sorted(set(platforms) - set(shops)):
        raise Misconfigured(f"no shop of this installation is on the sandbox's {', '.join(missing)}")
    return shops


@contextmanager
def _sandbox() -> Iterator[SandboxControl]:
    where = urlsplit(sandbox_account().base_url)
    with SandboxControl(f"{where.scheme}://{where.netloc}") as sandbox:
        if not sandbox.wait_ready(timeout_s=READY_TIMEOUT_S):
            raise Misconfigured(f"the sandbox does not answer at {where.netloc}: is `manage.py up` still starting?")
        _wait_alive()
        yield sandbox


def _wait_alive() -> None:
    """Relay and listener say now and then that they do their rounds."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    while dead := _silent():
        if time.monotonic() > deadline:
            raise Misconfigured(f"not running: {', '.join(dead)}; see the logs in {open_data_folder().logs}")
        time.sleep(0.5)


def _silent() -> list[str]:
    since = timezone.now() - timedelta(seconds=ALIVE_WITHIN_S)
    alive = {name.partition(":")[0] for name in ProcessBeat.objects.filter(at__gt=since).values_list("name", flat=True)}
    return sorted({"relay", "listener"} - alive)
