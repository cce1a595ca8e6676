"""Orders as data. The way of one order, and what can be done with it, is on its page in the console."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from ordercenter.audit.steps import Step, StepsMixin, offer_steps
from ordercenter.common.actor import Actor
from ordercenter.common.admin_base import (
    ReadOnlyAdmin,
    ReadOnlyHistoryAdmin,
    ReadOnlyInline,
    ScopedRelatedFilter,
    badge,
)
from ordercenter.common.batch import BatchResult
from ordercenter.orders import admin_rules as admin_rules
from ordercenter.orders import services
from ordercenter.orders.models import Hold, Order, OrderLine, RefundRequest, SplitPart
from ordercenter.orders.priority_words import priority_words
from ordercenter.orders.search import search_orders
from ordercenter.orders.states import Grade, OrderState

STATE_COLOURS = {
    OrderState.PENDING_PAYMENT: "warning",
    OrderState.PREPROCESSING: "info",
    OrderState.APPROVED: "info",
    OrderState.AWAITING_SUPPLY: "warning",
    OrderState.IN_FULFILLMENT: "info",
    OrderState.SHIPPED: "success",
    OrderState.DELIVERED: "success",
    OrderState.COMPLETED: "success",
    OrderState.CANCELLED: "danger",
}
GRADE_COLOURS = {Grade.RUSH: "danger", Grade.VIP: "warning"}


def _release(pk: int, reason: str, actor: Actor) -> BatchResult:
    return services.release_holds(order_ids=[pk], reason=reason, actor=actor)


def _cancel(pk: int, reason: str, actor: Actor) -> BatchResult:
    return services.cancel_orders(order_ids=[pk], reason=reason, actor=actor)


def _is_on_hold(order: Order) -> bool:
    return order.is_on_hold


offer_steps(
    Step(Order, "release", _("Release all holds"), "orders.release_order", perform=_release, possible=_is_on_hold),
    Step(Order, "cancel", _("Cancel the order"), "orders.cancel_order", perform=_cancel, grave=True),
)


class OrderLineInline(ReadOnlyInline):
    model = OrderLine
    fields = [
        "line_no",
        "sku",
        "bundle",
        "title",
        "unit_price",
        "paid_share",
        "refund_status",
        "ordered",
        "cancelled",
        "unplanned",
        "backordered",
        "reserved",
        "released",
        "shipped",
        "delivered",
        "returned",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderLine]:
        rows: QuerySet[OrderLine] = super().get_queryset(request)
        return rows.select_related("sku", "bundle").order_by("line_no")


class HoldInline(ReadOnlyInline):
    model = Hold
    fields = ["code", "opened_at", "released_at", "released_by", "release_reason"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Hold]:
        rows: QuerySet[Hold] = super().get_queryset(request)
        return rows.select_related("released_by").order_by("pk")


@admin.register(Order)
class OrderAdmin(StepsMixin, ReadOnlyHistoryAdmin):
    shop = "shop_id"
    list_display = [
        "channel_order_no",
        "shop",
        "state_label",
        "grade_label",
        "priority",
        "total_amount",
        "hold_label",
        "paid_at",
        "ship_by",
        "page_link",
    ]
    list_display_links = ["channel_order_no"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("grade", ChoicesDropdownFilter),
        ("shop", ScopedRelatedFilter),
        ("is_on_hold", BooleanRadioFilter),
        ("paid_at", RangeDateTimeFilter),
    ]
    list_select_related = ["shop"]
    search_fields = ["channel_order_no"]
    search_help_text = _("Part of an order or tracking number (four characters or more), or a whole phone number")
    ordering = ["-id"]
    inlines = [OrderLineInline, HoldInline]
    exclude = ["contact", "inbox_id", "content_key", "priority_why"]
    readonly_fields = ["page_link", "priority_reasons"]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return search_orders(queryset, search_term), False

    @badge(description=_("state"), ordering="state", colours=STATE_COLOURS)
    def state_label(self, order: Order) -> tuple[str, str]:
        return order.state, order.get_state_display()

    @badge(description=_("grade"), ordering="grade", colours=GRADE_COLOURS)
    def grade_label(self, order: Order) -> tuple[str, str]:
        return order.grade, order.get_grade_display()

    @badge(description=_("on hold"), ordering="is_on_hold", colours={"held": "warning"})
    def hold_label(self, order: Order) -> tuple[str, str] | None:
        return ("held", _("on hold")) if order.is_on_hold else None

    @display(description=_("why this priority"))
    def priority_reasons(self, order: Order) -> str:
        return "; ".join(f"{name} {points:+d}" for name, points in priority_words(order)) or "-"

    @display(description=_("page"))
    def page_link(self, order: Order) -> str:
        url = reverse("console:order", args=[order.pk])
        return format_html('<a class="text-primary-600 underline" href="{}">{}</a>', url, _("Way of the order"))


@admin.register(OrderLine)
class OrderLineAdmin(ReadOnlyAdmin):
    shop = "order__shop_id"
    list_display = ["order", "line_no", "sku", "title", "ordered", "cancelled", "reserved", "released", "shipped"]
    list_display_links = ["order", "line_no"]
    list_filter = [("refund_status", ChoicesDropdownFilter)]
    list_select_related = ["order", "sku"]
    search_fields = ["order__channel_order_no", "=sku__code"]
    search_help_text = _("Part of an order number, or a whole SKU code")
    ordering = ["-id"]


@admin.register(Hold)
class HoldAdmin(ReadOnlyHistoryAdmin):
    shop = "order__shop_id"
    list_display = ["order", "code", "opened_at", "released_at", "released_by", "release_reason"]
    list_display_links = ["order", "code"]
    list_select_related = ["order", "released_by"]
    search_fields = ["order__channel_order_no"]
    search_help_text = _("Part of an order number")
    ordering = ["-id"]


@admin.register(SplitPart)
class SplitPartAdmin(ReadOnlyAdmin):
    shop = "shop_id"
    list_display = ["order", "parent_no", "root_no", "told_at"]
    list_select_related = ["order"]
    search_fields = ["=order__channel_order_no", "=parent_no", "=root_no"]
    search_help_text = _("A whole order number")
    ordering = ["-id"]


@admin.register(RefundRequest)
class RefundRequestAdmin(ReadOnlyHistoryAdmin):
    shop = "order__shop_id"
    list_display = [
        "channel_refund_no",
        "order",
        "kind",
        "status",
        "quantity",
        "amount",
        "return_no",
        "reason",
        "channel_modified_at",
    ]
    list_filter = [("kind", ChoicesDropdownFilter), ("status", ChoicesDropdownFilter)]
    list_select_related = ["order"]
    search_fields = ["=channel_refund_no", "order__channel_order_no"]
    search_help_text = _("A whole refund number, or part of an order number")
    ordering = ["-id"]
