"""Rules of routing, calendars of warehouses, pins, prices and decisions: the tables behind the pages of the console."""

from __future__ import annotations

import re

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, RangeDateFilter, RangeDateTimeFilter
from unfold.decorators import display

from fulfillment.models import (
    BacklogRun,
    RoutingDecision,
    RoutingPin,
    RoutingRuleSet,
    RoutingRuleVersion,
    ShadowDifference,
    ShadowPrices,
    ShadowRun,
    WarehouseCalendar,
    WarehouseClosing,
    WarehouseDay,
    WarehouseLoad,
)
from fulfillment.models.routing import DecisionOutcome, ShadowStatus
from ordercenter.common.admin_base import (
    HistoryAdmin,
    ReadOnlyAdmin,
    ReadOnlyHistoryAdmin,
    ScopedRelatedFilter,
    badge,
)


@admin.register(RoutingRuleSet)
class RoutingRuleSetAdmin(ReadOnlyHistoryAdmin):
    whole_company = True
    list_display = ["key", "active_version", "draft_revision", "draft_changed_at", "draft_changed_by"]
    list_select_related = ["active_version", "draft_changed_by"]
    ordering = ["key"]


@admin.register(RoutingRuleVersion)
class RoutingRuleVersionAdmin(ReadOnlyAdmin):
    whole_company = True
    list_display = ["number", "content_hash", "created_at", "created_by"]
    list_select_related = ["created_by"]
    ordering = ["-number"]


@admin.register(WarehouseCalendar)
class WarehouseCalendarAdmin(HistoryAdmin):
    warehouse = "warehouse_id"
    list_display = ["warehouse", "workdays", "cut_off", "waves", "daily_parcels", "full_excludes"]
    list_display_links = ["warehouse"]
    list_select_related = ["warehouse"]
    ordering = ["warehouse_id"]


@admin.register(WarehouseDay)
class WarehouseDayAdmin(HistoryAdmin):
    deletable = True
    warehouse = "warehouse_id"
    list_display = ["warehouse", "on", "is_workday", "daily_parcels", "note"]
    list_display_links = ["warehouse", "on"]
    list_filter = [("warehouse", ScopedRelatedFilter), ("on", RangeDateFilter), ("is_workday", BooleanRadioFilter)]
    list_select_related = ["warehouse"]
    ordering = ["-on", "warehouse_id"]


@admin.register(WarehouseClosing)
class WarehouseClosingAdmin(HistoryAdmin):
    deletable = True
    warehouse = "warehouse_id"
    list_display = ["warehouse", "starts_on", "reopens_on", "policy", "reason"]
    list_display_links = ["warehouse", "starts_on"]
    list_filter = [("warehouse", ScopedRelatedFilter), ("starts_on", RangeDateFilter)]
    list_select_related = ["warehouse"]
    ordering = ["-starts_on", "warehouse_id"]


@admin.register(WarehouseLoad)
class WarehouseLoadAdmin(ReadOnlyAdmin):
    warehouse = "warehouse_id"
    list_display = ["warehouse", "on", "parcels"]
    list_filter = [("warehouse", ScopedRelatedFilter), ("on", RangeDateFilter)]
    list_select_related = ["warehouse"]
    ordering = ["-on", "warehouse_id"]


@admin.register(RoutingPin)
class RoutingPinAdmin(ReadOnlyHistoryAdmin):
    shop = "order__shop_id"
    warehouse = "warehouse_id"
    list_display = ["order", "warehouse", "policy", "reason", "created_at", "created_by", "ended_at"]
    list_filter = [("warehouse", ScopedRelatedFilter), ("created_at", RangeDateTimeFilter)]
    list_select_related = ["order", "warehouse", "created_by"]
    search_fields = ["=order__channel_order_no"]
    ordering = ["-id"]


@admin.register(ShadowPrices)
class ShadowPricesAdmin(ReadOnlyAdmin):
    whole_company = True
    list_display = ["id", "source", "orders", "learned_at", "is_active"]
    list_filter = [("is_active", BooleanRadioFilter)]
    ordering = ["-id"]


@admin.register(RoutingDecision)
class RoutingDecisionAdmin(ReadOnlyAdmin):
    shop = "order__shop_id"
    list_display = ["order", "at", "outcome_label", "code"]
    list_filter = [("outcome", ChoicesDropdownFilter), ("at", RangeDateTimeFilter)]
    list_select_related = ["order"]
    search_fields = ["=order__channel_order_no"]
    ordering = ["-id"]

    @badge(
        description=_("outcome"),
        ordering="outcome",
        colours={DecisionOutcome.REFUSED: "danger", DecisionOutcome.MOVED: "info"},
    )
    def outcome_label(self, decision: RoutingDecision) -> tuple[str, str]:
        return decision.outcome, decision.get_outcome_display()


_APART = re.compile(r"^apart: (\d+) (\w+)$")
_FIXED = re.compile(r"^fixed: (\d+) (\w+)$")
_WHY_FIXED = {
    "pinned": _("%(count)s pinned to a warehouse"),
    "ranked": _("%(count)s by the best of their regional ranking that has everything"),
    "boxes": _("%(count)s that rules of packing cut into several boxes"),
}
_WHY_APART = {
    "company": _("%(count)s in parcels of several orders, of which one is held or no longer planned"),
    "parcels": _("%(count)s that share several parcels with others"),
    "rules": _("%(count)s in parcels of several orders with different rules, or of which one is pinned or ranked"),
    "unanswered": _("%(count)s with a rule that cannot be answered"),
    "no_way": _("%(count)s pinned or ranked, for which there is no way now"),
    # Of runs before such orders took part.
    "pinned": _("%(count)s pinned: a person said from where"),
    "shared": _("%(count)s in parcels of several orders: these move only whole"),
    "ranked": _("%(count)s by a ranking: rules choose step by step, not by the cost of all together"),
}


@admin.register(BacklogRun)
class BacklogRunAdmin(ReadOnlyAdmin):
    whole_company = True
    list_display = [
        "id",
        "cause",
        "warehouse",
        "started_at",
        "finished_at",
        "orders",
        "moved",
        "changed_meanwhile",
        "cost_before_fen",
        "cost_after_fen",
        "method",
        "decided_first",
        "stayed_out",
    ]
    list_filter = [("started_at", RangeDateTimeFilter)]
    list_select_related = ["warehouse"]
    ordering = ["-id"]

    @display(description=_("decided before the others"))
    def decided_first(self, run: BacklogRun) -> str:
        """Orders whose rules or people say where, and what they used was not there for the others."""
        counts = {reason: count for note in run.notes for count, reason in _FIXED.findall(note)}
        words = [_WHY_FIXED[reason] % {"count": count} for reason, count in counts.items() if reason in _WHY_FIXED]
        return "; ".join(words) or "–"

    @display(description=_("stayed as they were"))
    def stayed_out(self, run: BacklogRun) -> str:
        """Orders that were held back too and took no part, with the reason."""
        counts = {reason: count for note in run.notes for count, reason in _APART.findall(note)}
        words = [_WHY_APART[reason] % {"count": count} for reason, count in counts.items() if reason in _WHY_APART]
        return "; ".join(words) or "–"


@admin.register(ShadowRun)
class ShadowRunAdmin(ReadOnlyAdmin):
    whole_company = True
    list_display = ["name", "first_day", "last_day", "status_label", "created_at", "created_by", "finished_at"]
    list_filter = [("status", ChoicesDropdownFilter), ("created_at", RangeDateTimeFilter)]
    list_select_related = ["created_by"]
    ordering = ["-id"]

    @badge(
        description=_("status"),
        ordering="status",
        colours={ShadowStatus.DONE: "success", ShadowStatus.FAILED: "danger", ShadowStatus.RUNNING: "info"},
    )
    def status_label(self, run: ShadowRun) -> tuple[str, str]:
        return run.status, run.get_status_display()


@admin.register(ShadowDifference)
class ShadowDifferenceAdmin(ReadOnlyAdmin):
    whole_company = True
    list_display = ["run", "order", "day", "saved_fen"]
    list_filter = [("run", ScopedRelatedFilter), ("day", RangeDateFilter)]
    list_select_related = ["run", "order"]
    ordering = ["-id"]
