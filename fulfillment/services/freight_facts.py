"""What we know of the parcels that a courier bills: set by set, from parcels, shipments, goods and contracts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from fulfillment.contracts.billing import OurParcel, Slack, WeightSource
from fulfillment.contracts.pricing import Terms
from fulfillment.models import CourierContract, CourierProduct
from fulfillment.services.courier_prices import terms_of
from fulfillment.states import ParcelState, WaybillState
from ordercenter.common.divisions import code_of
from ordercenter.common.money import ZERO, to_cents

BUSINESS_ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class ParcelFacts:
    """A parcel as it left. product_id: the courier's product that routing chose, where it had a choice. came_back: its
    tracking says that it is on its way back, or is back.
    """

    parcel_id: int
    warehouse_id: int
    product_id: int | None
    ours: OurParcel
    came_back: bool = False


@dataclass(frozen=True, slots=True)
class Agreement:
    """A contract with the days on which it holds, and how far bills may be off. return_percent: of the price, for the
    way back; None where none was agreed.
    """

    starts_on: date
    ends_on: date | None
    terms: Terms
    slack: Slack
    return_percent: int | None = None

    def holds(self, on: date) -> bool:
        return self.starts_on <= on and (self.ends_on is None or on < self.ends_on)


class Agreements:
    """All active contracts of one courier, of whatever time: a bill is of the past. Five statements."""

    def __init__(self, carrier_id: int):
        contracts = list(
            CourierContract.objects.filter(product__carrier_id=carrier_id, is_active=True)
            .select_related("product")
            .order_by("valid_from")
        )
        self._by_lane: dict[int, dict[int, list[Agreement]]] = defaultdict(lambda: defaultdict(list))
        for contract, terms in zip(contracts, terms_of(contracts), strict=True):
            slack = Slack(contract.weight_slack_g, contract.weight_slack_percent, contract.amount_slack)
            agreement = Agreement(contract.valid_from, contract.ends_on, terms, slack, contract.return_percent)
            self._by_lane[contract.warehouse_id][contract.product_id].append(agreement)
        self._products: dict[str, int] = {}
        for pk, code, name in CourierProduct.objects.filter(carrier_id=carrier_id).values_list("pk", "code", "name"):
            self._products.update({text.casefold(): pk for text in (code, name) if text})
        self.counts_volume = any(contract.divisor for contract in contracts)
        self.counts_value = any(contract.insurance_permille for contract in contracts)

    def of(self, facts: ParcelFacts, billed_product: str, usual: int | None) -> Agreement | str:
        """The contract of a parcel; a word why there is none.

        The product is the one that the bill names, else the one that routing chose, else the bill's usual one, else the
        only one of the warehouse.
        """
        lanes = self._by_lane.get(facts.warehouse_id, {})
        holding = {
            product: agreement
            for product, agreements in lanes.items()
            for agreement in agreements
            if agreement.holds(facts.ours.on)
        }
        named = self._products.get(billed_product.casefold())
        for product in (named, facts.product_id, usual):
            if product is not None and product in holding:
                return holding[product]
        if named is not None or not holding:
            return "no_contract"
        return next(iter(holding.values())) if len(holding) == 1 else "several_products"


_CAME_BACK = (ParcelState.RETURNING, ParcelState.RETURNED)

# Volume and value of what is in a box; without its list of items, of the whole shipment.
_GOODS = """
LEFT JOIN LATERAL (
    SELECT CASE WHEN bool_and(k.volume_cm3 > 0) THEN sum(k.volume_cm3 * i.quantity) END AS volume,
           sum(i.quantity * u.amount / NULLIF(u.quantity, 0)) AS value
    FROM jsonb_to_recordset(p.items) AS i(code text, quantity bigint)
    LEFT JOIN catalog_sku k ON k.code = i.code
    LEFT JOIN LATERAL (SELECT sum(amount) AS amount, sum(quantity) AS quantity FROM fulfillment_shipmentline
                       WHERE shipment_id = s.id AND sku_id = k.id) u ON true
) g ON true
LEFT JOIN LATERAL (
    SELECT sum(l.amount) AS value,
           CASE WHEN bool_and(k.volume_cm3 > 0) THEN sum(k.volume_cm3 * l.quantity) END AS volume
    FROM fulfillment_shipmentline l JOIN catalog_sku k ON k.id = l.sku_id
    WHERE l.shipment_id = s.id AND p.items = '[]'::jsonb
) w ON true
"""

_PARCELS = """
SELECT upper(p.tracking_no), p.id, s.warehouse_id, p.shipped_at, p.weight_g, s.weight_g, c.place_doubt, c.division_code,
       c.province, c.city, c.district,
       (jsonb_path_query_first(s.decision, '$.parcels[*] ? (@.warehouse == $w).product',
                               jsonb_build_object('w', s.warehouse_id)))::text,
       {volume}, {value}, p.state
FROM fulfillment_parcel p
JOIN fulfillment_shipment s ON s.id = p.shipment_id
LEFT JOIN catalog_contact c ON c.id = s.contact_id
{goods}
WHERE p.carrier_id = %(carrier)s AND {where}
ORDER BY p.shipped_at, p.id
"""

_BY_NUMBER = "p.tracking_no = ANY(%(numbers)s)"

_NOT_ON_A_BILL = """
p.shipped_at >= %(begins)s AND p.shipped_at < %(ends)s
AND (%(warehouse)s::bigint IS NULL OR s.warehouse_id = %(warehouse)s)
AND NOT EXISTS (
    SELECT FROM fulfillment_freightline l JOIN fulfillment_freightbill b ON b.id = l.bill_id
    WHERE l.tracking_no = upper(p.tracking_no) AND b.carrier_id = p.carrier_id AND b.state <> 'withdrawn')
"""


def parcels_by_number(*, carrier_id: int, numbers: Collection[str], agreements: Agreements) -> dict[str, ParcelFacts]:
    """The parcels of a courier with these numbers (capitals), by number. One statement."""
    both = list({text for number in numbers for text in (number, number.lower())})
    return dict(_parcels(_BY_NUMBER, {"carrier": carrier_id, "numbers": both}, agreements))


def parcels_on_no_bill(
    *, carrier_id: int, begins: datetime, ends: datetime, warehouse_id: int | None, agreements: Agreements
) -> list[tuple[str, ParcelFacts]]:
    """(number, parcel) of what a courier collected in a time and has on no bill, the oldest first. One statement."""
    values = {"carrier": carrier_id, "begins": begins, "ends": ends, "warehouse": warehouse_id}
    return list(_parcels(_NOT_ON_A_BILL, values, agreements))


def _parcels(where: str, values: Mapping[str, Any], agreements: Agreements) -> Iterable[tuple[str, ParcelFacts]]:
    statement = _PARCELS.format(
        where=where,
        # What no contract asks for is not read.
        goods=_GOODS if agreements.counts_volume or agreements.counts_value else "",
        volume="COALESCE(g.volume, w.volume)" if agreements.counts_volume else "NULL",
        value="COALESCE(g.value, w.value)" if agreements.counts_value else "NULL",
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows = cursor.fetchall()
    for number, parcel_id, warehouse_id, shipped_at, measured_g, planned_g, doubt, *more in rows:
        *place, product, size, value, state = more
        source: WeightSource = "measured" if measured_g else "planned" if planned_g else "none"
        ours = OurParcel(
            on=shipped_at.astimezone(BUSINESS_ZONE).date(),
            code="" if doubt else _division(*place),
            weight_g=measured_g or planned_g or 0,
            source=source,
            volume_cm3=int(size or 0),
            value=to_cents(value) if value else ZERO,
        )
        product_id = int(product) if product else None
        yield number, ParcelFacts(parcel_id, warehouse_id, product_id, ours, state in _CAME_BACK)


def _division(code: str | None, province: str | None, city: str | None, district: str | None) -> str:
    return code or code_of(province or "", city or "", district or "")


def waybills_by_number(*, carrier_id: int, numbers: Collection[str]) -> dict[str, WaybillState]:
    """The state of the waybills of a courier with these numbers (capitals). One statement, none for no numbers."""
    if not numbers:
        return {}
    both = list({text for number in numbers for text in (number, number.lower())})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT upper(number), state FROM fulfillment_waybill WHERE carrier_id = %s AND number = ANY(%s)",
            [carrier_id, both],
        )
        return {number: WaybillState(state) for number, state in cursor.fetchall()}


def billed_elsewhere(*, carrier_id: int, bill_id: int, numbers: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Numbers that earlier bills of the courier have, with the first of these bills and how often. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT l.tracking_no, min(l.bill_id), count(*) FROM fulfillment_freightline l"
            " JOIN fulfillment_freightbill b ON b.id = l.bill_id"
            " WHERE l.tracking_no = ANY(%s) AND b.carrier_id = %s AND b.state <> 'withdrawn' AND b.id < %s"
            " AND l.line_no > 0 GROUP BY 1",
            [list(numbers), carrier_id, bill_id],
        )
        return {number: (bill, times) for number, bill, times in cursor.fetchall()}


def rows_of_numbers(*, bill_id: int, numbers: Sequence[str]) -> dict[str, tuple[list[int], list[int]]]:
    """The rows of a bill in which each of these numbers stands: in their order, and in that of their days. One
    statement.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tracking_no, array_agg(line_no ORDER BY line_no),"
            " array_agg(line_no ORDER BY billed_on NULLS LAST, line_no) FROM fulfillment_freightline"
            " WHERE tracking_no = ANY(%s) AND bill_id = %s AND line_no > 0 GROUP BY 1",
            [list(numbers), bill_id],
        )
        return {number: (rows, by_day) for number, rows, by_day in cursor.fetchall()}
