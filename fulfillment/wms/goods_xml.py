"""The Qimen documents about goods as XML, both ways. The rules are those of `qimen_xml`."""

from __future__ import annotations

import hashlib
import re
from xml.etree.ElementTree import Element

from fulfillment.errors import WarehouseMessageUnreadable
from fulfillment.wms.goods_documents import (
    InboundConfirm,
    InboundDocument,
    InventoryReport,
    ItemDocument,
    ItemLack,
    OrderProcess,
    ReceivedLine,
    StockChange,
    StockThere,
)
from fulfillment.wms.qimen_xml import mandatory, optional, parse, quantity, tag, time_of
from ordercenter.common.gmt8 import format_gmt8

_SIGNED = re.compile(r"([+-]?[0-9]{1,9})(?:\.0{1,4})?")
_NUMBER = re.compile(r"[0-9]{1,6}")


# --- out --------------------------------------------------------------------------------------------------------------


def entry_order_xml(document: InboundDocument) -> str:
    """The body of entryorder.create."""
    expected = document.expected_at
    lines = "".join(
        f"<orderLine>{tag('inventoryType', line.inventory_type)}{tag('itemCode', line.item_code)}"
        f"{tag('itemName', line.item_name)}{tag('orderLineNo', line.line_no)}{tag('ownerCode', document.owner_code)}"
        f"<planQty>{line.quantity}</planQty></orderLine>"
        for line in document.lines
    )
    return (
        f"<request><entryOrder>{tag('entryOrderCode', document.code)}"
        f"{tag('expectStartTime', format_gmt8(expected)) if expected else ''}"
        f"{tag('expressCode', document.tracking_no)}{tag('logisticsCode', document.carrier_code)}"
        f"<orderCreateTime>{format_gmt8(document.created_at)}</orderCreateTime>{tag('orderType', document.order_type)}"
        f"{tag('ownerCode', document.owner_code)}{tag('supplierName', document.supplier)}"
        f"{tag('warehouseCode', document.warehouse_code)}</entryOrder><orderLines>{lines}</orderLines></request>"
    )


def return_order_xml(document: InboundDocument) -> str:
    """The body of returnorder.create."""
    lines = "".join(
        f"<orderLine>{tag('inventoryType', line.inventory_type)}{tag('itemCode', line.item_code)}"
        f"{tag('orderLineNo', line.line_no)}{tag('ownerCode', document.owner_code)}"
        f"<planQty>{line.quantity}</planQty>{tag('sourceOrderCode', document.source_code)}</orderLine>"
        for line in document.lines
    )
    sender = "".join(tag(name, text) for name, text in sorted(document.sender.items()))
    return (
        f"<request><returnOrder>{tag('expressCode', document.tracking_no)}"
        f"{tag('logisticsCode', document.carrier_code)}{tag('orderType', document.order_type)}"
        f"{tag('preDeliveryOrderCode', document.source_code)}{tag('returnOrderCode', document.code)}"
        f"<senderInfo>{sender}</senderInfo>{tag('warehouseCode', document.warehouse_code)}</returnOrder>"
        f"<orderLines>{lines}</orderLines></request>"
    )


def item_xml(document: ItemDocument, *, warehouse_code: str, owner_code: str, is_new: bool) -> str:
    """The body of singleitem.synchronize."""
    return (
        f"<request><actionType>{'add' if is_new else 'update'}</actionType><item>{_item(document)}</item>"
        f"{tag('ownerCode', owner_code)}{tag('warehouseCode', warehouse_code)}</request>"
    )


def items_xml(documents: list[ItemDocument], *, warehouse_code: str, owner_code: str, is_new: bool) -> str:
    """The body of items.synchronize."""
    items = "".join(f"<item>{_item(document)}</item>" for document in documents)
    return (
        f"<request><actionType>{'add' if is_new else 'update'}</actionType><items>{items}</items>"
        f"{tag('ownerCode', owner_code)}{tag('warehouseCode', warehouse_code)}</request>"
    )


def inventory_query_xml(item_codes: list[str], *, warehouse_code: str, owner_code: str, inventory_type: str) -> str:
    """The body of inventory.query."""
    criteria = "".join(
        f"<criteria>{tag('inventoryType', inventory_type)}{tag('itemCode', code)}{tag('ownerCode', owner_code)}"
        f"{tag('warehouseCode', warehouse_code)}</criteria>"
        for code in item_codes
    )
    return f"<request><criteriaList>{criteria}</criteriaList></request>"


def _item(document: ItemDocument) -> str:
    return (
        f"{tag('barCode', ';'.join(document.barcodes))}{tag('categoryName', document.category)}"
        f"<grossWeight>{document.weight_kg:.3f}</grossWeight>{tag('itemCode', document.item_code)}"
        f"{tag('itemName', document.item_name)}<itemType>ZC</itemType>"
    )


# --- in ---------------------------------------------------------------------------------------------------------------


def read_inbound_confirm(body: bytes, *, kind: str) -> InboundConfirm:
    """An entryorder.confirm (kind "entryOrder") or a returnorder.confirm (kind "returnOrder").

    Raises WarehouseMessageUnreadable naming the field that is missing or ill-typed.
    """
    root = parse(body, "request")
    order = root.find(kind)
    if order is None:
        raise WarehouseMessageUnreadable(path=f"request.{kind}", problem="missing")
    where = f"request.{kind}"
    confirm_type = optional(order, "confirmType") or "0"
    if confirm_type not in ("0", "1"):
        raise WarehouseMessageUnreadable(path=f"{where}.confirmType", problem="ill_typed")
    operated = optional(order, "operateTime") or optional(order, "orderConfirmTime")
    return InboundConfirm(
        code=mandatory(order, f"{kind}Code", where),
        warehouse_ref=optional(order, f"{kind}Id"),
        out_biz_code=optional(order, "outBizCode") or _digest(body),
        confirm_type=int(confirm_type),
        status=optional(order, "status"),
        operated_at=time_of(operated, f"{where}.operateTime") if operated else None,
        tracking_no=optional(order, "expressCode"),
        lines=tuple(
            _received(line, f"request.orderLines.orderLine[{at}]")
            for at, line in enumerate(root.findall("orderLines/orderLine"))
        ),
    )


def read_inventory_report(body: bytes) -> InventoryReport:
    """An inventory.report. Quantities are differences with a sign. Raises WarehouseMessageUnreadable."""
    root = parse(body, "request")
    checked = optional(root, "checkTime")
    page, pages = (_number(root, name) for name in ("currentPage", "totalPage"))
    return InventoryReport(
        warehouse_code=mandatory(root, "warehouseCode", "request"),
        check_code=mandatory(root, "checkOrderCode", "request"),
        out_biz_code=optional(root, "outBizCode") or _digest(body),
        adjust_type=(optional(root, "adjustType") or "CHECK").upper(),
        page=page,
        pages=max(page, pages),
        checked_at=time_of(checked, "request.checkTime") if checked else None,
        changes=tuple(_change(item, f"request.items.item[{at}]") for at, item in enumerate(root.findall("items/item"))),
    )


def read_stock_changes(body: bytes) -> tuple[StockChange, ...]:
    """A stockchange.report: each item is a change of its own with its own number. Raises WarehouseMessageUnreadable."""
    root = parse(body, "request")
    items = root.findall("items/item")
    if not items:
        raise WarehouseMessageUnreadable(path="request.items", problem="missing")
    return tuple(_change(item, f"request.items.item[{at}]") for at, item in enumerate(items))


def read_stock_there(body: bytes) -> tuple[StockThere, ...]:
    """The answer of an inventory.query. Raises WarehouseMessageUnreadable."""
    root = parse(body, "response")
    return tuple(
        StockThere(
            warehouse_code=optional(item, "warehouseCode"),
            item_code=mandatory(item, "itemCode", f"response.items.item[{at}]"),
            inventory_type=optional(item, "inventoryType") or "ZP",
            quantity=quantity(item, "quantity", f"response.items.item[{at}]"),
            locked=quantity(item, "lockQuantity", f"response.items.item[{at}]")
            if optional(item, "lockQuantity")
            else 0,
        )
        for at, item in enumerate(root.findall("items/item"))
    )


def read_item_lack(body: bytes) -> ItemLack:
    """An itemlack.report: goods that a delivery order cannot get. Raises WarehouseMessageUnreadable."""
    root = parse(body, "request")
    at = optional(root, "createTime")
    items = root.findall("items/item")
    if not items:
        raise WarehouseMessageUnreadable(path="request.items", problem="missing")
    return ItemLack(
        delivery_order_code=mandatory(root, "deliveryOrderCode", "request"),
        out_biz_code=optional(root, "outBizCode") or _digest(body),
        reported_at=time_of(at, "request.createTime") if at else None,
        lines=tuple(
            (
                mandatory(item, "itemCode", f"request.items.item[{n}]"),
                quantity(item, "lackQty", f"request.items.item[{n}]"),
                optional(item, "reason"),
            )
            for n, item in enumerate(items)
        ),
    )


def read_order_process(body: bytes) -> OrderProcess:
    """An orderprocess.report. Raises WarehouseMessageUnreadable."""
    root = parse(body, "request")
    order, process = root.find("order"), root.find("process")
    if order is None or process is None:
        missing = "order" if order is None else "process"
        raise WarehouseMessageUnreadable(path=f"request.{missing}", problem="missing")
    at = optional(process, "operateTime")
    return OrderProcess(
        order_code=mandatory(order, "orderCode", "request.order"),
        order_type=optional(order, "orderType"),
        status=mandatory(process, "processStatus", "request.process"),
        operated_at=time_of(at, "request.process.operateTime") if at else None,
        operator=optional(process, "operatorCode"),
        info=optional(process, "operateInfo"),
        tracking_no=optional(process, "expressCode"),
    )


def _received(line: Element, path: str) -> ReceivedLine:
    return ReceivedLine(
        line_no=optional(line, "orderLineNo"),
        item_code=mandatory(line, "itemCode", path),
        inventory_type=optional(line, "inventoryType") or "ZP",
        planned=quantity(line, "planQty", path) if optional(line, "planQty") else None,
        actual=quantity(line, "actualQty", path),
    )


def _change(item: Element, path: str) -> StockChange:
    found = _SIGNED.fullmatch(mandatory(item, "quantity", path))
    if found is None:
        raise WarehouseMessageUnreadable(path=f"{path}.quantity", problem="ill_typed")
    return StockChange(
        item_code=mandatory(item, "itemCode", path),
        inventory_type=optional(item, "inventoryType") or "ZP",
        delta=int(found[1]),
        ref=optional(item, "orderCode"),
        key=optional(item, "outBizCode"),
        warehouse_code=optional(item, "warehouseCode"),
    )


def _number(root: Element, name: str) -> int:
    text = optional(root, name) or "1"
    if _NUMBER.fullmatch(text) is None:
        raise WarehouseMessageUnreadable(path=f"request.{name}", problem="ill_typed")
    return int(text)


def _digest(body: bytes) -> str:
    """A warehouse that gives no outBizCode still sends the same bytes when it repeats itself."""
    return f"body-{hashlib.sha256(body).hexdigest()[:32]}"
