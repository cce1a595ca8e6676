"""Checking: what a rule can say about an order before it goes on its way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from django.utils.translation import gettext_lazy as _

from ordercenter.audit.stamps import compiled
from ordercenter.audit.work import Work
from ordercenter.catalog.contacts import PLACE_COLUMNS, confirm_place
from ordercenter.catalog.models import BlacklistEntry, BlacklistKind, Contact, Sku
from ordercenter.common.batch import BatchResult
from ordercenter.common.divisions import WITHOUT_DISTRICTS, place_of, undivided_cities
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.secretfield import search_hash
from ordercenter.events.types import DuplicateSeen
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.services.companions import DUPLICATE_WITHIN, Companion, companions_of
from ordercenter.orders.services.holding import Finding, accepted_codes, hold_orders
from ordercenter.orders.services.lookups import contacts_of, skus_of
from ordercenter.orders.services.updates import ASKING
from ordercenter.orders.states import BEFORE_FULFILLMENT, CLOSED_STATES, OrderState, RefundStatus

BLACKLIST_KEPT = 2000
_NOT_SUSPECT = (OrderState.PENDING_PAYMENT, OrderState.AWAITING_BALANCE, *CLOSED_STATES)


class NeedsPerson(OrderCenterError):
    """Checks found something that only a person can decide."""

    code = "orders.needs_person"
    title = _("The order needs a person.")
    hint = _("Look at its open cases.")

    def __init__(self, *, order_id: int, findings: Sequence[Finding]):
        super().__init__(f"order {order_id}: {', '.join(finding.code for finding in findings)}")
        self.order_id, self._findings = order_id, list(findings)

    @property
    def findings(self) -> list[Finding]:
        """What was found, at least one."""
        return self._findings


def check_orders(*, order_ids: Collection[int], work: Work) -> BatchResult:
    """Look for what needs a person; what a person has accepted before is not found again.

    Refused with NeedsPerson: ADDRESS_INCOMPLETE, ADDRESS_UNSURE, REMARK_NEEDS_HUMAN, PRICE_BELOW_FLOOR, BLACKLIST,
    REFUND_BEFORE_SHIP, DUPLICATE_SUSPECT. At most seven statements. Emits DuplicateSeen for a later twin that was
    checked before its time.
    """
    result = BatchResult()
    orders = work.lock(Order, order_ids)
    lines = work.lock_children(OrderLine, "order_id", list(orders))
    contacts = contacts_of(work, orders.values())
    skus = skus_of(work, [line for group in lines.values() for line in group])
    listed = _blacklisted(orders, contacts, work)
    doubles = _duplicates(orders, contacts, work)
    found: dict[int, list[Finding]] = {}
    for order in orders.values():
        findings = [
            *_address(contacts.get(order.contact_id or 0)),
            *_remarks(order),
            *_prices(lines[order.id], skus),
            *_refunds(lines[order.id]),
        ]
        if order.id in listed:
            findings.append(Finding("BLACKLIST", {"matched": listed[order.id]}))
        if order.id in doubles:
            findings.append(Finding("DUPLICATE_SUSPECT", doubles[order.id]))
        if findings:
            found[order.id] = findings
    accepted = accepted_codes(found) if found else {}
    _take_confirmed_places(work, orders, contacts, accepted)
    doubts = doubts_of(work)
    for order in orders.values():
        left = [f for f in found.get(order.id, ()) if f.code not in accepted.get(order.id, ())]
        if left:
            doubts[order.id] = {finding.code for finding in left}
            result.refuse(order.id, NeedsPerson(order_id=order.id, findings=left))
        else:
            result.done.append(order)
    return result


def _take_confirmed_places(
    work: Work, orders: Mapping[int, Order], contacts: Mapping[int, Contact], accepted: Mapping[int, set[str]]
) -> None:
    """Who resolved the case of a guessed place has said that it is right. One statement, only if there is any."""
    doubtful = {
        order.contact_id
        for order in orders.values()
        if "ADDRESS_UNSURE" in accepted.get(order.id, ()) and _doubt_of(contacts.get(order.contact_id or 0))
    }
    known = work.shared["contacts"] if doubtful else {}
    for contact in work.lock(Contact, doubtful).values() if doubtful else ():
        if contact.guessed_code:
            confirm_place(contact)
            work.save(contact, *PLACE_COLUMNS)
            known[contact.pk] = contact


def _doubt_of(contact: Contact | None) -> str:
    return contact.place_doubt if contact is not None else ""


def doubts_of(work: Work) -> dict[int, set[str]]:
    """What was found about orders in this unit of work, by order: it is told only when the flow has stopped them."""
    kept: dict[int, set[str]] = work.shared.setdefault("doubts", {})
    return kept


def _needs_no_district(contact: Contact) -> bool:
    return contact.city in undivided_cities() or contact.division_code[:2] in WITHOUT_DISTRICTS


def _address(contact: Contact | None) -> list[Finding]:
    missing = []
    is_doubted = bool(_doubt_of(contact))
    if contact is None or not contact.masked_name:
        missing.append("name")
    if contact is None or not (contact.province or is_doubted):
        missing.append("province")
    # A county directly under its province has no city, a few cities have no districts.
    if contact is None or not (contact.district or is_doubted or _needs_no_district(contact)):
        missing.append("district")
    if contact is None or not contact.masked_address:
        missing.append("address")
    if contact is None or not (contact.masked_phone or contact.opaque_id):
        missing.append("phone")
    findings = [Finding("ADDRESS_INCOMPLETE", {"missing": missing})] if missing else []
    if contact is not None and is_doubted:
        place = place_of(contact.guessed_code)
        guess = " ".join(part for part in (place.province, place.city, place.county) if part)
        findings.append(Finding("ADDRESS_UNSURE", {"guess": guess, "doubt": contact.place_doubt}))
    return findings


def _remarks(order: Order) -> list[Finding]:
    remarks = {
        name: text.strip()
        for name, text in (("buyer_remark", order.buyer_remark), ("seller_remark", order.seller_remark))
        if text.strip()
    }
    return [Finding("REMARK_NEEDS_HUMAN", remarks)] if remarks else []


def _prices(lines: Sequence[OrderLine], skus: Mapping[int, Sku]) -> list[Finding]:
    low = []
    for line in lines:
        sku = skus.get(line.sku_id or 0)
        # A part of a bundle has no price of its own: the bundle's discount is intended.
        if sku is None or line.is_gift or line.bundle_id is not None or not sku.floor_price:
            continue
        if line.paid_share < sku.floor_price * line.ordered:
            low.append({"sku": sku.code, "paid": str(line.paid_share), "floor": str(sku.floor_price * line.ordered)})
    return [Finding("PRICE_BELOW_FLOOR", {"lines": low})] if low else []


def _refunds(lines: Sequence[OrderLine]) -> list[Finding]:
    unwanted = (*ASKING, RefundStatus.REFUNDED)
    asked = [n.channel_line_no for n in lines if n.refund_status in unwanted and n.cancelled < n.ordered]
    return [Finding("REFUND_BEFORE_SHIP", {"lines": asked})] if asked else []


def _blacklist() -> frozenset[tuple[str, str]] | None:
    """All of it by kind and hash, kept per version; None where it is too long to be kept."""
    rows = BlacklistEntry.objects.values_list("kind", "value_hash")[: BLACKLIST_KEPT + 1]
    entries = frozenset(rows)
    return entries if len(entries) <= BLACKLIST_KEPT else None


def _blacklisted(orders: Mapping[int, Order], contacts: Mapping[int, Contact], work: Work) -> dict[int, str]:
    """Order id -> what of it is on the blacklist. At most one statement."""
    known = compiled(work, "blacklist", _blacklist)
    if known is not None and not known:
        return {}
    hashes: dict[tuple[str, str], list[int]] = defaultdict(list)
    for order in orders.values():
        contact = contacts.get(order.contact_id or 0)
        if order.buyer_key:
            hashes[BlacklistKind.BUYER, search_hash("buyer", order.buyer_key)].append(order.id)
        if contact is not None and contact.phone_hash:
            hashes[BlacklistKind.PHONE, contact.phone_hash].append(order.id)
        if contact is not None and contact.address_hash:
            hashes[BlacklistKind.ADDRESS, contact.address_hash].append(order.id)
    if known is not None:
        found = known & hashes.keys()
    else:
        values = [value for _, value in hashes]
        found = frozenset(BlacklistEntry.objects.filter(value_hash__any_of=values).values_list("kind", "value_hash"))
    return {order_id: kind for kind, value in found for order_id in hashes.get((kind, value), ())}


def _duplicates(orders: Mapping[int, Order], contacts: Mapping[int, Contact], work: Work) -> dict[int, dict[str, str]]:
    """Order id -> evidence: the number of an order of the same buyer with the same goods to the same address, placed
    shortly before, and how far that one is.

    Orders do not always arrive in the order in which they were placed, and two relays do not see each other's work in
    hand. So each order looks both ways. A later one that could not see this one yet is told of it, unless it is at a
    warehouse or gone: then this one waits in its stead. One of the two is wanted, and either is as good.
    """
    doubles: dict[int, dict[str, str]] = {}
    instead: dict[int, tuple[int, dict[str, str]]] = {}
    for order, twin in _twins(orders, contacts, work):
        evidence = {"other_order": twin.number, "other_state": twin.state}
        # The later of the two is the suspect; ties go by id.
        if (twin.placed_at, twin.id) < (order.placed_at, order.id):
            doubles.setdefault(order.id, evidence)
        elif twin.id in orders:
            continue
        elif twin.state in BEFORE_FULFILLMENT:
            number = order.channel_order_no
            work.record(DuplicateSeen(order_id=twin.id, other_order=number), because=f"order:{order.id}")
        else:
            instead.setdefault(order.id, (twin.id, evidence))
    if instead:
        # Where a person has let the twin pass, she was asked about these two already, or about more of the same.
        accepted = accepted_codes([twin_id for twin_id, _ in instead.values()])
        for order_id, (twin_id, evidence) in instead.items():
            if "DUPLICATE_SUSPECT" not in accepted[twin_id]:
                doubles.setdefault(order_id, evidence)
    return doubles


def _twins(
    orders: Mapping[int, Order], contacts: Mapping[int, Contact], work: Work
) -> Iterator[tuple[Order, Companion]]:
    """Each of these orders with those that look the same, earliest first. Both receivers must be known to be one."""
    companions = companions_of(work, orders.values())
    for order in orders.values() if companions else ():
        contact = contacts.get(order.contact_id or 0)
        if contact is None or not contact.address_hash:
            continue
        look = (order.shop_id, order.content_key, contact.address_hash)
        for other in companions.get(order.buyer_key, ()):
            if (
                other.id != order.id
                and (other.shop_id, other.content_key, other.address_hash) == look
                and other.state != OrderState.CANCELLED
                and abs(other.placed_at - order.placed_at) <= DUPLICATE_WITHIN
            ):
                yield order, other


def hold_duplicates(*, suspects: Mapping[int, str], work: Work) -> list[Order]:
    """Hold orders that turned out to be the later of two. suspects: order id -> number of the earlier one.

    Left alone: what is not paid yet (it will be checked), what has ended, and what a person has accepted. Returns those
    that are held now. One that has reached a warehouse meanwhile is held all the same: the evidence says where it is,
    and a person decides whether its goods are asked back.
    """
    accepted = accepted_codes(list(suspects))
    findings = {
        order.id: [Finding("DUPLICATE_SUSPECT", {"other_order": suspects[order.id], "state": str(order.state)})]
        for order in work.lock(Order, list(suspects)).values()
        if order.state not in _NOT_SUSPECT and "DUPLICATE_SUSPECT" not in accepted[order.id]
    }
    return hold_orders(findings=findings, work=work)
