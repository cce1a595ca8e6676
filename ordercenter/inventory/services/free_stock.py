"""What can be promised to each order of a batch: the pool, and what is set aside for it, as others take from both."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping

from ordercenter.audit.work import Work
from ordercenter.inventory.models import StockLevel
from ordercenter.inventory.services.entitling import OwnQuotas, own_quotas
from ordercenter.inventory.services.levels import Place, lock_quotas


class FreeStock:
    """What can be promised, for the order that asks: the pool that all share, and what is set aside for it.

    `of(...)` is a mapping (SKU, warehouse) -> pieces. Taking pieces off it takes from the order's own quotas first, so
    that the next order, of whatever shop, sees what is left.
    """

    def __init__(self, levels: Iterable[StockLevel], own: OwnQuotas | None = None):
        self._pool: dict[Place, int] = {(level.sku_id, level.warehouse_id): level.free for level in levels}
        self._own = own
        # What orders of this batch have left of each quota.
        self._left: dict[int, int] = {}

    def of(self, *, shop_id: int, order_id: int) -> MutableMapping[Place, int]:
        """The pieces that this order of the shop may take."""
        if self._own is None:
            return self._pool
        quotas = self._own.places(shop_id=shop_id, order_id=order_id)
        for quota in quotas.values():
            self._left.setdefault(quota.pk, quota.left)
        own = {place: quota.pk for place, quota in quotas.items()}
        return _OwnStock(self._pool, own, self._left) if own else self._pool


class _OwnStock(MutableMapping[Place, int]):
    """The pool and an order's own quotas as one. own: quotas by place; left: pieces by quota."""

    def __init__(self, pool: dict[Place, int], own: Mapping[Place, int], left: dict[int, int]):
        self._pool, self._own, self._left = pool, own, left

    def __getitem__(self, place: Place) -> int:
        if place not in self._pool:
            raise KeyError(place)
        return max(0, self._pool[place]) + self._left_at(place)

    def __setitem__(self, place: Place, pieces: int) -> None:
        taken = self[place] - pieces
        of_own = min(taken, self._left_at(place))
        if of_own > 0:
            self._left[self._own[place]] -= of_own
            taken -= of_own
        self._pool[place] -= taken

    def __delitem__(self, place: Place) -> None:
        raise TypeError("stock is taken, not forgotten")

    def __iter__(self) -> Iterator[Place]:
        return iter(self._pool)

    def __len__(self) -> int:
        return len(self._pool)

    def _left_at(self, place: Place) -> int:
        return self._left[self._own[place]] if place in self._own else 0


def free_of_levels(levels: Mapping[Place, StockLevel], *, order_ids: Collection[int], work: Work) -> FreeStock:
    """What locked stock rows can give to these orders. One statement where anything is set aside, two where that is for
    named orders only, else none.
    """
    quotas = lock_quotas(sku_ids={level.sku_id for level in levels.values()}, work=work)
    own = own_quotas(quotas, order_ids=order_ids, work=work) if quotas else None
    return FreeStock(levels.values(), own)
