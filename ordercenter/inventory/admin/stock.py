"""Warehouses and stock. Stock changes only by movements, promises only by reservations: these are here to be read."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from ordercenter.common.admin_base import HistoryAdmin, ReadOnlyAdmin, ReadOnlyHistoryAdmin, ScopedRelatedFilter, badge
from ordercenter.common.scope import scope_of
from ordercenter.inventory.models import (
    Reservation,
    StockChange,
    StockLevel,
    StockMovement,
    StockTable,
    Warehouse,
    WarehouseAccess,
)
from ordercenter.inventory.states import ReservationState, TableState


@admin.register(Warehouse)
class WarehouseAdmin(HistoryAdmin):
    warehouse = "pk"
    list_display = ["name", "code", "kind", "province", "city", "is_open"]
    list_filter = [("is_open", BooleanRadioFilter), ("kind", ChoicesDropdownFilter)]
    search_fields = ["name", "code"]
    ordering = ["code"]


@admin.register(WarehouseAccess)
class WarehouseAccessAdmin(HistoryAdmin):
    deletable = True
    warehouse = "warehouse_id"
    list_display = ["user", "warehouse"]
    list_filter = [("warehouse", ScopedRelatedFilter)]
    list_select_related = ["user", "warehouse"]
    autocomplete_fields = ["user"]
    search_fields = ["=user__username"]
    ordering = ["user_id", "warehouse_id"]


@admin.register(StockLevel)
class StockLevelAdmin(ReadOnlyAdmin):
    warehouse = "warehouse_id"
    list_display = [
        "sku",
        "warehouse",
        "on_hand",
        "reserved",
        "allocated",
        "set_aside",
        "free_pieces",
        "safety",
        "damaged",
        "quarantine",
    ]
    list_display_links = ["sku"]
    list_filter = [("warehouse", ScopedRelatedFilter)]
    list_select_related = ["sku", "warehouse"]
    search_fields = ["=sku__code", "sku__name"]
    ordering = ["sku_id", "warehouse_id"]
    fields = [
        "sku",
        "warehouse",
        "on_hand",
        "reserved",
        "allocated",
        "set_aside",
        "free_pieces",
        "safety",
        "oversell_limit",
        "damaged",
        "quarantine",
    ]
    readonly_fields = ["free_pieces"]

    @display(description=_("free"), ordering=F("on_hand") - F("reserved") - F("allocated") - F("set_aside"))
    def free_pieces(self, level: StockLevel) -> int:
        return level.free


class OfAllShopsMixin:
    """Rows that tell of orders of any shop, by a number only: for those who see all shops."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reservation | StockMovement]:
        rows: QuerySet[Reservation | StockMovement] = super().get_queryset(request)  # type: ignore[misc]
        return rows if scope_of(request).shop_ids is None else rows.none()


@admin.register(Reservation)
class ReservationAdmin(OfAllShopsMixin, ReadOnlyAdmin):
    warehouse = "warehouse_id"
    list_display = [
        "id",
        "order_id",
        "holder",
        "sku",
        "warehouse",
        "quantity",
        "is_allocated",
        "state_label",
        "created_at",
        "expires_at",
        "ended_at",
    ]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("is_allocated", BooleanRadioFilter),
        ("warehouse", ScopedRelatedFilter),
    ]
    list_select_related = ["sku", "warehouse"]
    search_fields = ["=order_id", "=sku__code", "=holder"]
    search_help_text = _("The order's number in this system, a SKU code, or a holder")
    ordering = ["-id"]

    @badge(
        description=_("state"),
        ordering="state",
        colours={ReservationState.ACTIVE: "info", ReservationState.CONSUMED: "success"},
    )
    def state_label(self, reservation: Reservation) -> tuple[str, str]:
        return reservation.state, reservation.get_state_display()


@admin.register(StockMovement)
class StockMovementAdmin(OfAllShopsMixin, ReadOnlyAdmin):
    warehouse = "warehouse_id"
    list_display = ["at", "sku", "warehouse", "bucket", "delta", "reason", "ref", "note"]
    list_display_links = ["at"]
    list_filter = [
        ("reason", ChoicesDropdownFilter),
        ("bucket", ChoicesDropdownFilter),
        ("warehouse", ScopedRelatedFilter),
        ("at", RangeDateTimeFilter),
    ]
    list_select_related = ["sku", "warehouse"]
    search_fields = ["=sku__code"]
    search_help_text = _("A SKU code")
    ordering = ["-id"]


@admin.register(StockChange)
class StockChangeAdmin(ReadOnlyAdmin):
    whole_company = True
    list_display = ["at", "sku_id"]
    list_display_links = ["at"]
    ordering = ["-id"]


@admin.register(StockTable)
class StockTableAdmin(ReadOnlyHistoryAdmin):
    whole_company = True
    list_display = [
        "id",
        "kind",
        "file_name",
        "reference",
        "rows",
        "moved",
        "state_label",
        "uploaded_by",
        "uploaded_at",
    ]
    list_filter = [("state", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter)]
    list_select_related = ["uploaded_by"]
    search_fields = ["=reference", "=digest"]
    search_help_text = _("A whole reference or digest")
    ordering = ["-id"]
    fields = [
        "kind",
        "file_name",
        "reference",
        "note",
        "rows",
        "moved",
        "state",
        "uploaded_by",
        "uploaded_at",
        "applied_at",
        "digest",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[StockTable]:
        return super().get_queryset(request).defer("original", "parsed")

    @badge(
        description=_("state"),
        ordering="state",
        colours={TableState.DRAFT: "warning", TableState.APPLIED: "success"},
    )
    def state_label(self, table: StockTable) -> tuple[str, str]:
        return table.state, table.get_state_display()
