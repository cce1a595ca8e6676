"""Stock came free: which of those that wait for it go on, the most urgent first, and the rest of what left in part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import Q

from fulfillment.services.merging import USUAL, policies
from fulfillment.services.routing import reserve_and_route
from fulfillment.services.routing_world import routing_world
from fulfillment.services.stopping import plan_again
from fulfillment.services.supply_split import ON_ITS_WAY
from fulfillment.services.unpaid import pieces_held
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.inventory import services as inventory
from ordercenter.inventory.selectors import free_stock
from ordercenter.inventory.services.levels import Place
from ordercenter.orders import services as orders_services
from ordercenter.orders.models import Hold, Order, OrderLine
from ordercenter.orders.states import OrderState

_WAITS = Q(
    order__state=OrderState.AWAITING_SUPPLY,
    order__holds__code="OUT_OF_STOCK",
    order__holds__released_at__isnull=True,
)


@dataclass
class Need:
    """What an order waits for, SKU -> pieces, and its place in the queue. is_rest: a part of it is on its way."""

    shop_id: int
    is_rest: bool
    wanted: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    urgency: tuple[int, date, Any, int] = (0, date.min, None, 0)


def supply_waiting_orders(*, sku_ids: Collection[int], work: Work | None = None) -> list[int]:
    """Stock of these SKUs came free: let as many waiting orders try again as it can serve, most urgent first.

    Returns the orders that were let go; their flow runs the routing anew. Only orders that can be served whole are let
    go, from one warehouse or else from several, while their free pieces last: a small arrival does not wake thousands,
    and an order that lacks something else besides does not keep the pieces from one that could leave. Where what is
    there may leave alone, an order is served with what there is; the rest of one that has left in part follows at once.
    """
    with unit_of_work(work) as work:
        needs = _waiting_for(sku_ids)
        # The rest of a held order stays: it follows when the hold is gone (`send_rest`).
        held = Hold.objects.filter(order_id__any_of=list(needs), released_at__isnull=True).exclude(code="OUT_OF_STOCK")
        stay = set(held.values_list("order_id", flat=True))
        free = free_stock({sku_id for need in needs.values() for sku_id in need.wanted})
        warehouses = sorted({warehouse_id for _sku_id, warehouse_id in free})
        costs = routing_world(work).rules.costs
        may_split = costs.strategy != "single" and costs.max_parcels > 1
        own = pieces_held(order_ids=list(needs), work=work)
        policy = policies(work)
        chosen: list[int] = []
        for order_id in sorted(needs, key=lambda pk: needs[pk].urgency):
            need = needs[order_id]
            if need.is_rest and order_id in stay:
                continue
            wanted = {sku: pieces - own.get(order_id, {}).get(sku, 0) for sku, pieces in need.wanted.items()}
            taken = _whole(wanted, warehouses, free, may_split=may_split)
            if taken is None and (need.is_rest or policy.get(need.shop_id, USUAL).ships_parts):
                taken = _some(wanted, warehouses, free)
            if taken is None:
                continue
            chosen.append(order_id)
            # One that something else holds as well takes nothing now, but no longer waits for stock either.
            for place, pieces in taken.items() if order_id not in stay else ():
                free[place] -= pieces
        rest = [pk for pk in chosen if needs[pk].is_rest]
        whole = [pk for pk in chosen if not needs[pk].is_rest]
        # Orders are locked in one step, whatever becomes of them.
        work.lock(Order, chosen)
        send_rest(order_ids=rest, work=work)
        if whole:
            orders_services.release_holds(
                order_ids=whole, codes=["OUT_OF_STOCK"], reason="stock arrived", accepted=False, work=work
            )
        return chosen


def parts_waiting(order_ids: Collection[int]) -> list[int]:
    """Those of these orders of which a part is on its way and the rest waits for supply. One statement."""
    rows = OrderLine.objects.filter(order_id__in=order_ids, order__state__in=ON_ITS_WAY, backordered__gt=0)
    return sorted(set(rows.values_list("order_id", flat=True)))


def send_rest(*, order_ids: Collection[int], work: Work) -> list[int]:
    """Reserve and send what these orders still wait for, as far as it is there: a part of each is on its way already.

    Returns those that got something. Orders that are held, or have nothing on its way, are left alone.
    """
    orders = work.lock(Order, order_ids)
    lines = work.lock_children(OrderLine, "order_id", list(orders))
    going = [
        pk
        for pk, order in orders.items()
        if order.state in ON_ITS_WAY and not order.is_on_hold and any(line.backordered for line in lines[pk])
    ]
    if not going:
        return []
    # What was promised to their earlier shipments is touched below as well: all stock rows in one step.
    skus = {line.sku_id for pk in going for line in lines[pk] if line.sku_id is not None}
    inventory.lock_stock_of(order_ids=going, sku_ids=skus, work=work)
    inventory.add_to_open(order_ids=going, work=work)
    result = reserve_and_route(order_ids=going, work=work, why="rest")
    served = sorted(order.pk for order in result.done)
    plan_again(order_ids=served, work=work)
    return served


def _whole(
    wanted: Mapping[int, int],
    warehouses: Sequence[int],
    free: Mapping[Place, int],
    *,
    may_split: bool,
) -> dict[Place, int] | None:
    """Where an order could take all that it wants: from the first warehouse that has it, else from several."""
    for warehouse_id in warehouses:
        if all(free.get((sku, warehouse_id), 0) >= pieces for sku, pieces in wanted.items()):
            return {(sku, warehouse_id): pieces for sku, pieces in wanted.items() if pieces > 0}
    taken = _some(wanted, warehouses, free) if may_split else None
    is_whole = taken is not None and sum(taken.values()) == sum(n for n in wanted.values() if n > 0)
    return taken if is_whole else None


def _some(wanted: Mapping[int, int], warehouses: Sequence[int], free: Mapping[Place, int]) -> dict[Place, int] | None:
    """What an order could take of what it wants, from wherever it is; None where nothing is there."""
    taken: dict[Place, int] = {}
    for sku_id, pieces in wanted.items():
        for warehouse_id in warehouses:
            here = min(pieces, free.get((sku_id, warehouse_id), 0))
            if here > 0:
                taken[sku_id, warehouse_id] = here
                pieces -= here
    return taken or None


def _waiting_for(sku_ids: Collection[int]) -> dict[int, Need]:
    """The orders that wait for any of these SKUs: what each needs in all, and how urgent each is."""
    waiting = OrderLine.objects.filter(_WAITS | Q(order__state__in=ON_ITS_WAY), sku_id__in=sku_ids, backordered__gt=0)
    lines = OrderLine.objects.filter(order_id__in=waiting.values("order_id"), backordered__gt=0).values_list(
        "order_id",
        "order__priority",
        "order__ship_by",
        "order__placed_at",
        "order__shop_id",
        "order__state",
        "sku_id",
        "backordered",
        "promised_on",
    )
    needs: dict[int, Need] = {}
    for order_id, priority, ship_by, placed_at, shop_id, state, sku_id, pieces, promised_on in lines:
        need = needs.setdefault(order_id, Need(shop_id, state in ON_ITS_WAY))
        need.wanted[sku_id or 0] += pieces
        # By grade, then by what was promised: the latest of an order's dates is the order's.
        promised = max(need.urgency[1], promised_on or date.max)
        need.urgency = (-priority, promised, ship_by or placed_at, order_id)
    return needs
