"""Bodies that no honest sender sends, at every door of the running web server: no 5xx, and the workers stay small."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings

from channels_sync.benchmark.accounts import PUSHING
from channels_sync.benchmark.goals import Goal, load_now, rows
from channels_sync.running import RunningSystem, running_system
from channels_sync.sandbox import hostile
from channels_sync.sandbox.credentials import load_or_create
from channels_sync.sandbox.platforms import Told
from channels_sync.sandbox.wsgi import SandboxApp
from ordercenter.runtime.data_folder import DataFolder
from ordercenter.runtime.processes import processes_of_run
from ordercenter.runtime.run_record import read_record

MOST_MB = 400
HUGE = b'{"orders":[' + b" " * (32 * 1024 * 1024) + b"]}"
API_DOORS = ("orders/bulk", "counters/batches", "order-files", "orders/1/payments")
OPEN_DOORS = ("/qimen/c1/", "/courier/kuaidi100/1/")
_KEY = """
from channels_sync.models import ChannelAccount
from ordercenter.catalog.api_keys import create_key
from ordercenter.catalog.models import ApiScope
from ordercenter.common.actor import SYSTEM
shops = ChannelAccount.objects.values_list("shop_id", flat=True)
print(create_key(name="hostile", grants={shop: set(ApiScope.values) for shop in shops}, actor=SYSTEM)[1])
"""
# Where, the body, headers.
_Sent = tuple[str, bytes, Mapping[str, str]]


def run_hostile() -> dict[str, Any]:
    """Answers by status, those of 500 and above or none at all by door, and the workers' memory now and at its peak."""
    before = load_now()
    with running_system() as system:
        answers: Counter[int] = Counter()
        broken: Counter[str] = Counter()
        # A connection each: one that the server ends for idleness at that very moment would look like a hang-up.
        alone = httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(base_url=system.url, timeout=60, trust_env=False, limits=alone) as client:
            for where, body, headers in _everything(system):
                status = _send(client, where, body, headers)
                answers[status] += 1
                if not 200 <= status < 500:
                    broken[where.split("?")[0]] += 1
        workers = [_memory_mb(pid) for pid in _web_workers(system)]
    return {
        "sent": sum(answers.values()),
        "answers": {str(status): times for status, times in sorted(answers.items())},
        "broken": dict(broken),
        "workers_mb": [{"now": now, "peak": peak} for now, peak in workers],
        "load_before_and_after": [before, load_now()],
        "goals": rows(
            Goal("5xx or no answer", "answers", sum(broken.values()), 0),
            Goal("memory of a worker at its peak", "MB", max(peak for _now, peak in workers), MOST_MB),
        ),
    }


def _everything(system: RunningSystem) -> Iterator[_Sent]:
    bodies = (*hostile.BODIES, HUGE)
    key = {"Authorization": f"Bearer {_api_key(system)}"}
    keys = load_or_create(system.data_dir)
    doors = SandboxApp(keys).doors
    for code in PUSHING:
        where = f"/channels/{code}/{keys.push_token(code)}/"
        for body in bodies:
            yield where, body, {"Content-Type": "application/json"}
            # Signed as the platform would: what is in it is read.
            told = Told("orders/updated", body.decode("utf-8", "surrogateescape"))
            sealed = doors[code].seal(told, at_ms=int(time.time() * 1000))
            query = f"?{httpx.QueryParams(dict(sealed.query))}" if sealed.query else ""
            yield where + query, sealed.body, {"Content-Type": sealed.content_type, **sealed.headers}
        yield where, hostile.gzip_bomb(), {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    for where in (*OPEN_DOORS, *(f"/api/v1/{door}" for door in API_DOORS)):
        for body in bodies:
            for kind in ("application/json", "text/xml", "application/x-www-form-urlencoded"):
                yield where, body, {"Content-Type": kind, **key}
        yield where, hostile.gzip_bomb(), {"Content-Type": "application/json", "Content-Encoding": "gzip", **key}
    for name in ("orders.csv", "orders.xlsx"):
        for body in (*bodies, hostile.gzip_bomb()):
            yield "/api/v1/order-files", *_upload(name, body, key)


def _upload(name: str, content: bytes, key: Mapping[str, str]) -> tuple[bytes, Mapping[str, str]]:
    """A form with a file of orders."""
    request = httpx.Request("POST", "http://x/", data={"shop": "mumian-tmall"}, files={"file": (name, content)})
    return request.read(), {"Content-Type": request.headers["Content-Type"], **key}


def _send(client: httpx.Client, where: str, body: bytes, headers: Mapping[str, str]) -> int:
    """The status; 0 where there was no answer. A server that has read enough may hang up, which is a refusal too, but
    one that is not answered: it is counted.
    """
    try:
        return client.post(where, content=body, headers=dict(headers)).status_code
    except httpx.TransportError:
        return 0


def _api_key(system: RunningSystem) -> str:
    env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "BROKER_URL", "OC_RUN_ID")}
    env["OC_DATA_DIR"] = str(system.data_dir)
    manage = str(Path(settings.BASE_DIR) / "manage.py")
    command = [sys.executable, manage, "shell", "--no-imports", "--command", _KEY]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]


def _web_workers(system: RunningSystem) -> list[int]:
    record = read_record(DataFolder(system.data_dir))
    assert record is not None
    return [process.pid for process in processes_of_run(record.run_id) if "ordercenter.wsgi" in process.cmdline()]


def _memory_mb(pid: int) -> tuple[int, int]:
    """(now, at the peak of its life), as the kernel counts."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return int(lines["VmRSS"].split()[0]) // 1024, int(lines["VmHWM"].split()[0]) // 1024
