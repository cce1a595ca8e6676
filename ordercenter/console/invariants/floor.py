"""Work in own warehouses: waves, baskets and pick lines; and the room that warehouses have left on a day."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from fulfillment.states import IN_HAND, ShipmentState
from ordercenter.console.invariants.base import Check
from ordercenter.console.invariants.sql import quoted

# States in which a shipment lies in a basket of a wave that goes on.
_IN_A_WAVE = quoted((ShipmentState.WAVED, ShipmentState.SHORT_PICKED, *IN_HAND))

_PICKED = """
SELECT 'pick_line:' || id, format('wanted %%s, picked %%s, missing %%s, checked %%s', wanted, picked, short, checked)
FROM fulfillment_pickline
WHERE picked + short > wanted OR checked > picked OR picked < 0 OR short < 0 OR checked < 0
"""

_BASKETS = f"""
SELECT 'shipment:' || s.id, format('%%s, in %%s baskets of waves that go on', s.state, b.baskets)
FROM fulfillment_shipment s
CROSS JOIN LATERAL (SELECT count(*) AS baskets FROM fulfillment_basket b JOIN fulfillment_wave w ON w.id = b.wave_id
                    WHERE b.shipment_id = s.id AND w.state <> 'done') b
WHERE s.state IN ({_IN_A_WAVE}) AND b.baskets <> 1
UNION ALL
SELECT 'shipment:' || s.id, format('of another warehouse than wave %%s', w.code)
FROM fulfillment_basket b
JOIN fulfillment_wave w ON w.id = b.wave_id
JOIN fulfillment_shipment s ON s.id = b.shipment_id
WHERE s.warehouse_id <> w.warehouse_id
"""

# A pick line is about a line of the very shipment that its basket is for, and about no more pieces than that has.
_PICK_LINES = """
SELECT 'pick_line:' || p.id, format('wanted %%s of shipment_line:%%s with %%s pieces', p.wanted, l.id, l.quantity)
FROM fulfillment_pickline p
JOIN fulfillment_basket b ON b.id = p.basket_id
JOIN fulfillment_shipmentline l ON l.id = p.shipment_line_id
WHERE l.shipment_id <> b.shipment_id OR l.sku_id <> p.sku_id OR p.wanted > l.quantity
"""

CHECKS = (
    Check("picked_within_wanted", _("No more pieces are picked or missing than were wanted"), _PICKED),
    Check("picked_in_one_wave", _("Each shipment that is being picked has one basket in one wave"), _BASKETS),
    Check("pick_lines_are_of_their_shipment", _("Each pick line is about goods of its basket's shipment"), _PICK_LINES),
)
