"""The tables of an own warehouse: its rules, bins and bar codes are edited here; the rest is written by scans."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, RangeDateTimeFilter

from fulfillment.models import (
    Barcode,
    Basket,
    Bin,
    CountLine,
    FloorRules,
    InboundLine,
    InboundOrder,
    ItemChange,
    PickLine,
    Scan,
    StockCount,
    StockOut,
    StockOutLine,
    Wave,
)
from fulfillment.states import CountState, InboundState, StockOutState, WaveState
from ordercenter.common.admin_base import (
    HistoryAdmin,
    ReadOnlyAdmin,
    ReadOnlyHistoryAdmin,
    ReadOnlyInline,
    ScopedRelatedFilter,
    badge,
)


@admin.register(FloorRules)
class FloorRulesAdmin(HistoryAdmin):
    warehouse = "warehouse_id"
    list_display = ["warehouse", "most_per_wave", "hot_from", "waves_at", "must_weigh"]
    list_select_related = ["warehouse"]
    ordering = ["warehouse_id"]


@admin.register(Bin)
class BinAdmin(HistoryAdmin):
    deletable = True
    warehouse = "warehouse_id"
    list_display = ["code", "sku", "warehouse"]
    list_filter = [("warehouse", ScopedRelatedFilter)]
    list_select_related = ["sku", "warehouse"]
    autocomplete_fields = ["sku"]
    search_fields = ["=code", "=sku__code"]
    search_help_text = _("A whole bin code or SKU code")
    ordering = ["warehouse_id", "code"]


@admin.register(Barcode)
class BarcodeAdmin(HistoryAdmin):
    deletable = True
    list_display = ["text", "sku"]
    list_select_related = ["sku"]
    autocomplete_fields = ["sku"]
    search_fields = ["=text", "=sku__code"]
    search_help_text = _("A whole bar code or SKU code")
    ordering = ["text"]


class BasketInline(ReadOnlyInline):
    model = Basket
    fields = ["number", "shipment", "tracking_no", "expected_g", "weight_g"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Basket]:
        rows: QuerySet[Basket] = super().get_queryset(request)
        return rows.select_related("shipment").order_by("number")


@admin.register(Wave)
class WaveAdmin(ReadOnlyHistoryAdmin):
    warehouse = "warehouse_id"
    list_display = ["code", "warehouse", "kind", "title", "state_label", "shipments_total", "created_at"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("warehouse", ScopedRelatedFilter),
        ("created_at", RangeDateTimeFilter),
    ]
    list_select_related = ["warehouse"]
    search_fields = ["=code"]
    search_help_text = _("A whole wave number")
    ordering = ["-id"]
    inlines = [BasketInline]

    @badge(
        description=_("state"),
        ordering="state",
        colours={WaveState.DONE: "success", WaveState.PICKING: "info", WaveState.PICKED: "info"},
    )
    def state_label(self, wave: Wave) -> tuple[str, str]:
        return wave.state, wave.get_state_display()


@admin.register(Basket)
class BasketAdmin(ReadOnlyAdmin):
    warehouse = "wave__warehouse_id"
    list_display = ["wave", "number", "shipment", "tracking_no", "expected_g", "weight_g"]
    list_select_related = ["wave", "shipment"]
    search_fields = ["=shipment__code", "=tracking_no", "=wave__code"]
    search_help_text = _("A whole delivery order, tracking or wave number")
    ordering = ["-id"]


@admin.register(PickLine)
class PickLineAdmin(ReadOnlyAdmin):
    warehouse = "basket__wave__warehouse_id"
    list_display = ["basket", "sku", "bin_code", "wanted", "picked", "short", "checked"]
    list_select_related = ["basket", "sku"]
    search_fields = ["=basket__shipment__code", "=sku__code"]
    search_help_text = _("A whole delivery order number or SKU code")
    ordering = ["-id"]


@admin.register(Scan)
class ScanAdmin(ReadOnlyAdmin):
    warehouse = "warehouse_id"
    list_display = ["received_at", "user", "warehouse", "step", "text", "pieces", "is_ok", "code", "undone_at"]
    list_filter = [
        ("is_ok", BooleanRadioFilter),
        ("step", ChoicesDropdownFilter),
        ("warehouse", ScopedRelatedFilter),
        ("received_at", RangeDateTimeFilter),
    ]
    list_select_related = ["user", "warehouse"]
    search_fields = ["=text", "=subject", "=user__username"]
    search_help_text = _("A whole scanned text, place or user name")
    ordering = ["-received_at"]


class CountLineInline(ReadOnlyInline):
    model = CountLine
    fields = ["sku", "bin_code", "counted", "books", "problem"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[CountLine]:
        rows: QuerySet[CountLine] = super().get_queryset(request)
        return rows.select_related("sku").order_by("bin_code", "pk")


@admin.register(StockCount)
class StockCountAdmin(ReadOnlyHistoryAdmin):
    warehouse = "warehouse_id"
    list_display = ["code", "warehouse", "state_label", "reason", "created_at", "posted_at"]
    list_filter = [("state", ChoicesDropdownFilter), ("warehouse", ScopedRelatedFilter)]
    list_select_related = ["warehouse"]
    search_fields = ["=code"]
    search_help_text = _("A whole count number")
    ordering = ["-id"]
    inlines = [CountLineInline]

    @badge(description=_("state"), ordering="state", colours={CountState.POSTED: "success", CountState.OPEN: "info"})
    def state_label(self, count: StockCount) -> tuple[str, str]:
        return count.state, count.get_state_display()


@admin.register(CountLine)
class CountLineAdmin(ReadOnlyAdmin):
    warehouse = "count__warehouse_id"
    list_display = ["count", "sku", "bin_code", "counted", "books", "problem"]
    list_select_related = ["count", "sku"]
    search_fields = ["=count__code", "=sku__code"]
    search_help_text = _("A whole count number or SKU code")
    ordering = ["-id"]


class InboundLineInline(ReadOnlyInline):
    model = InboundLine
    fields = ["sku", "planned", "good", "defective", "quarantine", "put_away"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboundLine]:
        rows: QuerySet[InboundLine] = super().get_queryset(request)
        return rows.select_related("sku").order_by("pk")


@admin.register(InboundOrder)
class InboundOrderAdmin(ReadOnlyHistoryAdmin):
    warehouse = "warehouse_id"
    list_display = ["code", "kind", "warehouse", "state_label", "tracking_no", "created_at", "received_at"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("warehouse", ScopedRelatedFilter),
    ]
    list_select_related = ["warehouse"]
    search_fields = ["=code", "=tracking_no", "=shipment_code"]
    search_help_text = _("A whole inbound, tracking or delivery order number")
    ordering = ["-id"]
    inlines = [InboundLineInline]

    @badge(
        description=_("state"),
        ordering="state",
        colours={
            InboundState.RECEIVED: "success",
            InboundState.REJECTED: "danger",
            InboundState.ARRIVING: "info",
            InboundState.ACCEPTED: "info",
        },
    )
    def state_label(self, inbound: InboundOrder) -> tuple[str, str]:
        return inbound.state, inbound.get_state_display()


@admin.register(InboundLine)
class InboundLineAdmin(ReadOnlyAdmin):
    warehouse = "inbound__warehouse_id"
    list_display = ["inbound", "sku", "planned", "good", "defective", "quarantine", "put_away"]
    list_select_related = ["inbound", "sku"]
    search_fields = ["=inbound__code", "=sku__code"]
    search_help_text = _("A whole inbound number or SKU code")
    ordering = ["-id"]


class StockOutLineInline(ReadOnlyInline):
    model = StockOutLine
    fields = ["sku", "planned", "left"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[StockOutLine]:
        rows: QuerySet[StockOutLine] = super().get_queryset(request)
        return rows.select_related("sku").order_by("pk")


@admin.register(StockOut)
class StockOutAdmin(ReadOnlyHistoryAdmin):
    warehouse = "warehouse_id"
    list_display = ["code", "inbound", "warehouse", "state_label", "sent_at", "left_at"]
    list_filter = [("state", ChoicesDropdownFilter), ("warehouse", ScopedRelatedFilter)]
    list_select_related = ["warehouse", "inbound"]
    search_fields = ["=code", "=inbound__code"]
    search_help_text = _("A whole stock-out or inbound number")
    ordering = ["-id"]
    inlines = [StockOutLineInline]

    @badge(
        description=_("state"),
        ordering="state",
        colours={
            StockOutState.LEFT: "success",
            StockOutState.REJECTED: "danger",
            StockOutState.LEAVING: "info",
            StockOutState.ACCEPTED: "info",
        },
    )
    def state_label(self, stock_out: StockOut) -> tuple[str, str]:
        return stock_out.state, stock_out.get_state_display()


@admin.register(StockOutLine)
class StockOutLineAdmin(ReadOnlyAdmin):
    warehouse = "stock_out__warehouse_id"
    list_display = ["stock_out", "sku", "planned", "left"]
    list_select_related = ["stock_out", "sku"]
    search_fields = ["=stock_out__code", "=sku__code"]
    search_help_text = _("A whole stock-out number or SKU code")
    ordering = ["-id"]


@admin.register(ItemChange)
class ItemChangeAdmin(ReadOnlyAdmin):
    whole_company = True
    list_display = ["at", "sku_id", "is_new"]
    list_display_links = ["at"]
    ordering = ["-id"]
