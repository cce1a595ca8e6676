"""Stock, its movements and its promises."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from ordercenter.console.invariants.base import Check

_ON_HAND = """
SELECT format('stock:%%s@%%s', sku_id, warehouse_id),
       format('on hand %%s, movements add up to %%s', COALESCE(l.on_hand::text, '-'), COALESCE(m.pieces, 0))
FROM inventory_stocklevel l
FULL JOIN (SELECT sku_id, warehouse_id, sum(delta) AS pieces FROM inventory_stockmovement GROUP BY 1, 2) m
     USING (sku_id, warehouse_id)
WHERE l.on_hand IS DISTINCT FROM COALESCE(m.pieces, 0)
"""

_RESERVED = """
SELECT format('stock:%%s@%%s', sku_id, warehouse_id),
       format('reserved %%s, open reservations add up to %%s', COALESCE(l.reserved::text, '-'), COALESCE(r.pieces, 0))
FROM inventory_stocklevel l
FULL JOIN (SELECT sku_id, warehouse_id, sum(quantity) AS pieces FROM inventory_reservation
           WHERE state = 'active' GROUP BY 1, 2) r USING (sku_id, warehouse_id)
WHERE l.reserved IS DISTINCT FROM COALESCE(r.pieces, 0)
"""

_OVERSOLD = """
SELECT format('stock:%%s@%%s', sku_id, warehouse_id), format('on hand %%s, reserved %%s', on_hand, reserved)
FROM inventory_stocklevel WHERE reserved < 0 OR reserved > on_hand
"""

_ONE_OPEN = """
SELECT 'order_line:' || line_id, format('%%s open reservations in warehouse %%s', count(*), warehouse_id)
FROM inventory_reservation WHERE state = 'active' GROUP BY line_id, warehouse_id HAVING count(*) > 1
"""

_BELONG = """
SELECT 'reservation:' || r.id, format('for order_line:%%s of order:%%s', r.line_id, r.order_id)
FROM inventory_reservation r
LEFT JOIN orders_orderline l ON l.id = r.line_id AND l.order_id = r.order_id AND l.sku_id = r.sku_id
WHERE l.id IS NULL
"""

_SHIPPED = """
SELECT 'shipment:' || s.id, format('shipped %%s, taken from stock %%s', COALESCE(l.pieces, 0), COALESCE(m.pieces, 0))
FROM fulfillment_shipment s
LEFT JOIN (SELECT shipment_id, sum(shipped) AS pieces FROM fulfillment_shipmentline GROUP BY 1) l
     ON l.shipment_id = s.id
LEFT JOIN (SELECT ref, -sum(delta) AS pieces FROM inventory_stockmovement WHERE reason = 'shipment' GROUP BY 1) m
     ON m.ref = s.code
WHERE COALESCE(l.pieces, 0) <> COALESCE(m.pieces, 0)
"""

CHECKS = (
    Check("stock_is_sum_of_movements", _("Stock on hand is the sum of its movements"), _ON_HAND),
    Check("reserved_is_sum_of_reservations", _("Reserved stock is the sum of the open reservations"), _RESERVED),
    Check("stock_never_oversold", _("No more is reserved than is on hand, and nothing is negative"), _OVERSOLD),
    Check("one_open_reservation", _("An order line has at most one open reservation in a warehouse"), _ONE_OPEN),
    Check("reservations_belong_to_lines", _("Each reservation is for a line of its order and for its SKU"), _BELONG),
    Check("shipped_pieces_left_the_stock", _("What each shipment shipped was taken from stock"), _SHIPPED),
)
