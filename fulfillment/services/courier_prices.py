"""The prices of today's courier contracts, compiled once per version and kept in this process."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import Q, QuerySet

from fulfillment.contracts.areas import Area
from fulfillment.contracts.compiling import compile_terms
from fulfillment.contracts.pricing import ZONE_LENGTHS, Lane, Terms
from fulfillment.models import CourierArea, CourierContract, CourierRate, PeakFee, PriceVersion, TransitTime
from fulfillment.routing.tariff import IMPOSSIBLE, Tariff
from ordercenter.audit.work import Work
from ordercenter.common.money import from_fen

# Fewer parcels say too little: until then the contract's promise counts.
ENOUGH_SAMPLES = 30
_DAY = ZoneInfo("Asia/Shanghai")
_KEPT = 8


@dataclass(frozen=True, slots=True)
class PriceBook:
    """What couriers charge on one day, from all open warehouses, for all active couriers and products.

    version: renewed by every change of prices, areas, couriers, measured transit times or open warehouses; decisions
    keep it. tariff: the router's arrays; its `couriers` are ids of CourierProduct, and `tariff.zone_of(code)` takes the
    division code of `catalog.contacts.destination_code(contact)`. carriers: product id -> carrier id. terms: the
    contract by (warehouse id, product id), for explaining a price: `contracts.pricing.price_parcel`.
    """

    version: str
    day: date
    tariff: Tariff
    carriers: Mapping[int, int] = field(default_factory=dict)
    terms: Mapping[tuple[int, int], Terms] = field(default_factory=dict)

    def cheapest(self, warehouse_id: int, division_code: str | None, weight_g: int) -> tuple[Decimal, int] | None:
        """(yuan, carrier id) of the cheapest courier for one parcel, the lower product id on a tie; None: nobody goes.

        division_code: None for a place that is only guessed: no parcel goes there.
        """
        if division_code is None or (zone := self.tariff.zone_of(division_code)) < 0:
            return None
        if warehouse_id not in self.tariff.warehouses:
            return None
        at = self.tariff.warehouses.index(warehouse_id)
        fees = self.tariff.freight_fen(zone, np.array([weight_g]))[0, at]
        product = int(fees.argmin())
        if fees[product] >= IMPOSSIBLE:
            return None
        return from_fen(int(fees[product])), self.carriers[self.tariff.couriers[product]]


_books: OrderedDict[tuple[str, date], PriceBook] = OrderedDict()


def tariff_of(at: datetime, work: Work | None = None) -> PriceBook:
    """The prices of this instant's day: what the router decides by. One statement, none where the work has it already.

    at: aware; the day is that of Asia/Shanghai. The book is compiled when its version is new to this process, with five
    statements more, and kept. Without any contract it is an empty book: no courier goes anywhere.
    """
    day = at.astimezone(_DAY).date()
    kept = work.shared.get("price_book") if work is not None else None
    if isinstance(kept, PriceBook) and kept.day == day:
        return kept
    version = _version()
    book = _books.get((version, day))
    if book is None:
        book = _books[version, day] = _compile(version, day)
        while len(_books) > _KEPT:
            _books.popitem(last=False)
    if work is not None:
        work.shared["price_book"] = book
    return book


def contracts_on(day: date) -> QuerySet[CourierContract]:
    """The contracts that hold on a day, of open warehouses, active couriers and products."""
    return CourierContract.objects.filter(
        Q(ends_on__isnull=True) | Q(ends_on__gt=day),
        valid_from__lte=day,
        is_active=True,
        warehouse__is_open=True,
        product__is_active=True,
        product__carrier__is_active=True,
    )


def terms_of(contracts: Iterable[CourierContract]) -> list[Terms]:
    """These contracts with their rates, peaks, and measured days where there are enough. Three statements."""
    contracts = list(contracts)
    ids = [contract.pk for contract in contracts]
    rates: dict[int, list[CourierRate]] = defaultdict(list)
    for rate in CourierRate.objects.filter(contract_id__in=ids):
        rates[rate.contract_id].append(rate)
    peaks: dict[int, list[tuple[date, date, Decimal]]] = defaultdict(list)
    for peak in PeakFee.objects.filter(contract_id__in=ids).order_by("starts_on"):
        peaks[peak.contract_id].append((peak.starts_on, peak.ends_on, peak.fee))
    measured: dict[tuple[int, int], dict[str, int]] = defaultdict(dict)
    for lane in TransitTime.objects.filter(samples__gte=ENOUGH_SAMPLES):
        measured[lane.warehouse_id, lane.carrier_id][lane.zone] = lane.days_p90
    return [
        Terms(
            contract_id=contract.pk,
            warehouse_id=contract.warehouse_id,
            product_id=contract.product_id,
            carrier_id=contract.product.carrier_id,
            divisor=contract.divisor,
            rounding_g=contract.rounding_g,
            minimum_fee=contract.minimum_fee,
            oversize_g=contract.oversize_g,
            oversize_fee=contract.oversize_fee,
            max_g=contract.max_g,
            insurance_permille=contract.insurance_permille,
            peaks=tuple(peaks[contract.pk]),
            lanes=_lanes(rates[contract.pk], measured[contract.warehouse_id, contract.product.carrier_id]),
        )
        for contract in contracts
    ]


def _lanes(rates: Sequence[CourierRate], measured: Mapping[str, int]) -> dict[str, Lane]:
    """By zone. A zone that is only measured has the price of what it lies in, and the days that it really takes."""
    lanes = {rate.zone: lane_of(rate, measured.get(rate.zone)) for rate in rates}
    for zone in sorted(measured.keys() - lanes.keys()):
        outer = next((lanes[zone[:n]] for n in ZONE_LENGTHS if zone[:n] in lanes), None)
        if outer is not None:
            lanes[zone] = replace(outer, zone=zone, days=measured[zone])
    return lanes


def lane_of(rate: CourierRate, measured_days: int | None = None) -> Lane:
    """One rate as the pure core takes it."""
    return Lane(
        zone=rate.zone,
        tiers=tuple((int(up_to_g), Decimal(fee)) for up_to_g, fee in rate.tiers),
        first_g=rate.first_weight_g,
        first_fee=rate.first_fee,
        step_g=rate.step_weight_g,
        step_fee=rate.step_fee,
        remote_fee=rate.remote_fee,
        days=rate.days_p90 if measured_days is None else measured_days,
    )


def areas_on(day: date) -> list[Area]:
    """Coverage and closed areas that hold on a day. One statement."""
    rows = CourierArea.objects.filter(
        Q(starts_on__isnull=True) | Q(starts_on__lte=day), Q(ends_on__isnull=True) | Q(ends_on__gt=day)
    )
    return [Area(*row) for row in rows.values_list("carrier_id", "product_id", "warehouse_id", "zone", "serves")]


def _version() -> str:
    found = PriceVersion.objects.values_list("version", flat=True).first()
    return str(found) if found is not None else ""


def _compile(version: str, day: date) -> PriceBook:
    terms = terms_of(contracts_on(day).select_related("product"))
    # What has no lane has no price: a warehouse without any is no candidate.
    terms = [each for each in terms if each.lanes]
    return PriceBook(
        version=version,
        day=day,
        tariff=compile_terms(terms, areas_on(day), on=day, version=version),
        carriers={each.product_id: each.carrier_id for each in terms},
        terms={(each.warehouse_id, each.product_id): each for each in terms},
    )
