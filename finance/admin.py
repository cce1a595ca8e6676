"""Payments, bills and how they match. Entries are appended by services; differences are decided in the console."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateFilter, RangeDateTimeFilter
from unfold.decorators import display

from finance.models import (
    AgreedFee,
    Match,
    OrderSettlement,
    PaymentEntry,
    ProviderAccount,
    SettlementEntry,
    SettlementTerms,
    Statement,
    StatementLine,
)
from finance.states import LineState, StatementState
from ordercenter.common.admin_base import (
    HistoryAdmin,
    ReadOnlyAdmin,
    ReadOnlyHistoryAdmin,
    ScopedInline,
    ScopedRelatedFilter,
    badge,
)
from ordercenter.common.sealed_form import SealedForm

VERDICT_COLOURS = {
    LineState.MATCHED: "success",
    LineState.SIGNED_OFF: "info",
    LineState.AMOUNT_DIFFERS: "danger",
    LineState.FEE_DIFFERS: "warning",
    LineState.NOT_IN_BOOKS: "danger",
    LineState.NOT_IN_BILL: "danger",
    LineState.DUPLICATE: "danger",
}


class ProviderAccountForm(SealedForm):
    class Meta:
        model = ProviderAccount
        fields = ["provider", "account", "gateway_url", "app_id", "bills_from", "is_active"]


@admin.register(ProviderAccount)
class ProviderAccountAdmin(HistoryAdmin):
    whole_company = True
    form = ProviderAccountForm
    list_display = ["account", "provider", "gateway_url", "bills_from", "is_active"]
    ordering = ["provider", "account"]


@admin.register(PaymentEntry)
class PaymentEntryAdmin(ReadOnlyAdmin):
    shop = "shop_id"
    list_display = ["occurred_at", "order", "kind", "provider", "external_no", "amount", "expected_fee"]
    list_display_links = ["occurred_at"]
    list_filter = [("kind", ChoicesDropdownFilter), ("shop", ScopedRelatedFilter), ("occurred_at", RangeDateTimeFilter)]
    list_select_related = ["order"]
    search_fields = ["=external_no", "order__channel_order_no"]
    search_help_text = _("A whole transaction number, or part of an order number")
    ordering = ["-id"]


@admin.register(Statement)
class StatementAdmin(ReadOnlyHistoryAdmin):
    whole_company = True
    list_display = [
        "business_day",
        "provider",
        "account",
        "state_label",
        "line_count",
        "payment_total",
        "refund_total",
        "fee_total",
        "page_link",
    ]
    list_display_links = ["business_day"]
    list_filter = [("state", ChoicesDropdownFilter), ("business_day", RangeDateFilter)]
    search_fields = ["=account", "=provider"]
    ordering = ["-business_day", "-id"]
    readonly_fields = ["page_link"]

    @badge(
        description=_("state"),
        ordering="state",
        colours={StatementState.OPEN: "warning", StatementState.MATCHED: "info", StatementState.CLOSED: "success"},
    )
    def state_label(self, statement: Statement) -> tuple[str, str]:
        return statement.state, statement.get_state_display()

    @display(description=_("page"))
    def page_link(self, statement: Statement) -> str:
        url = reverse("console:statement", args=[statement.pk])
        return format_html('<a class="text-primary-600 underline" href="{}">{}</a>', url, _("Reconcile"))


@admin.register(StatementLine)
class StatementLineAdmin(ReadOnlyAdmin):
    whole_company = True
    list_display = ["statement", "line_no", "kind", "external_no", "amount", "fee", "verdict_label", "expected_amount"]
    list_display_links = ["statement", "line_no"]
    list_filter = [("verdict", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter)]
    list_select_related = ["statement"]
    search_fields = ["=external_no"]
    search_help_text = _("A whole transaction number")
    ordering = ["-id"]

    @badge(description=_("verdict"), ordering="verdict", colours=VERDICT_COLOURS)
    def verdict_label(self, line: StatementLine) -> tuple[str, str]:
        return line.verdict, line.get_verdict_display()


@admin.register(Match)
class MatchAdmin(ReadOnlyAdmin):
    whole_company = True
    list_display = ["line", "entry", "matched_at"]
    list_display_links = ["line", "entry"]
    list_select_related = ["line", "entry"]
    search_fields = ["=line__external_no"]
    ordering = ["-pk"]


class AgreedFeeInline(ScopedInline):
    shop = "terms__shop_id"
    model = AgreedFee
    extra = 0


@admin.register(SettlementTerms)
class SettlementTermsAdmin(HistoryAdmin):
    deletable = True
    shop = "shop_id"
    list_display = ["shop", "within_days", "grace_days", "watched_from"]
    list_select_related = ["shop"]
    ordering = ["shop_id"]
    inlines = [AgreedFeeInline]


@admin.register(AgreedFee)
class AgreedFeeAdmin(HistoryAdmin):
    deletable = True
    shop = "terms__shop_id"
    list_display = ["terms", "code", "permille"]
    list_select_related = ["terms"]
    ordering = ["terms_id", "code"]


@admin.register(SettlementEntry)
class SettlementEntryAdmin(ReadOnlyAdmin):
    shop = "shop_id"
    list_display = ["settled_at", "channel_order_no", "kind", "paid", "subsidies", "fee_total", "net", "sums_hold"]
    list_display_links = ["settled_at"]
    list_filter = [("kind", ChoicesDropdownFilter), ("shop", ScopedRelatedFilter), ("settled_at", RangeDateTimeFilter)]
    search_fields = ["=channel_order_no", "=entry_no"]
    search_help_text = _("A whole order number, or number of a movement")
    ordering = ["-id"]


@admin.register(OrderSettlement)
class OrderSettlementAdmin(ReadOnlyAdmin):
    shop = "shop_id"
    list_display = ["channel_order_no", "shop", "verdict", "paid", "expected", "fee_total", "net", "page_link"]
    list_filter = [("verdict", ChoicesDropdownFilter), ("shop", ScopedRelatedFilter)]
    list_select_related = ["shop"]
    search_fields = ["=channel_order_no"]
    search_help_text = _("A whole order number")
    ordering = ["-id"]
    readonly_fields = ["page_link"]

    @display(description=_("page"))
    def page_link(self, settlement: OrderSettlement) -> str:
        url = reverse("console:settlement", args=[settlement.pk])
        return format_html('<a class="text-primary-600 underline" href="{}">{}</a>', url, _("Look at it"))
