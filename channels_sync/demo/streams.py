"""Live-stream sessions of the demo company: one over, one on air while somebody looks, one planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from channels_sync.live import LiveGoods, LivePlan, plan_session
from channels_sync.live_models import LiveSession
from channels_sync.sandbox import goods
from channels_sync.sandbox.rooms import DEMO_ROOMS, SHOWN
from channels_sync.states import LiveState
from ordercenter.catalog.models import Shop, Sku
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.money import from_fen, to_cents
from ordercenter.inventory.models import Warehouse

DOUYIN, WECHAT = "mumian-douyin", "mumian-wechat"
# The room of the shop whose orders come from its own till.
TILL_ROOM = "7441200000000000901"
_REASON = "演示数据"
_ON_AIR, _SHORT_LEAD = timedelta(hours=6), 10
# Pieces of each SKU: the first is nearly sold out soon.
_PIECES = (12, 60, 40, 30, 80, 25)
_PRICE_PART = Decimal("0.85")


def stream(*, at: datetime, actor: Actor = SYSTEM) -> list[LiveSession]:
    """A session on air and one to come, where there is none: each start of the demo has them. The new ones."""
    evening = timezone.localtime(at).replace(hour=20, minute=0, second=0, microsecond=0) + timedelta(days=1)
    shops = {shop.code: shop for shop in Shop.objects.filter(code__in=[DOUYIN, WECHAT])}
    made = []
    for code, platform, title, starts_at, ends_at in (
        (DOUYIN, "douyin", "双十二香薰杯碟专场", at - timedelta(minutes=1), at + _ON_AIR),
        (WECHAT, "wechat_shop", "掌柜探窑 · 年货预热", evening, evening + timedelta(hours=3)),
    ):
        room = DEMO_ROOMS[platform][0]
        open_ones = LiveSession.objects.filter(shop=shops[code], state__in=[LiveState.PLANNED, LiveState.LIVE])
        if open_ones.exists():
            continue
        plan = LivePlan(title, room.room_id, room.author_id, room.anchor, starts_at, ends_at, _SHORT_LEAD)
        made.append(plan_session(shop_id=shops[code].pk, plan=plan, goods=_shown(), reason=_REASON, at=at, actor=actor))
    return made


def past_stream(shop: Shop, *, prices: Mapping[str, str], at: datetime, actor: Actor) -> LiveSession:
    """The session of yesterday in which this shop's till sold; its orders are there already. prices: by SKU code."""
    skus = Sku.objects.in_bulk(list(prices), field_name="code")
    house = Warehouse.objects.get(code=goods.OWN_WAREHOUSE.code)
    shown = [LiveGoods(skus[code].pk, house.pk, 20, Decimal(price), Decimal(12)) for code, price in prices.items()]
    plan = LivePlan(
        "手作陶器夜场", TILL_ROOM, "", "木棉阿岚", at - timedelta(hours=23), at - timedelta(hours=15), _SHORT_LEAD
    )
    return plan_session(shop_id=shop.pk, plan=plan, goods=shown, reason=_REASON, at=at, actor=actor)


def _shown() -> Sequence[LiveGoods]:
    skus = dict(Sku.objects.filter(code__in=[sku.code for sku in SHOWN]).values_list("code", "pk"))
    house = Warehouse.objects.get(code=goods.WAREHOUSES[0].code)
    return [
        LiveGoods(skus[sku.code], house.pk, pieces, to_cents(from_fen(sku.price_fen) * _PRICE_PART), Decimal(10 + n))
        for n, (sku, pieces) in enumerate(zip(SHOWN, _PIECES, strict=True))
    ]
