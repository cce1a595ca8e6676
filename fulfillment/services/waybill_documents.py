"""Reading set-wise what couriers and labels need to know of waybills."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from fulfillment.carriers.documents import Place, WaybillRequest
from fulfillment.models import ShipmentLine, Waybill
from ordercenter.catalog.contacts import clear_data
from ordercenter.catalog.models import Contact


@dataclass(frozen=True, slots=True)
class Package:
    """A waybill with all that is written about its package. Holds the receiver in clear where we have it so."""

    waybill: Waybill
    receiver: Place
    items: tuple[tuple[str, int], ...]
    order_nos: tuple[str, ...]
    value: Decimal


def packages_of(waybill_ids: Collection[int]) -> dict[int, Package]:
    """By waybill id. Two statements for any number of waybills.

    Reads receivers in clear: what is made of it goes to the courier or onto the label, and nowhere else.
    """
    waybills = Waybill.objects.filter(pk__in=waybill_ids).select_related(
        "carrier", "account__carrier", "shipment__contact", "shipment__warehouse", "shipment__shop__channel"
    )
    rows = {waybill.pk: waybill for waybill in waybills}
    lines: dict[int, list[ShipmentLine]] = {}
    shipment_ids = {waybill.shipment_id for waybill in rows.values()}
    found = ShipmentLine.objects.filter(shipment_id__in=shipment_ids).select_related("order", "order_line", "sku")
    for line in found.order_by("pk"):
        lines.setdefault(line.shipment_id, []).append(line)
    return {pk: _package(waybill, lines.get(waybill.shipment_id, [])) for pk, waybill in rows.items()}


def key_of(waybill: Waybill) -> str:
    """The number under which the courier knows the package: the same at every try, never used for another."""
    return f"{waybill.shipment.code}-{waybill.pk}"


def request_of(package: Package) -> WaybillRequest:
    """What the courier is asked for this package."""
    shipment = package.waybill.shipment
    return WaybillRequest(
        key=key_of(package.waybill),
        carrier_code=package.waybill.carrier.code,
        platform=shipment.shop.channel.code,
        order_nos=package.order_nos,
        items=package.items,
        weight_g=shipment.weight_g,
        value=package.value,
        receiver=package.receiver,
    )


def receiver_of(contact: Contact, *, tid: str = "") -> Place:
    """A receiver as the courier gets it: in clear where we have it so, else masked, with the platform's id."""
    clear = clear_data(contact)
    return Place(
        name=clear["name"],
        phone=clear["phone"],
        province=contact.province,
        city=contact.city,
        district=contact.district,
        town=contact.town,
        address=clear["address"],
        oaid=contact.opaque_id,
        tid=tid if contact.opaque_id else "",
        is_masked=contact.is_masked,
    )


def _package(waybill: Waybill, lines: list[ShipmentLine]) -> Package:
    order_nos = tuple(dict.fromkeys(line.order.channel_order_no for line in lines))
    pieces: dict[str, int] = {}
    value = Decimal(0)
    for line in lines:
        pieces[line.sku.name] = pieces.get(line.sku.name, 0) + line.quantity
        value += line.order_line.paid_share * line.quantity / line.order_line.ordered
    return Package(
        waybill=waybill,
        receiver=receiver_of(waybill.shipment.contact, tid=order_nos[0] if order_nos else ""),
        items=tuple(pieces.items()),
        order_nos=order_nos,
        value=value.quantize(Decimal("0.01")),
    )
