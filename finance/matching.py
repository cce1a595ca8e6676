"""When a line of a bill and an entry of ours are the same money, and what to call it when they are not.

Plain rules over plain values. Amounts are signed by what they do to the account: a payment brings, a refund takes; a
fee is negative where the provider takes it and positive where it gives it back. So amount + fee is what moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from finance.states import EntryKind, LineState
from ordercenter.common.money import ZERO

# Providers cut their bills at midnight in Shanghai, wherever a shop sells.
BILL_ZONE = ZoneInfo("Asia/Shanghai")


class Sums(NamedTuple):
    """What a line or an entry does to the account."""

    amount: Decimal
    fee: Decimal


class LineKey(NamedTuple):
    """What a line of a bill and an entry of ours must have in common to be compared at all."""

    kind: str
    external_no: str
    request_no: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A line that is not the same money as an entry, or an entry that is on no bill (theirs is None)."""

    line_id: int
    key: LineKey
    merchant_no: str
    verdict: str
    theirs: Sums | None
    ours: Sums | None
    order_id: int | None
    shop_id: int | None

    @property
    def money_at_risk(self) -> Decimal:
        """The largest sum that may be lost if nobody looks: the part that differs, or all of it."""
        theirs, ours = self.theirs, self.ours
        if theirs is None or ours is None or self.verdict == LineState.DUPLICATE:
            one = theirs or ours
            return abs(one.amount) if one else ZERO
        if self.verdict == LineState.FEE_DIFFERS:
            return abs(theirs.fee - ours.fee)
        return abs(theirs.amount - ours.amount)

    def evidence(self) -> dict[str, Any]:
        """What a person needs to decide, as plain values."""
        return {
            "verdict": str(self.verdict),
            "kind": self.key.kind,
            "external_no": self.key.external_no,
            "request_no": self.key.request_no,
            "merchant_no": self.merchant_no,
            "order_id": self.order_id,
            "theirs": _plain(self.theirs),
            "ours": _plain(self.ours),
        }


def ours_as_sums(kind: str, amount: Decimal, expected_fee: Decimal) -> Sums:
    """An entry of ours (both values positive, whatever its kind) the way a bill tells it."""
    return Sums(amount, -expected_fee) if kind == EntryKind.PAYMENT else Sums(-amount, expected_fee)


def verdict_of(theirs: Sums, ours: Sums | None, *, taken: bool = False) -> LineState:
    """The verdict on a line. ours: the entry with the same key, if any; taken: another line has matched that entry."""
    if ours is None:
        return LineState.NOT_IN_BOOKS
    if taken:
        return LineState.DUPLICATE
    if theirs.amount != ours.amount:
        return LineState.AMOUNT_DIFFERS
    return LineState.MATCHED if theirs.fee == ours.fee else LineState.FEE_DIFFERS


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """A business day as a half-open interval of instants: midnight to midnight in Shanghai."""
    start = datetime.combine(day, time.min, BILL_ZONE)
    return start, datetime.combine(day + timedelta(days=1), time.min, BILL_ZONE)


def business_day_of(at: datetime) -> date:
    """The day whose bill an instant belongs to."""
    return at.astimezone(BILL_ZONE).date()


def _plain(sums: Sums | None) -> dict[str, str] | None:
    return None if sums is None else {"amount": str(sums.amount), "fee": str(sums.fee)}
