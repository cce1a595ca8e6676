"""What the raw messages of channels mean to us, and the calls we make to channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from channels_sync.accounts import adapter_of, pause_after, refuse_while_paused
from channels_sync.adapters import tmall_mapping
from channels_sync.adapters.base import Tracking
from channels_sync.booking import book_payments, book_refunds
from channels_sync.errors import MessageUnreadable
from channels_sync.kinds import NOTICE_KIND, ORDER_KIND, REFUND_KIND, STOCK_KIND, TRACKING_KIND
from channels_sync.models import ChannelAccount
from channels_sync.publishing import prepare_stock
from fulfillment import services as fulfillment
from ordercenter.audit.stamps import compiled
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.catalog.models import ListingMatch
from ordercenter.common.actor import Actor
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.strictjson import UnreadableBody, loads_strict
from ordercenter.events.models import OutgoingCommand, OutgoingStatus
from ordercenter.events.registry import Attempt, Message, Recorded, Sender, on, reads, register_sender
from ordercenter.events.types import CommandAnswered
from ordercenter.inventory import services as inventory
from ordercenter.orders import services as orders
from ordercenter.orders.errors import OrderUnknown
from ordercenter.orders.intake_types import IncomingRefund
from ordercenter.orders.models import Order
from ordercenter.orders.services import TakenOrder, TakenRefund

CHANNEL = Actor("channel", "tmall")
MAX_ORDER_BYTES = 2_000_000


class OrderNotHereYet(OrderUnknown):
    """A refund may be faster than its order: it is tried again."""

    code = "channels.order_not_here_yet"
    retryable = True


@reads(ORDER_KIND, is_first=True)
def take_trades(messages: Sequence[Message]) -> Mapping[int, OrderCenterError]:
    """Trades become orders, and what was paid becomes payment entries, in one transaction."""
    refused: dict[int, OrderCenterError] = {}
    taken: list[TakenOrder] = []
    with unit_of_work(actor=CHANNEL) as work:
        accounts = _accounts(work)
        for message in messages:
            try:
                raw = loads_strict(message.body, max_bytes=MAX_ORDER_BYTES)
                order = tmall_mapping.read_trade(tmall_mapping.trade_in(raw))
            except (MessageUnreadable, UnreadableBody) as error:
                refused[message.id] = error
                continue
            taken.append(TakenOrder(accounts[message.source].shop_id, order, message.id))
        result = orders.take_orders(taken=taken, work=work)
        fees = {account.shop_id: account.shop.payment_fee_bp for account in accounts.values()}
        book_payments(taken=taken, orders=result.by_number, fees=fees, work=work, actor=CHANNEL)
    return refused


@reads(REFUND_KIND)
def take_refunds(messages: Sequence[Message]) -> Mapping[int, OrderCenterError]:
    """Refunds act on their orders; money that went back becomes a refund entry."""
    accounts = _all_accounts()
    refused: dict[int, OrderCenterError] = {}
    read: dict[int, tuple[int, IncomingRefund]] = {}
    for message in messages:
        try:
            raw = loads_strict(message.body, max_bytes=MAX_ORDER_BYTES)
            refund = tmall_mapping.read_refund(tmall_mapping.refund_in(raw))
        except (MessageUnreadable, UnreadableBody) as error:
            refused[message.id] = error
            continue
        read[message.id] = (accounts[message.source].shop_id, refund)
    known = _refundable_orders(list(read.values()))
    missing = [
        refund.channel_order_no for shop_id, refund in read.values() if (shop_id, refund.channel_order_no) not in known
    ]
    if missing:
        # The whole list is tried by halves, and this one alone later: its order or its payment may just be on its way.
        raise OrderNotHereYet(order_no=missing[0])
    with unit_of_work(actor=CHANNEL) as work:
        reports = {m: TakenRefund(known[shop_id, r.channel_order_no], r) for m, (shop_id, r) in read.items()}
        result = orders.take_refunds(taken=list(reports.values()), work=work)
        by_report = {id(report): message_id for message_id, report in reports.items()}
        refused.update((by_report[id(refusal.key)], refusal.error) for refusal in result.refused)
        book_refunds(succeeded=result.done, work=work, actor=CHANNEL)
    return refused


@reads(NOTICE_KIND)
def park_unreadable_notices(messages: Sequence[Message]) -> Mapping[int, OrderCenterError]:
    """Messages whose form we do not know: kept, and a person looks."""
    return {message.id: MessageUnreadable(path="message.content", problem="unknown_value") for message in messages}


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


def _accounts(work: Work) -> Mapping[str, ChannelAccount]:
    """The accounts with their shops, by the name that messages call them; kept per version."""
    return compiled(work, ("accounts", "channels"), _all_accounts)


def _all_accounts() -> dict[str, ChannelAccount]:
    return {f"account:{row.pk}": row for row in ChannelAccount.objects.select_related("shop")}


def _refundable_orders(read: Sequence[tuple[int, IncomingRefund]]) -> dict[tuple[int, str], int]:
    """Our orders by shop and number; without those of which money went back that we have not seen come in."""
    rows = Order.objects.filter(
        shop_id__in={shop_id for shop_id, _ in read}, channel_order_no__in={r.channel_order_no for _, r in read}
    ).values_list("shop_id", "channel_order_no", "pk", "paid_amount")
    returned = {(shop_id, r.channel_order_no) for shop_id, r in read if r.status == "succeeded"}
    return {(shop, no): pk for shop, no, pk, paid in rows if paid or (shop, no) not in returned}


def _prepare_tracking(target: str, commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
    account = ChannelAccount.objects.get(pk=int(target.partition(":")[2]))
    refuse_while_paused(account, at=timezone.now())
    adapter = adapter_of(account)

    def attempt(payload: Mapping[str, Any]) -> Attempt:
        tracking = Tracking(payload["order_no"], payload["carrier"], payload["tracking_no"], tuple(payload["lines"]))

        def send() -> dict[str, Any]:
            result = adapter.send_tracking(tracking)
            return {"outcome": result.outcome, "other_tracking_no": result.other_tracking_no}

        # The adapter reads the order back where the platform says that it is shipped already: repeating is safe.
        return Attempt(send)

    return {command.pk: attempt(command.payload) for command in commands}


def _pause(target: str, error: OrderCenterError) -> OrderCenterError | None:
    """A ban or a lost authorisation is the account's trouble: one case, and every parcel waits."""
    account = ChannelAccount.objects.get(pk=int(target.partition(":")[2]))
    return pause_after(account, error, at=timezone.now())


register_sender(Sender(STOCK_KIND, prepare_stock, pause=_pause))
register_sender(Sender(TRACKING_KIND, _prepare_tracking, pause=_pause))
