"""The bench: check every piece, pack, weigh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fulfillment.floor.reading import Tolerance, looks_like_tracking, tidy, weight_in
from fulfillment.floor.scans import Answer, ScanInput, number_of
from fulfillment.floor_errors import (
    NothingOpened,
    ScanTooOld,
    ScanUnknown,
    ShipmentStopped,
    StepNotDue,
    TooManyPieces,
    TrackingTaken,
    TrackingUnreadable,
    WeightUnreadable,
    WrongItem,
    WrongWaybill,
)
from fulfillment.models import Basket, Parcel, PickLine, Shipment, Waybill
from fulfillment.services.floor_labels import (
    lock_basket,
    must_not_be_stopped,
    shipment_of,
    sku_of,
    why_stopped,
)
from fulfillment.services.own_house import rules_of
from fulfillment.services.set_weights import set_pieces_g
from fulfillment.states import ShipmentState, WaveKind, WaybillState
from ordercenter.audit.work import Work
from ordercenter.cases import services as cases
from ordercenter.cases.models import Case
from ordercenter.cases.services import CaseDraft
from ordercenter.cases.states import CaseState
from ordercenter.catalog.models import Sku

# A person said that this weight may pass: so may one that the scale shows a moment later.
_SAME_WEIGHT_G = 20


def at_the_bench(scan: ScanInput, place: str, work: Work) -> Answer:
    """What is due with the shipment on the bench: its pieces one by one, its tracking number, its weight.

    A shipment's label (number, basket, waybill) puts it on the bench; in a wave of single pieces the piece itself does.
    The server decides by the shipment's state what the text is; nothing goes on before every piece was scanned. Raises
    NothingOpened, ScanUnknown, StepNotDue, ShipmentStopped and what the steps refuse.
    """
    on_bench = number_of(place, "shipment")
    labelled = shipment_of(scan.text, warehouse_id=scan.warehouse_id)
    if labelled is not None and labelled != on_bench:
        return _put_on_bench(labelled, work)
    if on_bench is None:
        return _from_wave(scan, place, work)
    shipment, basket, lines = lock_basket(on_bench, work)
    _must_belong(shipment, scan)
    must_not_be_stopped(shipment)
    why = why_stopped([on_bench]).get(on_bench)
    if why:
        raise ShipmentStopped(shipment=shipment.code, why=why)
    if shipment.state == ShipmentState.PICKED:
        if labelled == on_bench:
            return _seen(shipment, basket)
        return _check(scan, shipment, basket, lines, work)
    if shipment.state == ShipmentState.CHECKED:
        return _pack(scan, shipment, basket, work)
    if shipment.state == ShipmentState.PACKED:
        return _weigh(scan, shipment, basket, lines, work)
    if shipment.state == ShipmentState.WEIGHED and labelled is None and sku_of(scan.text) is not None:
        # The box is closed; a piece that is scanned now is the next one's.
        return _from_wave(scan, f"wave:{basket.wave_id}", work)
    raise StepNotDue(shipment=shipment.code, step=scan.step, state=shipment.state)


def undo_check(undo: Mapping[str, Any], work: Work) -> None:
    """One look is taken back. Raises ScanTooOld when the box is closed already."""
    shipment, _basket, lines = lock_basket(int(undo["shipment"]), work)
    line = next(line for line in lines if line.pk == int(undo["line"]))
    if shipment.state not in (ShipmentState.PICKED, ShipmentState.CHECKED) or line.checked < int(undo["pieces"]):
        raise ScanTooOld(scan=shipment.code)
    line.checked -= int(undo["pieces"])
    work.save(line, "checked")
    if shipment.state == ShipmentState.CHECKED:
        shipment.check_again()
        work.save(shipment)


def undo_pack(undo: Mapping[str, Any], work: Work) -> None:
    """The box is open again, without a tracking number. Raises ScanTooOld."""
    shipment, basket, _lines = lock_basket(int(undo["shipment"]), work)
    if shipment.state != ShipmentState.PACKED:
        raise ScanTooOld(scan=shipment.code)
    shipment.unpack()
    work.save(shipment)
    basket.tracking_no, basket.carrier_id = "", None
    work.save(basket, "tracking_no", "carrier_id")


def undo_weigh(undo: Mapping[str, Any], work: Work) -> None:
    """The weight is taken back. Raises ScanTooOld."""
    shipment, basket, _lines = lock_basket(int(undo["shipment"]), work)
    if shipment.state != ShipmentState.WEIGHED:
        raise ScanTooOld(scan=shipment.code)
    shipment.weigh_again()
    work.save(shipment)
    basket.weight_g = None
    work.save(basket, "weight_g")


def _put_on_bench(shipment_id: int, work: Work) -> Answer:
    shipment, basket, _lines = lock_basket(shipment_id, work)
    must_not_be_stopped(shipment)
    why = why_stopped([shipment_id]).get(shipment_id)
    if why:
        raise ShipmentStopped(shipment=shipment.code, why=why)
    if shipment.state in (ShipmentState.WAVED, ShipmentState.PICKING, ShipmentState.SHORT_PICKED):
        raise StepNotDue(shipment=shipment.code, step="check", state=shipment.state)
    return _seen(shipment, basket)


def _seen(shipment: Shipment, basket: Basket) -> Answer:
    params = {"shipment": shipment.code, "basket": basket.number, "state": shipment.state}
    return Answer("shipment_opened", place=f"shipment:{shipment.pk}", params=params)


def _from_wave(scan: ScanInput, place: str, work: Work) -> Answer:
    """In a wave of single pieces, a piece that is scanned stands for the next shipment that wants it."""
    wave_id = number_of(place, "wave")
    sku = sku_of(scan.text)
    if wave_id is None or sku is None:
        if sku is None:
            raise ScanUnknown(text=scan.text[:64])
        raise NothingOpened(step=scan.step)
    kinds = (WaveKind.SINGLE, WaveKind.HOT)
    singles = Basket.objects.filter(wave_id=wave_id, wave__kind__in=kinds, wave__warehouse_id=scan.warehouse_id)
    waiting = singles.filter(lines__sku_id=sku.pk, shipment__state=ShipmentState.PICKED).order_by("number")
    for shipment_id in waiting.values_list("shipment_id", flat=True)[:5]:
        shipment, basket, lines = lock_basket(shipment_id, work)
        # Another bench may have taken it a moment ago; then the next one is ours.
        if shipment.state == ShipmentState.PICKED and shipment_id not in why_stopped([shipment_id]):
            return _check(scan, shipment, basket, lines, work)
    raise WrongItem(scanned=sku.code, due=[])


def _check(scan: ScanInput, shipment: Shipment, basket: Basket, lines: Sequence[PickLine], work: Work) -> Answer:
    sku = sku_of(scan.text)
    if sku is None:
        raise ScanUnknown(text=scan.text[:64])
    mine = [line for line in lines if line.sku_id == sku.pk]
    due = sum(line.picked - line.checked for line in mine)
    if not mine or not any(line.picked for line in mine):
        raise WrongItem(scanned=sku.code, due=_codes([ln for ln in lines if ln.picked > ln.checked]))
    line = next((line for line in mine if line.picked - line.checked >= scan.pieces), None)
    if line is None or scan.pieces < 1:
        raise TooManyPieces(scanned=sku.code, due=due, given=scan.pieces)
    line.checked += scan.pieces
    work.save(line, "checked")
    is_whole = all(other.checked == other.picked for other in lines)
    if is_whole:
        shipment.finish_checking()
        work.save(shipment)
    return Answer(
        "all_checked" if is_whole else "checked",
        place=f"shipment:{shipment.pk}",
        params={
            "sku": sku.code,
            "name": sku.name,
            "shipment": shipment.code,
            "checked": sum(other.checked for other in lines),
            "total": sum(other.picked for other in lines),
        },
        undo={"kind": "check", "shipment": shipment.pk, "line": line.pk, "pieces": scan.pieces},
    )


def _pack(scan: ScanInput, shipment: Shipment, basket: Basket, work: Work) -> Answer:
    number = tidy(scan.text)
    sku = sku_of(scan.text)
    if sku is not None:
        # Every piece was there already: this one is too many.
        raise TooManyPieces(scanned=sku.code, due=0, given=scan.pieces)
    if not looks_like_tracking(number):
        raise TrackingUnreadable(text=scan.text[:64])
    waybills = Waybill.objects.filter(
        shipment_id=shipment.pk, state__in=[WaybillState.ASSIGNED, WaybillState.PRINTED, WaybillState.USED]
    )
    made = dict(waybills.values_list("number", "carrier_id"))
    if made and number not in made:
        raise WrongWaybill(number=number, expected=sorted(made))
    carrier_id = made.get(number, shipment.carrier_id)
    taken = (
        Basket.objects.filter(carrier_id=carrier_id, tracking_no=number).exclude(pk=basket.pk).values("shipment__code")
    )
    other = (
        taken.first()
        or Parcel.objects.filter(carrier_id=carrier_id, tracking_no=number).values("shipment__code").first()
    )
    if other is not None:
        raise TrackingTaken(number=number, shipment=other["shipment__code"])
    basket.tracking_no, basket.carrier_id = number, carrier_id
    work.save(basket, "tracking_no", "carrier_id")
    shipment.pack()
    work.save(shipment)
    return Answer(
        "packed",
        place=f"shipment:{shipment.pk}",
        params={"shipment": shipment.code, "tracking_no": number},
        undo={"kind": "pack", "shipment": shipment.pk},
    )


def _weigh(scan: ScanInput, shipment: Shipment, basket: Basket, lines: Sequence[PickLine], work: Work) -> Answer:
    weight_g = weight_in(scan.text)
    if weight_g is None or not weight_g:
        raise WeightUnreadable(text=scan.text[:64])
    rules = rules_of(shipment.warehouse_id)
    grams = dict(Sku.objects.filter(pk__in={line.sku_id for line in lines}).values_list("pk", "weight_g"))
    in_sets = set_pieces_g([line.shipment_line_id for line in lines])
    pieces = ((in_sets.get(line.shipment_line_id, grams[line.sku_id]), line.checked) for line in lines)
    expected = rules.packing_g + sum(piece_g * checked for piece_g, checked in pieces)
    tolerance = Tolerance(rules.tolerance_percent, rules.tolerance_g)
    params = {"shipment": shipment.code, "weight_g": weight_g, "expected_g": expected}
    if not tolerance.allows(weight_g, expected) and not _was_let_pass(shipment, weight_g):
        cases.open_cases(drafts=[_weight_case(shipment, weight_g, expected)], work=work)
        allowed = {**params, "allowed_g": tolerance.of(expected)}
        return Answer("fulfillment.weight_differs", place=f"shipment:{shipment.pk}", params=allowed, is_ok=False)
    basket.weight_g, basket.expected_g = weight_g, expected
    work.save(basket, "weight_g", "expected_g")
    shipment.weigh()
    work.save(shipment)
    cases.close_cases_of(
        subjects=[f"shipment:{shipment.pk}"], codes=["WEIGHT_MISMATCH"], resolution="weighed again", work=work
    )
    return Answer(
        "weighed",
        place=f"shipment:{shipment.pk}",
        params=params,
        undo={"kind": "weigh", "shipment": shipment.pk},
    )


def _was_let_pass(shipment: Shipment, weight_g: int) -> bool:
    """Whether a person has resolved the case of just this weight."""
    resolved = Case.objects.filter(
        subject=f"shipment:{shipment.pk}", code="WEIGHT_MISMATCH", state__in=[CaseState.RESOLVED, CaseState.DISMISSED]
    )
    seen = resolved.order_by("-pk").values_list("evidence", flat=True).first()
    return seen is not None and abs(int(seen.get("weight_g", 0)) - weight_g) <= _SAME_WEIGHT_G


def _weight_case(shipment: Shipment, weight_g: int, expected_g: int) -> CaseDraft:
    return CaseDraft(
        code="WEIGHT_MISMATCH",
        subject=f"shipment:{shipment.pk}",
        shop_id=shipment.shop_id,
        warehouse_id=shipment.warehouse_id,
        reference=shipment.code,
        evidence={"weight_g": weight_g, "expected_g": expected_g},
    )


def _must_belong(shipment: Shipment, scan: ScanInput) -> None:
    if shipment.warehouse_id != scan.warehouse_id:
        raise ScanUnknown(text=scan.text[:64])


def _codes(lines: Sequence[PickLine]) -> list[str]:
    return list(
        Sku.objects.filter(pk__in=[line.sku_id for line in lines]).order_by("pk").values_list("code", flat=True)
    )
