"""Reading couriers' bills: who may, and which lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from fulfillment.freight_errors import FreightBillUnknown, FreightUploadUnknown
from fulfillment.models import FreightBill, FreightLine, FreightUpload
from fulfillment.states import FREIGHT_DIFFERENCES
from ordercenter.catalog.models import Shop
from ordercenter.common.scope import EVERYTHING, NOTHING, Scope

DIFFERENCES = [str(verdict) for verdict in FREIGHT_DIFFERENCES]


def whole_or_nothing(reach: Scope) -> Scope:
    """What a key reaches that has the same rights in every shop: everything; any other one nothing. One statement."""
    ids = reach.shop_ids or frozenset()
    return NOTHING if not ids or Shop.objects.exclude(pk__in=ids).exists() else EVERYTHING


def bills_in_scope(scope: Scope) -> QuerySet[FreightBill]:
    """The bills that somebody with this scope sees, newest period first: they tell about the parcels of all shops and
    warehouses, so that only who sees all of them sees any.
    """
    bills = FreightBill.objects.select_related("carrier", "warehouse", "product").order_by("-starts_on", "-pk")
    return bills if scope.is_everything else bills.none()


def bill_in_scope(bill_id: int, *, scope: Scope) -> FreightBill:
    """One bill. Raises FreightBillUnknown for one that does not exist or is not in the scope."""
    bill = bills_in_scope(scope).filter(pk=bill_id).first()
    if bill is None:
        raise FreightBillUnknown(bill_id=bill_id)
    return bill


def upload_in_scope(upload_id: int, *, scope: Scope) -> FreightUpload:
    """One file that waits or has become a bill, without its content. Raises FreightUploadUnknown."""
    rows = FreightUpload.objects.defer("content").select_related("carrier")
    upload = rows.filter(pk=upload_id).first() if scope.is_everything else None
    if upload is None:
        raise FreightUploadUnknown(upload_id=upload_id)
    return upload


def lines_matching(bill: FreightBill, filters: Mapping[str, Any]) -> QuerySet[FreightLine]:
    """The lines of a bill that these filters let through; verdict "open" means all differences that nobody decided."""
    lines = FreightLine.objects.filter(bill=bill)
    if "tracking_no" in filters:
        lines = lines.filter(tracking_no=filters["tracking_no"].upper())
    wanted = filters.get("verdict", [])
    if wanted:
        lines = lines.filter(verdict__in={v for name in wanted for v in (DIFFERENCES if name == "open" else [name])})
    return lines
