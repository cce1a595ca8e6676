"""Newer reports of orders that we have: what the platform changed, without ever going back in our own states."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from ordercenter.audit.work import Work
from ordercenter.catalog.contacts import clear_data, make_contact
from ordercenter.catalog.models import Contact
from ordercenter.events.types import OrderChangedByChannel, TradeFinished
from ordercenter.orders.intake_types import STATUS_RANK, IncomingOrder
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.services import payment
from ordercenter.orders.services.closing import cancel_orders
from ordercenter.orders.services.ending import closed_by_channel, has_left, is_over, shipped_elsewhere
from ordercenter.orders.services.grading import grade_orders
from ordercenter.orders.services.holding import Finding, accepted_codes, hold_orders, release_holds
from ordercenter.orders.states import BEFORE_FULFILLMENT, CLOSED_STATES, PAYABLE, OrderState, RefundStatus

# Approved and on their way: their flow does not come by the grading again.
GRADED_ALREADY = (OrderState.APPROVED, OrderState.AWAITING_SUPPLY, OrderState.IN_FULFILLMENT)
# Refund words of a line that stop it from being shipped.
ASKING = (RefundStatus.REQUESTED, RefundStatus.AGREED, RefundStatus.RETURNING)
_PLACE = ("province", "city", "district", "town", "opaque_id")
_WHY_GONE = {
    "CHANNEL_HELD": "the channel released the order",
    "PAYMENT_MISMATCH": "paid as due",
    "ADDRESS_INCOMPLETE": "the receiver was changed at the channel",
    "ADDRESS_UNSURE": "the receiver was changed at the channel",
}


def update_orders(work: Work, reports: Sequence[tuple[Order, IncomingOrder]]) -> None:
    """Apply newer reports to locked orders. Constant number of statements; nothing for an empty list."""
    if not reports:
        return
    orders = [order for order, _ in reports]
    lines = work.lock_children(OrderLine, "order_id", [order.pk for order in orders])
    contacts = _contacts(orders)
    findings: dict[int, list[Finding]] = defaultdict(list)
    cancelled: dict[str, list[int]] = defaultdict(list)
    gone: dict[str, list[int]] = defaultdict(list)
    new_contacts: list[tuple[Order, Contact]] = []
    said: list[int] = []
    for order, report in reports:
        changed = _apply_facts(work, order, report, lines[order.pk])
        if changed and order.state in GRADED_ALREADY:
            # A remark may ask for speed: what waits for goods by now would never be judged again.
            said.append(order.pk)
        contact = _moved_house(contacts.get(order.contact_id or 0), report)
        if contact is not None:
            new_contacts.append((order, contact))
            changed.append("receiver")
        was_payable = order.state in PAYABLE
        _apply_money_and_refunds(work, order, report, lines[order.pk], findings)
        _apply_end(work, order, report, lines[order.pk], findings, cancelled)
        if report.held:
            findings[order.pk].append(Finding("CHANNEL_HELD", {"channel_status": report.raw_status}))
        if order.is_on_hold:
            is_paid_now = was_payable and order.state not in PAYABLE
            for code in _causes_gone(report, changed, is_paid_now=is_paid_now):
                gone[code].append(order.pk)
        if _too_late_to_change(order, changed):
            findings[order.pk].append(Finding("CHANGED_AFTER_AUDIT", {"fields": sorted(changed)}))
        if changed:
            work.record(OrderChangedByChannel(order_id=order.pk, fields=tuple(sorted(changed))))
    _replace_contacts(work, new_contacts)
    if said:
        grade_orders(order_ids=said, work=work)
    hold_orders(findings=_not_accepted(findings), work=work)
    for code, order_ids in gone.items():
        release_holds(order_ids=order_ids, codes=[code], reason=_WHY_GONE[code], accepted=False, work=work)
    for reason, order_ids in cancelled.items():
        cancel_orders(order_ids=order_ids, reason=reason, work=work)


def _apply_facts(work: Work, order: Order, report: IncomingOrder, lines: Sequence[OrderLine]) -> list[str]:
    changed = []
    for name, value in (("buyer_remark", report.buyer_remark), ("seller_remark", report.seller_remark)):
        if getattr(order, name) != value:
            setattr(order, name, value)
            changed.append(name)
    order.channel_status, order.channel_held = report.raw_status[:40], report.held
    order.channel_modified_at, order.channel_rank = report.modified_at, STATUS_RANK[report.status]
    work.save(
        order, "buyer_remark", "seller_remark", "channel_status", "channel_held", "channel_modified_at", "channel_rank"
    )
    if report.ship_by not in (None, order.ship_by) and report.paid_at is not None:
        # A platform may allow more time, or ask for less.
        order.ship_by = report.ship_by
        work.save(order, "ship_by")
    statuses = {line.channel_line_no: line.refund_status for line in report.lines}
    for line in lines:
        status = statuses.get(line.channel_line_no)
        if status is not None and status != line.refund_status:
            line.refund_status = status
            work.save(line, "refund_status")
    return changed


def _apply_money_and_refunds(
    work: Work, order: Order, report: IncomingOrder, lines: Sequence[OrderLine], findings: dict[int, list[Finding]]
) -> None:
    if order.state in PAYABLE:
        payment.apply_payment(work, order, report, findings)
        work.save(order, "paid_amount", "paid_at", "ship_by", "balance_due_at")
    asked = [line.channel_line_no for line in lines if line.refund_status in ASKING]
    if asked and order.state not in (*CLOSED_STATES, *PAYABLE, OrderState.SHIPPED, OrderState.DELIVERED):
        findings[order.pk].append(Finding("REFUND_BEFORE_SHIP", {"lines": asked}))


def _causes_gone(report: IncomingOrder, changed: Sequence[str], *, is_paid_now: bool) -> Iterator[str]:
    """What may hold the order no longer, because the report took its cause away; what is still wrong is found again."""
    if not report.held:
        yield "CHANNEL_HELD"
    if is_paid_now:
        yield "PAYMENT_MISMATCH"
    if "receiver" in changed:
        yield "ADDRESS_INCOMPLETE"
        yield "ADDRESS_UNSURE"


def _apply_end(
    work: Work,
    order: Order,
    report: IncomingOrder,
    lines: Sequence[OrderLine],
    findings: dict[int, list[Finding]],
    cancelled: dict[str, list[int]],
) -> None:
    if report.status == "completed" and order.state not in CLOSED_STATES:
        work.record(TradeFinished(order_id=order.pk, occurred_at=report.modified_at))
    elif is_over(report) and order.state in (*BEFORE_FULFILLMENT, OrderState.IN_FULFILLMENT):
        cancelled[closed_by_channel(report)].append(order.pk)
    elif has_left(report) and order.state in (*BEFORE_FULFILLMENT, OrderState.IN_FULFILLMENT):
        if not any(line.shipped for line in lines):
            findings[order.pk].append(shipped_elsewhere(order, report))


def _not_accepted(findings: Mapping[int, list[Finding]]) -> dict[int, list[Finding]]:
    """Without what a person has let pass before; a change is another one each time."""
    repeats = [pk for pk, found in findings.items() if any(f.code == "SHIPPED_ELSEWHERE" for f in found)]
    accepted = accepted_codes(repeats) if repeats else {}
    left = {
        pk: [f for f in found if f.code != "SHIPPED_ELSEWHERE" or f.code not in accepted.get(pk, ())]
        for pk, found in findings.items()
    }
    return {pk: found for pk, found in left.items() if found}


def _too_late_to_change(order: Order, changed: list[str]) -> bool:
    """Changes that the warehouse does not know of yet. Until then the next check sees the new words anyway."""
    return bool(changed) and order.state in (OrderState.APPROVED, OrderState.AWAITING_SUPPLY, OrderState.IN_FULFILLMENT)


def _moved_house(contact: Contact | None, report: IncomingOrder) -> Contact | None:
    fresh = make_contact(payment.receiver_of(report.receiver))
    if contact is None:
        return fresh
    if fresh.place_doubt and fresh.guessed_code == contact.division_code:
        # A person has said that the guess was right; only another text would be another place.
        return None if clear_data(contact) == clear_data(fresh) else fresh
    if any(getattr(contact, name) != getattr(fresh, name) for name in _PLACE):
        return fresh
    # Behind the same stars may stand another name or number.
    return None if clear_data(contact) == clear_data(fresh) else fresh


def _contacts(orders: Sequence[Order]) -> Mapping[int, Contact]:
    return Contact.objects.in_bulk([order.contact_id for order in orders if order.contact_id is not None])


def _replace_contacts(work: Work, pairs: Sequence[tuple[Order, Contact]]) -> None:
    work.add([contact for _, contact in pairs])
    for order, contact in pairs:
        order.contact_id = contact.pk
        work.save(order, "contact_id")
