"""Live-stream sessions: what is set aside for them, and whose their orders are."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from ordercenter.console.invariants.base import Check

# A lock that a person set aside without a session has its own end, and its own timer.
_LOCKS = """
SELECT 'quota:' || q.id, format('is open for live_session:%%s, which is %%s and ends %%s', s.id, s.state, s.planned_end)
FROM inventory_channelquota q
JOIN channels_sync_liveitem i ON i.quota_id = q.id
JOIN channels_sync_livesession s ON s.id = i.session_id
WHERE q.state = 'open' AND (s.state NOT IN ('planned', 'live') OR s.planned_end < %(stale_before)s)
UNION ALL
SELECT 'quota:' || q.id, format('is of shop:%%s, its session of shop:%%s', q.shop_id, s.shop_id)
FROM inventory_channelquota q
JOIN channels_sync_liveitem i ON i.quota_id = q.id
JOIN channels_sync_livesession s ON s.id = i.session_id
WHERE q.shop_id <> s.shop_id
"""

_SALES = """
SELECT 'order:' || v.order_id, format('is of shop:%%s, and counts for live_session:%%s of shop:%%s', o.shop_id, s.id,
                                      s.shop_id)
FROM channels_sync_livesale v
JOIN channels_sync_livesession s ON s.id = v.session_id
LEFT JOIN orders_order o ON o.id = v.order_id
WHERE o.shop_id IS DISTINCT FROM s.shop_id
"""

CHECKS = (
    Check(
        "live_locks_have_running_sessions",
        _("What is set aside for a live stream belongs to a session of the shop that is not over"),
        _LOCKS,
    ),
    Check("live_sales_are_of_the_shop", _("Orders of a live-stream session are of the shop of the session"), _SALES),
)
