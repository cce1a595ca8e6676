"""Channels, shops, goods, listings, contacts and the blacklist."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from ordercenter.audit.work import unit_of_work
from ordercenter.catalog.binding import hold_back_judgements, take_back_bound, tell_matched
from ordercenter.catalog.blacklist import blacklist_hash
from ordercenter.catalog.contacts import phone_hash
from ordercenter.catalog.models import (
    BlacklistEntry,
    BundlePart,
    Channel,
    ChannelCapability,
    Contact,
    IgnoredListing,
    ListingMatch,
    RuleStamp,
    Shop,
    ShopAccess,
    Sku,
)
from ordercenter.common.actor import actor_of
from ordercenter.common.admin_base import (
    HistoryAdmin,
    ReadOnlyAdmin,
    ScopedAdmin,
    ScopedInline,
    ScopedRelatedFilter,
    badge,
)


@admin.register(Channel)
class ChannelAdmin(ScopedAdmin):
    list_display = ["name", "code"]
    search_fields = ["name", "code"]
    ordering = ["code"]


@admin.register(ChannelCapability)
class ChannelCapabilityAdmin(HistoryAdmin):
    """What each platform can be told: one row a channel, columns to compare them by."""

    list_display = [
        "channel",
        "splits_by_line",
        "splits_by_quantity",
        "many_numbers_per_line",
        "changes_number",
        "merges_by_opaque_id",
        "merges_by_address",
        "shares_number",
    ]
    list_select_related = ["channel"]
    search_fields = ["=channel__code"]
    ordering = ["channel_id"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["channel"] if obj else []


@admin.register(RuleStamp)
class RuleStampAdmin(ReadOnlyAdmin):
    list_display = ["kind", "version"]
    ordering = ["kind"]


@admin.register(Shop)
class ShopAdmin(HistoryAdmin):
    shop = "pk"
    list_display = ["name", "code", "channel", "currency", "payment_fee_bp", "is_active"]
    list_filter = [("channel", ScopedRelatedFilter), ("is_active", BooleanRadioFilter)]
    list_select_related = ["channel"]
    search_fields = ["name", "code"]
    ordering = ["code"]


class BundlePartInline(ScopedInline):
    model = BundlePart
    fk_name = "bundle"
    autocomplete_fields = ["part"]
    verbose_name = _("bundle part")
    verbose_name_plural = _("bundle parts")


@admin.register(Sku)
class SkuAdmin(HistoryAdmin):
    list_display = [
        "code",
        "name",
        "category",
        "weight_label",
        "list_price",
        "floor_price",
        "bundle_label",
        "is_active",
    ]
    list_display_links = ["code", "name"]
    list_filter = [("is_bundle", BooleanRadioFilter), ("is_active", BooleanRadioFilter)]
    search_fields = ["code", "name"]
    ordering = ["code"]
    inlines = [BundlePartInline]

    def get_queryset(self, request: HttpRequest) -> Any:
        weight = Sum(F("parts__quantity") * F("parts__part__weight_g"))
        return super().get_queryset(request).annotate(parts_g=weight)

    @display(description=_("weight (g)"), ordering="weight_g")
    def weight_label(self, sku: Any) -> str:
        """A bundle without a weight of its own weighs what its parts weigh."""
        if sku.is_bundle and not sku.weight_g and sku.parts_g:
            return gettext("%(grams)s, of its parts") % {"grams": sku.parts_g}
        return str(sku.weight_g)

    @badge(description=_("bundle"), ordering="is_bundle", colours={"bundle": "info"})
    def bundle_label(self, sku: Sku) -> tuple[str, str] | None:
        return ("bundle", gettext("bundle")) if sku.is_bundle else None


@admin.register(BundlePart)
class BundlePartAdmin(ScopedAdmin):
    deletable = True
    list_display = ["bundle", "part", "quantity"]
    list_select_related = ["bundle", "part"]
    autocomplete_fields = ["bundle", "part"]
    search_fields = ["=bundle__code", "=part__code"]
    ordering = ["bundle_id", "id"]


@admin.register(ListingMatch)
class ListingMatchAdmin(HistoryAdmin):
    deletable = True
    shop = "shop_id"
    list_display = ["shop", "listing_id", "listing_sku_id", "sku", "by_code"]
    list_display_links = ["shop", "listing_id"]
    list_filter = [("shop", ScopedRelatedFilter)]
    list_select_related = ["shop", "sku"]
    autocomplete_fields = ["sku"]
    search_fields = ["=listing_id", "=listing_sku_id", "=sku__code"]
    ordering = ["-id"]

    def save_model(self, request: HttpRequest, obj: ListingMatch, form: Any, change: bool) -> None:
        """Save, and tell the orders that wait for it. The page's transaction holds both."""
        with unit_of_work(actor=actor_of(request)) as work:
            hold_back_judgements()
            obj.by_code = ""
            super().save_model(request, obj, form, change)
            take_back_bound([obj.listing])
            tell_matched(work, obj)


@admin.register(IgnoredListing)
class IgnoredListingAdmin(ReadOnlyAdmin):
    shop = "shop_id"
    list_display = ["shop", "listing_id", "listing_sku_id", "reason", "ignored_at", "ignored_by"]
    list_display_links = ["shop", "listing_id"]
    list_filter = [("shop", ScopedRelatedFilter)]
    list_select_related = ["shop", "ignored_by"]
    search_fields = ["=listing_id", "=listing_sku_id"]
    ordering = ["-id"]


@admin.register(ShopAccess)
class ShopAccessAdmin(HistoryAdmin):
    deletable = True
    shop = "shop_id"
    list_display = ["user", "shop"]
    list_filter = [("shop", ScopedRelatedFilter)]
    list_select_related = ["user", "shop"]
    autocomplete_fields = ["user"]
    search_fields = ["=user__username"]
    ordering = ["user_id", "shop_id"]


@admin.register(Contact)
class ContactAdmin(ReadOnlyAdmin):
    """Masked, always. In clear only through the page that records who looked."""

    shop = "order__shop_id"
    to_many = True
    list_display = ["masked_name", "masked_phone", "province", "city", "district", "masked_label"]
    list_display_links = ["masked_name", "masked_phone"]
    list_filter = [("is_masked", BooleanRadioFilter)]
    search_fields = ["phone_hash"]
    search_help_text = _("The whole phone number")
    ordering = ["-id"]
    fields = [
        "masked_name",
        "masked_phone",
        "province",
        "city",
        "district",
        "town",
        "masked_address",
        "masked_label",
        "reveal_link",
    ]
    readonly_fields = ["reveal_link"]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if not search_term.strip():
            return queryset, False
        hashed = phone_hash(search_term)
        return (queryset.filter(phone_hash=hashed) if hashed else queryset.none()), False

    @badge(description=_("masked by the platform"), ordering="is_masked", colours={"masked": "info"})
    def masked_label(self, contact: Contact) -> tuple[str, str] | None:
        return ("masked", gettext("yes")) if contact.is_masked else None

    @display(description=_("in clear"))
    def reveal_link(self, contact: Contact) -> str:
        url = reverse("console:reveal", args=["contact", contact.pk])
        return format_html('<a class="text-primary-600 underline" href="{}">{}</a>', url, _("Show in clear ..."))


class BlacklistForm(forms.ModelForm):  # type: ignore[type-arg]
    """Takes the clear value once and keeps its hash."""

    value = forms.CharField(
        label=_("value"),
        max_length=128,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=_("Phone, buyer name or platform address id. Only a keyed hash of it is stored."),
    )

    class Meta:
        model = BlacklistEntry
        fields = ["kind", "reason"]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if not self.instance.pk:
            try:
                self.instance.value_hash = blacklist_hash(data.get("kind", ""), data.get("value", ""))
            except ValueError:
                self.add_error("value", _("A value is needed; a phone number has digits."))
            same = BlacklistEntry.objects.filter(kind=data.get("kind"), value_hash=self.instance.value_hash)
            if same.exists():
                self.add_error("value", _("This is on the blacklist already."))
        return data


@admin.register(BlacklistEntry)
class BlacklistEntryAdmin(HistoryAdmin):
    deletable = True
    form = BlacklistForm
    list_display = ["kind", "value_hash", "reason", "created_at"]
    list_display_links = ["value_hash"]
    list_filter = [("kind", ChoicesDropdownFilter)]
    ordering = ["-id"]
    fields = ["kind", "value", "reason"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["kind"] if obj else []

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["kind", "reason"] if obj else ["kind", "value", "reason"]
