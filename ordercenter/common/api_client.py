"""Who calls the API with a key, and what of our rows that key reaches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ordercenter.common.actor import Actor
from ordercenter.common.scope import NOTHING, Scope

STOCK_READ = "stock:read"
NO_IDS: frozenset[int] = frozenset()


@dataclass(frozen=True)
class ApiClient:
    """The owner of a valid key.

    shops: scope -> shops in which the key has it. find_warehouses: looks up the warehouses whose stock it may read.
    """

    key_id: int
    name: str
    prefix: str
    shops: Mapping[str, frozenset[int]]
    find_warehouses: Callable[[], frozenset[int]]

    @property
    def ident(self) -> str:
        """Stable name of the client, for idempotency records and throttling."""
        return f"key:{self.key_id}"

    @property
    def actor(self) -> Actor:
        """How the audit shows it."""
        return Actor("integration", f"{self.name} ({self.prefix})")

    def reach(self, scope: str) -> Scope:
        """The rows for which the key has this scope; nothing at all when it does not have it anywhere."""
        if scope == STOCK_READ:
            return Scope(NO_IDS, self.find_warehouses())
        shops = self.shops.get(scope, NO_IDS)
        # Warehouses do not narrow what belongs to a shop.
        return Scope(shops, None) if shops else NOTHING
