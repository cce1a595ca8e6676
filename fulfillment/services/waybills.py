"""Waybill numbers: asking for them, using them, giving back those that nobody needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from fulfillment.errors import CourierNotConnected, WaybillInUse, WaybillUnusable
from fulfillment.models import CourierAccount, Parcel, Shipment, Waybill
from fulfillment.services.courier_accounts import accounts_for, client_of, target_of
from fulfillment.services.waybill_documents import key_of
from fulfillment.states import IN_WAREHOUSE, OPEN_WAYBILLS, WaybillState
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.common.batch import BatchResult
from ordercenter.common.fsm import TransitionRefused
from ordercenter.common.ids import new_ids
from ordercenter.common.rows import new_row
from ordercenter.events.types import WaybillAssigned, WaybillFailed

GET_KIND = "courier.waybill.get"
CANCEL_KIND = "courier.waybill.cancel"
_WITH_NUMBER = (WaybillState.ASSIGNED, WaybillState.PRINTED)
_GIVEN_UP = (WaybillState.TO_RECYCLE, WaybillState.RECYCLED, WaybillState.VOID)


def request_waybills(*, shipment_ids: Collection[int], work: Work | None = None, packages: int = 1) -> BatchResult:
    """Ask the couriers for a number for each package of these shipments; the calls are made after the commit.

    packages: how many boxes each of them has. done: the open waybills of the shipments, new and old; a package that
    has one gets no second, one that failed is asked for again under the same key. Refused by shipment:
    CourierNotConnected; TransitionRefused where the goods are not in the house any more. Numbers come as
    WaybillAssigned, failures as WaybillFailed and a case. A call names as many packages as the courier takes (Cainiao
    ten). Five statements for any number of shipments.
    """
    result = BatchResult()
    with unit_of_work(work) as work:
        shipments = work.lock(Shipment, shipment_ids)
        known = work.lock_children(Waybill, "shipment_id", list(shipments))
        accounts = accounts_for((s.warehouse_id, s.carrier_id) for s in shipments.values())
        to_ask: dict[int, list[Waybill]] = defaultdict(list)
        fresh: list[Waybill] = []
        for shipment in shipments.values():
            account = accounts.get((shipment.warehouse_id, shipment.carrier_id))
            if shipment.state not in IN_WAREHOUSE:
                error = TransitionRefused(
                    machine="shipment", pk=shipment.pk, state=shipment.state, move="request_waybills"
                )
                result.refuse(shipment.pk, error)
                continue
            for package_no in range(1, packages + 1):
                waybill = _latest(known[shipment.pk], package_no)
                if waybill is not None and waybill.state in OPEN_WAYBILLS:
                    result.done.append(waybill)
                    continue
                if account is None:
                    result.refuse(shipment.pk, _not_connected(shipment))
                    break
                if waybill is not None and waybill.state == WaybillState.FAILED and waybill.account_id == account.pk:
                    waybill.ask_again(at=work.at)
                    work.save(waybill, "requested_at", "error_code", "error")
                else:
                    waybill = _new_waybill(work, shipment, account, package_no)
                    fresh.append(waybill)
                to_ask[account.pk].append(waybill)
                result.done.append(waybill)
        for waybill, pk in zip(fresh, new_ids(Waybill, len(fresh)), strict=True):
            waybill.pk = pk
        work.add(fresh)
        for account in {a.pk: a for a in accounts.values()}.values():
            _ask(work, account, to_ask.get(account.pk, []))
    return result


def take_numbers(*, numbers: Mapping[int, Mapping[str, Any]], work: Work) -> list[Waybill]:
    """The courier's numbers. numbers: waybill id -> {"number", "parent_number", "sort_code", "qr", "print_data"}.

    A waybill that nobody wants any more gets its number all the same and gives it back, so that none is lost. Emits
    WaybillAssigned. Returns those that were assigned.
    """
    assigned = []
    for waybill in work.lock(Waybill, list(numbers)).values():
        given = numbers[waybill.pk]
        number = str(given["number"])[:64]
        if waybill.state == WaybillState.REQUESTED:
            waybill.assign(number=number, at=work.at)
            assigned.append(waybill)
            work.record(
                WaybillAssigned(shipment_id=waybill.shipment_id, waybill_id=waybill.pk, number=number),
            )
        elif waybill.state == WaybillState.VOID and not waybill.number:
            waybill.assign_too_late(number=number, at=work.at)
            _cancel_command(work, waybill)
        else:
            continue
        waybill.parent_number = str(given.get("parent_number") or "")[:64]
        waybill.route = {name: given[name] for name in ("sort_code", "qr") if given.get(name)}
        waybill.print_data = str(given.get("print_data") or "")
        fields = ("number", "assigned_at", "error_code", "error", "parent_number", "route", "print_data")
        work.save(waybill, *fields)
    subjects = [f"shipment:{waybill.shipment_id}" for waybill in assigned]
    cases.close_cases_of(subjects=subjects, codes=["WAYBILL_FAILED"], resolution="a number was assigned", work=work)
    return assigned


def fail_waybills(*, errors: Mapping[int, tuple[str, str]], work: Work) -> None:
    """No number for these. errors: waybill id -> (code, the courier's words). A case each; emits WaybillFailed."""
    waybills = [w for w in work.lock(Waybill, list(errors)).values() if w.state == WaybillState.REQUESTED]
    drafts = []
    shipments = Shipment.objects.in_bulk({waybill.shipment_id for waybill in waybills})
    for waybill in waybills:
        code, words = errors[waybill.pk]
        waybill.fail(error_code=code, error=words)
        work.save(waybill, "error_code", "error")
        work.record(WaybillFailed(shipment_id=waybill.shipment_id, waybill_id=waybill.pk, error_code=code))
        drafts.append(_case("WAYBILL_FAILED", shipments[waybill.shipment_id], {"error": words}, code))
    cases.open_cases(drafts=drafts, work=work)


def use_waybills(*, waybill_ids: Collection[int], work: Work) -> BatchResult:
    """Parcels leave under these numbers. done: the waybills, also those used already.

    Refused with WaybillUnusable: one without number, or whose number is void or on its way back to the courier; its
    parcel must not leave. The rows are locked: giving back and use at one instant end in exactly one of the two.
    """
    result = BatchResult()
    waybills = work.lock(Waybill, waybill_ids)
    for waybill_id in waybill_ids:
        waybill = waybills.get(waybill_id)
        if waybill is None:
            result.refuse(waybill_id, WaybillUnusable(waybill_id=waybill_id, state="unknown"))
        elif waybill.state == WaybillState.USED:
            result.done.append(waybill)
        elif waybill.state in _WITH_NUMBER:
            waybill.use(at=work.at)
            work.save(waybill, "ended_at")
            result.done.append(waybill)
        else:
            result.refuse(waybill_id, WaybillUnusable(waybill_id=waybill_id, state=waybill.state))
    return result


def give_back_waybills(*, waybill_ids: Collection[int], work: Work) -> BatchResult:
    """These will not be used: without a number they are void, with one the courier is asked to take it back.

    done: the waybills, also those given up already. Refused: WaybillInUse for one under which a parcel has left.
    """
    result = BatchResult()
    for waybill in work.lock(Waybill, waybill_ids).values():
        if waybill.state == WaybillState.USED:
            result.refuse(waybill.pk, WaybillInUse(waybill_id=waybill.pk))
            continue
        result.done.append(waybill)
        if waybill.state in _GIVEN_UP:
            continue
        if waybill.number and waybill.account_id is not None:
            waybill.give_back()
            work.save(waybill)
            _cancel_command(work, waybill)
        else:
            waybill.void()
            work.save(waybill)
    return result


def give_back_of_shipments(*, shipment_ids: Collection[int], work: Work) -> list[Waybill]:
    """Give back whatever is open of these shipments (cancelled, or left under other numbers). Used ones stay."""
    known = work.lock_children(Waybill, "shipment_id", sorted(shipment_ids))
    idle = (*_WITH_NUMBER, WaybillState.REQUESTED, WaybillState.FAILED)
    wanted = [waybill.pk for rows in known.values() for waybill in rows if waybill.state in idle]
    return give_back_waybills(waybill_ids=wanted, work=work).done if wanted else []


def take_recycling_answers(*, answers: Mapping[int, tuple[bool, str, str]], work: Work) -> None:
    """Whether the courier took numbers back. answers: waybill id -> (yes, code, words). A no is a case."""
    waybills = [w for w in work.lock(Waybill, list(answers)).values() if w.state == WaybillState.TO_RECYCLE]
    shipments = Shipment.objects.in_bulk({waybill.shipment_id for waybill in waybills})
    drafts, closed = [], []
    for waybill in waybills:
        taken, code, words = answers[waybill.pk]
        if taken:
            waybill.mark_recycled(at=work.at)
            work.save(waybill, "ended_at")
            closed.append(f"shipment:{waybill.shipment_id}")
            continue
        waybill.mark_not_taken_back(error_code=code, error=words)
        work.save(waybill, "error_code", "error")
        evidence = {"number": waybill.number, "error": words}
        drafts.append(_case("WAYBILL_NOT_RECYCLED", shipments[waybill.shipment_id], evidence, code))
    cases.open_cases(drafts=drafts, work=work)
    cases.close_cases_of(subjects=closed, codes=["WAYBILL_NOT_RECYCLED"], resolution="taken back", work=work)


def settle_waybills(*, shipment_ids: Collection[int], work: Work) -> None:
    """Shipments have left: the numbers on their parcels are used, what else was asked for them goes back."""
    known = work.lock_children(Waybill, "shipment_id", sorted(shipment_ids))
    if not any(known.values()):
        return
    numbers = set(Parcel.objects.filter(shipment_id__in=shipment_ids).values_list("carrier_id", "tracking_no"))
    for waybill in (waybill for rows in known.values() for waybill in rows):
        if waybill.state in _WITH_NUMBER and (waybill.carrier_id, waybill.number) in numbers:
            waybill.use(at=work.at)
            work.save(waybill, "ended_at")
    give_back_of_shipments(shipment_ids=shipment_ids, work=work)


def ask_singly(*, waybill_ids: Sequence[int], account: CourierAccount, work: Work) -> None:
    """One of several was refused and took the others with it: each is asked for by itself."""
    waybills = [w for w in work.lock(Waybill, waybill_ids).values() if w.state == WaybillState.REQUESTED]
    for waybill in waybills:
        _ask(work, account, [waybill], most=1)


def _ask(work: Work, account: CourierAccount, waybills: Sequence[Waybill], *, most: int = 0) -> None:
    if not waybills:
        return
    most = most or client_of(account).most
    for start in range(0, len(waybills), most):
        chunk = waybills[start : start + most]
        first = chunk[0]
        work.command(
            kind=GET_KIND,
            target=target_of(account),
            subject=f"shipment:{first.shipment_id}" if len(chunk) == 1 else f"waybill:{first.pk}",
            key=f"{GET_KIND}:{first.pk}-{chunk[-1].pk}:{len(chunk)}:{work.at:%y%m%d%H%M%S%f}",
            payload={"waybill_ids": [waybill.pk for waybill in chunk]},
            because=f"shipment:{first.shipment_id}",
        )


def _cancel_command(work: Work, waybill: Waybill) -> None:
    work.command(
        kind=CANCEL_KIND,
        target=f"courier:{waybill.account_id}",
        subject=f"shipment:{waybill.shipment_id}",
        key=f"{CANCEL_KIND}:{waybill.pk}:{work.at:%y%m%d%H%M%S%f}",
        payload={"waybill_id": waybill.pk},
    )


def _not_connected(shipment: Shipment) -> CourierNotConnected:
    return CourierNotConnected(
        shipment_id=shipment.pk, carrier_id=shipment.carrier_id, warehouse_id=shipment.warehouse_id
    )


def _latest(waybills: Sequence[Waybill], package_no: int) -> Waybill | None:
    mine = [waybill for waybill in waybills if waybill.package_no == package_no]
    opened = [waybill for waybill in mine if waybill.state in OPEN_WAYBILLS]
    return opened[-1] if opened else mine[-1] if mine else None


def _new_waybill(work: Work, shipment: Shipment, account: CourierAccount, package_no: int) -> Waybill:
    return new_row(
        Waybill,
        shipment_id=shipment.pk,
        carrier_id=shipment.carrier_id,
        account_id=account.pk,
        package_no=package_no,
        requested_at=work.at,
    )


def _case(code: str, shipment: Shipment, evidence: dict[str, Any], error_code: str) -> CaseDraft:
    return CaseDraft(
        code=code,
        subject=f"shipment:{shipment.pk}",
        shop_id=shipment.shop_id,
        warehouse_id=shipment.warehouse_id,
        reference=shipment.code,
        evidence={"shipment": shipment.code, "error_code": error_code, **evidence},
        root_cause=f"{code}:{shipment.carrier_id}:{error_code}"[:160],
        root_title=f"{shipment.carrier_id} {error_code}",
    )


__all__ = [
    "CANCEL_KIND",
    "GET_KIND",
    "ask_singly",
    "fail_waybills",
    "give_back_of_shipments",
    "give_back_waybills",
    "key_of",
    "request_waybills",
    "settle_waybills",
    "take_numbers",
    "take_recycling_answers",
    "use_waybills",
]
