"""What the raw messages of channels mean to us, and the calls we make to channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from channels_sync import live
from channels_sync.accounts import adapter_of, pause_after, refuse_while_paused
from channels_sync.adapters.base import Platform, Tracking
from channels_sync.kinds import (
    REMARK_KIND,
    RENUMBER_KIND,
    STOCK_KIND,
    TRACKING_KIND,
    order_kind,
    refund_kind,
)
from channels_sync.models import ChannelAccount
from channels_sync.platforms import PLATFORMS
from channels_sync.publishing import prepare_stock
from channels_sync.remarking import prepare_remarks
from channels_sync.renumbering import prepare_renumbering
from channels_sync.splitting import let_parts_go
from channels_sync.translating import take_orders, take_refunds
from fulfillment import services as fulfillment
from ordercenter.audit.work import unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.catalog.models import ListingMatch
from ordercenter.common.actor import Actor
from ordercenter.common.errors import OrderCenterError
from ordercenter.events.models import OutgoingCommand, OutgoingStatus
from ordercenter.events.registry import (
    Attempt,
    Message,
    MessageReader,
    Recorded,
    Sender,
    on,
    reads,
    register_sender,
)
from ordercenter.events.types import CommandAnswered, LiveSessionChanged, LiveSessionDue, ShipmentCancelled
from ordercenter.inventory import services as inventory

CHANNEL = Actor("channel", "channel")


def _reader_of_orders(platform: Platform) -> MessageReader:
    def take(messages: Sequence[Message]) -> Mapping[int, OrderCenterError]:
        return take_orders(platform, messages)

    return take


def _reader_of_refunds(platform: Platform) -> MessageReader:
    def take(messages: Sequence[Message]) -> Mapping[int, OrderCenterError]:
        return take_refunds(platform, messages)

    return take


for _platform in PLATFORMS.values():
    reads(order_kind(_platform.code), is_first=True)(_reader_of_orders(_platform))
    reads(refund_kind(_platform.code))(_reader_of_refunds(_platform))


@on(CommandAnswered, name="channels.command_answered", when=lambda e: e.kind == TRACKING_KIND and e.outcome == "done")
def take_tracking_answers(events: Sequence[Recorded]) -> None:
    """The channel has taken a tracking number."""
    done = [
        e.command_id
        for r in events
        if isinstance(e := r.event, CommandAnswered) and e.kind == TRACKING_KIND and e.outcome == "done"
    ]
    if not done:
        return
    subjects = set(OutgoingCommand.objects.filter(pk__in=done).values_list("subject", flat=True))
    # A shipment of several orders is reported when the channel has taken the number for each of them.
    others = OutgoingCommand.objects.filter(subject__in=subjects, kind=TRACKING_KIND).exclude(
        status=OutgoingStatus.DONE
    )
    open_ones = set(others.values_list("subject", flat=True))
    ids = sorted(int(subject.partition(":")[2]) for subject in subjects - open_ones)
    with unit_of_work(because=events, actor=CHANNEL) as work:
        fulfillment.mark_reported(shipment_ids=ids, work=work)


@on(ShipmentCancelled, name="channels.split_parts")
def send_parts(events: Sequence[Recorded]) -> None:
    """The parcel of an order that its channel split will not leave: its parts may."""
    with unit_of_work(because=events) as work:
        ids = sorted({pk for r in events if isinstance(r.event, ShipmentCancelled) for pk in r.event.order_ids})
        let_parts_go(order_ids=ids, work=work)


@on(CommandAnswered, name="channels.stock_answered", when=lambda e: e.kind == STOCK_KIND and e.outcome == "done")
def take_stock_answers(events: Sequence[Recorded]) -> None:
    """The channel has taken stock numbers, or said why not."""
    done = [r.event.command_id for r in events if isinstance(r.event, CommandAnswered) and r.event.kind == STOCK_KIND]
    taken: dict[int, int] = {}
    refused: dict[int, tuple[int, str]] = {}
    for command in OutgoingCommand.objects.filter(pk__in=done, kind=STOCK_KIND).order_by("pk"):
        answer = command.answer or {}
        for match, version in answer.get("taken", ()):
            taken[match] = max(version, taken.get(match, 0))
        for match, version, why in answer.get("refused", ()):
            refused[match] = (version, why)
    with unit_of_work(because=events, actor=CHANNEL) as work:
        failed = inventory.take_publication_answers(taken=taken, refused=refused, work=work)
        matches = ListingMatch.objects.in_bulk([row.listing_id for row in failed])
        drafts = [
            CaseDraft(
                code="STOCK_PUSH_FAILED",
                subject=f"listing:{row.listing_id}",
                shop_id=matches[row.listing_id].shop_id,
                reference=matches[row.listing_id].listing_id,
                evidence={"published": row.published, "error": row.error},
            )
            for row in failed
        ]
        cases.open_cases(drafts=drafts, work=work)
        well = {f"listing:{match}" for match in taken} - {draft.subject for draft in drafts}
        cases.close_cases_of(subjects=well, codes=["STOCK_PUSH_FAILED"], resolution="the channel took it", work=work)


@on(LiveSessionDue, name="channels.live_sessions")
def move_live_sessions(events: Sequence[Recorded]) -> None:
    """Live-stream sessions begin and end by themselves."""
    due = [r.event for r in events if isinstance(r.event, LiveSessionDue)]
    with unit_of_work(because=events) as work:
        live.move_due_sessions(
            starting=[e.live_session_id for e in due if e.move == "start"],
            ending=[e.live_session_id for e in due if e.move == "end"],
            work=work,
        )


inventory.register_namer(live.orders_of_locks)


@on(LiveSessionChanged, name="channels.live_sales")
def attribute_live_sales(events: Sequence[Recorded]) -> None:
    """Sales that came before their session was known, or that are another's since it changed, find theirs; goods of
    which more was set aside, or that are given back, are not nearly sold out any more.
    """
    live.attribute_sales({r.event.live_session_id for r in events if isinstance(r.event, LiveSessionChanged)})
    with unit_of_work(because=events) as work:
        live.tell_few_left(at=work.at, work=work)


def _prepare_tracking(target: str, commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
    account = ChannelAccount.objects.get(pk=int(target.partition(":")[2]))
    refuse_while_paused(account, at=timezone.now())
    adapter = adapter_of(account)

    def attempt(payload: Mapping[str, Any], key: str) -> Attempt:
        tracking = Tracking(
            payload["order_no"],
            payload["carrier"],
            payload["tracking_no"],
            tuple(payload["lines"]),
            tuple((line, pieces) for line, pieces in payload.get("pieces", ())),
            key,
        )

        def send() -> dict[str, Any]:
            result = adapter.send_tracking(tracking)
            return {"outcome": result.outcome, "other_tracking_no": result.other_tracking_no}

        # The adapter reads the order back where the platform says that it is shipped already: repeating is safe.
        return Attempt(send)

    return {command.pk: attempt(command.payload, command.idempotency_key) for command in commands}


def _pause(target: str, error: OrderCenterError) -> OrderCenterError | None:
    """A ban or a lost authorisation is the account's trouble: one case, and every parcel waits."""
    account = ChannelAccount.objects.get(pk=int(target.partition(":")[2]))
    return pause_after(account, error, at=timezone.now())


register_sender(Sender(STOCK_KIND, prepare_stock, pause=_pause))
register_sender(Sender(REMARK_KIND, prepare_remarks, pause=_pause))
register_sender(Sender(RENUMBER_KIND, prepare_renumbering, pause=_pause))
register_sender(Sender(TRACKING_KIND, _prepare_tracking, pause=_pause))
