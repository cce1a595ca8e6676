"""Which warehouse ships what: load, decide with the pure core, reserve."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, MutableMapping, Sequence
from typing import Any

from fulfillment.errors import NoCourierThere
from fulfillment.models import FreightRate
from fulfillment.routing.single import Candidate, NoRoute, Rate, RateTable, Route, choose_warehouse, province_key
from fulfillment.services.assignments import Assignment, PlannedParcel, assignments
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.catalog.models import Contact, Sku
from ordercenter.common.batch import BatchResult
from ordercenter.inventory import services as inventory
from ordercenter.inventory.errors import StockShort
from ordercenter.inventory.selectors import free_stock
from ordercenter.inventory.services import Promise
from ordercenter.orders import services as orders_services
from ordercenter.orders.models import Hold, Order, OrderLine
from ordercenter.orders.services.review import contacts_of, skus_of
from ordercenter.orders.states import Grade, OrderState

_RANK = {Grade.RUSH: 0, Grade.VIP: 1, Grade.NORMAL: 2}


def reserve_and_route(*, order_ids: Collection[int], work: Work) -> BatchResult:
    """Reserve all lines of each order in the cheapest single warehouse that has them, rush orders first.

    done: orders. Refused, nothing reserved: StockShort, NoCourierThere. The decision is kept for the shipment in
    `assignments(work)`. At most eight statements.
    """
    result = BatchResult()
    orders = work.lock(Order, order_ids)
    lines = work.lock_children(OrderLine, "order_id", list(orders))
    contacts = contacts_of(work, orders.values())
    skus = skus_of(work, [line for group in lines.values() for line in group])
    levels = inventory.lock_levels(sku_ids=skus, work=work)
    stock = inventory.free_of_levels(levels, work=work)
    table, avoid = rate_table(work), avoid_warehouses(work)
    promises: list[Promise] = []
    routed: list[Order] = []
    for order in sorted(orders.values(), key=_urgency):
        open_lines = [line for line in lines[order.id] if line.unplanned + line.backordered]
        among = table.without(avoid[order.id]) if order.id in avoid else table
        route, weight_g = _decide(order, open_lines, contacts, skus, stock.of(order.shop_id), among)
        if isinstance(route, NoRoute):
            result.refuse(order.id, _refusal(order, route, contacts, skus))
            continue
        promises.extend(
            Promise(
                order.id,
                line.id,
                line.sku_id or 0,
                route.warehouse_id,
                line.unplanned + line.backordered,
                order.shop_id,
            )
            for line in open_lines
        )
        pieces = {line.id: line.unplanned + line.backordered for line in open_lines}
        parcel = PlannedParcel(route.warehouse_id, route.carrier_id, route.cost, weight_g, pieces)
        assignments(work)[order.id] = Assignment((parcel,), _explain(route))
        routed.append(order)
    # The decisions were made on locked rows with each one's stock taken: none of these can be short.
    inventory.reserve_stock(promises=promises, work=work).raise_first()
    for order in routed:
        for line in lines[order.id]:
            line.reserved, line.unplanned, line.backordered = (
                line.reserved + line.unplanned + line.backordered,
                0,
                0,
            )
            work.save(line, "reserved", "unplanned", "backordered")
        result.done.append(order)
    return result


def supply_waiting_orders(*, sku_ids: Collection[int], work: Work | None = None) -> list[int]:
    """Stock of these SKUs came free: let as many waiting orders try again as it can serve, most urgent first.

    Returns the orders that were let go; their flow runs the routing anew. Only orders that one warehouse can ship whole
    are let go, while its free pieces last: a small arrival does not wake thousands, and an order that lacks something
    else besides does not keep the pieces from one that could leave.
    """
    with unit_of_work(work) as work:
        needs, urgency = _waiting_for(sku_ids)
        held = Hold.objects.filter(order_id__any_of=list(needs), released_at__isnull=True).exclude(code="OUT_OF_STOCK")
        stay = set(held.values_list("order_id", flat=True))
        free = free_stock({sku_id for wanted in needs.values() for sku_id in wanted})
        warehouses = sorted({warehouse_id for _sku_id, warehouse_id in free})
        chosen: list[int] = []
        for order_id in sorted(needs, key=lambda pk: urgency[pk]):
            wanted = needs[order_id]
            able = (w for w in warehouses if all(free.get((sku, w), 0) >= pieces for sku, pieces in wanted.items()))
            warehouse_id = next(able, None)
            if warehouse_id is None:
                continue
            chosen.append(order_id)
            # One that something else holds as well takes nothing now, but no longer waits for stock either.
            for sku_id, pieces in wanted.items() if order_id not in stay else ():
                free[sku_id, warehouse_id] -= pieces
        if chosen:
            orders_services.release_holds(
                order_ids=chosen, codes=["OUT_OF_STOCK"], reason="stock arrived", accepted=False, work=work
            )
        return chosen


def _waiting_for(sku_ids: Collection[int]) -> tuple[dict[int, dict[int, int]], dict[int, tuple[int, Any, int]]]:
    """The orders that wait for any of these SKUs: what each needs in all (SKU -> pieces), and how urgent each is."""
    waiting = OrderLine.objects.filter(
        sku_id__in=sku_ids,
        order__state=OrderState.AWAITING_SUPPLY,
        order__holds__code="OUT_OF_STOCK",
        order__holds__released_at__isnull=True,
        backordered__gt=0,
    )
    lines = OrderLine.objects.filter(order_id__in=waiting.values("order_id"), backordered__gt=0).values_list(
        "order_id", "order__grade", "order__paid_at", "order__placed_at", "sku_id", "backordered"
    )
    needs: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    urgency: dict[int, tuple[int, Any, int]] = {}
    for order_id, grade, paid_at, placed_at, sku_id, pieces in lines:
        needs[order_id][sku_id or 0] += pieces
        urgency[order_id] = (_RANK[Grade(grade)], paid_at or placed_at, order_id)
    return needs, urgency


def avoid_warehouses(work: Work) -> dict[int, set[int]]:
    """Warehouses that are no candidates in this unit of work, by order id: those that would not ship it."""
    kept: dict[int, set[int]] = work.shared.setdefault("avoid_warehouses", {})
    return kept


def rate_table(work: Work) -> RateTable:
    """All rates of open warehouses, read once per unit of work. A warehouse without any rate is no candidate."""
    table = work.shared.get("rate_table")
    if not isinstance(table, RateTable):
        rates: dict[tuple[int, str], list[Rate]] = defaultdict(list)
        for row in FreightRate.objects.filter(warehouse__is_open=True, carrier__is_active=True):
            rate = Rate(row.carrier_id, row.first_weight_g, row.first_fee, row.step_weight_g, row.step_fee)
            rates[row.warehouse_id, province_key(row.province)].append(rate)
        table = work.shared["rate_table"] = RateTable(rates, sorted({warehouse_id for warehouse_id, _ in rates}))
    return table


def _decide(
    order: Order,
    lines: Sequence[OrderLine],
    contacts: Mapping[int, Contact],
    skus: Mapping[int, Sku],
    free: MutableMapping[tuple[int, int], int],
    table: RateTable,
) -> tuple[Route | NoRoute, int]:
    needs: dict[int, int] = {}
    weight_g = 0
    for line in lines:
        sku_id, pieces = line.sku_id or 0, line.unplanned + line.backordered
        needs[sku_id] = needs.get(sku_id, 0) + pieces
        weight_g += skus[sku_id].weight_g * pieces
    contact = contacts.get(order.contact_id or 0)
    province = contact.province if contact is not None else ""
    return choose_warehouse(needs, province=province, weight_g=weight_g, free=free, table=table), weight_g


def _refusal(
    order: Order, route: NoRoute, contacts: Mapping[int, Contact], skus: Mapping[int, Sku]
) -> StockShort | NoCourierThere:
    if route.short:
        codes = {skus[sku_id].code: sku_id for sku_id in route.short}
        return StockShort(order_id=order.id, sku_ids=route.short, missing=codes)
    contact = contacts.get(order.contact_id or 0)
    return NoCourierThere(order_id=order.id, province=contact.province if contact else "")


def _explain(route: Route) -> dict[str, Any]:
    return {"strategy": "cheapest_single_warehouse/1", "candidates": [_record(c) for c in route.candidates]}


def _record(candidate: Candidate) -> dict[str, Any]:
    record: dict[str, Any] = {"warehouse": candidate.warehouse_id, "verdict": candidate.verdict}
    if candidate.cost is not None:
        record["carrier"], record["cost"] = candidate.carrier_id, str(candidate.cost)
    if candidate.short:
        record["short"] = list(candidate.short)
    return record


def _urgency(order: Order) -> tuple[int, Any, int]:
    return _RANK[Grade(order.grade)], order.paid_at or order.placed_at, order.id
