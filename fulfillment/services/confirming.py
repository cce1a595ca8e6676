"""What the warehouse says has left: parcels, stock, order lines and orders follow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from fulfillment.errors import ConfirmWithoutPieces, ShipmentUnknown
from fulfillment.models import Carrier, Parcel, Shipment, ShipmentLine
from fulfillment.packing.shares import share_of_pieces
from fulfillment.services.anew import return_to_routing, set_back
from fulfillment.states import IN_WAREHOUSE, WAREHOUSE_DOUBTS, ShipmentState
from fulfillment.wms.documents import DeliveryConfirm
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult
from ordercenter.common.money import ZERO
from ordercenter.common.rows import new_row
from ordercenter.events.types import NothingLeftWarehouse, ShipmentRejected, ShipmentShipped
from ordercenter.inventory import services as inventory
from ordercenter.orders import services as orders_services
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.services.holding import Finding
from ordercenter.orders.states import CLOSED_STATES, OrderState

# Words of the warehouse that mean: it has left.
_LEFT = ("DELIVERED", "PARTDELIVERED", "")
# A confirm after which more parcels follow; its quantities are its own, not running totals.
INTERMEDIATE = 1
ConfirmRefused = ShipmentUnknown


def confirm_shipments(
    *, confirms: Sequence[DeliveryConfirm], work: Work | None = None, at: datetime | None = None, actor: Actor = SYSTEM
) -> BatchResult:
    """Apply warehouse confirms: shipment and parcels, reservations consumed, stock down, lines and orders shipped.

    Several confirms of one shipment are applied one after the other. Intermediate ones bring their parcels and count
    their pieces; the final one adds its own, and then the shipment has left. A warehouse that counts on instead is
    understood all the same, for no line can leave more than once. One of a shipment that has left already changes
    nothing (done). An order that was cancelled meanwhile stays cancelled: the parcel is on its way all the same, and a
    case says so; so it does where the warehouse ships what it had agreed to stop. Less shipped than planned: the order
    is partly shipped and a case asks for the rest. Nothing shipped at all: nothing has left, the shipment counts as
    rejected, the order keeps its place and its goods, and a case asks what to do. Refused: ShipmentUnknown,
    ConfirmWithoutPieces. Emits ShipmentShipped, ShipmentRejected, OrderShipped.
    """
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor) as work:
        shipments, lines = _lock(work, {confirm.delivery_order_code for confirm in confirms})
        parcels = work.lock_children(Parcel, "shipment_id", [shipment.pk for shipment in shipments.values()])
        carriers = _carriers(confirms)
        left: list[tuple[Shipment, ShipmentLine]] = []
        for confirm in confirms:
            shipment = shipments.get(confirm.delivery_order_code)
            if shipment is None:
                result.refuse(confirm, ShipmentUnknown(number=confirm.delivery_order_code))
                continue
            with result.refusals(confirm, ConfirmWithoutPieces):
                if confirm.status in _LEFT:
                    mine = lines[shipment.pk]
                    if _apply(work, shipment, mine, confirm, parcels[shipment.pk], carriers):
                        left.extend((shipment, line) for line in mine)
                result.done.append(shipment)
        _book(work, left)
    return result


def ship_so_far(*, shipments: Collection[Shipment], work: Work) -> None:
    """Of these locked shipments nothing follows any more: what has left of each, parcel by parcel, is all that left."""
    if not shipments:
        return
    lines = work.lock_children(ShipmentLine, "shipment_id", [shipment.pk for shipment in shipments])
    parcels = work.lock_children(Parcel, "shipment_id", [shipment.pk for shipment in shipments])
    for shipment in shipments:
        nothing_more = dict.fromkeys((line.pk for line in lines[shipment.pk]), 0)
        _ship(work, shipment, lines[shipment.pk], nothing_more, parcels[shipment.pk])
    _book(work, [(shipment, line) for shipment in shipments for line in lines[shipment.pk]])


def _apply(
    work: Work,
    shipment: Shipment,
    lines: Sequence[ShipmentLine],
    confirm: DeliveryConfirm,
    parcels: list[Parcel],
    carriers: Mapping[str, Carrier],
) -> bool:
    """One confirm that says that something left; answers whether the shipment has left with it."""
    if shipment.state == ShipmentState.CANCELLED:
        _left_all_the_same(work, shipment, lines, confirm)
    if shipment.state not in IN_WAREHOUSE:
        return False
    pieces = _pieces(lines, confirm, work)
    if confirm.confirm_type == INTERMEDIATE:
        _count(work, lines, confirm, pieces)
        _add_parcels(work, shipment, confirm, carriers, parcels)
        return False
    if not any(line.confirmed + pieces[line.pk] for line in lines):
        _nothing_left(work, shipment, lines)
        return False
    _add_parcels(work, shipment, confirm, carriers, parcels)
    shipment.warehouse_ref = confirm.warehouse_ref[:64] or shipment.warehouse_ref
    _ship(work, shipment, lines, pieces, parcels, at=confirm.operated_at)
    return True


def _book(work: Work, left: Sequence[tuple[Shipment, ShipmentLine]]) -> None:
    """Stock, order lines and orders follow what left."""
    if left:
        some = {line.order_id for _shipment, line in left if line.shipped}
        none = {line.order_id for _shipment, line in left} - some
        if none:
            # What is promised to an order that was passed over ends after the rest: its stock is locked with theirs.
            inventory.lock_stock_of(order_ids=some | none, work=work)
        inventory.consume_departures(departures=[_departure(shipment, line) for shipment, line in left], work=work)
        _ship_order_lines(work, [line for _shipment, line in left])


def _lock(work: Work, codes: Collection[str]) -> tuple[dict[str, Shipment], dict[int, list[ShipmentLine]]]:
    """Orders first, as everywhere, then their shipments."""
    known = list(ShipmentLine.objects.filter(shipment__code__in=codes).values_list("shipment_id", "order_id"))
    work.lock(Order, {order_id for _, order_id in known})
    shipments = work.lock(Shipment, {shipment_id for shipment_id, _ in known})
    lines = work.lock_children(ShipmentLine, "shipment_id", list(shipments))
    return {s.code: s for s in shipments.values()}, lines


def _ship(
    work: Work,
    shipment: Shipment,
    lines: Sequence[ShipmentLine],
    pieces: Mapping[int, int],
    parcels: Sequence[Parcel],
    *,
    at: datetime | None = None,
) -> None:
    orders = work.lock(Order, {line.order_id for line in lines})
    if shipment.state == ShipmentState.PLANNED:
        shipment.dispatch()
    shipment.mark_shipped()
    shipment.shipped_at = at or work.at
    work.save(shipment, "shipped_at", "warehouse_ref")
    for line in lines:
        line.shipped = min(line.quantity, line.confirmed + pieces[line.pk])
        work.save(line, "shipped")
        if line.shipped < line.quantity:
            # The missing pieces take their share of the money along: it goes with them when they are sent.
            line.amount, line.freight = (
                _share_left(amount, line.shipped, line.quantity) for amount in (line.amount, line.freight)
            )
            work.save(line, "amount", "freight")
    work.record(
        ShipmentShipped(
            shipment_id=shipment.pk,
            order_ids=tuple(sorted(orders)),
            parcel_ids=tuple(p.pk for p in parcels),
            occurred_at=shipment.shipped_at,
        )
    )


def _count(work: Work, lines: Sequence[ShipmentLine], confirm: DeliveryConfirm, pieces: Mapping[int, int]) -> None:
    """Pieces of one parcel among several. Nobody could say later what was in one that names neither lines nor items."""
    if not confirm.lines and not any(package.items for package in confirm.packages):
        raise ConfirmWithoutPieces(number=confirm.delivery_order_code)
    for line in lines:
        if pieces[line.pk]:
            line.confirmed = min(line.quantity, line.confirmed + pieces[line.pk])
            work.save(line, "confirmed")


def _nothing_left(work: Work, shipment: Shipment, lines: Sequence[ShipmentLine]) -> None:
    """The warehouse is through with it and has shipped no piece. One that is being stopped waits for that answer."""
    if shipment.state == ShipmentState.INTERCEPTING:
        return
    if shipment.state == ShipmentState.PLANNED:
        shipment.dispatch()
    if shipment.state != ShipmentState.REJECTED:
        shipment.reject()
        work.save(shipment)
        work.record(ShipmentRejected(shipment_id=shipment.pk, reason="confirmed without a single piece"))
    alive = [o for o in work.lock(Order, {line.order_id for line in lines}).values() if o.state not in CLOSED_STATES]
    finding = Finding("NOTHING_SHIPPED", {"shipment": shipment.code})
    orders_services.hold_orders(findings={order.pk: [finding] for order in alive}, work=work)
    for order in alive:
        work.record(NothingLeftWarehouse(order_id=order.pk, shipment=shipment.code))


def _pieces(lines: Sequence[ShipmentLine], confirm: DeliveryConfirm, work: Work) -> dict[int, int]:
    """Pieces that this confirm says have left, by shipment line: by line number where the warehouse repeats ours, else
    by SKU code. A final confirm without any line means all that was planned.
    """
    own = {str(line.pk) for line in lines}
    by_no: dict[str, int] = defaultdict(int)
    left: dict[str, int] = defaultdict(int)
    for confirmed in confirm.lines:
        by_no[confirmed.line_no] += confirmed.actual
        left[confirmed.item_code] += confirmed.actual
    if by_no and by_no.keys() <= own:
        return {line.pk: by_no[str(line.pk)] for line in lines}
    if not confirm.lines and confirm.confirm_type != INTERMEDIATE:
        return {line.pk: line.quantity - line.confirmed for line in lines}
    if not confirm.lines:
        for item in (item for package in confirm.packages for item in package.items):
            left[item.item_code] += item.quantity
    codes = dict(Sku.objects.filter(pk__in=[line.sku_id for line in lines]).values_list("pk", "code"))
    answer = {}
    for line in lines:
        answer[line.pk] = min(line.quantity - line.confirmed, left[codes[line.sku_id]])
        left[codes[line.sku_id]] -= answer[line.pk]
    return answer


def _share_left(amount: Decimal, pieces: int, of: int) -> Decimal:
    return share_of_pieces(amount, [pieces], of)[0] if pieces else ZERO


def _departure(shipment: Shipment, line: ShipmentLine) -> inventory.Departure:
    return inventory.Departure(line.order_line_id, line.shipped, shipment.code, shipment.warehouse_id, line.quantity)


def _ship_order_lines(work: Work, lines: Sequence[ShipmentLine]) -> None:
    """Orders follow what left of them; cancelled orders and missing pieces become cases. lines: what left just now."""
    orders = work.lock(Order, {line.order_id for line in lines})
    alive = [line for line in lines if orders[line.order_id].state != OrderState.CANCELLED]
    # A line may have left in several shipments that are confirmed together.
    shipped: dict[int, int] = defaultdict(int)
    missing: dict[int, int] = defaultdict(int)
    for line in alive:
        shipped[line.order_line_id] += line.shipped
        missing[line.order_line_id] += line.quantity - line.shipped
    orders_services.ship_orders(shipped=shipped, missing=missing, work=work)
    too_late = {line.order_id for line in lines if orders[line.order_id].state == OrderState.CANCELLED}
    cases.open_cases(drafts=[_shipped_after_cancel(orders[pk]) for pk in sorted(too_late)], work=work)
    short: dict[int, list[dict[str, int]]] = defaultdict(list)
    passed_over = _passed_over(work, alive)
    for line in alive:
        if line.shipped < line.quantity and line.order_id not in passed_over:
            short[line.order_id].append({"sku_id": line.sku_id, "planned": line.quantity, "shipped": line.shipped})
    orders_services.hold_orders(
        findings={pk: [Finding("SHORT_PICK", {"lines": missing})] for pk, missing in short.items()}, work=work
    )
    sent = {line.order_id for line in alive} - set(passed_over)
    doubted = [pk for pk in sorted(sent) if orders[pk].is_on_hold]
    if doubted:
        # A warehouse that never said that it has the order has said it now.
        orders_services.release_holds(
            order_ids=doubted,
            codes=(*WAREHOUSE_DOUBTS, "LEAVES_WAREHOUSE"),
            reason="the warehouse has shipped it",
            work=work,
        ).raise_first()


def _passed_over(work: Work, lines: Collection[ShipmentLine]) -> Collection[int]:
    """Orders of a shared shipment that left without a single piece of theirs: they look for their way anew."""
    none = {line.order_id for line in lines} - {line.order_id for line in lines if line.shipped}
    if not none:
        return ()
    order_lines = work.lock_children(OrderLine, "order_id", sorted(none))
    ids = [pk for pk in sorted(none) if not any(line.shipped or line.released for line in order_lines[pk])]
    orders = list(work.lock(Order, ids).values())
    shipments = work.lock(Shipment, {line.shipment_id for line in lines})
    codes = {line.order_id: shipments[line.shipment_id].code for line in lines}
    orders_services.hold_orders(
        findings={pk: [Finding("NOTHING_SHIPPED", {"shipment": codes[pk]})] for pk in ids}, work=work
    )
    set_back(order_ids=return_to_routing(orders=orders, work=work), work=work)
    return ids


def _left_all_the_same(work: Work, shipment: Shipment, lines: Sequence[ShipmentLine], confirm: DeliveryConfirm) -> None:
    """The warehouse had agreed to stop it. Our books stay as they are: a person finds out what is out there."""
    numbers = [package.tracking_no for package in confirm.packages]
    orders = work.lock(Order, {line.order_id for line in lines})
    cancelled = [order for order in orders.values() if order.state == OrderState.CANCELLED]
    evidence = {"shipment": shipment.code, "tracking_numbers": numbers}
    cases.open_cases(drafts=[_shipped_after_cancel(order, evidence) for order in cancelled], work=work)
    finding = Finding("SHIPPED_AFTER_CANCEL", evidence)
    orders_services.hold_orders(
        findings={pk: [finding] for pk, order in orders.items() if order not in cancelled}, work=work
    )


def _shipped_after_cancel(order: Order, evidence: Mapping[str, Any] | None = None) -> CaseDraft:
    return CaseDraft(
        code="SHIPPED_AFTER_CANCEL",
        subject=f"order:{order.pk}",
        shop_id=order.shop_id,
        reference=order.channel_order_no,
        money_at_risk=order.total_amount,
        evidence={"cancel_reason": order.cancel_reason, **(evidence or {})},
    )


def _add_parcels(
    work: Work,
    shipment: Shipment,
    confirm: DeliveryConfirm,
    carriers: Mapping[str, Carrier],
    known: list[Parcel],
) -> None:
    """One for each tracking number that is not known yet; some warehouses write a package for each item of a box."""
    numbers = {(parcel.carrier_id, parcel.tracking_no) for parcel in known}
    fresh: dict[tuple[int, str], Parcel] = {}
    for package in confirm.packages:
        carrier = carriers.get(package.carrier_code)
        key = (carrier.pk if carrier else shipment.carrier_id, package.tracking_no[:64])
        if not package.tracking_no or key in numbers:
            continue
        if key not in fresh:
            fresh[key] = _parcel(shipment, *key, at=confirm.operated_at or work.at)
        weight = package.weight_kg or Decimal(0)
        fresh[key].weight_g = max(fresh[key].weight_g, int((weight * 1000).to_integral_value(ROUND_HALF_UP)))
        fresh[key].items.extend({"code": item.item_code, "quantity": item.quantity} for item in package.items)
    work.add(list(fresh.values()))
    known.extend(fresh.values())


def _parcel(shipment: Shipment, carrier_id: int, number: str, *, at: datetime) -> Parcel:
    return new_row(Parcel, shipment_id=shipment.pk, carrier_id=carrier_id, tracking_no=number, shipped_at=at)


def _carriers(confirms: Sequence[DeliveryConfirm]) -> dict[str, Carrier]:
    codes = {package.carrier_code for confirm in confirms for package in confirm.packages}
    return {carrier.code: carrier for carrier in Carrier.objects.filter(code__in=codes)}
