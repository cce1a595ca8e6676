"""Documents between us and a warehouse, as plain frozen values. Money is yuan, weight kg, times are aware UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Party:
    """Who sends or receives. oaid: the platform's opaque address id when the clear contact is masked."""

    name: str
    mobile: str
    province: str
    city: str
    district: str
    detail_address: str
    town: str = ""
    zip_code: str = ""
    oaid: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryOrderLine:
    """One line to pick. actual_price and discount are per piece."""

    line_no: str
    item_code: str
    item_name: str
    quantity: int
    actual_price: Decimal
    source_order_no: str
    source_line_no: str
    discount: Decimal = Decimal(0)
    inventory_type: str = "ZP"


@dataclass(frozen=True, slots=True)
class DeliveryOrderDocument:
    """What the warehouse is to send. total_amount = item_amount - discount_amount + freight.

    code: our number, by which the warehouse knows a repeat. platform_code: TM, TB, JD, DD ... carrier_code: SF, YTO ...
    order_type: JYCK trade, HHCK exchange, BFCK resend, QTCK other.
    """

    code: str
    warehouse_code: str
    owner_code: str
    platform_code: str
    shop_nick: str
    carrier_code: str
    created_at: datetime
    placed_at: datetime
    paid_at: datetime
    item_amount: Decimal
    discount_amount: Decimal
    freight: Decimal
    total_amount: Decimal
    sender: Party
    receiver: Party
    lines: tuple[DeliveryOrderLine, ...]
    pay_no: str = ""
    is_urgent: bool = False
    buyer_message: str = ""
    seller_message: str = ""
    latest_delivery_at: datetime | None = None
    order_type: str = "JYCK"


@dataclass(frozen=True, slots=True)
class CancelDocument:
    """A document that the warehouse is to stop."""

    order_code: str
    warehouse_code: str
    owner_code: str
    reason: str
    warehouse_ref: str = ""
    order_type: str = "JYCK"


@dataclass(frozen=True, slots=True)
class PackedItem:
    """So many pieces of one item in a package."""

    item_code: str
    quantity: int


@dataclass(frozen=True, slots=True)
class ConfirmedPackage:
    """One parcel that left. weight_kg: None when not weighed."""

    carrier_code: str
    tracking_no: str
    package_code: str
    weight_kg: Decimal | None
    items: tuple[PackedItem, ...]


@dataclass(frozen=True, slots=True)
class ConfirmedLine:
    """What was planned (None when not repeated) and what left, of this confirm only when it is an intermediate one."""

    line_no: str
    item_code: str
    inventory_type: str
    planned: int | None
    actual: int


@dataclass(frozen=True, slots=True)
class DeliveryConfirm:
    """A warehouse's report of what left. Apply each (method, out_biz_code) once.

    confirm_type: 0 final, 1 intermediate (more parcels follow). status: NEW, ACCEPT, PARTDELIVERED, DELIVERED,
    EXCEPTION, CANCELED, CLOSED, REJECT, CANCELEDFAIL. operated_at: None when the warehouse gave no time.
    """

    delivery_order_code: str
    warehouse_ref: str
    warehouse_code: str
    out_biz_code: str
    confirm_type: int
    status: str
    operated_at: datetime | None
    packages: tuple[ConfirmedPackage, ...]
    lines: tuple[ConfirmedLine, ...]


@dataclass(frozen=True, slots=True)
class WarehouseAnswer:
    """An answer: flag, code, message and the other simple fields by their names."""

    success: bool
    code: str
    message: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class DeliveryAccepted:
    """The warehouse has the delivery order. was_known: it had it already; warehouse_ref may then be empty."""

    warehouse_ref: str
    was_known: bool
