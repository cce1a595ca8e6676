"""The smallest platform that can be played: one list, one push. It tests the ground, and shows what a door needs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

from channels_sync.sandbox.credentials import Credentials
from channels_sync.sandbox.platforms import TRAITS, Fact, Happened, PushRule, Reply, Request, Sealed, Told
from channels_sync.sandbox.platforms.limits import RateLimit
from channels_sync.sandbox.platforms.tokens import Tokens
from channels_sync.sandbox.shop import Refused, Shop
from channels_sync.sandbox.waybills import Couriers
from channels_sync.sandbox.world import page_of

CODE = "jd"
DAY_MS = 86_400_000


class ToyDoor:
    """Plays under another platform's code, which stands in the table of traits already."""

    traits = replace(TRAITS[CODE], shop_name="Toy")
    root = "/toy"
    push_rule = PushRule(pauses_s=(1.0, 10.0))

    def __init__(self, shop: Shop, credentials: Credentials, couriers: Couriers):
        self.shop, self.world = shop, shop.world
        self._limit = RateLimit(self.world, CODE)
        self.tokens = Tokens(self.world, CODE, life_s=7200, refresh_life_s=86_400, first="first", first_refresh="again")

    def serve(self, request: Request) -> Reply:
        with self.world.lock:
            if request.path == "/token":
                grant = self.tokens.renew(request.query.get("refresh", ""))
                return _json({"access": grant.access, "refresh": grant.refresh} if grant else {"error": "no"})
            if self._limit.is_exceeded():
                return _json({"error": "too often"})
            if not self.tokens.is_good(request.headers.get("x-token", "")):
                return _json({"error": "token"})
            if request.path == "/orders":
                return self._orders(int(request.query.get("page", "1")), int(request.query.get("size", "10")))
            try:
                trade = self.shop.sold_on(CODE, request.path.removeprefix("/order/"))
            except Refused as refusal:
                return _json({"error": refusal.code})
            return _json({"no": trade.number, "status": trade.status, "modified": trade.modified_ms})

    def _orders(self, page: int, size: int) -> Reply:
        now = self.world.clock_of(CODE)
        index = self.world.modified
        if page > 1:
            self.world.shift_page(CODE, page_of(index[CODE].window(now - DAY_MS, now), 0, 1), index)
        tids = page_of(index[CODE].window(now - DAY_MS, now), (page - 1) * size, size)
        return _json({"numbers": [self.world.trades[tid].number for tid in tids]})

    def tell(self, happened: Happened) -> Sequence[Told]:
        if happened.fact is Fact.PLACED:
            return ()
        return [Told(str(happened.fact), json.dumps({"no": happened.trade.number}))]

    def seal(self, told: Told, *, at_ms: int) -> Sealed:
        sign = hashlib.sha256(told.raw + str(at_ms).encode()).hexdigest()
        return Sealed(told.raw, headers={"X-Topic": told.topic, "X-Sign": sign}, query={"at": str(at_ms)})

    def is_heard(self, status: int, body: bytes) -> bool:
        return status == 200 and body == b"ok"


def _json(document: object) -> Reply:
    return Reply(json.dumps(document).encode())
