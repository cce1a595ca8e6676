"""The Qimen documents of goods that one warehouse sends to another. The rules are those of `qimen_xml`.

Source of the names: the standard's stockout.create, stockout.query and stockout.confirm as its official clients have
them. They share the root deliveryOrder with delivery orders, but a package needs neither a courier nor a number: goods
between warehouses go by lorry.
"""

from __future__ import annotations

import hashlib

from fulfillment.errors import WarehouseMessageUnreadable
from fulfillment.wms.goods_documents import ReceivedLine, StockOutConfirm, StockOutDocument
from fulfillment.wms.qimen_xml import mandatory, optional, parse, quantity, tag, time_of
from ordercenter.common.gmt8 import format_gmt8


def stock_out_xml(document: StockOutDocument) -> str:
    """The body of stockout.create."""
    due = document.scheduled_at
    lines = "".join(
        f"<orderLine>{tag('inventoryType', line.inventory_type)}{tag('itemCode', line.item_code)}"
        f"{tag('itemName', line.item_name)}{tag('orderLineNo', line.line_no)}{tag('ownerCode', document.owner_code)}"
        f"<planQty>{line.quantity}</planQty></orderLine>"
        for line in document.lines
    )
    receiver = "".join(tag(name, text) for name, text in sorted(document.receiver.items()))
    related = (
        f"<relatedOrders><relatedOrder>{tag('orderCode', document.related_code)}<orderType>DBRK</orderType>"
        "</relatedOrder></relatedOrders>"
        if document.related_code
        else ""
    )
    return (
        f"<request><deliveryOrder><createTime>{format_gmt8(document.created_at)}</createTime>"
        f"{tag('deliveryOrderCode', document.code)}{tag('orderType', document.order_type)}"
        f"<receiverInfo>{receiver}</receiverInfo>{related}{tag('remark', document.remark)}"
        f"{tag('scheduleDate', format_gmt8(due)[:10]) if due else ''}"
        f"<totalOrderLines>{len(document.lines)}</totalOrderLines>"
        f"{tag('warehouseCode', document.warehouse_code)}</deliveryOrder><orderLines>{lines}</orderLines></request>"
    )


def stock_out_query_xml(*, code: str, warehouse_code: str, owner_code: str) -> str:
    """The body of stockout.query, first page of at most 100 lines."""
    return (
        f"<request>{tag('deliveryOrderCode', code)}{tag('ownerCode', owner_code)}<page>1</page>"
        f"<pageSize>100</pageSize>{tag('warehouseCode', warehouse_code)}</request>"
    )


def read_stock_out_confirm(body: bytes) -> StockOutConfirm:
    """A stockout.confirm. Raises WarehouseMessageUnreadable naming the field that is missing or ill-typed.

    A warehouse that gives no outBizCode still sends the same bytes when it repeats itself: their digest stands in.
    """
    return _read(body, "request", f"body-{hashlib.sha256(body).hexdigest()[:32]}")


def read_stock_out_status(body: bytes) -> StockOutConfirm:
    """The answer of stockout.query, in the form of a confirm. Raises WarehouseMessageUnreadable."""
    return _read(body, "response", "")


def _read(body: bytes, root_name: str, key: str) -> StockOutConfirm:
    root = parse(body, root_name)
    where = f"{root_name}.deliveryOrder"
    order = root.find("deliveryOrder")
    if order is None:
        raise WarehouseMessageUnreadable(path=where, problem="missing")
    confirm_type = optional(order, "confirmType") or "0"
    if confirm_type not in ("0", "1"):
        raise WarehouseMessageUnreadable(path=f"{where}.confirmType", problem="ill_typed")
    operated = optional(order, "operateTime") or optional(order, "orderConfirmTime")
    package = root.find("packages/package")
    holders = [order] if package is None else [order, package]
    return StockOutConfirm(
        code=mandatory(order, "deliveryOrderCode", where),
        warehouse_ref=optional(order, "deliveryOrderId"),
        out_biz_code=optional(order, "outBizCode") or key,
        confirm_type=int(confirm_type),
        status=optional(order, "status"),
        operated_at=time_of(operated, f"{where}.operateTime") if operated else None,
        carrier_code=next((text for held in holders if (text := optional(held, "logisticsCode"))), ""),
        tracking_no=next((text for held in holders if (text := optional(held, "expressCode"))), ""),
        lines=tuple(
            ReceivedLine(
                line_no=optional(line, "orderLineNo"),
                item_code=mandatory(line, "itemCode", f"{root_name}.orderLines.orderLine[{at}]"),
                inventory_type=optional(line, "inventoryType") or "ZP",
                planned=None,
                actual=quantity(line, "actualQty", f"{root_name}.orderLines.orderLine[{at}]"),
            )
            for at, line in enumerate(root.findall("orderLines/orderLine"))
        ),
    )
