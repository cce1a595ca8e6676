"""One platform hangs while the others sell: what the others' buyers and books notice of it."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg

from channels_sync.benchmark.accounts import PUSHING
from channels_sync.benchmark.goals import Goal, load_now, rows
from channels_sync.benchmark.latency import percentiles
from channels_sync.kinds import STOCK_KIND, TRACKING_KIND
from channels_sync.running import running_system
from channels_sync.sandbox.black_hole import TRICKLE, BlackHole
from channels_sync.sandbox.control import SandboxControl

HANGS = "tmall"
OTHERS = (*PUSHING, "jd")
RATE_PER_S = 6.0
SETTLE_S = 5.0
WARM_S, LONGEST_SETTLE_S = 20.0, 180.0
# What hangs is back within the pauses that its calls have been given.
BACK_WITHIN_S = 300
# A lag of some hundredths of a second moves by a fifth with every breath of the machine; these are noticed by nobody.
FLOOR_MS: Mapping[str, float] = {"p50": 30.0, "p99": 300.0}
MOST_CHANGE = 0.20
_WAITING = "SELECT count(*) FROM events_outgoing WHERE status IN ('waiting', 'sending')"
_TAKEN_IN = "SELECT channel_order_no, received_at FROM orders_order WHERE channel_order_no = ANY(%s)"
_CALLS = """
SELECT kind, extract(epoch FROM answered_at - created_at) * 1000 FROM events_outgoing
WHERE kind = ANY(%s) AND status = 'done' AND created_at >= %s AND created_at < %s AND target <> %s
"""
_UNANSWERED = """
SELECT count(*) FROM events_outgoing
WHERE kind = ANY(%s) AND status <> 'done' AND created_at >= %s AND created_at < %s AND target <> %s
"""


@dataclass(frozen=True)
class Phase:
    """What the other platforms saw in one span, in ms, p50/p95/p99. pushed, polled: from a payment there to our order.

    stock, tracking: from our command to the answer. unanswered: commands of the span that nobody has answered yet.
    """

    orders: int
    missing: int
    pushed: dict[str, float]
    polled: dict[str, float]
    stock: dict[str, float]
    tracking: dict[str, float]
    unanswered: int


def run_hanging(*, seconds: float) -> dict[str, Any]:
    """A whole system of which one platform hangs for so long: silent for one half, trickling for the other."""
    before = load_now()
    with running_system() as system, SandboxControl(system.sandbox_url) as sandbox:
        figures = measure_hanging(system.database_url, sandbox, seconds=seconds, beside_s=min(120.0, seconds))
    return {**figures, "load_before_and_after": [before, load_now()]}


def measure_hanging(database_url: str, sandbox: SandboxControl, *, seconds: float, beside_s: float) -> dict[str, Any]:
    """Sell on all platforms for `beside_s`, let one hang for `seconds`, and wait until all it kept back is here.

    quiet, silent, trickling: a Phase each. back_after_s: until everything that was sold there meanwhile is ours.
    goals: by how much each figure of the others became worse.
    """
    with psycopg.connect(database_url, autocommit=True) as db:
        sandbox.rest_switches(background_per_min=0, ship_after_s=1, receive_after_s=3600)
        _settle(db, sandbox)
        account = int(_rows(db, "SELECT id FROM channels_sync_channelaccount WHERE adapter = %s", [HANGS])[0][0])
        quiet = _phase(db, sandbox, beside_s, seed=2, account=account)
        with _hanging(db, account, trickle=b"") as silent:
            first = _phase(db, sandbox, seconds / 2, seed=3, account=account)
        with _hanging(db, account, trickle=TRICKLE) as trickling:
            second = _phase(db, sandbox, seconds / 2, seed=4, account=account)
        back_after_s = _wait_back(db, sandbox)
    return {
        "seconds": seconds,
        "calls_into_the_hole": {"silent": silent.calls, "trickling": trickling.calls},
        "quiet": asdict(quiet),
        "silent": asdict(first),
        "trickling": asdict(second),
        "back_after_s": back_after_s,
        "goals": rows(
            *_goals("silent", quiet, first),
            *_goals("trickling", quiet, second),
            Goal("all that it kept back is here after", "s", back_after_s, BACK_WITHIN_S, 60),
        ),
    }


def most_allowed(base: float, percentile: str) -> float:
    """How large a figure may become: a fifth more, or the floor where it is small."""
    return round(base + max(MOST_CHANGE * base, FLOOR_MS[percentile]), 1)


def _settle(db: psycopg.Connection[Any], sandbox: SandboxControl) -> None:
    """A new system tells every platform the numbers of all its goods: that is over before anything is measured."""
    _sell(sandbox, WARM_S, seed=1)
    begun = time.monotonic()
    while _rows(db, _WAITING, [])[0][0] and time.monotonic() - begun < LONGEST_SETTLE_S:
        time.sleep(1.0)


def _goals(name: str, quiet: Phase, hanging: Phase) -> Iterator[Goal]:
    for what in ("pushed", "polled", "stock", "tracking"):
        base, measured = getattr(quiet, what), getattr(hanging, what)
        for percentile in FLOOR_MS:
            must = most_allowed(base[percentile], percentile) if base else 0.0
            yield Goal(f"{name}: {what}, {percentile}", "ms", measured.get(percentile), must)
    yield Goal(f"{name}: orders of the others not here", "orders", hanging.missing, 0)
    yield Goal(f"{name}: calls to the others without answer", "calls", hanging.unanswered, 0)


@contextmanager
def _hanging(db: psycopg.Connection[Any], account: int, *, trickle: bytes) -> Iterator[BlackHole]:
    """Put a black hole where the platform was."""
    was = _rows(db, "SELECT base_url FROM channels_sync_channelaccount WHERE id = %s", [account])[0][0]
    move = "UPDATE channels_sync_channelaccount SET base_url = %s WHERE id = %s"
    with BlackHole(trickle=trickle) as hole:
        db.execute(move, [hole.url, account])
        try:
            yield hole
        finally:
            db.execute(move, [was, account])


def _phase(db: psycopg.Connection[Any], sandbox: SandboxControl, seconds: float, *, seed: int, account: int) -> Phase:
    """Sell for so long; what became of the others' orders and of the calls to them."""
    begun = datetime.now(UTC)
    scenario = _sell(sandbox, seconds, seed=seed)
    ended = datetime.now(UTC)
    time.sleep(SETTLE_S)
    ways = sandbox.receipts(scenario)
    others = {number: way for number, way in ways.items() if way["platform"] != HANGS}
    taken_in = dict(_rows(db, _TAKEN_IN, [list(others)]))
    lags = {
        number: 1000 * (taken_in[number] - datetime.fromisoformat(way["paid_at"])).total_seconds()
        for number, way in others.items()
        if number in taken_in
    }
    kinds, target = [STOCK_KIND, TRACKING_KIND], f"account:{account}"
    calls = _rows(db, _CALLS, [kinds, begun, ended, target])
    unanswered = _rows(db, _UNANSWERED, [kinds, begun, ended, target])[0][0]
    return Phase(
        orders=len(others),
        missing=len(others) - len(lags),
        pushed=percentiles([ms for number, ms in lags.items() if others[number]["platform"] in PUSHING]),
        polled=percentiles([ms for number, ms in lags.items() if others[number]["platform"] not in PUSHING]),
        stock=percentiles([float(ms) for kind, ms in calls if kind == STOCK_KIND]),
        tracking=percentiles([float(ms) for kind, ms in calls if kind == TRACKING_KIND]),
        unanswered=unanswered,
    )


def _sell(sandbox: SandboxControl, seconds: float, *, seed: int) -> str:
    scenario = sandbox.start_scenario(
        seed=seed,
        orders=math.ceil(RATE_PER_S * seconds),
        rate_per_s=RATE_PER_S,
        problem_shares={},
        unpaid_first_share=0.0,
        presale_share=0.0,
        platforms=dict.fromkeys((*OTHERS, HANGS), 1.0),
    )
    sandbox.wait_played(scenario, timeout_s=seconds + 120)
    return scenario


def _wait_back(db: psycopg.Connection[Any], sandbox: SandboxControl) -> float | None:
    """Seconds until every order that was ever sold where it hung is ours; None when it takes too long."""
    begun = time.monotonic()
    sold = [number for number, way in sandbox.receipts().items() if way["platform"] == HANGS]
    while time.monotonic() - begun < BACK_WITHIN_S:
        if not _left(db, sold):
            return round(time.monotonic() - begun, 1)
        time.sleep(0.5)
    return None


def _left(db: psycopg.Connection[Any], numbers: Collection[str]) -> set[str]:
    return set(numbers) - {row[0] for row in _rows(db, _TAKEN_IN, [list(numbers)])}


def _rows(db: psycopg.Connection[Any], statement: Any, parameters: list[Any]) -> list[tuple[Any, ...]]:
    return db.execute(statement, parameters).fetchall()
