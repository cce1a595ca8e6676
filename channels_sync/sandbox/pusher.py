"""Brings the platforms' messages to our door over HTTP, as stubbornly as each platform is.

A push is a record of the world until it is heard or its platform gives up; a restart goes on with what waits. Threads
of its own send, and no HTTP happens under the world's lock, so a slow receiver stops nobody.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import urlencode

from channels_sync.sandbox import hostile
from channels_sync.sandbox.credentials import Credentials
from channels_sync.sandbox.platforms import Happened, PlatformDoor, Sealed, Told
from channels_sync.sandbox.trades import Push
from channels_sync.sandbox.world import World
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.http import exchange

logger = logging.getLogger(__name__)

SENDERS = 4
# How a push reaches us: (address with query, what goes out, seconds) -> (status, body).
Bring = Callable[[str, Sealed, float], tuple[int, bytes]]


class Pusher:
    """All platforms' pushes."""

    def __init__(
        self,
        world: World,
        doors: Mapping[str, PlatformDoor],
        credentials: Credentials,
        *,
        bring: Bring | None = None,
    ):
        """bring: real HTTP unless said (tests)."""
        self.world, self.doors, self.credentials = world, doors, credentials
        self._bring = bring or _bring
        self._outbox: queue.SimpleQueue[int] = queue.SimpleQueue()

    def start(self) -> None:
        """Send from a few threads of their own. They end with the process; what they had in hand is sent again."""
        for number in range(SENDERS):
            threading.Thread(target=self._send_all, name=f"sandbox-push-{number}", daemon=True).start()

    def send_waiting(self) -> int:
        """Send what is due, in this thread; returns how many (tests, where no threads run)."""
        done = 0
        while not self._outbox.empty():
            self._send(self._outbox.get())
            done += 1
        return done

    def resume(self) -> None:
        """After a restart: go on with what was not heard."""
        for push in self.world.pushes.values():
            self.world.agenda.at(push.due_ms, partial(self._outbox.put, push.id))

    def tell(self, happened: Happened) -> None:
        """What follows from a fact, as the switches will have it: lost, late, overtaken or twice."""
        platform = happened.trade.platform
        for told in self.doors[platform].tell(happened):
            self.put(platform, told, tid=happened.trade.tid)

    def put(self, platform: str, told: Told, *, tid: int = 0) -> None:
        """Queue one push. Within `World.change`."""
        world, rng, switches = self.world, self.world.rng, self.world.switches.of(platform)
        if rng.random() < switches.lost_messages:
            return
        now = world.clock()
        ready = now + int(switches.delay_s * 1000)
        if rng.random() < switches.disorder:
            ready += rng.randrange(100, 2000)
        due = [ready, ready + rng.randrange(1000)] if rng.random() < switches.duplicates else [ready]
        for due_ms in due:
            push = Push(world.next_number("push"), platform, told.topic, told.body, tid, now, due_ms)
            world.pushes[push.id] = push
            world.save("push", push.id, push)
            world.agenda.at(due_ms, partial(self._outbox.put, push.id))

    def _send_all(self) -> None:
        while True:
            push_id = self._outbox.get()
            try:
                self._send(push_id)
            except Exception:
                # The border of a sender's thread: it must live on.
                logger.exception("push %s failed", push_id)

    def _send(self, push_id: int) -> None:
        world = self.world
        with world.lock:
            push = world.pushes.get(push_id)
            if push is None:
                return
            door, switches = self.doors.get(push.platform), world.switches.of(push.platform)
            if door is None or door.push_rule is None:
                self._forget(push)
                return
            told = Told(push.topic, push.body)
            if world.rng.random() < switches.hostile_pushes:
                told = Told(push.topic, world.rng.choice(hostile.BODIES).decode("utf-8", "surrogateescape"))
            sealed = door.seal(told, at_ms=world.clock_of(push.platform))
            url = switches.push_callback_url.replace("{platform}", push.platform)
            url = url.replace("{token}", self.credentials.push_token(push.platform))
            rule = door.push_rule
        if sealed.query:
            url = f"{url}{'&' if '?' in url else '?'}{urlencode(sealed.query)}"
        problem = ""
        try:
            status, body = self._bring(url, sealed, rule.timeout_s)
            if not door.is_heard(status, body):
                problem = f"HTTP {status} {body[:100].decode(errors='replace')}"
        except OrderCenterError as error:
            problem = str(error)
        with world.change():
            if push_id not in world.pushes:
                return
            push.tries, push.error = push.tries + 1, problem
            if not problem and push.tid in world.trades:
                self._note_heard(push)
            if not problem or push.tries > len(rule.pauses_s):
                world.pushes_given_up += bool(problem)
                self._forget(push)
                return
            push.due_ms = world.clock() + int(rule.pauses_s[push.tries - 1] * 1000)
            world.save("push", push.id, push)
            world.agenda.at(push.due_ms, partial(self._outbox.put, push.id))

    def _note_heard(self, push: Push) -> None:
        trade = self.world.trades[push.tid]
        if trade.paid_ms and not trade.first_message_ms:
            trade.first_message_ms = self.world.clock()
            self.world.save("trade", trade.tid, trade)

    def _forget(self, push: Push) -> None:
        with self.world.change():
            self.world.pushes.pop(push.id, None)
            self.world.save("push", push.id, None)


def _bring(url: str, sealed: Sealed, timeout_s: float) -> tuple[int, bytes]:
    answer = exchange(
        url,
        method="GET" if sealed.method == "GET" else "POST",
        content=None if sealed.method == "GET" else sealed.body,
        content_type=sealed.content_type,
        headers=sealed.headers,
        timeout_s=timeout_s,
    )
    return answer.status, answer.body
