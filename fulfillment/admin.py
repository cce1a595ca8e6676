"""Carriers, shipments, parcels and waybills."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, RangeDateTimeFilter

from fulfillment import admin_couriers as admin_couriers
from fulfillment import admin_floor as admin_floor
from fulfillment import admin_freight as admin_freight
from fulfillment import admin_parcels as admin_parcels
from fulfillment import admin_routing as admin_routing
from fulfillment import services
from fulfillment.models import (
    Carrier,
    PackingRule,
    Parcel,
    Shipment,
    ShipmentLine,
    SplitWish,
    WmsAccount,
)
from fulfillment.selectors import can_ask_back, can_route_elsewhere
from fulfillment.services.supply_split import has_waiting_rest
from fulfillment.states import ShipmentState
from ordercenter.audit.steps import Step, StepsMixin, offer_steps
from ordercenter.common.actor import Actor
from ordercenter.common.admin_base import (
    HistoryAdmin,
    ReadOnlyAdmin,
    ReadOnlyHistoryAdmin,
    ReadOnlyInline,
    ScopedRelatedFilter,
    badge,
)
from ordercenter.common.batch import BatchResult
from ordercenter.common.sealed_form import SealedForm
from ordercenter.orders.models import Order

SHIPMENT_COLOURS = {
    ShipmentState.PLANNED: "warning",
    ShipmentState.DISPATCHED: "info",
    ShipmentState.ACCEPTED: "info",
    ShipmentState.REJECTED: "danger",
    ShipmentState.WAVED: "info",
    ShipmentState.PICKING: "info",
    ShipmentState.SHORT_PICKED: "danger",
    ShipmentState.PICKED: "info",
    ShipmentState.CHECKED: "info",
    ShipmentState.PACKED: "info",
    ShipmentState.WEIGHED: "info",
    ShipmentState.INTERCEPTING: "warning",
    ShipmentState.TO_PUT_BACK: "warning",
    ShipmentState.SHIPPED: "success",
    ShipmentState.DELIVERED: "success",
}


def _route_elsewhere(pk: int, reason: str, actor: Actor) -> BatchResult:
    return services.route_elsewhere(order_ids=[pk], reason=reason, actor=actor)


def _ask_back(pk: int, reason: str, actor: Actor) -> BatchResult:
    return services.ask_back(order_ids=[pk], reason=reason, actor=actor)


def _give_up_rest(pk: int, reason: str, actor: Actor) -> BatchResult:
    return services.give_up_rest(order_id=pk, reason=reason, actor=actor)


def _leave_warehouse(pk: int, reason: str, actor: Actor) -> BatchResult:
    return services.leave_warehouse(order_ids=[pk], reason=reason, actor=actor)


offer_steps(
    Step(
        Order,
        "route_elsewhere",
        _("Ship from another warehouse"),
        "fulfillment.route_elsewhere",
        perform=_route_elsewhere,
        possible=can_route_elsewhere,
    ),
    Step(
        Order,
        "leave_warehouse",
        _("Stop it there, then ship from another warehouse"),
        "fulfillment.route_elsewhere",
        perform=_leave_warehouse,
        possible=can_ask_back,
    ),
    Step(
        Order,
        "ask_back",
        _("Ask the goods back from the warehouse"),
        "fulfillment.ask_back",
        perform=_ask_back,
        possible=can_ask_back,
    ),
    Step(
        Order,
        "give_up_rest",
        _("Do not send the waiting rest"),
        "orders.cancel_order",
        perform=_give_up_rest,
        possible=has_waiting_rest,
        grave=True,
    ),
)


class WmsAccountForm(SealedForm):
    sealed_field = "secret"
    sealed_object = False

    class Meta:
        model = WmsAccount
        fields = ["warehouse", "base_url", "app_key", "answers_within_min", "ships_within_min", "is_active"]


@admin.register(WmsAccount)
class WmsAccountAdmin(HistoryAdmin):
    warehouse = "warehouse_id"
    form = WmsAccountForm
    list_display = ["warehouse", "base_url", "app_key", "is_active"]
    list_select_related = ["warehouse"]
    ordering = ["warehouse_id"]


@admin.register(Carrier)
class CarrierAdmin(HistoryAdmin):
    list_display = ["name", "code", "is_active"]
    list_filter = [("is_active", BooleanRadioFilter)]
    search_fields = ["name", "code"]
    ordering = ["code"]


@admin.register(PackingRule)
class PackingRuleAdmin(HistoryAdmin):
    deletable = True
    shop = "shop_id"
    warehouse = "warehouse_id"
    list_display = ["name", "kind", "most", "category", "tag", "shop", "warehouse", "is_active"]
    list_filter = [("kind", ChoicesDropdownFilter), ("is_active", BooleanRadioFilter)]
    list_select_related = ["shop", "warehouse"]
    search_fields = ["name"]
    ordering = ["kind", "id"]


@admin.register(SplitWish)
class SplitWishAdmin(ReadOnlyHistoryAdmin):
    shop = "order__shop_id"
    list_display = ["order", "order_line", "box", "quantity"]
    list_select_related = ["order", "order_line"]
    search_fields = ["order__channel_order_no"]
    search_help_text = _("Part of an order number")
    ordering = ["-id"]


class ShipmentLineInline(ReadOnlyInline):
    model = ShipmentLine
    fields = ["order", "sku", "quantity", "shipped", "amount", "freight"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ShipmentLine]:
        rows: QuerySet[ShipmentLine] = super().get_queryset(request)
        return rows.select_related("order", "sku").order_by("pk")


class ParcelInline(ReadOnlyInline):
    model = Parcel
    fields = ["tracking_no", "carrier", "state", "weight_g", "shipped_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Parcel]:
        rows: QuerySet[Parcel] = super().get_queryset(request)
        return rows.select_related("carrier").order_by("pk")


@admin.register(Shipment)
class ShipmentAdmin(StepsMixin, ReadOnlyHistoryAdmin):
    shop = "shop_id"
    warehouse = "warehouse_id"
    list_display = [
        "code",
        "shop",
        "warehouse",
        "carrier",
        "state_label",
        "grade",
        "priority",
        "created_at",
        "shipped_at",
        "reported_at",
    ]
    list_display_links = ["code"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("warehouse", ScopedRelatedFilter),
        ("shop", ScopedRelatedFilter),
        ("carrier", ScopedRelatedFilter),
        ("created_at", RangeDateTimeFilter),
    ]
    list_select_related = ["shop", "warehouse", "carrier"]
    search_fields = ["=code", "parcels__tracking_no"]
    search_help_text = _("A whole delivery order number, or part of a tracking number")
    ordering = ["-id"]
    exclude = ["contact"]
    inlines = [ShipmentLineInline, ParcelInline]

    @badge(description=_("state"), ordering="state", colours=SHIPMENT_COLOURS)
    def state_label(self, shipment: Shipment) -> tuple[str, str]:
        return shipment.state, shipment.get_state_display()


@admin.register(ShipmentLine)
class ShipmentLineAdmin(ReadOnlyAdmin):
    shop = "shipment__shop_id"
    warehouse = "shipment__warehouse_id"
    list_display = ["shipment", "order", "sku", "quantity", "shipped"]
    list_display_links = ["shipment"]
    list_select_related = ["shipment", "order", "sku"]
    search_fields = ["=shipment__code", "order__channel_order_no"]
    search_help_text = _("A whole delivery order number, or part of an order number")
    ordering = ["-id"]
