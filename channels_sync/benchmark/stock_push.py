"""A sale on one channel, and how soon the platforms of the others have the lower number."""

from __future__ import annotations

import itertools
import random
import time
from datetime import datetime
from typing import Any

from channels_sync.benchmark.accounts import PUSHING
from channels_sync.benchmark.goals import Goal, load_now, rows
from channels_sync.benchmark.latency import percentiles
from channels_sync.platforms import PLATFORMS
from channels_sync.running import running_system
from channels_sync.sandbox import goods
from channels_sync.sandbox.control import SandboxControl

# A number that is neither zero nor comes from zero waits for five seconds after the one before it (the debounce).
ROUND_S = 8.0
FIRST_NUMBERS_S = 60
# What is sold there is told to us at once.
SELLING = ("tmall", *PUSHING)


def run_stock_push(*, rounds: int) -> dict[str, Any]:
    """Milliseconds from the buyer's payment on one platform until each other platform has taken the lower number,
    p50/p95/p99; and until the last of them has. Goods of which few are left, sold at random instants.
    """
    before, rng = load_now(), random.Random(5)
    with running_system() as system, SandboxControl(system.sandbox_url) as sandbox:
        sandbox.rest_switches(background_per_min=0, ship_after_s=3600)
        _wait_listed(sandbox)
        waits: list[tuple[str, float]] = []
        last: list[float] = []
        missing, sellers = 0, itertools.cycle(SELLING)
        for _no in range(rounds):
            begun, sold = time.monotonic(), {}
            for sku in goods.CRAFTS:
                time.sleep(rng.uniform(0.1, 0.9))
                seller, numbers = next(sellers), sandbox.listed(sku.code)
                number = sandbox.create_trade(platform=seller, lines=[{"sku": sku.code, "num": 1}])
                sold[sku.code] = (seller, number, numbers)
            time.sleep(max(0.0, ROUND_S - (time.monotonic() - begun)))
            for code, (seller, number, numbers) in sold.items():
                paid = datetime.fromisoformat(sandbox.trade(number)["way"]["paid_at"])
                found = _taken(sandbox, code, seller, numbers, paid)
                missing += len(numbers) - 1 - len(found)
                waits += found
                last.append(max(ms for _platform, ms in found) if found else 1000 * ROUND_S)
    taken = percentiles([ms for _platform, ms in waits])
    return {
        "sales": len(last),
        "numbers": len(waits),
        "taken_ms": taken,
        "last_taken_ms": percentiles(last),
        "by_platform": {
            code: percentiles([ms for platform, ms in waits if platform == code]).get("p50") for code in PLATFORMS
        },
        "load_before_and_after": [before, load_now()],
        "goals": rows(
            Goal("sale to lower number elsewhere, p95", "ms", taken.get("p95"), 2000, 500),
            Goal("numbers that did not come", "numbers", missing, 0),
        ),
    }


def _taken(
    sandbox: SandboxControl, code: str, seller: str, numbers: dict[str, dict[str, Any]], paid: datetime
) -> list[tuple[str, float]]:
    """The other platforms that have a lower number since this sale, with milliseconds."""
    now = sandbox.listed(code)
    return [
        (platform, 1000 * (datetime.fromisoformat(now[platform]["at"]) - paid).total_seconds())
        for platform, was in numbers.items()
        if platform != seller
        and now[platform]["quantity"] < was["quantity"]
        and now[platform]["at"]
        and datetime.fromisoformat(now[platform]["at"]) > paid
    ]


def _wait_listed(sandbox: SandboxControl) -> None:
    """Until every platform has the first numbers of what will be sold."""
    deadline = time.monotonic() + FIRST_NUMBERS_S
    while any(len(sandbox.listed(sku.code)) < len(PLATFORMS) for sku in goods.CRAFTS):
        if time.monotonic() > deadline:
            listed = {sku.code: sorted(sandbox.listed(sku.code)) for sku in goods.CRAFTS}
            raise TimeoutError(f"after {FIRST_NUMBERS_S} s not all platforms have their first numbers: {listed}")
        time.sleep(0.5)
    # The debounce counts from these.
    time.sleep(6)
