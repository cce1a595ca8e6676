"""What is to come, and who it is promised to."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateFilter

from ordercenter.common.admin_base import HistoryAdmin, ReadOnlyAdmin, ScopedRelatedFilter, badge
from ordercenter.inventory.admin.stock import OfAllShopsMixin
from ordercenter.inventory.models import ReservePolicy, StockPolicy, StockTakeover, Supply, SupplyClaim
from ordercenter.inventory.states import SupplyState


@admin.register(StockPolicy)
class StockPolicyAdmin(HistoryAdmin):
    deletable = True
    whole_company = True
    list_display = ["sku", "source", "reserve_on", "hold_minutes", "ships_on", "rush_cap_percent", "rush_cap_pieces"]
    list_filter = [("source", ChoicesDropdownFilter)]
    list_select_related = ["sku"]
    autocomplete_fields = ["sku"]
    search_fields = ["=sku__code"]
    search_help_text = _("A SKU code")
    ordering = ["sku_id"]


@admin.register(ReservePolicy)
class ReservePolicyAdmin(HistoryAdmin):
    deletable = True
    shop = "shop_id"
    list_display = ["shop", "sku", "reserve_on", "hold_minutes", "balance_days"]
    list_filter = [("reserve_on", ChoicesDropdownFilter), ("shop", ScopedRelatedFilter)]
    list_select_related = ["shop", "sku"]
    autocomplete_fields = ["shop", "sku"]
    search_fields = ["=sku__code"]
    search_help_text = _("A SKU code")
    ordering = ["shop_id", "sku_id"]


@admin.register(StockTakeover)
class StockTakeoverAdmin(OfAllShopsMixin, ReadOnlyAdmin):
    list_display = ["at", "sku", "warehouse", "pieces", "giver_order_id", "taker_order_id", "allowed", "by", "reason"]
    list_filter = [("warehouse", ScopedRelatedFilter), ("day", RangeDateFilter)]
    list_select_related = ["sku", "warehouse", "by"]
    search_fields = ["=taker_order_id", "=giver_order_id", "=sku__code"]
    search_help_text = _("The order's number in this system, or a SKU code")
    ordering = ["-id"]


@admin.register(Supply)
class SupplyAdmin(ReadOnlyAdmin):
    warehouse = "warehouse_id"
    list_display = ["ref", "kind", "sku", "warehouse", "quantity", "arrived", "due_on", "state_label"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("warehouse", ScopedRelatedFilter),
        ("due_on", RangeDateFilter),
    ]
    list_select_related = ["sku", "warehouse"]
    search_fields = ["=sku__code", "=ref"]
    search_help_text = _("A SKU code or a reference")
    ordering = ["-id"]

    @badge(
        description=_("state"), ordering="state", colours={SupplyState.COMING: "info", SupplyState.ARRIVED: "success"}
    )
    def state_label(self, supply: Supply) -> tuple[str, str]:
        return supply.state, supply.get_state_display()


@admin.register(SupplyClaim)
class SupplyClaimAdmin(OfAllShopsMixin, ReadOnlyAdmin):
    list_display = ["id", "order_id", "production_id", "sku", "quantity", "promised_on", "basis", "made_at"]
    list_filter = [("basis", ChoicesDropdownFilter), ("promised_on", RangeDateFilter)]
    list_select_related = ["sku"]
    search_fields = ["=order_id", "=sku__code"]
    search_help_text = _("The order's number in this system, or a SKU code")
    ordering = ["-id"]
