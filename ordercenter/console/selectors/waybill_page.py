"""The page of labels: what waits for a number, what can be printed, and what is left of the couriers' numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from fulfillment.models import CourierAccount, LabelJob, Shipment, Waybill
from fulfillment.states import IN_WAREHOUSE, OPEN_WAYBILLS, WaybillState
from ordercenter.common.scope import Scope

LIST_ROWS = 200
JOB_ROWS = 10
# View -> the states of waybills in it; "missing" lists shipments that have none.
VIEWS: Mapping[str, tuple[str, ...]] = {
    "to_print": (WaybillState.ASSIGNED,),
    "printed": (WaybillState.PRINTED,),
    "waiting": (WaybillState.REQUESTED,),
    "failed": (WaybillState.FAILED, WaybillState.RECYCLE_FAILED),
    "back": (WaybillState.TO_RECYCLE, WaybillState.RECYCLED, WaybillState.VOID),
}


@dataclass(frozen=True)
class WaybillPage:
    """counts: by view, "missing" included. missing: shipments without a waybill, where their courier is connected."""

    rows: list[Waybill]
    missing: list[Shipment]
    counts: Mapping[str, int]
    accounts: list[CourierAccount]
    jobs: list[LabelJob]


def waybills_in_scope(scope: Scope) -> QuerySet[Waybill]:
    """The waybills that the reader may see."""
    return scope.narrow(Waybill.objects.all(), shop="shipment__shop_id", warehouse="shipment__warehouse_id")


def waybill_page(*, scope: Scope, view: str, user_id: int) -> WaybillPage:
    """What the page shows. Five statements."""
    waybills = waybills_in_scope(scope)
    without = shipments_without(scope)
    counts = waybills.aggregate(**{name: Count("pk", filter=Q(state__in=states)) for name, states in VIEWS.items()})
    counts["missing"] = without.count()
    shown = waybills.filter(state__in=VIEWS.get(view, ())).select_related(
        "carrier", "shipment__warehouse", "shipment__shop", "printed_by"
    )
    # An account for all warehouses is no secret to who prints for one: what is left concerns everybody.
    mine = Q(warehouse__isnull=True) | scope.condition(warehouse="warehouse_id")
    accounts = CourierAccount.objects.filter(mine, is_active=True).select_related("carrier", "warehouse")
    return WaybillPage(
        rows=list(shown.order_by("shipment__carrier_id", "pk")[:LIST_ROWS]),
        missing=list(
            without.select_related("carrier", "warehouse", "shop").order_by("carrier_id", "pk")[:LIST_ROWS]
            if view == "missing"
            else []
        ),
        counts=counts,
        accounts=list(accounts.order_by("carrier_id", "pk")),
        jobs=list(LabelJob.objects.filter(created_by_id=user_id).defer("pdf").order_by("-pk")[:JOB_ROWS]),
    )


def shipments_without(scope: Scope) -> QuerySet[Shipment]:
    """Shipments in a warehouse that have no open waybill though somebody gives numbers of their courier."""
    connected = CourierAccount.objects.filter(is_active=True).values("carrier_id")
    rows = Shipment.objects.filter(state__in=IN_WAREHOUSE, carrier_id__in=connected).exclude(
        waybills__state__in=OPEN_WAYBILLS
    )
    return scope.narrow(rows, shop="shop_id", warehouse="warehouse_id")


def job_of(job_id: int, *, user_id: int) -> LabelJob | None:
    """A print job, for the one who asked for it."""
    return LabelJob.objects.filter(pk=job_id, created_by_id=user_id).first()


def visible_waybills(ids: Collection[int], scope: Scope) -> list[int]:
    """Those of these that the reader may see, in the order given."""
    known = set(waybills_in_scope(scope).filter(pk__in=ids).values_list("pk", flat=True))
    return [pk for pk in ids if pk in known]
