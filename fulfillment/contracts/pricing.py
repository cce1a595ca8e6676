"""What a parcel costs under a contract, term by term, in exact Decimal yuan.

This is the arithmetic that everything else is held against: the arrays of the router (`routing.tariff`), and the SQL
that checks a courier's bill.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import Literal

from ordercenter.common.money import CENT, ZERO

Term = Literal["tier", "first", "steps", "minimum", "remote", "oversize", "insurance", "peak"]
NotTaken = Literal["no_rate", "not_served", "too_heavy"]
ZONE_LENGTHS = (6, 4, 2, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """The price of one zone. tiers: (up to gram, yuan) ascending; heavier: first weight, then begun steps."""

    zone: str
    tiers: tuple[tuple[int, Decimal], ...] = ()
    first_g: int
    first_fee: Decimal
    step_g: int
    step_fee: Decimal
    remote_fee: Decimal = ZERO
    days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """One contract. peaks: (first day, day after the last, yuan a parcel). lanes: by zone, "" everywhere else."""

    contract_id: int
    warehouse_id: int
    product_id: int
    carrier_id: int
    divisor: int = 0
    rounding_g: int = 0
    minimum_fee: Decimal = ZERO
    oversize_g: int = 0
    oversize_fee: Decimal = ZERO
    max_g: int = 0
    insurance_permille: Decimal = ZERO
    peaks: tuple[tuple[date, date, Decimal], ...] = ()
    lanes: Mapping[str, Lane] = field(default_factory=dict)

    def lane_of(self, division_code: str) -> Lane | None:
        """The lane of the longest zone that the code begins with; None where the contract has no price."""
        for length in ZONE_LENGTHS:
            lane = self.lanes.get(division_code[:length])
            if lane is not None:
                return lane
        return None


@dataclass(frozen=True, slots=True)
class Price:
    """What a parcel costs. terms: what it is made of, in order, and their sum is total; charged_g: after volume and
    rounding. not_taken: why there is no price, with total zero.
    """

    total: Decimal
    terms: tuple[tuple[Term, Decimal], ...] = ()
    charged_g: int = 0
    zone: str = ""
    not_taken: NotTaken | None = None


def price_parcel(
    terms: Terms,
    *,
    division_code: str,
    weight_g: int,
    on: date,
    volume_cm3: int = 0,
    value: Decimal = ZERO,
) -> Price:
    """The price of a parcel that leaves on a day for a division. weight_g, volume_cm3, value: not below zero.

    Charged is the larger of weight and volume, rounded up. The minimum counts before surcharges; the insurance is
    rounded up to the fen.
    """
    charged = charged_weight_g(terms, weight_g, volume_cm3)
    lane = terms.lane_of(division_code)
    if lane is None:
        return Price(ZERO, charged_g=charged, not_taken="no_rate")
    if terms.max_g and charged > terms.max_g:
        return Price(ZERO, charged_g=charged, zone=lane.zone, not_taken="too_heavy")
    parts = _base(lane, charged)
    base = sum((amount for _term, amount in parts), ZERO)
    if base < terms.minimum_fee:
        parts.append(("minimum", terms.minimum_fee - base))
    parts.append(("remote", lane.remote_fee))
    if terms.oversize_g and charged > terms.oversize_g:
        parts.append(("oversize", terms.oversize_fee))
    parts.append(("insurance", (value * terms.insurance_permille / 1000).quantize(CENT, ROUND_CEILING)))
    parts.append(("peak", peak_fee(terms.peaks, on)))
    kept = tuple((term, amount) for term, amount in parts if amount)
    return Price(sum((amount for _term, amount in kept), ZERO), kept, charged, lane.zone)


def charged_weight_g(terms: Terms, weight_g: int, volume_cm3: int = 0) -> int:
    """The larger of weight and volume, rounded up as the contract says. Nothing weighs less than a gram."""
    by_volume = -(-volume_cm3 * 1000 // terms.divisor) if terms.divisor else 0
    charged = max(weight_g, by_volume, 1)
    return -(-charged // terms.rounding_g) * terms.rounding_g if terms.rounding_g else charged


def _base(lane: Lane, charged_g: int) -> list[tuple[Term, Decimal]]:
    for up_to_g, fee in lane.tiers:
        if charged_g <= up_to_g:
            return [("tier", fee)]
    steps = max(-((lane.first_g - charged_g) // lane.step_g), 0)
    return [("first", lane.first_fee), ("steps", lane.step_fee * steps)]


def peak_fee(peaks: Sequence[tuple[date, date, Decimal]], on: date) -> Decimal:
    """What the peak of this day adds."""
    return sum((fee for starts_on, ends_on, fee in peaks if starts_on <= on < ends_on), ZERO)
