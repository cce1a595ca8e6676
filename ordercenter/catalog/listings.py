"""What names a listing, and the SKUs whose code is the one that comes with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import quote, unquote

from django.db import connection
from django.db.models import QuerySet

if TYPE_CHECKING:
    from ordercenter.catalog.models import IgnoredListing, ListingMatch

    Row = TypeVar("Row", ListingMatch, IgnoredListing)

LONGEST = 64


class Listing(NamedTuple):
    """What one shop sells under one number. See `listing_of`."""

    shop_id: int
    listing_id: str
    listing_sku_id: str

    @property
    def is_nameless(self) -> bool:
        """Whether the goods come with nothing that they could be matched by."""
        return not self.listing_id and not self.listing_sku_id

    @property
    def text(self) -> str:
        """One line for addresses, forms and files; `listing_from` reads it."""
        return "/".join((str(self.shop_id), quote(self.listing_id, safe=""), quote(self.listing_sku_id, safe="")))


def listing_of(shop_id: int, listing_id: str, listing_sku_id: str, code: str) -> Listing:
    """The listing of an order line. Goods without a listing's number (files, systems of others) go by their code."""
    return Listing(shop_id, listing_id, listing_sku_id) if listing_id else Listing(shop_id, "", code)


def listing_from(text: str) -> Listing | None:
    """The listing that `Listing.text` names; None for anything else."""
    shop, *names = text.split("/")
    if len(names) != 2 or not (shop.isascii() and shop.isdigit() and len(shop) < 19):
        return None
    listing_id, listing_sku_id = (unquote(name) for name in names)
    if len(listing_id) > LONGEST or len(listing_sku_id) > LONGEST or "\0" in listing_id + listing_sku_id:
        return None
    return Listing(int(shop), listing_id, listing_sku_id)


def rows_by_listing(rows: QuerySet[Row], listings: Collection[Listing]) -> dict[Listing, Row]:
    """Of these matches, or of these ignored listings, the row of each listing that has one. One statement."""
    asked = set(listings)
    found = rows.filter(
        shop_id__in={listing.shop_id for listing in asked},
        listing_id__any_of={listing.listing_id for listing in asked},
        listing_sku_id__any_of={listing.listing_sku_id for listing in asked},
    )
    return {row.listing: row for row in found if row.listing in asked}


class CodedSku(NamedTuple):
    """A SKU whose code is a given one but for its writing."""

    sku_id: int
    code: str
    is_active: bool


# catalog_plain_code: see the migration that makes it.
_SAME_CODE = """
SELECT asked.code, s.id, s.code, s.is_active
FROM unnest(%s::text[]) AS asked(code) JOIN catalog_sku s ON catalog_plain_code(s.code) = catalog_plain_code(asked.code)
WHERE catalog_plain_code(asked.code) <> ''
ORDER BY s.id
"""


def skus_with_codes(codes: Collection[str]) -> dict[str, list[CodedSku]]:
    """The SKUs, active or not, whose code is one of these but for capitals, full width, spaces, dashes and leading
    zeros. Codes that no SKU has are left out. One statement, or none.
    """
    found: dict[str, list[CodedSku]] = defaultdict(list)
    wanted = sorted({code for code in codes if code})
    if wanted:
        with connection.cursor() as cursor:
            cursor.execute(_SAME_CODE, [wanted])
            for asked, *sku in cursor.fetchall():
                found[asked].append(CodedSku(*sku))
    return dict(found)


def only_sku(skus: Collection[CodedSku]) -> CodedSku | None:
    """The one that is meant for sure: two that differ in writing only are doubtful, and one that is not sold too."""
    first = next(iter(skus), None)
    return first if first is not None and len(skus) == 1 and first.is_active else None
