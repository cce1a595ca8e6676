"""What the case queue refuses."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError


class CaseUnknown(OrderCenterError):
    """There is no such case, or not for this caller."""

    code = "cases.unknown"
    title = _("There is no such case.")
    status = 404

    def __init__(self, *, case_id: int):
        super().__init__(f"case {case_id} is unknown")
        self.case_id = case_id


class CaseTaken(OrderCenterError):
    """Somebody else has claimed the case and is still at it."""

    code = "cases.taken"
    title = _("Somebody else is working on this case.")
    hint = _("Take the next one, or ask a supervisor to take it over.")

    def __init__(self, *, case_id: int, owner_id: int):
        super().__init__(f"case {case_id} is claimed by user {owner_id}")
        self.case_id, self.owner_id = case_id, owner_id


class CaseClosedAlready(OrderCenterError):
    """The case has been solved meanwhile."""

    code = "cases.closed_already"
    title = _("The case has been closed already.")
    hint = _("Reload the queue.")

    def __init__(self, *, case_id: int, state: str):
        super().__init__(f"case {case_id} is {state}")
        self.case_id, self.state = case_id, state


class ReasonMissing(OrderCenterError):
    """A person who decides says why."""

    code = "cases.reason_missing"
    title = _("A reason is needed.")
    hint = _("Say in a few words why you decide so; the audit keeps it.")
    status = 400
