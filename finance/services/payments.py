"""Payment entries: what was captured and what went back, appended once and never edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from finance.errors import EntryConflict, EntryInvalid
from finance.models import PaymentEntry
from finance.states import EntryKind
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.common.actor import Actor
from ordercenter.common.batch import BatchResult
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.money import ZERO, to_cents
from ordercenter.common.rows import new_row, rows_where
from ordercenter.events.types import PaymentCaptured, PaymentRefunded

# Under one transaction number with its deposit, the balance of a pre-sale is told apart by this.
BALANCE = "balance"
# What the amount columns of the books can hold.
LIMIT = Decimal(10) ** 12


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """One captured payment or one refund, as a channel or a payment provider tells it.

    amount: yuan (or the currency's unit), positive for both kinds. fee_bp: the provider's contract fee in basis points
    (`Shop.payment_fee_bp`). external_no: the provider's transaction number; a refund carries that of its payment and
    its own request_no; a payment has none, but for the balance of a pre-sale that came under the number of its deposit
    (BALANCE). merchant_no: our side's number at the provider. occurred_at: aware, the provider's clock.
    """

    order_id: int
    shop_id: int
    fee_bp: int
    provider: str
    external_no: str
    merchant_no: str
    amount: Decimal
    currency: str
    occurred_at: datetime
    kind: str = EntryKind.PAYMENT
    request_no: str = ""


class EntryKey(NamedTuple):
    """What makes an entry one: the same as the unique constraint."""

    provider: str
    external_no: str
    kind: str
    request_no: str


class Booked(NamedTuple):
    """What the books already say about a key."""

    order_id: int
    amount: Decimal


def record_payments(
    *, payments: Sequence[PaymentFact], work: Work | None = None, at: datetime | None = None, actor: Actor
) -> BatchResult:
    """Append an entry for each payment or refund that the books do not hold yet.

    Two statements for any number of facts: one read, one COPY at the end of the work. The result's done are the
    EntryKeys, also of those that were recorded before with the same order and amount (a repeat counts as done and
    changes nothing); refused one by one with EntryConflict (another amount or order under the same number) or
    EntryInvalid. Emits PaymentCaptured or PaymentRefunded for each new entry. The order's own totals
    (`paid_amount`, `refunded_amount`) belong to the services of orders, which also refuse a refund beyond the payment.
    """
    with unit_of_work(work, at=at, actor=actor) as work:
        booked: dict[EntryKey, Booked] = work.shared.setdefault("finance.booked_entries", {})
        _read_booked(booked, payments)
        result = BatchResult()
        entries: list[PaymentEntry] = []
        for fact in payments:
            key = EntryKey(fact.provider, fact.external_no, str(fact.kind), fact.request_no)
            error = _why_not(fact, key, booked.get(key))
            if error is not None:
                result.refuse(key, error)
                continue
            result.done.append(key)
            if key not in booked:
                booked[key] = Booked(fact.order_id, fact.amount)
                entries.append(_entry(fact, work.at))
                work.record(_event(fact))
        work.add(entries)
    return result


def record_refunds(
    *, refunds: Sequence[PaymentFact], work: Work | None = None, at: datetime | None = None, actor: Actor
) -> BatchResult:
    """The same for refunds: each fact of kind refund, with the refund's own request_no and a positive amount."""
    return record_payments(payments=refunds, work=work, at=at, actor=actor)


def expected_fee(amount: Decimal, fee_bp: int) -> Decimal:
    """What the provider charges by contract for this amount, half up to the fen; given back on a refund."""
    return to_cents(amount * fee_bp / 10000)


def _read_booked(booked: dict[EntryKey, Booked], payments: Sequence[PaymentFact]) -> None:
    """Add what the database holds under these transaction numbers; rows new in this work are in `booked` already."""
    numbers = sorted({fact.external_no for fact in payments})
    if not numbers:
        return
    providers = {fact.provider for fact in payments}
    for entry in rows_where(PaymentEntry, {"provider": providers, "external_no": numbers}):
        key = EntryKey(entry.provider, entry.external_no, entry.kind, entry.request_no)
        booked.setdefault(key, Booked(entry.order_id, entry.amount))


def _why_not(fact: PaymentFact, key: EntryKey, known: Booked | None) -> OrderCenterError | None:
    why = ""
    if not fact.external_no:
        why = "without a transaction number"
    elif not fact.amount.is_finite() or not ZERO < fact.amount < LIMIT or fact.amount != to_cents(fact.amount):
        why = f"amount {fact.amount}"
    elif fact.kind == EntryKind.PAYMENT and fact.request_no not in ("", BALANCE):
        why = "a payment has no request number"
    elif fact.kind == EntryKind.REFUND and not fact.request_no:
        why = "a refund needs its request number"
    if why:
        return EntryInvalid(order_id=fact.order_id, external_no=fact.external_no, why=why)
    if known is not None and known != (fact.order_id, fact.amount):
        return EntryConflict(
            external_no=key.external_no,
            kind=key.kind,
            request_no=key.request_no,
            order_id=fact.order_id,
            amount=fact.amount,
            booked_order_id=known.order_id,
            booked_amount=known.amount,
        )
    return None


def _entry(fact: PaymentFact, at: datetime) -> PaymentEntry:
    return new_row(
        PaymentEntry,
        order_id=fact.order_id,
        shop_id=fact.shop_id,
        kind=fact.kind,
        provider=fact.provider,
        external_no=fact.external_no,
        request_no=fact.request_no,
        merchant_no=fact.merchant_no,
        amount=fact.amount,
        expected_fee=expected_fee(fact.amount, fact.fee_bp),
        currency=fact.currency,
        occurred_at=fact.occurred_at,
        recorded_at=at,
    )


def _event(fact: PaymentFact) -> PaymentCaptured | PaymentRefunded:
    event = PaymentRefunded if fact.kind == EntryKind.REFUND else PaymentCaptured
    return event(order_id=fact.order_id, external_no=fact.external_no, amount=fact.amount, occurred_at=fact.occurred_at)
