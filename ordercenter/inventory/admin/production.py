"""What is made for orders: resources, calendars, ways of making, production orders."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, RangeDateFilter

from ordercenter.common.admin_base import (
    HistoryAdmin,
    ReadOnlyAdmin,
    ScopedAdmin,
    ScopedInline,
    ScopedRelatedFilter,
    badge,
)
from ordercenter.inventory.admin.stock import OfAllShopsMixin
from ordercenter.inventory.models import (
    CapacityDay,
    CapacityUse,
    Component,
    ProductionOrder,
    ProductionResource,
    ProductionRoute,
)
from ordercenter.inventory.states import ProductionState


@admin.register(ProductionResource)
class ProductionResourceAdmin(HistoryAdmin):
    warehouse = "warehouse_id"
    list_display = ["name", "code", "warehouse", "is_active"]
    list_filter = [("is_active", BooleanRadioFilter), ("warehouse", ScopedRelatedFilter)]
    list_select_related = ["warehouse"]
    search_fields = ["name", "code"]
    ordering = ["code"]


@admin.register(CapacityDay)
class CapacityDayAdmin(ReadOnlyAdmin):
    warehouse = "resource__warehouse_id"
    list_display = ["day", "resource", "minutes", "used"]
    list_filter = [("resource", ScopedRelatedFilter), ("day", RangeDateFilter)]
    list_select_related = ["resource"]
    ordering = ["-day", "resource_id"]


class ComponentInline(ScopedInline):
    model = Component
    autocomplete_fields = ["part"]


@admin.register(ProductionRoute)
class ProductionRouteAdmin(HistoryAdmin):
    warehouse = "resource__warehouse_id"
    list_display = ["sku", "resource", "minutes_per_unit", "setup_days", "lead_days", "is_active"]
    list_filter = [("resource", ScopedRelatedFilter), ("is_active", BooleanRadioFilter)]
    list_select_related = ["sku", "resource"]
    autocomplete_fields = ["sku"]
    search_fields = ["=sku__code"]
    search_help_text = _("A SKU code")
    inlines = [ComponentInline]
    ordering = ["sku_id"]


@admin.register(Component)
class ComponentAdmin(ScopedAdmin):
    deletable = True
    warehouse = "route__resource__warehouse_id"
    list_display = ["route", "part", "quantity"]
    list_select_related = ["route", "part"]
    autocomplete_fields = ["part"]
    search_fields = ["=part__code"]
    search_help_text = _("A SKU code")
    ordering = ["route_id", "part_id"]


@admin.register(ProductionOrder)
class ProductionOrderAdmin(OfAllShopsMixin, ReadOnlyAdmin):
    warehouse = "resource__warehouse_id"
    list_display = ["id", "sku", "quantity", "resource", "order_id", "ready_on", "state_label"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("resource", ScopedRelatedFilter),
        ("ready_on", RangeDateFilter),
    ]
    list_select_related = ["sku", "resource"]
    search_fields = ["=order_id", "=sku__code"]
    search_help_text = _("The order's number in this system, or a SKU code")
    ordering = ["-id"]

    @badge(
        description=_("state"),
        ordering="state",
        colours={ProductionState.PLANNED: "info", ProductionState.DONE: "success"},
    )
    def state_label(self, production: ProductionOrder) -> tuple[str, str]:
        return production.state, production.get_state_display()


@admin.register(CapacityUse)
class CapacityUseAdmin(OfAllShopsMixin, ReadOnlyAdmin):
    warehouse = "capacity__resource__warehouse_id"
    list_display = ["production", "capacity", "minutes"]
    list_select_related = ["production", "capacity"]
    ordering = ["-id"]
