"""The rest of a purchase order with a number of its own: what its deliveries did not bring."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, Sum

from fulfillment.floor_errors import NothingExpected
from fulfillment.models import InboundOrder
from fulfillment.states import InboundKind, InboundState
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.common.actor import Actor
from ordercenter.inventory import services as inventory
from ordercenter.inventory.models import Supply
from ordercenter.inventory.states import SupplyKind, SupplyState


def close_rest(*, inbound_id: int, reason: str, at: datetime, actor: Actor) -> InboundOrder:
    """Of this delivery's purchase order nothing more will come: what is expected of it is expected no more.

    Raises NothingExpected (nothing is, or another delivery of it is open) and ReasonMissing. Emits SupplyChanged;
    writes the deed "inbound.close_rest".
    """
    if not reason.strip():
        raise ReasonMissing
    with unit_of_work(at=at, actor=actor, reason=reason) as work:
        inbound = work.lock(InboundOrder, [inbound_id])[inbound_id]
        rest = rest_of(inbound)
        if not rest:
            raise NothingExpected(inbound=inbound.code, reference=inbound.reference)
        inventory.end_supplies(papers=[(SupplyKind.PURCHASE, inbound.reference)], work=work)
        details = {"reference": inbound.reference, "pieces": sum(rest.values())}
        subject = f"inbound:{inbound_id}"
        record_deed(work, action="inbound.close_rest", subject=subject, reason=reason, details=details)
    return inbound


def rest_of(inbound: InboundOrder) -> dict[int, int]:
    """SKU id -> pieces still expected of the purchase order of this delivery, while no delivery of it is open."""
    if inbound.kind != InboundKind.PURCHASE or not inbound.reference:
        return {}
    siblings = InboundOrder.objects.filter(kind=InboundKind.PURCHASE, reference=inbound.reference)
    if siblings.exclude(state__in=[InboundState.RECEIVED, InboundState.CANCELLED]).exists():
        return {}
    return dict(
        Supply.objects.filter(kind=SupplyKind.PURCHASE, ref=inbound.reference, state=SupplyState.COMING)
        .values_list("sku_id")
        .annotate(n=Sum(F("quantity") - F("arrived")))
        .order_by("sku_id")
    )
