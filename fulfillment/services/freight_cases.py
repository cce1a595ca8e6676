"""The differences of a courier's bill as cases: one for each bill and kind, for as long as there is any of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, F, Sum, Value
from django.db.models.functions import Abs, Coalesce
from django.utils.translation import gettext as _

from fulfillment.models import FreightBill, FreightLine
from fulfillment.states import FREIGHT_DIFFERENCES, FreightVerdict
from ordercenter.audit.work import Work
from ordercenter.cases.services import CaseDraft, close_cases_of, open_cases
from ordercenter.common.money import ZERO

CODES: Mapping[str, str] = {
    FreightVerdict.WEIGHT_DIFFERS: "FREIGHT_WEIGHT",
    FreightVerdict.PRICE_DIFFERS: "FREIGHT_PRICE",
    FreightVerdict.UNKNOWN_PARCEL: "FREIGHT_UNKNOWN",
    FreightVerdict.BILLED_TWICE: "FREIGHT_TWICE",
    FreightVerdict.VOID_BILLED: "FREIGHT_VOID",
    FreightVerdict.NO_CONTRACT: "FREIGHT_NO_CONTRACT",
    FreightVerdict.NOT_BILLED: "FREIGHT_NOT_BILLED",
}


@dataclass(frozen=True, slots=True)
class KindTotals:
    """Lines of one verdict. billed, expected: sums; net: their difference; off: the same, never set off by signs."""

    lines: int
    billed: Decimal
    expected: Decimal
    off: Decimal

    @property
    def net(self) -> Decimal:
        return self.billed - self.expected


def totals_of(bill_id: int) -> dict[str, KindTotals]:
    """Every verdict that occurs on a bill. One statement."""
    nothing = Value(ZERO)
    difference = F("amount") - Coalesce("expected_amount", nothing)
    rows = (
        FreightLine.objects.filter(bill=bill_id)
        .order_by()
        .values_list("verdict")
        .annotate(
            n=Count("pk"),
            billed=Sum("amount"),
            expected=Coalesce(Sum("expected_amount"), nothing),
            off=Sum(Abs(difference)),
        )
    )
    return {verdict: KindTotals(n, billed, expected, off) for verdict, n, billed, expected, off in rows}


def settle_cases(*, bill: FreightBill, work: Work) -> dict[str, KindTotals]:
    """Open a case for each kind of difference that the bill has, close those of which nothing is left.

    Returns the totals by verdict.
    """
    totals = close_vanished(bill_id=bill.pk, resolution=_("The differences are gone."), work=work)
    drafts = [_draft(bill, verdict, totals[verdict]) for verdict in FREIGHT_DIFFERENCES if verdict in totals]
    open_cases(drafts=drafts, work=work)
    return totals


def close_vanished(*, bill_id: int, resolution: str, work: Work) -> dict[str, KindTotals]:
    """Close the cases of kinds of differences of which the bill has none any more. Returns the totals by verdict."""
    totals = totals_of(bill_id)
    gone = {CODES[verdict] for verdict in FREIGHT_DIFFERENCES if verdict not in totals}
    close_cases_of(subjects=[subject_of(bill_id)], codes=gone, resolution=resolution[:200], work=work)
    return totals


def close_all_cases(*, bill_id: int, resolution: str, work: Work) -> None:
    """The bill does not count any more."""
    close_cases_of(subjects=[subject_of(bill_id)], codes=set(CODES.values()), resolution=resolution[:200], work=work)


def subject_of(bill_id: int) -> str:
    """What cases about this bill call it."""
    return f"freight_bill:{bill_id}"


def _draft(bill: FreightBill, verdict: str, totals: KindTotals) -> CaseDraft:
    return CaseDraft(
        code=CODES[verdict],
        subject=subject_of(bill.pk),
        warehouse_id=bill.warehouse_id,
        reference=str(bill),
        money_at_risk=totals.off,
        evidence={
            "freight_bill_id": bill.pk,
            "courier": str(bill.carrier),
            "period": f"{bill.starts_on} – {bill.ends_on}",
            "parcels": totals.lines,
            "billed": str(totals.billed),
            "by_contract": str(totals.expected),
        },
    )
