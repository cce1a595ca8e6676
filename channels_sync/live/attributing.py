"""Whose sale was it: lines that came from a live room are given to the session of that room or anchor at that time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from django.db import connection

from ordercenter.orders.models import Order
from ordercenter.orders.services import TakenOrder

# A sale is of a session of its shop, in its room or by its anchor, when it was placed between the moment from which the
# goods are set aside and the end. The room tells more than the anchor.
_BEGINS = "LEAST(s.started_at, s.planned_start - make_interval(mins => s.lead_minutes))"
_FITS = f"""
s.shop_id = v.shop_id AND s.state <> 'cancelled'
AND ((s.room_id <> '' AND s.room_id = v.room_id)
     OR (s.author_id <> '' AND s.author_id = v.author_id AND (s.room_id = '' OR v.room_id = '')))
AND v.placed_at >= {_BEGINS}
AND v.placed_at < COALESCE(s.ended_at, s.planned_end)
"""
_BEST = f"""
(SELECT s.id FROM channels_sync_livesession s WHERE {_FITS}
 ORDER BY s.room_id = v.room_id DESC, s.planned_start DESC, s.id LIMIT 1)
"""
_KEEP = f"""
INSERT INTO channels_sync_livesale (order_id, channel_line_no, shop_id, room_id, author_id, listing_id, listing_sku_id,
                                    pieces, amount, placed_at, session_id)
SELECT v.*, {_BEST} FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[],
    %s::int[], %s::numeric[], %s::timestamptz[])
    AS v(order_id, line_no, shop_id, room_id, author_id, listing_id, listing_sku_id, pieces, amount, placed_at)
ON CONFLICT (order_id, channel_line_no) DO NOTHING
"""
_LOSE = f"""
UPDATE channels_sync_livesale v SET session_id = NULL FROM channels_sync_livesession s
WHERE v.session_id = s.id AND s.id = ANY(%s) AND NOT ({_FITS})
"""
_FIND = f"""
UPDATE channels_sync_livesale v SET session_id = {_BEST}
FROM (SELECT s.shop_id, min({_BEGINS}) AS first
      FROM channels_sync_livesession s WHERE s.id = ANY(%s) GROUP BY s.shop_id) mine
WHERE v.session_id IS NULL AND v.shop_id = mine.shop_id AND v.placed_at >= mine.first AND EXISTS (
    SELECT FROM channels_sync_livesession s WHERE s.id = ANY(%s) AND {_FITS})
"""

_OF_LOCKS = """
SELECT i.quota_id, array_agg(DISTINCT v.order_id)
FROM channels_sync_livesale v JOIN channels_sync_liveitem i ON i.session_id = v.session_id
WHERE i.quota_id = ANY(%s) AND v.order_id = ANY(%s) GROUP BY i.quota_id
"""


def keep_live_sales(*, taken: Sequence[TakenOrder], orders: Mapping[tuple[int, str], Order]) -> None:
    """Write down which lines of these orders came from a live room, and whose sale each was.

    orders: ours, by shop and number. A line that is known already stays as it is. One statement for any number of
    orders, none where no line came from a room.
    """
    rows = [
        (
            orders[t.shop_id, t.order.channel_order_no].pk,
            line.channel_line_no,
            t.shop_id,
            line.live_room_id[:64],
            line.live_author_id[:64],
            line.listing_id,
            line.listing_sku_id,
            line.quantity,
            line.paid_share,
            t.order.created_at,
        )
        for t in taken
        for line in t.order.lines
        if line.live_room_id or line.live_author_id
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_KEEP, [list(column) for column in zip(*rows, strict=True)])


def orders_of_locks(quota_ids: Collection[int], order_ids: Collection[int]) -> dict[int, list[int]]:
    """Which of these orders may take from what is set aside for sessions: those of which a line is the session's sale.

    By quota. One statement.
    """
    with connection.cursor() as cursor:
        cursor.execute(_OF_LOCKS, [list(quota_ids), list(order_ids)])
        return dict(cursor.fetchall())


def attribute_sales(session_ids: Collection[int]) -> None:
    """Sales that do not fit these sessions any more leave them; those that nobody has and that fit come to them.

    For sessions that were entered or changed after their orders came. Two statements.
    """
    ids = sorted(session_ids)
    with connection.cursor() as cursor:
        cursor.execute(_LOSE, [ids])
        cursor.execute(_FIND, [ids, ids])
