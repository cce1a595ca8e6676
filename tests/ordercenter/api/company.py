"""A small company with two shops of its own channel, one shop of a platform, and keys for other systems."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.test import Client

from channels_sync.models import ChannelAccount
from ordercenter.catalog.api_keys import create_key
from ordercenter.catalog.models import ApiKey, Channel, Shop, Sku
from ordercenter.common.actor import SYSTEM
from ordercenter.inventory.api_keys import grant_warehouses
from ordercenter.inventory.models import StockLevel, Warehouse
from ordercenter.orders.intake_types import IncomingLine, IncomingOrder, IncomingReceiver
from ordercenter.orders.models import Order
from ordercenter.orders.services import TakenOrder, take_orders

NOON = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
READ, WRITE, CASES = "orders:read", "orders:write", "cases:read"
RECEIVER = IncomingReceiver(
    "王小明", "13800001234", "浙江省", "杭州市", "西湖区", "", "文三路90号", "310012", "", False
)


class Company:
    """shop and other: shops of our own channel. platform_shop: its orders come from Tmall."""

    def __init__(self) -> None:
        channel = Channel.objects.create(code="api", name="接口")
        self.shop = Shop.objects.create(channel=channel, code="pos-1", name="一号店")
        self.other = Shop.objects.create(channel=channel, code="pos-2", name="二号店")
        self.platform_shop = Shop.objects.create(
            channel=Channel.objects.create(code="tmall", name="天猫"), code="tm-1", name="旗舰店"
        )
        ChannelAccount.objects.create(
            shop=self.platform_shop,
            adapter="tmall",
            base_url="http://127.0.0.1:9/",
            app_key="1",
            secrets={"secret": "s"},
        )
        self.sku = Sku.objects.create(code="SKU-1", name="杯子", list_price=Decimal("50.00"))
        self.east = Warehouse.objects.create(code="EAST", name="华东仓")
        self.south = Warehouse.objects.create(code="SOUTH", name="华南仓")
        for warehouse, on_hand, reserved in ((self.east, 10, 3), (self.south, 7, 0)):
            StockLevel.objects.create(sku=self.sku, warehouse=warehouse, on_hand=on_hand, reserved=reserved)

    def key(
        self,
        grants: Mapping[Shop, Collection[str]] | None = None,
        *,
        warehouses: Collection[Warehouse] = (),
        expires_at: datetime | None = None,
        name: str = "till",
    ) -> tuple[ApiKey, str]:
        """A key with these scopes; without any it may do everything in `shop`."""
        if grants is None and not warehouses:
            grants = {self.shop: [READ, WRITE, CASES]}
        by_id = {shop.pk: scopes for shop, scopes in (grants or {}).items()}
        key, secret = create_key(name=name, grants=by_id, actor=SYSTEM, expires_at=expires_at)
        if warehouses:
            grant_warehouses(key_id=key.pk, warehouse_ids=[w.pk for w in warehouses], actor=SYSTEM)
        return key, secret

    def caller(self, grants: Mapping[Shop, Collection[str]] | None = None, **more: Any) -> Caller:
        """Somebody with such a key."""
        return Caller(self.key(grants, **more)[1])

    def orders(self, count: int, *, shop: Shop | None = None, first: int = 1, paid: bool = True) -> list[Order]:
        """So many orders of two lines in this shop, numbered from `first`, each placed an hour after the one before."""
        taken = [TakenOrder((shop or self.shop).pk, incoming(n, paid=paid)) for n in range(first, first + count)]
        return take_orders(taken=taken, at=NOON).created


class Caller:
    """Calls the API with a key."""

    def __init__(self, secret: str, *, language: str = "en") -> None:
        self.headers = {"Authorization": f"Bearer {secret}", "Accept-Language": language}
        self.client = Client(raise_request_exception=False)

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1/{path}", query or None, headers=self.headers)

    def post(self, path: str, body: Any, *, key: str | None = None) -> Any:
        return self.send(path, json.dumps(body, ensure_ascii=False).encode(), key=key)

    def send(self, path: str, body: bytes, *, key: str | None = None, content_type: str = "application/json") -> Any:
        headers = self.headers | ({"Idempotency-Key": key} if key is not None else {})
        return self.client.post(f"/api/v1/{path}", body, content_type=content_type, headers=headers)


def incoming(number: int, *, paid: bool = True) -> IncomingOrder:
    """An order of a cup for 30.00 and a plate for 20.00, freight 5.00."""
    placed = NOON + timedelta(hours=number)
    lines = tuple(
        IncomingLine(
            channel_line_no=f"{number}-{n}",
            listing_id=f"L{n}",
            listing_sku_id="",
            outer_sku=sku,
            title=title,
            sku_text="",
            quantity=n,
            unit_price=share / n,
            discount=Decimal(0),
            paid_share=share,
            status="paid",
            refund_status="none",
            is_gift=False,
        )
        for n, sku, title, share in ((1, "SKU-1", "杯子", Decimal("30.00")), (2, "SKU-2", "盘子", Decimal("20.00")))
    )
    return IncomingOrder(
        channel_order_no=f"NO-{number:05d}",
        status="paid" if paid else "created",
        held=False,
        created_at=placed,
        paid_at=placed + timedelta(minutes=1) if paid else None,
        modified_at=placed + timedelta(minutes=1),
        goods_total=Decimal("50.00"),
        discount_total=Decimal(0),
        freight=Decimal("5.00"),
        total_amount=Decimal("55.00"),
        currency="CNY",
        buyer_id=f"b{number}",
        buyer_nick="",
        buyer_remark="",
        seller_remark="",
        seller_flag=0,
        presale_state=None,
        receiver=RECEIVER,
        lines=lines,
        payment=None,
        raw_status="paid",
    )


def new_order(number: str = "A-1", *, shop: str = "pos-1", **changes: Any) -> dict[str, Any]:
    """A row of a bulk request: a paid order of two cups for 39.80 with freight, 5.00 off; changes: fields of it."""
    order: dict[str, Any] = {
        "shop": shop,
        "channel_order_no": number,
        "status": "paid",
        "placed_at": "2026-11-11T12:00:00+08:00",
        "paid_at": "2026-11-11T12:00:30+08:00",
        "goods_amount": "39.80",
        "discount_amount": "5.00",
        "freight_amount": "6.00",
        "total_amount": "40.80",
        "buyer_id": "member-7",
        "receiver": {
            "name": "王小明",
            "phone": "13800001234",
            "province": "浙江省",
            "city": "杭州市",
            "district": "西湖区",
            "address": "文三路90号",
        },
        "lines": [
            {
                "channel_line_no": "1",
                "sku": "SKU-1",
                "title": "杯子",
                "quantity": 2,
                "unit_price": "19.90",
                "paid_share": "34.80",
            }
        ],
        "payment": {
            "provider": "alipay",
            "external_no": f"2026111122001{number}",
            "amount": "40.80",
            "paid_at": "2026-11-11T12:00:30+08:00",
        },
    }
    order.update(changes)
    return order
