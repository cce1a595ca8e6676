"""Admin pages of waybills, parcels and their scans, of courier accounts and time limits."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, RangeDateTimeFilter

from fulfillment import services
from fulfillment.models import (
    CourierAccount,
    CourierSla,
    LabelJob,
    Parcel,
    ParcelWatch,
    TrackingAccount,
    TrackingScan,
    Waybill,
)
from fulfillment.states import ParcelState, ScanKind, WaybillState
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.steps import Perform, Step, StepsMixin, offer_steps
from ordercenter.audit.work import unit_of_work
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

WAYBILL_COLOURS: dict[str, str] = {
    WaybillState.USED: "success",
    WaybillState.PRINTED: "info",
    WaybillState.ASSIGNED: "info",
    WaybillState.FAILED: "danger",
    WaybillState.RECYCLE_FAILED: "danger",
    WaybillState.TO_RECYCLE: "warning",
}
PARCEL_COLOURS: dict[str, str] = {
    ParcelState.DELIVERED: "success",
    ParcelState.IN_TRANSIT: "info",
    ParcelState.LOST: "danger",
    ParcelState.RETURNED: "warning",
    ParcelState.RETURNING: "warning",
    ParcelState.RECALLING: "warning",
}
_WITH_COURIER = (WaybillState.ASSIGNED, WaybillState.PRINTED, WaybillState.RECYCLE_FAILED)


def _give_back(pk: int, reason: str, actor: Actor) -> BatchResult:
    with unit_of_work(actor=actor, reason=reason) as work:
        result = services.give_back_waybills(waybill_ids=[pk], work=work)
        if result.done:
            record_deed(work, action="waybill.give_back", subject=f"waybill:{pk}", reason=reason)
    return result


def _ask_again(pk: int, reason: str, actor: Actor) -> BatchResult:
    waybill = Waybill.objects.get(pk=pk)
    with unit_of_work(actor=actor, reason=reason) as work:
        result = services.request_waybills(shipment_ids=[waybill.shipment_id], packages=waybill.package_no, work=work)
        if result.done:
            record_deed(work, action="waybill.ask_again", subject=f"waybill:{pk}", reason=reason)
    return result


def _mark(as_: str) -> Perform:
    def perform(pk: int, reason: str, actor: Actor) -> BatchResult:
        with unit_of_work(actor=actor, reason=reason) as work:
            result = services.mark_parcels(parcel_ids=[pk], as_=as_, work=work)
            if result.done:
                record_deed(work, action=f"parcel.mark_{as_}", subject=f"parcel:{pk}", reason=reason)
        return result

    return perform


def _recall(pk: int, reason: str, actor: Actor) -> BatchResult:
    with unit_of_work(actor=actor, reason=reason) as work:
        result = services.recall_parcels(parcel_ids=[pk], work=work)
        if result.done:
            record_deed(work, action="parcel.recall", subject=f"parcel:{pk}", reason=reason)
    return result


def _can_be_voided(waybill: Waybill) -> bool:
    """What a courier can take back is given back; void is for what nobody takes."""
    if waybill.state == WaybillState.RECYCLE_FAILED:
        return True
    is_ours = waybill.account_id is None or not waybill.number
    return is_ours and waybill.state in (*_WITH_COURIER, WaybillState.REQUESTED, WaybillState.FAILED)


_NOT_BACK = (ParcelState.SHIPPED, ParcelState.IN_TRANSIT, ParcelState.RECALLING)

offer_steps(
    Step(
        Parcel,
        "mark_delivered",
        _("Mark as signed for"),
        "fulfillment.change_parcel",
        perform=_mark("delivered"),
        possible=lambda p: p.state in (*_NOT_BACK, ParcelState.LOST),
    ),
    Step(
        Parcel,
        "recall",
        _("Call the parcel back"),
        "fulfillment.change_parcel",
        perform=_recall,
        possible=lambda p: p.state in (ParcelState.SHIPPED, ParcelState.IN_TRANSIT),
    ),
    Step(
        Parcel,
        "mark_returned",
        _("The parcel is back"),
        "fulfillment.change_parcel",
        perform=_mark("returned"),
        possible=lambda p: p.state in (*_NOT_BACK, ParcelState.RETURNING, ParcelState.LOST),
    ),
    Step(
        Parcel,
        "mark_lost",
        _("Declare it lost or damaged"),
        "fulfillment.change_parcel",
        perform=_mark("lost"),
        possible=lambda p: p.state in (*_NOT_BACK, ParcelState.RETURNING),
        grave=True,
    ),
    Step(
        Waybill,
        "ask_again",
        _("Ask for the number again"),
        "fulfillment.change_waybill",
        perform=_ask_again,
        possible=lambda w: w.state == WaybillState.FAILED,
    ),
    Step(
        Waybill,
        "give_back",
        _("Give the number back"),
        "fulfillment.change_waybill",
        perform=_give_back,
        possible=lambda w: w.state in _WITH_COURIER and w.account_id is not None,
        grave=True,
    ),
    Step(
        Waybill,
        "void",
        _("Void the waybill"),
        "fulfillment.change_waybill",
        possible=_can_be_voided,
        grave=True,
    ),
)


class CourierAccountForm(SealedForm):
    class Meta:
        model = CourierAccount
        fields = [
            "carrier",
            "warehouse",
            "adapter",
            "base_url",
            "app_key",
            "customer_code",
            "product_code",
            "template_url",
            "sender_name",
            "sender_phone",
            "sender_province",
            "sender_city",
            "sender_district",
            "sender_address",
            "warn_below",
            "is_active",
            "paused_until",
            "pause_reason",
        ]


@admin.register(CourierAccount)
class CourierAccountAdmin(HistoryAdmin):
    """A row without a warehouse is for all of them: only who sees every warehouse sees it."""

    warehouse = "warehouse_id"
    form = CourierAccountForm
    list_display = [
        "carrier",
        "warehouse",
        "adapter",
        "numbers_left",
        "numbers_checked_at",
        "is_active",
        "paused_until",
        "pause_reason",
    ]
    list_filter = [("is_active", BooleanRadioFilter), ("carrier", ScopedRelatedFilter)]
    list_select_related = ["carrier", "warehouse"]
    ordering = ["carrier_id", "warehouse_id"]


class TrackingAccountForm(SealedForm):
    class Meta:
        model = TrackingAccount
        fields = ["name", "base_url", "customer", "callback_url", "is_active", "paused_until", "pause_reason"]


@admin.register(TrackingAccount)
class TrackingAccountAdmin(HistoryAdmin):
    whole_company = True
    form = TrackingAccountForm
    list_display = ["name", "base_url", "callback_url", "is_active", "paused_until", "pause_reason"]
    ordering = ["pk"]


@admin.register(CourierSla)
class CourierSlaAdmin(HistoryAdmin):
    deletable = True
    list_display = ["carrier", "province", "pickup_hours", "quiet_hours", "lost_hours"]
    list_display_links = ["carrier", "province"]
    list_filter = [("carrier", ScopedRelatedFilter)]
    list_select_related = ["carrier"]
    ordering = ["carrier_id", "province"]


class ScanInline(ReadOnlyInline):
    model = TrackingScan
    fields = ["at", "kind", "place", "text", "source"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrackingScan]:
        rows: QuerySet[TrackingScan] = super().get_queryset(request)
        return rows.order_by("-at", "-pk")


@admin.register(Parcel)
class ParcelAdmin(StepsMixin, ReadOnlyHistoryAdmin):
    shop = "shipment__shop_id"
    warehouse = "shipment__warehouse_id"
    list_display = [
        "tracking_no",
        "carrier",
        "shipment",
        "state_label",
        "last_scan",
        "shipped_at",
        "collected_at",
        "ended_at",
    ]
    list_display_links = ["tracking_no"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("carrier", ScopedRelatedFilter),
        ("shipped_at", RangeDateTimeFilter),
    ]
    list_select_related = ["carrier", "shipment", "watch"]
    search_fields = ["tracking_no", "=shipment__code"]
    search_help_text = _("Part of a tracking number, or a whole delivery order number")
    ordering = ["-id"]
    inlines = [ScanInline]

    @badge(description=_("state"), ordering="state", colours=PARCEL_COLOURS)
    def state_label(self, parcel: Parcel) -> tuple[str, str]:
        return parcel.state, parcel.get_state_display()

    @admin.display(description=_("last kind"))
    def last_scan(self, parcel: Parcel) -> str:
        watch = getattr(parcel, "watch", None)
        return str(ScanKind(watch.last_scan).label) if watch is not None and watch.last_scan else ""


@admin.register(ParcelWatch)
class ParcelWatchAdmin(ReadOnlyAdmin):
    shop = "parcel__shipment__shop_id"
    warehouse = "parcel__shipment__warehouse_id"
    list_display = ["parcel", "how", "rounds", "last_scan_at", "last_scan", "heard_at", "asked_at", "is_open"]
    list_filter = [("how", ChoicesDropdownFilter), ("is_open", BooleanRadioFilter)]
    list_select_related = ["parcel"]
    search_fields = ["=parcel__tracking_no"]
    search_help_text = _("A whole tracking number")
    ordering = ["-parcel_id"]


@admin.register(TrackingScan)
class TrackingScanAdmin(ReadOnlyAdmin):
    shop = "parcel__shipment__shop_id"
    warehouse = "parcel__shipment__warehouse_id"
    list_display = ["parcel", "at", "kind", "place", "text", "source", "recorded_at"]
    list_filter = [("kind", ChoicesDropdownFilter), ("at", RangeDateTimeFilter)]
    list_select_related = ["parcel"]
    search_fields = ["=parcel__tracking_no"]
    search_help_text = _("A whole tracking number")
    ordering = ["-id"]


@admin.register(Waybill)
class WaybillAdmin(StepsMixin, ReadOnlyHistoryAdmin):
    shop = "shipment__shop_id"
    warehouse = "shipment__warehouse_id"
    list_display = [
        "number",
        "carrier",
        "shipment",
        "package_no",
        "state_label",
        "printed_at",
        "printed_by",
        "prints",
        "error",
    ]
    list_display_links = ["number", "carrier"]
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("carrier", ScopedRelatedFilter),
        ("requested_at", RangeDateTimeFilter),
    ]
    list_select_related = ["carrier", "shipment", "printed_by"]
    search_fields = ["=number", "=shipment__code"]
    search_help_text = _("A whole waybill or delivery order number")
    ordering = ["-id"]
    exclude = ["print_data"]

    @badge(description=_("state"), ordering="state", colours=WAYBILL_COLOURS)
    def state_label(self, waybill: Waybill) -> tuple[str, str]:
        return waybill.state, waybill.get_state_display()


@admin.register(LabelJob)
class LabelJobAdmin(ReadOnlyAdmin):
    """The PDFs themselves are taken from the page of waybills, by who asked for them."""

    warehouse = "warehouse_id"
    list_display = ["id", "created_at", "created_by", "done_at", "error"]
    list_select_related = ["created_by"]
    ordering = ["-id"]
    exclude = ["pdf"]
