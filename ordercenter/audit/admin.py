"""The audit, to be read: moves of every machine, deeds of every person."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ordercenter.audit.models import Deed, StateChange
from ordercenter.common.admin_base import ReadOnlyAdmin


@admin.register(StateChange)
class StateChangeAdmin(ReadOnlyAdmin):
    whole_company = True
    list_display = ["at", "machine", "subject_id", "move", "src", "dst", "actor"]
    list_display_links = ["at"]
    search_fields = ["=subject_id"]
    search_help_text = _("What moved, such as order:12")
    ordering = ["-id"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[StateChange], search_term: str
    ) -> tuple[QuerySet[StateChange], bool]:
        machine, _sep, number = search_term.strip().partition(":")
        if not machine:
            return queryset, False
        if not number.isascii() or not number.isdigit() or len(number) > 18:
            return queryset.none(), False
        return queryset.filter(machine=machine, subject_id=int(number)), False


@admin.register(Deed)
class DeedAdmin(ReadOnlyAdmin):
    whole_company = True
    list_display = ["at", "actor", "action", "subject", "reason"]
    list_display_links = ["at"]
    search_fields = ["=subject", "=actor", "=action"]
    search_help_text = _("The whole subject, such as order:12, an actor or an action")
    ordering = ["-id"]
