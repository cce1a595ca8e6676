"""Stock, its movements and its promises."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ordercenter.catalog.models import ListingMatch
from ordercenter.console.invariants.base import Check
from ordercenter.inventory.models import ChannelStock
from ordercenter.inventory.services import offered_by

_ON_HAND = """
SELECT format('stock:%%s@%%s', sku_id, warehouse_id),
       format('%%s %%s, movements add up to %%s', bucket, COALESCE(l.pieces::text, '-'), COALESCE(m.pieces, 0))
FROM (SELECT l.sku_id, l.warehouse_id, b.bucket, b.pieces FROM inventory_stocklevel l
      CROSS JOIN LATERAL (VALUES ('on_hand', on_hand), ('damaged', damaged), ('quarantine', quarantine))
           AS b(bucket, pieces)) l
FULL JOIN (SELECT sku_id, warehouse_id, bucket, sum(delta) AS pieces FROM inventory_stockmovement GROUP BY 1, 2, 3) m
     USING (sku_id, warehouse_id, bucket)
WHERE l.pieces IS DISTINCT FROM COALESCE(m.pieces, 0)
"""

_RESERVED = """
SELECT format('stock:%%s@%%s', sku_id, warehouse_id),
       format('reserved %%s, allocated %%s, open reservations add up to %%s and %%s',
              COALESCE(l.reserved::text, '-'), COALESCE(l.allocated::text, '-'),
              COALESCE(r.soft, 0), COALESCE(r.hard, 0))
FROM inventory_stocklevel l
FULL JOIN (SELECT sku_id, warehouse_id, COALESCE(sum(quantity) FILTER (WHERE NOT is_allocated), 0) AS soft,
                  COALESCE(sum(quantity) FILTER (WHERE is_allocated), 0) AS hard
           FROM inventory_reservation WHERE state = 'active' GROUP BY 1, 2) r USING (sku_id, warehouse_id)
WHERE l.reserved IS DISTINCT FROM COALESCE(r.soft, 0) OR l.allocated IS DISTINCT FROM COALESCE(r.hard, 0)
"""

_OVERSOLD = """
SELECT format('stock:%%s@%%s', sku_id, warehouse_id),
       format('on hand %%s, reserved %%s, allocated %%s, set aside %%s', on_hand, reserved, allocated, set_aside)
FROM inventory_stocklevel
WHERE least(on_hand + sold_short, reserved, allocated, set_aside, damaged, quarantine, sold_short) < 0
   OR allocated > on_hand + sold_short
   OR reserved + allocated + set_aside > on_hand + oversell_limit + sold_short
"""

_ONE_OPEN = """
SELECT 'order_line:' || line_id, format('%%s open reservations in warehouse %%s', count(*), warehouse_id)
FROM inventory_reservation WHERE state = 'active' AND line_id IS NOT NULL
GROUP BY line_id, warehouse_id HAVING count(*) > 1
"""

_BELONG = """
SELECT 'reservation:' || r.id, format('for order_line:%%s of order:%%s', r.line_id, r.order_id)
FROM inventory_reservation r
LEFT JOIN orders_orderline l ON l.id = r.line_id AND l.order_id = r.order_id AND l.sku_id = r.sku_id
WHERE l.id IS NULL AND r.holder = ''
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

_SET_ASIDE = """
SELECT format('stock:%%s@%%s', sku_id, warehouse_id),
       format('set aside %%s, left in open quotas %%s', COALESCE(l.set_aside::text, '-'), COALESCE(q.pieces, 0))
FROM inventory_stocklevel l
FULL JOIN (SELECT sku_id, warehouse_id, sum("left") AS pieces FROM inventory_channelquota
           WHERE state = 'open' GROUP BY 1, 2) q USING (sku_id, warehouse_id)
WHERE l.set_aside IS DISTINCT FROM COALESCE(q.pieces, 0)
"""

_QUOTAS_END = """
SELECT 'channelquota:' || id, format('%%s since %%s', state, COALESCE(ends_at, starts_at))
FROM inventory_channelquota
WHERE (state = 'open' AND ends_at < %(stale_before)s) OR (state = 'planned' AND starts_at < %(stale_before)s)
"""

_HOLDS_END = """
SELECT 'reservation:' || id, format('held by %%s until %%s', holder, expires_at)
FROM inventory_reservation WHERE state = 'active' AND expires_at < %(stale_before)s
"""

_CAPACITY = """
SELECT 'capacityday:' || c.id, format('used %%s, taken by production orders %%s', c.used, COALESCE(u.minutes, 0))
FROM inventory_capacityday c
LEFT JOIN (SELECT u.capacity_id, sum(u.minutes) AS minutes FROM inventory_capacityuse u
           JOIN inventory_productionorder p ON p.id = u.production_id WHERE p.state <> 'cancelled' GROUP BY 1) u
     ON u.capacity_id = c.id
WHERE c.used <> COALESCE(u.minutes, 0)
"""

_OVERBOOKED = """
SELECT 'capacityday:' || id, format('used %%s of %%s minutes', used, minutes)
FROM inventory_capacityday WHERE used > minutes
"""

# What a line no longer waits for loses its date in the transaction that reserves it or cancels it, or right after: the
# facts that are on their way to the promises are left out. A pre-sale with its deposit is promised before it is routed.
_CLAIMS = """
SELECT 'supplyclaim:' || c.id,
       format('%%s pieces promised to order_line:%%s, which waits for %%s', c.quantity, c.line_id,
              COALESCE(l.backordered + l.unplanned, 0))
FROM inventory_supplyclaim c
LEFT JOIN orders_orderline l ON l.id = c.line_id AND l.order_id = c.order_id AND l.sku_id = c.sku_id
WHERE c.line_id IS NOT NULL AND c.quantity > COALESCE(l.backordered + l.unplanned, 0)
  AND NOT EXISTS (SELECT FROM events_delivery d WHERE d.handler = 'fulfillment.promises' AND d.status = 'waiting'
                  AND d.subject = 'order:' || c.order_id)
"""

# What was held for an order before it was paid ends with its routing or its end, or the fact is still on its way.
_OWNERS = """
SELECT 'reservation:' || r.id, format('held for %%s, which is %%s', r.holder, COALESCE(o.state, 'unknown'))
FROM inventory_reservation r
LEFT JOIN orders_order o ON 'order:' || o.id = r.holder
WHERE r.state = 'active' AND r.holder LIKE 'order:%%'
  AND COALESCE(o.state, '') NOT IN ('pending_payment', 'awaiting_balance', 'preprocessing', 'delayed_review',
      'pending_review', 'pending_finance_review', 'approved', 'awaiting_supply')
  AND NOT EXISTS (SELECT FROM events_delivery d WHERE d.handler = 'fulfillment.stop' AND d.status = 'waiting'
                  AND d.subject = r.holder)
"""

_TAKEOVERS = """
SELECT 'sku:' || sku_id, format('%%s pieces changed hands on %%s, %%s were allowed', sum(pieces), day, max(allowed))
FROM inventory_stocktakeover GROUP BY sku_id, day HAVING sum(pieces) > max(allowed)
UNION ALL
SELECT 'order:' || t.giver_order_id, format('gave pieces to order:%%s of rank %%s, itself %%s', t.taker_order_id,
       t.taker_rank, t.giver_rank)
FROM inventory_stocktakeover t WHERE t.taker_rank <= t.giver_rank
"""

# Against what may be offered now. Numbers that are about to be worked out anew are left out, unless nobody does it.
_PUBLISHED = """
SELECT 'listing:' || c.listing_id, format('%%s published, %%s may be offered', c.published, o.number)
FROM inventory_channelstock c
JOIN unnest(%(listings)s::bigint[], %(versions)s::bigint[], %(offers)s::bigint[], %(numbers)s::bigint[])
     AS o(listing_id, version, offer, number) ON o.listing_id = c.listing_id AND o.version = c.version
JOIN catalog_listingmatch m ON m.id = c.listing_id
WHERE (c.published > o.offer OR (c.published <> o.number AND COALESCE(c.again_at < %(stale_before)s, true)))
  AND NOT COALESCE(c.again_at BETWEEN %(stale_before)s AND now(), false)
  AND NOT EXISTS (SELECT FROM inventory_stockchange n WHERE n.at >= %(stale_before)s AND (n.sku_id = m.sku_id
        OR n.sku_id IN (SELECT part_id FROM catalog_bundlepart p WHERE p.bundle_id = m.sku_id)))
UNION ALL
SELECT 'listing:' || listing_id, format('%%s published, %%s might be offered', published, why ->> 'offer')
FROM inventory_channelstock
WHERE published > greatest(0, (why ->> 'offer')::bigint) OR acked_version > version
"""


def _may_be_offered() -> dict[str, list[int]]:
    """What each listing that was told a number may offer now: looked up after its version, so that what is published
    meanwhile is not held against it."""
    told = dict(ChannelStock.objects.values_list("listing_id", "version"))
    listings = list(ListingMatch.objects.filter(pk__in=told, shop__is_active=True).exclude(listing_id=""))
    offers = offered_by(listings, at=timezone.now())
    return {
        "listings": list(offers),
        "versions": [told[pk] for pk in offers],
        "offers": [max(0, o.offer.offer) for o in offers.values()],
        "numbers": [o.offer.published for o in offers.values()],
    }


_TABLES = """
SELECT 'stocktable:' || t.id, format('%%s rows changed something, the ledger has %%s', t.moved, COALESCE(m.n, 0))
FROM inventory_stocktable t
LEFT JOIN (SELECT split_part(idempotency_key, ':', 2) AS digest, count(*) AS n FROM inventory_stockmovement
           WHERE starts_with(idempotency_key, 'table:') GROUP BY 1) m ON m.digest = left(t.digest, 32)
WHERE t.state = 'applied' AND t.kind IN ('count', 'adjust', 'arrival') AND t.moved <> COALESCE(m.n, 0)
"""

_RECEIVED = """
SELECT 'inbound:' || i.id, format('%%s pieces put away, %%s in the ledger', COALESCE(l.n, 0), COALESCE(m.n, 0))
FROM fulfillment_inboundorder i
LEFT JOIN (SELECT inbound_id, sum(put_away) AS n FROM fulfillment_inboundline GROUP BY 1) l ON l.inbound_id = i.id
LEFT JOIN (SELECT split_part(idempotency_key, ':', 2) AS code, sum(delta) AS n FROM inventory_stockmovement
           WHERE starts_with(idempotency_key, 'inbound:') GROUP BY 1) m ON m.code = i.code
WHERE COALESCE(l.n, 0) <> COALESCE(m.n, 0)
"""

# Out of the one warehouse when it is announced, back there when it is called off.
_SENT_OVER = """
SELECT 'inbound:' || i.id, format('%%s, %%s pieces left the other warehouse of %%s', i.state, COALESCE(m.n, 0), l.n)
FROM fulfillment_inboundorder i
JOIN (SELECT inbound_id, sum(planned) AS n FROM fulfillment_inboundline GROUP BY 1) l ON l.inbound_id = i.id
LEFT JOIN (SELECT split_part(idempotency_key, ':', 2) AS code, -sum(delta) AS n FROM inventory_stockmovement
           WHERE starts_with(idempotency_key, 'transfer:') GROUP BY 1) m ON m.code = i.code
WHERE i.kind = 'transfer' AND COALESCE(m.n, 0) <> CASE WHEN i.state = 'cancelled' THEN 0 ELSE l.n END
"""

# The receiving warehouse hears of a transfer when the other one has sent it, not before and not never.
_TOLD_WHEN_LEFT = """
SELECT 'inbound:' || i.id, format('%%s although its stock-out %%s is %%s', i.state, o.code, o.state)
FROM fulfillment_stockout o
JOIN fulfillment_inboundorder i ON i.id = o.inbound_id
JOIN inventory_warehouse w ON w.id = i.warehouse_id
WHERE w.kind <> 'own' AND CASE WHEN o.state IN ('leaving', 'left') THEN i.state IN ('planned', 'cancelled')
                          ELSE i.state IN ('sent', 'accepted') END
"""

CHECKS = (
    Check("stock_is_sum_of_movements", _("Stock on hand is the sum of its movements"), _ON_HAND),
    Check("reserved_is_sum_of_reservations", _("Reserved stock is the sum of the open reservations"), _RESERVED),
    Check("stock_never_oversold", _("No more is reserved than is on hand, and nothing is negative"), _OVERSOLD),
    Check("set_aside_is_sum_of_quotas", _("What is set aside is what the shops' open quotas have left"), _SET_ASIDE),
    Check("quotas_end_in_time", _("Quotas begin and end at their time"), _QUOTAS_END),
    Check("holds_expire_in_time", _("A promise before payment ends at its time"), _HOLDS_END),
    Check("capacity_is_sum_of_uses", _("Used capacity is the sum of what production orders take"), _CAPACITY),
    Check("capacity_never_overbooked", _("No day of a production resource is booked beyond its minutes"), _OVERBOOKED),
    Check("claims_belong_to_waiting_lines", _("A date is promised only to lines that wait for supply"), _CLAIMS),
    Check(
        "unpaid_holds_have_an_order",
        _("What is held for an order before it is paid ends when it is routed or over"),
        _OWNERS,
    ),
    Check(
        "takeovers_keep_to_the_cap",
        _("No more stock changes hands in a day than is allowed, and only towards higher grades"),
        _TAKEOVERS,
    ),
    Check(
        "published_number_has_reasons",
        _("A channel is told no more than it may offer, in the newest version"),
        _PUBLISHED,
        _may_be_offered,
    ),
    Check("tables_did_what_they_say", _("A stock table moved what it says that it moved"), _TABLES),
    Check("received_pieces_are_in_the_ledger", _("What a delivery brought is in the stock"), _RECEIVED),
    Check("transfers_left_the_other_warehouse", _("What is sent over has left the other warehouse"), _SENT_OVER),
    Check(
        "transfers_are_told_when_they_left",
        _("A warehouse is told of a transfer when the other one has sent it"),
        _TOLD_WHEN_LEFT,
    ),
    Check("one_open_reservation", _("An order line has at most one open reservation in a warehouse"), _ONE_OPEN),
    Check("reservations_belong_to_lines", _("Each reservation is for a line of its order and for its SKU"), _BELONG),
    Check("shipped_pieces_left_the_stock", _("What each shipment shipped was taken from stock"), _SHIPPED),
)
