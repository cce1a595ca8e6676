"""What the played warehouses do with goods: expect and receive them, count them, and tell us until we have heard it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from xml.sax.saxutils import escape

from channels_sync.sandbox.documents import clock_text
from channels_sync.sandbox.goods import OWNER_CODE, SKU_BY_CODE
from channels_sync.sandbox.trades import Delivery, Inbound, Word
from channels_sync.sandbox.world import World

PAGE = 50
_CODE_OF = {"entryOrder": "entryorder.confirm", "returnOrder": "returnorder.confirm"}
_WAITING = ("ACCEPT", "NEW")


class Goods:
    """Inbound goods, counts and other words of the warehouses of one customer. put: hands a word to the senders."""

    def __init__(self, world: World, *, put: Callable[[str], None]):
        self.world, self._put = world, put

    def take_inbound(self, inbound: Inbound) -> Inbound:
        """Expect goods; what is known already is answered with the same document, and counted."""
        world = self.world
        with world.change():
            known = world.inbounds.get(inbound.code)
            if known is not None:
                known.receipts += 1
                world.save("inbound", known.code, known)
                return known
            inbound.inbound_id = f"I{world.next_number('inbound'):010d}"
            world.inbounds[inbound.code] = inbound
            world.save("inbound", inbound.code, inbound)
            due = world.clock() + int(world.switches.wms_receive_after_s * 1000)
            world.agenda.at(due, partial(self.receive_if_due, inbound.code))
            return inbound

    def cancel_inbound(self, code: str) -> bool:
        """Expect it no longer; False when it is unknown or in already."""
        with self.world.change():
            inbound = self.world.inbounds.get(code)
            if inbound is None or (inbound.status not in _WAITING and inbound.status != "CANCELED"):
                return False
            inbound.status = "CANCELED"
            self.world.save("inbound", code, inbound)
            return True

    def receive_if_due(self, code: str) -> None:
        """The goods are there: counted, put away, reported."""
        world = self.world
        with world.change():
            inbound = world.inbounds.get(code)
            if inbound is None or inbound.status not in _WAITING:
                return
            inbound.status, inbound.arrived_ms = "FULFILLED", world.clock()
            short = world.rng.random() < world.switches.wms_receive_short
            for at, line in enumerate(inbound.lines):
                line.lacking = 1 if short and at == 0 else 0
                world.find(inbound.warehouse, line.item_code, line.quantity - line.lacking)
            world.save("inbound", code, inbound)
            self.say(_CODE_OF[inbound.kind], inbound.customer_id, _received(inbound))

    def report_count(
        self, customer_id: str, warehouse: str, items: Sequence[Mapping[str, Any]], *, adjust: str = "CHECK"
    ) -> list[str]:
        """inventory.report of these differences ({"sku", "delta", "type"}), fifty a page. Returns the words' ids."""
        world = self.world
        with world.change():
            number = world.next_number("word")
            pages = [items[at : at + PAGE] for at in range(0, len(items), PAGE)] or [[]]
            ids = []
            for page, part in enumerate(pages, start=1):
                rows = "".join(self._difference(warehouse, item) for item in part)
                body = (
                    f"<request><adjustType>{escape(adjust)}</adjustType><checkOrderCode>PD{number:08d}</checkOrderCode>"
                    f"<checkTime>{clock_text(world.clock())}</checkTime><currentPage>{page}</currentPage>"
                    f"<items>{rows}</items><outBizCode>chk-{number:08d}</outBizCode><ownerCode>{OWNER_CODE}</ownerCode>"
                    f"<pageSize>{PAGE}</pageSize><totalPage>{len(pages)}</totalPage>"
                    f"<warehouseCode>{escape(warehouse)}</warehouseCode></request>"
                )
                ids.append(self.say("inventory.report", customer_id, body))
            return ids

    def report_changes(self, customer_id: str, warehouse: str, items: Sequence[Mapping[str, Any]]) -> str:
        """stockchange.report of these ({"sku", "delta", "type"}), each with a number of its own."""
        world = self.world
        with world.change():
            rows = []
            for item in items:
                number = world.next_number("word")
                kind, delta = str(item.get("type", "ZP")), int(item["delta"])
                if kind == "ZP":
                    world.find(warehouse, str(item["sku"]), delta)
                rows.append(
                    f"<item><changeTime>{clock_text(world.clock())}</changeTime><inventoryType>{escape(kind)}"
                    f"</inventoryType><itemCode>{escape(str(item['sku']))}</itemCode>"
                    f"<orderCode>TZ{number:08d}</orderCode><outBizCode>chg-{number:08d}</outBizCode>"
                    f"<ownerCode>{OWNER_CODE}</ownerCode><quantity>{delta}</quantity>"
                    f"<warehouseCode>{escape(warehouse)}</warehouseCode></item>"
                )
            return self.say("stockchange.report", customer_id, f"<request><items>{''.join(rows)}</items></request>")

    def report_lack(self, delivery: Delivery) -> str:
        """itemlack.report of what a delivery lacks."""
        rows = "".join(
            f"<item><itemCode>{escape(line.item_code)}</itemCode><inventoryType>{line.inventory_type}</inventoryType>"
            f"<planQty>{line.quantity}</planQty><lackQty>{line.lacking}</lackQty><reason>货位无货</reason></item>"
            for line in delivery.lines
            if line.lacking
        )
        body = (
            f"<request><createTime>{clock_text(self.world.clock())}</createTime>"
            f"<deliveryOrderCode>{escape(delivery.code)}</deliveryOrderCode>"
            f"<deliveryOrderId>{delivery.delivery_id}</deliveryOrderId><items>{rows}</items>"
            f"<outBizCode>lack-{delivery.delivery_id}</outBizCode>"
            f"<warehouseCode>{escape(delivery.warehouse)}</warehouseCode></request>"
        )
        return self.say("itemlack.report", delivery.customer_id, body)

    def report_progress(self, delivery: Delivery, status: str) -> str:
        """orderprocess.report: how far a delivery is."""
        body = (
            f"<request><order><orderCode>{escape(delivery.code)}</orderCode><orderId>{delivery.delivery_id}</orderId>"
            f"<orderType>{delivery.order_type}</orderType><warehouseCode>{escape(delivery.warehouse)}</warehouseCode>"
            f"</order><process><operateTime>{clock_text(self.world.clock())}</operateTime>"
            f"<operatorCode>W07</operatorCode><processStatus>{escape(status)}</processStatus></process></request>"
        )
        return self.say("orderprocess.report", delivery.customer_id, body)

    def say(self, method: str, customer_id: str, body: str) -> str:
        """Send this document until it is heard; answers with its id."""
        world = self.world
        with world.change():
            word = Word(f"word:{world.next_number('word')}", method, customer_id, body)
            world.words[word.id] = word
            world.save("word", word.id, word)
        self._put(word.id)
        return word.id

    def resume(self) -> None:
        """After a restart: receive what is due, repeat what was not heard."""
        for code, inbound in self.world.inbounds.items():
            if inbound.status in _WAITING:
                self.world.agenda.at(self.world.clock(), partial(self.receive_if_due, code))
        for word in self.world.words.values():
            if not word.heard_ms:
                self._put(word.id)

    def _difference(self, warehouse: str, item: Mapping[str, Any]) -> str:
        kind, delta, sku = str(item.get("type", "ZP")), int(item["delta"]), str(item["sku"])
        if sku not in SKU_BY_CODE:
            raise ValueError(f"no SKU {sku} in the catalogue")
        if kind == "ZP":
            self.world.find(warehouse, sku, delta)
        return (
            f"<item><inventoryType>{escape(kind)}</inventoryType><itemCode>{escape(sku)}</itemCode>"
            f"<quantity>{delta}</quantity></item>"
        )


def _received(inbound: Inbound) -> str:
    lines = "".join(
        f"<orderLine><actualQty>{line.quantity - line.lacking}</actualQty>"
        f"<inventoryType>{line.inventory_type}</inventoryType><itemCode>{escape(line.item_code)}</itemCode>"
        f"<orderLineNo>{escape(line.line_no)}</orderLineNo><planQty>{line.quantity}</planQty></orderLine>"
        for line in inbound.lines
    )
    name = inbound.kind
    arrived = clock_text(inbound.arrived_ms)
    return (
        f"<request><{name}><{name}Code>{escape(inbound.code)}</{name}Code><{name}Id>{inbound.inbound_id}</{name}Id>"
        f"<confirmType>0</confirmType><operateTime>{arrived}</operateTime><orderConfirmTime>{arrived}"
        f"</orderConfirmTime><outBizCode>{inbound.inbound_id}-1</outBizCode><status>FULFILLED</status>"
        f"<warehouseCode>{escape(inbound.warehouse)}</warehouseCode></{name}><orderLines>{lines}</orderLines></request>"
    )
