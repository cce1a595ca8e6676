"""A day on all platforms whose messages come twice, out of order and not at all, while pages shift: what is ours at the
end, held against what the platforms and the warehouses say.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings

from channels_sync.benchmark.goals import Goal, load_now, rows
from channels_sync.platforms import PLATFORMS
from channels_sync.running import RunningSystem, running_system
from channels_sync.sandbox.control import SandboxControl

TROUBLE = {"duplicates": 0.2, "disorder": 0.2, "lost_messages": 0.05, "page_shifts": 0.2}
# What was lost is found by the pull of every minute, and that more than once.
STALL_S = 200
_PIECES_SENT = """
SELECT w.code, s.code, -sum(m.delta) FROM inventory_stockmovement m
JOIN inventory_warehouse w ON w.id = m.warehouse_id JOIN catalog_sku s ON s.id = m.sku_id
WHERE m.reason = 'shipment' GROUP BY 1, 2
"""


class DayFailed(RuntimeError):
    """The played day came to no end; the message holds what it last said."""


def run_messy(*, orders: int) -> dict[str, Any]:
    """Orders whose numbers or states differ from the platforms', stock that differs from the warehouses', and broken
    invariants: all of them 0.
    """
    before = load_now()
    with running_system() as system, SandboxControl(system.sandbox_url) as sandbox:
        sandbox.rest_switches(background_per_min=0, **TROUBLE)
        day = _play(system, orders=orders)
        ways = sandbox.receipts()
        wrong = {
            "numbers": _wrong_numbers(system, ways),
            "stock": _wrong_stock(system, sandbox.shipped()),
            "states": sum(p["count"] for p in day["problems"] if p["kind"] in ("not_through", "sent_twice")),
            "cases": sum(p["count"] for p in day["problems"] if p["kind"] in ("case_missed", "case_invented")),
            "invariants": len(day["invariants"]["broken"]),
        }
    return {
        "orders": len(ways),
        "switches": TROUBLE,
        "seconds": day["seconds"],
        "orders_per_s": day["orders_per_s"],
        "completed": day["completed"],
        "problems_missed_or_invented": wrong["cases"],
        "problems": day["problems"],
        "invariants": day["invariants"],
        "load_before_and_after": [before, load_now()],
        "goals": rows(
            Goal("numbers not on both sides", "orders", wrong["numbers"], 0),
            Goal("states that differ, orders sent twice", "orders", wrong["states"], 0),
            Goal("wrong stock", "SKU x place", wrong["stock"], 0),
            Goal("invariants broken", "", wrong["invariants"], 0),
        ),
    }


def _play(system: RunningSystem, *, orders: int) -> dict[str, Any]:
    """The figures of the played day; it ends with 1 when something differs, which its figures tell."""
    mix = ",".join(f"{code}:1" for code in PLATFORMS)
    command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "play_day", "--json"]
    command += ["--orders", str(orders), "--platforms", mix, "--stall-s", str(STALL_S)]
    env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "BROKER_URL", "OC_RUN_ID")}
    env["OC_DATA_DIR"] = str(system.data_dir)
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    try:
        figures: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise DayFailed(done.stderr[-2000:]) from None
    return figures


def _wrong_numbers(system: RunningSystem, ways: Mapping[str, Mapping[str, Any]]) -> int:
    """Orders that only one side has, each side's in its own shop."""
    with psycopg.connect(system.database_url) as db:
        ours = db.execute(
            "SELECT a.adapter, o.channel_order_no FROM orders_order o"
            " JOIN channels_sync_channelaccount a ON a.shop_id = o.shop_id WHERE o.channel_order_no <> ''"
        ).fetchall()
    theirs = {(way["platform"], number) for number, way in ways.items()}
    return len(theirs.symmetric_difference(ours)) + len(ours) - len(set(ours))


def _wrong_stock(system: RunningSystem, shipped: Mapping[str, Mapping[str, int]]) -> int:
    """SKUs of which a warehouse sent other pieces than our books took off its stock."""
    with psycopg.connect(system.database_url) as db:
        ours = {(place, sku): int(pieces) for place, sku, pieces in db.execute(_PIECES_SENT).fetchall()}
    theirs = {(place, sku): pieces for place, skus in shipped.items() for sku, pieces in skus.items()}
    return sum(ours.get(at, 0) != theirs.get(at, 0) for at in ours.keys() | theirs.keys())
