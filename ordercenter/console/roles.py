"""Roles: what the people of each job may do. Groups of Django, made from this page.

A role names permissions as patterns, "app.codename" with stars. Which shops and warehouses a person works for is kept
apart from the role, in ShopAccess and WarehouseAccess; all_shops and all_warehouses stand for all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

OPERATOR, SUPERVISOR, WAREHOUSE = "operator", "supervisor", "warehouse"
FINANCE, INTEGRATOR, AUDITOR, ADMIN = "finance", "integrator", "auditor", "admin"

ROLE_LABELS: Mapping[str, str | Promise] = {
    OPERATOR: _("Operator"),
    SUPERVISOR: _("Supervisor"),
    WAREHOUSE: _("Warehouse"),
    FINANCE: _("Finance"),
    INTEGRATOR: _("Integrator"),
    AUDITOR: _("Auditor"),
    ADMIN: _("Administrator"),
}

_GOODS = (
    "catalog.view_channel",
    "catalog.view_shop",
    "catalog.view_sku",
    "catalog.view_bundlepart",
    "catalog.view_listingmatch",
)
_ORDERS = (
    "orders.view_*",
    "cases.view_*",
    "catalog.view_contact",
    "fulfillment.view_*",
    "inventory.view_warehouse",
    "inventory.view_stocklevel",
    "inventory.view_reservation",
    "inventory.view_stockmovement",
    "inventory.view_supply",
    "inventory.view_supplyclaim",
    "inventory.view_channel*",
    "inventory.view_stockpolicy",
    "inventory.view_reservepolicy",
    "inventory.view_stocktakeover",
    "inventory.view_production*",
    "inventory.view_capacityday",
    "finance.view_paymententry",
    "channels_sync.view_orderfile",
    "channels_sync.view_counter*",
    "channels_sync.view_live*",
)
_OPERATOR = (
    *_GOODS,
    *_ORDERS,
    "channels_sync.view_channelaccount",
    "inventory.all_warehouses",
    "cases.work_case",
    "orders.release_order",
    "fulfillment.pin_order",
    "fulfillment.route_elsewhere",
    "fulfillment.ask_back",
    "fulfillment.arrange_parcels",
    "catalog.add_listingmatch",
    "catalog.change_listingmatch",
    "catalog.view_ignoredlisting",
    "catalog.add_ignoredlisting",
    "catalog.delete_ignoredlisting",
    "catalog.reveal_contact",
    "channels_sync.add_orderfile",
)
_EVERYWHERE = ("catalog.all_shops", "inventory.all_warehouses")

# Who says how warehouses are chosen.
_ROUTING = (
    "fulfillment.change_routingruleset",
    "fulfillment.activate_routingruleset",
    "fulfillment.pin_order",
    "fulfillment.*_warehousecalendar",
    "fulfillment.*_warehouseday",
    "fulfillment.*_warehouseclosing",
    "fulfillment.add_shadowrun",
)

# Who agrees prices with couriers, and says where they do not go.
_COURIERS = (
    "fulfillment.*_courierproduct",
    "fulfillment.*_couriercontract",
    "fulfillment.*_courierrate",
    "fulfillment.*_peakfee",
    "fulfillment.*_courierarea",
)

ROLES: Mapping[str, tuple[str, ...]] = {
    OPERATOR: _OPERATOR,
    SUPERVISOR: (
        *_OPERATOR,
        "cases.steal_case",
        "channels_sync.*_counter",
        "channels_sync.run_livesession",
        "orders.cancel_order",
        "finance.book_payment",
        "catalog.change_sku",
        "catalog.delete_listingmatch",
        "inventory.adjust_stock",
        "inventory.share_stock",
        "inventory.plan_production",
        "inventory.*_channelpolicy",
        "inventory.*_stockpolicy",
        "inventory.*_reservepolicy",
        "inventory.take_over_stock",
        "catalog.view_channelcapability",
        "orders.*_graderule",
        "orders.*_vipbuyer",
        "orders.*_parcelpolicy",
        "orders.*_giftrule",
        "orders.*_gifttier",
        "orders.*_gifttrigger",
        "fulfillment.*_packingrule",
        "catalog.*_blacklistentry",
        "fulfillment.change_parcel",
        "fulfillment.change_waybill",
        "fulfillment.print_waybill",
        "fulfillment.*_couriersla",
        *_ROUTING,
        "fulfillment.plan_wave",
        "fulfillment.work_floor",
        "fulfillment.post_count",
        "fulfillment.send_inbound",
        "fulfillment.*_bin",
        "fulfillment.*_barcode",
        "fulfillment.*_floorrules",
        "workflow.view_flow",
        "workflow.view_flowversion",
        "workflow.activate_flow",
        "workflow.add_flowversion",
    ),
    WAREHOUSE: (
        *_GOODS,
        "catalog.all_shops",
        "inventory.view_warehouse",
        "inventory.view_stock*",
        "inventory.view_reservation",
        "inventory.view_supply",
        "inventory.adjust_stock",
        "fulfillment.view_shipment*",
        "fulfillment.view_parcel",
        "fulfillment.view_waybill",
        "fulfillment.view_carrier",
        "fulfillment.view_warehouse*",
        "fulfillment.view_wave",
        "fulfillment.view_basket",
        "fulfillment.view_pickline",
        "fulfillment.view_scan",
        "fulfillment.view_stockcount",
        "fulfillment.view_countline",
        "fulfillment.view_inbound*",
        "fulfillment.view_stockout*",
        "fulfillment.view_barcode",
        "fulfillment.view_bin",
        "fulfillment.add_bin",
        "fulfillment.change_bin",
        "fulfillment.work_floor",
        "fulfillment.plan_wave",
        "fulfillment.change_waybill",
        "fulfillment.print_waybill",
        "fulfillment.change_parcel",
        "fulfillment.view_trackingscan",
        "fulfillment.view_couriersla",
    ),
    FINANCE: (
        *_EVERYWHERE,
        *_GOODS,
        "catalog.view_ignoredlisting",
        "orders.view_*",
        "cases.view_*",
        "cases.work_case",
        "fulfillment.view_*",
        "finance.view_*",
        "channels_sync.view_counter*",
        "channels_sync.view_live*",
        "finance.book_payment",
        "finance.close_statement",
        "finance.sign_off_difference",
        "finance.sign_off_settlement",
        "finance.*_settlementterms",
        "finance.*_agreedfee",
        "fulfillment.add_freightbill",
        "fulfillment.sign_off_freight",
        "fulfillment.close_freightbill",
        "fulfillment.*_freightlayout",
        *_COURIERS,
    ),
    INTEGRATOR: (
        *_EVERYWHERE,
        "channels_sync.add_orderfile",
        "channels_sync.*_counter",
        *_GOODS,
        *_ORDERS,
        "events.view_*",
        "events.change_*",
        "channels_sync.view_*",
        "channels_sync.add_channelaccount",
        "channels_sync.change_channelaccount",
        "channels_sync.add_connectorversion",
        "channels_sync.try_connector",
        "channels_sync.activate_connector",
        "workflow.view_*",
        "workflow.activate_flow",
        "workflow.add_flowversion",
        "catalog.*_listingmatch",
        "catalog.*_ignoredlisting",
        "cases.work_case",
        "catalog.*_apikey",
        "catalog.*_apikeyshop",
        "inventory.*_apikeywarehouse",
        "catalog.view_idempotencyrecord",
        "inventory.view_*",
        *_COURIERS,
        "catalog.*_channelcapability",
        "fulfillment.*_carrier",
        "fulfillment.*_wmsaccount",
        "fulfillment.*_courieraccount",
        "fulfillment.*_trackingaccount",
        "fulfillment.*_couriersla",
        *_ROUTING,
    ),
    AUDITOR: (*_EVERYWHERE, "*.view_*"),
    ADMIN: ("*.*",),
}


@transaction.atomic
def ensure_roles() -> dict[str, int]:
    """Make the groups of all roles with exactly their permissions; safe to run again after every migration.

    Returns role -> number of permissions. Raises LookupError for a pattern that no permission matches.
    """
    permissions = {f"{p.content_type.app_label}.{p.codename}": p for p in _all_permissions()}
    counts = {}
    for role, patterns in ROLES.items():
        group, _created = Group.objects.get_or_create(name=role)
        wanted = _matching(role, patterns, permissions)
        group.permissions.set([permissions[name] for name in wanted])
        counts[role] = len(wanted)
    return counts


def give_role(user_id: int, role: str) -> None:
    """Put a user into the group of a role; the roles must have been made by ensure_roles."""
    Group.objects.get(name=role).user_set.add(user_id)


def _all_permissions() -> Collection[Permission]:
    return Permission.objects.select_related("content_type")


def _matching(role: str, patterns: Collection[str], known: Collection[str]) -> set[str]:
    names: set[str] = set()
    for pattern in patterns:
        matches = {name for name in known if fnmatchcase(name, pattern)}
        if not matches:
            raise LookupError(f"role {role}: no permission matches {pattern}")
        names |= matches
    return names
