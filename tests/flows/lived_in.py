"""A company some days old: orders in every situation, each reached through the services, nothing wrong with any."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from channels_sync.kinds import REFUND_KIND
from fulfillment.models import Shipment
from fulfillment.services.freight_bills import import_courier_bill
from ordercenter.common.actor import Actor
from ordercenter.events.inbox import Incoming, receive
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order
from ordercenter.orders.services import cancel_orders, release_holds
from tests.flows.outside import answer_everything, finished, import_bill, settle_down, ship
from tests.flows.world import SHANGHAI, World


class LivedIn:
    """The orders by what became of them: `orders["completed"]` and so on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answer_everything(monkeypatch)
        self.world = World(stock=50)
        self.orders: dict[str, Order] = {}
        user = get_user_model().objects.create(username="lin")
        self.person = Actor("person", "lin", user_id=user.pk)
        self._complete_one()
        import_bill(**{"2026112222001499000000000001": "12.34"})
        self._take_courier_bill()
        self._leave_open_ones()
        self._refund_one()
        self._ship_half_of_one()
        self._cancel_some()

    def order(self, name: str) -> int:
        return self.orders[name].pk

    def shipment(self, name: str) -> Shipment:
        """The order's only shipment."""
        return Shipment.objects.get(lines__order=self.orders[name], lines__order_line__line_no=1)

    def line(self, name: str) -> int:
        """The order's first line."""
        return int(self.orders[name].lines.order_by("line_no").values_list("pk", flat=True)[0])

    def _take(self, name: str, *lines: tuple[str, int, str], **changes: Any) -> dict[str, Any]:
        trade = self.world.trade(*lines, **changes)
        self.world.deliver(trade)
        settle_down()
        self.orders[name] = Order.objects.get(channel_order_no=str(trade["tid"]))
        return trade

    def _complete_one(self) -> None:
        trade = self._take("completed", ("SKU-1", 2, "110.00"), ("SET-1", 1, "89.90"))
        ship(self.shipment("completed"), tracking_no="ZT1")
        settle_down()
        self.world.deliver(finished(trade))
        settle_down()

    def _take_courier_bill(self) -> None:
        """The courier asks for the parcel that has left, and for one that nobody knows."""
        parcel = self.shipment("completed").parcels.get()
        price = "5.00" if parcel.shipment.warehouse_id == self.world.east.pk else "8.00"
        done = import_courier_bill(
            content=f"运单号,合计金额\nZT1,{price}\nSTRANGE1,6.00\n".encode(),
            file_name="bill.csv",
            carrier_id=parcel.carrier_id,
            at=timezone.now(),
            actor=self.person,
            starts_on=parcel.shipped_at.date() - timedelta(days=1),
            ends_on=parcel.shipped_at.date() + timedelta(days=2),
        )
        assert done.differences == {"unknown_parcel": 1}, done
        self.freight_bill = done.bill_id or 0

    def _leave_open_ones(self) -> None:
        self._take("at_warehouse", ("SKU-2", 3, "156.00"))
        self._take("unmatched", ("NOBODY", 1, "30.00"))
        self._take("short", ("SKU-3", 101, "5353.00"))
        self._take("unpaid", ("SKU-4", 1, "54.00"), status="WAIT_BUYER_PAY", pay_time="", alipay_no="")
        self._take("accepted", ("SKU-5", 1, "55.00"), buyer_message="送人的", has_buyer_message=True)
        order_ids = [self.order("accepted")]
        release_holds(order_ids=order_ids, reason="nothing to do", at=timezone.now(), actor=self.person)
        settle_down()

    def _refund_one(self) -> None:
        trade = self._take("refunded", ("SKU-6", 1, "56.00"), ("SKU-7", 1, "57.00"))
        for number, line in enumerate(trade["orders"]["order"]):
            self._refund(trade, line, number)
        settle_down()

    def _refund(self, trade: dict[str, Any], line: dict[str, Any], number: int) -> None:
        now = timezone.now().astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
        refund = {
            "refund_id": f"{trade['tid']}{number}",
            "tid": trade["tid"],
            "oid": line["oid"],
            "status": "SUCCESS",
            "refund_fee": line["payment"],
            "refund_version": 2,
            "created": now,
            "modified": now,
            "reason": "不想要了",
            "has_good_return": False,
            "refund_phase": "onsale",
        }
        source = f"account:{self.world.account.pk}"
        receive(
            [
                Incoming(
                    source=source,
                    kind=REFUND_KIND,
                    message_id=f"{refund['refund_id']}:1",
                    subject=f"{source}:{trade['tid']}",
                    body=json_body(refund),
                )
            ]
        )

    def _ship_half_of_one(self) -> None:
        self._take("short_picked", ("SKU-8", 2, "116.00"), ("SKU-9", 1, "59.00"))
        ship(self.shipment("short_picked"), tracking_no="ZT2", actual=[1, 1])
        settle_down()

    def _cancel_some(self) -> None:
        for name, sku in (("stopped", "SKU-1"), ("stray", "SKU-2"), ("stopping", "SKU-4")):
            self._take(name, (sku, 1, "60.00"))
            cancel_orders(order_ids=[self.order(name)], reason="buyer changed her mind", at=timezone.now())
            Relay().drain()
            if name == "stopped":
                settle_down()
            if name == "stray":
                ship(self.shipment(name), tracking_no="ZT3")
                settle_down()


def json_body(refund: dict[str, Any]) -> bytes:
    """A refund as `taobao.refund.get` answers."""
    return json.dumps({"refund_get_response": {"refund": refund}}, ensure_ascii=False).encode()
