"""A small company to run orders through: one Tmall shop, two warehouses, a handful of goods, and raw trades of it."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from channels_sync.kinds import ORDER_KIND
from channels_sync.models import ChannelAccount
from fulfillment.models import Carrier, WmsAccount
from ordercenter.catalog.models import BundlePart, Channel, Shop, Sku
from ordercenter.events.inbox import Incoming, receive
from ordercenter.inventory.models import Warehouse
from ordercenter.inventory.services import Movement, move_stock
from ordercenter.inventory.states import MovementReason
from ordercenter.orders.standard import standard_flows
from ordercenter.workflow.models import Flow
from ordercenter.workflow.services import install_flows
from tests.fulfillment.contracts import contract_of

SHANGHAI = ZoneInfo("Asia/Shanghai")


class World:
    """Makes the company's rows; `trade` makes raw trades of its shop, `deliver` puts them into the inbox."""

    def __init__(self, *, stock: int = 1000, flows: bool = True) -> None:
        channel = Channel.objects.create(code="tmall", name="天猫")
        self.shop = Shop.objects.create(channel=channel, code="tm1", name="木棉家居旗舰店")
        self.account = ChannelAccount.objects.create(
            shop=self.shop,
            adapter="tmall",
            base_url="http://127.0.0.1:9/router/rest",
            app_key="23777001",
            secrets={"secret": "s", "session": "t"},
        )
        self.east = Warehouse.objects.create(code="EAST", name="华东仓", province="浙江省", customer_id="c1")
        self.south = Warehouse.objects.create(code="SOUTH", name="华南仓", province="广东省", customer_id="c2")
        # In bulk, here and below: a test's company needs no history, and half the time of a test goes into it.
        WmsAccount.objects.bulk_create(
            WmsAccount(warehouse=w, base_url="http://127.0.0.1:9/", app_key="1", secret=f"wms-{w.code}")
            for w in (self.east, self.south)
        )
        self.carrier = Carrier.objects.create(code="ZTO", name="中通快递")
        contract_of(self.east, self.carrier, {"": "9", "33": "5"})
        contract_of(self.south, self.carrier, {"": "8", "44": "4"})
        self.skus = Sku.objects.bulk_create(
            Sku(code=f"SKU-{n}", name=f"商品{n}", weight_g=400, list_price=Decimal(50 + n), floor_price=Decimal(10))
            for n in range(10)
        )
        self.bundle = Sku.objects.create(code="SET-1", name="套装", is_bundle=True, list_price=Decimal(90))
        BundlePart.objects.create(bundle=self.bundle, part=self.skus[0], quantity=1)
        BundlePart.objects.create(bundle=self.bundle, part=self.skus[1], quantity=2)
        self.stock(dict.fromkeys([sku.code for sku in self.skus], stock))
        if flows:
            install_flows(documents=standard_flows())
        self.next_tid = 4012345678900000000

    def stock(self, pieces: dict[str, int], *, warehouse: Warehouse | None = None, key: str = "first") -> None:
        ids = dict(Sku.objects.values_list("code", "pk"))
        move_stock(
            movements=[
                Movement(ids[code], w.pk, n, MovementReason.COUNT, key, f"{key}:{code}:{w.code}")
                for code, n in pieces.items()
                for w in ([warehouse] if warehouse else [self.east, self.south])
                if n
            ]
        ).raise_first()

    def leave_rejected_to_people(self) -> None:
        """No flow looks for another warehouse when one rejects an order."""
        Flow.objects.filter(key="standard-rejected").update(is_paused=True)

    def trade(self, *lines: tuple[str, int, str], **changes: Any) -> dict[str, Any]:
        """A paid trade; lines: (outer SKU, pieces, paid share). changes: fields of the trade."""
        self.next_tid += 1
        now = timezone.now().astimezone(SHANGHAI)
        stamp = now.strftime("%Y-%m-%d %H:%M:%S")
        total = sum(Decimal(share) for _, _, share in lines)
        trade = {
            "tid": self.next_tid,
            "tid_str": str(self.next_tid),
            "type": "fixed",
            "status": "WAIT_SELLER_SEND_GOODS",
            "created": (now - timedelta(seconds=30)).strftime("%Y-%m-%d %H:%M:%S"),
            "pay_time": stamp,
            "modified": stamp,
            "payment": str(total),
            "total_fee": str(total),
            "discount_fee": "0.00",
            "post_fee": "0.00",
            "adjust_fee": "0.00",
            "seller_nick": "木棉",
            "buyer_nick": "王**",
            "buyer_open_uid": f"AAH{self.next_tid}",
            "shipping_type": "express",
            "receiver_name": "王**",
            "receiver_state": "浙江省",
            "receiver_city": "杭州市",
            "receiver_district": "西湖区",
            "receiver_town": "",
            "receiver_address": "文三路***",
            "receiver_mobile": "*******0000",
            "receiver_zip": "310012",
            "oaid": f"oaid-{self.next_tid}",
            "seller_flag": 0,
            "has_buyer_message": False,
            "alipay_no": f"20261122220014{self.next_tid % 10**10:010d}",
            "orders": {
                "order": [
                    {
                        "oid": self.next_tid * 10 + n,
                        "oid_str": str(self.next_tid * 10 + n),
                        "title": sku,
                        "num_iid": 680000000001,
                        "sku_id": f"51{n}",
                        "outer_sku_id": sku,
                        "outer_iid": "SPU",
                        "price": str((Decimal(share) / pieces).quantize(Decimal("0.01"))),
                        "num": pieces,
                        "total_fee": share,
                        "payment": share,
                        "divide_order_fee": share,
                        "discount_fee": "0.00",
                        "adjust_fee": "0.00",
                        "status": "WAIT_SELLER_SEND_GOODS",
                        "refund_status": "NO_REFUND",
                    }
                    for n, (sku, pieces, share) in enumerate(lines)
                ]
            },
        }
        trade.update(changes)
        return trade

    def deliver(self, *trades: dict[str, Any]) -> int:
        return receive([self.message(trade) for trade in trades])

    def message(self, trade: dict[str, Any]) -> Incoming:
        body = json.dumps({"trade_fullinfo_get_response": {"trade": trade}}, ensure_ascii=False).encode()
        return Incoming(
            source=f"account:{self.account.pk}",
            kind=ORDER_KIND,
            message_id=f"{trade['tid']}:{trade['modified']}:{trade['status']}",
            subject=f"account:{self.account.pk}:{trade['tid']}",
            body=body,
        )
