"""Calls to a warehouse about goods: what shall come, what goods are, what it has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fulfillment.errors import WarehouseMessageUnreadable, WarehouseRefused, WarehouseUnavailable
from fulfillment.wms.goods_documents import (
    InboundDocument,
    ItemDocument,
    StockOutConfirm,
    StockOutDocument,
    StockThere,
)
from fulfillment.wms.goods_xml import (
    entry_order_xml,
    inventory_query_xml,
    item_xml,
    items_xml,
    read_stock_there,
    return_order_xml,
)
from fulfillment.wms.qimen import QimenClient
from fulfillment.wms.stock_out_xml import read_stock_out_status, stock_out_query_xml, stock_out_xml

ENTRY, RETURN = "entryorder.create", "returnorder.create"
STOCK_OUT, STOCK_OUT_QUERY = "stockout.create", "stockout.query"
ITEM, ITEMS = "singleitem.synchronize", "items.synchronize"
INVENTORY = "inventory.query"
# The standard's limit of one inventory.query.
MOST_QUERIED = 50
# "We have this item already", as warehouses put it.
_EXISTS = re.compile(r"已存在|已有|重复|exist|duplicat", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class InboundAccepted:
    """The warehouse expects the goods, or will send them.

    was_known: it had the document already; warehouse_ref may then be empty.
    """

    warehouse_ref: str
    was_known: bool


class GoodsClient:
    """Speaks with one warehouse through its Qimen client. Repeats do no harm: documents are known by their number."""

    def __init__(self, client: QimenClient):
        self._client = client

    def announce_entry(self, document: InboundDocument) -> InboundAccepted:
        """entryorder.create. Raises WarehouseRefused or WarehouseUnavailable."""
        return self._announce(ENTRY, entry_order_xml(document), "entryOrderId")

    def announce_return(self, document: InboundDocument) -> InboundAccepted:
        """returnorder.create. Raises WarehouseRefused or WarehouseUnavailable."""
        return self._announce(RETURN, return_order_xml(document), "returnOrderId")

    def ask_to_send(self, document: StockOutDocument) -> InboundAccepted:
        """stockout.create. Raises WarehouseRefused or WarehouseUnavailable."""
        return self._announce(STOCK_OUT, stock_out_xml(document), "deliveryOrderId")

    def stock_out_there(self, document: StockOutDocument) -> StockOutConfirm:
        """stockout.query: how it stands. Raises WarehouseRefused (it is not known there) or WarehouseUnavailable."""
        xml = stock_out_query_xml(
            code=document.code, warehouse_code=document.warehouse_code, owner_code=document.owner_code
        )
        _answer, body = self._client.call(STOCK_OUT_QUERY, xml)
        try:
            return read_stock_out_status(body)
        except WarehouseMessageUnreadable as error:
            raise WarehouseUnavailable(method=STOCK_OUT_QUERY, detail=str(error), outcome_known=True) from error

    def tell_items(
        self, documents: Sequence[ItemDocument], *, warehouse_code: str, owner_code: str, is_new: bool
    ) -> None:
        """singleitem.synchronize for one, items.synchronize for more. An item that it knows already is told as changed.

        Raises WarehouseRefused or WarehouseUnavailable.
        """
        try:
            self._tell(documents, warehouse_code=warehouse_code, owner_code=owner_code, is_new=is_new)
        except WarehouseRefused as refusal:
            if not (is_new and _EXISTS.search(refusal.message)):
                raise
            self._tell(documents, warehouse_code=warehouse_code, owner_code=owner_code, is_new=False)

    def stock_there(
        self, item_codes: Sequence[str], *, warehouse_code: str, owner_code: str, inventory_type: str = "ZP"
    ) -> list[StockThere]:
        """inventory.query, fifty items a call. Raises WarehouseRefused or WarehouseUnavailable."""
        there: list[StockThere] = []
        for at in range(0, len(item_codes), MOST_QUERIED):
            xml = inventory_query_xml(
                list(item_codes[at : at + MOST_QUERIED]),
                warehouse_code=warehouse_code,
                owner_code=owner_code,
                inventory_type=inventory_type,
            )
            _answer, body = self._client.call(INVENTORY, xml)
            try:
                there.extend(read_stock_there(body))
            except WarehouseMessageUnreadable as error:
                raise WarehouseUnavailable(method=INVENTORY, detail=str(error), outcome_known=True) from error
        return there

    def _announce(self, method: str, xml: str, ref: str) -> InboundAccepted:
        try:
            answer, _body = self._client.call(method, xml)
        except WarehouseRefused as refusal:
            if refusal.is_duplicate:
                return InboundAccepted(warehouse_ref="", was_known=True)
            raise
        return InboundAccepted(warehouse_ref=answer.fields.get(ref, ""), was_known=False)

    def _tell(self, documents: Sequence[ItemDocument], *, warehouse_code: str, owner_code: str, is_new: bool) -> None:
        if len(documents) == 1:
            xml = item_xml(documents[0], warehouse_code=warehouse_code, owner_code=owner_code, is_new=is_new)
            self._client.call(ITEM, xml)
        else:
            xml = items_xml(list(documents), warehouse_code=warehouse_code, owner_code=owner_code, is_new=is_new)
            self._client.call(ITEMS, xml)
