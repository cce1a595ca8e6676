"""How well and how fast orders are routed: single decisions, a day in file order, whole backlogs, against a proven
bound.

Days come from `routing.played_world`, plans from `manage.py solve_instance` in a process of its own, so that memory and
processor time are those of the command.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from fulfillment.routing.choice import choose
from fulfillment.routing.instance import Instance, read_instance
from fulfillment.routing.played_world import World

_TRIES = 3
_EARLIER_DAYS = (2, 3, 4)
_LARGE = 100_000


def run_routing(
    *,
    orders: int = 10_000,
    seconds: float = 60,
    large: bool = True,
    shapes: Sequence[str] = ("base", "scarce", "promo"),
) -> dict[str, Any]:
    """The figures of routing on this machine.

    orders: of the days that are planned at once, in `seconds` each, one for each of the shapes (the first of them is
    planned in file order too); large: also 100,000 orders in twice the time. The
    bound is proven by each batch itself.
    """
    figures: dict[str, Any] = {"decision": measure_decisions()}
    with tempfile.TemporaryDirectory(prefix="oc-routing-") as name:
        folder = Path(name)
        for shape in shapes:
            world = World(warehouses=8, orders=orders, seed=1, shape=shape)
            world.write(folder / shape)
            figures[f"batch_{shape}"] = _solve(folder / shape, "--mode", "batch", "--seconds", str(seconds))
            if "online" not in figures:
                figures["online"] = _online(world, folder, shape, figures[f"batch_{shape}"]["bound"], seconds)
        if large:
            World(warehouses=8, orders=_LARGE, seed=1).write(folder / "large")
            figures["batch_large"] = _solve(folder / "large", "--mode", "batch", "--seconds", str(2 * seconds))
    return figures


def measure_decisions(*, orders: int = 2_000) -> dict[str, Any]:
    """Milliseconds of one decision without the database, twenty warehouses, one to six lines.

    Each decision is made several times: `undisturbed` is the fastest of these, `as_it_came` the first, with whatever
    else the machine was doing.
    """
    with tempfile.TemporaryDirectory(prefix="oc-routing-") as name:
        World(warehouses=20, orders=orders, seed=5, shape="baskets").write(Path(name))
        instance = _with_sixth_line(read_instance(Path(name)))
    stock = instance.stock.copy()
    took = np.zeros((len(instance.orders), _TRIES))
    for number, order in enumerate(instance.orders):
        for attempt in range(_TRIES):
            start = time.perf_counter()
            choice = choose(order, stock, instance.tariff, None, instance.costs)
            took[number, attempt] = time.perf_counter() - start
        stock.take(order, choice)
    return {
        "undisturbed_ms": _percentiles(took.min(axis=1)),
        "as_it_came_ms": _percentiles(took[:, 0]),
        "decisions_per_s": round(len(took) / float(took[:, 0].sum())),
    }


def _with_sixth_line(instance: Instance) -> Instance:
    """Orders of five lines get one more, a SKU that they do not have yet: the most that is decided exactly."""
    skus = len(instance.sku_names)
    orders = []
    for order in instance.orders:
        if len(order.lines) == 5:
            taken = {line.sku_id for line in order.lines}
            sku = next(sku for sku in range(order.order_id % skus, 2 * skus) if sku % skus not in taken) % skus
            more = replace(order.lines[0], line_id=-1 - order.order_id, sku_id=sku, made_to_order=False)
            order = replace(order, lines=(*order.lines, more))
        orders.append(order)
    return replace(instance, orders=tuple(orders))


def _percentiles(seconds: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> dict[str, float]:
    return {f"p{share}": round(float(np.percentile(seconds, share)) * 1000, 4) for share in (50, 99)}


def _online(world: World, folder: Path, shape: str, bound: float, seconds: float) -> dict[str, Any]:
    """The day in file order, without prices and with those that earlier days taught."""
    earlier = [str(folder / f"earlier-{number}") for number in _EARLIER_DAYS]
    for number, name in zip(_EARLIER_DAYS, earlier, strict=True):
        world.write(Path(name), number)
    figures = {}
    for name, learn in (("without_prices", []), ("with_learned_prices", ["--learn", *earlier])):
        run = _solve(folder / shape, "--mode", "online", "--seconds", str(seconds), *learn)
        run["over_bound_pct"] = round(100 * (run["total"] / bound - 1), 3)
        figures[name] = run
    return figures


def _solve(folder: Path, *options: str) -> dict[str, Any]:
    """What the command says of this day, with the memory that it took."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "solve_instance", str(folder), "--json", *options]
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen([*command, "--out", str(folder / "solution.csv")], stdout=said)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"solve_instance ended with {process.returncode}")
        said.seek(0)
        told = json.load(said)
    kept = ("orders", "over_bound_pct", "total", "unfilled_lines", "split_orders", "seconds", "cpu_seconds")
    figures = {name: told[name] for name in kept}
    if run := told.get("run"):
        figures.update({name: run[name] for name in ("way", "cut_short", "bound", "bound_is_exact")})
    # Linux counts the largest resident set in KiB.
    figures["memory_mb"] = round(used.ru_maxrss / 1024)
    return figures
