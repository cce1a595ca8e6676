"""What a scanned text means on the floor: a SKU, a wave, a shipment, a parcel; and whether a shipment may go on."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Q

from fulfillment.floor.reading import basket_in, tidy
from fulfillment.floor_errors import ScanUnknown, ShipmentStopped, StepNotDue
from fulfillment.models import Basket, PickLine, Shipment, Wave
from fulfillment.states import HAS_LEFT, ShipmentState
from ordercenter.audit.work import Work
from ordercenter.catalog.models import Sku
from ordercenter.orders.models import Hold, Order
from ordercenter.orders.states import OrderState

# Holds that say that the goods themselves must stay, not only that somebody has to look at the order.
KEEPS_GOODS = (
    "REFUND_BEFORE_SHIP",
    "GOODS_STOPPED",
    "CHANGED_AFTER_AUDIT",
    "CHANNEL_HELD",
    "DUPLICATE_SUSPECT",
    "SHIPPED_ELSEWHERE",
)
_STOPPED = (ShipmentState.TO_PUT_BACK, ShipmentState.INTERCEPTING, ShipmentState.CANCELLED)


def sku_of(text: str) -> Sku | None:
    """The SKU whose code or bar code was scanned. One statement."""
    raw, tidied = text.strip()[:64], tidy(text)[:64]
    wanted = {raw, tidied}
    return Sku.objects.filter(Q(code__in=wanted) | Q(barcodes__text__in=wanted)).order_by("pk").first() if raw else None


def sku_or_unknown(text: str) -> Sku:
    """As `sku_of`. Raises ScanUnknown."""
    sku = sku_of(text)
    if sku is None:
        raise ScanUnknown(text=text[:64])
    return sku


def wave_of(text: str, *, warehouse_id: int) -> Wave | None:
    """The wave whose number, or one of whose basket labels, was scanned."""
    label = basket_in(tidy(text))
    code = label[0] if label else tidy(text)
    return Wave.objects.filter(code=code, warehouse_id=warehouse_id).first() if code.startswith("W") else None


def shipment_of(text: str, *, warehouse_id: int) -> int | None:
    """The shipment whose number, basket label or tracking number was scanned."""
    tidied = tidy(text)
    if not tidied:
        return None
    label = basket_in(tidied)
    if label is not None:
        found = Basket.objects.filter(wave__code=label[0], number=label[1], wave__warehouse_id=warehouse_id)
    else:
        found = Basket.objects.filter(
            Q(shipment__code=tidied) | Q(tracking_no=tidied) | Q(shipment__waybills__number=tidied),
            shipment__warehouse_id=warehouse_id,
        )
    return found.values_list("shipment_id", flat=True).first()


def lock_basket(shipment_id: int, work: Work) -> tuple[Shipment, Basket, list[PickLine]]:
    """A shipment with its basket and pick lines, locked in this order."""
    shipment = work.lock(Shipment, [shipment_id]).get(shipment_id)
    baskets = work.lock_children(Basket, "shipment_id", [shipment_id])[shipment_id]
    if shipment is None or not baskets:
        raise StepNotDue(shipment=str(shipment_id), step="scan", state=shipment.state if shipment else "none")
    return shipment, baskets[0], work.lock_children(PickLine, "basket_id", [baskets[0].pk])[baskets[0].pk]


def must_not_be_stopped(shipment: Shipment) -> None:
    """Raises ShipmentStopped for a shipment that is stopped, and StepNotDue for one that has left."""
    if shipment.state in _STOPPED:
        raise ShipmentStopped(shipment=shipment.code, why=shipment.state)
    if shipment.state in HAS_LEFT:
        raise StepNotDue(shipment=shipment.code, step="scan", state=shipment.state)


def why_stopped(shipment_ids: Collection[int]) -> dict[int, str]:
    """Shipments that must stay because of an order of theirs: why, by shipment. Two statements.

    The stop of a cancelled order reaches its shipments a moment later; this looks at the orders themselves.
    """
    rows = list(
        Order.objects.filter(shipment_lines__shipment_id__in=shipment_ids).values_list("pk", "state").distinct()
    )
    states = dict(rows)
    pairs = PickLine.objects.filter(basket__shipment_id__in=shipment_ids).values_list(
        "basket__shipment_id", "shipment_line__order_id"
    )
    of_order: dict[int, set[int]] = {}
    for shipment_id, order_id in pairs:
        of_order.setdefault(order_id, set()).add(shipment_id)
    why = {
        pk: "cancelled" for order, state in states.items() if state == OrderState.CANCELLED for pk in of_order[order]
    }
    holds = Hold.objects.filter(order_id__in=list(of_order), released_at__isnull=True, code__in=KEEPS_GOODS)
    for order_id, code in holds.values_list("order_id", "code"):
        for pk in of_order[order_id]:
            why.setdefault(pk, code)
    return why
