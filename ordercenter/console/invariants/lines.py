"""Orders, their lines and their holds."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from fulfillment.states import IN_WAREHOUSE
from ordercenter.cases.states import OPEN_STATES
from ordercenter.console.invariants.base import Check
from ordercenter.console.invariants.sql import quoted

_BALANCE = """
SELECT 'order_line:' || id, format('ordered %%s, parts add up to %%s', ordered, parts)
FROM (SELECT l.*, cancelled + unplanned + backordered + reserved + released + shipped AS parts
      FROM orders_orderline l) l
WHERE ordered <> parts OR least(cancelled, unplanned, backordered, reserved, released, shipped) < 0
"""

_DELIVERED = """
SELECT 'order_line:' || id, format('shipped %%s, delivered %%s, returned %%s', shipped, delivered, returned)
FROM orders_orderline WHERE delivered > shipped OR returned > shipped
"""

# A cancelled order has promised nothing any more, but a warehouse may still have its goods in hand, or the fact that it
# was cancelled is still on its way to the stock.
_PROMISED = f"""
SELECT 'order_line:' || l.id,
       format('reserved %%s, released %%s, in open reservations %%s', l.reserved, l.released, COALESCE(r.pieces, 0))
FROM orders_orderline l
JOIN orders_order o ON o.id = l.order_id
LEFT JOIN (SELECT line_id, sum(quantity) AS pieces FROM inventory_reservation WHERE state = 'active' GROUP BY line_id) r
     ON r.line_id = l.id
WHERE l.reserved + l.released <> COALESCE(r.pieces, 0)
  AND NOT (o.state = 'cancelled' AND l.reserved + l.released = 0 AND (
      EXISTS (SELECT FROM fulfillment_shipmentline sl JOIN fulfillment_shipment s ON s.id = sl.shipment_id
              WHERE sl.order_line_id = l.id AND s.state IN ({quoted(IN_WAREHOUSE)}))
      OR EXISTS (SELECT FROM events_delivery d WHERE d.handler = 'fulfillment.stop' AND d.status = 'waiting'
                 AND d.subject = 'order:' || o.id)))
"""

# For each state, what must be true of the sums over the order's lines.
_STATE_FOLLOWS = """
SELECT 'order:' || o.id,
       format('%%s with %%s of %%s pieces cancelled, %%s at the warehouse, %%s shipped, %%s delivered', o.state,
              l.cancelled, l.ordered, l.released, l.shipped, l.delivered)
FROM orders_order o
CROSS JOIN LATERAL (
    SELECT COALESCE(sum(ordered), 0) AS ordered, COALESCE(sum(cancelled), 0) AS cancelled,
           COALESCE(sum(backordered), 0) AS backordered, COALESCE(sum(released), 0) AS released,
           COALESCE(sum(shipped), 0) AS shipped, COALESCE(sum(delivered), 0) AS delivered
    FROM orders_orderline WHERE order_id = o.id) l
WHERE NOT CASE
    WHEN o.state = 'archived' THEN true
    WHEN o.state = 'cancelled' THEN l.ordered = l.cancelled + l.shipped AND l.released = 0
    WHEN l.ordered = l.cancelled THEN false
    WHEN o.state IN ('delivered', 'completed')
        THEN l.ordered = l.cancelled + l.shipped AND l.delivered = l.shipped
    WHEN o.state = 'shipped' THEN l.ordered = l.cancelled + l.shipped
    WHEN o.state = 'partially_shipped' THEN l.shipped > 0 AND l.ordered > l.cancelled + l.shipped
    WHEN o.state = 'in_fulfillment' THEN l.shipped = 0 AND l.released > 0
    WHEN o.state = 'awaiting_supply' THEN l.released = 0 AND l.backordered > 0
    WHEN o.state = 'approved' THEN l.released = 0 AND l.ordered > l.cancelled + l.shipped
    ELSE l.released = 0 AND l.shipped = 0
END
"""

_HOLD_FLAG = """
SELECT 'order:' || o.id, format('on hold: %%s, open holds: %%s', o.is_on_hold, count(h.id))
FROM orders_order o LEFT JOIN orders_hold h ON h.order_id = o.id AND h.released_at IS NULL
GROUP BY o.id HAVING o.is_on_hold <> (count(h.id) > 0)
"""

# A case that was just closed takes its hold with it through the event log.
_HOLD_CASES = f"""
SELECT 'hold:' || h.id, format('%%s of order:%%s has no open case', h.code, h.order_id)
FROM orders_hold h
LEFT JOIN cases_case c ON c.id = h.case_id AND c.code = h.code AND c.subject = 'order:' || h.order_id
     AND c.state IN ({quoted(OPEN_STATES)})
WHERE h.released_at IS NULL AND c.id IS NULL
  AND NOT EXISTS (SELECT FROM events_delivery d WHERE d.handler = 'orders.case_closed' AND d.status = 'waiting'
                  AND d.subject = 'case:' || h.case_id)
"""

CHECKS = (
    Check("line_quantities_balance", _("The pieces of each order line add up to what was ordered"), _BALANCE),
    Check("line_delivered_within_shipped", _("No more is delivered or returned than was shipped"), _DELIVERED),
    Check(
        "line_pieces_are_promised",
        _("The reserved and released pieces of each order line are its open reservations"),
        _PROMISED,
    ),
    Check("order_state_follows_lines", _("The state of each order follows from its lines"), _STATE_FOLLOWS),
    Check("hold_flag_is_true", _("An order is marked as held if and only if it has an open hold"), _HOLD_FLAG),
    Check("holds_have_cases", _("Each open hold has its open case"), _HOLD_CASES),
)
