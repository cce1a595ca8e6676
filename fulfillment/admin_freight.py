"""Bills of couriers and their lines to look things up; how each courier calls its columns. Decided in the console."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateFilter
from unfold.decorators import display

from fulfillment.models import FreightBill, FreightLayout, FreightLine, FreightUpload
from fulfillment.states import FreightBillState, FreightVerdict
from ordercenter.common.admin_base import (
    HistoryAdmin,
    ReadOnlyAdmin,
    ReadOnlyHistoryAdmin,
    ScopedRelatedFilter,
    badge,
)

VERDICT_COLOURS: dict[str, str] = {
    FreightVerdict.MATCHED: "success",
    FreightVerdict.SIGNED_OFF: "info",
    FreightVerdict.WEIGHT_DIFFERS: "warning",
    FreightVerdict.PRICE_DIFFERS: "danger",
    FreightVerdict.UNKNOWN_PARCEL: "danger",
    FreightVerdict.BILLED_TWICE: "danger",
    FreightVerdict.VOID_BILLED: "danger",
    FreightVerdict.NO_CONTRACT: "warning",
    FreightVerdict.NOT_BILLED: "warning",
}


@admin.register(FreightBill)
class FreightBillAdmin(ReadOnlyHistoryAdmin):
    whole_company = True
    list_display = ["carrier", "starts_on", "ends_on", "warehouse", "state_label", "line_count", "amount_total", "page"]
    list_display_links = ["carrier", "starts_on"]
    list_filter = [
        ("carrier", ScopedRelatedFilter),
        ("state", ChoicesDropdownFilter),
        ("starts_on", RangeDateFilter),
    ]
    list_select_related = ["carrier", "warehouse"]
    search_fields = ["file_name"]
    ordering = ["-id"]
    readonly_fields = ["page"]

    @badge(
        description=_("state"),
        ordering="state",
        colours={
            FreightBillState.OPEN: "warning",
            FreightBillState.CLOSED: "success",
            FreightBillState.WITHDRAWN: "",
        },
    )
    def state_label(self, bill: FreightBill) -> tuple[str, str]:
        return bill.state, bill.get_state_display()

    @display(description=_("page"))
    def page(self, bill: FreightBill) -> str:
        url = reverse("console:freight-bill", args=[bill.pk])
        return format_html('<a class="text-primary-600 underline" href="{}">{}</a>', url, _("Check the bill"))


@admin.register(FreightLine)
class FreightLineAdmin(ReadOnlyAdmin):
    whole_company = True
    list_display = [
        "bill",
        "line_no",
        "tracking_no",
        "billed_g",
        "our_g",
        "amount",
        "expected_amount",
        "verdict_label",
    ]
    list_display_links = ["bill", "line_no"]
    list_filter = [("verdict", ChoicesDropdownFilter)]
    list_select_related = ["bill__carrier"]
    search_fields = ["=tracking_no"]
    search_help_text = _("A whole tracking number")
    ordering = ["-id"]

    @badge(description=_("verdict"), ordering="verdict", colours=VERDICT_COLOURS)
    def verdict_label(self, line: FreightLine) -> tuple[str, str]:
        return line.verdict, line.get_verdict_display()


@admin.register(FreightLayout)
class FreightLayoutAdmin(HistoryAdmin):
    whole_company = True
    deletable = True
    list_display = ["carrier"]
    list_select_related = ["carrier"]
    ordering = ["carrier_id"]


@admin.register(FreightUpload)
class FreightUploadAdmin(ReadOnlyAdmin):
    """Who has a bill waiting; what is in the file stays sealed."""

    whole_company = True
    list_display = ["carrier", "file_name", "created_at", "created_by"]
    list_select_related = ["carrier", "created_by"]
    exclude = ["content"]
    ordering = ["-id"]
