"""What the contract editor shows: a contract as a matrix of zones and weights, and what one parcel would cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Count, QuerySet

from fulfillment.contracts.areas import Area, areas_for, goes_to
from fulfillment.contracts.pricing import Price, Terms, price_parcel
from fulfillment.models import CourierContract, CourierRate, PeakFee, TransitTime
from fulfillment.services.courier_contracts import tiers_text
from fulfillment.services.courier_prices import ENOUGH_SAMPLES, areas_on, terms_of
from ordercenter.common.divisions import PROVINCE, divisions, place_of
from ordercenter.common.scope import Scope

WEIGHTS_G = (500, 1000, 2000, 3000, 5000, 10000, 20000)


@dataclass(frozen=True)
class MatrixRow:
    """One zone: its price at each of the weights (None: not served), tiers, promise, and what was measured."""

    zone: str
    name: str
    fees: Sequence[Decimal | None]
    tiers: str
    days: int
    measured: TransitTime | None
    rate_id: int | None


@dataclass(frozen=True)
class MatrixGroup:
    """Zones where everything costs and takes the same: those that the table names itself, and those that follow them.

    first: of the zones, the widest; its numbers stand for all.
    """

    first: MatrixRow
    named: Sequence[MatrixRow]
    others: Sequence[MatrixRow]


@dataclass(frozen=True)
class Offer:
    """What one courier would charge for a parcel; price is None where it does not go."""

    contract: CourierContract
    price: Price
    is_closed: bool = False
    is_cheapest: bool = False
    days: int = 0


@dataclass
class ContractView:
    """A contract with its matrix, and when it holds beside the others of its lane."""

    contract: CourierContract
    rows: list[MatrixRow]
    peaks: list[PeakFee]
    lane: list[CourierContract] = field(default_factory=list)

    @property
    def groups(self) -> list[MatrixGroup]:
        """The rows folded: one for each rate, with its places. What was measured somewhere stands by itself."""
        by_rate: dict[Any, list[MatrixRow]] = {}
        for row in self.rows:
            by_rate.setdefault((tuple(row.fees), row.days, row.measured), []).append(row)
        return [
            MatrixGroup(rows[0], [r for r in rows if r.rate_id], [r for r in rows if not r.rate_id])
            for rows in by_rate.values()
        ]


def contracts_in_scope(scope: Scope) -> QuerySet[CourierContract]:
    """The contracts that the reader may see, with what they are called by, and how many rates each has."""
    rows = scope.narrow(CourierContract.objects.all(), warehouse="warehouse_id")
    return rows.select_related("warehouse", "product__carrier").annotate(rate_count=Count("rates"))


def view_of(contract: CourierContract, *, on: date) -> ContractView:
    """The matrix of a contract as it is on a day, surcharges of that day included."""
    [terms] = terms_of([contract])
    own = _own(areas_on(on), terms)
    rates = {rate.zone: rate for rate in CourierRate.objects.filter(contract=contract)}
    measured = {
        row.zone: row
        for row in TransitTime.objects.filter(warehouse_id=terms.warehouse_id, carrier_id=terms.carrier_id)
    }
    provinces = [d.code[:2] for d in divisions().values() if d.level == PROVINCE]
    zones = sorted({*rates, *provinces, *(area.zone for area in own)})
    rows = []
    for zone in zones:
        lane = terms.lane_of(zone)
        is_open = lane is not None and goes_to(own, zone)
        fees = [
            price_parcel(terms, division_code=zone, weight_g=grams, on=on) if is_open else None for grams in WEIGHTS_G
        ]
        rate = rates.get(zone)
        rows.append(
            MatrixRow(
                zone,
                zone_name(zone),
                [price.total if price is not None and price.not_taken is None else None for price in fees],
                tiers_text(rate.tiers) if rate else "",
                lane.days if lane is not None else 0,
                measured.get(zone),
                rate.pk if rate else None,
            )
        )
    lane_rows = CourierContract.objects.filter(warehouse=contract.warehouse_id, product=contract.product_id)
    return ContractView(contract, rows, list(contract.peaks.all()), list(lane_rows.order_by("valid_from")))


def offers_of(
    contracts: Sequence[CourierContract], *, code: str, weight_g: int, volume_cm3: int, value: Decimal, on: date
) -> list[Offer]:
    """What each contract would charge for a parcel, the cheapest first, those that do not go there last."""
    areas = areas_on(on)
    by_id = {contract.pk: contract for contract in contracts}
    offers = []
    for terms in terms_of(contracts):
        price = price_parcel(terms, division_code=code, weight_g=weight_g, volume_cm3=volume_cm3, value=value, on=on)
        offers.append(_offer(by_id[terms.contract_id], terms, price, code, goes=goes_to(_own(areas, terms), code)))
    offers.sort(key=lambda o: (o.is_closed or o.price.not_taken is not None, o.price.total, o.contract.pk))
    cheapest = offers[0] if offers and not offers[0].is_closed and offers[0].price.not_taken is None else None
    return [Offer(o.contract, o.price, o.is_closed, o is cheapest, o.days) for o in offers]


def _own(areas: Sequence[Area], terms: Terms) -> list[Area]:
    return areas_for(
        areas,
        carrier_id=terms.carrier_id,
        product_id=terms.product_id,
        warehouse_id=terms.warehouse_id,
    )


def _offer(contract: CourierContract, terms: Terms, price: Price, code: str, *, goes: bool) -> Offer:
    lane = terms.lane_of(code)
    return Offer(contract, price, not goes, days=lane.days if lane is not None else 0)


def zone_name(zone: str) -> str:
    """浙江省, 浙江省 杭州市; empty for everywhere else."""
    place = place_of(zone.ljust(6, "0")) if zone else place_of("")
    return " ".join(part for part in (place.province, place.city, place.county) if part)


__all__ = ["ENOUGH_SAMPLES", "WEIGHTS_G", "contracts_in_scope", "offers_of", "view_of", "zone_name"]
