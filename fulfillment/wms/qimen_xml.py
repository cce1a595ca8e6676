"""Qimen XML: documents out by plain text building, documents in by a reader that trusts nothing.

Source of the names: the Qimen standard as its official Java client puts it on the wire: root without namespace or
declaration, absent fields for empty values, lists as <orderLines><orderLine>. That client drops characters outside the
basic plane; we keep them.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from decimal import Decimal
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from fulfillment.errors import WarehouseMessageUnreadable
from fulfillment.wms.documents import (
    CancelDocument,
    ConfirmedLine,
    ConfirmedPackage,
    DeliveryConfirm,
    DeliveryOrderDocument,
    PackedItem,
    Party,
    WarehouseAnswer,
)
from ordercenter.common.gmt8 import format_gmt8, parse_gmt8

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 12

_SPECIAL = re.compile("[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_QUANTITY = re.compile(r"([0-9]{1,9})(?:\.0{1,4})?")
_WEIGHT = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?")


# --- out --------------------------------------------------------------------------------------------------------------


def delivery_order_xml(document: DeliveryOrderDocument) -> str:
    """The body of deliveryorder.create. Characters that XML cannot carry (control characters) are left out."""
    lines = "".join(
        [
            f"<orderLine><actualPrice>{line.actual_price:.2f}</actualPrice>"
            f"{tag('discountAmount', f'{line.discount:.2f}') if line.discount else ''}"
            f"<inventoryType>{line.inventory_type}</inventoryType>{tag('itemCode', line.item_code)}"
            f"{tag('itemName', line.item_name)}{tag('orderLineNo', line.line_no)}"
            f"{tag('ownerCode', document.owner_code)}<planQty>{line.quantity}</planQty>"
            f"{tag('sourceOrderCode', line.source_order_no)}"
            f"{tag('subSourceOrderCode', line.source_line_no)}</orderLine>"
            for line in document.lines
        ]
    )
    latest = document.latest_delivery_at
    return (
        "<request><deliveryOrder><arAmount>0.00</arAmount>"
        f"{tag('buyerMessage', document.buyer_message)}"
        f"<createTime>{format_gmt8(document.created_at)}</createTime>"
        f"{tag('deliveryOrderCode', document.code)}"
        f"<discountAmount>{document.discount_amount:.2f}</discountAmount>"
        f"<freight>{document.freight:.2f}</freight>"
        f"<gotAmount>{document.total_amount:.2f}</gotAmount><invoiceFlag>N</invoiceFlag>"
        f"<isUrgency>{'Y' if document.is_urgent else 'N'}</isUrgency>"
        f"<itemAmount>{document.item_amount:.2f}</itemAmount>"
        f"{tag('latestDeliveryTime', format_gmt8(latest)) if latest else ''}"
        f"{tag('logisticsCode', document.carrier_code)}<orderType>{document.order_type}</orderType>"
        f"{tag('payNo', document.pay_no)}<payTime>{format_gmt8(document.paid_at)}</payTime>"
        f"<placeOrderTime>{format_gmt8(document.placed_at)}</placeOrderTime>"
        f"<receiverInfo>{_party(document.receiver)}</receiverInfo>"
        f"{tag('sellerMessage', document.seller_message)}"
        f"<senderInfo>{_party(document.sender)}</senderInfo>"
        f"{tag('shopNick', document.shop_nick)}{tag('sourcePlatformCode', document.platform_code)}"
        f"<totalAmount>{document.total_amount:.2f}</totalAmount>"
        f"{tag('warehouseCode', document.warehouse_code)}</deliveryOrder>"
        f"<orderLines>{lines}</orderLines></request>"
    )


def cancel_xml(document: CancelDocument) -> str:
    """The body of order.cancel."""
    return (
        f"<request>{tag('cancelReason', document.reason)}{tag('orderCode', document.order_code)}"
        f"{tag('orderId', document.warehouse_ref)}{tag('orderType', document.order_type)}"
        f"{tag('ownerCode', document.owner_code)}{tag('warehouseCode', document.warehouse_code)}</request>"
    )


def query_xml(*, order_code: str, warehouse_code: str, owner_code: str) -> str:
    """The body of deliveryorder.query, first page of at most 100 lines."""
    return (
        f"<request>{tag('orderCode', order_code)}{tag('ownerCode', owner_code)}<page>1</page>"
        f"<pageSize>100</pageSize>{tag('warehouseCode', warehouse_code)}</request>"
    )


def answer_xml(*, success: bool, code: str = "0", message: str = "ok") -> bytes:
    """What we answer to a warehouse's call."""
    flag = "success" if success else "failure"
    body = f"<response><flag>{flag}</flag>{tag('code', code)}{tag('message', message)}</response>"
    return b'<?xml version="1.0" encoding="utf-8"?>' + body.encode()


def _party(party: Party) -> str:
    return (
        f"{tag('area', party.district)}{tag('city', party.city)}{tag('detailAddress', party.detail_address)}"
        f"{tag('mobile', party.mobile)}{tag('name', party.name)}{tag('oaid', party.oaid)}"
        f"{tag('province', party.province)}{tag('town', party.town)}{tag('zipCode', party.zip_code)}"
    )


def tag(name: str, value: str) -> str:
    """An element with this text; nothing for no text."""
    if not value:
        return ""
    if _SPECIAL.search(value):
        value = _SPECIAL.sub(lambda found: _ENTITIES.get(found[0], ""), value)
    return f"<{name}>{value}</{name}>"


# --- in ---------------------------------------------------------------------------------------------------------------


def read_answer(body: bytes) -> WarehouseAnswer:
    """An answer of a warehouse. Raises WarehouseMessageUnreadable when it is not one."""
    root = parse(body, "response")
    flag = optional(root, "flag")
    if flag not in ("success", "failure"):
        raise WarehouseMessageUnreadable(path="response.flag", problem="ill_typed" if flag else "missing")
    fields = {child.tag: (child.text or "").strip() for child in root if not len(child)}
    return WarehouseAnswer(flag == "success", fields.get("code", ""), fields.get("message", ""), fields)


def read_delivery_confirm(body: bytes) -> DeliveryConfirm:
    """A deliveryorder.confirm. Raises WarehouseMessageUnreadable naming the field that is missing or ill-typed.

    A warehouse that gives no outBizCode still sends the same bytes when it repeats itself: their digest stands in.
    """
    return _read_delivery(parse(body, "request"), "request", f"body-{hashlib.sha256(body).hexdigest()[:32]}")


def read_delivery_status(body: bytes) -> DeliveryConfirm:
    """The documents inside a successful answer of deliveryorder.query, in the form of a confirm."""
    return _read_delivery(parse(body, "response"), "response", "")


def _read_delivery(root: Element, path: str, key: str) -> DeliveryConfirm:
    order = root.find("deliveryOrder")
    if order is None:
        raise WarehouseMessageUnreadable(path=f"{path}.deliveryOrder", problem="missing")
    where = f"{path}.deliveryOrder"
    operated = optional(order, "operateTime") or optional(order, "orderConfirmTime")
    confirm_type = optional(order, "confirmType") or "0"
    if confirm_type not in ("0", "1"):
        raise WarehouseMessageUnreadable(path=f"{where}.confirmType", problem="ill_typed")
    return DeliveryConfirm(
        delivery_order_code=mandatory(order, "deliveryOrderCode", where),
        warehouse_ref=optional(order, "deliveryOrderId"),
        warehouse_code=optional(order, "warehouseCode"),
        out_biz_code=optional(order, "outBizCode") or key,
        confirm_type=int(confirm_type),
        status=optional(order, "status"),
        operated_at=time_of(operated, f"{where}.operateTime") if operated else None,
        packages=tuple(
            _read_package(package, f"{path}.packages.package[{at}]")
            for at, package in enumerate(root.findall("packages/package"))
        ),
        lines=tuple(
            _read_line(line, f"{path}.orderLines.orderLine[{at}]")
            for at, line in enumerate(root.findall("orderLines/orderLine"))
        ),
    )


def _read_package(package: Element, path: str) -> ConfirmedPackage:
    weight = optional(package, "weight")
    if weight and _WEIGHT.fullmatch(weight) is None:
        raise WarehouseMessageUnreadable(path=f"{path}.weight", problem="ill_typed")
    return ConfirmedPackage(
        carrier_code=mandatory(package, "logisticsCode", path),
        tracking_no=mandatory(package, "expressCode", path),
        package_code=optional(package, "packageCode"),
        weight_kg=Decimal(weight) if weight else None,
        items=tuple(
            PackedItem(
                mandatory(item, "itemCode", f"{path}.items.item[{at}]"),
                quantity(item, "quantity", f"{path}.items.item[{at}]"),
            )
            for at, item in enumerate(package.findall("items/item"))
        ),
    )


def _read_line(line: Element, path: str) -> ConfirmedLine:
    return ConfirmedLine(
        line_no=optional(line, "orderLineNo"),
        item_code=mandatory(line, "itemCode", path),
        inventory_type=optional(line, "inventoryType") or "ZP",
        planned=quantity(line, "planQty", path) if optional(line, "planQty") else None,
        actual=quantity(line, "actualQty", path),
    )


def parse(body: bytes, root_name: str) -> Element:
    """The root element of a document that trusts nobody. Raises WarehouseMessageUnreadable."""
    if len(body) > MAX_BYTES:
        raise WarehouseMessageUnreadable(path=root_name, problem="too_large", detail=f"{len(body)} bytes")
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        # ValueError and LookupError: encodings that the parser does not know.
        raise WarehouseMessageUnreadable(path=root_name, problem="not_xml", detail=type(error).__name__) from error
    if root.tag != root_name:
        raise WarehouseMessageUnreadable(path=root_name, problem="missing")
    level = list(root)
    for _depth in range(MAX_DEPTH):
        if not level:
            return root
        level = [child for element in level for child in element]
    raise WarehouseMessageUnreadable(path=root_name, problem="too_deep")


def optional(element: Element, name: str) -> str:
    """The text of a child; empty where it is absent."""
    return (element.findtext(name) or "").strip()


def mandatory(element: Element, name: str, path: str) -> str:
    """The text of a child that has to be there. Raises WarehouseMessageUnreadable."""
    value = optional(element, name)
    if not value:
        raise WarehouseMessageUnreadable(path=f"{path}.{name}", problem="missing")
    return value


def quantity(element: Element, name: str, path: str) -> int:
    """A whole number of pieces, also written as 2.00. Raises WarehouseMessageUnreadable."""
    found = _QUANTITY.fullmatch(mandatory(element, name, path))
    if found is None:
        raise WarehouseMessageUnreadable(path=f"{path}.{name}", problem="ill_typed")
    return int(found[1])


def time_of(text: str, path: str) -> datetime:
    """An instant of the standard. Raises WarehouseMessageUnreadable."""
    try:
        return parse_gmt8(text)
    except ValueError:
        raise WarehouseMessageUnreadable(path=path, problem="ill_typed") from None
