"""Parcels to the courier, and stopped pieces back into their bins: how a shipment of an own house ends."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from fulfillment.floor.reading import tidy
from fulfillment.floor.scans import Answer, ScanInput
from fulfillment.floor_errors import (
    LabelUnknown,
    ShipmentStopped,
    StepNotDue,
)
from fulfillment.models import Basket, Carrier, FloorRules, PickLine, Shipment, Waybill
from fulfillment.services.confirming import confirm_shipments
from fulfillment.services.floor_labels import (
    must_not_be_stopped,
    shipment_of,
    why_stopped,
)
from fulfillment.services.leaving_warehouse import after_stop
from fulfillment.services.own_house import rules_of
from fulfillment.services.stopping import lock_for_stopping
from fulfillment.services.taking_out import taken_from
from fulfillment.services.waves import settle_waves
from fulfillment.services.waybills import use_waybills
from fulfillment.states import ShipmentState
from fulfillment.wms.documents import ConfirmedLine, ConfirmedPackage, DeliveryConfirm, PackedItem
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult

IRREVERSIBLE = {"kind": "none"}
_READY = (ShipmentState.PACKED, ShipmentState.WEIGHED)


def hand_over_scanned(scan: ScanInput, place: str, work: Work) -> Answer:
    """A parcel goes to the courier: it has left. Raises LabelUnknown and what `hand_over` refuses."""
    shipment_id = shipment_of(scan.text, warehouse_id=scan.warehouse_id)
    if shipment_id is None:
        raise LabelUnknown(text=scan.text[:64])
    result = hand_over(shipment_ids=[shipment_id], work=work)
    result.raise_first()
    return Answer("handed_over", place=place, params={"shipment": result.done[0].code}, undo=IRREVERSIBLE)


def put_back_scanned(scan: ScanInput, place: str, work: Work) -> Answer:
    """What was stopped lies in its bins again. Raises LabelUnknown, StepNotDue."""
    shipment_id = shipment_of(scan.text, warehouse_id=scan.warehouse_id)
    if shipment_id is None:
        raise LabelUnknown(text=scan.text[:64])
    # Not locked here: orders come first.
    code, state = Shipment.objects.values_list("code", "state").get(pk=shipment_id)
    if state != ShipmentState.TO_PUT_BACK:
        # The label is that of the basket from which these pieces were taken.
        shipment_id = taken_from(code) or shipment_id
    put_back(shipment_ids=[shipment_id], work=work).raise_first()
    return Answer("put_back", place=place, params={"shipment": tidy(scan.text)}, undo=IRREVERSIBLE)


def hand_over(
    *, shipment_ids: Collection[int], work: Work | None = None, at: datetime | None = None, actor: Actor = SYSTEM
) -> BatchResult:
    """The courier has these parcels: shipments leave through the same service as at any warehouse's confirm.

    Reservations are consumed, stock goes down, parcels are made, orders and channels follow. done: the shipments.
    Refused, nothing of such a one leaves: StepNotDue (not packed, or not weighed where the floor weighs, or a piece not
    checked), WaybillUnusable, ShipmentStopped for an order that was cancelled or whose goods are to stay. Cancelling an
    order and handing it over lock the same order first: one of them wins, never both. A constant number of statements.
    """
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor) as work:
        lock_for_stopping(shipment_ids=shipment_ids, work=work)
        shipments = work.lock(Shipment, shipment_ids)
        baskets = work.lock_children(Basket, "shipment_id", list(shipments))
        lines = work.lock_children(PickLine, "basket_id", [b.pk for group in baskets.values() for b in group])
        stopped = why_stopped(list(shipments))
        rules = {w: rules_of(w) for w in {s.warehouse_id for s in shipments.values()}}
        leaving: list[tuple[Shipment, Basket, Sequence[PickLine]]] = []
        for shipment in shipments.values():
            with result.refusals(shipment.pk):
                basket = baskets[shipment.pk][0] if baskets[shipment.pk] else None
                _may_leave(shipment, basket, lines, rules[shipment.warehouse_id], stopped.get(shipment.pk))
                if basket is not None:
                    leaving.append((shipment, basket, lines[basket.pk]))
        unusable = _use_waybills(leaving, work) if leaving else {}
        for shipment_id, error in unusable.items():
            result.refuse(shipment_id, error)
        leaving = [entry for entry in leaving if entry[0].pk not in unusable]
        if leaving:
            confirms = _confirms(leaving, work)
            confirm_shipments(confirms=confirms, work=work).raise_first()
            result.done.extend(shipment for shipment, _basket, _lines in leaving)
            settle_waves({b.wave_id for _s, b, _l in leaving}, without=[s.pk for s in result.done], work=work)
    return result


def put_back(
    *, shipment_ids: Collection[int], work: Work | None = None, at: datetime | None = None, actor: Actor = SYSTEM
) -> BatchResult:
    """The pieces of stopped shipments lie in their bins again: their stock is free, and orders that live go on.

    done: the shipments. Refused: StepNotDue. Emits ShipmentCancelled.
    """
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor) as work:
        lock_for_stopping(shipment_ids=shipment_ids, work=work)
        shipments = work.lock(Shipment, shipment_ids)
        for shipment in shipments.values():
            if shipment.state == ShipmentState.TO_PUT_BACK:
                result.done.append(shipment)
            else:
                result.refuse(shipment.pk, StepNotDue(shipment=shipment.code, step="put_back", state=shipment.state))
        ids = [shipment.pk for shipment in result.done]
        if ids:
            after_stop(answers=dict.fromkeys(ids, True), work=work)
            waves = Basket.objects.filter(shipment_id__in=ids).values_list("wave_id", flat=True)
            settle_waves(set(waves), without=ids, work=work)
    return result


def _may_leave(
    shipment: Shipment,
    basket: Basket | None,
    lines: Mapping[int, Sequence[PickLine]],
    rules: FloorRules,
    stopped: str | None,
) -> None:
    must_not_be_stopped(shipment)
    if stopped:
        raise ShipmentStopped(shipment=shipment.code, why=stopped)
    ready = (ShipmentState.WEIGHED,) if rules.must_weigh else _READY
    mine = lines[basket.pk] if basket else ()
    whole = bool(mine) and all(line.checked == line.picked for line in mine) and any(line.checked for line in mine)
    if basket is None or shipment.state not in ready or not whole or not basket.tracking_no:
        raise StepNotDue(shipment=shipment.code, step="hand_over", state=shipment.state)


def _confirms(leaving: Sequence[tuple[Shipment, Basket, Sequence[PickLine]]], work: Work) -> list[DeliveryConfirm]:
    """What left, in the form in which a warehouse with a system of its own would have told it."""
    codes = dict(
        Sku.objects.filter(pk__in={line.sku_id for *_x, lines in leaving for line in lines}).values_list("pk", "code")
    )
    used = {basket.carrier_id for _s, basket, _l in leaving if basket.carrier_id}
    carriers = dict(Carrier.objects.filter(pk__in=used).values_list("pk", "code"))
    return [
        DeliveryConfirm(
            delivery_order_code=shipment.code,
            warehouse_ref="",
            warehouse_code="",
            out_biz_code=f"own:{shipment.code}",
            confirm_type=0,
            status="DELIVERED",
            operated_at=work.at,
            packages=(
                ConfirmedPackage(
                    carrier_code=carriers.get(basket.carrier_id or 0, ""),
                    tracking_no=basket.tracking_no,
                    package_code=str(basket.number),
                    weight_kg=Decimal(basket.weight_g) / 1000 if basket.weight_g else None,
                    items=tuple(PackedItem(codes[ln.sku_id], ln.checked) for ln in lines if ln.checked),
                ),
            ),
            lines=tuple(
                ConfirmedLine(str(ln.shipment_line_id), codes[ln.sku_id], "ZP", ln.wanted, ln.checked) for ln in lines
            ),
        )
        for shipment, basket, lines in leaving
    ]


def _use_waybills(leaving: Sequence[tuple[Shipment, Basket, Sequence[PickLine]]], work: Work) -> dict[int, Any]:
    """The waybills on these parcels are used; by shipment, why one may not be: its number was given back meanwhile."""
    numbers = {(shipment.pk, basket.tracking_no) for shipment, basket, _lines in leaving}
    known = work.lock_children(Waybill, "shipment_id", [shipment.pk for shipment, *_rest in leaving])
    mine = {w.pk: w for group in known.values() for w in group if (w.shipment_id, w.number) in numbers}
    refused = use_waybills(waybill_ids=sorted(mine), work=work).refused
    return {mine[refusal.key].shipment_id: refusal.error for refusal in refused}
