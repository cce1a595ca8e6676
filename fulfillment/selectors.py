"""Reading shipments set-wise for what goes out to warehouses."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal

from fulfillment.models import Shipment, ShipmentLine
from fulfillment.states import STOPPABLE, ShipmentState
from fulfillment.wms.documents import DeliveryOrderDocument, DeliveryOrderLine, Party
from ordercenter.catalog.contacts import clear_data
from ordercenter.catalog.models import Contact
from ordercenter.common.money import to_cents
from ordercenter.orders.models import Order
from ordercenter.orders.states import OrderState

_ON_THE_WAY = (OrderState.IN_FULFILLMENT, OrderState.PARTIALLY_SHIPPED)
# How the standard names the platforms; what it does not list goes out as OTHER.
_PLATFORMS = {"tmall": "TM", "taobao": "TB", "jd": "JD", "douyin": "DD", "wechat_shop": "WXSP"}


def can_route_elsewhere(order: Order) -> bool:
    """Whether a warehouse has rejected a shipment of this order, whatever became of the others. One statement."""
    return order.state in _ON_THE_WAY and ShipmentState.REJECTED in _states_of(order)


def can_ask_back(order: Order) -> bool:
    """Whether goods of this order lie at a warehouse that could still stop them. One statement."""
    return bool(_states_of(order) & set(STOPPABLE)) if order.state in _ON_THE_WAY else False


def _states_of(order: Order) -> set[str]:
    return set(Shipment.objects.filter(lines__order=order).values_list("state", flat=True))


def delivery_documents(shipment_ids: Collection[int]) -> dict[int, DeliveryOrderDocument]:
    """The delivery order of each shipment, ready to be written as XML. Three statements.

    Reads the receiver in clear: what is made of it goes to the warehouse and nowhere else.
    """
    shipments = Shipment.objects.filter(pk__in=shipment_ids).select_related(
        "warehouse", "carrier", "contact", "shop__channel"
    )
    lines: dict[int, list[ShipmentLine]] = {}
    rows = ShipmentLine.objects.filter(shipment_id__in=shipment_ids).select_related("order_line", "sku", "order")
    for line in rows.order_by("pk"):
        lines.setdefault(line.shipment_id, []).append(line)
    return {s.pk: _document(s, lines[s.pk]) for s in shipments if s.pk in lines}


def _document(shipment: Shipment, lines: list[ShipmentLine]) -> DeliveryOrderDocument:
    orders: dict[int, Order] = {line.order_id: line.order for line in lines}
    first = min(orders.values(), key=lambda order: order.placed_at)
    items = [_line(line) for line in lines]
    item_amount = sum((line.amount for line in lines), Decimal(0))
    freight = sum((line.freight for line in lines), Decimal(0))
    return DeliveryOrderDocument(
        code=shipment.code,
        warehouse_code=shipment.warehouse.code,
        owner_code=shipment.warehouse.owner_code or shipment.warehouse.customer_id,
        platform_code=_PLATFORMS.get(shipment.shop.channel.code, "OTHER"),
        shop_nick=shipment.shop.name,
        carrier_code=shipment.carrier.code,
        created_at=shipment.created_at,
        placed_at=first.placed_at,
        paid_at=first.paid_at or first.placed_at,
        item_amount=item_amount,
        discount_amount=Decimal(0),
        freight=freight,
        total_amount=item_amount + freight,
        sender=_sender(shipment),
        receiver=_receiver(shipment.contact),
        lines=tuple(items),
        is_urgent=shipment.grade == "rush",
        buyer_message=_all_said(order.buyer_remark for order in orders.values()),
        seller_message=_all_said(order.seller_remark for order in orders.values()),
        latest_delivery_at=min((o.ship_by for o in orders.values() if o.ship_by), default=None),
    )


def _all_said(remarks: Iterable[str]) -> str:
    """The remarks of all orders in the parcel; what two of them say alike is said once."""
    return " / ".join(dict.fromkeys(text for remark in remarks if (text := remark.strip())))


def _line(line: ShipmentLine) -> DeliveryOrderLine:
    price = to_cents(line.amount / line.quantity)
    return DeliveryOrderLine(
        line_no=str(line.pk),
        item_code=line.sku.code,
        item_name=line.sku.name,
        quantity=line.quantity,
        actual_price=price,
        source_order_no=line.order.channel_order_no,
        source_line_no=line.order_line.channel_line_no,
    )


def _sender(shipment: Shipment) -> Party:
    warehouse = shipment.warehouse
    return Party(
        name=shipment.shop.name,
        mobile=warehouse.phone,
        province=warehouse.province,
        city=warehouse.city,
        district=warehouse.district,
        detail_address=warehouse.address or warehouse.name,
    )


def _receiver(contact: Contact) -> Party:
    clear = clear_data(contact)
    return Party(
        name=clear["name"],
        mobile=clear["phone"],
        province=contact.province,
        city=contact.city,
        district=contact.district,
        detail_address=clear["address"],
        town=contact.town,
        zip_code=clear["zip"],
        oaid=contact.opaque_id,
    )
