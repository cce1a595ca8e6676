"""The audit, to be read: moves of every machine, deeds of every person."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from ordercenter.audit.models import Deed, StateChange
from ordercenter.common.admin_base import ReadOnlyAdmin


@admin.register(StateChange)
class StateChangeAdmin(ReadOnlyAdmin):
    whole_company = True
    list_display = ["at", "machine", "subject_id", "move", "src", "dst", "actor"]
    list_display_links = ["at"]
    search_fields = ["=subject_id"]
    search_help_text = _("The number of the row that moved")
    ordering = ["-id"]


@admin.register(Deed)
class DeedAdmin(ReadOnlyAdmin):
    whole_company = True
    list_display = ["at", "actor", "action", "subject", "reason"]
    list_display_links = ["at"]
    search_fields = ["=subject", "=actor", "=action"]
    search_help_text = _("The whole subject, such as order:12, an actor or an action")
    ordering = ["-id"]
