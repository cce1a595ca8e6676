"""A running system at a steady rate over all pushing platforms: from the platform's deed to our order with its fact."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from channels_sync.benchmark.accounts import PUSHING
from channels_sync.benchmark.goals import Goal, load_now, rows
from channels_sync.benchmark.latency import Watch, percentiles
from channels_sync.running import running_system
from channels_sync.sandbox.control import SandboxControl

SETTLE_S = 5
# The order can be seen by others, and with it the fact that its handlers and subscribers go by.
_PAID_ORDERS = """
SELECT o.id, o.channel_order_no FROM orders_order o
WHERE o.received_at > now() - interval '5 seconds' AND NOT o.id = ANY(%s) AND EXISTS
    (SELECT 1 FROM events_event e WHERE e.subject = 'order:' || o.id AND e.name = 'orders.order.paid')
"""


def run_message(*, orders: int, rate_per_s: float) -> dict[str, Any]:
    """Milliseconds from the buyer's payment on the platform, before its push is even made, until another connection
    sees the order with its fact committed; p50/p95/p99, all platforms and each.
    """
    before = load_now()
    with running_system() as system, SandboxControl(system.sandbox_url) as sandbox:
        watch = Watch(system.database_url, _PAID_ORDERS)
        sandbox.rest_switches(background_per_min=0, ship_after_s=3600)
        _sell(sandbox, orders=int(rate_per_s * 5), rate_per_s=rate_per_s, seed=1)
        scenario = _sell(sandbox, orders=orders, rate_per_s=rate_per_s, seed=2)
        time.sleep(SETTLE_S)
        ways = sandbox.receipts(scenario)
        seen = watch.stop()
    waits = {
        number: 1000 * (seen[number] - datetime.fromisoformat(way["paid_at"])).total_seconds()
        for number, way in ways.items()
        if number in seen
    }
    all_waits = percentiles(list(waits.values()))
    return {
        "orders": orders,
        "per_s": rate_per_s,
        "seen_ms": all_waits,
        "by_platform": {
            code: percentiles([ms for number, ms in waits.items() if ways[number]["platform"] == code])
            for code in PUSHING
        },
        "load_before_and_after": [before, load_now()],
        "goals": rows(
            Goal("message to order and fact, p99", "ms", all_waits.get("p99"), 150, 60),
            Goal("orders not seen in time", "orders", len(ways) - len(waits), 0),
        ),
    }


def _sell(sandbox: SandboxControl, *, orders: int, rate_per_s: float, seed: int) -> str:
    scenario = sandbox.start_scenario(
        seed=seed,
        orders=orders,
        rate_per_s=rate_per_s,
        problem_shares={},
        unpaid_first_share=0.0,
        presale_share=0.0,
        platforms=dict.fromkeys(PUSHING, 1.0),
    )
    sandbox.wait_played(scenario)
    return scenario
