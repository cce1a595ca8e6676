"""Access tokens as a platform gives them out: good for a while, renewed by a refresh token or by the application."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from channels_sync.sandbox.platforms import Reply
from channels_sync.sandbox.world import World


@dataclass(frozen=True, slots=True)
class Grant:
    """What a platform answers to a good grant; seconds from now."""

    access: str
    refresh: str
    life_s: int
    refresh_life_s: int


class Tokens:
    """The tokens of one platform's application. They outlive restarts and resets of the world.

    life_s: how long an access token is good (switch token_life_s shortens it). overlap_s: how long the one before stays
    good after a new one. first, first_refresh: tokens that the seller's grant brought, as the demo account has them.
    Expired or not, with the switch token_expired nothing is good until the seller grants anew: that is, until it rests.
    """

    def __init__(
        self,
        world: World,
        platform: str,
        *,
        life_s: int,
        refresh_life_s: int = 0,
        overlap_s: int = 300,
        first: str = "",
        first_refresh: str = "",
    ):
        self.world, self.platform = world, platform
        self._life_s, self._refresh_life_s, self._overlap_s = life_s, refresh_life_s, overlap_s
        if platform not in world.tokens:
            with world.change():
                now = world.clock()
                world.tokens[platform] = {
                    "access": {first: now + life_s * 1000} if first else {},
                    "refresh": {first_refresh: now + refresh_life_s * 1000} if first_refresh else {},
                }
                world.save("meta", "tokens", world.tokens)

    def is_good(self, token: str) -> bool:
        """Whether a call with this access token is let in."""
        world = self.world
        with world.lock:
            if world.switches.of(self.platform).token_expired:
                return False
            return bool(self._kept()["access"].get(token, 0) > world.clock())

    def grant(self) -> Grant:
        """A new access token; those before end soon."""
        world = self.world
        with world.change():
            kept, now = self._kept(), world.clock()
            life_s = int(world.switches.of(self.platform).token_life_s) or self._life_s
            access, refresh = secrets.token_hex(24), secrets.token_hex(24) if self._refresh_life_s else ""
            soon = now + self._overlap_s * 1000
            for kind in ("access", "refresh"):
                kept[kind] = {token: min(until, soon) for token, until in kept[kind].items() if until > now}
            kept["access"][access] = now + life_s * 1000
            if refresh:
                kept["refresh"][refresh] = now + self._refresh_life_s * 1000
            world.save("meta", "tokens", world.tokens)
            return Grant(access, refresh, life_s, self._refresh_life_s)

    def present(self, *, renew_within_s: int) -> Grant:
        """The newest access token again with what is left of its life; a new one when less than that is left."""
        world = self.world
        with world.change():
            kept, now = self._kept(), world.clock()
            newest = max(kept["access"].items(), key=lambda item: item[1], default=("", 0))
            left_s = (newest[1] - now) // 1000
            return self.grant() if left_s <= renew_within_s else Grant(newest[0], "", left_s, 0)

    def renew(self, refresh: str) -> Grant | None:
        """A new access token for a refresh token; None when that is not good (any more)."""
        world = self.world
        with world.change():
            expired = world.switches.of(self.platform).token_expired
            if expired or self._kept()["refresh"].get(refresh, 0) <= world.clock():
                return None
            return self.grant()

    def _kept(self) -> dict[str, Any]:
        return self.world.tokens[self.platform]


class Codes:
    """Codes that a seller's browser brings back after the login: each is good once."""

    def __init__(self) -> None:
        self._open: set[str] = set()

    def new(self) -> str:
        """A new code."""
        code = secrets.token_hex(16)
        self._open.add(code)
        return code

    def sent_back(self, form: Mapping[str, str], more: Mapping[str, str]) -> Reply:
        """A redirect to the application with a new code and the state that it gave."""
        query = urlencode({"code": self.new(), "state": form.get("state", ""), **more})
        return Reply(
            b"", status=302, content_type="text/plain", headers={"Location": f"{form['redirect_uri']}?{query}"}
        )

    def take(self, code: str) -> bool:
        """Whether the code is good; it is not any more."""
        was_open = code in self._open
        self._open.discard(code)
        return was_open
