"""What orders of a file would do to those that are here: new, changed, unchanged, or refused and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from channels_sync.order_files.rows import FileOrder, Problem
from channels_sync.order_files.words import NOTES
from channels_sync.states import FileVerdict
from finance.models import PaymentEntry
from finance.states import EntryKind
from ordercenter.catalog.contacts import clear_data
from ordercenter.catalog.models import Contact, Shop, Sku
from ordercenter.orders.intake_types import STATUS_RANK, IncomingOrder
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.services.intake import content_key
from ordercenter.orders.states import PAYABLE

_PLACE = ("province", "city", "district")


@dataclass(frozen=True, slots=True)
class Judged:
    """One order of a file with what it does. order_id: ours, where it is known."""

    order: FileOrder
    verdict: str
    problems: tuple[Problem, ...]
    order_id: int | None = None

    @property
    def is_taken(self) -> bool:
        """Whether taking it in does anything."""
        return self.verdict in (FileVerdict.NEW, FileVerdict.CHANGED)


@dataclass
class Judge:
    """Judges the orders of one file in lists. What it knows of SKUs and payments, it knows for all of them."""

    shop: Shop
    is_known_sku: dict[str, bool] = field(default_factory=dict)
    payments: dict[tuple[str, str], int] = field(default_factory=dict)

    def judge(self, orders: Sequence[FileOrder]) -> list[Judged]:
        """One answer for each. Six statements, however many."""
        readable = [o for o in orders if o.order is not None]
        known = self._known(readable)
        self._ask_skus(readable)
        taken = self._payments_taken(readable)
        return [self._one(order, known, taken) for order in orders]

    def _one(self, order: FileOrder, known: dict[str, _Known], taken: dict[tuple[str, str], int]) -> Judged:
        here = known.get(order.number)
        order_id = here.order.pk if here is not None else None
        if order.order is None:
            return Judged(order, FileVerdict.REFUSED, order.problems, order_id)
        problems = [*self._payment_problems(order, order_id, taken)]
        verdict: str = FileVerdict.NEW
        if here is not None:
            verdict, more = _against(order, order.order, here)
            problems += more
        notes = [] if here is not None else self._notes(order)
        if any(problem.code not in NOTES for problem in problems):
            verdict = FileVerdict.REFUSED
        return Judged(order, verdict, (*problems, *notes), order_id)

    def _known(self, orders: Sequence[FileOrder]) -> dict[str, _Known]:
        numbers = sorted({o.number for o in orders})
        found = list(Order.objects.filter(shop=self.shop, channel_order_no__any_of=numbers)) if numbers else []
        if not found:
            return {}
        lines: dict[int, list[OrderLine]] = defaultdict(list)
        for line in OrderLine.objects.filter(order_id__any_of=[o.pk for o in found]).order_by("pk"):
            lines[line.order_id].append(line)
        contacts = Contact.objects.in_bulk([o.contact_id for o in found if o.contact_id is not None])
        return {o.channel_order_no: _Known(o, lines[o.pk], contacts.get(o.contact_id or 0)) for o in found}

    def _ask_skus(self, orders: Sequence[FileOrder]) -> None:
        codes = {line.outer_sku for o in orders if o.order for line in o.order.lines} - self.is_known_sku.keys()
        if codes:
            skus = Sku.objects.filter(code__any_of=sorted(codes), is_active=True)
            found = set(skus.values_list("code", flat=True))
            self.is_known_sku.update((code, code in found) for code in codes)

    def _notes(self, order: FileOrder) -> list[Problem]:
        assert order.order is not None
        unknown = {line.outer_sku for line in order.order.lines if not self.is_known_sku[line.outer_sku]}
        return [Problem(order.first_row, "sku", "sku_unknown", code) for code in sorted(unknown)]

    def _payments_taken(self, orders: Sequence[FileOrder]) -> dict[tuple[str, str], int]:
        numbers = sorted({o.order.payment.external_no for o in orders if o.order and o.order.payment})
        if not numbers:
            return {}
        entries = PaymentEntry.objects.filter(external_no__any_of=numbers, kind=EntryKind.PAYMENT)
        return {(p, no): order_id for p, no, order_id in entries.values_list("provider", "external_no", "order_id")}

    def _payment_problems(
        self, order: FileOrder, order_id: int | None, taken: dict[tuple[str, str], int]
    ) -> list[Problem]:
        assert order.order is not None
        payment = order.order.payment
        if payment is None:
            return []
        key = (payment.provider, payment.external_no)
        first = self.payments.setdefault(key, order.first_row)
        if first != order.first_row:
            return [Problem(order.first_row, "payment_no", "payment_repeated", payment.external_no, str(first))]
        if key in taken and taken[key] != order_id:
            return [Problem(order.first_row, "payment_no", "payment_taken", payment.external_no)]
        return []


@dataclass(frozen=True, slots=True)
class _Known:
    """An order of ours with its lines and receiver."""

    order: Order
    lines: Sequence[OrderLine]
    contact: Contact | None


def _against(file_order: FileOrder, said: IncomingOrder, here: _Known) -> tuple[str, list[Problem]]:
    """What a report does to the order that is here."""
    row = file_order.first_row
    changes = _changes(said, here)
    if not changes:
        return FileVerdict.UNCHANGED, []
    if "lines" in changes:
        return FileVerdict.REFUSED, [Problem(row, "", "lines_changed")]
    if here.order.channel_modified_at > said.modified_at:
        return FileVerdict.REFUSED, [
            Problem(row, "", "newer_known", f"{here.order.channel_modified_at:%Y-%m-%d %H:%M}")
        ]
    return FileVerdict.CHANGED, []


def _changes(said: IncomingOrder, here: _Known) -> set[str]:
    order = here.order
    changes = set()
    if _goods_of(here.lines) != _goods_said(said) or order.total_amount != said.total_amount:
        changes.add("lines")
    if order.content_key != content_key(said.lines):
        changes.add("lines")
    if (order.buyer_remark, order.seller_remark) != (said.buyer_remark, said.seller_remark):
        changes.add("remark")
    if said.status == "paid" and order.state in PAYABLE:
        changes.add("payment")
    if said.status == "cancelled" and order.channel_rank < STATUS_RANK["cancelled"]:
        changes.add("cancelled")
    if here.contact is not None and _place_of(said, here.contact) != _place_here(here.contact):
        changes.add("receiver")
    return changes


def _goods_of(lines: Sequence[OrderLine]) -> dict[str, tuple[str, Decimal]]:
    """Our code and what is paid, by line of the channel; the parts of a bundle are one line of it."""
    found: dict[str, tuple[str, Decimal]] = {}
    for line in lines:
        if line.channel_line_no:
            _sku, paid = found.get(line.channel_line_no, ("", Decimal(0)))
            found[line.channel_line_no] = (line.outer_sku, paid + line.paid_share)
    return found


def _goods_said(said: IncomingOrder) -> dict[str, tuple[str, Decimal]]:
    return {line.channel_line_no: (line.outer_sku, line.paid_share) for line in said.lines}


def _place_of(said: IncomingOrder, contact: Contact) -> tuple[Any, ...]:
    """The receiver of a file. What it leaves out was read from the address, and is not compared."""
    receiver = said.receiver
    places = tuple(getattr(receiver, name) or getattr(contact, name) for name in _PLACE)
    return receiver.name, receiver.phone, receiver.address, receiver.zip_code, receiver.town, *places


def _place_here(contact: Contact) -> tuple[Any, ...]:
    data = clear_data(contact)
    places = tuple(getattr(contact, name) for name in _PLACE)
    return data["name"], data["phone"], data["address"], data["zip"], contact.town, *places
