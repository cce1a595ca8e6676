"""Bills of couriers for their pages: how they stand, sums by kind of difference, lines of a kind."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import Coalesce

from fulfillment.freight_words import TERMS, price_terms, sentence_of
from fulfillment.models import Carrier, CourierProduct, FreightBill, FreightLine, FreightUpload
from fulfillment.services.freight_cases import totals_of
from fulfillment.states import FREIGHT_DIFFERENCES, FreightVerdict
from ordercenter.common.money import ZERO
from ordercenter.common.scope import Scope

PAGE_ROWS = 100
_DIFFERENCES = [str(verdict) for verdict in FREIGHT_DIFFERENCES]


@dataclass(frozen=True)
class OpenLines:
    """Lines of a bill that nobody has decided, and what they ask for beyond the contract."""

    lines: int = 0
    net: Decimal = ZERO


@dataclass(frozen=True)
class KindRow:
    """One kind of difference of a bill, in words, with its sums."""

    verdict: str
    label: str
    lines: int
    billed: Decimal
    expected: Decimal
    net: Decimal

    @property
    def is_open(self) -> bool:
        """Whether such lines keep the bill from being closed."""
        return self.verdict in _DIFFERENCES


@dataclass(frozen=True)
class LineRow:
    """A line with what is said about it."""

    line: FreightLine
    sentence: str
    term: str
    terms: list[tuple[str, Decimal]]


def uploads_in_scope(scope: Scope) -> QuerySet[FreightUpload]:
    """Files that wait to be taken in."""
    uploads = FreightUpload.objects.defer("content").select_related("carrier", "created_by").order_by("-pk")
    uploads = uploads.filter(bill=None)
    return uploads if scope.is_everything else uploads.none()


def open_lines_of(bill_ids: Collection[int]) -> dict[int, OpenLines]:
    """bill id -> what is open on it. One statement."""
    rows = (
        FreightLine.objects.filter(bill_id__in=bill_ids, verdict__in=_DIFFERENCES)
        .order_by()
        .values_list("bill_id")
        .annotate(n=Count("pk"), net=Sum(F("amount") - Coalesce("expected_amount", ZERO)))
    )
    return {bill_id: OpenLines(n, net) for bill_id, n, net in rows}


def kinds_of(bill: FreightBill) -> list[KindRow]:
    """Every verdict that occurs, differences first. One statement."""
    totals = totals_of(bill.pk)
    order = [
        *_DIFFERENCES,
        *(str(v) for v in (FreightVerdict.PENDING, FreightVerdict.SIGNED_OFF, FreightVerdict.MATCHED)),
    ]
    labels = {str(v.value): str(v.label) for v in FreightVerdict}
    return [
        KindRow(v, labels[v], totals[v].lines, totals[v].billed, totals[v].expected, totals[v].net)
        for v in order
        if v in totals
    ]


def lines_of(bill: FreightBill, verdict: str, number: str, after: int) -> tuple[list[LineRow], bool]:
    """One page of lines with a verdict ("open": all differences), after a line's id, and whether there are more.

    number: only lines of this tracking number, whatever their verdict.
    """
    lines = bill.lines.filter(pk__gt=after).order_by("pk")
    if number:
        lines = lines.filter(tracking_no=number.upper())
    elif verdict == "open":
        lines = lines.filter(verdict__in=_DIFFERENCES)
    elif verdict:
        lines = lines.filter(verdict=verdict)
    found = list(lines[: PAGE_ROWS + 1])
    rows = [
        LineRow(line, sentence_of(line), str(TERMS.get(line.term, line.term)), price_terms(line))
        for line in found[:PAGE_ROWS]
    ]
    return rows, len(found) > PAGE_ROWS


def couriers() -> list[Carrier]:
    """Couriers that may send bills."""
    return list(Carrier.objects.filter(is_active=True).order_by("name", "pk"))


def products_of(carrier_id: int) -> list[CourierProduct]:
    """The products of one courier."""
    return list(CourierProduct.objects.filter(carrier=carrier_id, is_active=True).order_by("code"))
