"""The warehouse's door: `POST /router/qimen/service?...`, signed query, XML body, `<flag>` in the answer.

Business refusals are `failure` with HTTP 200. A delivery order whose number is known is answered as success with the
same id, as the standard asks. The words of failure codes are ours: the standard leaves them to the warehouse.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from channels_sync.sandbox.credentials import Credentials
from channels_sync.sandbox.documents import clock_text
from channels_sync.sandbox.goods import SKU_BY_CODE, WAREHOUSES
from channels_sync.sandbox.trades import STOCK_OUT_TYPES, Delivery, DeliveryLine, Inbound
from channels_sync.sandbox.warehouse import Warehouse
from fulfillment.wms.qimen import short_method
from ordercenter.common.gmt8 import parse_gmt8
from ordercenter.common.signing import top_sign_is_valid

TIME_TOLERANCE_MS = 10 * 60 * 1000


class QimenFailure(Exception):
    """An answer with flag failure."""

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class Qimen:
    """Reads requests to the warehouse and writes its answers."""

    def __init__(self, warehouse: Warehouse, credentials: Credentials):
        self.warehouse, self.world, self.credentials = warehouse, warehouse.world, credentials
        self._methods: dict[str, Callable[[Element, bytes], str]] = {
            "deliveryorder.create": self._create,
            "order.cancel": self._cancel,
            "deliveryorder.query": self._query,
            "inventory.query": self._inventory,
            "stockout.create": self._send_over,
            "stockout.query": lambda root, _body: self._standing(_needed(root, "deliveryOrderCode")),
            "entryorder.create": lambda root, _body: self._expect(root, "entryOrder"),
            "returnorder.create": lambda root, _body: self._expect(root, "returnOrder"),
            "singleitem.synchronize": lambda root, _body: self._items(root, root.findall("item")),
            "items.synchronize": lambda root, _body: self._items(root, root.findall("items/item")),
        }

    def answer(self, query: Mapping[str, str], body: bytes) -> bytes:
        """The XML body for one call."""
        try:
            self._check(query, body)
            method = self._methods.get(short_method(query))
            if method is None:
                raise QimenFailure("isv.invalid-method", f"no such method: {query.get('method', '')}")
            return _response("success", "0", "ok", method(_parse(body), body))
        except QimenFailure as failure:
            return _response("failure", failure.code, failure.message)

    def _check(self, query: Mapping[str, str], body: bytes) -> None:
        keys = self.credentials
        if query.get("app_key") != keys.qimen_app_key:
            raise QimenFailure("isv.invalid-app-key", "app_key is not known")
        if not top_sign_is_valid(query, sign=query.get("sign", ""), secret=keys.qimen_secret, body=body):
            raise QimenFailure("sign-check-failure", "Illegal request")
        if query.get("customerId") != keys.qimen_customer_id:
            raise QimenFailure("isv.invalid-customer-id", "customerId is not known")
        try:
            sent_ms = int(parse_gmt8(query.get("timestamp", "")).timestamp()) * 1000
        except ValueError:
            raise QimenFailure("isv.invalid-timestamp", "timestamp is missing or ill-formed") from None
        if abs(sent_ms - self.world.clock()) > TIME_TOLERANCE_MS:
            raise QimenFailure("isv.invalid-timestamp", "timestamp is too far off")

    def _create(self, root: Element, body: bytes) -> str:
        order = root.find("deliveryOrder")
        if order is None:
            raise QimenFailure("isv.missing-field", "deliveryOrder is missing")
        if self.world.rng.random() < self.world.switches.wms_refuse:
            raise QimenFailure("wms.refused", "仓库暂不接单")
        code, warehouse = _needed(order, "deliveryOrderCode"), _needed(order, "warehouseCode")
        receiver = order.find("receiverInfo")
        if receiver is None or not (_text(receiver, "oaid") or _text(receiver, "mobile")):
            raise QimenFailure("isv.missing-field", "receiverInfo needs mobile or oaid")
        lines = _lines(root)
        delivery = self._take(order, code, warehouse, lines, body, order_type=_text(order, "orderType") or "JYCK")
        return (
            f"<createTime>{clock_text(delivery.received_ms)}</createTime>"
            f"<deliveryOrderId>{delivery.delivery_id}</deliveryOrderId>"
            f"<warehouseCode>{escape(delivery.warehouse)}</warehouseCode>"
            f"<logisticsCode>{escape(delivery.carrier)}</logisticsCode>"
        )

    def _send_over(self, root: Element, body: bytes) -> str:
        """Goods for another place of the owner: no buyer, but a place they go to."""
        order = root.find("deliveryOrder")
        if order is None:
            raise QimenFailure("isv.missing-field", "deliveryOrder is missing")
        if self.world.rng.random() < self.world.switches.wms_refuse:
            raise QimenFailure("wms.refused", "仓库暂不出库")
        code, warehouse = _needed(order, "deliveryOrderCode"), _needed(order, "warehouseCode")
        kind, receiver = _needed(order, "orderType"), order.find("receiverInfo")
        if kind not in STOCK_OUT_TYPES:
            raise QimenFailure("isv.invalid-field", f"orderType must be one of {', '.join(STOCK_OUT_TYPES)}")
        if receiver is None or not _text(receiver, "name") or not _text(receiver, "detailAddress"):
            raise QimenFailure("isv.missing-field", "receiverInfo needs name and detailAddress")
        delivery = self._take(order, code, warehouse, _lines(root), body, order_type=kind)
        return (
            f"<createTime>{clock_text(delivery.received_ms)}</createTime>"
            f"<deliveryOrderId>{delivery.delivery_id}</deliveryOrderId>"
        )

    def _take(
        self, order: Element, code: str, warehouse: str, lines: list[DeliveryLine], body: bytes, *, order_type: str
    ) -> Delivery:
        return self.warehouse.take(
            Delivery(
                code=code,
                delivery_id="",
                customer_id=self.credentials.qimen_customer_id,
                warehouse=warehouse,
                order_type=order_type,
                carrier=_text(order, "logisticsCode"),
                lines=lines,
                received_ms=self.world.clock(),
            ),
            digest=hashlib.sha256(body).hexdigest()[:16],
        )

    def _cancel(self, root: Element, _body: bytes) -> str:
        code = _needed(root, "orderCode")
        if not (self.warehouse.cancel(code) or self.warehouse.goods.cancel_inbound(code)):
            raise QimenFailure("wms.not-cancellable", "单据不存在或已出库，无法取消")
        return ""

    def _expect(self, root: Element, kind: str) -> str:
        order = root.find(kind)
        if order is None:
            raise QimenFailure("isv.missing-field", f"{kind} is missing")
        if self.world.rng.random() < self.world.switches.wms_refuse:
            raise QimenFailure("wms.refused", "仓库暂不收货")
        lines = _lines(root)
        inbound = self.warehouse.goods.take_inbound(
            Inbound(
                code=_needed(order, f"{kind}Code"),
                inbound_id="",
                kind=kind,
                customer_id=self.credentials.qimen_customer_id,
                warehouse=_needed(order, "warehouseCode"),
                order_type=_text(order, "orderType"),
                lines=lines,
                received_ms=self.world.clock(),
                tracking_no=_text(order, "expressCode"),
            )
        )
        return f"<{kind}Id>{inbound.inbound_id}</{kind}Id>"

    def _items(self, root: Element, items: list[Element]) -> str:
        _needed(root, "warehouseCode")
        is_new = _needed(root, "actionType") == "add"
        told = {_needed(item, "itemCode"): _needed(item, "itemName") for item in items}
        if not told:
            raise QimenFailure("isv.missing-field", "item is missing")
        with self.world.change():
            if is_new and (known := sorted(told.keys() & self.world.items_told.keys())):
                raise QimenFailure("wms.item-exists", f"商品已存在: {known[0]}")
            self.world.items_told.update(told)
            self.world.save("meta", "items", self.world.items_told)
        return ""

    def _query(self, root: Element, _body: bytes) -> str:
        return self._standing(_needed(root, "orderCode"))

    def _standing(self, code: str) -> str:
        with self.world.lock:
            delivery = self.world.deliveries.get(code)
            if delivery is None:
                raise QimenFailure("wms.order-not-exist", "单据不存在")
            return f"<totalLines>{len(delivery.lines)}</totalLines>{self.warehouse.confirm_xml(delivery)}"

    def _inventory(self, root: Element, _body: bytes) -> str:
        items = []
        with self.world.lock:
            for criteria in root.findall("criteriaList/criteria"):
                code, kind = _needed(criteria, "itemCode"), _text(criteria, "inventoryType") or "ZP"
                wanted = _text(criteria, "warehouseCode")
                for warehouse in [wanted] if wanted else [place.code for place in WAREHOUSES]:
                    quantity = self.warehouse.stock(warehouse, code) if kind == "ZP" and code in SKU_BY_CODE else 0
                    items.append(
                        f"<item><warehouseCode>{escape(warehouse)}</warehouseCode><itemCode>{escape(code)}</itemCode>"
                        f"<inventoryType>{escape(kind)}</inventoryType><quantity>{quantity}</quantity>"
                        "<lockQuantity>0</lockQuantity></item>"
                    )
        return f"<items>{''.join(items)}</items>"


def _response(flag: str, code: str, message: str, content: str = "") -> bytes:
    text = f"<flag>{flag}</flag><code>{escape(code)}</code><message>{escape(message)}</message>"
    return f'<?xml version="1.0" encoding="utf-8"?><response>{text}{content}</response>'.encode()


def _parse(body: bytes) -> Element:
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise QimenFailure("isv.invalid-xml", "the body is not XML") from None
    if root.tag != "request":
        raise QimenFailure("isv.invalid-xml", "the root must be request")
    return root


def _text(element: Element, name: str) -> str:
    return (element.findtext(name) or "").strip()


def _needed(element: Element, name: str) -> str:
    value = _text(element, name)
    if not value:
        raise QimenFailure("isv.missing-field", f"{name} is missing")
    return value


def _lines(root: Element) -> list[DeliveryLine]:
    lines = [
        DeliveryLine(
            line_no=_text(line, "orderLineNo"),
            item_code=_needed(line, "itemCode"),
            item_id=_text(line, "itemId"),
            quantity=_quantity(line),
            trade=_text(line, "sourceOrderCode"),
            inventory_type=_text(line, "inventoryType") or "ZP",
        )
        for line in root.findall("orderLines/orderLine")
    ]
    if not lines:
        raise QimenFailure("isv.missing-field", "orderLines are missing")
    return lines


def _quantity(line: Element) -> int:
    text = _needed(line, "planQty")
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:10]) < 10**9:
        raise QimenFailure("isv.invalid-field", "planQty must be a positive whole number")
    return int(text)
