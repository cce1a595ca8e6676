"""What shops may offer, and what their platforms were told."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter

from ordercenter.common.admin_base import HistoryAdmin, ReadOnlyAdmin, ReadOnlyHistoryAdmin, ScopedRelatedFilter, badge
from ordercenter.inventory import services
from ordercenter.inventory.models import ChannelPolicy, ChannelQuota, ChannelStock
from ordercenter.inventory.states import QuotaState


@admin.register(ChannelPolicy)
class ChannelPolicyAdmin(HistoryAdmin):
    deletable = True
    shop = "shop_id"
    list_display = ["shop", "sku", "share_percent", "cap", "buffer_pieces", "buffer_z", "is_active"]
    list_filter = [("shop", ScopedRelatedFilter), ("is_active", BooleanRadioFilter)]
    list_select_related = ["shop", "sku"]
    autocomplete_fields = ["sku"]
    search_fields = ["=sku__code"]
    search_help_text = _("A SKU code")
    ordering = ["shop_id", "sku_id"]

    def save_model(
        self, request: HttpRequest, obj: ChannelPolicy, form: ModelForm[ChannelPolicy], change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        services.note_changes_of_shop(shop_id=obj.shop_id, sku_id=obj.sku_id)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        services.note_changes_of_shop(shop_id=obj.shop_id, sku_id=obj.sku_id)
        super().delete_model(request, obj)


@admin.register(ChannelQuota)
class ChannelQuotaAdmin(ReadOnlyHistoryAdmin):
    shop = "shop_id"
    warehouse = "warehouse_id"
    list_display = ["id", "shop", "sku", "warehouse", "kind", "quantity", "left", "starts_at", "ends_at", "state_label"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("shop", ScopedRelatedFilter),
        ("warehouse", ScopedRelatedFilter),
    ]
    list_select_related = ["shop", "sku", "warehouse"]
    search_fields = ["=sku__code"]
    search_help_text = _("A SKU code")
    ordering = ["-id"]

    @badge(description=_("state"), ordering="state", colours={QuotaState.OPEN: "success", QuotaState.PLANNED: "info"})
    def state_label(self, quota: ChannelQuota) -> tuple[str, str]:
        return quota.state, quota.get_state_display()


@admin.register(ChannelStock)
class ChannelStockAdmin(ReadOnlyAdmin):
    shop = "listing__shop_id"
    list_display = ["listing", "published", "version", "acked_version", "published_at", "acked_at", "error"]
    list_filter = [("listing__shop", ScopedRelatedFilter)]
    list_select_related = ["listing"]
    search_fields = ["=listing__sku__code", "=listing__listing_id"]
    search_help_text = _("A SKU code or a listing")
    ordering = ["-published_at"]
