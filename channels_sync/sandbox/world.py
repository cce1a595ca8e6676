"""The state of the played world: records, indexes, counters, and the one lock that guards them.

A change is a `with world.change():` block: records touched in it are marked with `save`, and written as one transaction
when the outermost block ends. Everything is kept in memory as well; reading needs only `world.lock`.
"""

from __future__ import annotations

import json
import random
import threading
import time
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from channels_sync.sandbox.agenda import Agenda
from channels_sync.sandbox.messages import MessageQueue
from channels_sync.sandbox.store import Store
from channels_sync.sandbox.switches import Switches
from channels_sync.sandbox.trades import (
    TRADE_CLOSED,
    TRADE_CLOSED_BY_TAOBAO,
    TRADE_FINISHED,
    BillDifference,
    Delivery,
    Inbound,
    Message,
    Payment,
    Push,
    Refund,
    Trade,
    Word,
    dump,
    load,
)
from ordercenter.common.gmt8 import GMT8

FIRST_TID = 4_100_000_000_000_000_000
KEEP_ENDED_MS = 3 * 24 * 3600 * 1000
_ENDED = (TRADE_FINISHED, TRADE_CLOSED, TRADE_CLOSED_BY_TAOBAO)
_COUNTERS = {
    "tid": FIRST_TID,
    "message": 7_100_000_000_000_000,
    "refund": 240_000_000_000_000,
    "delivery": 1,
    "inbound": 1,
    "word": 1,
    "push": 1,
    "waybill": 1,
    "play": 1,
}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def day_of(ms: int) -> str:
    """The business day of an instant, yyyy-mm-dd in China."""
    return datetime.fromtimestamp(ms // 1000, tz=GMT8).date().isoformat()


def day_start_ms(ms: int) -> int:
    """The midnight in China before an instant."""
    return ms - (ms + 8 * 3_600_000) % 86_400_000


def iso(ms: int) -> str | None:
    """ISO 8601 in UTC with milliseconds; None for an instant that has not come."""
    if not ms:
        return None
    return datetime.fromtimestamp(ms / 1000, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TimeIndex:
    """Keys by second, for windows and pages: cost grows with the seconds of a window, not with its rows."""

    def __init__(self) -> None:
        self._buckets: dict[int, dict[Any, None]] = {}
        self._seconds: list[int] = []

    def add(self, key: Any, ms: int) -> None:
        second = ms // 1000
        bucket = self._buckets.get(second)
        if bucket is None:
            bucket = self._buckets[second] = {}
            insort(self._seconds, second)
        bucket[key] = None

    def remove(self, key: Any, ms: int) -> None:
        second = ms // 1000
        bucket = self._buckets[second]
        del bucket[key]
        if not bucket:
            del self._buckets[second]
            del self._seconds[bisect_left(self._seconds, second)]

    def window(self, start_ms: int, end_ms: int) -> list[dict[Any, None]]:
        """The buckets of all seconds from start to end, both included (as TOP does), oldest first."""
        low = bisect_left(self._seconds, start_ms // 1000)
        high = bisect_left(self._seconds, end_ms // 1000 + 1)
        return [self._buckets[second] for second in self._seconds[low:high]]


def page_of(buckets: list[dict[Any, None]], offset: int, limit: int) -> list[Any]:
    """`limit` keys from `offset` on, over the buckets in their order."""
    found: list[Any] = []
    for bucket in buckets:
        if offset >= len(bucket):
            offset -= len(bucket)
            continue
        keys = list(bucket) if offset or len(bucket) > limit - len(found) else bucket
        found.extend(list(keys)[offset : offset + limit - len(found)])
        offset = 0
        if len(found) == limit:
            break
    return found


class World:
    """Everything there is. path: the state file, None for memory only. clock: Unix milliseconds."""

    def __init__(self, path: Path | None, *, clock: Callable[[], int] = now_ms):
        self.clock = clock
        self.lock = threading.RLock()
        self.agenda = Agenda(clock)
        self.switches = Switches()
        self.rng = random.Random()  # of the misbehaviours only: the order of requests is not ours to decide
        self._store = Store(path)
        self._depth = 0
        self._dirty: dict[tuple[str, str], Any] = {}
        self._forget_all()
        self._read()

    def _forget_all(self) -> None:
        self.trades: dict[int, Trade] = {}
        # By platform: each sees its own trades and refunds only.
        self.modified: defaultdict[str, TimeIndex] = defaultdict(TimeIndex)
        self.created: defaultdict[str, TimeIndex] = defaultdict(TimeIndex)
        self.refunds: dict[str, Refund] = {}
        self.refunds_modified: defaultdict[str, TimeIndex] = defaultdict(TimeIndex)
        self.pushes: dict[int, Push] = {}
        self.pushes_given_up = 0
        self.tokens: dict[str, dict[str, Any]] = {}
        self.deliveries: dict[str, Delivery] = {}
        self.inbounds: dict[str, Inbound] = {}
        self.words: dict[str, Word] = {}
        self.items_told: dict[str, str] = {}
        self.found_stock: dict[str, int] = {}
        self.payments: dict[str, list[Payment]] = {}
        self.differences: list[BillDifference] = []
        self.messages = MessageQueue()
        self.counters = dict(_COUNTERS)
        self.shipped_stock: dict[tuple[str, str], int] = {}
        self.listed: dict[str, int] = {}
        # When each of them was set last, since this process began.
        self.listed_ms: dict[str, int] = {}
        self.plays: dict[str, dict[str, Any]] = {}
        self.waybills: dict[str, dict[str, Any]] = {}
        self.followed: dict[str, dict[str, Any]] = {}
        # Parcels whose receivers will not take them; forgotten with the process, like switches.
        self.refusing: set[str] = set()
        # By order number: its parcel's number was corrected, where a platform lets that happen once.
        self.corrected: dict[str, bool] = {}

    @contextmanager
    def change(self) -> Iterator[None]:
        """Hold the lock; write what was saved when the outermost block ends, whether or not it failed."""
        with self.lock:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if not self._depth and self._dirty:
                    self._flush()

    def save(self, kind: str, key: str | int, record: Any) -> None:
        """Mark a record as changed (None: gone)."""
        self._dirty[kind, str(key)] = record

    def next_number(self, counter: str, step: int = 1) -> int:
        """The next number of a counter; counters never repeat, not even after a reset."""
        number = self.counters[counter]
        self.counters[counter] = number + step
        self.save("meta", "counters", self.counters)
        return number

    def clock_of(self, platform: str) -> int:
        """Now by the clock of a platform, which may go wrong (switch clock_skew_s)."""
        return self.clock() + int(self.switches.of(platform).clock_skew_s * 1000)

    def touch(self, trade: Trade) -> None:
        """The trade changed now: move it in the index and mark it."""
        now, modified = self.clock_of(trade.platform), self.modified[trade.platform]
        modified.remove(trade.tid, trade.modified_ms)
        trade.modified_ms = now
        modified.add(trade.tid, now)
        self.save("trade", trade.tid, trade)

    def touch_refund(self, refund: Refund) -> None:
        platform = self.trades[refund.tid].platform
        now, modified = self.clock_of(platform), self.refunds_modified[platform]
        modified.remove(refund.refund_id, refund.modified_ms)
        refund.modified_ms, refund.version = now, now
        modified.add(refund.refund_id, now)
        self.save("refund", refund.refund_id, refund)

    def add_trade(self, trade: Trade) -> None:
        self.trades[trade.tid] = trade
        self.modified[trade.platform].add(trade.tid, trade.modified_ms)
        self.created[trade.platform].add(trade.tid, trade.created_ms)
        self.save("trade", trade.tid, trade)

    def add_refund(self, refund: Refund) -> None:
        self.refunds[refund.refund_id] = refund
        self.refunds_modified[self._platform_of(refund)].add(refund.refund_id, refund.modified_ms)
        self.save("refund", refund.refund_id, refund)

    def _platform_of(self, refund: Refund) -> str:
        return self.trades[refund.tid].platform

    def listed_stock(self, platform: str, listing: int, sku: int) -> int:
        """What a platform shows as left of a listing's SKU; 0 until somebody set it."""
        return self.listed.get(f"{platform}/{listing}/{sku}", 0)

    def list_stock(self, platform: str, listing: int, sku: int, quantity: int) -> None:
        with self.change():
            at = f"{platform}/{listing}/{sku}"
            self.listed[at], self.listed_ms[at] = quantity, self.clock()
            self.save("meta", "listed", self.listed)

    def shift_page(self, platform: str, keys: Iterable[Any], index: defaultdict[str, TimeIndex]) -> None:
        """As if one row of an earlier page changed just now: the rows after it move up (switch page_shifts).

        keys: those of the earlier pages. index: modified or refunds_modified.
        """
        if self.rng.random() >= self.switches.of(platform).page_shifts:
            return
        with self.change():
            for key in keys:
                if index is self.modified:
                    self.touch(self.trades[key])
                else:
                    self.touch_refund(self.refunds[key])
                return

    def add_payment(self, payment: Payment) -> None:
        self.payments.setdefault(day_of(payment.done_ms), []).append(payment)
        self.save("payment", f"{payment.done_ms:015d}/{payment.alipay_no}/{payment.request_no}", payment)

    def add_difference(self, difference: BillDifference) -> None:
        self.save("difference", f"{len(self.differences):09d}", difference)
        self.differences.append(difference)

    def reset(self) -> None:
        """Forget everything but the counters and tokens: ids of a world before are never used again."""
        with self.change():
            counters, tokens = self.counters, self.tokens
            self.agenda.clear()
            self._dirty.clear()
            self._store.clear()
            self._forget_all()
            self.counters, self.tokens = counters, tokens
            self.save("meta", "counters", counters)
            self.save("meta", "tokens", tokens)

    def forget_old(self) -> int:
        """Drop what ended days ago: trades with their refunds and deliveries, and plays. Returns how many trades."""
        limit = self.clock() - KEEP_ENDED_MS
        with self.change():
            old = [t for t in self.trades.values() if t.status in _ENDED and t.ended_ms and t.ended_ms < limit]
            gone, tids = {trade.number for trade in old}, {trade.tid for trade in old}
            for refund in [refund for refund in self.refunds.values() if refund.tid in tids]:
                self.refunds_modified[self._platform_of(refund)].remove(refund.refund_id, refund.modified_ms)
                del self.refunds[refund.refund_id]
                self.save("refund", refund.refund_id, None)
            for trade in old:
                del self.trades[trade.tid]
                self.modified[trade.platform].remove(trade.tid, trade.modified_ms)
                self.created[trade.platform].remove(trade.tid, trade.created_ms)
                self.save("trade", trade.tid, None)
            for code in [c for c, d in self.deliveries.items() if d.trades and gone.issuperset(d.trades)]:
                del self.deliveries[code]
                self.save("delivery", code, None)
            for kind, records, since in (
                ("waybill", self.waybills, "made_ms"),
                ("followed", self.followed, "since_ms"),
            ):
                for number in [number for number, record in records.items() if record[since] < limit]:
                    del records[number]
                    self.save(kind, number, None)
            for play_id in [key for key, play in self.plays.items() if 0 < play["done_ms"] < limit]:
                del self.plays[play_id]
                self.save("play", play_id, None)
            return len(old)

    def close(self) -> None:
        self.agenda.stop()
        with self.lock:
            if self._dirty:
                self._flush()
            self._store.close()

    def _flush(self) -> None:
        changes: dict[tuple[str, str], str | None] = {}
        for at, record in self._dirty.items():
            if record is None:
                changes[at] = None
            else:
                changes[at] = json.dumps(record, ensure_ascii=False) if isinstance(record, dict) else dump(record)
        self._dirty.clear()
        self._store.write(changes)

    def _read(self) -> None:
        for key, body in self._store.read("meta"):
            if key == "counters":
                self.counters.update(json.loads(body))
            elif key == "listed":
                self.listed = json.loads(body)
            elif key == "found":
                self.found_stock = json.loads(body)
            elif key == "items":
                self.items_told = json.loads(body)
            elif key == "tokens":
                self.tokens = json.loads(body)
        self.plays = {key: json.loads(body) for key, body in self._store.read("play")}
        self.waybills = {key: json.loads(body) for key, body in self._store.read("waybill")}
        self.followed = {key: json.loads(body) for key, body in self._store.read("followed")}
        for _key, body in self._store.read("trade"):
            self.add_trade(load(Trade, body))
        for _key, body in self._store.read("refund"):
            self.add_refund(load(Refund, body))
        for code, body in self._store.read("delivery"):
            self.deliveries[code] = delivery = load(Delivery, body)
            if delivery.shipped_ms:
                self.count_shipped(delivery)
        for code, body in self._store.read("inbound"):
            self.inbounds[code] = load(Inbound, body)
        for key, body in self._store.read("word"):
            self.words[key] = load(Word, body)
        for _key, body in self._store.read("payment"):
            payment = load(Payment, body)
            self.payments.setdefault(day_of(payment.done_ms), []).append(payment)
        self.differences = [load(BillDifference, body) for _key, body in self._store.read("difference")]
        for _key, body in self._store.read("message"):
            self.messages.put(load(Message, body), ready_ms=0)
        for _key, body in self._store.read("push"):
            push = load(Push, body)
            self.pushes[push.id] = push
        self._dirty.clear()  # add_trade and add_refund marked what was just read

    def count_shipped(self, delivery: Delivery) -> None:
        """Take a shipped delivery off the warehouse's stock."""
        for line in delivery.lines:
            at = (delivery.warehouse, line.item_code)
            self.shipped_stock[at] = self.shipped_stock.get(at, 0) + line.quantity - line.lacking

    def find(self, warehouse: str, item_code: str, delta: int) -> None:
        """Pieces came into a warehouse, were found there or are gone. Within `change`."""
        at = f"{warehouse}|{item_code}"
        self.found_stock[at] = self.found_stock.get(at, 0) + delta
        self.save("meta", "found", self.found_stock)
