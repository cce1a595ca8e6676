"""Cases as data; the work on them is done in the queue of the console."""

from __future__ import annotations

from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from ordercenter.audit.steps import Step, StepsMixin, offer_steps
from ordercenter.cases import services
from ordercenter.cases.codes import case_code
from ordercenter.cases.models import Case, CaseGroup
from ordercenter.cases.states import CaseLevel, CaseState
from ordercenter.common.actor import Actor
from ordercenter.common.admin_base import ReadOnlyAdmin, ReadOnlyHistoryAdmin, badge
from ordercenter.common.batch import BatchResult

LEVEL_COLOURS = {CaseLevel.BLOCKING: "danger", CaseLevel.WARNING: "warning"}
STATE_COLOURS = {
    CaseState.OPEN: "warning",
    CaseState.CLAIMED: "info",
    CaseState.RESOLVED: "success",
    CaseState.AUTO_RESOLVED: "success",
}


def _give_back(pk: int, reason: str, actor: Actor) -> BatchResult:
    return services.give_back(case_ids=[pk], at=timezone.now(), actor=actor)


def _resolve(pk: int, reason: str, actor: Actor) -> BatchResult:
    return services.resolve_cases(case_ids=[pk], resolution=reason, at=timezone.now(), actor=actor)


def _dismiss(pk: int, reason: str, actor: Actor) -> BatchResult:
    return services.resolve_cases(case_ids=[pk], resolution=reason, at=timezone.now(), actor=actor, dismiss=True)


def _is_open(case: Case) -> bool:
    return case.is_open


offer_steps(
    Step(Case, "give_back", _("Put back into the queue"), "cases.work_case", perform=_give_back),
    Step(Case, "resolve", _("Resolve"), "cases.work_case", perform=_resolve, possible=_is_open, grave=True),
    Step(
        Case,
        "dismiss",
        _("Dismiss: no problem at all"),
        "cases.work_case",
        perform=_dismiss,
        possible=_is_open,
        grave=True,
    ),
)


@admin.register(Case)
class CaseAdmin(StepsMixin, ReadOnlyHistoryAdmin):
    shop = "shop_id"
    warehouse = "warehouse_id"
    list_display = ["reference", "code_title", "level_label", "state_label", "owner", "due_at", "money_at_risk"]
    list_display_links = ["reference", "code_title"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("level", ChoicesDropdownFilter),
        ("opened_at", RangeDateTimeFilter),
    ]
    list_select_related = ["owner"]
    search_fields = ["=reference", "=subject", "=code"]
    search_help_text = _("The whole number, subject or code")
    ordering = ["-id"]

    @display(description=_("code"), ordering="code")
    def code_title(self, case: Case) -> str:
        return str(case_code(case.code).title)

    @badge(description=_("level"), ordering="level", colours=LEVEL_COLOURS)
    def level_label(self, case: Case) -> tuple[str, str]:
        return case.level, case.get_level_display()

    @badge(description=_("state"), ordering="state", colours=STATE_COLOURS)
    def state_label(self, case: Case) -> tuple[str, str]:
        return case.state, case.get_state_display()


@admin.register(CaseGroup)
class CaseGroupAdmin(ReadOnlyAdmin):
    shop = "case__shop_id"
    to_many = True
    list_display = ["title", "code", "root_cause", "created_at"]
    search_fields = ["=root_cause", "=code"]
    ordering = ["-id"]
