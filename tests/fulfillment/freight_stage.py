"""Parcels that have left under contracts, as plain rows and as many as wished, and bills about them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from fulfillment.models import Carrier, CourierContract, FreightLine, Parcel, Shipment, Waybill
from fulfillment.services.freight_bills import ImportedBill, import_courier_bill
from ordercenter.catalog.models import Channel, Contact, Shop
from ordercenter.common.actor import Actor
from ordercenter.inventory.models import Warehouse
from tests.fulfillment.contracts import contract_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 10, 12)
NOW = datetime(2026, 11, 3, 10, tzinfo=SHANGHAI)
WU = Actor("person", "wu")
HEADING = ("运单号", "揽收日期", "目的省份", "计费重量(kg)", "合计金额")
PLACES = {"33": ("浙江省", "杭州市", "330100"), "65": ("新疆维吾尔自治区", "乌鲁木齐市", "650100")}


@dataclass
class Stage:
    """One warehouse, one courier: 浙江 5 yuan, else 9 for the first kilogram, 2 for each further one."""

    east: Warehouse = field(init=False)
    zto: Carrier = field(init=False)
    shop: Shop = field(init=False)
    contract: CourierContract = field(init=False)
    made: int = 0

    def __post_init__(self) -> None:
        channel = Channel.objects.create(code="tmall", name="Tmall")
        self.shop = Shop.objects.create(channel=channel, code="s", name="Shop")
        self.east = Warehouse.objects.create(code="EAST", name="华东仓")
        self.zto = Carrier.objects.create(code="ZTO", name="中通快递")
        self.contract = contract_of(self.east, self.zto, {"": "9", "33": "5"})

    def ship(
        self,
        weights: Sequence[int] = (800,),
        *,
        zone: str = "33",
        on: date = DAY,
        warehouse: Warehouse | None = None,
        **changes: Any,
    ) -> list[Parcel]:
        """A shipment with one parcel of each weight, to a place of the zone."""
        province, city, code = PLACES[zone]
        at = datetime(on.year, on.month, on.day, 16, tzinfo=SHANGHAI)
        first = self.made + 1
        self.made += len(weights)
        contacts = Contact.objects.bulk_create(
            Contact(province=province, city=city, division_code=code) for _ in weights
        )
        shipments = Shipment.objects.bulk_create(
            Shipment(
                code=f"DO{first + i}",
                shop=self.shop,
                warehouse=warehouse or self.east,
                carrier=self.zto,
                contact=contact,
                weight_g=900,
                state="shipped",
                shipped_at=at,
            )
            for i, contact in enumerate(contacts)
        )
        return Parcel.objects.bulk_create(
            Parcel(
                **(
                    {
                        "shipment": shipment,
                        "carrier": self.zto,
                        "tracking_no": f"ZT{first + i:08d}",
                        "weight_g": weight_g,
                        "shipped_at": at,
                    }
                    | changes
                )
            )
            for i, (shipment, weight_g) in enumerate(zip(shipments, weights, strict=True))
        )

    def waybill(self, number: str, state: str) -> Waybill:
        [parcel] = self.ship(on=date(2026, 1, 1))
        return Waybill.objects.create(shipment=parcel.shipment, carrier=self.zto, number=number, state=state)

    def take(self, *rows: Sequence[object], heading: Sequence[str] = HEADING, **more: Any) -> ImportedBill:
        """Import a bill of October with these rows."""
        return self.take_file(table([heading, *rows]), **more)

    def take_file(self, content: bytes, **more: Any) -> ImportedBill:
        values: dict[str, Any] = {"starts_on": date(2026, 10, 1), "ends_on": date(2026, 11, 1), "at": NOW, "actor": WU}
        return import_courier_bill(
            **(values | {"content": content, "file_name": "bill.csv", "carrier_id": self.zto.pk} | more)
        )


def row(parcel: Parcel | str, kg: str = "1", amount: str = "5.00", province: str = "浙江省") -> tuple[object, ...]:
    number = parcel if isinstance(parcel, str) else parcel.tracking_no
    return number, "2026-10-12", province, kg, amount


def table(rows: Sequence[Sequence[object]], encoding: str = "utf-8") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode(encoding)


def verdicts(bill_id: int | None) -> dict[str, str]:
    """Number (with ' for a repeat) -> verdict of every line that is not matched."""
    found: dict[str, str] = {}
    for line in FreightLine.objects.filter(bill=bill_id).exclude(verdict="matched").order_by("line_no", "pk"):
        found[line.tracking_no + ("'" if line.tracking_no in found else "")] = line.verdict
    return found


def line_of(bill_id: int | None, number: str) -> FreightLine:
    found = FreightLine.objects.filter(bill=bill_id, tracking_no=number).order_by("-line_no").first()
    assert found is not None
    return found
