"""The played warehouse: takes delivery orders, ships them after a while, and tells us until we say that we heard it."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from channels_sync.sandbox.credentials import Credentials
from channels_sync.sandbox.documents import clock_text
from channels_sync.sandbox.goods import CARRIERS, SKU_BY_CODE
from channels_sync.sandbox.trades import Delivery, Package
from channels_sync.sandbox.warehouse_goods import Goods
from channels_sync.sandbox.world import World
from fulfillment.wms.qimen import CONFIRM, QimenCredentials, signed_query
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.http import exchange

logger = logging.getLogger(__name__)

SENDERS = 4
MOST_PAUSE_S = 60
STOCK_OUT_CONFIRM = "stockout.confirm"
PACKING_G = 100
UNKNOWN_ITEM_G = 500
_WAITING = ("ACCEPT", "NEW")

Send = Callable[[str, bytes], bytes]


class Warehouse:
    """All warehouses of the demo company behind one Qimen customer id."""

    def __init__(self, world: World, credentials: Credentials, *, send: Send | None = None):
        """send: how a signed confirm reaches us, (url, body) -> the answer's body; real HTTP unless said (tests)."""
        self.world, self.credentials = world, credentials
        self._send = send or _post
        self._outbox: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.goods = Goods(world, put=self._outbox.put)
        self._senders: list[threading.Thread] = []

    def start(self) -> None:
        """Send confirms from a few threads of their own, so that a slow receiver does not stop the world.

        They end with the process: what they had in hand is sent again after the next start, which receivers must bear.
        """
        for number in range(SENDERS):
            sender = threading.Thread(target=self._send_all, name=f"sandbox-confirm-{number}", daemon=True)
            sender.start()
            self._senders.append(sender)

    def send_waiting(self) -> int:
        """Send what waits, in this thread; returns how many (tests, where no threads run)."""
        done = 0
        while not self._outbox.empty():
            self._confirm(self._outbox.get())
            done += 1
        return done

    def take(self, delivery: Delivery, *, digest: str) -> Delivery:
        """Take a delivery order; one that is known already is answered with the same document, and counted."""
        world = self.world
        with world.change():
            known = world.deliveries.get(delivery.code)
            if known is not None:
                known.receipts += 1
                known.changed_receipts += digest != known.body_digest
                world.save("delivery", known.code, known)
                return known
            delivery.delivery_id = f"W{world.next_number('delivery'):010d}"
            delivery.body_digest = digest
            delivery.ship_due_ms = world.clock() + int(world.switches.ship_after_s * 1000)
            world.deliveries[delivery.code] = delivery
            world.save("delivery", delivery.code, delivery)
            world.agenda.at(delivery.ship_due_ms, partial(self.ship_if_due, delivery.code))
            return delivery

    def cancel(self, code: str) -> bool:
        """Stop a delivery order; False when it is unknown, has left already, or nothing is stopped here at present."""
        with self.world.change():
            if self.world.switches.wms_refuse_cancel:
                return False
            delivery = self.world.deliveries.get(code)
            if delivery is None or (delivery.status not in _WAITING and delivery.status != "CANCELED"):
                return False
            if delivery.status != "CANCELED":
                delivery.status, delivery.cancelled_ms = "CANCELED", self.world.clock()
                self.world.save("delivery", code, delivery)
            return True

    def ship_if_due(self, code: str) -> None:
        """The parcel leaves: packed, weighed, labelled, and reported."""
        world = self.world
        with world.change():
            delivery = world.deliveries.get(code)
            if delivery is None or delivery.status not in _WAITING:
                return
            draw, switches = world.rng.random, world.switches
            if draw() < switches.wms_reject_later:
                delivery.status, delivery.confirm_id = "REJECT", f"{delivery.delivery_id}-no"
                world.save("delivery", code, delivery)
                self._outbox.put(code)
                return
            if delivery.is_stock_out:
                self._send_over(delivery, short=draw() < switches.wms_lack)
                return
            if delivery.carrier not in CARRIERS:
                delivery.carrier = "ZTO"
            if draw() < switches.wms_lack:
                delivery.lines[0].lacking = 1
                self.goods.report_lack(delivery)
            if draw() < switches.wms_progress:
                for word in ("PRINT", "PICK", "CHECK", "PACKAGE"):
                    self.goods.report_progress(delivery, word)
            if delivery.lacking == delivery.quantity:
                # Nothing is there to be packed: confirmed all the same, with nothing.
                delivery.status, delivery.shipped_ms = "DELIVERED", world.clock()
                delivery.confirm_id = f"{delivery.delivery_id}-0"
                world.save("delivery", code, delivery)
                self._outbox.put(code)
                return
            if draw() < switches.wms_two_parcels and delivery.quantity > 1:
                self._first_parcel(delivery)
            number = world.next_number("waybill")
            items = [(line.item_code, line.quantity - line.lacking) for line in delivery.lines]
            weight_g = PACKING_G + sum(_weight_g(code) * pieces for code, pieces in items)
            delivery.packages = [Package(CARRIERS[delivery.carrier][2].format(number), weight_g, items)]
            delivery.status, delivery.shipped_ms = "DELIVERED", world.clock()
            delivery.confirm_id = f"{delivery.delivery_id}-{number}"
            world.count_shipped(delivery)
            world.save("delivery", code, delivery)
            self._outbox.put(code)
            if world.rng.random() < world.switches.wms_confirm_duplicates:
                self._outbox.put(code)

    def _send_over(self, delivery: Delivery, *, short: bool) -> None:
        """Goods for another warehouse leave on a lorry: no parcels. short: one piece is not found."""
        world = self.world
        delivery.lines[0].lacking = int(short)
        delivery.status, delivery.shipped_ms = "DELIVERED", world.clock()
        delivery.confirm_id = f"{delivery.delivery_id}-1"
        world.count_shipped(delivery)
        world.save("delivery", delivery.code, delivery)
        self._outbox.put(delivery.code)
        if world.rng.random() < world.switches.wms_confirm_duplicates:
            self._outbox.put(delivery.code)

    def resume(self) -> None:
        """After a restart: ship what is due, repeat what was not heard."""
        for code, delivery in self.world.deliveries.items():
            if delivery.status in _WAITING:
                self.world.agenda.at(delivery.ship_due_ms, partial(self.ship_if_due, code))
            elif delivery.status in ("DELIVERED", "REJECT") and not delivery.confirmed_ms:
                self._outbox.put(code)
        self.goods.resume()

    def stock(self, warehouse: str, item_code: str) -> int:
        """Pieces of an item in a warehouse: what it began with and what came in or was found, less what left."""
        sku = SKU_BY_CODE.get(item_code)
        found = self.world.found_stock.get(f"{warehouse}|{item_code}", 0)
        return (sku.stock if sku else 0) + found - self.world.shipped_stock.get((warehouse, item_code), 0)

    def confirm_xml(self, delivery: Delivery) -> str:
        """The deliveryorder.confirm of a shipped delivery, or the stockout.confirm of what went to another place."""
        packages = "".join(
            f"<package><logisticsCode>{delivery.carrier}</logisticsCode>"
            f"<logisticsName>{CARRIERS[delivery.carrier][1]}</logisticsName>"
            f"<expressCode>{package.waybill}</expressCode><packageCode>{delivery.delivery_id}-{number}</packageCode>"
            f"<weight>{package.weight_g // 1000}.{package.weight_g % 1000:03d}</weight><items>"
            + "".join(
                f"<item><itemCode>{escape(code)}</itemCode><quantity>{quantity}</quantity></item>"
                for code, quantity in package.items
            )
            + "</items></package>"
            for number, package in enumerate(delivery.packages, start=1)
        )
        lines = "".join(
            f"<orderLine><orderLineNo>{escape(line.line_no)}</orderLineNo><itemCode>{escape(line.item_code)}</itemCode>"
            f"<inventoryType>{line.inventory_type}</inventoryType><planQty>{line.quantity}</planQty>"
            f"<actualQty>{line.quantity - line.lacking if delivery.shipped_ms else 0}</actualQty></orderLine>"
            for line in delivery.lines
        )
        shipped = clock_text(delivery.shipped_ms) if delivery.shipped_ms else ""
        times = f"<orderConfirmTime>{shipped}</orderConfirmTime><operateTime>{shipped}</operateTime>" if shipped else ""
        confirm = f"<outBizCode>{delivery.confirm_id}</outBizCode>" if delivery.confirm_id else ""
        return (
            f"<deliveryOrder><deliveryOrderCode>{escape(delivery.code)}</deliveryOrderCode>"
            f"<deliveryOrderId>{delivery.delivery_id}</deliveryOrderId>"
            f"<warehouseCode>{escape(delivery.warehouse)}</warehouseCode><orderType>{delivery.order_type}</orderType>"
            f"<status>{delivery.status}</status>{confirm}<confirmType>0</confirmType>{times}</deliveryOrder>"
            f"<packages>{packages}</packages><orderLines>{lines}</orderLines>"
        )

    def _send_all(self) -> None:
        while True:
            self._confirm(self._outbox.get())

    def _confirm(self, code: str) -> None:
        """Report once; when that was not answered with success, try again later, for ever."""
        try:
            self._confirm_once(code)
        except Exception:
            # The border of a sender's thread: it must live on.
            logger.exception("confirm of %s failed", code)

    def _first_parcel(self, delivery: Delivery) -> None:
        """An intermediate confirm of one piece, sent before the final one; the rest follows with that."""
        line = delivery.lines[0]
        number = self.world.next_number("waybill")
        waybill = CARRIERS[delivery.carrier][2].format(number)
        weight_g = PACKING_G + _weight_g(line.item_code)
        now = clock_text(self.world.clock())
        line.quantity -= 1
        self.world.find(delivery.warehouse, line.item_code, -1)
        self.goods.say(
            CONFIRM,
            delivery.customer_id,
            f"<request><deliveryOrder><deliveryOrderCode>{escape(delivery.code)}</deliveryOrderCode>"
            f"<deliveryOrderId>{delivery.delivery_id}</deliveryOrderId>"
            f"<warehouseCode>{escape(delivery.warehouse)}</warehouseCode><orderType>{delivery.order_type}</orderType>"
            f"<status>PARTDELIVERED</status><outBizCode>{delivery.delivery_id}-{number}</outBizCode>"
            f"<confirmType>1</confirmType><operateTime>{now}</operateTime></deliveryOrder>"
            f"<packages><package><logisticsCode>{delivery.carrier}</logisticsCode><expressCode>{waybill}</expressCode>"
            f"<packageCode>{delivery.delivery_id}-0</packageCode>"
            f"<weight>{weight_g // 1000}.{weight_g % 1000:03d}</weight><items><item>"
            f"<itemCode>{escape(line.item_code)}</itemCode><quantity>1</quantity></item></items></package></packages>"
            f"<orderLines><orderLine><orderLineNo>{escape(line.line_no)}</orderLineNo>"
            f"<itemCode>{escape(line.item_code)}</itemCode><inventoryType>{line.inventory_type}</inventoryType>"
            f"<planQty>{line.quantity + 1}</planQty><actualQty>1</actualQty></orderLine></orderLines></request>",
        )

    def _confirm_once(self, code: str) -> None:
        world = self.world
        if code.startswith("word:"):
            self._say_once(code)
            return
        with world.lock:
            delivery = world.deliveries.get(code)
            if delivery is None:
                return
            body = f"<request>{self.confirm_xml(delivery)}</request>".encode()
            customer_id = delivery.customer_id
            method = STOCK_OUT_CONFIRM if delivery.is_stock_out else CONFIRM
        problem = self._deliver(method, customer_id, body)
        with world.change():
            delivery.confirm_tries += 1
            delivery.confirm_error = problem
            if not problem:
                delivery.confirmed_ms = delivery.confirmed_ms or world.clock()
            elif not delivery.confirmed_ms and world.deliveries.get(code) is delivery:
                pause_s = min(MOST_PAUSE_S, world.switches.wms_retry_s * 2 ** min(delivery.confirm_tries - 1, 10))
                world.agenda.at(world.clock() + int(pause_s * 1000), partial(self._outbox.put, code))
            if world.deliveries.get(code) is delivery:
                world.save("delivery", code, delivery)

    def _say_once(self, word_id: str) -> None:
        world = self.world
        with world.lock:
            word = world.words.get(word_id)
        if word is None:
            return
        problem = self._deliver(word.method, word.customer_id, word.body.encode())
        with world.change():
            word.tries += 1
            word.error = problem
            if not problem:
                word.heard_ms = word.heard_ms or world.clock()
            elif not word.heard_ms and word_id in world.words:
                pause_s = min(MOST_PAUSE_S, world.switches.wms_retry_s * 2 ** min(word.tries - 1, 10))
                world.agenda.at(world.clock() + int(pause_s * 1000), partial(self._outbox.put, word_id))
            if word_id in world.words:
                world.save("word", word_id, word)

    def _deliver(self, method: str, customer_id: str, body: bytes) -> str:
        """Bring a signed document to us; what went wrong, or nothing."""
        world = self.world
        with world.lock:
            link = QimenCredentials(
                app_key=self.credentials.qimen_app_key,
                secret=self.credentials.qimen_secret,
                customer_id=customer_id,
                base_url=world.switches.wms_callback_url.replace("{customerId}", customer_id),
                prefix="",
            )
        query = signed_query(link, method, body, at=datetime.fromtimestamp(world.clock() / 1000, tz=UTC))
        glue = "&" if "?" in link.base_url else "?"
        try:
            answer = self._send(f"{link.base_url}{glue}{urlencode(query)}", body)
        except OrderCenterError as error:
            return str(error)
        heard = b"<flag>success</flag>" in answer
        return "" if heard else answer[:200].decode(errors="replace") or "an empty answer"


def _weight_g(item_code: str) -> int:
    sku = SKU_BY_CODE.get(item_code)
    return sku.weight_g if sku else UNKNOWN_ITEM_G


def _post(url: str, body: bytes) -> bytes:
    answer = exchange(url, content=body, content_type="text/xml;charset=utf-8", timeout_s=10)
    return answer.body if answer.status == 200 else f"HTTP {answer.status}".encode()
