"""What orders refer to, read once per unit of work: their receivers, and the SKUs of their lines."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ordercenter.audit.work import Work
from ordercenter.catalog.models import Contact, Sku
from ordercenter.orders.models import Order, OrderLine


def contacts_of(work: Work, orders: Collection[Order]) -> Mapping[int, Contact]:
    """The receivers of these orders by id, read once per unit of work."""
    known: dict[int, Contact] = work.shared.setdefault("contacts", dict(work.born(Contact)))
    missing = {order.contact_id for order in orders if order.contact_id is not None} - known.keys()
    if missing:
        known.update((c.pk, c) for c in Contact.objects.filter(pk__any_of=sorted(missing)))
    return known


def skus_of(work: Work, lines: Sequence[OrderLine]) -> Mapping[int, Sku]:
    """The SKUs of these lines by id, read once per unit of work."""
    known: dict[int, Sku] = work.shared.setdefault("skus", {})
    missing = {line.sku_id for line in lines if line.sku_id is not None} - known.keys()
    if missing:
        known.update((s.pk, s) for s in Sku.objects.filter(pk__any_of=sorted(missing)))
    return known
