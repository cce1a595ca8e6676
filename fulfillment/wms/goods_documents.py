"""What warehouses and we tell each other about goods: what comes in, what lies there, what is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class InboundDocumentLine:
    """One line to be received."""

    line_no: str
    item_code: str
    item_name: str
    quantity: int
    inventory_type: str = "ZP"


@dataclass(frozen=True, slots=True)
class InboundDocument:
    """Goods that a warehouse is to receive. order_type: CGRK purchase, THRK return, HHRK exchange.

    source_code: the delivery order that the goods left with, for returns. sender: who sends them back, as far as known.
    """

    code: str
    warehouse_code: str
    owner_code: str
    order_type: str
    created_at: datetime
    lines: tuple[InboundDocumentLine, ...]
    source_code: str = ""
    carrier_code: str = ""
    tracking_no: str = ""
    supplier: str = ""
    expected_at: datetime | None = None
    sender: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StockOutDocument:
    """Goods that a warehouse is to send to another one. order_type: DBCK transfer.

    receiver: the parts of receiverInfo by their names in the standard: company, name, mobile, province, city, area,
    detailAddress; empty ones are left out.
    related_code: the number under which the receiving warehouse will be told of them.
    """

    code: str
    warehouse_code: str
    owner_code: str
    created_at: datetime
    lines: tuple[InboundDocumentLine, ...]
    receiver: dict[str, str] = field(default_factory=dict)
    scheduled_at: datetime | None = None
    related_code: str = ""
    remark: str = ""
    order_type: str = "DBCK"


@dataclass(frozen=True, slots=True)
class ItemDocument:
    """A SKU as a warehouse has to know it. Weight in kg."""

    item_code: str
    item_name: str
    weight_kg: Decimal
    barcodes: tuple[str, ...] = ()
    category: str = ""


@dataclass(frozen=True, slots=True)
class ReceivedLine:
    """What came of one line, of this confirm only. planned: None where it is not repeated."""

    line_no: str
    item_code: str
    inventory_type: str
    planned: int | None
    actual: int


@dataclass(frozen=True, slots=True)
class InboundConfirm:
    """entryorder.confirm or returnorder.confirm. confirm_type: 0 final, 1 more will come. status as in the standard."""

    code: str
    warehouse_ref: str
    out_biz_code: str
    confirm_type: int
    status: str
    operated_at: datetime | None
    tracking_no: str
    lines: tuple[ReceivedLine, ...]


@dataclass(frozen=True, slots=True)
class StockOutConfirm:
    """stockout.confirm: what left, of this confirm only. confirm_type: 0 final, 1 more will leave.

    Also what a warehouse answers to stockout.query. carrier_code, tracking_no: of the first parcel, where there is one.
    """

    code: str
    warehouse_ref: str
    out_biz_code: str
    confirm_type: int
    status: str
    operated_at: datetime | None
    carrier_code: str
    tracking_no: str
    lines: tuple[ReceivedLine, ...]


@dataclass(frozen=True, slots=True)
class StockChange:
    """A signed difference of pieces of one item in one condition."""

    item_code: str
    inventory_type: str
    delta: int
    ref: str = ""
    key: str = ""
    warehouse_code: str = ""


@dataclass(frozen=True, slots=True)
class InventoryReport:
    """inventory.report: a page of differences that a warehouse found. adjust_type: CHECK (a count) or ADJUST."""

    warehouse_code: str
    check_code: str
    out_biz_code: str
    adjust_type: str
    page: int
    pages: int
    checked_at: datetime | None
    changes: tuple[StockChange, ...]


@dataclass(frozen=True, slots=True)
class StockThere:
    """What a warehouse says that it has of an item in one condition. locked: of these, taken by its own documents."""

    warehouse_code: str
    item_code: str
    inventory_type: str
    quantity: int
    locked: int = 0


@dataclass(frozen=True, slots=True)
class ItemLack:
    """itemlack.report: pieces that a delivery order cannot get."""

    delivery_order_code: str
    out_biz_code: str
    reported_at: datetime | None
    lines: tuple[tuple[str, int, str], ...]  # item code, pieces missing, reason


@dataclass(frozen=True, slots=True)
class OrderProcess:
    """orderprocess.report: how far a document is inside the warehouse."""

    order_code: str
    order_type: str
    status: str
    operated_at: datetime | None
    operator: str
    info: str
    tracking_no: str
