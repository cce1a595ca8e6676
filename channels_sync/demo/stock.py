"""Stock of the demo company with something going on: shares, quotas, a live-stream lock, deliveries, a workshop."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from channels_sync.sandbox import goods
from fulfillment.models import Barcode, Bin
from fulfillment.services.bringing import bring_purchase, send_over
from ordercenter.catalog.models import Shop, Sku
from ordercenter.common.actor import Actor
from ordercenter.common.scope import EVERYTHING
from ordercenter.inventory import services as inventory
from ordercenter.inventory.models import Warehouse
from ordercenter.inventory.services import Movement, Safety, Share, Way
from ordercenter.inventory.states import MovementReason, QuotaKind, StockSource, TableKind

ENGRAVED, BLANKET = "SKU-1301", "SKU-1302"
# What only this shop sells; the played platform knows neither.
_OWN_GOODS = ((ENGRAVED, "定制刻字陶杯 月白", "168.00", 330), (BLANKET, "羊毛盖毯 限量 燕麦色 130×170", "398.00", 1250))
_REASON = "演示数据"


def stock_shelves(shop: Shop, *, at: datetime, actor: Actor) -> None:
    """Everything about stock that is there before the orders come. shop: the one that streams live."""
    skus = _skus()
    places = {warehouse.code: warehouse for warehouse in Warehouse.objects.all()}
    east, own = places["WH-HZ-01"], places[goods.OWN_WAREHOUSE.code]
    inventory.move_stock(
        movements=[
            Movement(
                skus[code].pk, place.pk, pieces, MovementReason.COUNT, "opening stock", f"demo:{code}:{place.code}"
            )
            for code, place, pieces in ((BLANKET, east, 2), (BLANKET, own, 1), ("SKU-1015", own, 40))
        ]
    ).raise_first()
    Bin.objects.bulk_create(
        Bin(warehouse=own, sku=skus[code], code=bin_code)
        for code, bin_code in ((BLANKET, "B-02-01"), ("SKU-1015", "B-02-02"), (ENGRAVED, "A-02-01"))
    )
    Barcode.objects.bulk_create(
        Barcode(text=f"690123490{skus[code].pk:04d}", sku=skus[code]) for code in (BLANKET, "SKU-1015", ENGRAVED)
    )
    _workshop(skus, own, at=at, actor=actor)
    _shares(shop, skus, east, at=at, actor=actor)
    _deliveries(skus, places, at=at, actor=actor)
    _tables(at=at, actor=actor)


def _skus() -> dict[str, Sku]:
    for code, name, price, weight_g in _OWN_GOODS:
        values = {
            "name": name,
            "weight_g": weight_g,
            "list_price": Decimal(price),
            "floor_price": Decimal(price) * 6 / 10,
        }
        Sku.objects.create(code=code, **values)
    return {sku.code: sku for sku in Sku.objects.filter(is_bundle=False)}


def _workshop(skus: dict[str, Sku], own: Warehouse, *, at: datetime, actor: Actor) -> None:
    today = timezone.localdate(at)
    kiln = inventory.set_resource(
        code="kiln-1", name="陶艺工坊", warehouse_id=own.pk, is_active=True, reason=_REASON, at=at, actor=actor
    )
    inventory.plan_days(
        resource_id=kiln.pk,
        first=today,
        last=today + timedelta(days=45),
        weekdays=range(6),
        minutes=420,
        reason="周一至周六，每天 7 小时",
        at=at,
        actor=actor,
    )
    for code, minutes, parts in (
        ("SKU-1201", 25, {}),
        ("SKU-1203", 30, {}),
        (ENGRAVED, 40, {skus["SKU-1201"].pk: 1}),
    ):
        way = Way(kiln.pk, minutes, setup_days=0 if parts else 1, lead_days=1 if parts else 3, parts=parts)
        inventory.set_way(sku_id=skus[code].pk, way=way, reason=_REASON, at=at, actor=actor)
    inventory.set_stock_policy(
        sku_id=skus[ENGRAVED].pk,
        source=inventory.Source(StockSource.MADE_TO_ORDER),
        reason="每只按订单刻字",
        at=at,
        actor=actor,
    )
    inventory.make_to_stock(
        sku_id=skus["SKU-1203"].pk, quantity=24, key="demo:kiln", reason="年货备货", at=at, actor=actor
    )


def _shares(shop: Shop, skus: dict[str, Sku], east: Warehouse, *, at: datetime, actor: Actor) -> None:
    inventory.set_share(shop_id=shop.pk, sku_id=None, share=Share(30), reason="直播间最多三成", at=at, actor=actor)
    inventory.set_share(
        shop_id=shop.pk, sku_id=skus["SKU-1031"].pk, share=Share(50, cap=2000), reason=_REASON, at=at, actor=actor
    )
    evening = timezone.localtime(at).replace(hour=20, minute=0, second=0, microsecond=0) + timedelta(days=1)
    for code, kind, quantity, starts_at, ends_at, reason in (
        ("SKU-1001", QuotaKind.DEDICATED, 300, at, None, "直播间常备"),
        ("SKU-1031", QuotaKind.LIVE, 800, at, at + timedelta(hours=30), "本场主推香薰"),
        ("SKU-1008", QuotaKind.LIVE, 500, evening, evening + timedelta(hours=4), "明晚专场"),
    ):
        inventory.plan_quota(
            shop_id=shop.pk,
            sku_id=skus[code].pk,
            warehouse_id=east.pk,
            kind=kind,
            quantity=quantity,
            starts_at=starts_at,
            ends_at=ends_at,
            reason=reason,
            at=at,
            actor=actor,
        )
    safety = [Safety(skus[code].pk, east.pk, pieces) for code, pieces in (("SKU-1001", 200), ("SKU-1031", 500))]
    inventory.set_safety(wanted=safety, note="大促前留底", at=at, actor=actor)


def _deliveries(skus: dict[str, Sku], places: dict[str, Warehouse], *, at: datetime, actor: Actor) -> None:
    own, today = places[goods.OWN_WAREHOUSE.code], timezone.localdate(at)
    bring_purchase(
        warehouse_id=own.pk,
        pieces={skus[BLANKET].pk: 60},
        due_on=today + timedelta(days=5),
        key="demo:purchase",
        supplier="内蒙古示例毛纺厂",
        reference="PO-2026-118",
        note="第二批",
        at=at,
        actor=actor,
    )
    send_over(
        from_warehouse_id=places["WH-HZ-01"].pk,
        to_warehouse_id=own.pk,
        pieces={skus["SKU-1015"].pk: 60, skus["SKU-1034"].pk: 40},
        due_on=today + timedelta(days=2),
        key="demo:transfer",
        note="工作室陈列补货",
        at=at,
        actor=actor,
    )


def _tables(*, at: datetime, actor: Actor) -> None:
    """One table that was taken in, and one that waits for a yes."""
    arrived = "采购单号,SKU编码,仓库,到货数量\nPO-2026-101,SKU-1040,WH-HZ-01,120\nPO-2026-101,SKU-1041,WH-HZ-01,80\n"
    counted = "SKU编码,仓库,盘点数量\nSKU-1201,WH-OWN-01,58\nSKU-1202,WH-OWN-01,60\nSKU-1204,WH-OWN-01,61\n"
    for kind, text, name in ((TableKind.ARRIVAL, arrived, "到货-1201.csv"), (TableKind.COUNT, counted, "月末盘点.csv")):
        read = inventory.bring_table(
            kind=kind, content=text.encode(), file_name=name, reach=EVERYTHING, note=_REASON, at=at, actor=actor
        )
        if kind == TableKind.ARRIVAL and read.table is not None:
            inventory.apply_table(table_id=read.table.pk, reach=EVERYTHING, at=at, actor=actor)
