"""Other orders of the same buyers: what a check for duplicates and a merge look at, read once for both.

Orders in hand, this unit of work's own, are as they are in memory: those that it makes are not in the database yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from ordercenter.audit.work import Work
from ordercenter.catalog.models import Contact
from ordercenter.events.ahead import apart
from ordercenter.orders.models import Order
from ordercenter.orders.services.lookups import contacts_of
from ordercenter.orders.states import OrderState

DUPLICATE_WITHIN = timedelta(minutes=10)
# An order that is not yet past the merge window may still come to where it would travel with others.
MAY_COME = (
    OrderState.PREPROCESSING,
    OrderState.DELAYED_REVIEW,
    OrderState.PENDING_REVIEW,
    OrderState.PENDING_FINANCE_REVIEW,
    OrderState.APPROVED,
)


@dataclass(frozen=True, slots=True)
class Companion:
    """What two orders of a buyer are compared by."""

    id: int
    shop_id: int
    buyer_key: str
    content_key: str
    placed_at: datetime
    state: str
    number: str
    ships_alone: bool
    address_hash: str
    phone_hash: str
    masked_name: str


# The index is that by buyer and time.
_ELSEWHERE = """
SELECT o.id, o.shop_id, o.buyer_key, o.content_key, o.placed_at, o.state, o.channel_order_no, o.ships_alone,
       c.address_hash, c.phone_hash, c.masked_name
FROM orders_order o JOIN catalog_contact c ON c.id = o.contact_id
WHERE o.buyer_key = ANY(%(buyers)s::text[]) AND o.id <> ALL(%(ids)s::bigint[])
  AND (o.placed_at BETWEEN %(since)s AND %(until)s OR o.state = ANY(%(open)s))
"""


def companions_of(work: Work, orders: Collection[Order]) -> Mapping[str, list[Companion]]:
    """By buyer, earliest first: all orders of these orders' buyers that were placed about when any of these was, or
    may still be merged, or joined in their parcel. Buyers with one order only are left out. One statement per unit of
    work and buyer.
    """
    buyers = {order.buyer_key for order in orders if order.buyer_key}
    asked: set[str] = work.shared.setdefault("companions_asked", set())
    elsewhere: dict[str, list[Companion]] = work.shared.setdefault("companions", defaultdict(list))
    in_hand = work.in_hand(Order)
    missing = sorted(buyers - asked)
    if missing:
        asked.update(missing)
        placed = [order.placed_at for order in orders]
        parameters: dict[str, Any] = {
            "buyers": missing,
            "ids": list(in_hand),
            "since": min(placed) - DUPLICATE_WITHIN,
            "until": max(placed) + DUPLICATE_WITHIN,
            "open": [str(state) for state in (*MAY_COME, OrderState.IN_FULFILLMENT)],
        }
        with apart(), connection.cursor() as cursor:
            cursor.execute(_ELSEWHERE, parameters)
            for row in cursor.fetchall():
                elsewhere[row[2]].append(Companion(*row))
    here: dict[str, list[Order]] = defaultdict(list)
    for order in in_hand.values():
        if order.buyer_key in buyers:
            here[order.buyer_key].append(order)
    several = {buyer for buyer, group in here.items() if len(group) > 1} | (buyers & elsewhere.keys())
    contacts = contacts_of(work, [order for buyer in several for order in here[buyer]]) if several else {}
    return {
        buyer: sorted(
            (
                *(c for c in elsewhere.get(buyer, ()) if c.id not in in_hand),
                *(_companion(order, contacts.get(order.contact_id or 0)) for order in here[buyer]),
            ),
            key=lambda companion: (companion.placed_at, companion.id),
        )
        for buyer in several
    }


def forget_companions(work: Work) -> None:
    """Let the next question read them anew: after a wait for locks, others may have come."""
    for name in ("companions_asked", "companions"):
        work.shared.pop(name, None)


def _companion(order: Order, contact: Contact | None) -> Companion:
    return Companion(
        order.id,
        order.shop_id,
        order.buyer_key,
        order.content_key,
        order.placed_at,
        order.state,
        order.channel_order_no,
        order.ships_alone,
        contact.address_hash if contact is not None else "",
        contact.phone_hash if contact is not None else "",
        contact.masked_name if contact is not None else "",
    )
