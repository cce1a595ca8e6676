"""How long parcels really take: measured over what was signed for lately, lane by lane."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction

LOOK_BACK = timedelta(days=90)

# A lane is measured to the province and to the city; a part of a day counts as a whole one, as in a promise.
_MEASURE = """
INSERT INTO fulfillment_transittime (warehouse_id, carrier_id, zone, samples, days_p50, days_p90, measured_at)
SELECT s.warehouse_id, p.carrier_id, left(k.division_code, n.digits), count(*),
       percentile_disc(0.5) WITHIN GROUP (ORDER BY d.days), percentile_disc(0.9) WITHIN GROUP (ORDER BY d.days), %(at)s
FROM fulfillment_parcel p
JOIN fulfillment_shipment s ON s.id = p.shipment_id
JOIN catalog_contact k ON k.id = s.contact_id
CROSS JOIN (VALUES (2), (4)) AS n (digits)
CROSS JOIN LATERAL (
    SELECT ceil(extract(epoch FROM p.ended_at - p.shipped_at) / 86400)::int AS days) AS d
WHERE p.state = 'delivered' AND p.ended_at > %(since)s AND p.ended_at <= %(at)s AND p.ended_at >= p.shipped_at
  AND k.division_code <> ''
GROUP BY 1, 2, 3
ON CONFLICT (warehouse_id, carrier_id, zone) DO UPDATE
SET samples = excluded.samples, days_p50 = excluded.days_p50, days_p90 = excluded.days_p90,
    measured_at = excluded.measured_at
"""


def measure_transit_times(*, at: datetime) -> int:
    """Measure all lanes anew from the parcels signed for in the last 90 days; lanes without any are forgotten.

    Returns the number of lanes. Two statements. From `courier_prices.ENOUGH_SAMPLES` parcels on, the router takes the
    measured ninety percent in place of the contract's promise.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_MEASURE, {"at": at, "since": at - LOOK_BACK})
        lanes: int = cursor.rowcount
        cursor.execute("DELETE FROM fulfillment_transittime WHERE measured_at <> %s", [at])
    return lanes
