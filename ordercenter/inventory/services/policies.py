"""What people decided about reserving and taking over, compiled once per version and process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ordercenter.audit.stamps import compiled
from ordercenter.audit.work import Work
from ordercenter.catalog.models import ApiKeyShop, ApiScope
from ordercenter.inventory.models import Reservation, ReservePolicy, StockPolicy
from ordercenter.inventory.services.reserving import UNPAID
from ordercenter.inventory.states import ReservationState, ReserveOn, StockSource

STAMP = "stock_policies"


@dataclass(frozen=True, slots=True)
class Trigger:
    """When pieces are set aside for an order, and how long they stay so while money is missing."""

    reserve_on: str = ReserveOn.PAID
    hold_minutes: int = 30
    balance_days: int = 7


@dataclass(frozen=True, slots=True)
class Cap:
    """How much of what is promised to less urgent orders may change hands in a day. pieces None: no further limit."""

    percent: int
    pieces: int | None = None

    def allowed(self, promised: int) -> int:
        """Of so many pieces that could be taken over today, or were, at most this many; rounded down."""
        share = promised * self.percent // 100
        return share if self.pieces is None else min(share, self.pieces)


@dataclass(frozen=True, slots=True)
class StockPolicies:
    """caps: by SKU, only where something may be taken over. triggers: by (shop, SKU), None for all of them.

    holds_unpaid: whether anything is or may be held for an order before it is paid, or before it is there.
    presales: SKUs that are sold ahead.
    """

    caps: Mapping[int, Cap]
    triggers: Mapping[tuple[int | None, int | None], Trigger]
    holds_unpaid: bool
    presales: frozenset[int] = frozenset()

    def trigger_of(self, shop_id: int, sku_id: int) -> Trigger:
        """What holds for this SKU in this shop: the shop's word on the SKU, on all its goods, then the SKU's own."""
        for key in ((shop_id, sku_id), (shop_id, None), (None, sku_id)):
            if key in self.triggers:
                return self.triggers[key]
        return _USUAL


_USUAL = Trigger()


def stock_policies(work: Work) -> StockPolicies:
    """The policies in force. No statement but the one for all versions of rules, once the process knows them."""
    return compiled(work, STAMP, _compile)


def _compile() -> StockPolicies:
    rows = list(StockPolicy.objects.all())
    triggers: dict[tuple[int | None, int | None], Trigger] = {
        (None, row.sku_id): Trigger(row.reserve_on, row.hold_minutes, row.balance_days) for row in rows
    }
    for own in ReservePolicy.objects.all():
        triggers[own.shop_id, own.sku_id] = Trigger(own.reserve_on, own.hold_minutes, own.balance_days)
    early = any(trigger.reserve_on != ReserveOn.PAID for trigger in triggers.values())
    # What was held before a policy was taken back still belongs to its orders.
    left = Reservation.objects.filter(state=ReservationState.ACTIVE, holder__startswith=UNPAID)
    # Orders may come with what such a key holds for them.
    keys = ApiKeyShop.objects.filter(scopes__contains=[ApiScope.STOCK_HOLD])
    return StockPolicies(
        caps={row.sku_id: Cap(row.rush_cap_percent, row.rush_cap_pieces) for row in rows if row.rush_cap_percent},
        triggers=triggers,
        holds_unpaid=early or keys.exists() or left.exists(),
        presales=frozenset(row.sku_id for row in rows if row.source == StockSource.PRESALE),
    )
