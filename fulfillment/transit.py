"""How long couriers really take, measured over parcels that were signed for lately: for routing and promises."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

LOOK_BACK = timedelta(days=60)
# From the warehouse's door to the signature; days are continuous, 1.5 is a day and a half.
_MEASURED = """
SELECT s.warehouse_id, p.carrier_id, t.province, count(*),
       percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY extract(epoch FROM p.ended_at - p.shipped_at) / 86400)
FROM fulfillment_parcel p
JOIN fulfillment_shipment s ON s.id = p.shipment_id
JOIN catalog_contact t ON t.id = s.contact_id
WHERE p.state = 'delivered' AND p.ended_at > %(since)s AND p.ended_at > p.shipped_at
GROUP BY 1, 2, 3 HAVING count(*) >= %(least)s
ORDER BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane: days in thousandths, so that nobody counts money or promises in floats."""

    warehouse_id: int
    carrier_id: int
    province: str
    parcels: int
    median_millidays: int
    p90_millidays: int


def measured_transit(*, at: datetime, least: int = 20, look_back: timedelta = LOOK_BACK) -> list[Lane]:
    """Transit times by warehouse, courier and receiver's province, of lanes with enough parcels. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_MEASURED, {"since": at - look_back, "least": least})
        return [
            Lane(warehouse, carrier, province, parcels, round(median * 1000), round(p90 * 1000))
            for warehouse, carrier, province, parcels, (median, p90) in cursor.fetchall()
        ]
