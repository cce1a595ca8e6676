"""Channel accounts and how far their changes have been read."""

from __future__ import annotations

from django.contrib import admin
from unfold.contrib.filters.admin import BooleanRadioFilter

from channels_sync.models import ChannelAccount, SyncCursor
from ordercenter.common.admin_base import HistoryAdmin, ReadOnlyAdmin
from ordercenter.common.sealed_form import SealedForm


class ChannelAccountForm(SealedForm):
    class Meta:
        model = ChannelAccount
        fields = [
            "shop",
            "adapter",
            "base_url",
            "app_key",
            "message_group",
            "is_active",
            "authorised_until",
            "paused_until",
            "pause_reason",
        ]


@admin.register(ChannelAccount)
class ChannelAccountAdmin(HistoryAdmin):
    shop = "shop_id"
    form = ChannelAccountForm
    list_display = ["shop", "adapter", "base_url", "is_active", "authorised_until", "paused_until"]
    list_filter = [("is_active", BooleanRadioFilter)]
    list_select_related = ["shop"]
    search_fields = ["=app_key", "=shop__code"]
    ordering = ["shop_id"]


@admin.register(SyncCursor)
class SyncCursorAdmin(ReadOnlyAdmin):
    shop = "account__shop_id"
    list_display = ["account", "kind", "read_until", "last_run_at", "last_error"]
    list_select_related = ["account"]
    ordering = ["account_id", "kind"]
