"""Shipments, their lines, their parcels and the commands to the warehouses."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from fulfillment.services.dispatching import CREATE_KIND
from fulfillment.states import IN_WAREHOUSE, ShipmentState
from ordercenter.console.invariants.base import Check
from ordercenter.console.invariants.sql import quoted

_LEFT = quoted((ShipmentState.SHIPPED, ShipmentState.DELIVERED))

# The lines of a cancelled order count nothing as shipped; its parcel may have left all the same, see `_STRAY`. What was
# sold over a counter left without a shipment: its movements carry the document and the place of the line in it.
_IN_SHIPMENTS = f"""
SELECT 'order_line:' || l.id,
       format('released %%s, in shipments %%s; shipped %%s, left in shipments %%s, over a counter %%s', l.released,
              COALESCE(s.waiting, 0), l.shipped, COALESCE(s.shipped, 0), COALESCE(c.pieces, 0))
FROM orders_orderline l
JOIN orders_order o ON o.id = l.order_id
LEFT JOIN (
    SELECT sl.order_line_id, sum(sl.quantity) FILTER (WHERE s.state IN ({quoted(IN_WAREHOUSE)})) AS waiting,
           sum(sl.shipped) AS shipped
    FROM fulfillment_shipmentline sl JOIN fulfillment_shipment s ON s.id = sl.shipment_id GROUP BY 1) s
     ON s.order_line_id = l.id
LEFT JOIN (
    SELECT d.order_id, split_part(m.idempotency_key, ':', 3) AS place, m.sku_id, -sum(m.delta) AS pieces
    FROM inventory_stockmovement m
    JOIN channels_sync_counterdocument d ON d.id::text = split_part(m.idempotency_key, ':', 2)
    WHERE m.reason = 'counter' AND starts_with(m.idempotency_key, 'counter:') GROUP BY 1, 2, 3) c
     ON c.order_id = l.order_id AND c.place = (l.line_no - 1)::text AND c.sku_id = l.sku_id
WHERE o.state <> 'cancelled'
  AND (l.released <> COALESCE(s.waiting, 0) OR l.shipped <> COALESCE(s.shipped, 0) + COALESCE(c.pieces, 0))
"""

_SENT_ONCE = f"""
SELECT 'order_line:' || l.id, format('ordered %%s, sent to warehouses %%s', l.ordered, s.pieces)
FROM orders_orderline l
JOIN (
    SELECT sl.order_line_id, sum(CASE WHEN s.state IN ({_LEFT}) THEN sl.shipped ELSE sl.quantity END) AS pieces
    FROM fulfillment_shipmentline sl JOIN fulfillment_shipment s ON s.id = sl.shipment_id
    WHERE s.state <> 'cancelled' GROUP BY 1) s ON s.order_line_id = l.id
WHERE s.pieces > l.ordered
"""

_LINES = f"""
SELECT 'shipment:' || s.id, 'has no line'
FROM fulfillment_shipment s
WHERE NOT EXISTS (SELECT FROM fulfillment_shipmentline sl WHERE sl.shipment_id = s.id)
UNION ALL
SELECT 'shipment:' || s.id, format('order_line:%%s is not what its order says', sl.order_line_id)
FROM fulfillment_shipmentline sl
JOIN fulfillment_shipment s ON s.id = sl.shipment_id
JOIN orders_order o ON o.id = sl.order_id
JOIN orders_orderline l ON l.id = sl.order_line_id
WHERE l.order_id <> sl.order_id OR l.sku_id IS DISTINCT FROM sl.sku_id OR s.shop_id <> o.shop_id
UNION ALL
SELECT 'shipment:' || s.id, format('%%s pieces of order_line:%%s have left, the shipment is %%s', sl.shipped,
                                   sl.order_line_id, s.state)
FROM fulfillment_shipmentline sl JOIN fulfillment_shipment s ON s.id = sl.shipment_id
WHERE sl.shipped > sl.quantity OR sl.confirmed > sl.quantity OR (sl.shipped > 0 AND s.state NOT IN ({_LEFT}))
"""

_PARCELS = f"""
SELECT 'shipment:' || s.id, format('%%s without a parcel', s.state)
FROM fulfillment_shipment s
WHERE s.state IN ({_LEFT}) AND NOT EXISTS (SELECT FROM fulfillment_parcel p WHERE p.shipment_id = s.id)
UNION ALL
SELECT 'shipment:' || s.id, format('parcel %%s has left, the shipment is %%s', p.tracking_no, s.state)
FROM fulfillment_parcel p JOIN fulfillment_shipment s ON s.id = p.shipment_id
WHERE s.state NOT IN ({_LEFT})
  AND NOT EXISTS (SELECT FROM fulfillment_shipmentline sl WHERE sl.shipment_id = s.id AND sl.confirmed > 0)
"""

_ONE_COMMAND = f"""
SELECT 'shipment:' || s.id, format('%%s with %%s commands to the warehouse', s.state, count(c.id))
FROM fulfillment_shipment s
JOIN inventory_warehouse w ON w.id = s.warehouse_id
LEFT JOIN events_outgoing c ON c.subject = 'shipment:' || s.id AND c.kind = '{CREATE_KIND}'
GROUP BY s.id, w.kind
HAVING count(c.id) <> CASE
    WHEN w.kind = 'own' THEN 0
    WHEN s.dispatched_at IS NOT NULL OR s.state IN ('dispatched', 'accepted', 'rejected', 'intercepting') THEN 1
    ELSE 0
END
"""

_STRAY = f"""
SELECT 'order:' || o.id, format('cancelled, but shipped with %%s', min(s.code))
FROM orders_order o
JOIN fulfillment_shipmentline sl ON sl.order_id = o.id AND sl.shipped > 0
JOIN fulfillment_shipment s ON s.id = sl.shipment_id AND s.state IN ({_LEFT})
WHERE o.state = 'cancelled'
  AND NOT EXISTS (SELECT FROM cases_case c WHERE c.subject = 'order:' || o.id AND c.code = 'SHIPPED_AFTER_CANCEL')
GROUP BY o.id
"""

# What of a line's paid share and of an order's freight is in shipments that live: never more than there is, and all of
# it once every piece is in one. A line whose pieces do not add up is the business of other checks.
_SHARES = """
SELECT 'order_line:' || l.id, format('%%s of %%s in shipments that hold %%s of %%s pieces', s.amount, l.paid_share,
                                     s.pieces, l.ordered)
FROM orders_orderline l
JOIN (SELECT sl.order_line_id, sum(sl.amount) AS amount, min(sl.amount) AS least,
             sum(CASE WHEN s.shipped_at IS NULL THEN sl.quantity ELSE sl.shipped END) AS pieces
      FROM fulfillment_shipmentline sl JOIN fulfillment_shipment s ON s.id = sl.shipment_id
      WHERE s.state <> 'cancelled' GROUP BY 1) s ON s.order_line_id = l.id
WHERE s.pieces <= l.ordered AND (s.least < 0 OR s.amount > l.paid_share
      OR (s.pieces = l.ordered AND l.released + l.shipped = l.ordered AND s.amount <> l.paid_share))
UNION ALL
SELECT 'order:' || o.id, format('freight %%s of %%s in shipments', s.freight, o.freight_amount)
FROM orders_order o
JOIN (SELECT sl.order_id, sum(sl.freight) AS freight, min(sl.freight) AS least
      FROM fulfillment_shipmentline sl JOIN fulfillment_shipment s ON s.id = sl.shipment_id
      WHERE s.state <> 'cancelled' GROUP BY 1) s ON s.order_id = o.id
WHERE s.least < 0 OR s.freight > o.freight_amount OR (
    o.state IN ('shipped', 'delivered', 'completed') AND s.freight <> o.freight_amount
    AND NOT EXISTS (SELECT FROM orders_orderline l WHERE l.order_id = o.id AND NOT l.is_gift AND l.shipped < l.ordered))
"""

# A cancelled shipment is on its way out of the count while the fact has not reached who keeps it.
_LOADS = """
SELECT format('warehouse:%%s@%%s', warehouse_id, day),
       format('%%s parcels counted, %%s shipments planned', COALESCE(l.parcels, 0), COALESCE(s.n, 0))
FROM (SELECT warehouse_id, "on" AS day, parcels FROM fulfillment_warehouseload) l
FULL JOIN (SELECT s.warehouse_id, d.day, count(*) AS n FROM fulfillment_shipment s
           CROSS JOIN LATERAL (SELECT (p.value ->> 'on')::date AS day
                               FROM jsonb_array_elements(s.decision -> 'parcels') WITH ORDINALITY AS p(value, place)
                               WHERE (p.value ->> 'warehouse')::bigint = s.warehouse_id AND p.value ->> 'on' <> ''
                               ORDER BY p.place LIMIT 1) d
           WHERE s.state <> 'cancelled'
              OR EXISTS (SELECT FROM events_delivery v WHERE v.handler = 'fulfillment.free_capacity'
                         AND v.subject = 'shipment:' || s.id AND v.status = 'waiting')
           GROUP BY 1, 2) s USING (warehouse_id, day)
WHERE COALESCE(l.parcels, 0) <> COALESCE(s.n, 0)
"""

CHECKS = (
    Check(
        "line_pieces_are_in_shipments",
        _("The released and shipped pieces of each order line are those of its shipments"),
        _IN_SHIPMENTS,
    ),
    Check("line_sent_once", _("No more of an order line is sent to warehouses than was ordered"), _SENT_ONCE),
    Check("shipment_lines_are_right", _("The lines of each shipment are those of its orders"), _LINES),
    Check(
        "shipment_shares_add_up",
        _("The amounts and the freight in an order's shipments add up to those of the order, to the fen"),
        _SHARES,
    ),
    Check("shipped_means_parcel", _("Each shipment that left has a parcel, and no other has"), _PARCELS),
    Check(
        "one_command_per_shipment",
        _("Each shipment handed to a warehouse has exactly one command to it"),
        _ONE_COMMAND,
    ),
    Check("shipped_after_cancel_has_case", _("A cancelled order whose parcel left all the same has a case"), _STRAY),
    Check(
        "loads_are_planned_shipments",
        _("What is counted against a warehouse's parcels per day is what is planned for that day"),
        _LOADS,
    ),
)
