"""The played couriers: numbers for packages, prepaid and given once, and what happens to a parcel on its way.

Records are plain objects: a waybill {number, key, carrier, orders, status, made_ms, asked, clear}, where `clear` says
whether a receiver came in clear; a followed parcel {number, com, callback, salt, status, since_ms, told, times}.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from channels_sync.sandbox.documents import clock_text
from channels_sync.sandbox.goods import CARRIERS
from channels_sync.sandbox.world import World
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.http import exchange
from ordercenter.common.signing import kuaidi100_sign

logger = logging.getLogger(__name__)

Json = dict[str, Any]
Send = Callable[[str, bytes], bytes]
SENDERS = 2
MOST_PUSHES = 3
# A parcel's day: (state of the whole, code of the scan, word, text, place).
WAY: tuple[tuple[str, str, str, str, str], ...] = (
    ("1", "103", "揽收", "【{place}】您的快件已被揽收，揽件员：陈师傅，电话13700001111", "浙江,杭州市"),
    ("0", "1002", "干线", "快件已发往【{place}】转运中心", "浙江,嘉兴市"),
    ("5", "501", "派件", "快件正在派送中，派件员：李小龙，电话13900002222", "浙江,杭州市,西湖区"),
    ("3", "301", "签收", "已签收，签收人：王小雨，感谢使用", "浙江,杭州市,西湖区"),
)
BACK: tuple[tuple[str, str, str, str, str], ...] = (
    *WAY[:3],
    ("14", "14", "拒签", "收件人拒收，快件将退回", "浙江,杭州市,西湖区"),
    ("6", "6", "退回", "快件退回中", "浙江,嘉兴市"),
    ("4", "401", "退签", "退件已签收", "浙江,杭州市,余杭区"),
)


class OutOfNumbers(Exception):
    """The branch has no numbers left."""


class Couriers:
    """Numbers and parcels of all couriers of the played world."""

    def __init__(self, world: World, *, send: Send | None = None):
        """send: how a push reaches us, (url, form body) -> the answer's body; real HTTP unless said (tests)."""
        self.world = world
        self._send = send or _post
        self._outbox: queue.SimpleQueue[tuple[str, int, int]] = queue.SimpleQueue()
        self._number_of: dict[str, str] = {}

    def start(self) -> None:
        """Push from threads of their own, so that a slow receiver does not stop the world."""
        for number in range(SENDERS):
            threading.Thread(target=self._push_all, name=f"sandbox-scan-{number}", daemon=True).start()

    def resume(self) -> None:
        """After a restart: go on telling of the parcels that are followed."""
        for number, parcel in self.world.followed.items():
            if parcel["status"] == "polling":
                self._plan(number, parcel["told"])

    # Numbers

    def number_for(self, key: str, *, carrier: str, orders: Sequence[str], clear: bool) -> Json:
        """The number of a package: the same key gives the same number again. Raises OutOfNumbers."""
        world = self.world
        with world.change():
            known = self.by_key(key)
            if known is not None:
                known["asked"] += 1
                world.save("waybill", known["number"], known)
                return known
            if world.switches.waybill_no_numbers or self.left() <= 0:
                raise OutOfNumbers
            number = CARRIERS[carrier][2].format(world.next_number("waybill"))
            record = {
                "number": number,
                "key": key,
                "carrier": carrier,
                "orders": list(orders),
                "status": "open",
                "made_ms": world.clock(),
                "asked": 1,
                "clear": clear,
            }
            world.waybills[number], self._number_of[key] = record, number
            world.save("waybill", number, record)
            return record

    def by_key(self, key: str) -> Json | None:
        if len(self._number_of) != len(self.world.waybills):
            # After a restart, a reset, or when old ones were forgotten.
            self._number_of = {record["key"]: number for number, record in self.world.waybills.items()}
        return self.world.waybills.get(self._number_of.get(key, ""))

    def by_order(self, order_no: str) -> list[Json]:
        return [record for record in self.world.waybills.values() if order_no in record["orders"]]

    def cancel(self, number: str) -> str:
        """Take a number back: "done", "before" when it was back already, "no" for one we do not have or that left."""
        with self.world.change():
            record = self.world.waybills.get(number)
            if record is None or record["status"] == "left":
                return "no"
            before, record["status"] = record["status"], "cancelled"
            self.world.save("waybill", number, record)
            return "before" if before == "cancelled" else "done"

    def left(self) -> int:
        """Prepaid numbers left; cancelled ones come back."""
        used = sum(1 for record in self.world.waybills.values() if record["status"] != "cancelled")
        return max(0, self.world.switches.waybill_pool - used)

    # Following parcels

    def follow(self, number: str, *, com: str, callback: str, salt: str) -> bool:
        """Tell this address of the parcel from now on; False when that is done already."""
        world = self.world
        with world.change():
            known = world.followed.get(number)
            if known is not None and known["status"] == "polling":
                return False
            told = known["told"] if known else 0
            parcel = {
                "number": number,
                "com": com,
                "callback": callback,
                "salt": salt,
                "status": "polling",
                "since_ms": known["since_ms"] if known else world.clock(),
                "told": told,
                "times": known["times"] if known else [],
            }
            world.followed[number] = parcel
            world.save("followed", number, parcel)
            self._plan(number, told)
            return True

    def way_of(self, number: str) -> Json | None:
        """What is known of a parcel so far, as lastResult; None when nothing is."""
        with self.world.lock:
            parcel = self.world.followed.get(number)
            return self._result(parcel, parcel["told"]) if parcel and parcel["told"] else None

    def advance(self, number: str, steps: int = 1) -> None:
        """Let a parcel go on at once (remote control)."""
        for _step in range(steps):
            self._step(number, planned=self.world.followed[number]["told"])

    def send_waiting(self) -> int:
        """Push what waits, in this thread; returns how many (tests, where no threads run)."""
        done = 0
        while not self._outbox.empty():
            self._push(*self._outbox.get())
            done += 1
        return done

    def push_again(self, number: str, told: int | None = None) -> None:
        """Queue the push of a step once more."""
        parcel = self.world.followed[number]
        self._outbox.put((number, parcel["told"] if told is None else told, 0))

    def _plan(self, number: str, told: int) -> None:
        switches = self.world.switches
        if switches.tracking_abort:
            self.world.agenda.at(self.world.clock(), partial(self._abort, number))
        elif switches.scan_every_s:
            due = self.world.clock() + int(switches.scan_every_s * 1000)
            self.world.agenda.at(due, partial(self._step, number, planned=told))

    def _way(self, number: str) -> tuple[tuple[str, str, str, str, str], ...]:
        return BACK if number in self.world.refusing else WAY

    def _step(self, number: str, *, planned: int) -> None:
        world = self.world
        with world.change():
            parcel = world.followed.get(number)
            if parcel is None or parcel["told"] != planned or parcel["told"] >= len(self._way(number)):
                return
            parcel["told"] += 1
            parcel["times"].append(world.clock())
            if parcel["told"] == len(self._way(number)):
                parcel["status"] = "shutdown"
            world.save("followed", number, parcel)
            self._outbox.put((number, parcel["told"], 0))
            if world.rng.random() < world.switches.scan_duplicates:
                self._outbox.put((number, parcel["told"], 0))
            if world.rng.random() < world.switches.scan_disorder and parcel["told"] > 1:
                # The push before comes once more, after the later one.
                self._outbox.put((number, parcel["told"] - 1, 0))
            if parcel["status"] == "polling":
                self._plan(number, parcel["told"])

    def _abort(self, number: str) -> None:
        with self.world.change():
            parcel = self.world.followed.get(number)
            if parcel is not None:
                parcel["status"] = "abort"
                self.world.save("followed", number, parcel)
                self._outbox.put((number, parcel["told"], 0))

    def _push_all(self) -> None:
        while True:
            try:
                self._push(*self._outbox.get())
            except Exception:
                # The border of a sender's thread: it must live on.
                logger.exception("a push failed")

    def _push(self, number: str, told: int, tries: int) -> None:
        with self.world.lock:
            parcel = self.world.followed.get(number)
            if parcel is None:
                return
            url, body = parcel["callback"], self._form(parcel, told)
        try:
            heard = json.loads(self._send(url, body)).get("result") is True
        except (OrderCenterError, ValueError, AttributeError):
            heard = False
        with self.world.change():
            parcel["heard" if heard else "deaf"] = parcel.get("heard" if heard else "deaf", 0) + 1
            self.world.save("followed", number, parcel)
        if not heard and tries + 1 < MOST_PUSHES:
            due = self.world.clock() + int(self.world.switches.wms_retry_s * 1000)
            self.world.agenda.at(due, partial(self._outbox.put, (number, told, tries + 1)))

    def _form(self, parcel: Json, told: int) -> bytes:
        ended = told == len(self._way(parcel["number"]))
        status = "abort" if parcel["status"] == "abort" else "shutdown" if ended else "polling"
        param = json.dumps(
            {
                "status": status,
                "billstatus": "",
                "message": "3天查询无记录" if status == "abort" else "",
                "autoCheck": "0",
                "comOld": "",
                "comNew": "",
                "lastResult": self._result(parcel, told),
            },
            ensure_ascii=False,
        )
        form = {"param": param}
        if parcel["salt"]:
            form["sign"] = kuaidi100_sign(param, parcel["salt"])
        return urlencode(form).encode()

    def _result(self, parcel: Json, told: int) -> Json:
        way = self._way(parcel["number"])
        data = [
            {
                "time": clock_text(at),
                "ftime": clock_text(at),
                "context": text.format(place=place),
                "status": word,
                "statusCode": code,
                "areaCode": "",
                "areaName": place,
                "location": "",
            }
            for (_state, code, word, text, place), at in zip(way[:told], parcel["times"][:told], strict=True)
        ]
        state = way[told - 1][0] if told else "0"
        return {
            "message": "ok",
            "state": state,
            "status": "200",
            "condition": "F00",
            "ischeck": "1" if state == "3" else "0",
            "com": parcel["com"],
            "nu": parcel["number"],
            "data": data[::-1],
        }

    def counts(self) -> Mapping[str, Any]:
        """For the remote control's state."""
        waybills = self.world.waybills.values()
        return {
            "numbers": len(waybills),
            "cancelled": sum(1 for record in waybills if record["status"] == "cancelled"),
            "asked_again": {record["key"]: record["asked"] for record in waybills if record["asked"] > 1},
            "in_clear": [record["key"] for record in waybills if record["clear"]],
            "left": self.left(),
            "followed": len(self.world.followed),
            "pushed": sum(parcel.get("heard", 0) for parcel in self.world.followed.values()),
        }


def _post(url: str, body: bytes) -> bytes:
    answer = exchange(url, content=body, content_type="application/x-www-form-urlencoded", timeout_s=10)
    return answer.body
