"""Another tracking number for a parcel that has left: ours at once, the channel's by a command where it was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from channels_sync.accounts import adapter_of, refuse_while_paused
from channels_sync.adapters.base import Tracking
from channels_sync.errors import NumberNotChangeable, NumberTaken, ReportUnderWay
from channels_sync.kinds import RENUMBER_KIND, TRACKING_KIND
from channels_sync.models import ChannelAccount
from fulfillment.models import Parcel, ParcelWatch
from fulfillment.services.parcels import lock_parcels
from fulfillment.states import ParcelState, Watch
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.catalog.capabilities import ANYTHING, capabilities
from ordercenter.common.actor import Actor
from ordercenter.events.models import OutgoingCommand, OutgoingStatus
from ordercenter.events.registry import Attempt

UNDER_WAY = (ParcelState.SHIPPED, ParcelState.IN_TRANSIT)


def change_number(*, parcel_id: int, tracking_no: str, reason: str, actor: Actor) -> bool:
    """Give a parcel of the same courier another number; whether its channel is told by a command.

    A channel that was not told yet hears only the new number. Raises ReasonMissing, NumberNotChangeable (the parcel
    has come to its end, or the channel was told and takes no other number), NumberTaken, and ReportUnderWay while what
    the channel is told of the shipment is not settled. The number that it has already changes nothing.
    """
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(actor=actor, reason=reason) as work:
        moved = lock_parcels(parcel_ids=[parcel_id], work=work)
        parcel = moved.parcels[parcel_id]
        old = parcel.tracking_no
        if tracking_no == old:
            return False
        shipment = moved.shipments[parcel.shipment_id]
        told = _told(f"shipment:{shipment.pk}", old)
        if parcel.state not in UNDER_WAY:
            raise NumberNotChangeable(parcel_id=parcel_id, why="ended")
        if told and not capabilities(work).get(shipment.shop_id, ANYTHING).changes_number:
            raise NumberNotChangeable(parcel_id=parcel_id, why="channel")
        if Parcel.objects.filter(carrier_id=parcel.carrier_id, tracking_no=tracking_no).exists():
            raise NumberTaken(tracking_no=tracking_no)
        parcel.tracking_no = tracking_no
        work.save(parcel, "tracking_no")
        # Who tells us of the old number is asked for the new one; who is asked now and then is asked for it anyway.
        watches = ParcelWatch.objects.filter(parcel_id=parcel_id, is_open=True, how=Watch.SUBSCRIBED)
        watches.update(how=Watch.ABORTED, subscribe_at=work.at)
        _tell(told, parcel, work)
        details = {"old": old, "new": tracking_no, "told": bool(told)}
        record_deed(work, action="parcel.change_number", subject=f"parcel:{parcel_id}", reason=reason, details=details)
        return bool(told)


def prepare_renumbering(target: str, commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
    """Attempts that change the numbers; a change that the platform has already is not made again."""
    account = ChannelAccount.objects.get(pk=int(target.partition(":")[2]))
    refuse_while_paused(account, at=timezone.now())
    adapter = adapter_of(account)

    def attempt(payload: Mapping[str, Any], key: str) -> Attempt:
        pieces = tuple((line, count) for line, count in payload["pieces"])
        tracking = Tracking(
            payload["order_no"], payload["carrier"], payload["tracking_no"], tuple(payload["lines"]), pieces, key
        )

        def send() -> dict[str, Any]:
            return {"outcome": adapter.change_tracking(tracking, instead_of=payload["instead_of"]).outcome}

        return Attempt(send)

    return {command.pk: attempt(command.payload, command.idempotency_key) for command in commands}


def _told(subject: str, number: str) -> list[OutgoingCommand]:
    """What told the channels of the parcel with this number, the newest for each order. A change that a channel refused
    has left it with the number before. Raises ReportUnderWay while anything else is not settled.
    """
    newest: dict[str, OutgoingCommand] = {}
    kept_as = {number: number}
    rows = OutgoingCommand.objects.filter(subject=subject, kind__in=[TRACKING_KIND, RENUMBER_KIND]).order_by("pk")
    for command in rows:
        if command.kind == RENUMBER_KIND and command.status == OutgoingStatus.REFUSED:
            kept_as[command.payload["tracking_no"]] = command.payload["instead_of"]
        elif command.status != OutgoingStatus.DONE:
            raise ReportUnderWay(subject=subject)
        else:
            newest[command.payload["order_no"]] = command
    return [command for command in newest.values() if command.payload["tracking_no"] == kept_as[number]]


def _tell(told: Sequence[OutgoingCommand], parcel: Parcel, work: Work) -> None:
    for command in told:
        work.command(
            kind=RENUMBER_KIND,
            target=command.target,
            subject=command.subject,
            # Back to a number that it had before is a change of its own: what it follows on is part of the key.
            key=f"{RENUMBER_KIND}:{parcel.pk}:{command.pk}:{parcel.tracking_no}",
            payload={
                "order_no": command.payload["order_no"],
                "carrier": command.payload["carrier"],
                "tracking_no": parcel.tracking_no,
                "instead_of": command.payload["tracking_no"],
                "lines": command.payload["lines"],
                "pieces": command.payload.get("pieces", []),
            },
        )
