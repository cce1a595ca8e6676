"""Holding orders for a person, and letting them go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ordercenter.audit.models import Deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.services import CaseDraft
from ordercenter.cases.states import CaseState
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult
from ordercenter.events.types import OrderAwaitingSupply, OrderHeld, OrderReleased
from ordercenter.orders.errors import OrderUnknown
from ordercenter.orders.models import Hold, Order
from ordercenter.orders.states import CLOSED_STATES, OrderState

WAITS_FOR_GOODS = "OUT_OF_STOCK"


@dataclass(frozen=True)
class Finding:
    """Something about an order that needs a person: the case's code, the evidence, and what it shares with others.

    aside_until: nobody has to look before; until then its case is put aside.
    """

    code: str
    evidence: dict[str, Any] = field(default_factory=dict)
    root_cause: str = ""
    root_title: str = ""
    aside_until: datetime | None = None


def hold_orders(
    *,
    findings: Mapping[int, Sequence[Finding]],
    work: Work | None = None,
    at: datetime | None = None,
    actor: Actor = SYSTEM,
) -> list[Order]:
    """Put a hold and a case on each order for each finding; those that are there already stay as they are.

    findings: order id -> what is wrong. Returns the orders held. Emits OrderHeld and CaseOpened.
    """
    if not findings:
        return []
    with unit_of_work(work, at=at, actor=actor) as work:
        orders = work.lock(Order, list(findings))
        open_holds = _open_holds(work, orders)
        pairs = [(order, finding) for order in orders.values() for finding in findings[order.pk]]
        opened = cases.open_cases(drafts=[draft_of(order, finding) for order, finding in pairs], work=work)
        new = []
        for (order, finding), case in zip(pairs, opened, strict=True):
            if finding.aside_until is not None and case.state == CaseState.OPEN:
                case.snooze(until=finding.aside_until)
                work.save(case, "owner_id", "lease_until", "snoozed_until")
            hold = next((hold for hold in open_holds[order.pk] if hold.code == finding.code), None)
            if hold is None:
                hold = Hold(order=order, code=finding.code, case_id=case.pk, opened_at=work.at)
                new.append(hold)
                open_holds[order.pk].append(hold)
            elif hold.case_id != case.pk:
                # Its case was closed just now, and the same is wrong again: the hold stays, for the new case.
                hold.case_id = case.pk
                work.save(hold, "case_id")
        work.add(new)
        for order in orders.values():
            order.is_on_hold = True
            work.save(order, "is_on_hold")
            work.record(OrderHeld(order_id=order.pk, codes=tuple(f.code for f in findings[order.pk])))
        return list(orders.values())


def release_holds(
    *,
    order_ids: Collection[int],
    reason: str,
    at: datetime | None = None,
    actor: Actor = SYSTEM,
    codes: Collection[str] | None = None,
    case_ids: Collection[int] | None = None,
    accepted: bool | None = None,
    work: Work | None = None,
) -> BatchResult:
    """Take the holds with these codes and of these cases (all when None) off the orders, and close their cases.

    accepted: a person has looked and lets it pass, so the same finding does not hold the order again; when None, true
    for persons. An order without any hold left goes on (OrderReleased): its flow runs the stopped step again. A
    person's reason is kept as a deed. Refused: OrderUnknown. Raises ReasonMissing.
    """
    accepted = actor.is_person if accepted is None else accepted
    if not reason.strip():
        raise ReasonMissing
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor, reason=reason) as work:
        orders = work.lock(Order, order_ids)
        holds = _open_holds(work, orders)
        gone: dict[str, set[str]] = defaultdict(set)
        for order_id in order_ids:
            order = orders.get(order_id)
            if order is None:
                result.refuse(order_id, OrderUnknown(order_id=order_id))
                continue
            released = [
                hold
                for hold in holds[order_id]
                if (codes is None or hold.code in codes) and (case_ids is None or hold.case_id in case_ids)
            ]
            for hold in released:
                hold.released_at, hold.release_reason = work.at, reason[:200]
                hold.released_by_id, hold.is_accepted = work.actor.user_id, accepted
                work.save(hold, "released_at", "release_reason", "released_by_id", "is_accepted")
                gone[hold.code].add(f"order:{order_id}")
            if released:
                _go_on(work, order, holds[order_id], [hold.code for hold in released])
            result.done.append(order)
        for code, subjects in gone.items():
            cases.close_cases_of(subjects=subjects, codes=[code], resolution=reason[:200], work=work)
        if work.actor.is_person:
            work.add([_deed(work, order, reason, codes) for order in result.done])
    return result


def accepted_codes(order_ids: Collection[int]) -> dict[int, set[str]]:
    """What persons have already accepted about these orders: the codes of their released holds. One statement."""
    accepted: dict[int, set[str]] = defaultdict(set)
    rows = Hold.objects.filter(order_id__in=order_ids, released_at__isnull=False, is_accepted=True)
    for order_id, code in rows.values_list("order_id", "code"):
        accepted[order_id].add(code)
    return accepted


def _go_on(work: Work, order: Order, holds: Sequence[Hold], codes: list[str]) -> None:
    left = {hold.code for hold in holds if hold.released_at is None}
    if left:
        if left == {WAITS_FOR_GOODS} and order.state == OrderState.AWAITING_SUPPLY:
            # Nothing but goods is missing now: who finds it goods may look again.
            work.record(OrderAwaitingSupply(order_id=order.pk))
        return
    order.is_on_hold = False
    work.save(order, "is_on_hold")
    if order.state in CLOSED_STATES:
        # Nothing waits for it any more.
        return
    if order.state == OrderState.AWAITING_SUPPLY:
        order.supply_arrived()
    work.record(OrderReleased(order_id=order.pk, codes=tuple(codes)))


def _open_holds(work: Work, orders: Mapping[int, Order]) -> dict[int, list[Hold]]:
    known: dict[int, list[Hold]] = work.shared.setdefault("open_holds", {})
    missing = sorted(orders.keys() - known.keys())
    if missing:
        known.update((order_id, []) for order_id in missing)
        # The orders are locked, and holds change only under their order's lock.
        if any(orders[order_id].is_on_hold for order_id in missing):
            rows = list(Hold.objects.filter(order_id__in=missing, released_at__isnull=True).order_by("pk"))
            work.adopt(Hold, rows)
            for hold in rows:
                known[hold.order_id].append(hold)
    return known


def draft_of(order: Order, finding: Finding) -> CaseDraft:
    """The case about this finding."""
    return CaseDraft(
        code=finding.code,
        subject=f"order:{order.pk}",
        shop_id=order.shop_id,
        reference=order.channel_order_no,
        money_at_risk=order.total_amount,
        priority=order.priority,
        evidence=finding.evidence,
        root_cause=finding.root_cause,
        root_title=finding.root_title,
    )


def _deed(work: Work, order: Order, reason: str, codes: Collection[str] | None) -> Deed:
    return Deed(
        at=work.at,
        actor=str(work.actor),
        user_id=work.actor.user_id,
        action="order.release",
        subject=f"order:{order.pk}",
        reason=reason,
        details={"codes": sorted(codes) if codes else []},
        chain_id=work.cause_of(f"order:{order.pk}").chain_id,
    )
