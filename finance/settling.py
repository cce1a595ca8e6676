"""What a platform paid out for an order, held against our books: the pure rules, without a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from finance.states import SettlementKind, SettlementVerdict
from ordercenter.common.money import ZERO

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class SettledRow:
    """One movement as a platform told it, in neutral words; amounts in the shop's currency, by what they do to its
    account: negative goes out.

    entry_no: the same for the movement for ever, one in its shop. paid: what buyers paid of it. fees: by the platform's
    names. raw: the row as it came.
    """

    entry_no: str
    kind: SettlementKind
    channel_order_no: str
    channel_line_no: str
    settled_at: datetime
    paid: Decimal
    subsidies: Decimal
    fees: Mapping[str, Decimal]
    net: Decimal
    raw: Mapping[str, object] = field(repr=False, default_factory=dict)

    @property
    def fee_total(self) -> Decimal:
        return sum(self.fees.values(), ZERO)

    @property
    def sums_hold(self) -> bool:
        return self.paid + self.subsidies + self.fee_total == self.net


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed: see the model SettlementTerms. permille: by the name of a fee, of what buyers paid."""

    within: timedelta = timedelta(days=15)
    grace: timedelta = timedelta(days=3)
    permille: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """An order as the platform's movements and our books have it.

    expected: paid less refunded of our books; None: we do not have the order. moved_at: when it last changed at the
    channel. settled_at: of the last movement; None: there is none.
    """

    paid: Decimal
    fees: Mapping[str, Decimal]
    adds_up: bool
    told_anew: bool
    expected: Decimal | None
    moved_at: datetime | None
    settled_at: datetime | None


def verdict_of(standing: Standing, terms: Terms, *, at: datetime) -> SettlementVerdict:
    """How the order stands now. A difference in amount waits for its time: less than expected until all lines must
    have been settled, more until a refund has reached both books.
    """
    if standing.expected is None or standing.moved_at is None:
        return SettlementVerdict.NOT_IN_BOOKS
    if standing.told_anew:
        return SettlementVerdict.TOLD_ANEW
    if not standing.adds_up:
        return SettlementVerdict.SUMS_DIFFER
    last = max(standing.moved_at, standing.settled_at or standing.moved_at)
    if standing.paid == standing.expected:
        over = fees_over(standing, terms)
        return SettlementVerdict.FEE_DIFFERS if over else SettlementVerdict.MATCHED
    patience = terms.grace if standing.paid > standing.expected else max(terms.within, terms.grace)
    if at < last + patience:
        return SettlementVerdict.WAITING
    return SettlementVerdict.NOT_SETTLED if standing.settled_at is None else SettlementVerdict.AMOUNT_DIFFERS


def fees_over(standing: Standing, terms: Terms) -> dict[str, Decimal]:
    """By name, how much more of a fee was taken than agreed; a fen of rounding is nothing. Fees without an agreement
    are not judged.
    """
    over = {}
    for code, permille in terms.permille.items():
        taken = -standing.fees.get(code, ZERO)
        agreed = (standing.paid * permille / 1000).quantize(CENT)
        if taken > agreed + CENT:
            over[code] = taken - agreed
    return over


def money_at_risk(standing: Standing, terms: Terms, verdict: SettlementVerdict) -> Decimal:
    """What a difference is about, as a positive amount."""
    if verdict == SettlementVerdict.FEE_DIFFERS:
        return sum(fees_over(standing, terms).values(), ZERO)
    return abs((standing.expected or ZERO) - standing.paid)
