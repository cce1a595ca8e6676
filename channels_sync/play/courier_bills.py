"""The bills of the couriers for a played day: written from what has left with planted lies, taken in, and compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from channels_sync.sandbox.courier_bill import CourierBillPlan, ShippedParcel, write_courier_bill
from fulfillment.contracts.pricing import price_parcel
from fulfillment.models import Carrier, FreightLine, Waybill
from fulfillment.services.freight_bills import import_courier_bill
from fulfillment.services.freight_facts import BUSINESS_ZONE, Agreement, Agreements, ParcelFacts, parcels_on_no_bill
from fulfillment.states import WaybillState
from ordercenter.common.actor import SYSTEM
from ordercenter.common.divisions import place_of

# How the check calls what was planted.
VERDICTS = {
    "HEAVIER": "weight_differs",
    "DEARER": "price_differs",
    "TWICE": "billed_twice",
    "MISSING": "not_billed",
    "UNKNOWN": "unknown_parcel",
    "VOID": "void_billed",
}
_UNUSED = [WaybillState.VOID, WaybillState.RECYCLED, WaybillState.RECYCLE_FAILED]
# With fewer parcels than this, lies would be half of the bill.
_FEWEST = 10


@dataclass
class BilledDay:
    """(verdict, tracking number) of what was planted on the bills of a day, and of what the check found."""

    planted: set[tuple[str, str]] = field(default_factory=set)
    found: set[tuple[str, str]] = field(default_factory=set)
    lines: int = 0


def bill_day(*, days: Sequence[date], seed: int) -> BilledDay:
    """Write, take in and compare a bill of every courier that carried parcels in these days and has not billed them."""
    billed = BilledDay()
    for carrier in Carrier.objects.order_by("pk"):
        _bill(carrier, min(days), max(days) + timedelta(days=1), seed, billed)
    return billed


def _bill(carrier: Carrier, starts_on: date, ends_on: date, seed: int, billed: BilledDay) -> None:
    agreements = Agreements(carrier.pk)
    begins, ends = (datetime.combine(day, time(), BUSINESS_ZONE).astimezone(UTC) for day in (starts_on, ends_on))
    rows = parcels_on_no_bill(carrier_id=carrier.pk, begins=begins, ends=ends, warehouse_id=None, agreements=agreements)
    parcels = [parcel for number, facts in rows if (parcel := _shipped(number, facts, agreements)) is not None]
    if len(parcels) < _FEWEST:
        return
    unused = Waybill.objects.filter(carrier=carrier, state__in=_UNUSED).exclude(number="")
    void = list(unused.values_list("number", flat=True))
    each = max(1, len(parcels) // 1000)
    plan = CourierBillPlan(heavier=each, dearer=each, twice=each, missing=each, unknown=each, void=min(each, len(void)))
    content, lies = write_courier_bill(parcels, plan, seed=seed, courier=carrier.code, void_numbers=void)
    done = import_courier_bill(
        content=content,
        file_name=f"{carrier.code}-{starts_on}.csv",
        carrier_id=carrier.pk,
        at=datetime.now(UTC),
        actor=SYSTEM,
        starts_on=starts_on,
        ends_on=ends_on,
    )
    billed.lines += done.lines
    billed.planted |= {(VERDICTS[lie.kind], lie.tracking_no) for lie in lies}
    ours = {parcel.tracking_no for parcel in parcels} | {lie.tracking_no for lie in lies}
    lines = (
        FreightLine.objects.filter(bill=done.bill_id).exclude(verdict="matched").values_list("verdict", "tracking_no")
    )
    # Parcels that left while the bill was written are nobody's lie.
    found = lines.values_list("verdict", "tracking_no")
    billed.found |= {(str(verdict), number) for verdict, number in found if number in ours}


def _shipped(number: str, facts: ParcelFacts, agreements: Agreements) -> ShippedParcel | None:
    """A parcel as its courier sees it; None where no price was agreed."""
    agreement = agreements.of(facts, "", None)
    ours = facts.ours
    if not isinstance(agreement, Agreement) or not ours.code:
        return None
    terms = agreement.terms

    def price(weight_g: int) -> tuple[int, Decimal]:
        found = price_parcel(
            terms,
            division_code=ours.code,
            weight_g=weight_g,
            volume_cm3=ours.volume_cm3,
            value=ours.value,
            on=ours.on,
        )
        return found.charged_g, found.total

    return ShippedParcel(number, ours.on, place_of(ours.code).province, ours.weight_g or 1000, price)
