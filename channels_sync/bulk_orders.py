"""Orders that another system hands over in a list: new ones are taken in with their payments, known ones left alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef

from channels_sync.errors import PaymentTaken, RowRepeated, ShopDrivenByPlatform, ShopUnknown, TwoListsMet
from channels_sync.live import keep_live_sales
from channels_sync.models import ChannelAccount
from finance.errors import EntryConflict
from finance.models import PaymentEntry
from finance.services import PaymentFact, record_payments
from finance.states import EntryKind
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.catalog.models import Shop
from ordercenter.common.actor import Actor
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import Scope
from ordercenter.inventory.services.holds import HoldForOrder, give_holds_to_orders
from ordercenter.orders import services as orders
from ordercenter.orders.intake_types import IncomingOrder
from ordercenter.orders.models import Order
from ordercenter.orders.services import TakenOrder

ATTEMPTS = 3
# The guards that two lists with the same order or payment run into when they come at one instant.
_GUARDS = ("order_once_per_shop", "entry_once")


@dataclass(frozen=True)
class BulkRow:
    """One order of the list: its place, the code of its shop, and what it says."""

    index: int
    shop_code: str
    order: IncomingOrder
    # Under what the sender holds goods for it already, see inventory's `holds`; "" for nothing.
    holder: str = ""


@dataclass
class BulkResult:
    """By place in the list: ids of new orders, ids of orders known before, and why the others were refused."""

    created: dict[int, int] = field(default_factory=dict)
    exists: dict[int, int] = field(default_factory=dict)
    refused: dict[int, OrderCenterError] = field(default_factory=dict)
    # New orders that came with a hold: whether it stood, and its pieces are theirs now.
    holds: dict[int, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class _Fresh:
    """A row that is new, with its shop."""

    row: BulkRow
    shop: Shop


class _KnownMeanwhile(Exception):
    """Undoes a list of which an order was there before it came to it."""


def take_bulk(*, rows: Sequence[BulkRow], reach: Scope, actor: Actor, subject: str, at: datetime) -> BulkResult:
    """Create the orders that are new, record what was paid for them; orders known before are not touched.

    reach: the shops that the sender may write to. subject: who sent it, for the deed "orders.bulk_create". Refused row
    by row: ShopUnknown, ShopDrivenByPlatform, RowRepeated, PaymentTaken. Raises TwoListsMet when other lists with the
    same orders came in between several times. Constant number of statements.
    """
    for _attempt in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return _take(rows, reach, actor, subject, at)
        except IntegrityError as error:
            if not any(guard in str(error) for guard in _GUARDS):
                raise
        except (EntryConflict, _KnownMeanwhile):
            # Another list brought the order, or booked its payment, since we looked: look again.
            continue
    raise TwoListsMet(rows=len(rows))


def _take(rows: Sequence[BulkRow], reach: Scope, actor: Actor, subject: str, at: datetime) -> BulkResult:
    result = BulkResult()
    fresh = _in_open_shops(rows, reach, result)
    fresh = _new_to_us(fresh, result)
    fresh = _with_new_payments(fresh, result)
    if not fresh:
        return result
    # One order of locks and keys for all lists: two of them with the same orders wait instead of blocking each other.
    fresh.sort(key=lambda f: (f.shop.pk, f.row.order.channel_order_no))
    with unit_of_work(at=at, actor=actor) as work:
        incoming = [TakenOrder(f.shop.pk, f.row.order) for f in fresh]
        taken = orders.take_orders(taken=incoming, work=work)
        if len(taken.created) < len(fresh):
            raise _KnownMeanwhile
        ours = {f.row.index: taken.by_number[f.shop.pk, f.row.order.channel_order_no] for f in fresh}
        keep_live_sales(taken=incoming, orders=taken.by_number)
        _book_payments(work, fresh, ours)
        result.holds = _give_holds(work, fresh, ours)
        record_deed(work, action="orders.bulk_create", subject=subject, details={"created": len(fresh)})
    result.created.update((index, order.pk) for index, order in ours.items())
    return result


def _give_holds(work: Work, fresh: Sequence[_Fresh], ours: Mapping[int, Order]) -> dict[int, bool]:
    came = [f for f in fresh if f.row.holder]
    got = give_holds_to_orders(
        orders=[
            HoldForOrder(f.row.holder, ours[f.row.index].pk, f.shop.pk, is_paid=f.row.order.status == "paid")
            for f in came
        ],
        work=work,
    )
    return {f.row.index: ours[f.row.index].pk in got for f in came}


def _in_open_shops(rows: Sequence[BulkRow], reach: Scope, result: BulkResult) -> list[_Fresh]:
    codes = {row.shop_code for row in rows}
    driven = Exists(ChannelAccount.objects.filter(shop=OuterRef("pk"), is_active=True))
    found = reach.narrow(Shop.objects.filter(code__in=codes, is_active=True), shop="pk").annotate(is_driven=driven)
    shops = {shop.code: shop for shop in found}
    fresh = []
    for row in rows:
        shop = shops.get(row.shop_code)
        if shop is None:
            result.refused[row.index] = ShopUnknown(shop=row.shop_code)
        elif shop.is_driven:
            result.refused[row.index] = ShopDrivenByPlatform(shop=row.shop_code)
        else:
            fresh.append(_Fresh(row, shop))
    return fresh


def _new_to_us(rows: Sequence[_Fresh], result: BulkResult) -> list[_Fresh]:
    known = {
        (shop_id, number): pk
        for shop_id, number, pk in Order.objects.filter(
            shop_id__in={f.shop.pk for f in rows}, channel_order_no__in={f.row.order.channel_order_no for f in rows}
        ).values_list("shop_id", "channel_order_no", "pk")
    }
    first: dict[tuple[int, str], int] = {}
    fresh = []
    for f in rows:
        key = (f.shop.pk, f.row.order.channel_order_no)
        if key in known:
            result.exists[f.row.index] = known[key]
        elif key in first:
            result.refused[f.row.index] = RowRepeated(what=key[1], first_index=first[key])
        else:
            first[key] = f.row.index
            fresh.append(f)
    return fresh


def _with_new_payments(rows: Sequence[_Fresh], result: BulkResult) -> list[_Fresh]:
    """A payment belongs to one order: a number that is booked already, or named twice, is a mistake of the sender.

    Raises _KnownMeanwhile where it is booked for the very order that was new a moment ago.
    """
    numbers = {f.row.order.payment.external_no for f in rows if f.row.order.payment is not None}
    entries = PaymentEntry.objects.filter(external_no__in=numbers, kind=EntryKind.PAYMENT)
    columns = ("provider", "external_no", "order__shop_id", "order__channel_order_no")
    booked = {(p, no): (shop, order) for p, no, shop, order in entries.values_list(*columns)} if numbers else {}
    first: dict[tuple[str, str], int] = {}
    fresh = []
    for f in rows:
        payment = f.row.order.payment
        if payment is None:
            fresh.append(f)
            continue
        key = (payment.provider, payment.external_no)
        if booked.get(key) == (f.shop.pk, f.row.order.channel_order_no):
            raise _KnownMeanwhile
        if key in booked:
            result.refused[f.row.index] = PaymentTaken(provider=key[0], external_no=key[1])
        elif key in first:
            result.refused[f.row.index] = RowRepeated(what=payment.external_no, first_index=first[key])
        else:
            first[key] = f.row.index
            fresh.append(f)
    return fresh


def _book_payments(work: Work, rows: Sequence[_Fresh], ours: Mapping[int, Order]) -> None:
    facts = [
        PaymentFact(
            order_id=ours[f.row.index].pk,
            shop_id=f.shop.pk,
            fee_bp=f.shop.payment_fee_bp,
            provider=payment.provider,
            external_no=payment.external_no,
            merchant_no=payment.merchant_no,
            amount=payment.amount,
            currency=f.row.order.currency,
            occurred_at=payment.paid_at,
        )
        for f in rows
        if (payment := f.row.order.payment) is not None
    ]
    if facts:
        record_payments(payments=facts, work=work, actor=work.actor).raise_first()
