"""Rules that business people keep: what makes an order urgent, who travels together, who gets a gift."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet, Sum
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from ordercenter.common.admin_base import (
    HistoryAdmin,
    ReadOnlyAdmin,
    ReadOnlyHistoryAdmin,
    ScopedInline,
    ScopedRelatedFilter,
)
from ordercenter.common.secretfield import search_hash
from ordercenter.orders.models import (
    GiftCount,
    GiftGrant,
    GiftRule,
    GiftTier,
    GiftTrigger,
    GradeRule,
    ParcelPolicy,
    VipBuyer,
)


@admin.register(GradeRule)
class GradeRuleAdmin(HistoryAdmin):
    deletable = True
    shop = "shop_id"
    list_display = ["shown_name", "kind", "shop", "words", "hours", "amount", "channel", "points", "grade", "is_active"]
    list_display_links = ["shown_name"]
    list_filter = [("kind", ChoicesDropdownFilter), ("is_active", BooleanRadioFilter)]
    list_select_related = ["shop", "channel"]
    search_fields = ["name", "=code"]
    ordering = ["-points", "code"]

    @display(description=_("name"), ordering="name")
    def shown_name(self, rule: GradeRule) -> str:
        return rule.shown_name


class VipBuyerForm(forms.ModelForm):
    """Takes the buyer's key once and keeps its hash."""

    buyer = forms.CharField(
        label=_("buyer"),
        max_length=64,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=_("The buyer's id at the channel. Only a keyed hash of it is stored."),
    )

    class Meta:
        model = VipBuyer
        fields = ["shop", "note"]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if not self.instance.pk:
            buyer = data.get("buyer", "").strip()
            if not buyer:
                self.add_error("buyer", _("A value is needed."))
                return data
            self.instance.buyer_hash = search_hash("buyer", buyer)
            if VipBuyer.objects.filter(shop=data.get("shop"), buyer_hash=self.instance.buyer_hash).exists():
                self.add_error("buyer", _("This buyer is on the list already."))
        return data


@admin.register(VipBuyer)
class VipBuyerAdmin(HistoryAdmin):
    deletable = True
    shop = "shop_id"
    form = VipBuyerForm
    list_display = ["buyer_hash", "shop", "note", "created_at"]
    list_filter = [("shop", ScopedRelatedFilter)]
    list_select_related = ["shop"]
    search_fields = ["note"]
    ordering = ["-id"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["shop", "note"] if obj else ["shop", "buyer", "note"]


@admin.register(ParcelPolicy)
class ParcelPolicyAdmin(HistoryAdmin):
    deletable = True
    shop = "shop_id"
    list_display = ["shop", "merges", "window_min", "sibling_wait_min", "margin_min", "joins", "ships_parts"]
    list_select_related = ["shop"]
    search_fields = ["=shop__code"]
    ordering = ["shop_id"]


class GiftTierInline(ScopedInline):
    model = GiftTier
    autocomplete_fields = ["sku"]
    fields = ["from_value", "sku", "quantity"]


class GiftTriggerInline(ScopedInline):
    model = GiftTrigger
    autocomplete_fields = ["sku"]
    fields = ["sku"]


@admin.register(GiftRule)
class GiftRuleAdmin(HistoryAdmin):
    shop = "shop_id"
    list_display = ["name", "kind", "shop", "valid_from", "valid_until", "given", "stock_limit", "is_active"]
    list_filter = [("kind", ChoicesDropdownFilter), ("shop", ScopedRelatedFilter), ("is_active", BooleanRadioFilter)]
    list_select_related = ["shop"]
    search_fields = ["name"]
    ordering = ["-id"]
    inlines = [GiftTierInline, GiftTriggerInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[GiftRule]:
        return super().get_queryset(request)

    @display(description=_("given"))
    def given(self, rule: GiftRule) -> int:
        pieces = GiftGrant.objects.filter(rule=rule, ended_at__isnull=True).aggregate(n=Sum("quantity"))["n"]
        return int(pieces or 0)


@admin.register(GiftTier)
class GiftTierAdmin(HistoryAdmin):
    deletable = True
    shop = "rule__shop_id"
    list_display = ["rule", "from_value", "sku", "quantity"]
    list_select_related = ["rule", "sku"]
    autocomplete_fields = ["sku"]
    search_fields = ["rule__name", "=sku__code"]
    ordering = ["rule_id", "from_value"]


@admin.register(GiftTrigger)
class GiftTriggerAdmin(HistoryAdmin):
    deletable = True
    shop = "rule__shop_id"
    list_display = ["rule", "sku"]
    list_select_related = ["rule", "sku"]
    autocomplete_fields = ["sku"]
    search_fields = ["rule__name", "=sku__code"]
    ordering = ["rule_id", "id"]


@admin.register(GiftCount)
class GiftCountAdmin(ReadOnlyAdmin):
    shop = "rule__shop_id"
    list_display = ["rule", "given", "seen"]
    list_select_related = ["rule"]
    ordering = ["rule_id"]


@admin.register(GiftGrant)
class GiftGrantAdmin(ReadOnlyHistoryAdmin):
    shop = "order__shop_id"
    list_display = ["order", "rule", "sku", "quantity", "granted_at", "ended_at", "end_reason", "is_due_back"]
    list_display_links = ["order"]
    list_filter = [("is_due_back", BooleanRadioFilter)]
    list_select_related = ["order", "rule", "sku"]
    search_fields = ["order__channel_order_no", "=sku__code"]
    search_help_text = _("Part of an order number, or a whole SKU code")
    ordering = ["-id"]
