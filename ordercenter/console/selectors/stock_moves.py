"""The ledger of one SKU: every movement, what was there after it, and the paper it names."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Sum
from django.urls import reverse

from fulfillment.models import InboundOrder, ShipmentLine
from ordercenter.catalog.models import Sku
from ordercenter.common.scope import Scope
from ordercenter.inventory.models import StockLevel, StockMovement

PAGE_ROWS = 60


@dataclass(frozen=True)
class Moved:
    """One movement. after: what lay in its bucket then; link: where its paper can be seen, "" where nowhere."""

    movement: StockMovement
    after: int
    link: str
    is_others: bool


def movements(
    sku: Sku, scope: Scope, *, warehouse_id: int = 0, bucket: str = "", reason: str = "", before: int = 0
) -> tuple[list[Moved], bool]:
    """One page of the ledger, newest first, and whether there is more. Six statements.

    The balance after each movement follows from what lies there now, whatever is filtered out in between.
    """
    rows = scope.narrow(StockMovement.objects.filter(sku=sku), warehouse="warehouse_id")
    if warehouse_id:
        rows = rows.filter(warehouse_id=warehouse_id)
    if bucket:
        rows = rows.filter(bucket=bucket)
    shown = rows.filter(reason=reason) if reason else rows
    if before:
        shown = shown.filter(pk__lt=before)
    page = list(shown.select_related("warehouse").order_by("-pk")[: PAGE_ROWS + 1])
    more, page = len(page) > PAGE_ROWS, page[:PAGE_ROWS]
    if not page:
        return [], False
    after = _balances(sku, page)
    links, others = _links(page, scope)
    return [Moved(m, after[m.pk], links.get(m.pk, ""), m.pk in others) for m in page], more


def _balances(sku: Sku, page: list[StockMovement]) -> dict[int, int]:
    houses = {m.warehouse_id for m in page}
    left: dict[tuple[int, str], int] = defaultdict(int)
    for level in StockLevel.objects.filter(sku=sku, warehouse_id__in=houses):
        for bucket in ("on_hand", "damaged", "quarantine"):
            left[level.warehouse_id, bucket] = getattr(level, bucket)
    ledger = StockMovement.objects.filter(sku=sku, warehouse_id__in=houses)
    # What happened after the first row of this page, then everything between its rows.
    newer = ledger.filter(pk__gt=page[0].pk).values_list("warehouse_id", "bucket").annotate(sum=Sum("delta"))
    for house, bucket, delta in newer:
        left[house, bucket] -= delta
    balances = {}
    between = ledger.filter(pk__lte=page[0].pk, pk__gte=page[-1].pk).order_by("-pk")
    for pk, house, bucket, delta in between.values_list("pk", "warehouse_id", "bucket", "delta"):
        balances[pk] = left[house, bucket]
        left[house, bucket] -= delta
    return balances


def _links(page: list[StockMovement], scope: Scope) -> tuple[dict[int, str], set[int]]:
    """Where each movement's paper can be seen, and those whose paper belongs to another shop."""
    links: dict[int, str] = {}
    shipped = {m.ref for m in page if m.reason == "shipment"}
    orders = dict(ShipmentLine.objects.filter(shipment__code__in=shipped).values_list("shipment__code", "order_id"))
    mine = dict(
        scope.narrow(ShipmentLine.objects.filter(shipment__code__in=shipped), shop="order__shop_id").values_list(
            "shipment__code", "order_id"
        )
    )
    numbers = {m.idempotency_key.split(":")[1] for m in page if m.idempotency_key.startswith(("inbound:", "transfer:"))}
    inbound = dict(InboundOrder.objects.filter(code__in=numbers).values_list("code", "pk"))
    others = {m.pk for m in page if m.ref in orders and m.ref not in mine}
    for m in page:
        source, _sep, rest = m.idempotency_key.partition(":")
        number = rest.partition(":")[0]
        if m.ref in mine:
            links[m.pk] = reverse("console:order", args=[mine[m.ref]])
        elif source in ("inbound", "transfer") and number in inbound:
            links[m.pk] = reverse("console:inbound-order", args=[inbound[number]])
        elif source == "table" and m.ref[:1] == "T" and m.ref[1:].isdigit():
            links[m.pk] = reverse("console:stock-table", args=[int(m.ref[1:])])
    return links, others
