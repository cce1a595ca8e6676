"""Parcels of which nothing is heard for too long, by the time limits of courier and province: found in SQL, by beat."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from fulfillment.states import Watch
from ordercenter.audit.work import unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft

# Where no row of time limits fits.
PICKUP_H, QUIET_H, LOST_H = 24, 48, 168
CODES = ("NO_PICKUP", "SHIPMENT_STALLED", "PARCEL_LOST")
# Cases are opened so many at a time: a courier that went down is one group, not a flood of work.
MOST = 500

# The limits that fit best: courier and province, courier, province, neither. Only parcels that somebody should tell us
# of; one that nobody follows would be silent for ever. Those with an open case of the kind are known.
_SILENT = """
WITH silent AS (
    SELECT p.id, p.tracking_no, p.carrier_id, c.name AS carrier, s.code, s.shop_id, s.warehouse_id, t.province,
           COALESCE(w.last_scan_at, p.shipped_at) AS since,
           CASE
               WHEN COALESCE(w.last_scan_at, p.shipped_at) < %(now)s - make_interval(hours => l.lost_hours)
                   THEN 'PARCEL_LOST'
               WHEN p.state = 'shipped' AND p.shipped_at < %(now)s - make_interval(hours => l.pickup_hours)
                   THEN 'NO_PICKUP'
               WHEN p.state <> 'shipped' AND w.last_scan_at < %(now)s - make_interval(hours => l.quiet_hours)
                   THEN 'SHIPMENT_STALLED'
           END AS found
    FROM fulfillment_parcelwatch w
    JOIN fulfillment_parcel p ON p.id = w.parcel_id
    JOIN fulfillment_carrier c ON c.id = p.carrier_id
    JOIN fulfillment_shipment s ON s.id = p.shipment_id
    JOIN catalog_contact t ON t.id = s.contact_id
    CROSS JOIN LATERAL (
        SELECT pickup_hours, quiet_hours, lost_hours FROM (
            SELECT a.pickup_hours::int, a.quiet_hours::int, a.lost_hours::int,
                   (a.carrier_id IS NOT NULL)::int * 2 + (a.province <> '')::int AS fit
            FROM fulfillment_couriersla a
            WHERE (a.carrier_id = p.carrier_id OR a.carrier_id IS NULL)
              AND (a.province = t.province OR a.province = '')
            UNION ALL
            SELECT %(pickup)s, %(quiet)s, %(lost)s, -1) AS fits(pickup_hours, quiet_hours, lost_hours, fit)
        ORDER BY fit DESC LIMIT 1) AS l
    WHERE w.is_open AND w.how <> %(waiting)s AND p.state IN ('shipped', 'in_transit', 'recalling', 'returning')
)
SELECT q.id, q.tracking_no, q.carrier_id, q.carrier, q.code, q.shop_id, q.warehouse_id, q.province, q.since, q.found,
       COALESCE((SELECT json_agg(DISTINCT o.channel_order_no) FROM fulfillment_parcel p
                 JOIN fulfillment_shipmentline sl ON sl.shipment_id = p.shipment_id
                 JOIN orders_order o ON o.id = sl.order_id WHERE p.id = q.id), '[]')
FROM silent q
WHERE q.found IS NOT NULL
  AND NOT EXISTS (SELECT FROM cases_case k WHERE k.subject = 'parcel:' || q.id AND k.code = q.found
                  AND k.closed_at IS NULL)
ORDER BY q.since LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Silent:
    """A parcel that is silent for too long. code: of the case; since: last scan, or when it left."""

    parcel_id: int
    code: str
    since: datetime


def find_silent_parcels(*, at: datetime) -> list[Silent]:
    """Open a case for each parcel that is silent for too long; returns those newly found.

    Not collected in time: NO_PICKUP; no new scan in time: SHIPMENT_STALLED; none for the longest time: PARCEL_LOST, in
    place of the other two. A new scan closes them. Cases of one courier and province form a group.
    """
    with unit_of_work(at=at) as work:
        with connection.cursor() as cursor:
            cursor.execute(
                _SILENT,
                {
                    "now": at,
                    "pickup": PICKUP_H,
                    "quiet": QUIET_H,
                    "lost": LOST_H,
                    "waiting": Watch.WAITING.value,
                    "most": MOST,
                },
            )
            rows = cursor.fetchall()
        found, drafts = [], []
        for pk, number, carrier_id, carrier, code, shop_id, warehouse_id, province, since, kind, orders in rows:
            found.append(Silent(pk, kind, since))
            hours = int((at - since).total_seconds() // 3600)
            drafts.append(
                CaseDraft(
                    code=kind,
                    subject=f"parcel:{pk}",
                    shop_id=shop_id,
                    warehouse_id=warehouse_id,
                    reference=number,
                    evidence={
                        "tracking_no": number,
                        "carrier": carrier,
                        "shipment": code,
                        "orders": orders,
                        "silent_since": since.isoformat(timespec="minutes"),
                        "silent_hours": hours,
                    },
                    root_cause=f"{kind}:{carrier_id}:{province}"[:160],
                    root_title=f"{carrier} {province}".strip(),
                )
            )
        lost = [f"parcel:{one.parcel_id}" for one in found if one.code == "PARCEL_LOST"]
        cases.close_cases_of(
            subjects=lost, codes=["NO_PICKUP", "SHIPMENT_STALLED"], resolution="counts as lost now", work=work
        )
        cases.open_cases(drafts=drafts, work=work)
    return found
