"""What is told of parcels, and what is asked of couriers and of those who follow parcels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fulfillment.carriers.errors import TrackingMessageUnreadable, TrackingSignatureInvalid
from fulfillment.carriers.kuaidi100 import Follow, read_document, verified_push
from fulfillment.carriers.scans import read_push, read_query, read_sf_routes
from fulfillment.models import TrackingAccount
from fulfillment.services import parcels, tracking
from fulfillment.services.courier_accounts import all_is_well, client_of, courier_account, pause_after
from fulfillment.services.courier_accounts import refuse_while_paused as refuse_paused
from fulfillment.services.parcels import RECALL_KIND
from fulfillment.services.tracking import ANSWER_KIND, PUSH_KIND, ROUTES_KIND, SUBSCRIBE_KIND, Told
from ordercenter.audit.work import unit_of_work
from ordercenter.common.actor import Actor
from ordercenter.common.errors import Misconfigured, OrderCenterError
from ordercenter.common.secretfield import unseal
from ordercenter.events.models import OutgoingCommand, OutgoingStatus
from ordercenter.events.registry import Attempt, Message, Recorded, Sender, on, reads, register_sender
from ordercenter.events.types import CommandAnswered, ShipmentShipped

FOLLOWER = Actor("integration", "tracking")


@on(ShipmentShipped, name="fulfillment.follow_parcels")
def follow(events: Sequence[Recorded]) -> None:
    """Parcels that left are followed."""
    with unit_of_work(because=events) as work:
        ids = sorted({r.event.shipment_id for r in events if isinstance(r.event, ShipmentShipped)})
        tracking.follow_parcels(shipment_ids=ids, work=work)


@reads(PUSH_KIND)
def take_pushes(messages: Sequence[Message]) -> Mapping[int, OrderCenterError]:
    """What the provider tells by itself; its signature was checked at the door, and is again."""
    accounts = TrackingAccount.objects.in_bulk({int(m.source.partition(":")[2]) for m in messages})
    refused: dict[int, OrderCenterError] = {}
    told: list[Told] = []
    for message in messages:
        account = accounts.get(int(message.source.partition(":")[2]))
        salt = str(unseal(account.secrets).get("salt") or "") if account is not None else ""
        try:
            told.append(Told(message.id, "kuaidi100", read_push(verified_push(message.body, salt=salt))))
        except (TrackingSignatureInvalid, TrackingMessageUnreadable) as error:
            refused[message.id] = error
    return refused | _take(told)


@reads(ANSWER_KIND)
def take_answers(messages: Sequence[Message]) -> Mapping[int, OrderCenterError]:
    """What the provider answered to our question."""
    refused: dict[int, OrderCenterError] = {}
    told: list[Told] = []
    for message in messages:
        try:
            told.append(Told(message.id, "kuaidi100", read_query(read_document(message.body))))
        except TrackingMessageUnreadable as error:
            refused[message.id] = error
    return refused | _take(told)


@reads(ROUTES_KIND)
def take_routes(messages: Sequence[Message]) -> Mapping[int, OrderCenterError]:
    """What SF Express answered: several parcels in one message. Those that are not ours are left aside."""
    refused: dict[int, OrderCenterError] = {}
    told: list[Told] = []
    for message in messages:
        try:
            news = read_sf_routes(read_document(message.body))
        except TrackingMessageUnreadable as error:
            refused[message.id] = error
            continue
        told.extend(Told((message.id, one.number), "sf", one) for one in news)
    _take(told)
    return refused


def _take(told: Sequence[Told]) -> dict[int, OrderCenterError]:
    if not told:
        return {}
    with unit_of_work(actor=FOLLOWER) as work:
        result = tracking.take_news(told=told, work=work)
    return {refusal.key: refusal.error for refusal in result.refused if isinstance(refusal.key, int)}


@on(
    CommandAnswered,
    name="fulfillment.tracking_answered",
    when=lambda e: e.kind in (SUBSCRIBE_KIND, RECALL_KIND),
)
def take_command_answers(events: Sequence[Recorded]) -> None:
    """Whether the provider tells us of parcels, and whether couriers bring some back."""
    answered = [e for r in events if isinstance(e := r.event, CommandAnswered)]
    commands = OutgoingCommand.objects.in_bulk([e.command_id for e in answered])
    with unit_of_work(because=events, actor=FOLLOWER) as work:
        recalled = {
            commands[e.command_id].payload["parcel_id"]: (
                e.outcome == OutgoingStatus.DONE,
                commands[e.command_id].error,
            )
            for e in answered
            if e.kind == RECALL_KIND
        }
        if recalled:
            parcels.take_recall_answers(answers=recalled, work=work)
        subscribed = {
            commands[e.command_id].payload["parcel_id"]: e.outcome == OutgoingStatus.DONE
            for e in answered
            if e.kind == SUBSCRIBE_KIND
        }
        tracking.take_subscription_answers(answers=subscribed, work=work)
    all_is_well({commands[e.command_id].target for e in answered if e.outcome == OutgoingStatus.DONE})


def _prepare_subscribe(target: str, commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
    account = TrackingAccount.objects.filter(pk=int(target.partition(":")[2]), is_active=True).first()
    if account is None:
        raise Misconfigured(f"{target} is gone or switched off")
    refuse_paused(account)
    client, callback_url = tracking.tracker_of(account), account.callback_url
    follows = tracking.follows_of([command.payload["parcel_id"] for command in commands])

    def attempt(follow: Follow) -> Attempt:
        def send() -> dict[str, Any]:
            # Subscribed before is as good: repeating does nothing twice.
            return {"was_new": client.subscribe(follow, callback_url=callback_url)}

        return Attempt(send)

    wanted = {c.pk: follows.get(c.payload["parcel_id"]) for c in commands}
    return {pk: attempt(follow) for pk, follow in wanted.items() if follow is not None}


def _prepare_recall(target: str, commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
    client = client_of(courier_account(target))

    def attempt(number: str) -> Attempt:
        def send() -> dict[str, Any]:
            return {"asked": client.recall(number=number)}

        return Attempt(send)

    return {command.pk: attempt(command.payload["number"]) for command in commands}


register_sender(Sender(SUBSCRIBE_KIND, _prepare_subscribe, pause=pause_after, handles_failure=True))
register_sender(Sender(RECALL_KIND, _prepare_recall, max_tries=4, pause=pause_after, handles_failure=True))
