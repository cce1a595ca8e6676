"""Deliveries that come in: the list, and one with what was announced and what came."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, QuerySet, Sum

from fulfillment.models import InboundLine, InboundOrder, StockOut
from fulfillment.services.bringing import CANCEL_INBOUND_KIND
from fulfillment.services.purchase_rests import rest_of
from fulfillment.services.transfers import KEEP_KIND
from fulfillment.states import InboundState, StockOutState
from ordercenter.cases.models import Case
from ordercenter.cases.states import OPEN_STATES
from ordercenter.common.scope import Scope
from ordercenter.events.models import OutgoingCommand

LIST_ROWS = 60
OPEN_STATUSES = ("waiting", "sending")
OPEN = (
    InboundState.PLANNED,
    InboundState.SENT,
    InboundState.ACCEPTED,
    InboundState.REJECTED,
    InboundState.ARRIVING,
)


@dataclass(frozen=True)
class Delivery:
    """One delivery with its lines. is_asked: whether a warehouse has been asked to forget it and has not answered.

    stock_out: of a transfer out of a warehouse with a system of its own, what that was asked for. rest: SKU id ->
    pieces of its purchase order that are expected although no delivery of it is open.
    """

    inbound: InboundOrder
    lines: list[InboundLine]
    cases: list[Case]
    is_asked: bool
    error: str
    stock_out: StockOut | None
    rest: dict[int, int]

    @property
    def waits_for_sender(self) -> bool:
        """The goods have not left the other warehouse."""
        return self.stock_out is not None and not self.has_left

    @property
    def has_left(self) -> bool:
        """The goods, or a part of them, have left the other warehouse; it said so."""
        return self.stock_out is not None and self.stock_out.state in (StockOutState.LEAVING, StockOutState.LEFT)

    @property
    def is_refused_by_sender(self) -> bool:
        return self.stock_out is not None and self.stock_out.state == StockOutState.REJECTED

    @property
    def is_open(self) -> bool:
        return self.inbound.state in OPEN

    @property
    def planned(self) -> int:
        return sum(line.planned for line in self.lines)

    @property
    def received(self) -> int:
        return sum(line.received for line in self.lines)


def deliveries_in_scope(scope: Scope) -> QuerySet[InboundOrder]:
    """Deliveries to the reader's warehouses, and transfers out of them; returns only of the reader's shops."""
    rows = InboundOrder.objects.select_related("warehouse", "from_warehouse", "order")
    rows = rows.filter(scope.condition(warehouse="warehouse_id") | scope.condition(warehouse="from_warehouse_id"))
    if scope.shop_ids is not None:
        rows = rows.filter(Q(order__isnull=True) | Q(order__shop_id__in=scope.shop_ids))
    return rows


def deliveries(scope: Scope, *, kind: str, state: str, text: str, before: int) -> list[InboundOrder]:
    """One page and one row more, newest first, with pieces planned and received. state: one, "open", or "" for all."""
    rows = deliveries_in_scope(scope)
    if kind:
        rows = rows.filter(kind=kind)
    if state == "open":
        rows = rows.filter(state__in=OPEN)
    elif state:
        rows = rows.filter(state=state)
    if text:
        rows = rows.filter(
            Q(code__iexact=text)
            | Q(tracking_no__iexact=text)
            | Q(reference__iexact=text)
            | Q(supplier__icontains=text)
            | Q(lines__sku__code__iexact=text)
        ).distinct()
    if before:
        rows = rows.filter(pk__lt=before)
    page = list(rows.order_by("-pk")[: LIST_ROWS + 1])
    sums = {
        pk: (planned, good, defective + quarantine)
        for pk, planned, good, defective, quarantine in InboundLine.objects.filter(inbound__in=page)
        .values_list("inbound_id")
        .annotate(Sum("planned"), Sum("good"), Sum("defective"), Sum("quarantine"))
    }
    for row in page:
        row.sums = sums.get(row.pk, (0, 0, 0))
    return page


def delivery(inbound: InboundOrder) -> Delivery:
    """Everything about one delivery. Seven statements at most."""
    subject = f"inbound:{inbound.pk}"
    asked = OutgoingCommand.objects.filter(subject=subject).order_by("-pk")
    last = asked.first()
    outs = StockOut.objects.filter(inbound=inbound).prefetch_related("lines__sku")
    return Delivery(
        inbound=inbound,
        lines=list(inbound.lines.select_related("sku").order_by("sku__code", "pk")),
        cases=list(Case.objects.filter(subject=subject, state__in=OPEN_STATES).order_by("pk")),
        is_asked=last is not None and last.kind in (CANCEL_INBOUND_KIND, KEEP_KIND) and last.status in OPEN_STATUSES,
        error=last.error if last is not None and last.status in ("refused", "dead") else "",
        stock_out=outs.first() if inbound.from_warehouse_id else None,
        rest=rest_of(inbound),
    )
