"""How often a platform may be called."""

from __future__ import annotations

from channels_sync.sandbox.world import World


class RateLimit:
    """Calls in the running second, held against the switch rate_limit."""

    def __init__(self, world: World, platform: str):
        self.world, self.platform = world, platform
        self._window = (0, 0)

    def is_exceeded(self) -> bool:
        """Count one call; True when it is one too many. Within the world's lock."""
        limit = self.world.switches.of(self.platform).rate_limit
        second = self.world.clock() // 1000
        calls = self._window[1] + 1 if self._window[0] == second else 1
        self._window = (second, calls)
        return bool(limit) and calls > limit
