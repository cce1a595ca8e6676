"""What the raw orders and refunds of channels mean to us: translated by their platform, taken in for the whole list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from channels_sync.adapters.base import Platform, Readers
from channels_sync.booking import book_payments, book_refunds
from channels_sync.errors import MessageUnreadable
from channels_sync.live import keep_live_sales
from channels_sync.models import ChannelAccount
from channels_sync.platforms import connection_of
from channels_sync.splitting import lock_splits, replace_split_orders
from ordercenter.audit.stamps import compiled
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.common.actor import Actor
from ordercenter.common.errors import Misconfigured, OrderCenterError
from ordercenter.common.strictjson import UnreadableBody, loads_strict
from ordercenter.events.registry import Message
from ordercenter.orders import services as orders
from ordercenter.orders.errors import OrderUnknown
from ordercenter.orders.intake_types import IncomingRefund
from ordercenter.orders.models import Order
from ordercenter.orders.services import TakenOrder, TakenRefund

MAX_ORDER_BYTES = 2_000_000


class OrderNotHereYet(OrderUnknown):
    """A refund may be faster than its order: it is tried again."""

    code = "channels.order_not_here_yet"
    retryable = True


def take_orders(platform: Platform, messages: Sequence[Message]) -> Mapping[int, OrderCenterError]:
    """Orders of a platform become ours, and what was paid becomes payment entries, in one transaction."""
    refused: dict[int, OrderCenterError] = {}
    taken: list[TakenOrder] = []
    actor = Actor("channel", platform.code)
    with unit_of_work(actor=actor) as work:
        accounts = _accounts(work)
        for message in messages:
            try:
                read_order = _readers(platform, accounts[message.source]).read_order
                order = read_order(loads_strict(message.body, max_bytes=MAX_ORDER_BYTES))
            except (MessageUnreadable, UnreadableBody, Misconfigured) as error:
                refused[message.id] = error
                continue
            taken.append(TakenOrder(accounts[message.source].shop_id, order, message.id))
        lock_splits(taken, work)
        result = orders.take_orders(taken=taken, work=work)
        keep_live_sales(taken=taken, orders=result.by_number)
        fees = {account.shop_id: account.shop.payment_fee_bp for account in accounts.values()}
        replaced = replace_split_orders(taken=taken, orders=result.by_number, work=work)
        # The parts have payments of their own.
        paid = [t for t in taken if (t.shop_id, t.order.channel_order_no) not in replaced]
        book_payments(taken=paid, orders=result.by_number, fees=fees, work=work, actor=actor)
    return refused


def take_refunds(platform: Platform, messages: Sequence[Message]) -> Mapping[int, OrderCenterError]:
    """Refunds act on their orders; money that went back becomes a refund entry."""
    accounts, actor = _all_accounts(), Actor("channel", platform.code)
    refused: dict[int, OrderCenterError] = {}
    read: dict[int, tuple[int, IncomingRefund]] = {}
    for message in messages:
        try:
            read_refund = _readers(platform, accounts[message.source]).read_refund
            refund = read_refund(loads_strict(message.body, max_bytes=MAX_ORDER_BYTES))
        except (MessageUnreadable, UnreadableBody, Misconfigured) as error:
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
    with unit_of_work(actor=actor) as work:
        reports = {m: TakenRefund(known[shop_id, r.channel_order_no], r) for m, (shop_id, r) in read.items()}
        result = orders.take_refunds(taken=list(reports.values()), work=work)
        by_report = {id(report): message_id for message_id, report in reports.items()}
        refused.update((by_report[id(refusal.key)], refusal.error) for refusal in result.refused)
        book_refunds(succeeded=result.done, work=work, actor=actor)
    return refused


def _readers(platform: Platform, account: ChannelAccount) -> Readers:
    """How this account's messages are read: as its platform says, or, by a connector, as the account itself says."""
    if platform.readers_of is None:
        return Readers(platform.read_order, platform.read_refund)
    return platform.readers_of(connection_of(account))


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
