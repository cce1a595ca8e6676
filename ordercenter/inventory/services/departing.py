"""Goods that have left: promises end, stock goes down, movements say why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ordercenter.audit.work import Work
from ordercenter.common.rows import new_row
from ordercenter.inventory.models import Reservation, StockMovement
from ordercenter.inventory.services.reserving import give_back, lock_promised
from ordercenter.inventory.states import MovementReason


@dataclass(frozen=True, slots=True)
class Departure:
    """What a shipment brought of an order line. shipped: what left. covered: how many promised pieces it settles.

    ref: the shipment's number, part of the movement's key. warehouse_id: of which warehouse; None where the line is
    promised in one only. covered None: all that is promised there.
    """

    line_id: int
    shipped: int
    ref: str
    warehouse_id: int | None = None
    covered: int | None = None


def consume_departures(*, departures: Sequence[Departure], work: Work) -> None:
    """Goods have left: the promises that they settle end, stock on hand goes down, movements say why.

    Pieces covered but not shipped are free again; what a shipment does not cover of a line stays promised.
    """
    _levels, reservations = lock_promised(work, line_ids=[d.line_id for d in departures])
    open_ones: dict[int, list[Reservation]] = defaultdict(list)
    for reservation in reservations:
        open_ones[reservation.line_id or 0].append(reservation)
    for departure in departures:
        for reservation in open_ones[departure.line_id]:
            if departure.warehouse_id in (None, reservation.warehouse_id) and reservation.ended_at is None:
                _settle(work, reservation, departure)


def consume_reservations(*, shipped: Mapping[int, int], refs: Mapping[int, str], work: Work) -> None:
    """As consume_departures, for lines that one shipment settles whole. shipped: order line id -> pieces that left;
    refs: order line id -> the shipment's number.
    """
    departures = [Departure(line_id, pieces, refs[line_id]) for line_id, pieces in shipped.items()]
    consume_departures(departures=departures, work=work)


def _settle(work: Work, reservation: Reservation, departure: Departure) -> None:
    covered = min(departure.covered, reservation.quantity) if departure.covered is not None else reservation.quantity
    pieces = min(departure.shipped, covered)
    level = work.shared["levels"][reservation.sku_id, reservation.warehouse_id]
    if covered < reservation.quantity:
        _settle_a_part(work, reservation, covered)
    elif pieces:
        # What was shipped of a quota is sold: nothing goes back into it.
        if reservation.is_allocated:
            level.allocated -= reservation.quantity
        else:
            level.reserved -= reservation.quantity
        work.save(level, "reserved", "allocated")
        reservation.ended_at = work.at
        reservation.consume()
        work.save(reservation, "ended_at")
    else:
        give_back(work, [reservation])
        reservation.ended_at = work.at
        reservation.release()
        work.save(reservation, "ended_at")
    if pieces:
        level.on_hand -= pieces
        work.save(level, "on_hand")
        work.add([_movement(reservation, -pieces, departure.ref, work.at)])


def _settle_a_part(work: Work, reservation: Reservation, covered: int) -> None:
    level = work.shared["levels"][reservation.sku_id, reservation.warehouse_id]
    if reservation.is_allocated:
        level.allocated -= covered
    else:
        level.reserved -= covered
    reservation.quantity -= covered
    reservation.from_quota = min(reservation.from_quota, reservation.quantity)
    work.save(level, "reserved", "allocated")
    work.save(reservation, "quantity", "from_quota")


def _movement(reservation: Reservation, delta: int, ref: str, at: datetime) -> StockMovement:
    return new_row(
        StockMovement,
        sku_id=reservation.sku_id,
        warehouse_id=reservation.warehouse_id,
        delta=delta,
        reason=MovementReason.SHIPMENT,
        ref=ref,
        idempotency_key=f"ship:{ref}:{reservation.line_id}",
        at=at,
    )
