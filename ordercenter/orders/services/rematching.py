"""When a listing is matched: the orders that waited for it go on, as many batches as there are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.events.types import ListingMatched
from ordercenter.orders.models import Hold, Order, OrderLine
from ordercenter.orders.services.holding import draft_of, release_holds
from ordercenter.orders.services.matching import UNMAPPED, Goods, unmapped
from ordercenter.orders.states import CLOSED_STATES

# So many orders are looked at in one transaction; the rest follow in others.
BATCH = 500


def rerun_waiting(*, matched: Collection[ListingMatched], work: Work) -> list[Order]:
    """Let go the orders that waited for nothing but these listings; returns those of this batch, oldest id first.

    An order with other goods that are unmatched still waits on, in the group of those. At most BATCH orders are looked
    at, the rest is told as ListingMatched anew. One statement for each match, and a constant number for the orders.
    """
    waiting: set[int] = set()
    for match in matched:
        room = BATCH - len(waiting)
        batch = _waiting_for(match, most=room) if room > 0 else []
        waiting.update(batch)
        if len(batch) >= room:
            _tell_rest(work, match, after=batch[-1] if batch else match.after_order)
    return _let_go(sorted(waiting), work, reason="listing matched")


def rerun_unmatched(
    *,
    order_ids: Collection[int],
    reason: str,
    work: Work | None = None,
    at: datetime | None = None,
    actor: Actor = SYSTEM,
) -> list[Order]:
    """Let go those of these orders that wait for goods which are matched by now; the others wait on with their case.

    Returns those that go on. A constant number of statements.
    """
    with unit_of_work(work, at=at, actor=actor, reason=reason) as work:
        return _let_go(sorted(set(order_ids)), work, reason=reason)


def _let_go(order_ids: Sequence[int], work: Work, *, reason: str) -> list[Order]:
    if not order_ids:
        return []
    orders = work.lock(Order, order_ids)
    lines = work.lock_children(OrderLine, "order_id", list(orders))
    nameless = {pk: [line for line in group if line.sku_id is None] for pk, group in lines.items()}
    goods = Goods()
    goods.ask([(orders[pk].shop_id, line) for pk, group in nameless.items() for line in group])
    free, drafts = [], []
    for order in orders.values():
        left = [line for line in nameless[order.pk] if not goods.explains(order.shop_id, line)]
        if not left or order.state in CLOSED_STATES:
            free.append(order)
        else:
            drafts.append(draft_of(order, unmapped(order, left)))
    cases.regroup_cases(drafts=drafts, work=work)
    release_holds(order_ids=[order.pk for order in free], codes=[UNMAPPED], reason=reason, accepted=False, work=work)
    return free


def _waiting_for(match: ListingMatched, *, most: int) -> list[int]:
    lines = OrderLine.objects.filter(order_id=OuterRef("order_id"), listing_id=match.listing_id, sku__isnull=True)
    if match.listing_id:
        lines = lines.filter(listing_sku_id=match.listing_sku_id)
    else:
        lines = lines.filter(outer_sku=match.listing_sku_id)
    waits = Q(code=UNMAPPED, released_at__isnull=True, order_id__gt=match.after_order, order__shop_id=match.shop_id)
    held = Hold.objects.filter(waits, Exists(lines)).order_by("order_id").values_list("order_id", flat=True)
    return list(held[:most])


def _tell_rest(work: Work, match: ListingMatched, *, after: int) -> None:
    work.record(
        ListingMatched(
            match_id=match.match_id,
            shop_id=match.shop_id,
            listing_id=match.listing_id,
            listing_sku_id=match.listing_sku_id,
            sku_id=match.sku_id,
            after_order=after,
        )
    )
