"""The post office for integrators, to be read and started again: facts, deliveries, inbox, commands, timers."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from ordercenter.common.actor import actor_of
from ordercenter.common.admin_base import ReadOnlyAdmin, badge
from ordercenter.common.admin_messages import report_batch
from ordercenter.events import retrying
from ordercenter.events.models import (
    Delivery,
    EventRow,
    InboxMessage,
    OutgoingCommand,
    OutgoingStatus,
    ProcessBeat,
    Timer,
    WorkStatus,
)

STATUS_COLOURS = {
    WorkStatus.WAITING: "info",
    WorkStatus.SENDING: "info",
    WorkStatus.DONE: "success",
    WorkStatus.PARKED: "danger",
    OutgoingStatus.DEAD: "danger",
    OutgoingStatus.REFUSED: "warning",
}


class PostOfficeAdmin(ReadOnlyAdmin):
    """Rows that tell about all shops."""

    whole_company = True

    @badge(description=_("status"), ordering="status", colours=STATUS_COLOURS)
    def status_label(self, row: Any) -> tuple[str, str]:
        return row.status, row.get_status_display()

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"events.change_{self.opts.model_name}")

    @display(description=_("content"))
    def content_link(self, row: Any) -> str:
        """Messages and commands may hold personal data: their content is shown on request, and that is recorded."""
        url = reverse("console:reveal", args=[self.opts.model_name, row.pk])
        return format_html('<a class="text-primary-600 underline" href="{}">{}</a>', url, _("Show content ..."))


@admin.register(EventRow)
class EventRowAdmin(PostOfficeAdmin):
    list_display = ["recorded_at", "name", "subject", "actor", "depth", "cause_id"]
    list_display_links = ["recorded_at", "name"]
    search_fields = ["=subject", "=chain_id"]
    search_help_text = _("The whole subject, such as order:12, or the whole chain id")
    ordering = ["-id"]


@admin.register(Delivery)
class DeliveryAdmin(PostOfficeAdmin):
    list_display = ["event_id", "handler", "subject", "status_label", "tries", "due_at", "done_at", "short_error"]
    list_filter = [("status", ChoicesDropdownFilter)]
    search_fields = ["=event_id"]
    search_help_text = _("An event's number")
    ordering = ["-id"]
    actions = ["retry_parked"]

    @display(description=_("error"))
    def short_error(self, row: Delivery) -> str:
        return row.error[:80]

    @admin.action(description=_("Start parked deliveries again"), permissions=["retry"])
    def retry_parked(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        report_batch(request, retrying.retry_deliveries(ids=list(queryset.values_list("pk", flat=True))))


@admin.register(InboxMessage)
class InboxMessageAdmin(PostOfficeAdmin):
    list_display = ["received_at", "source", "kind", "message_id", "subject", "status_label", "tries", "short_error"]
    list_display_links = ["received_at", "message_id"]
    list_filter = [("status", ChoicesDropdownFilter)]
    search_fields = ["=subject"]
    search_help_text = _("The whole subject, such as account:1:4012345678")
    ordering = ["-id"]
    actions = ["retry_parked", "replay"]
    exclude = ["headers"]
    readonly_fields = ["content_link"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboxMessage]:
        rows: QuerySet[InboxMessage] = super().get_queryset(request)
        return rows.defer("body", "headers")

    @display(description=_("error"))
    def short_error(self, row: InboxMessage) -> str:
        return row.error[:80]

    @admin.action(description=_("Read parked messages again"), permissions=["retry"])
    def retry_parked(self, request: HttpRequest, queryset: QuerySet[InboxMessage]) -> None:
        report_batch(request, retrying.retry_messages(ids=list(queryset.values_list("pk", flat=True))))

    @admin.action(description=_("Replay messages, also those done"), permissions=["retry"])
    def replay(self, request: HttpRequest, queryset: QuerySet[InboxMessage]) -> None:
        report_batch(request, retrying.replay_messages(ids=list(queryset.values_list("pk", flat=True))))


@admin.register(OutgoingCommand)
class OutgoingCommandAdmin(PostOfficeAdmin):
    list_display = ["created_at", "kind", "target", "subject", "status_label", "tries", "due_at", "error_code"]
    list_display_links = ["created_at", "kind"]
    list_filter = [("status", ChoicesDropdownFilter)]
    search_fields = ["=subject", "=idempotency_key"]
    search_help_text = _("The whole subject, such as shipment:12, or idempotency key")
    ordering = ["-id"]
    actions = ["retry_ended"]
    exclude = ["payload", "answer"]
    readonly_fields = ["content_link"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutgoingCommand]:
        rows: QuerySet[OutgoingCommand] = super().get_queryset(request)
        return rows.defer("payload", "answer")

    @admin.action(description=_("Send refused and given up commands again"), permissions=["retry"])
    def retry_ended(self, request: HttpRequest, queryset: QuerySet[OutgoingCommand]) -> None:
        ids = list(queryset.values_list("pk", flat=True))
        report_batch(request, retrying.retry_commands(ids=ids, actor=actor_of(request)))


@admin.register(Timer)
class TimerAdmin(PostOfficeAdmin):
    list_display = ["due_at", "event", "key", "fired_at", "cancelled_at"]
    search_fields = ["=key"]
    ordering = ["-id"]


@admin.register(ProcessBeat)
class ProcessBeatAdmin(PostOfficeAdmin):
    list_display = ["name", "at"]
    ordering = ["name"]
