"""The admin's sidebar and search box: what this reader may open, and orders by number, tracking number or phone."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.dataclasses import SearchResult

from ordercenter.common.scope import scope_of
from ordercenter.console.pages import navigation as places
from ordercenter.orders.models import Order
from ordercenter.orders.search import SHORTEST_PART, search_orders

MOST_RESULTS = 10

# Title, then (model, icon) in the order of daily use.
GROUPS: tuple[tuple[Any, tuple[tuple[str, str], ...]], ...] = (
    (
        _("Orders"),
        (
            ("orders.Order", "receipt_long"),
            ("orders.OrderLine", "list"),
            ("orders.Hold", "pan_tool"),
            ("orders.RefundRequest", "undo"),
            ("orders.SplitPart", "call_split"),
            ("orders.GiftGrant", "redeem"),
            ("cases.Case", "inbox"),
            ("cases.CaseGroup", "stacks"),
        ),
    ),
    (
        _("Rules"),
        (
            ("orders.GradeRule", "priority_high"),
            ("orders.VipBuyer", "star"),
            ("orders.ParcelPolicy", "merge"),
            ("orders.GiftRule", "featured_seasonal_and_gifts"),
            ("fulfillment.PackingRule", "deployed_code"),
            ("catalog.ChannelCapability", "rule"),
        ),
    ),
    (
        _("Fulfilment"),
        (
            ("fulfillment.Shipment", "local_shipping"),
            ("fulfillment.ShipmentLine", "list_alt"),
            ("fulfillment.Parcel", "package_2"),
            ("fulfillment.TrackingScan", "timeline"),
            ("fulfillment.Waybill", "label"),
            ("fulfillment.CourierAccount", "key"),
            ("fulfillment.TrackingAccount", "key"),
            ("fulfillment.CourierSla", "timer"),
            ("fulfillment.Carrier", "moped"),
            ("fulfillment.WmsAccount", "key"),
            ("fulfillment.InboundOrder", "input"),
            ("fulfillment.StockOut", "output"),
            ("fulfillment.Wave", "waves"),
            ("fulfillment.StockCount", "checklist"),
            ("fulfillment.Scan", "barcode_scanner"),
            ("fulfillment.Bin", "shelves"),
            ("fulfillment.Barcode", "barcode"),
            ("fulfillment.FloorRules", "rule"),
        ),
    ),
    (
        _("Couriers"),
        (
            ("fulfillment.CourierProduct", "two_wheeler"),
            ("fulfillment.CourierContract", "contract"),
            ("fulfillment.CourierRate", "price_change"),
            ("fulfillment.PeakFee", "trending_up"),
            ("fulfillment.CourierArea", "wrong_location"),
            ("fulfillment.TransitTime", "timer"),
            ("fulfillment.FreightBill", "request_quote"),
            ("fulfillment.FreightLine", "reorder"),
            ("fulfillment.FreightLayout", "view_column"),
            ("fulfillment.FreightUpload", "upload_file"),
        ),
    ),
    (
        _("Routing"),
        (
            ("fulfillment.RoutingRuleSet", "rule"),
            ("fulfillment.RoutingRuleVersion", "history"),
            ("fulfillment.RoutingPin", "push_pin"),
            ("fulfillment.RoutingDecision", "alt_route"),
            ("fulfillment.WarehouseCalendar", "calendar_month"),
            ("fulfillment.WarehouseDay", "event"),
            ("fulfillment.WarehouseClosing", "event_busy"),
            ("fulfillment.WarehouseLoad", "speed"),
            ("fulfillment.ShadowPrices", "price_change"),
            ("fulfillment.BacklogRun", "restart_alt"),
            ("fulfillment.ShadowRun", "visibility"),
            ("fulfillment.ShadowDifference", "difference"),
        ),
    ),
    (
        _("Stock"),
        (
            ("inventory.StockLevel", "inventory_2"),
            ("inventory.Reservation", "lock"),
            ("inventory.StockMovement", "swap_vert"),
            ("inventory.StockTable", "upload_file"),
            ("inventory.Supply", "local_shipping"),
            ("inventory.SupplyClaim", "event_upcoming"),
            ("inventory.ChannelPolicy", "tune"),
            ("inventory.ChannelQuota", "pie_chart"),
            ("inventory.ChannelStock", "campaign"),
            ("inventory.StockPolicy", "rule"),
            ("inventory.ProductionOrder", "precision_manufacturing"),
            ("inventory.ProductionRoute", "schema"),
            ("inventory.ProductionResource", "factory"),
            ("inventory.CapacityDay", "calendar_month"),
            ("inventory.Warehouse", "warehouse"),
        ),
    ),
    (
        _("Money"),
        (
            ("finance.PaymentEntry", "payments"),
            ("finance.Statement", "balance"),
            ("finance.StatementLine", "reorder"),
            ("finance.OrderSettlement", "payments"),
            ("finance.SettlementEntry", "swap_vert"),
            ("finance.SettlementTerms", "handshake"),
            ("finance.AgreedFee", "percent"),
            ("finance.Match", "join_inner"),
            ("finance.ProviderAccount", "key"),
        ),
    ),
    (
        _("Catalogue"),
        (
            ("catalog.Channel", "storefront"),
            ("catalog.Shop", "store"),
            ("catalog.Sku", "sell"),
            ("catalog.BundlePart", "category"),
            ("catalog.ListingMatch", "link"),
            ("catalog.IgnoredListing", "link_off"),
            ("catalog.Contact", "contacts"),
            ("catalog.BlacklistEntry", "block"),
        ),
    ),
    (
        _("Flows"),
        (
            ("workflow.Flow", "account_tree"),
            ("workflow.FlowVersion", "history"),
            ("workflow.FlowRun", "route"),
        ),
    ),
    (
        _("Integration"),
        (
            ("channels_sync.ChannelAccount", "key"),
            ("channels_sync.ConnectorVersion", "api"),
            ("channels_sync.SyncCursor", "sync"),
            ("channels_sync.PullRun", "manage_search"),
            ("channels_sync.MessageReplay", "replay"),
            ("channels_sync.OrderFile", "upload_file"),
            ("channels_sync.FileOrderRow", "reorder"),
            ("channels_sync.OrderFilePart", "inventory"),
            ("channels_sync.LiveSession", "live_tv"),
            ("channels_sync.LiveItem", "sell"),
            ("channels_sync.LiveSale", "receipt"),
            ("channels_sync.Counter", "point_of_sale"),
            ("channels_sync.CounterDocument", "receipt"),
            ("channels_sync.CounterShift", "schedule"),
            ("channels_sync.OrderFileLayout", "view_column"),
            ("events.InboxMessage", "move_to_inbox"),
            ("events.OutgoingCommand", "outbox"),
            ("events.EventRow", "timeline"),
            ("events.Delivery", "forward_to_inbox"),
            ("events.Timer", "timer"),
            ("events.ProcessBeat", "monitor_heart"),
        ),
    ),
    (_("Audit"), (("audit.Deed", "gavel"), ("audit.StateChange", "moving"))),
    (
        _("People"),
        (
            ("auth.User", "person"),
            ("auth.Group", "groups"),
            ("catalog.ShopAccess", "storefront"),
            ("inventory.WarehouseAccess", "warehouse"),
            ("axes.AccessAttempt", "lock_person"),
            ("axes.AccessLog", "login"),
        ),
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar: the console's pages, then the tables this reader may see, by subject."""
    pages = [
        {"title": place.label, "icon": place.icon, "link": reverse(place.url_name), "active": False}
        for place in places(request).get("places", ())
    ]
    groups: list[dict[str, Any]] = [{"title": _("Work"), "separator": False, "items": pages}]
    for title, models in GROUPS:
        items = [item for label, icon in models if (item := _item(request, label, icon)) is not None]
        if items:
            groups.append({"title": title, "separator": True, "collapsible": True, "items": items})
    return groups


def find(request: HttpRequest, term: str) -> list[SearchResult]:
    """Orders for the search box: by part of the number or tracking number, or by the whole phone number."""
    if not request.user.has_perm("orders.view_order") or len(term.strip()) < SHORTEST_PART:
        return []
    orders = scope_of(request).narrow(Order.objects.select_related("shop"), shop="shop_id")
    return [
        SearchResult(
            title=order.channel_order_no,
            description=f"{order.shop} · {order.get_state_display()}",
            link=reverse("console:order", args=[order.pk]),
            icon="receipt_long",
        )
        for order in search_orders(orders, term).order_by("-pk")[:MOST_RESULTS]
    ]


def icon(request: HttpRequest) -> str:
    """The address of the site's icon."""
    return static("console/icon.svg")


def stylesheet(request: HttpRequest) -> str:
    """The address of what we add to the theme's styles."""
    return static("console/admin.css")


def account(request: HttpRequest) -> list[dict[str, Any]]:
    """Entries of the menu under the reader's name."""
    return [{"title": _("Change password"), "link": reverse("password_change")}]


def _item(request: HttpRequest, label: str, icon: str) -> dict[str, Any] | None:
    try:
        model = apps.get_model(label)
    except LookupError:
        return None
    name = f"{model._meta.app_label}.view_{model._meta.model_name}"
    if not request.user.has_perm(name):
        return None
    address = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    return {"title": _capitalised(model._meta.verbose_name_plural), "icon": icon, "link": reverse(address)}


def _capitalised(name: Any) -> str:
    text = str(name)
    return text[:1].upper() + text[1:]
