"""What a warehouse rejected finds another way by itself: who may try, how often, what becomes of the stock there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from fulfillment.errors import TriedOften
from fulfillment.models import Shipment, ShipmentLine
from fulfillment.services.rerouting import sharing_rejected, take_elsewhere
from fulfillment.services.stopping import shipments_of
from fulfillment.states import WAREHOUSE_DOUBTS, ShipmentState
from ordercenter.audit.models import StateChange
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.catalog.models import Sku
from ordercenter.common.batch import BatchResult, Refusal
from ordercenter.common.errors import OrderCenterError
from ordercenter.events.registry import Recorded
from ordercenter.events.types import NoOtherWarehouse, OrderRejectedByWarehouse, OtherWarehouseFound
from ordercenter.inventory import services as inventory
from ordercenter.inventory.models import Warehouse
from ordercenter.inventory.services import Movement
from ordercenter.inventory.states import Bucket, MovementReason
from ordercenter.orders.models import Hold, Order
from ordercenter.orders.states import OrderState

# Kept with the decisions that were made because a warehouse had rejected the order; they are counted by it.
WHY = "rejected"
DOUBT_CASE = "STOCK_DOUBTFUL"
_REASON = "another warehouse ships what this one rejected"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a flow wants for an order. times: other warehouses at most; quarantine: doubt the stock left behind."""

    times: int
    quarantine: bool = False


def tell_rejected(*, order_ids: Collection[int], work: Work) -> None:
    """Of these orders, which their flow has stopped and which are on hold for it, tell those that have a rejected
    shipment. Whoever comes second, the hold or the warehouse's no, calls it. Emits OrderRejectedByWarehouse.
    """
    for pk, shipments in shipments_of(work, sorted(order_ids)).items():
        codes = tuple(s.code for s in shipments if s.state == ShipmentState.REJECTED)
        if codes:
            work.record(OrderRejectedByWarehouse(order_id=pk, shipments=codes))


def held_for_doubt(order_ids: Collection[int]) -> set[int]:
    """Those of these orders that are on hold because of what a warehouse said or did not say. One statement."""
    rows = Hold.objects.filter(order_id__in=order_ids, code__in=WAREHOUSE_DOUBTS, released_at__isnull=True)
    return set(rows.values_list("order_id", flat=True))


def route_rejected(*, wishes: Mapping[int, Wish], because: Sequence[Recorded] = ()) -> BatchResult:
    """Ship what warehouses rejected of these orders from others, without any warehouse that ever rejected the order.

    wishes: by order id. Orders that share a rejected shipment go together or not at all. An order without a rejected
    shipment, or with a companion whose flow has not heard of the no yet, is passed over: the fact about the companion
    brings both. done: the orders that go elsewhere. Refused, and left with their holds and cases: TriedOften, and what
    `take_elsewhere` refuses. Emits OtherWarehouseFound, NoOtherWarehouse. In each attempt a constant number of
    statements; one more attempt for as long as somebody of those who try is refused.
    """
    refused: dict[int, OrderCenterError] = {}
    groups = _groups(wishes)
    tried = times_tried({pk for group in groups for pk in group})
    trying: list[frozenset[int]] = []
    for group in groups:
        wish = _wish_of(group, wishes)
        if max((tried.get(pk, 0) for pk in group), default=0) >= wish.times:
            refused.update((pk, TriedOften(order_id=pk, times=wish.times)) for pk in group if pk in wishes)
        else:
            trying.append(group)
    done: list[int] = []
    while trying:
        try:
            # A savepoint: what was tried in vain is undone, the caller's transaction goes on.
            with transaction.atomic(), unit_of_work(because=because, reason=_REASON) as work:
                done = _attempt(trying, wishes, work)
            break
        except _Refused as refusals:
            said = {int(refusal.key): refusal.error for refusal in refusals.refused}
            refused.update(said)
            left = [group for group in trying if not group & said.keys()]
            if len(left) == len(trying):
                raise
            trying = left
    with unit_of_work(because=because) as work:
        for pk, error in refused.items():
            work.record(NoOtherWarehouse(order_id=pk, code=error.code))
    return BatchResult(done=done, refused=[Refusal(pk, error) for pk, error in refused.items()])


def times_tried(order_ids: Collection[int]) -> dict[int, int]:
    """How often another warehouse was looked for after one had rejected the order. One statement."""
    rows = ShipmentLine.objects.filter(order_id__in=order_ids, shipment__decision__why=WHY)
    decided: dict[int, set[object]] = defaultdict(set)
    # The shipments of one decision were made at one instant.
    for order_id, at in rows.values_list("order_id", "shipment__created_at"):
        decided[order_id].add(at)
    return {pk: len(instants) for pk, instants in decided.items()}


class _Refused(Exception):
    def __init__(self, refused: Sequence[Refusal]):
        super().__init__()
        self.refused = refused


def _attempt(groups: Sequence[frozenset[int]], wishes: Mapping[int, Wish], work: Work) -> list[int]:
    ids = sorted(pk for group in groups for pk in group)
    orders = work.lock(Order, ids)
    shipments = shipments_of(work, ids)
    rejected = {pk: [s for s in shipments[pk] if s.state == ShipmentState.REJECTED] for pk in ids}
    stopped = held_for_doubt(ids)
    ready: list[int] = []
    for group in groups:
        whole = all(rejected[pk] and pk in stopped and _is_on_its_way(orders[pk]) for pk in group)
        # Somebody may have changed the company since it was read without a lock.
        if whole and sharing_rejected(group) <= group:
            ready.extend(sorted(group))
    if not ready:
        return []
    mine = {pk: rejected[pk] for pk in ready}
    result = take_elsewhere(
        rejected=mine, shipments=shipments, reason=_REASON, work=work, never=_rejecters(shipments), why=WHY
    )
    if result.refused:
        raise _Refused(result.refused)
    for pk in ready:
        work.record(OtherWarehouseFound(order_id=pk, shipments=tuple(s.code for s in mine[pk])))
    doubtful = {s.pk: s for g in groups if _wish_of(g, wishes).quarantine for pk in g for s in mine.get(pk, ())}
    _into_quarantine(doubtful.values(), work)
    return ready


def _is_on_its_way(order: Order) -> bool:
    return order.state in (OrderState.IN_FULFILLMENT, OrderState.PARTIALLY_SHIPPED)


def _groups(order_ids: Iterable[int]) -> list[frozenset[int]]:
    """Orders with those who share a rejected shipment with them, directly or by way of others."""
    ids = sharing_rejected(list(order_ids))
    pairs = ShipmentLine.objects.filter(order_id__in=ids, shipment__state=ShipmentState.REJECTED)
    members: dict[int, set[int]] = defaultdict(set)
    for shipment_id, order_id in pairs.values_list("shipment_id", "order_id").distinct():
        members[shipment_id].add(order_id)
    groups: list[set[int]] = []
    for company in members.values():
        joined = [group for group in groups if group & company]
        groups = [group for group in groups if not group & company]
        groups.append(company.union(*joined))
    return [frozenset(group) for group in groups]


def _wish_of(group: Collection[int], wishes: Mapping[int, Wish]) -> Wish:
    """What is wanted of a group: as seldom as the strictest of its flows says, and doubt where any doubts."""
    mine = [wishes[pk] for pk in group if pk in wishes]
    return Wish(min((w.times for w in mine), default=0), any(w.quarantine for w in mine))


def _rejecters(shipments: Mapping[int, Sequence[Shipment]]) -> dict[int, set[int]]:
    """By order, the warehouses that ever rejected something of it. One statement."""
    by_id = {s.pk: s for group in shipments.values() for s in group}
    said_no = StateChange.objects.filter(machine="shipment", move="reject", subject_id__in=list(by_id))
    ever = set(said_no.values_list("subject_id", flat=True))
    return {pk: {s.warehouse_id for s in group if s.pk in ever} for pk, group in shipments.items()}


def _into_quarantine(shipments: Iterable[Shipment], work: Work) -> None:
    """The pieces that a warehouse would not ship may not be there: out of what can be promised, until somebody has
    looked. A case for each SKU and warehouse. What others were promised meanwhile is not taken from them.
    """
    by_id = {s.pk: s for s in shipments}
    lines = work.lock_children(ShipmentLine, "shipment_id", list(by_id))
    wanted: dict[tuple[int, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for shipment_id, group in lines.items():
        for line in group:
            wanted[line.sku_id, by_id[shipment_id].warehouse_id][by_id[shipment_id].code] += line.quantity
    levels = inventory.lock_levels(sku_ids={sku_id for sku_id, _ in wanted}, work=work)
    movements: list[Movement] = []
    doubted: dict[tuple[int, int], int] = {}
    for place, by_code in wanted.items():
        free = max(0, levels[place].free) if place in levels else 0
        for code, pieces in by_code.items():
            n = min(pieces, free)
            if n:
                free -= n
                doubted[place] = doubted.get(place, 0) + n
                movements.extend(_both_ways(place, code, n))
    if movements:
        inventory.move_stock(movements=movements, work=work).raise_first()
        _open_cases(doubted, work)


def _both_ways(place: tuple[int, int], code: str, pieces: int) -> list[Movement]:
    sku_id, warehouse_id = place
    buckets = ((Bucket.ON_HAND, -pieces), (Bucket.QUARANTINE, pieces))
    return [
        Movement(
            sku_id,
            warehouse_id,
            delta,
            MovementReason.ADJUSTMENT,
            code,
            f"rejected:{code}:{sku_id}:{bucket}",
            bucket,
            "rejected by the warehouse",
        )
        for bucket, delta in buckets
    ]


def _open_cases(doubted: Mapping[tuple[int, int], int], work: Work) -> None:
    skus = Sku.objects.in_bulk({sku_id for sku_id, _ in doubted})
    warehouses = Warehouse.objects.in_bulk({warehouse_id for _, warehouse_id in doubted})
    cases.open_cases(
        drafts=[
            CaseDraft(
                code=DOUBT_CASE,
                subject=f"stock:{sku_id}@{warehouse_id}",
                warehouse_id=warehouse_id,
                reference=f"{skus[sku_id].code} {warehouses[warehouse_id].code}"[:96],
                evidence={"sku": skus[sku_id].code, "warehouse": warehouses[warehouse_id].name, "pieces": pieces},
            )
            for (sku_id, warehouse_id), pieces in doubted.items()
        ],
        work=work,
    )
