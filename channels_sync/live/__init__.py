"""Live-stream sessions: the verbs."""

from channels_sync.live.attributing import attribute_sales, keep_live_sales, orders_of_locks
from channels_sync.live.looking import attribute_late_sales, tell_few_left
from channels_sync.live.planning import LiveGoods, LivePlan, change_session, plan_session
from channels_sync.live.running import cancel_sessions, end_sessions, move_due_sessions, start_sessions

__all__ = [
    "LiveGoods",
    "LivePlan",
    "attribute_late_sales",
    "attribute_sales",
    "cancel_sessions",
    "change_session",
    "end_sessions",
    "keep_live_sales",
    "move_due_sessions",
    "orders_of_locks",
    "plan_session",
    "start_sessions",
    "tell_few_left",
]
