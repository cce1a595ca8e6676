"""Courier contracts, rates, peaks, areas and measured transit times: the tables behind the contract editor."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, RangeDateFilter

from fulfillment.models import (
    CourierArea,
    CourierContract,
    CourierProduct,
    CourierRate,
    PeakFee,
    PriceVersion,
    TransitTime,
)
from ordercenter.common.admin_base import HistoryAdmin, ReadOnlyAdmin, ScopedInline, ScopedRelatedFilter


@admin.register(CourierProduct)
class CourierProductAdmin(HistoryAdmin):
    list_display = ["carrier", "code", "name", "is_active"]
    list_display_links = ["carrier", "code"]
    list_filter = [("carrier", ScopedRelatedFilter), ("is_active", BooleanRadioFilter)]
    list_select_related = ["carrier"]
    search_fields = ["code", "name"]
    ordering = ["carrier_id", "code"]


class CourierRateForm(forms.ModelForm):
    """A rate whose weights the contract's rounding divides: prices stay the same wherever they are computed."""

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        rounding = self.instance.contract.rounding_g if self.instance.contract_id else 0
        weights = [data.get("first_weight_g"), data.get("step_weight_g")]
        if rounding and any(weight and weight % rounding for weight in weights):
            raise ValidationError(_("First and step weight are multiples of the contract's rounding."))
        return data


class CourierRateInline(ScopedInline):
    model = CourierRate
    form = CourierRateForm
    fields = ["zone", "tiers", "first_weight_g", "first_fee", "step_weight_g", "step_fee", "remote_fee", "days_p90"]
    tab = True


class PeakFeeInline(ScopedInline):
    model = PeakFee
    fields = ["starts_on", "ends_on", "fee"]
    tab = True


@admin.register(CourierContract)
class CourierContractAdmin(HistoryAdmin):
    warehouse = "warehouse_id"
    inlines = [CourierRateInline, PeakFeeInline]
    list_display = ["warehouse", "product", "number", "valid_from", "ends_on", "is_active", "is_sample"]
    list_display_links = ["warehouse", "product"]
    list_filter = [
        ("warehouse", ScopedRelatedFilter),
        ("product__carrier", ScopedRelatedFilter),
        ("is_active", BooleanRadioFilter),
        ("valid_from", RangeDateFilter),
    ]
    list_select_related = ["warehouse", "product__carrier"]
    search_fields = ["number"]
    ordering = ["warehouse_id", "product_id", "-valid_from"]


@admin.register(CourierRate)
class CourierRateAdmin(HistoryAdmin):
    deletable = True
    warehouse = "contract__warehouse_id"
    form = CourierRateForm
    list_display = ["contract", "zone", "first_weight_g", "first_fee", "step_weight_g", "step_fee", "days_p90"]
    list_display_links = ["contract", "zone"]
    list_filter = [("contract__warehouse", ScopedRelatedFilter), ("contract__product__carrier", ScopedRelatedFilter)]
    list_select_related = ["contract__warehouse", "contract__product__carrier"]
    search_fields = ["=zone"]
    ordering = ["contract_id", "zone"]


@admin.register(PeakFee)
class PeakFeeAdmin(HistoryAdmin):
    deletable = True
    warehouse = "contract__warehouse_id"
    list_display = ["contract", "starts_on", "ends_on", "fee"]
    list_select_related = ["contract__warehouse", "contract__product__carrier"]
    ordering = ["-starts_on"]


@admin.register(CourierArea)
class CourierAreaAdmin(HistoryAdmin):
    deletable = True
    warehouse = "warehouse_id"
    list_display = ["carrier", "zone", "serves", "warehouse", "product", "starts_on", "ends_on", "reason"]
    list_display_links = ["carrier", "zone"]
    list_filter = [("carrier", ScopedRelatedFilter), ("serves", BooleanRadioFilter)]
    list_select_related = ["carrier", "warehouse", "product__carrier"]
    search_fields = ["=zone", "reason"]
    ordering = ["carrier_id", "zone"]


@admin.register(TransitTime)
class TransitTimeAdmin(ReadOnlyAdmin):
    warehouse = "warehouse_id"
    list_display = ["warehouse", "carrier", "zone", "samples", "days_p50", "days_p90", "measured_at"]
    list_filter = [("warehouse", ScopedRelatedFilter), ("carrier", ScopedRelatedFilter)]
    list_select_related = ["warehouse", "carrier"]
    search_fields = ["=zone"]
    ordering = ["warehouse_id", "carrier_id", "zone"]


@admin.register(PriceVersion)
class PriceVersionAdmin(ReadOnlyAdmin):
    whole_company = True
    list_display = ["version"]
