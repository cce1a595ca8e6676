"""Listings with orders that wait for a match: read from the orders themselves, so that nothing can fall out of step."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from ordercenter.catalog.listings import Listing
from ordercenter.catalog.models import Shop
from ordercenter.common.scope import Scope
from ordercenter.orders.services.matching import UNMAPPED


@dataclass(frozen=True, slots=True)
class WaitingListing:
    """title, choice, code: as the platform sent them with the newest order. money: the total of the orders that wait.

    since: when the oldest of them began to wait. ignored: why it is none of ours, "" when nobody said so.
    """

    listing: Listing
    shop: str
    shop_code: str
    title: str
    choice: str
    code: str
    orders: int
    pieces: int
    money: Decimal
    currency: str
    since: datetime
    ignored: str
    ignored_at: datetime | None
    ignored_by: str


@dataclass(frozen=True)
class Waiting:
    """A page of waiting listings, those with most orders first. total: how many there are on all pages."""

    listings: list[WaitingListing]
    total: int


# First by listing and order, so that an order with two lines of one listing counts once.
_WAITING = """
WITH lines AS (
    SELECT o.shop_id, l.listing_id, CASE WHEN l.listing_id = '' THEN l.outer_sku ELSE l.listing_sku_id END AS variant,
           o.id AS order_id, max(l.title) AS title, max(l.spec) AS spec, max(l.outer_sku) AS code,
           sum(l.ordered - l.cancelled) AS pieces, min(o.total_amount) AS money, min(o.currency) AS currency,
           min(h.opened_at) AS since
    FROM orders_hold h JOIN orders_order o ON o.id = h.order_id
         JOIN orders_orderline l ON l.order_id = o.id AND l.sku_id IS NULL
    WHERE h.code = %(code)s AND h.released_at IS NULL AND (%(shops)s::bigint[] IS NULL OR o.shop_id = ANY(%(shops)s))
    GROUP BY 1, 2, 3, 4
), listings AS (
    SELECT shop_id, listing_id, variant, (array_agg(title ORDER BY order_id DESC))[1] AS title,
           (array_agg(spec ORDER BY order_id DESC))[1] AS spec, (array_agg(code ORDER BY order_id DESC))[1] AS code,
           count(*) AS orders, sum(pieces) AS pieces, sum(money) AS money, min(currency) AS currency,
           min(since) AS since
    FROM lines GROUP BY 1, 2, 3
)
SELECT n.shop_id, n.listing_id, n.variant, s.name, s.code, n.title, n.spec, n.code, n.orders, n.pieces, n.money,
       n.currency, n.since, COALESCE(i.reason, ''), i.ignored_at, COALESCE(u.username, ''), count(*) OVER ()
FROM listings n JOIN catalog_shop s ON s.id = n.shop_id
     LEFT JOIN catalog_ignoredlisting i
               ON i.shop_id = n.shop_id AND i.listing_id = n.listing_id AND i.listing_sku_id = n.variant
     LEFT JOIN auth_user u ON u.id = i.ignored_by_id
WHERE (i.id IS NOT NULL) = %(ignored)s
  AND (%(text)s = ''
       OR strpos(upper(concat_ws(' ', n.title, n.spec, n.code, n.listing_id, n.variant,
                                 n.listing_id || '/' || n.variant)), upper(%(text)s)) > 0)
  AND (%(only)s::text[] IS NULL OR n.shop_id || '/' || n.listing_id || '/' || n.variant = ANY(%(only)s))
  AND NOT EXISTS (
      -- Bound a moment ago: its orders are about to go on.
      SELECT FROM catalog_listingmatch m JOIN catalog_sku k ON k.id = m.sku_id
      WHERE m.shop_id = n.shop_id AND m.listing_id = n.listing_id AND m.listing_sku_id = n.variant
        AND m.by_code IN ('', n.code)
        AND (NOT k.is_bundle OR EXISTS (SELECT FROM catalog_bundlepart p WHERE p.bundle_id = k.id)))
ORDER BY n.orders DESC, n.since, n.shop_id, n.listing_id, n.variant
LIMIT %(most)s OFFSET %(skip)s
"""


def waiting_listings(
    *,
    scope: Scope,
    shop_id: int | None = None,
    text: str = "",
    ignored: bool = False,
    only: Collection[Listing] | None = None,
    most: int,
    skip: int = 0,
) -> Waiting:
    """Listings of these shops with orders that wait. text: part of title, choice, code or number. One statement.

    ignored: those that are none of ours instead of those to match. only: just these of them.
    """
    shops = None if scope.shop_ids is None else sorted(scope.shop_ids)
    if shop_id is not None:
        shops = [shop_id] if scope.has_shop(shop_id) else []
    asked: dict[str, Any] = {
        "code": UNMAPPED,
        "shops": shops,
        "ignored": ignored,
        "text": text,
        "only": None if only is None else [f"{n.shop_id}/{n.listing_id}/{n.listing_sku_id}" for n in only],
        "most": most,
        "skip": skip,
    }
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, asked)
        rows = cursor.fetchall()
    found = [WaitingListing(Listing(*row[:3]), *row[3:-1]) for row in rows]
    return Waiting(found, rows[0][-1] if rows else 0)


def shops_to_choose(scope: Scope) -> list[Shop]:
    """The shops of the reader, for filters."""
    return list(scope.narrow(Shop.objects.order_by("code"), shop="pk"))
