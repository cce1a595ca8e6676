"""What the page of listings shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from channels_sync.listings.suggesting import Asked, Suggestion, suggest, sure_one
from channels_sync.listings.waiting import WaitingListing, waiting_listings
from ordercenter.catalog.listings import Listing
from ordercenter.catalog.models import IgnoredListing, ListingMatch
from ordercenter.common.scope import Scope

ROWS = 20
MATCH_ROWS = 50
# So many waiting listings are looked through for sure suggestions on one page.
MOST_SURE = 300


@dataclass(frozen=True)
class Filters:
    """What the reader asked for. only: one listing, named by a link."""

    show: str
    shop_id: int | None
    text: str
    only: Listing | None
    page: int


@dataclass(frozen=True)
class Row:
    """A listing that waits, beside what it may be."""

    waiting: WaitingListing
    suggestions: list[Suggestion]

    @property
    def sure(self) -> Suggestion | None:
        return sure_one(self.suggestions)


def to_match(filters: Filters, scope: Scope) -> dict[str, Any]:
    """Listings to match, with suggestions. Six statements."""
    found = waiting_listings(
        scope=scope,
        shop_id=filters.shop_id,
        text=filters.text,
        only=None if filters.only is None else [filters.only],
        most=ROWS,
        skip=(filters.page - 1) * ROWS,
    )
    return {"rows": _with_suggestions(found.listings), "total": found.total, **_pages(filters, found.total, ROWS)}


def sure(filters: Filters, scope: Scope) -> dict[str, Any]:
    """Those of the listings to match that have one sure suggestion."""
    found = waiting_listings(
        scope=scope,
        shop_id=filters.shop_id,
        text=filters.text,
        most=MOST_SURE,
        skip=(filters.page - 1) * MOST_SURE,
    )
    rows = [row for row in _with_suggestions(found.listings) if row.sure is not None]
    orders = sum(row.waiting.orders for row in rows)
    return {"rows": rows, "total": found.total, "orders": orders, **_pages(filters, found.total, MOST_SURE)}


def matched(filters: Filters, scope: Scope) -> dict[str, Any]:
    """Matches, the newest first. text: a whole number or code, or a part of the name."""
    rows = scope.narrow(ListingMatch.objects.select_related("shop", "sku"), shop="shop_id")
    if filters.shop_id is not None:
        rows = rows.filter(shop_id=filters.shop_id)
    if filters.text:
        words = Q(listing_id=filters.text) | Q(listing_sku_id=filters.text) | Q(sku__code=filters.text)
        rows = rows.filter(words | Q(sku__name__icontains=filters.text))
    first = (filters.page - 1) * MATCH_ROWS
    found = list(rows.order_by("-pk")[first : first + MATCH_ROWS + 1])
    pages = _pages(filters, first + len(found), MATCH_ROWS)
    return {"matches": found[:MATCH_ROWS], **pages}


def ignored(filters: Filters, scope: Scope) -> dict[str, Any]:
    """What is none of ours, the newest first, with the orders that wait for a decision."""
    rows = scope.narrow(IgnoredListing.objects.select_related("shop", "ignored_by"), shop="shop_id")
    if filters.shop_id is not None:
        rows = rows.filter(shop_id=filters.shop_id)
    if filters.text:
        rows = rows.filter(
            Q(listing_id=filters.text) | Q(listing_sku_id=filters.text) | Q(reason__icontains=filters.text)
        )
    first = (filters.page - 1) * MATCH_ROWS
    found = list(rows.order_by("-pk")[first : first + MATCH_ROWS + 1])
    waiting = waiting_listings(scope=scope, ignored=True, only=[row.listing for row in found], most=MATCH_ROWS + 1)
    by_listing = {n.listing: n for n in waiting.listings}
    shown = [(row, by_listing.get(row.listing)) for row in found[:MATCH_ROWS]]
    return {"ignored": shown, **_pages(filters, first + len(found), MATCH_ROWS)}


LISTS: Mapping[str, Callable[[Filters, Scope], dict[str, Any]]] = {
    "waiting": to_match,
    "sure": sure,
    "matched": matched,
    "ignored": ignored,
}


def _with_suggestions(listings: list[WaitingListing]) -> list[Row]:
    found = suggest([Asked(n.listing, n.title, n.choice, n.code) for n in listings]) if listings else {}
    return [Row(n, found[n.listing]) for n in listings]


def _pages(filters: Filters, total: int, rows: int) -> dict[str, Any]:
    return {
        "before": filters.page - 1,
        "after": filters.page + 1 if total > filters.page * rows else 0,
    }
