"""The doors of all pushing platforms at a steady rate: how long a platform waits for its yes, and whether all is kept.

The pushes are those of the sandbox about orders that were just placed and paid there, held back for a moment so that
they come at an exact pace. What follows from them (reading back, intake, the flow, the warehouse) runs beside the doors
on the same processors.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import psycopg
from django.utils import timezone

from channels_sync.adapters.base import Connection, PushRequest
from channels_sync.benchmark.accounts import PUSHING, accounts_of, connections_of
from channels_sync.benchmark.goals import Goal, load_now, rows
from channels_sync.benchmark.latency import percentiles
from channels_sync.benchmark.reservoir import Bringer, Push, Reservoir
from channels_sync.keeping import messages_of
from channels_sync.models import ChannelAccount
from channels_sync.platforms import PLATFORMS
from channels_sync.running import RunningSystem, running_system
from channels_sync.sandbox.control import SandboxControl
from channels_sync.sandbox.credentials import load_or_create

# One in so many comes a second time, as platforms send what they think was not heard.
TWICE_ONE_IN = 20
WARM_UP_S = 5.0
PLACED_AT_ONCE = 25
FILL_TIMEOUT_S = 120


def run_webhook(*, rate_per_s: float, seconds: float) -> dict[str, Any]:
    """Milliseconds from the instant at which a push was due until its answer was read, p50/p95/p99; how many were not
    kept exactly once, and how many were not answered with 2xx.
    """
    before = load_now()
    with running_system() as system:
        brought = bring_pushes(system, rate_per_s=rate_per_s, seconds=seconds)
        kept = _kept(system, brought)
        with psycopg.connect(system.database_url) as db:
            orders = db.execute("SELECT count(*) FROM orders_order").fetchone()
    waits = percentiles([push.waited_ms for push in brought])
    refused = sum(not 200 <= push.status < 300 for push in brought)
    return {
        "pushes": len(brought),
        "per_s": rate_per_s,
        "by_platform": {code: sum(push.platform == code for push in brought) for code in PUSHING},
        "answer_ms": {**waits, "max": round(max(push.waited_ms for push in brought), 1)},
        **kept,
        "orders_meanwhile": orders[0] if orders else 0,
        "load_before_and_after": [before, load_now()],
        "goals": rows(
            Goal("answer p99", "ms", waits["p99"], 100, 30),
            Goal("not answered with 2xx", "pushes", refused, 0),
            Goal("not kept exactly once", "messages", kept["not_kept_once"], 0),
        ),
    }


def bring_pushes(system: RunningSystem, *, rate_per_s: float, seconds: float) -> list[Push]:
    """Let the sandbox sell what these pushes are about, and bring them to the doors at this pace."""
    warm_up, wanted = int(WARM_UP_S * rate_per_s), int(seconds * rate_per_s)
    with SandboxControl(system.sandbox_url) as sandbox, Reservoir() as reservoir, _no_pulls(system.database_url):
        sandbox.rest_switches(background_per_min=0, push_callback_url=reservoir.url)
        pushes = _sell(sandbox, reservoir, warm_up + wanted)
        _bring(system, pushes[:warm_up], rate_per_s=rate_per_s)
        return _bring(system, pushes[warm_up:], rate_per_s=rate_per_s)


@contextmanager
def _no_pulls(database_url: str) -> Iterator[None]:
    """Nobody pulls within the block: the pulls would find what the pushes that are held back are about."""
    with psycopg.connect(database_url, autocommit=True) as db:
        db.execute(
            "SELECT pg_advisory_lock(hashtext('pull'), hashtext(id::text)) FROM channels_sync_channelaccount"
        ).fetchall()
        yield


def _sell(sandbox: SandboxControl, reservoir: Reservoir, pushes: int) -> list[Push]:
    """So many pushes, as each platform's shop sells in turn; an order tells that it was placed and that it was paid."""
    deadline = time.monotonic() + FILL_TIMEOUT_S
    for code in itertools.cycle(PUSHING):
        if reservoir.pushes.qsize() >= pushes:
            break
        if time.monotonic() > deadline:
            raise TimeoutError(f"the sandbox made {reservoir.pushes.qsize()} of {pushes} pushes in {FILL_TIMEOUT_S} s")
        sandbox.create_trades(count=PLACED_AT_ONCE, platform=code)
    return [reservoir.pushes.get() for _no in range(pushes)]


def _bring(system: RunningSystem, pushes: Iterable[Push], *, rate_per_s: float) -> list[Push]:
    rng, bringer = random.Random(7), Bringer(system.url)
    brought: list[Push] = []
    begun = time.perf_counter() + 0.5
    for push in pushes:
        twice = rng.randrange(TWICE_ONE_IN) == 0
        copies = [push, Push(push.platform, push.path, push.headers, push.body)] if twice else [push]
        for one in copies:
            due = begun + len(brought) / rate_per_s
            # Only a little ahead: the threads sleep until their push is due.
            time.sleep(max(0.0, due - time.perf_counter() - 0.05))
            bringer.bring(one, due=due)
            brought.append(one)
    bringer.finish()
    return brought


def _kept(system: RunningSystem, brought: Iterable[Push]) -> dict[str, int]:
    """What the pushes tell, by the messages' own identities, and how much of it is not in the inbox exactly once."""
    accounts, connections = accounts_of(system.database_url), connections_of(load_or_create(system.data_dir))
    told = {key for push in brought for key in _identities(push, accounts, connections)}
    with psycopg.connect(system.database_url) as db:
        found = db.execute(
            "SELECT source, kind, message_id, count(*) FROM events_inbox"
            " JOIN unnest(%s::text[], %s::text[], %s::text[]) AS t(source, kind, message_id)"
            " USING (source, kind, message_id) GROUP BY 1, 2, 3",
            [list(column) for column in zip(*told, strict=True)],
        ).fetchall()
    once = sum(times == 1 for *_key, times in found)
    return {"messages_told": len(told), "not_kept_once": len(told) - once}


def _identities(
    push: Push, accounts: dict[str, ChannelAccount], connections: dict[str, Connection]
) -> Iterable[tuple[str, str, str]]:
    parts = urlsplit(push.path)
    take = PLATFORMS[push.platform].take_push
    assert take is not None
    request = PushRequest(
        method="POST",
        path=parts.path,
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers={name.lower(): value for name, value in push.headers.items()},
        body=push.body,
        at=timezone.now(),
    )
    pushed = take(connections[push.platform], request)
    return [(m.source, m.kind, m.message_id) for m in messages_of(accounts[push.platform], pushed)]
