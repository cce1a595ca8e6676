"""What the post office refuses."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError


class NotParked(OrderCenterError):
    """Only parked deliveries and messages, and commands that were given up, can be started again."""

    code = "events.not_parked"
    title = _("Nothing to retry: it is not parked.")
    hint = _("Reload the list; it may have been retried already.")

    def __init__(self, *, ids: list[int]):
        super().__init__(f"not parked: {ids}")
        self.ids = ids


class CommandObsolete(OrderCenterError):
    """What the command is about is no longer there, or needs it no more: nothing is sent."""

    code = "events.command_obsolete"
    title = _("The command is no longer needed.")

    def __init__(self, *, command_id: int):
        super().__init__(f"command {command_id} is obsolete")
        self.command_id = command_id
