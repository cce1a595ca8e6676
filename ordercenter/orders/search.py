"""Finding an order by what people have at hand: part of an order or tracking number, or a whole phone number."""

from __future__ import annotations

import re
import unicodedata

from django.db.models import QuerySet

from ordercenter.catalog.contacts import phone_hash
from ordercenter.orders.models import Order

# Eleven digits beginning with 1, however they are grouped, with or without the country's +86.
_PHONE = re.compile(r"(?:\+?86)?1\d{10}")
_GROUPING = re.compile(r"[\s\-()]")
# Shorter parts match nearly everything and no index helps: they must be the whole number.
SHORTEST_PART = 4
TRACKING = "shipment_lines__shipment__parcels__tracking_no"


def search_orders(orders: QuerySet[Order], text: str) -> QuerySet[Order]:
    """Those of these orders that the text means; all of them when it is empty.

    A phone number is compared as a whole, by its hash. Anything else is part of an order number or a tracking number,
    in any case; both are found through their trigram indexes.
    """
    term = unicodedata.normalize("NFKC", text).strip()
    if not term:
        return orders
    compact = _GROUPING.sub("", term)
    if _PHONE.fullmatch(compact):
        return orders.filter(contact__phone_hash=phone_hash(compact))
    how = "icontains" if len(term) >= SHORTEST_PART else "iexact"
    by_number = Order.objects.filter(**{f"channel_order_no__{how}": term}).values("pk")
    by_tracking = Order.objects.filter(**{f"{TRACKING}__{how}": term}).values("pk")
    # One OR over two tables would read both from end to end; the union lets each use its own index.
    return orders.filter(pk__in=by_number.union(by_tracking))
