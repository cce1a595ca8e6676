"""The running system at a steady rate: from a paid message received to the warehouse command, written and received."""

from __future__ import annotations

import threading
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg

from channels_sync.running import running_system
from channels_sync.sandbox.control import SandboxControl
from ordercenter.events.log import CHANNEL

SETTLE_S = 8


def run_latency(*, orders: int, rate_per_s: float) -> dict[str, Any]:
    """Milliseconds from the platform handing out the paid message, p50/p95/p99.

    written: until the committed command can be seen by another connection. received: until the warehouse has it.
    """
    with running_system() as system, SandboxControl(system.sandbox_url) as sandbox:
        watch = Watch(system.database_url, _COMMANDS)
        sandbox.rest_switches(background_per_min=0)
        _play(sandbox, orders=int(rate_per_s * 5), rate_per_s=rate_per_s, seed=1)
        scenario = _play(sandbox, orders=orders, rate_per_s=rate_per_s, seed=2)
        time.sleep(SETTLE_S)
        receipts = sandbox.receipts(scenario)
        seen = watch.stop()
        stages = _stages(system.database_url)
    ways = {
        order_no: {
            "message": datetime.fromisoformat(way["message_at"]),
            "written": seen[order_no],
            "received": datetime.fromisoformat(way["warehouse_at"]) if way.get("warehouse_at") else None,
            "read": datetime.fromisoformat(way["read_at"]) if way.get("read_at") else None,
            **stages[order_no],
        }
        for order_no, way in receipts.items()
        if way.get("message_at") and order_no in seen and order_no in stages
    }
    steps = ("message", "read", "kept", "taken_in", "in_flow", "written", "received")
    return {
        "orders": orders,
        "rate_per_s": rate_per_s,
        "measured": len(ways),
        "written_ms": percentiles(_spans(ways, "message", "written")),
        "received_ms": percentiles(_spans(ways, "message", "received")),
        "steps_p50_ms": {
            f"{a} > {b}": percentiles(_spans(ways, a, b)).get("p50") for a, b in zip(steps, steps[1:], strict=False)
        },
    }


def percentiles(values: list[float]) -> dict[str, float]:
    """p50, p95 and p99 by nearest rank."""
    ranked = sorted(values)
    if not ranked:
        return {}
    return {f"p{p}": round(ranked[min(len(ranked) - 1, int(len(ranked) * p / 100))], 1) for p in (50, 95, 99)}


def _spans(ways: dict[str, dict[str, Any]], begin: str, end: str) -> list[float]:
    return [(w[end] - w[begin]).total_seconds() * 1000 for w in ways.values() if w[begin] and w[end]]


def _stages(database_url: str) -> dict[str, dict[str, datetime]]:
    """Per order: raw order kept in the inbox, transaction of intake begun, transaction of the flow begun."""
    with psycopg.connect(database_url) as db:
        rows = db.execute(
            "SELECT o.channel_order_no, i.received_at, o.received_at, c.created_at FROM orders_order o"
            " JOIN events_inbox i ON i.id = o.inbox_id"
            " JOIN events_outgoing c ON c.kind = 'qimen.deliveryorder.create'"
            " AND (c.payload->>'order_id')::bigint = o.id"
        ).fetchall()
    return {number: {"kept": kept, "taken_in": taken, "in_flow": flow} for number, kept, taken, flow in rows}


def _play(sandbox: SandboxControl, *, orders: int, rate_per_s: float, seed: int) -> str:
    scenario = sandbox.start_scenario(
        seed=seed, orders=orders, rate_per_s=rate_per_s, problem_shares={}, unpaid_first_share=0.0, presale_share=0.0
    )
    sandbox.wait_played(scenario)
    return scenario


_COMMANDS = """
SELECT c.id, o.channel_order_no FROM events_outgoing c
JOIN orders_order o ON o.id = (c.payload->>'order_id')::bigint
WHERE c.kind = 'qimen.deliveryorder.create' AND c.created_at > now() - interval '3 seconds' AND NOT c.id = ANY(%s)
"""


class Watch:
    """Sees each row as soon as another connection can: it is notified after the commit and looks."""

    def __init__(self, database_url: str, statement: LiteralString):
        """statement: numbers of rows that came lately, with their order's number; without the rows known already."""
        self._statement = statement
        self._db = psycopg.connect(database_url, autocommit=True)
        self._db.execute(f"LISTEN {CHANNEL}")
        self._seen: dict[str, datetime] = {}
        # Ids say nothing about the order of commits: relays draw them from blocks of their own.
        self._known: deque[int] = deque(maxlen=1000)
        self._stopping = False
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> dict[str, datetime]:
        """Channel order number -> when its row was first visible."""
        self._stopping = True
        self._thread.join()
        self._db.close()
        return self._seen

    def _look(self) -> None:
        while not self._stopping:
            for _ in self._db.notifies(timeout=0.5, stop_after=1):
                pass
            rows = self._db.execute(self._statement, [list(self._known)]).fetchall()
            now = datetime.now(UTC)
            for pk, order_no in rows:
                self._seen.setdefault(order_no, now)
                self._known.append(pk)
