"""Channel accounts and how far their changes have been read."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminSelectWidget

from channels_sync.adapters import http
from channels_sync.adapters.base import Platform
from channels_sync.counter_models import Counter, CounterDocument, CounterShift
from channels_sync.live_models import LiveItem, LiveSale, LiveSession
from channels_sync.models import ChannelAccount, ConnectorVersion, MessageReplay, PullRun, SyncCursor
from channels_sync.order_file_models import FileOrderRow, OrderFile, OrderFileLayout, OrderFilePart
from channels_sync.platforms import PLATFORMS
from ordercenter.common.admin_base import HistoryAdmin, ReadOnlyAdmin, ReadOnlyHistoryAdmin
from ordercenter.common.sealed_form import SealedForm


class ChannelAccountForm(SealedForm):
    """Secrets and options are those that the platform names; a new secret may be one of them only."""

    adapter = forms.ChoiceField(
        label=_("adapter"),
        choices=[(code, platform.label) for code, platform in PLATFORMS.items()],
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = ChannelAccount
        fields: ClassVar = [
            "shop",
            "adapter",
            "base_url",
            "app_key",
            "options",
            "message_group",
            "is_active",
            "authorised_until",
            "renewable_until",
            "paused_until",
            "pause_reason",
        ]

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        needed = "; ".join(f"{p.label}: {', '.join(f.name for f in p.secrets)}" for p in PLATFORMS.values())
        self.fields["new_secret"].help_text = format_lazy(
            "{} {} {}",
            self.fields["new_secret"].help_text,
            _("A JSON object with the names that the platform needs."),
            needed,
        )

    def clean(self) -> dict[str, Any]:
        """Raises ValidationError for a secret that lacks, or an option that the platform does not know."""
        values: dict[str, Any] = super().clean() or {}
        platform = PLATFORMS.get(values.get("adapter", ""))
        if platform is None:
            return values
        secret = values.get("new_secret")
        if isinstance(secret, dict):
            lacking = [field.name for field in platform.secrets if field.is_required and not secret.get(field.name)]
            if lacking:
                self.add_error(
                    "new_secret", _("The platform needs these too: %(names)s.") % {"names": ", ".join(lacking)}
                )
        values["options"] = {} if values.get("options") is None else values["options"]
        self._check_options(platform, values["options"])
        return values

    def _check_options(self, platform: Platform, options: Any) -> None:
        if not isinstance(options, dict):
            self.add_error("options", _("A JSON object belongs here."))
            return
        stored = self.instance.options if self.instance.pk else {}
        if any(options.get(name) != stored.get(name) for name in ("connector", "connector_version")):
            self.add_error("options", _("The connector is written and activated on its own page."))
        known = {field.name: field for field in platform.options}
        for name, value in options.items():
            if name not in known:
                self.add_error("options", _("The platform has no option %(name)s.") % {"name": name})
            elif known[name].choices and value not in dict(known[name].choices):
                allowed = ", ".join(str(choice) for choice, _label in known[name].choices)
                self.add_error(
                    "options", _("%(name)s must be one of: %(allowed)s.") % {"name": name, "allowed": allowed}
                )
        lacking = [field.name for field in platform.options if field.is_required and field.name not in options]
        if lacking:
            self._tell_lacking("options", lacking)

    def _tell_lacking(self, name: str, lacking: list[str]) -> None:
        self.add_error(name, _("The platform needs these too: %(names)s.") % {"names": ", ".join(lacking)})


@admin.register(ChannelAccount)
class ChannelAccountAdmin(HistoryAdmin):
    shop = "shop_id"
    form = ChannelAccountForm
    list_display = ["shop", "adapter", "base_url", "is_active", "authorised_until", "paused_until"]
    list_filter = [("is_active", BooleanRadioFilter)]
    list_select_related = ["shop"]
    search_fields = ["=app_key", "=shop__code"]
    ordering = ["shop_id"]
    readonly_fields = ["push_address", "connector_page"]

    @admin.display(description=_("address for pushes"))
    def push_address(self, account: ChannelAccount) -> str:
        """Where the platform is to send what happens; a person enters it there. A dash where nothing is pushed."""
        platform = PLATFORMS.get(account.adapter)
        if account.pk is None or platform is None or platform.take_push is None:
            return "-"
        return reverse("channel-push", args=[account.adapter, account.push_token])

    @admin.display(description=_("page of the connector"))
    def connector_page(self, account: ChannelAccount) -> str:
        """Where the document of such an account is written and put to work; a dash for platforms of their own."""
        if account.pk is None or account.adapter != http.CODE:
            return "-"
        address = reverse("console:connector", args=[account.pk])
        return format_html('<a href="{}">{}</a>', address, address)


@admin.register(PullRun)
class PullRunAdmin(ReadOnlyAdmin):
    shop = "account__shop_id"
    list_display = ["account", "kind", "window_start", "window_end", "started_at", "seen", "kept", "missed", "error"]
    list_select_related = ["account"]
    ordering = ["-created_at"]


@admin.register(MessageReplay)
class MessageReplayAdmin(ReadOnlyAdmin):
    shop = "account__shop_id"
    list_display = ["account", "reason", "created_at", "asked_by"]
    list_select_related = ["account", "asked_by"]
    ordering = ["-created_at"]


@admin.register(ConnectorVersion)
class ConnectorVersionAdmin(ReadOnlyAdmin):
    shop = "account__shop_id"
    list_display = ["account", "number", "note", "made_at", "made_by"]
    list_select_related = ["account", "made_by"]
    ordering = ["account_id", "-number"]


@admin.register(SyncCursor)
class SyncCursorAdmin(ReadOnlyAdmin):
    shop = "account__shop_id"
    list_display = ["account", "kind", "read_until", "last_run_at", "last_error"]
    list_select_related = ["account"]
    ordering = ["account_id", "kind"]


@admin.register(OrderFile)
class OrderFileAdmin(ReadOnlyAdmin):
    shop = "shop_id"
    list_display = [
        "id",
        "shop",
        "file_name",
        "state",
        "orders",
        "new",
        "changed",
        "unchanged",
        "refused",
        "uploaded_at",
    ]
    list_filter = [("state", ChoicesDropdownFilter)]
    list_select_related = ["shop"]
    search_fields = ["=sha256", "=shop__code"]
    ordering = ["-id"]


@admin.register(OrderFileLayout)
class OrderFileLayoutAdmin(ReadOnlyHistoryAdmin):
    shop = "shop_id"
    list_display = ["shop", "fingerprint", "unsaid_status", "changed_at"]
    list_select_related = ["shop"]
    ordering = ["-id"]


@admin.register(Counter)
class CounterAdmin(HistoryAdmin):
    shop = "shop_id"
    fields = ["shop", "store", "code", "name", "api_key", "is_active"]
    list_display = ["name", "code", "shop", "store", "is_active", "last_batch_at", "clock_skew_s"]
    list_filter = [("is_active", BooleanRadioFilter)]
    list_select_related = ["shop", "store"]
    search_fields = ["=code", "=shop__code"]
    ordering = ["shop_id", "code"]


@admin.register(CounterDocument)
class CounterDocumentAdmin(ReadOnlyAdmin):
    shop = "counter__shop_id"
    list_display = ["client_no", "counter", "kind", "state", "business_at", "received_at", "cash", "wait_reason"]
    list_filter = [("state", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter)]
    list_select_related = ["counter"]
    search_fields = ["=client_no", "=shift"]
    ordering = ["-id"]


@admin.register(CounterShift)
class CounterShiftAdmin(ReadOnlyAdmin):
    shop = "counter__shop_id"
    list_display = [
        "client_no",
        "counter",
        "opened_at",
        "closed_at",
        "expected_cash",
        "counted_cash",
        "documents",
        "arrived",
    ]
    list_select_related = ["counter"]
    search_fields = ["=client_no"]
    ordering = ["-id"]


@admin.register(FileOrderRow)
class FileOrderRowAdmin(ReadOnlyAdmin):
    shop = "file__shop_id"
    list_display = ["file", "first_row", "channel_order_no", "verdict", "is_done", "amount"]
    list_filter = [("verdict", ChoicesDropdownFilter)]
    list_select_related = ["file"]
    search_fields = ["=channel_order_no"]
    ordering = ["-id"]


@admin.register(OrderFilePart)
class OrderFilePartAdmin(ReadOnlyAdmin):
    """That they are there; what is in them stays sealed."""

    shop = "file__shop_id"
    fields = ["file", "kind", "number"]
    list_display = ["file", "kind", "number"]
    list_select_related = ["file"]
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderFilePart]:
        return super().get_queryset(request).defer("content")


@admin.register(LiveSession)
class LiveSessionAdmin(ReadOnlyHistoryAdmin):
    """To be read; sessions are planned and run on their page."""

    shop = "shop_id"
    list_display = ["title", "shop", "anchor_name", "room_id", "state", "planned_start", "planned_end"]
    list_filter = [("state", ChoicesDropdownFilter)]
    list_select_related = ["shop"]
    search_fields = ["title", "anchor_name", "=room_id", "=author_id"]
    ordering = ["-planned_start"]


@admin.register(LiveItem)
class LiveItemAdmin(ReadOnlyHistoryAdmin):
    shop = "session__shop_id"
    warehouse = "warehouse_id"
    list_display = ["session", "sku", "warehouse", "quantity", "price", "commission_percent", "is_dropped"]
    list_select_related = ["session", "sku", "warehouse"]
    search_fields = ["=sku__code", "session__title"]
    ordering = ["-id"]


@admin.register(LiveSale)
class LiveSaleAdmin(ReadOnlyAdmin):
    shop = "shop_id"
    list_display = ["order_id", "channel_line_no", "shop", "session", "pieces", "amount", "placed_at"]
    list_filter = [("session", admin.EmptyFieldListFilter)]
    list_select_related = ["shop", "session"]
    search_fields = ["=order_id", "=room_id"]
    ordering = ["-id"]
