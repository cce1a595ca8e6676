"""A store of the demo company, with counters and the key that they send with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from channels_sync.counter_models import Counter
from ordercenter.catalog.api_keys import create_key
from ordercenter.catalog.models import ApiKey, ApiScope, Channel, Shop, Sku
from ordercenter.common.actor import SYSTEM
from ordercenter.inventory.models import Warehouse
from ordercenter.inventory.services import Movement, move_stock
from ordercenter.inventory.states import MovementReason, WarehouseKind

CODES = ("C1", "C2", "C3")
PIECES = 400


@dataclass(frozen=True)
class DemoStore:
    """The store with its shop, and the goods that it sells with their prices."""

    shop: Shop
    house: Warehouse
    prices: dict[str, Decimal]


def make_store(*, counters: Sequence[str] = CODES) -> DemoStore:
    """The store, its shop and counters, with stock of the dozen cheapest goods; made once."""
    channel, _ = Channel.objects.get_or_create(code="pos", defaults={"name": "门店"})
    shop, _ = Shop.objects.get_or_create(
        code="store-hubin", defaults={"channel": channel, "name": "湖滨门店", "payment_fee_bp": 38}
    )
    house, is_new = Warehouse.objects.get_or_create(
        code="STORE-HUBIN",
        defaults={"name": "湖滨门店", "province": "浙江省", "city": "杭州市", "kind": WarehouseKind.STORE},
    )
    skus = list(Sku.objects.filter(is_bundle=False, is_active=True, list_price__gt=0).order_by("list_price", "pk")[:12])
    if is_new:
        move_stock(
            movements=[
                Movement(sku.pk, house.pk, PIECES, MovementReason.COUNT, "first", f"store-first:{sku.code}")
                for sku in skus
            ]
        ).raise_first()
    for number, code in enumerate(counters, 1):
        Counter.objects.get_or_create(shop=shop, code=code, defaults={"store": house, "name": f"{number} 号收银台"})
    return DemoStore(shop, house, {sku.code: sku.list_price for sku in skus})


def key_for(shop: Shop) -> tuple[ApiKey, str]:
    """A key with which the shop's counters send, and its secret; the caller revokes it when it is done."""
    return create_key(name="played counters", grants={shop.pk: [ApiScope.POS_WRITE]}, actor=SYSTEM)
