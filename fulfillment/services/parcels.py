"""What became of parcels, whoever says so: signed for, back, lost, called back. Shipments and orders follow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fulfillment.errors import RecallImpossible
from fulfillment.models import CourierAccount, Parcel, ParcelWatch, Shipment, ShipmentLine
from fulfillment.services.courier_accounts import accounts_for, target_of
from fulfillment.states import CourierAdapter, ParcelState, ShipmentState
from ordercenter.audit.work import Work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.common.batch import BatchResult
from ordercenter.common.fsm import TransitionRefused
from ordercenter.events.types import (
    ParcelCollected,
    ParcelDelivered,
    ParcelLost,
    ParcelReturned,
    ParcelReturning,
    ShipmentDelivered,
)
from ordercenter.orders import services as orders_services
from ordercenter.orders.models import Order

RECALL_KIND = "courier.recall"
# Cases about where a parcel is: any news of it takes their cause away.
SILENCE = ("NO_PICKUP", "SHIPMENT_STALLED", "PARCEL_LOST", "TRACKING_ABORTED")
ABOUT_PARCELS = (*SILENCE, "PARCEL_PROBLEM", "PARCEL_RETURNING", "RECALL_FAILED")
_CAN_MOVE = (ParcelState.SHIPPED, ParcelState.IN_TRANSIT, ParcelState.RECALLING)
# Couriers whose interface takes the wish to have a parcel back.
_RECALLS = (CourierAdapter.SF,)


@dataclass
class Moved:
    """The parcels of one list, locked with all that hangs on them, in the order of everybody else."""

    parcels: dict[int, Parcel] = field(default_factory=dict)
    shipments: dict[int, Shipment] = field(default_factory=dict)
    lines: dict[int, list[ShipmentLine]] = field(default_factory=dict)

    def order_ids(self, parcel: Parcel) -> tuple[int, ...]:
        return tuple(sorted({line.order_id for line in self.lines[parcel.shipment_id]}))


def lock_parcels(*, parcel_ids: Collection[int], work: Work) -> Moved:
    """Orders first, then shipments and their lines, then parcels. Five statements."""
    shipment_ids = set(Parcel.objects.filter(pk__any_of=list(parcel_ids)).values_list("shipment_id", flat=True))
    order_ids = ShipmentLine.objects.filter(shipment_id__any_of=list(shipment_ids)).values_list("order_id", flat=True)
    work.lock(Order, set(order_ids))
    shipments = work.lock(Shipment, shipment_ids)
    lines = work.lock_children(ShipmentLine, "shipment_id", list(shipments))
    work.lock_children(Parcel, "shipment_id", list(shipments))
    return Moved(work.lock(Parcel, parcel_ids), shipments, lines)


def collect(parcel: Parcel, moved: Moved, *, at: datetime, work: Work) -> None:
    """The courier has it; known already is no news. Emits ParcelCollected."""
    if parcel.state == ParcelState.SHIPPED:
        parcel.move(at=at)
        work.save(parcel, "collected_at")
        work.record(_fact(ParcelCollected, parcel, moved, at))


def deliver(parcel: Parcel, moved: Moved, *, at: datetime, work: Work) -> bool:
    """Signed for. False where it has ended in another way, or is on its way back. Emits ParcelDelivered."""
    if parcel.state not in (*_CAN_MOVE, ParcelState.LOST):
        return bool(parcel.state == ParcelState.DELIVERED)
    parcel.mark_delivered(at=at)
    work.save(parcel, "ended_at")
    work.record(_fact(ParcelDelivered, parcel, moved, at))
    return True


def send_back(parcel: Parcel, moved: Moved, *, at: datetime, reason: str, work: Work) -> bool:
    """It comes back. False when that was known, or it has ended. Emits ParcelReturning."""
    if parcel.state not in (*_CAN_MOVE, ParcelState.LOST):
        return False
    reason = "recalled" if parcel.state == ParcelState.RECALLING else reason
    parcel.start_return()
    work.save(parcel)
    work.record(_fact(ParcelReturning, parcel, moved, at, reason=reason))
    return True


def take_back(parcel: Parcel, moved: Moved, *, at: datetime, work: Work) -> bool:
    """It is back. False when it has ended already. Emits ParcelReturned."""
    if parcel.state not in (*_CAN_MOVE, ParcelState.RETURNING, ParcelState.LOST):
        return bool(parcel.state == ParcelState.RETURNED)
    parcel.mark_returned(at=at)
    work.save(parcel, "ended_at")
    work.record(_fact(ParcelReturned, parcel, moved, at))
    return True


def settle(*, moved: Moved, parcels: Iterable[Parcel], work: Work) -> None:
    """After parcels were signed for: shipments all of whose parcels are signed for are delivered, then their orders.

    Emits ShipmentDelivered, OrderDelivered.
    """
    touched = {parcel.shipment_id for parcel in parcels if parcel.state == ParcelState.DELIVERED}
    if not touched:
        return
    all_parcels = work.lock_children(Parcel, "shipment_id", sorted(touched))
    delivered = [
        moved.shipments[pk]
        for pk in sorted(touched)
        if all(parcel.state == ParcelState.DELIVERED for parcel in all_parcels[pk])
        and moved.shipments[pk].state == ShipmentState.SHIPPED
    ]
    for shipment in delivered:
        shipment.mark_delivered()
        work.save(shipment)
        order_ids = tuple(sorted({line.order_id for line in moved.lines[shipment.pk]}))
        work.record(ShipmentDelivered(shipment_id=shipment.pk, order_ids=order_ids))
    if delivered:
        _deliver_orders(delivered, moved, work)


def _deliver_orders(shipments: Collection[Shipment], moved: Moved, work: Work) -> None:
    order_ids = {line.order_id for shipment in shipments for line in moved.lines[shipment.pk]}
    mine = {shipment.pk for shipment in shipments}
    # Other shipments of these orders: read unlocked, for the orders are locked, and their shipments follow them.
    rows = ShipmentLine.objects.filter(order_id__any_of=list(order_ids)).exclude(shipment__state="cancelled")
    pieces: dict[int, int] = defaultdict(int)
    still_out: set[int] = set()
    for order_id, line_id, shipment_id, shipped, state in rows.values_list(
        "order_id", "order_line_id", "shipment_id", "shipped", "shipment__state"
    ):
        if shipment_id in mine or state == ShipmentState.DELIVERED:
            pieces[line_id] += shipped
        else:
            still_out.add(order_id)
    orders_services.deliver_orders(delivered=pieces, whole=sorted(order_ids - still_out), work=work)


def mark_parcels(*, parcel_ids: Collection[int], as_: str, work: Work) -> BatchResult:
    """What a person knows of parcels. as_: delivered, returned or lost. done: the parcels.

    Refused: TransitionRefused for one that has ended in another way. Emits the parcel's fact and what follows from it;
    closes its cases.
    """
    result = BatchResult()
    moved = lock_parcels(parcel_ids=parcel_ids, work=work)
    watches = work.lock(ParcelWatch, list(moved.parcels))
    for parcel in moved.parcels.values():
        if not _mark(parcel, moved, as_, work):
            error = TransitionRefused(machine="parcel", pk=parcel.pk, state=parcel.state, move=f"mark_{as_}")
            result.refuse(parcel.pk, error)
            continue
        watch = watches.get(parcel.pk)
        if watch is not None and as_ != "lost":
            watch.is_open = False
            work.save(watch, "is_open")
        result.done.append(parcel)
    settle(moved=moved, parcels=result.done, work=work)
    subjects = [f"parcel:{parcel.pk}" for parcel in result.done]
    cases.close_cases_of(subjects=subjects, codes=ABOUT_PARCELS, resolution=f"parcel {as_}", work=work)
    return result


def _mark(parcel: Parcel, moved: Moved, as_: str, work: Work) -> bool:
    if as_ == "delivered":
        return deliver(parcel, moved, at=work.at, work=work)
    if as_ == "returned":
        return take_back(parcel, moved, at=work.at, work=work)
    if parcel.state not in (*_CAN_MOVE, ParcelState.RETURNING):
        return bool(parcel.state == ParcelState.LOST)
    parcel.mark_lost(at=work.at)
    work.save(parcel, "ended_at")
    work.record(_fact(ParcelLost, parcel, moved, work.at))
    return True


# --- calling back -----------------------------------------------------------------------------------------------------


def recall_parcels(*, parcel_ids: Collection[int], work: Work) -> BatchResult:
    """Ask couriers to bring these parcels back; the receiver may be faster. done: the parcels, now being recalled.

    Refused: RecallImpossible, with a case, where the courier's interface takes no such wish; TransitionRefused for one
    that has ended or comes back already.
    """
    result = BatchResult()
    moved = lock_parcels(parcel_ids=parcel_ids, work=work)
    accounts = _recalling_accounts(moved)
    drafts = []
    for parcel in moved.parcels.values():
        account = accounts.get(parcel.pk)
        with result.refusals(parcel.pk, TransitionRefused):
            if parcel.state == ParcelState.RECALLING:
                result.done.append(parcel)
                continue
            if account is None and parcel.state in _CAN_MOVE:
                drafts.append(parcel_case("RECALL_FAILED", parcel, moved, {"error": "no interface"}))
                result.refuse(parcel.pk, RecallImpossible(parcel_id=parcel.pk))
                continue
            parcel.recall()
            work.save(parcel)
            if account is not None:
                _recall_command(work, parcel, account)
            result.done.append(parcel)
    cases.open_cases(drafts=drafts, work=work)
    return result


def take_recall_answers(*, answers: Mapping[int, tuple[bool, str]], work: Work) -> None:
    """Whether couriers will bring parcels back. answers: parcel id -> (yes, words). A no is a case."""
    moved = lock_parcels(parcel_ids=list(answers), work=work)
    drafts = []
    for parcel in moved.parcels.values():
        agreed, words = answers[parcel.pk]
        if agreed or parcel.state != ParcelState.RECALLING:
            continue
        parcel.go_on()
        work.save(parcel)
        drafts.append(parcel_case("RECALL_FAILED", parcel, moved, {"error": words}))
    cases.open_cases(drafts=drafts, work=work)


def parcel_case(code: str, parcel: Parcel, moved: Moved, evidence: Mapping[str, Any]) -> CaseDraft:
    """A case about a parcel."""
    shipment = moved.shipments[parcel.shipment_id]
    return CaseDraft(
        code=code,
        subject=f"parcel:{parcel.pk}",
        shop_id=shipment.shop_id,
        warehouse_id=shipment.warehouse_id,
        reference=parcel.tracking_no,
        evidence={"tracking_no": parcel.tracking_no, "shipment": shipment.code, **evidence},
    )


def _recalling_accounts(moved: Moved) -> dict[int, CourierAccount]:
    lanes = {p.pk: (moved.shipments[p.shipment_id].warehouse_id, p.carrier_id) for p in moved.parcels.values()}
    accounts = accounts_for(lanes.values())
    able = {lane: account for lane, account in accounts.items() if account.adapter in _RECALLS}
    return {pk: able[lane] for pk, lane in lanes.items() if lane in able}


def _recall_command(work: Work, parcel: Parcel, account: CourierAccount) -> None:
    work.command(
        kind=RECALL_KIND,
        target=target_of(account),
        subject=f"shipment:{parcel.shipment_id}",
        key=f"{RECALL_KIND}:{parcel.pk}:{work.at:%y%m%d%H%M%S%f}",
        payload={"parcel_id": parcel.pk, "number": parcel.tracking_no},
    )


def _fact(kind: Any, parcel: Parcel, moved: Moved, at: datetime, **more: Any) -> Any:
    return kind(
        shipment_id=parcel.shipment_id,
        order_ids=moved.order_ids(parcel),
        parcel_id=parcel.pk,
        occurred_at=at,
        **more,
    )


__all__ = [
    "ABOUT_PARCELS",
    "RECALL_KIND",
    "SILENCE",
    "Moved",
    "collect",
    "deliver",
    "lock_parcels",
    "mark_parcels",
    "parcel_case",
    "recall_parcels",
    "send_back",
    "settle",
    "take_back",
    "take_recall_answers",
]
