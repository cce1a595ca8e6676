"""Reservations of one hot SKU through the services: one by one and in batches, from many connections at once."""

from __future__ import annotations

import json
import os
import threading
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NoReturn

from django.db import connection
from django.utils import timezone

from ordercenter.catalog.models import Sku
from ordercenter.inventory.models import StockLevel, Warehouse
from ordercenter.inventory.services import Movement, Wanted, move_stock, reserve_many_now, reserve_now
from ordercenter.inventory.states import MovementReason

STOCK = 100_000_000
# Connections are shared out over processes: sixteen threads of one would wait for each other, not for the database.
PROCESSES = 4
BATCH = 50


def run_hot_sku(*, connections: int = 16, seconds: float = 8.0) -> dict[str, Any]:
    """Reservations/s and how long a caller waits (ms), one by one and in batches; and whether the books are right.

    The server's own durability settings hold: a caller has its answer when the promise is on disk.
    """
    level = _stocked()
    figures: dict[str, Any] = {"connections": connections, "batch": BATCH, **_durability()}
    for name, work in (("single", _one_by_one), ("batched", _in_batches)):
        figures[name] = _measure(name, work, level, connections, seconds)
    figures["drift"] = _drift(level)
    return figures


def _stocked() -> StockLevel:
    sku = Sku.objects.create(code="HOT", name="爆款")
    warehouse = Warehouse.objects.create(code="HOT", name="直播仓")
    first = Movement(sku.pk, warehouse.pk, STOCK, MovementReason.COUNT, "bench", "bench:first")
    move_stock(movements=[first]).raise_first()
    return StockLevel.objects.get(sku=sku, warehouse=warehouse)


def _one_by_one(level: StockLevel, name: str) -> int:
    end = timezone.now() + timedelta(minutes=15)
    reserve_now(wanted=Wanted(level.sku_id, level.warehouse_id, 1, holder=name, expires_at=end))
    return 1


def _in_batches(level: StockLevel, name: str) -> int:
    end = timezone.now() + timedelta(minutes=15)
    wanted = [Wanted(level.sku_id, level.warehouse_id, 1, holder=f"{name}:{n}", expires_at=end) for n in range(BATCH)]
    return len(reserve_many_now(wanted=wanted).done)


def _measure(
    name: str, work: Callable[[StockLevel, str], int], level: StockLevel, connections: int, seconds: float
) -> dict[str, Any]:
    start_at = time.time() + 1.0
    connection.close()
    children = []
    share, more = divmod(connections, PROCESSES)
    for number in range(PROCESSES):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            threads = share + (number < more)
            _be_buyers(work, level, f"{name}:{number}", threads, start_at, seconds, writer)
        os.close(writer)
        children.append((child, reader))
    served, waits = 0, []
    for child, reader in children:
        with os.fdopen(reader) as pipe:
            answer = json.loads(pipe.read() or "null")
        _, status = os.waitpid(child, 0)
        if status or answer is None:
            raise RuntimeError(f"buyers ended with {os.waitstatus_to_exitcode(status)}")
        served += answer["served"]
        waits.extend(answer["waits_ms"])
    waits.sort()
    return {
        "reservations_per_s": round(served / seconds),
        "p50_ms": round(waits[len(waits) // 2], 1),
        "p99_ms": round(waits[int(len(waits) * 0.99)], 1),
        "calls": len(waits),
    }


def _be_buyers(
    work: Callable[[StockLevel, str], int],
    level: StockLevel,
    name: str,
    threads: int,
    start_at: float,
    seconds: float,
    writer: int,
) -> NoReturn:
    try:
        buyers = [_Buyer(work, level, f"{name}:{n}", start_at, seconds) for n in range(threads)]
        for buyer in buyers:
            buyer.start()
        for buyer in buyers:
            buyer.join()
        answer = {"served": sum(b.served for b in buyers), "waits_ms": [ms for b in buyers for ms in b.waits_ms]}
        failed = next((b.error for b in buyers if b.error), None)
        if failed is not None:
            raise failed
        with os.fdopen(writer, "w") as pipe:
            pipe.write(json.dumps(answer))
    except BaseException:  # noqa: BLE001 - a forked process never returns into its parent's code
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


class _Buyer(threading.Thread):
    """One connection that buys until the time is over; remembers how long each answer took."""

    def __init__(
        self, work: Callable[[StockLevel, str], int], level: StockLevel, name: str, start_at: float, seconds: float
    ):
        super().__init__(daemon=True)
        self._work, self._level, self._name = work, level, name
        self._start_at, self._seconds = start_at, seconds
        self.served, self.waits_ms = 0, list[float]()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            connection.ensure_connection()
            time.sleep(max(0.0, self._start_at - time.time()))
            number, until = 0, time.monotonic() + self._seconds
            while (begun := time.monotonic()) < until:
                number += 1
                self.served += self._work(self._level, f"{self._name}:{number}")
                self.waits_ms.append(1000 * (time.monotonic() - begun))
        except BaseException as error:  # noqa: BLE001 - told by the process that owns the thread
            self.error = error
        finally:
            connection.close()


def _durability() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('fsync'), current_setting('synchronous_commit')")
        fsync, commit = cursor.fetchone()
    return {"fsync": fsync, "synchronous_commit": commit}


def _drift(level: StockLevel) -> int:
    """Pieces by which counter and reservations differ; 0 when the books are right."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT l.reserved - COALESCE((SELECT sum(quantity) FROM inventory_reservation WHERE state = 'active'), 0)"
            " FROM inventory_stocklevel l WHERE l.id = %s",
            [level.pk],
        )
        return int(cursor.fetchone()[0])
