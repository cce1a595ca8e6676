"""Holding the lines of a courier's bill against parcels and contracts, some thousand at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Any, Literal

from django.db import connection

from fulfillment.contracts.bill_sheets import BilledParcel
from fulfillment.contracts.billing import Judged, expected_price, judge, judge_return, no_price
from fulfillment.models import FreightBill
from fulfillment.services.freight_facts import (
    BUSINESS_ZONE,
    Agreement,
    Agreements,
    ParcelFacts,
    billed_elsewhere,
    parcels_by_number,
    parcels_on_no_bill,
    rows_of_numbers,
    waybills_by_number,
)
from fulfillment.states import FreightVerdict
from ordercenter.common.bulk import copy_lines, copy_text
from ordercenter.common.money import ZERO

CHUNK = 5000
TABLE = "fulfillment_freightline"
COLUMNS = (
    "bill_id",
    "line_no",
    "tracking_no",
    "product_code",
    "billed_on",
    "destination",
    "billed_g",
    "amount",
    "parts",
    "verdict",
    "parcel_id",
    "contract_id",
    "our_g",
    "expected_amount",
    "term",
    "detail",
)


@dataclass
class Checked:
    """One line with what was found out about it."""

    billed: BilledParcel
    judged: Judged
    parcel_id: int | None = None
    contract_id: int | None = None
    our_g: int | None = None


def unjudged(billed: BilledParcel) -> Checked:
    """A line as the file has it."""
    return Checked(billed, Judged(FreightVerdict.PENDING))


@dataclass
class Checker:
    """Judges lines of one bill that are in its table, some thousand at a time. Four statements each time."""

    bill: FreightBill
    agreements: Agreements = field(init=False)

    def __post_init__(self) -> None:
        self.agreements = Agreements(self.bill.carrier_id)

    def check(self, chunk: Sequence[BilledParcel]) -> list[Checked]:
        """What is found out about each of these lines, in their order."""
        numbers = sorted({parcel.tracking_no for parcel in chunk})
        carrier_id = self.bill.carrier_id
        known = parcels_by_number(carrier_id=carrier_id, numbers=numbers, agreements=self.agreements)
        waybills = waybills_by_number(carrier_id=carrier_id, numbers=[n for n in numbers if n not in known])
        elsewhere = billed_elsewhere(carrier_id=carrier_id, bill_id=self.bill.pk, numbers=numbers)
        places = rows_of_numbers(bill_id=self.bill.pk, numbers=numbers)
        found = []
        for billed in chunk:
            number = billed.tracking_no
            facts = known.get(number)
            leg, before = _leg(billed, facts, places, elsewhere)
            if leg == "again":
                judged = Judged(FreightVerdict.BILLED_TWICE, ZERO, "", before)
            elif facts is None and number in waybills:
                judged = Judged(FreightVerdict.VOID_BILLED, ZERO, "", {"waybill_state": str(waybills[number])})
            elif facts is None:
                judged = Judged(FreightVerdict.UNKNOWN_PARCEL, ZERO)
            else:
                found.append(self._held_against_contract(billed, facts, is_return=leg == "back"))
                continue
            parcel_id, our_g = (facts.parcel_id, facts.ours.weight_g) if facts is not None else (None, None)
            found.append(Checked(billed, judged, parcel_id, None, our_g))
        return found

    def _held_against_contract(self, billed: BilledParcel, facts: ParcelFacts, *, is_return: bool) -> Checked:
        agreement = self.agreements.of(facts, billed.product, self.bill.product_id)
        if not isinstance(agreement, Agreement):
            judged, contract_id = no_price(agreement, on=facts.ours.on.isoformat()), None
        elif is_return:
            judged = judge_return(billed, facts.ours, agreement.terms, agreement.slack, agreement.return_percent)
            contract_id = agreement.terms.contract_id
        else:
            judged = judge(billed, facts.ours, agreement.terms, agreement.slack)
            contract_id = agreement.terms.contract_id
        return Checked(billed, judged, facts.parcel_id, contract_id, facts.ours.weight_g or None)

    def missing(self) -> list[Checked]:
        """A line for each parcel of the bill's time that is on no bill of the courier, once all lines are judged."""
        begins, ends = bounds_of(self.bill)
        found = []
        for number, facts in parcels_on_no_bill(
            carrier_id=self.bill.carrier_id,
            begins=begins,
            ends=ends,
            warehouse_id=self.bill.warehouse_id,
            agreements=self.agreements,
        ):
            agreement = self.agreements.of(facts, "", self.bill.product_id)
            billed = BilledParcel(row=0, tracking_no=number, amount=ZERO, billed_on=facts.ours.on)
            if isinstance(agreement, Agreement):
                judged, contract_id = expected_price(facts.ours, agreement.terms), agreement.terms.contract_id
            else:
                judged, contract_id = Judged(FreightVerdict.NOT_BILLED, None, "", {"why": agreement}), None
            found.append(Checked(billed, judged, facts.parcel_id, contract_id, facts.ours.weight_g or None))
        return found


def _leg(
    billed: BilledParcel,
    facts: ParcelFacts | None,
    places: Mapping[str, tuple[list[int], list[int]]],
    elsewhere: Mapping[str, tuple[int, int]],
) -> tuple[Literal["out", "back", "again"], dict[str, int]]:
    """Which way of its parcel a line is about, and for a repeat where the number stood before.

    A parcel that came back has two ways: the second line of its number, by the days on the bills, is the way back.
    Every other repeat is one too many.
    """
    number = billed.tracking_no
    rows, by_day = places.get(number, ([billed.row], [billed.row]))
    other_bill, times = elsewhere.get(number, (0, 0))
    came_back = facts is not None and facts.came_back
    turns = by_day if came_back else rows
    place = turns.index(billed.row)
    if times + place == 0:
        return "out", {}
    if times + place == 1 and came_back:
        return "back", {}
    return "again", {"first_row": turns[0]} if place else {"other_bill": other_bill}


def bounds_of(bill: FreightBill) -> tuple[datetime, datetime]:
    """The instants at which a bill's time begins and ends, by the days of Shanghai."""
    begins, ends = (datetime.combine(day, time(), BUSINESS_ZONE) for day in (bill.starts_on, bill.ends_on))
    return begins.astimezone(UTC), ends.astimezone(UTC)


def write_lines(bill_id: int, lines: Iterable[Checked]) -> None:
    """One COPY."""
    copy_lines(TABLE, COLUMNS, (_copied(bill_id, line) for line in lines))


def _copied(bill_id: int, line: Checked) -> str:
    billed, judged = line.billed, line.judged
    values: tuple[Any, ...] = (
        bill_id,
        billed.row,
        billed.tracking_no,
        billed.product,
        billed.billed_on,
        billed.destination,
        billed.weight_g,
        billed.amount,
        _json({name: str(amount) for name, amount in billed.parts.items()}),
        judged.verdict.value,
        line.parcel_id,
        line.contract_id,
        line.our_g,
        judged.expected,
        judged.term,
        _json(judged.detail),
    )
    return "\t".join(map(copy_text, values))


def rewrite_verdicts(lines: Sequence[tuple[int, Checked]]) -> None:
    """(line id, what was found out now). One UPDATE, none for no lines."""
    if not lines:
        return
    columns = zip(
        *(
            (
                pk,
                line.judged.verdict.value,
                line.parcel_id,
                line.contract_id,
                line.our_g,
                line.judged.expected,
                line.judged.term,
                _json(line.judged.detail),
            )
            for pk, line in lines
        ),
        strict=True,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE fulfillment_freightline l SET verdict = v.verdict, parcel_id = v.parcel, contract_id = v.contract,"
            " our_g = v.our_g, expected_amount = v.expected, term = v.term, detail = v.detail::jsonb"
            " FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::int[], %s::numeric[], %s::text[],"
            " %s::text[]) AS v(id, verdict, parcel, contract, our_g, expected, term, detail) WHERE l.id = v.id",
            [list(column) for column in columns],
        )


def _json(value: Any) -> str:
    return json.dumps(dict(value), ensure_ascii=False, separators=(",", ":")) if value else "{}"
