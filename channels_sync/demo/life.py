"""Some days of work of the demo company, so that every page has something on it; all of it by the ordinary services."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction

from channels_sync.demo import floor as house
from channels_sync.demo.orders import KEPT_BACK, LIVE_SHOP, PICKING, SHIPPED, STOPPED, WAITING, take
from channels_sync.demo.routing import ask_for_trial, lay_routes
from channels_sync.demo.stock import stock_shelves
from channels_sync.demo.streams import TILL_ROOM, past_stream
from channels_sync.sandbox import goods
from fulfillment.services import split_order
from fulfillment.services.backlog import reoptimise_backlog
from ordercenter.catalog.capabilities import write_usual_capabilities
from ordercenter.catalog.models import Channel, Shop, Sku
from ordercenter.common.actor import Actor
from ordercenter.common.money import from_fen
from ordercenter.inventory.models import Warehouse
from ordercenter.orders.models import GiftRule, GiftTier, GiftTrigger, Order, OrderLine
from ordercenter.orders.states import GiftRuleKind

# What yesterday's stream showed, at the prices that its orders have.
_TILL_PRICES = {sku.code: str(from_fen(sku.price_fen)) for sku in goods.CRAFTS}


@transaction.atomic
def seed_life(*, boss: Actor, picker: Actor, at: datetime) -> bool:
    """Give the demo company its live-stream shop, stock in motion and a warehouse at work; False when it has them.

    boss: who decides; picker: who scans. Everything or nothing. Commands to the played warehouses wait until they are
    there.
    """
    if Shop.objects.filter(code=LIVE_SHOP).exists():
        return False
    channel, _ = Channel.objects.get_or_create(code="douyin", defaults={"name": "抖音"})
    shop = Shop.objects.create(code=LIVE_SHOP, channel=channel, name="木棉家居直播间")
    write_usual_capabilities()
    lay_routes(shop, at=at, actor=boss)
    stock_shelves(shop, at=at, actor=boss)
    _gift(shop, at)
    own = Warehouse.objects.get(code=goods.OWN_WAREHOUSE.code)
    floor = house.Floor(own.pk, at=at, actor=picker)
    shipped = take(SHIPPED, prefix="A", at=at, room_id=TILL_ROOM)
    past_stream(shop, prices=_TILL_PRICES, at=at, actor=boss)
    house.ship_all(floor)
    house.take_courier_bill(floor)
    house.take_returns(floor, [shipped[5], shipped[8]], ["SF6600000000017", "SF6600000000025"])
    take(PICKING, prefix="B", at=at)
    house.begin_wave(floor)
    take(WAITING, prefix="C", at=at)
    house.begin_count(floor)
    _hold_back(take(KEPT_BACK, prefix="D", at=at), at=at, actor=boss)
    take(STOPPED, prefix="E", at=at)
    ask_for_trial(at=at, actor=boss)
    return True


def _gift(shop: Shop, at: datetime) -> None:
    """A set of coasters from 150 yuan of handmade goods on; the orders of one parcel count together."""
    values = {"valid_from": at - timedelta(days=3), "stock_limit": 500}
    rule = GiftRule.objects.create(name="手作满 150 送杯垫", shop=shop, kind=GiftRuleKind.AMOUNT, **values)
    GiftTier.objects.create(rule=rule, from_value=Decimal(150), sku=Sku.objects.get(code="SKU-1204"), quantity=1)
    crafts = Sku.objects.filter(code__in=[sku.code for sku in goods.CRAFTS])
    GiftTrigger.objects.bulk_create(GiftTrigger(rule=rule, sku=sku) for sku in crafts)


def _hold_back(orders: list[Order], *, at: datetime, actor: Actor) -> None:
    """What waits for Guangzhou's next wave is decided anew together; the first order goes in two parcels."""
    line = OrderLine.objects.filter(order=orders[0]).order_by("line_no")[0]
    split_order(order_id=orders[0].pk, boxes=[{line.pk: 1}], reason="被子单独装箱", actor=actor, at=at)
    reoptimise_backlog(cause="hand", at=at, seconds=2, use_solver=False, actor=actor)
