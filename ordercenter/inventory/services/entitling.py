"""Who may take from what is set aside: a shop's orders, or of some quotas only the orders that they are meant for.

Stock does not know what a live-stream session is, or whose orders are its. Who sets pieces aside for named orders
registers a namer, which says of quotas and orders which are meant for each other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from ordercenter.audit.work import Work
from ordercenter.inventory.models import ChannelQuota
from ordercenter.inventory.services.levels import Place, QuotaKey

# (quota ids, order ids) -> of each quota those of the orders that may take from it. A constant number of statements.
Namer = Callable[[Collection[int], Collection[int]], Mapping[int, Collection[int]]]
_namers: list[Namer] = []


def register_namer(namer: Namer) -> None:
    """From here on this says which orders may take from quotas with only_named_orders."""
    _namers.append(namer)


class OwnQuotas:
    """The locked quotas of a unit of work, as its orders may use them."""

    def __init__(self, quotas: Mapping[QuotaKey, ChannelQuota], named: Mapping[int, Collection[int]], at: datetime):
        self._quotas, self._named, self._at = quotas, named, at

    def of(self, *, shop_id: int, order_id: int, place: Place) -> ChannelQuota | None:
        """The running quota there that this order may take from."""
        quota = self._quotas.get((shop_id, *place))
        return quota if quota is not None and self._is_open_to(quota, order_id) else None

    def places(self, *, shop_id: int, order_id: int) -> dict[Place, ChannelQuota]:
        """Where this order may take from a quota, and from which."""
        return {
            (sku_id, warehouse_id): quota
            for (shop, sku_id, warehouse_id), quota in self._quotas.items()
            if shop == shop_id and self._is_open_to(quota, order_id)
        }

    def _is_open_to(self, quota: ChannelQuota, order_id: int) -> bool:
        if not quota.is_running(self._at):
            return False
        return not quota.only_named_orders or order_id in self._named.get(quota.pk, ())


def own_quotas(quotas: Mapping[QuotaKey, ChannelQuota], *, order_ids: Collection[int], work: Work) -> OwnQuotas:
    """These locked quotas for these orders. No statement where none of them is for named orders only, nor for the same
    orders again; else those of the namers.
    """
    closed = {quota.pk for quota in quotas.values() if quota.only_named_orders}
    named: dict[int, set[int]] = work.shared.setdefault("named_orders", {})
    asked: set[int] = work.shared.setdefault("named_orders_asked", set())
    if closed and not (closed <= named.keys() and asked.issuperset(order_ids)):
        asked.update(order_ids)
        found: dict[int, set[int]] = {quota_id: set() for quota_id in closed | named.keys()}
        for namer in _namers:
            for quota_id, orders in namer(sorted(found), sorted(asked)).items():
                found[quota_id].update(orders)
        named.update(found)
    return OwnQuotas(quotas, named, work.at)
