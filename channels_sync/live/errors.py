"""What is refused of live-stream sessions."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError


class LivePlanWrong(OrderCenterError):
    """A plan that cannot be: no room and no anchor, times that are no span, goods twice, a bundle."""

    code = "channels.live_plan_wrong"
    title = _("This is no plan of a session.")
    hint = _("Give the room or the anchor, an end after the start, and each SKU once; of a bundle give its parts.")
    status = 400

    def __init__(self, *, problem: str):
        super().__init__(f"no plan: {problem}")
        self.problem = problem


class LiveSessionOverlaps(OrderCenterError):
    """The room, or the anchor, has another session of the shop at that time: orders could be of either."""

    code = "channels.live_session_overlaps"
    title = _("The room or the anchor has another session at that time.")
    hint = _("Call the other one off or choose another time; otherwise nobody could say whose an order is.")

    def __init__(self, *, other_id: int):
        super().__init__(f"live session {other_id} is at that time")
        self.other_id = other_id


class LiveSessionUnknown(OrderCenterError):
    """There is no such session."""

    code = "channels.live_session_unknown"
    title = _("There is no such session.")
    status = 404

    def __init__(self, *, session_id: int):
        super().__init__(f"live session {session_id} is unknown")
        self.session_id = session_id


class LiveSessionCalledOff(OrderCenterError):
    """A session that was called off is not changed any more."""

    code = "channels.live_session_called_off"
    title = _("This session was called off.")
    hint = _("Plan a new one.")

    def __init__(self, *, session_id: int):
        super().__init__(f"live session {session_id} was called off")
        self.session_id = session_id
