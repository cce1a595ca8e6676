"""What one line of a courier's bill is worth by contract, and what a difference is about. Plain data in and out.

The weight that counts is ours, measured at packing or confirmed by the warehouse. A billed weight that is near enough
to it (`Slack`) may be the one that is priced, because no two scales agree. A price that the weight does not explain is
held against each term of the contract, so that a person is told which one it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from fulfillment.contracts.bill_sheets import BilledParcel, billed_code
from fulfillment.contracts.pricing import Lane, Price, Terms, price_parcel
from fulfillment.states import FreightVerdict
from ordercenter.common.money import ZERO, to_cents

# What a difference is about. zone: priced for another place; return: the way back;
# other: no term of the contract explains it.
Cause = Literal[
    "",
    "weight",
    "zone",
    "steps",
    "tier",
    "freight",
    "remote",
    "oversize",
    "insurance",
    "peak",
    "minimum",
    "packing",
    "return",
    "other",
]
# How we know what a parcel weighs. planned: only from the master data of its goods.
WeightSource = Literal["measured", "planned", "none"]
_BASE = ("tier", "first", "steps", "minimum")
_MOST_STEPS = 50


@dataclass(frozen=True, slots=True)
class Slack:
    """How far a bill may be off: the weight by the larger of grams and per cent, the amount by yuan."""

    weight_g: int = 0
    weight_percent: int = 0
    amount: Decimal = ZERO

    def same_weight(self, billed_g: int, our_g: int) -> bool:
        return abs(billed_g - our_g) * 100 <= max(self.weight_g * 100, our_g * self.weight_percent)


@dataclass(frozen=True, slots=True)
class OurParcel:
    """What we know of a parcel on the day it left. code: its division; weight_g: 0 where nobody knows."""

    on: date
    code: str
    weight_g: int
    source: WeightSource = "measured"
    volume_cm3: int = 0
    value: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a line. expected: by contract; None where there is no price. detail: plain values for words."""

    verdict: FreightVerdict
    expected: Decimal | None = None
    term: Cause = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


def no_price(why: str, **detail: Any) -> Judged:
    """Nothing to hold the line against. why: no_contract, several_products, no_place, no_weight, or as in `Price`."""
    return Judged(FreightVerdict.NO_CONTRACT, None, "", {"why": why, **detail})


def judge(billed: BilledParcel, ours: OurParcel, terms: Terms, slack: Slack) -> Judged:
    """Hold a billed parcel against the contract that held on the day it left."""
    if not ours.code:
        return no_price("no_place")
    weight_g = ours.weight_g or billed.weight_g or 0
    if not weight_g:
        return no_price("no_weight")
    mine = _price(terms, ours, weight_g)
    if mine.not_taken is not None:
        return no_price(mine.not_taken, charged_g=mine.charged_g)
    if abs(billed.amount - mine.total) <= slack.amount:
        return Judged(FreightVerdict.MATCHED, mine.total)
    theirs, agreed = _claims(billed, ours, mine, terms, slack)
    fitting = next((price for price in theirs if abs(billed.amount - price.total) <= slack.amount), None)
    if fitting is not None and agreed:
        return Judged(FreightVerdict.MATCHED, fitting.total)
    detail = _detail(ours, mine)
    if fitting is not None:
        detail["billed_charged_g"] = fitting.charged_g
        return Judged(FreightVerdict.WEIGHT_DIFFERS, mine.total, "weight", detail)
    base = mine if agreed or not theirs else theirs[-1]
    if base.total != mine.total:
        detail["weight_part"] = str(base.total - mine.total)
    term, more = _cause(billed, ours, base, terms)
    return Judged(FreightVerdict.PRICE_DIFFERS, mine.total, term, {**detail, **more})


def judge_return(billed: BilledParcel, ours: OurParcel, terms: Terms, slack: Slack, percent: int | None) -> Judged:
    """Hold the way back of a parcel against the contract: it costs so many per cent of the way there.

    percent: None where the contract has no price for it.
    """
    if percent is None:
        return no_price("no_return_price")
    if not ours.code:
        return no_price("no_place")
    weight_g = ours.weight_g or billed.weight_g or 0
    if not weight_g:
        return no_price("no_weight")
    mine = _price(terms, ours, weight_g)
    if mine.not_taken is not None:
        return no_price(mine.not_taken, charged_g=mine.charged_g)
    due = to_cents(mine.total * percent / 100)
    detail = {**_detail(ours, mine), "return_percent": percent}
    if abs(billed.amount - due) <= slack.amount:
        return Judged(FreightVerdict.MATCHED, due, "", {"return_percent": percent})
    theirs, agreed = _claims(billed, ours, mine, terms, slack)
    for price in theirs:
        claimed = to_cents(price.total * percent / 100)
        if abs(billed.amount - claimed) <= slack.amount:
            if agreed:
                return Judged(FreightVerdict.MATCHED, claimed, "", {"return_percent": percent})
            return Judged(FreightVerdict.WEIGHT_DIFFERS, due, "weight", {**detail, "billed_charged_g": price.charged_g})
    return Judged(FreightVerdict.PRICE_DIFFERS, due, "return", detail)


def expected_price(ours: OurParcel, terms: Terms) -> Judged:
    """A parcel of ours that the bill lacks, with what it should have cost."""
    if not ours.code or not ours.weight_g:
        return Judged(FreightVerdict.NOT_BILLED)
    price = _price(terms, ours, ours.weight_g)
    if price.not_taken is not None:
        return Judged(FreightVerdict.NOT_BILLED)
    return Judged(FreightVerdict.NOT_BILLED, price.total, "", _detail(ours, price))


def _price(terms: Terms, ours: OurParcel, weight_g: int, volume_cm3: int | None = None, code: str = "") -> Price:
    volume = ours.volume_cm3 if volume_cm3 is None else volume_cm3
    return price_parcel(
        terms,
        division_code=code or ours.code,
        weight_g=weight_g,
        volume_cm3=volume,
        value=ours.value,
        on=ours.on,
    )


def _claims(billed: BilledParcel, ours: OurParcel, mine: Price, terms: Terms, slack: Slack) -> tuple[list[Price], bool]:
    """The prices of the billed weight, with our volume and as it stands; and whether that weight is ours."""
    if billed.weight_g is None or not ours.weight_g:
        return [], True
    agreed = billed.weight_g == mine.charged_g or slack.same_weight(billed.weight_g, ours.weight_g)
    prices = [_price(terms, ours, billed.weight_g), _price(terms, ours, billed.weight_g, 0)]
    return [price for price in prices if price.not_taken is None], agreed


def _detail(ours: OurParcel, mine: Price) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "charged_g": mine.charged_g,
        "zone": mine.zone,
        "terms": [[term, str(amount)] for term, amount in mine.terms],
    }
    if ours.source != "measured":
        detail["source"] = ours.source
    if ours.volume_cm3 and mine.charged_g > ours.weight_g:
        detail["volume_cm3"] = ours.volume_cm3
    return detail


def _cause(billed: BilledParcel, ours: OurParcel, base: Price, terms: Terms) -> tuple[Cause, dict[str, Any]]:
    """Which term of the price the difference to `base` is about; the first that explains all of it."""
    difference = billed.amount - base.total
    for name, off in _parts_off(billed.parts, base):
        if off == difference and name != "freight":
            return name, {}
    lane = terms.lane_of(ours.code)
    if lane is None:
        return "other", {}
    if zone := _other_zone(billed, ours, lane, base, terms):
        return "zone", {"billed_zone": zone}
    for name, off in _fees(base, lane, terms):
        if off == difference and not billed.parts:
            return name, {}
    if _is_priced_by_steps(base, lane) and difference % lane.step_fee == 0:
        steps = int(difference / lane.step_fee)
        if abs(steps) <= _MOST_STEPS:
            return "steps", {"steps": steps}
    freight = base.total + difference - _surcharges(base)
    if any(fee == freight for _up_to_g, fee in lane.tiers):
        return "tier", {}
    parts = sorted(_parts_off(billed.parts, base), key=lambda part: abs(part[1]))
    return (parts[-1][0], {}) if parts else ("other", {})


def _parts_off(parts: Mapping[str, Decimal], base: Price) -> list[tuple[Cause, Decimal]]:
    """What each part of the bill is off from ours, where the bill tells its parts and the two differ."""
    if not parts:
        return []
    ours: dict[str, Decimal] = {}
    for term, amount in base.terms:
        name = "freight" if term in _BASE else term
        ours[name] = ours.get(name, ZERO) + amount
    known = parts if "freight" in parts else {**parts, "freight": ours.get("freight", ZERO)}
    names: Sequence[Cause] = ("freight", "remote", "oversize", "insurance", "peak", "packing", "other")
    off = [(name, known.get(name, ZERO) - ours.get(name, ZERO)) for name in names]
    return [(name, amount) for name, amount in off if amount]


def _other_zone(billed: BilledParcel, ours: OurParcel, lane: Lane, base: Price, terms: Terms) -> str:
    """The zone of the destination on the bill, when it is another one and its price is what is asked for."""
    code = billed_code(billed.destination)
    other = terms.lane_of(code) if code else None
    # A bill often names the province only: that is no other place than the city in it.
    if other is None or other.zone == lane.zone or ours.code.startswith(code[:2]) and not code[2:].strip("0"):
        return ""
    price = _price(terms, ours, base.charged_g, 0, code)
    return other.zone if price.not_taken is None and price.total == billed.amount else ""


def _fees(base: Price, lane: Lane, terms: Terms) -> Iterator[tuple[Cause, Decimal]]:
    """Fees of the contract that are not on the bill though due, or are on it though not due."""
    due: dict[str, Decimal] = dict(base.terms)
    surcharges: Sequence[tuple[Cause, Decimal]] = (
        ("remote", lane.remote_fee),
        ("oversize", terms.oversize_fee),
        *(("peak", fee) for _from, _until, fee in terms.peaks),
    )
    names: Sequence[Cause] = ("remote", "oversize", "insurance", "peak", "minimum")
    for name in names:
        if name in due:
            yield name, -due[name]
    for name, fee in surcharges:
        if fee:
            yield name, fee


def _is_priced_by_steps(base: Price, lane: Lane) -> bool:
    names = {term for term, _amount in base.terms}
    return bool(lane.step_fee) and not names & {"tier", "minimum"}


def _surcharges(base: Price) -> Decimal:
    return sum((amount for term, amount in base.terms if term not in _BASE), ZERO)
