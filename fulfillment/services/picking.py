"""Picking: pieces go from their bins into the baskets of a wave, or are reported missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fulfillment.floor.reading import tidy
from fulfillment.floor.scans import Answer, ScanInput, number_of
from fulfillment.floor_errors import (
    NothingOpened,
    ScanTooOld,
    ScanUnknown,
    ShipmentStopped,
    TooManyPieces,
    WaveUnknown,
    WrongItem,
)
from fulfillment.models import Basket, PickLine, Shipment, Wave
from fulfillment.services.counting import ask_for_count
from fulfillment.services.floor_labels import shipment_of, sku_of, wave_of
from fulfillment.services.waves import settle_waves
from fulfillment.states import ShipmentState
from ordercenter.audit.work import Work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.catalog.models import Sku
from ordercenter.events.types import ShipmentPickStarted

_PICKABLE = (ShipmentState.WAVED, ShipmentState.PICKING)


def pick(scan: ScanInput, place: str, work: Work) -> Answer:
    """A wave's label opens the wave; a SKU is a piece (or `pieces`) for the next baskets that want it.

    Rush orders have the first baskets. Raises NothingOpened, ScanUnknown, WrongItem, TooManyPieces, ShipmentStopped.
    Emits ShipmentPickStarted with the first piece of each shipment.
    """
    opened = _opened(scan)
    if opened is not None:
        return Answer("wave_opened", place=f"wave:{opened.pk}", params={"wave": opened.code})
    wave_id = _wave(place, scan)
    sku = sku_of(scan.text)
    if sku is None:
        return _bin(scan, wave_id, place)
    lines = _lock_lines(wave_id, sku, work)
    shipments = work.lock(Shipment, [line.basket.shipment_id for line in lines])
    open_lines = [line for line in lines if line.open and shipments[line.basket.shipment_id].state in _PICKABLE]
    due = sum(line.open for line in open_lines)
    if due < scan.pieces or scan.pieces < 1:
        _refuse(sku, lines, shipments, scan, wave_id, due)
    taken: list[tuple[PickLine, int]] = []
    left = scan.pieces
    for line in open_lines:
        pieces = min(left, line.open)
        if pieces:
            line.picked += pieces
            work.save(line, "picked")
            taken.append((line, pieces))
            left -= pieces
    _bring_on(wave_id, [line for line, _ in taken], shipments, work)
    return Answer(
        "picked",
        place=f"wave:{wave_id}",
        params={
            "sku": sku.code,
            "name": sku.name,
            "pieces": scan.pieces,
            "left": due - scan.pieces,
            "baskets": [[line.basket.number, pieces] for line, pieces in taken],
        },
        undo={"kind": "pick", "lines": [[line.pk, pieces] for line, pieces in taken]},
    )


def report_missing(scan: ScanInput, place: str, work: Work) -> Answer:
    """What is still to be picked of this SKU in the wave is not there: a case for each shipment, and a count.

    Raises NothingOpened, ScanUnknown, WrongItem.
    """
    wave_id = _wave(place, scan)
    sku = sku_of(scan.text)
    if sku is None:
        raise ScanUnknown(text=scan.text[:64])
    lines = _lock_lines(wave_id, sku, work)
    shipments = work.lock(Shipment, [line.basket.shipment_id for line in lines])
    missing = [
        (line, line.open)
        for line in lines
        if line.open and shipments[line.basket.shipment_id].state in (*_PICKABLE, ShipmentState.SHORT_PICKED)
    ]
    if not missing:
        raise WrongItem(scanned=sku.code, due=_due_codes(wave_id))
    for line, pieces in missing:
        line.short += pieces
        work.save(line, "short")
        shipment = shipments[line.basket.shipment_id]
        if shipment.state != ShipmentState.SHORT_PICKED:
            shipment.report_missing()
            work.save(shipment)
    _open_cases(missing, shipments, sku, work)
    total = sum(pieces for _line, pieces in missing)
    ask_for_count(warehouse_id=scan.warehouse_id, sku_ids=[sku.pk], work=work)
    return Answer(
        "missing",
        place=f"wave:{wave_id}",
        params={"sku": sku.code, "name": sku.name, "pieces": total, "shipments": len(missing)},
        undo={"kind": "short", "lines": [[line.pk, pieces] for line, pieces in missing]},
    )


def undo_pick(undo: Mapping[str, Any], work: Work) -> None:
    """The pieces go back into their bin. Raises ScanTooOld when a basket was checked since."""
    for line, pieces, shipment in _undone(undo, work):
        if shipment.state not in (ShipmentState.PICKING, ShipmentState.PICKED) or line.picked - line.checked < pieces:
            raise ScanTooOld(scan=str(line.pk))
        line.picked -= pieces
        work.save(line, "picked")
        if shipment.state == ShipmentState.PICKED:
            shipment.pick_on()
            work.save(shipment)
    _settle(undo, work)


def undo_missing(undo: Mapping[str, Any], work: Work) -> None:
    """The pieces were found after all. Raises ScanTooOld when somebody has decided upon them."""
    found = _undone(undo, work)
    for line, pieces, shipment in found:
        if shipment.state not in (ShipmentState.SHORT_PICKED, ShipmentState.PICKING) or line.short < pieces:
            raise ScanTooOld(scan=str(line.pk))
        line.short -= pieces
        work.save(line, "short")
    baskets = {line.basket_id for line, _pieces, _shipment in found}
    others = work.lock_children(PickLine, "basket_id", sorted(baskets))
    for line, _pieces, shipment in found:
        if shipment.state == ShipmentState.SHORT_PICKED and not any(other.short for other in others[line.basket_id]):
            shipment.pick_on()
            work.save(shipment)
            cases.close_cases_of(
                subjects=[f"shipment:{shipment.pk}"], codes=["SHORT_PICK"], resolution="found", work=work
            )
    _settle(undo, work)


def _opened(scan: ScanInput) -> Wave | None:
    wave = wave_of(scan.text, warehouse_id=scan.warehouse_id)
    if wave is not None:
        return wave
    shipment_id = shipment_of(scan.text, warehouse_id=scan.warehouse_id) if tidy(scan.text).startswith("DO") else None
    return Wave.objects.filter(baskets__shipment_id=shipment_id).first() if shipment_id else None


def _wave(place: str, scan: ScanInput) -> int:
    wave_id = number_of(place, "wave")
    if wave_id is None:
        raise NothingOpened(step=scan.step)
    if not Wave.objects.filter(pk=wave_id, warehouse_id=scan.warehouse_id).exists():
        raise WaveUnknown(wave=str(wave_id))
    return wave_id


def _bin(scan: ScanInput, wave_id: int, place: str) -> Answer:
    """A bin's label: whether something is to be picked there."""
    here = PickLine.objects.filter(basket__wave_id=wave_id, bin_code=tidy(scan.text)).select_related("sku")
    codes = sorted({line.sku.code for line in here if line.open})
    if not codes:
        raise ScanUnknown(text=scan.text[:64])
    return Answer("bin_found", place=place, params={"bin": tidy(scan.text), "skus": codes})


def _lock_lines(wave_id: int, sku: Sku, work: Work) -> list[PickLine]:
    """The wave's lines of this SKU by basket, locked, their shipments before them."""
    wanted = PickLine.objects.filter(basket__wave_id=wave_id, sku_id=sku.pk)
    ids = dict(wanted.values_list("pk", "basket__shipment_id"))
    work.lock(Shipment, set(ids.values()))
    lines = work.lock(PickLine, list(ids))
    baskets = Basket.objects.in_bulk({line.basket_id for line in lines.values()})
    for line in lines.values():
        line.basket = baskets[line.basket_id]
    return sorted(lines.values(), key=lambda line: (line.basket.number, line.pk))


def _refuse(
    sku: Sku,
    lines: Sequence[PickLine],
    shipments: Mapping[int, Shipment],
    scan: ScanInput,
    wave_id: int,
    due: int,
) -> None:
    if not lines:
        raise WrongItem(scanned=sku.code, due=_due_codes(wave_id))
    stopped = [s for line in lines if (s := shipments[line.basket.shipment_id]).state == ShipmentState.TO_PUT_BACK]
    if due == 0 and stopped:
        raise ShipmentStopped(shipment=stopped[0].code, why=stopped[0].state)
    raise TooManyPieces(scanned=sku.code, due=due, given=scan.pieces)


def _due_codes(wave_id: int) -> list[str]:
    lines = PickLine.objects.filter(basket__wave_id=wave_id, basket__shipment__state__in=_PICKABLE)
    rows = lines.select_related("sku").order_by("bin_code", "pk")
    return list(dict.fromkeys(line.sku.code for line in rows if line.open))


def _bring_on(wave_id: int, lines: Sequence[PickLine], shipments: Mapping[int, Shipment], work: Work) -> None:
    baskets = sorted({line.basket_id for line in lines})
    of_basket = work.lock_children(PickLine, "basket_id", baskets)
    moved: list[int] = []
    for line in lines:
        shipment = shipments[line.basket.shipment_id]
        if shipment.state == ShipmentState.WAVED:
            shipment.start_picking()
            work.save(shipment)
            work.record(ShipmentPickStarted(shipment_id=shipment.pk))
            moved.append(shipment.pk)
        if shipment.state == ShipmentState.PICKING and not any(other.open for other in of_basket[line.basket_id]):
            shipment.finish_picking()
            work.save(shipment)
            moved.append(shipment.pk)
    if moved:
        settle_waves([wave_id], without=sorted(set(moved)), work=work)


def _undone(undo: Mapping[str, Any], work: Work) -> list[tuple[PickLine, int, Shipment]]:
    pieces = {int(pk): int(n) for pk, n in undo["lines"]}
    owners = dict(PickLine.objects.filter(pk__in=pieces).values_list("pk", "basket__shipment_id"))
    shipments = work.lock(Shipment, set(owners.values()))
    lines = work.lock(PickLine, sorted(owners))
    return [(line, pieces[pk], shipments[owners[pk]]) for pk, line in lines.items()]


def _settle(undo: Mapping[str, Any], work: Work) -> None:
    ids = [int(pk) for pk, _pieces in undo["lines"]]
    rows = PickLine.objects.filter(pk__in=ids).values_list("basket__wave_id", "basket__shipment_id")
    pairs = set(rows)
    settle_waves({wave for wave, _ in pairs}, without={shipment for _, shipment in pairs}, work=work)


def _open_cases(
    missing: Sequence[tuple[PickLine, int]], shipments: Mapping[int, Shipment], sku: Sku, work: Work
) -> None:
    lost: dict[int, int] = {}
    for line, pieces in missing:
        lost[line.basket.shipment_id] = lost.get(line.basket.shipment_id, 0) + pieces
    cases.open_cases(
        drafts=[
            CaseDraft(
                code="SHORT_PICK",
                subject=f"shipment:{pk}",
                shop_id=shipments[pk].shop_id,
                warehouse_id=shipments[pk].warehouse_id,
                reference=shipments[pk].code,
                evidence={"skus": [sku.code], "missing": pieces},
                root_cause=f"SHORT_PICK:{shipments[pk].warehouse_id}:{sku.pk}",
                root_title=f"{sku.code} {sku.name}"[:200],
            )
            for pk, pieces in lost.items()
        ],
        work=work,
    )
