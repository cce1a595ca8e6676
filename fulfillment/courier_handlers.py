"""What couriers are asked in the background, and what follows from their answers."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from fulfillment.carriers.documents import AssignedNumber, CourierClient, WaybillRequest
from fulfillment.models import CourierAccount, LabelJob, Waybill
from fulfillment.services import waybills
from fulfillment.services.courier_accounts import all_is_well, client_of, courier_account, pause_after
from fulfillment.services.labels import LABELS_KIND, render_labels, seal_pdf
from fulfillment.services.waybill_documents import key_of, packages_of, request_of
from fulfillment.services.waybills import CANCEL_KIND, GET_KIND
from fulfillment.states import WaybillState
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.common.actor import Actor
from ordercenter.common.errors import OrderCenterError
from ordercenter.events.models import OutgoingCommand, OutgoingStatus
from ordercenter.events.registry import Attempt, Recorded, Sender, on, register_sender
from ordercenter.events.types import CommandAnswered, ShipmentCancelled, ShipmentShipped

COURIER = Actor("integration", "courier")


# --- numbers ----------------------------------------------------------------------------------------------------------


def _prepare_get(target: str, commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
    client = client_of(courier_account(target))
    packages = packages_of({pk for command in commands for pk in command.payload["waybill_ids"]})
    attempts = {}
    for command in commands:
        mine = [packages[pk] for pk in command.payload["waybill_ids"] if pk in packages]
        wanted = {p.waybill.pk: request_of(p) for p in mine if p.waybill.state == WaybillState.REQUESTED}
        # An earlier try may have taken effect for one that nobody wants any more: its number must not get lost.
        doubtful = {p.waybill.pk: request_of(p) for p in mine if p.waybill.state == WaybillState.VOID}
        if wanted or (doubtful and command.error_code):
            attempts[command.pk] = _attempt(client, wanted, doubtful if command.error_code else {})
    return attempts


def _attempt(
    client: CourierClient, wanted: Mapping[int, WaybillRequest], doubtful: Mapping[int, WaybillRequest]
) -> Attempt:
    def send() -> dict[str, Any]:
        given = dict(client.request(list(wanted.values()))) if wanted else {}
        given |= client.find(list(doubtful.values())) if doubtful else {}
        return _answer({**wanted, **doubtful}, given)

    def query() -> dict[str, Any] | None:
        """Whether an earlier try took effect for all of them; else it is repeated under the same keys."""
        found = client.find(list(wanted.values())) if wanted else {}
        if not wanted or len(found) < len(wanted):
            return None
        given = dict(found) | (dict(client.find(list(doubtful.values()))) if doubtful else {})
        return _answer({**wanted, **doubtful}, given)

    return Attempt(send, query)


def _answer(requests: Mapping[int, WaybillRequest], given: Mapping[str, AssignedNumber]) -> dict[str, Any]:
    return {"numbers": {str(pk): asdict(given[r.key]) for pk, r in requests.items() if r.key in given}}


def _prepare_cancel(target: str, commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
    client = client_of(courier_account(target))
    rows = Waybill.objects.select_related("shipment").in_bulk([c.payload["waybill_id"] for c in commands])

    def attempt(waybill: Waybill) -> Attempt:
        key, number = key_of(waybill), waybill.number

        def send() -> dict[str, Any]:
            client.cancel(key=key, number=number)
            return {"taken_back": True}

        # Giving the same number back twice does nothing twice.
        return Attempt(send)

    wanted = {c.pk: rows.get(c.payload["waybill_id"]) for c in commands}
    return {pk: attempt(w) for pk, w in wanted.items() if w is not None and w.state == WaybillState.TO_RECYCLE}


@on(
    CommandAnswered,
    name="fulfillment.courier_answered",
    when=lambda e: e.kind in (GET_KIND, CANCEL_KIND),
)
def take_answers(events: Sequence[Recorded]) -> None:
    """Numbers, refusals, and numbers that were taken back."""
    answered = [e for r in events if isinstance(e := r.event, CommandAnswered)]
    commands = OutgoingCommand.objects.in_bulk([e.command_id for e in answered])
    with unit_of_work(because=events, actor=COURIER) as work:
        # All rows at once, in one order.
        work.lock(Waybill, {pk for command in commands.values() for pk in _waybill_ids(command)})
        for event in answered:
            command = commands[event.command_id]
            if event.kind == CANCEL_KIND:
                answer = (event.outcome == OutgoingStatus.DONE, command.error_code, command.error)
                waybills.take_recycling_answers(answers={command.payload["waybill_id"]: answer}, work=work)
            elif event.outcome == OutgoingStatus.DONE:
                numbers = {int(pk): given for pk, given in (command.answer or {}).get("numbers", {}).items()}
                waybills.take_numbers(numbers=numbers, work=work)
            else:
                _not_given(command, event.outcome, work)
    done = {commands[e.command_id].target for e in answered if e.outcome == OutgoingStatus.DONE}
    all_is_well(done)


def _not_given(command: OutgoingCommand, outcome: str, work: Work) -> None:
    ids: list[int] = command.payload["waybill_ids"]
    if outcome == OutgoingStatus.REFUSED and len(ids) > 1:
        account = CourierAccount.objects.get(pk=int(command.target.partition(":")[2]))
        waybills.ask_singly(waybill_ids=ids, account=account, work=work)
        return
    waybills.fail_waybills(errors=dict.fromkeys(ids, (command.error_code, command.error)), work=work)


def _waybill_ids(command: OutgoingCommand) -> list[int]:
    return list(command.payload.get("waybill_ids") or [command.payload["waybill_id"]])


@on(ShipmentCancelled, name="fulfillment.waybills_of_cancelled")
def give_back_numbers(events: Sequence[Recorded]) -> None:
    """Shipments that will not leave give their numbers back."""
    with unit_of_work(because=events) as work:
        ids = sorted({r.event.shipment_id for r in events if isinstance(r.event, ShipmentCancelled)})
        waybills.give_back_of_shipments(shipment_ids=ids, work=work)


@on(ShipmentShipped, name="fulfillment.waybills_of_shipped")
def settle_numbers(events: Sequence[Recorded]) -> None:
    """Shipments have left: the numbers on their parcels are used, spare ones go back."""
    with unit_of_work(because=events) as work:
        ids = sorted({r.event.shipment_id for r in events if isinstance(r.event, ShipmentShipped)})
        waybills.settle_waybills(shipment_ids=ids, work=work)


# --- labels -----------------------------------------------------------------------------------------------------------


def _prepare_labels(_target: str, commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
    jobs = LabelJob.objects.in_bulk([command.payload["job_id"] for command in commands])
    packages = packages_of({pk for job in jobs.values() for pk in job.waybill_ids})

    def attempt(job: LabelJob) -> Attempt:
        mine = [packages[pk] for pk in job.waybill_ids if pk in packages and packages[pk].waybill.number]

        def send() -> dict[str, Any]:
            # Sealed at once: the answer of a command is kept in clear.
            return {"sealed": base64.b64encode(seal_pdf(render_labels(mine, at=job.created_at))).decode()}

        return Attempt(send)

    wanted = {c.pk: jobs.get(c.payload["job_id"]) for c in commands}
    return {pk: attempt(job) for pk, job in wanted.items() if job is not None}


@on(CommandAnswered, name="fulfillment.labels_made", when=lambda e: e.kind == LABELS_KIND)
def keep_labels(events: Sequence[Recorded]) -> None:
    """What the worker made goes to its job, and out of the post office."""
    answered = [e for r in events if isinstance(e := r.event, CommandAnswered)]
    commands = OutgoingCommand.objects.in_bulk([e.command_id for e in answered])
    with unit_of_work(because=events) as work:
        jobs = work.lock(LabelJob, [command.payload["job_id"] for command in commands.values()])
        for event in answered:
            command = commands[event.command_id]
            job = jobs.get(command.payload["job_id"])
            if job is None:
                continue
            job.done_at = work.at
            if event.outcome == OutgoingStatus.DONE and command.answer:
                job.pdf, job.error = base64.b64decode(command.answer["sealed"]), ""
            else:
                job.error = command.error[:300]
            work.save(job, "pdf", "done_at", "error")
        OutgoingCommand.objects.filter(pk__in=list(commands)).update(answer={})


def _pause(target: str, error: OrderCenterError) -> OrderCenterError | None:
    return pause_after(target, error)


register_sender(Sender(GET_KIND, _prepare_get, pause=_pause, handles_failure=True))
register_sender(Sender(CANCEL_KIND, _prepare_cancel, pause=_pause, handles_failure=True))
register_sender(Sender(LABELS_KIND, _prepare_labels, max_tries=3, handles_failure=True))
