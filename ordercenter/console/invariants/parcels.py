"""Waybills and parcels: no number twice, none that waits for ever, none lost, and states that agree."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from fulfillment.services.waybills import CANCEL_KIND, GET_KIND
from ordercenter.console.invariants.base import Check

# A number is asked for by a command; as long as it waits, there is one that has not ended, or whose answer is on its
# way to its handler.
_ASKED = f"""
SELECT 'waybill:' || w.id, format('requested at %%s, and no command asks for it', w.requested_at)
FROM fulfillment_waybill w
WHERE w.state = 'requested' AND w.requested_at < %(stale_before)s
  AND NOT EXISTS (SELECT FROM events_outgoing o WHERE o.kind = '{GET_KIND}' AND o.status IN ('waiting', 'sending')
                  AND o.payload -> 'waybill_ids' @> to_jsonb(w.id))
  AND NOT EXISTS (SELECT FROM events_delivery d WHERE d.handler = 'fulfillment.courier_answered'
                  AND d.subject IN ('waybill:' || w.id, 'shipment:' || w.shipment_id)
                  AND d.status IN ('waiting', 'parked'))
UNION ALL
SELECT 'waybill:' || w.id, 'to be given back, and no command does it'
FROM fulfillment_waybill w
WHERE w.state = 'to_recycle' AND COALESCE(w.assigned_at, w.requested_at) < %(stale_before)s
  AND NOT EXISTS (SELECT FROM events_outgoing o WHERE o.kind = '{CANCEL_KIND}'
                  AND o.subject = 'shipment:' || w.shipment_id AND o.payload ->> 'waybill_id' = w.id::text
                  AND (o.status IN ('waiting', 'sending') OR o.answered_at > %(stale_before)s))
"""

_NUMBERED = """
SELECT 'waybill:' || id, format('%%s without a number', state)
FROM fulfillment_waybill
WHERE state IN ('assigned', 'printed', 'used', 'to_recycle', 'recycled', 'recycle_failed') AND number = ''
"""

# A parcel that left under a number that was given back or void: two parcels may be out there under it.
_USED = """
SELECT 'parcel:' || p.id, format('left under waybill:%%s, which is %%s', w.id, w.state)
FROM fulfillment_parcel p
JOIN fulfillment_waybill w ON w.carrier_id = p.carrier_id AND w.number = p.tracking_no
WHERE w.state IN ('to_recycle', 'recycled', 'void')
"""

_DELIVERED = """
SELECT 'shipment:' || s.id, format('delivered, but parcel %%s is %%s', p.tracking_no, p.state)
FROM fulfillment_shipment s JOIN fulfillment_parcel p ON p.shipment_id = s.id
WHERE s.state = 'delivered' AND p.state <> 'delivered'
UNION ALL
SELECT 'parcel:' || id, format('%%s without an end', state)
FROM fulfillment_parcel WHERE state IN ('delivered', 'returned', 'lost') AND ended_at IS NULL
"""

_ONCE = """
SELECT 'parcel:' || parcel_id, format('scan of %%s there %%s times', at, count(*))
FROM fulfillment_trackingscan GROUP BY parcel_id, at, digest HAVING count(*) > 1
"""

CHECKS = (
    Check("waybills_are_asked_for", _("Each waybill that waits for its courier has a call on its way"), _ASKED),
    Check("waybills_have_numbers", _("Each waybill that was assigned has its number"), _NUMBERED),
    Check("parcels_left_under_good_numbers", _("No parcel left under a number that was given back"), _USED),
    Check("delivered_means_every_parcel", _("Delivered shipments have only delivered parcels"), _DELIVERED),
    Check("scans_once", _("Each scan of a courier is kept once"), _ONCE),
)
