"""Waiting for the other orders of one parcel: who waits, how long, and who goes on together when the wait is over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fulfillment.services.gifts import free_pieces
from fulfillment.services.merging import USUAL, Key, Policy, keys_of, policies
from ordercenter.audit.work import Work
from ordercenter.common.batch import BatchResult
from ordercenter.events.models import Timer
from ordercenter.events.types import MergeDue, MergeWindowClosed
from ordercenter.orders import services as orders_services
from ordercenter.orders.models import Hold, Order
from ordercenter.orders.services.companions import (
    MAY_COME,
    Companion,
    companions_of,
    forget_companions,
)
from ordercenter.orders.services.holding import Finding
from ordercenter.orders.services.review import doubts_of
from ordercenter.orders.states import OrderState
from ordercenter.workflow import engine
from ordercenter.workflow.locking import lock_runs
from ordercenter.workflow.models import FlowRun, RunStatus
from ordercenter.workflow.plan import Answer

CODE = "WAITING_MERGE"
# Two orders that arrive at one instant do not see each other wait yet: a little later they do.
LOOK_AGAIN = timedelta(seconds=3)
# Held for one of these, an order will hardly come.
NOT_WAITED_FOR = frozenset({"DUPLICATE_SUSPECT", "BLACKLIST"})


@dataclass(frozen=True, slots=True)
class Sibling:
    """An order that may travel with another one. It waits already, or may still come to where it would."""

    order_id: int
    number: str
    is_waiting: bool


@dataclass
class Window(BatchResult):
    """done: order ids that go on at once. waiting: those that wait for others, with a hold."""

    waiting: list[int] = field(default_factory=list)


def open_merge_window(*, order_ids: Collection[int], work: Work) -> Window:
    """Let orders wait that may travel with another open one, or whose shop wants a window; all others go on at once.

    An order waits for siblings that are not through their checks, and only as long as its shop's policy and its promise
    allow. When all who may come are there, they go on together (`close_merge_windows`, on MergeDue). A waiting order
    has a hold with a case that closes by itself. One statement for any number of orders; more for those that wait.
    """
    result = Window()
    orders = work.lock(Order, order_ids)
    keys = keys_of(work, list(orders.values()))
    siblings = _siblings_of(work, keys, orders)
    policy = policies(work)
    waits: dict[int, tuple[datetime, list[str]]] = {}
    for order in orders.values():
        theirs = [s for s in siblings.get(order.id, ()) if s.order_id not in orders]
        is_complete = len(siblings.get(order.id, ())) > len(theirs)
        until = _until(order, policy.get(order.shop_id, USUAL), theirs, is_complete, work.at)
        if order.id in keys and until is not None and until > work.at:
            waits[order.id] = (until, [sibling.number for sibling in theirs])
        else:
            result.done.append(order.id)
    # Orders of one key share a fate: when one waits, so do the others, else it would wait in vain.
    held = {keys[pk]: wait for pk, wait in waits.items()}
    for pk in [pk for pk in result.done if keys.get(pk) in held]:
        waits[pk] = held[keys[pk]]
    result.done = [pk for pk in result.done if pk not in waits]
    together: dict[Key, list[int]] = defaultdict(list)
    for pk in result.done if siblings else ():
        if pk in keys:
            together[keys[pk]].append(pk)
    groups = [group for group in together.values() if len(group) > 1]
    orders_services.settle_gifts(groups=groups, reason="merged", work=work, free_of=free_pieces)
    if waits:
        _begin(work, waits)
        result.waiting = list(waits)
    return result


def close_merge_windows(*, order_ids: Collection[int], over: Collection[int], work: Work) -> list[int]:
    """Let waiting orders go on that have no reason to wait any more, with all their siblings that are ready.

    order_ids: whose windows to look at. over: those of them whose time is over; the others go on only when everybody
    who may come is there. Returns the orders that went on, in one unit of work, so that they are routed and planned
    together. Gifts of orders that go together are settled together.
    """
    orders = _lock_groups(work, order_ids)
    keys = keys_of(work, list(orders.values()))
    runs = _waiting_runs(work, list(orders))
    codes = _open_codes(list(runs))
    siblings = _siblings_of(work, keys, {pk: orders[pk] for pk in runs})
    groups: dict[Key | int, list[int]] = defaultdict(list)
    for pk in runs:
        groups[keys.get(pk, pk)].append(pk)
    going: list[list[int]] = []
    for group in groups.values():
        # In one order everywhere: what a company earns goes to the first of it.
        ready = sorted(pk for pk in group if codes.get(pk, set()) <= {CODE})
        missing = {s.order_id for pk in ready for s in siblings.get(pk, ())} - set(ready)
        is_let_go = any(not codes.get(pk) for pk in ready)
        if ready and (not missing or is_let_go or any(pk in over for pk in group)):
            going.append(ready)
    gone = [pk for group in going for pk in group]
    if gone:
        orders_services.release_holds(
            order_ids=gone, codes=[CODE], reason="the merge window is over", accepted=False, work=work
        ).raise_first()
        together = [group for group in going if len(group) > 1]
        orders_services.settle_gifts(groups=together, reason="merged", work=work, free_of=free_pieces)
        for group in going:
            for pk in group:
                work.record(MergeWindowClosed(order_id=pk, together=len(group)))
        # Here and not by the fact itself, which each of them would follow in a transaction of its own.
        engine.go_on([runs[pk] for pk in gone], {runs[pk].pk: Answer("", ()) for pk in gone}, work)
    return gone


def _until(
    order: Order, policy: Policy, outside: Sequence[Sibling], has_company: bool, at: datetime
) -> datetime | None:
    """Until when this order waits; None: not at all. has_company: a sibling goes on with it right now."""
    if not policy.merges:
        return None
    latest = order.ship_by - timedelta(minutes=policy.margin_min) if order.ship_by else None
    if outside:
        until = at + timedelta(minutes=policy.sibling_wait_min)
    elif policy.window_min and not has_company:
        until = (order.paid_at or order.placed_at) + timedelta(minutes=policy.window_min)
    else:
        return None
    return min(until, latest) if latest is not None else until


def _begin(work: Work, waits: Mapping[int, tuple[datetime, Sequence[str]]]) -> None:
    findings = {
        pk: [Finding(CODE, {"orders": list(numbers), "until": until.isoformat()}, aside_until=until)]
        for pk, (until, numbers) in waits.items()
    }
    orders_services.hold_orders(findings=findings, work=work)
    timers: list[Timer] = []
    for pk, (until, numbers) in waits.items():
        if numbers:
            timers.append(_timer(work, pk, min(work.at + LOOK_AGAIN, until), is_over=False))
        timers.append(_timer(work, pk, until, is_over=True))
    work.add(timers)


def _timer(work: Work, order_id: int, at: datetime, *, is_over: bool) -> Timer:
    cause = work.cause_of(f"order:{order_id}")
    return Timer(
        due_at=at,
        event=MergeDue.name,
        payload={"order_id": order_id, "is_over": is_over},
        key=f"merge:{order_id}:{work.at:%y%m%d%H%M%S%f}:{'over' if is_over else 'look'}",
        chain_id=cause.chain_id,
        cause_id=cause.event_id,
        depth=cause.depth,
    )


def _siblings_of(work: Work, keys: Mapping[int, Key], orders: Mapping[int, Order]) -> dict[int, list[Sibling]]:
    """Open siblings of these orders. No statement but that for their buyers' orders; one more where some have any."""
    asked = [(pk, keys[pk]) for pk in orders if pk in keys]
    companions = companions_of(work, [orders[pk] for pk, _ in asked])
    pairs = [
        (pk, other)
        for pk, key in (asked if companions else ())
        for other in companions.get(key[1], ())
        if other.id != pk and _key_of(other) == key and other.state in MAY_COME and not other.ships_alone
    ]
    if not pairs:
        return {}
    codes = _open_codes({other.id for _, other in pairs})
    doubts = doubts_of(work)
    found: dict[int, list[Sibling]] = defaultdict(list)
    for pk, other in pairs:
        theirs = codes.get(other.id, set()) | doubts.get(other.id, set())
        if theirs & NOT_WAITED_FOR:
            continue
        is_waiting = CODE in theirs
        # Approved and not waiting: it is past the window, on its way or held at a later step.
        if other.state != OrderState.APPROVED or is_waiting or other.id in orders:
            found[pk].append(Sibling(other.id, other.number, is_waiting))
    return found


def siblings_under_way(work: Work, keys: Mapping[int, Key], orders: Mapping[int, Order]) -> dict[int, list[int]]:
    """Orders in fulfilment that these may join, by order. No statement for buyers asked about in this unit of work."""
    companions = companions_of(work, [orders[pk] for pk in keys])
    return {
        pk: [
            other.id
            for other in companions.get(key[1], ())
            if other.id != pk and other.state == OrderState.IN_FULFILLMENT and _key_of(other) == key
        ]
        for pk, key in keys.items()
    }


def _key_of(other: Companion) -> Key:
    return other.shop_id, other.buyer_key, other.address_hash, other.phone_hash, other.masked_name


def _open_codes(order_ids: Collection[int]) -> dict[int, set[str]]:
    codes: dict[int, set[str]] = defaultdict(set)
    rows = Hold.objects.filter(order_id__any_of=sorted(order_ids), released_at__isnull=True)
    for order_id, code in rows.values_list("order_id", "code"):
        codes[order_id].add(code)
    return codes


def _lock_groups(work: Work, order_ids: Collection[int]) -> dict[int, Order]:
    """These orders and all who may travel with them, locked in one order: two siblings whose time is over at one
    instant do not go apart.
    """
    unlocked = {order.pk: order for order in Order.objects.filter(pk__any_of=order_ids)}
    siblings = _siblings_of(work, keys_of(work, list(unlocked.values())), unlocked)
    forget_companions(work)
    return work.lock(Order, {*unlocked, *(s.order_id for theirs in siblings.values() for s in theirs)})


def _waiting_runs(work: Work, order_ids: Collection[int]) -> dict[int, FlowRun]:
    subjects = [f"order:{pk}" for pk in order_ids]
    waits_for = f"event:{MergeWindowClosed.name}"
    rows = FlowRun.objects.filter(subject__any_of=subjects, status=RunStatus.WAITING, waits_for=waits_for)
    still = [r for r in lock_runs(rows, work) if r.status == RunStatus.WAITING and r.waits_for == waits_for]
    return {flow_run.subject_id: flow_run for flow_run in still}
