"""What each listing's platform is told: computed for the SKUs that changed, with a version that only grows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Q

from ordercenter.audit.work import Work, unit_of_work
from ordercenter.catalog.models import BundlePart, ListingMatch
from ordercenter.inventory.models import ChannelStock, Component
from ordercenter.inventory.services.offering import DEBOUNCE, Offered, offered_by

# The task that publishes what changed; what is written here is told to platforms a floor above.
PUBLISHER = "channels.publish_stock"
CHANGES_AT_ONCE = 5000
_TAKE = """
DELETE FROM inventory_stockchange WHERE id IN (
    SELECT id FROM inventory_stockchange ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING sku_id
"""
_DUE = """
SELECT DISTINCT m.sku_id FROM inventory_channelstock c
JOIN catalog_listingmatch m ON m.id = c.listing_id JOIN catalog_shop s ON s.id = m.shop_id
WHERE c.again_at <= %s AND s.is_active AND m.sku_id IS NOT NULL LIMIT %s
"""
_POSTPONE = "INSERT INTO inventory_stockchange (sku_id, at) SELECT unnest(%s::bigint[]), now()"


@dataclass(frozen=True, slots=True)
class Publication:
    """A number for a platform: of this listing, in this version."""

    match_id: int
    shop_id: int
    listing_id: str
    listing_sku_id: str
    quantity: int
    version: int


def publish_changes(*, work: Work | None = None, at: datetime | None = None) -> list[Publication]:
    """The numbers that have to change since the last time; what came too soon after the last number waits.

    Those of goods that were noted, and those that change by themselves as time goes by. Zero, and the first number
    after zero, wait for nothing. One publisher at a time; about a dozen statements, three where nothing is due.
    """
    with unit_of_work(work, at=at) as work, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('publish'), 0)")
        cursor.execute(_TAKE, [CHANGES_AT_ONCE])
        sku_ids = {row[0] for row in cursor.fetchall()}
        cursor.execute(_DUE, [work.at, CHANGES_AT_ONCE])
        sku_ids |= {row[0] for row in cursor.fetchall()}
        if not sku_ids:
            return []
        listings = _listings_of(sku_ids)
        publications, postponed = _write(work, listings, offered_by(listings, at=work.at))
        if postponed:
            cursor.execute(_POSTPONE, [sorted(postponed & sku_ids)])
        return publications


def current_versions(match_ids: Collection[int]) -> dict[int, int]:
    """The newest version of each listing's number: an older one need not be sent any more."""
    return dict(ChannelStock.objects.filter(listing_id__in=match_ids).values_list("listing_id", "version"))


def take_publication_answers(
    *, taken: Mapping[int, int], refused: Mapping[int, tuple[int, str]], work: Work
) -> list[ChannelStock]:
    """The platform's answers. taken: listing -> version it took; refused: listing -> (version, why it did not).

    An answer about an older version than one that was taken already changes nothing. Returns the rows whose newest
    number was refused.
    """
    ids = ChannelStock.objects.filter(listing_id__in=[*taken, *refused]).values_list("pk", flat=True)
    failed = []
    for row in work.lock(ChannelStock, list(ids)).values():
        version = taken.get(row.listing_id, 0)
        if row.acked_version < version <= row.version:
            row.acked_version, row.acked_at, row.error = version, work.at, ""
            work.save(row, "acked_version", "acked_at", "error")
        tried, why = refused.get(row.listing_id, (0, ""))
        if tried == row.version and tried > row.acked_version:
            row.error = why[:200]
            work.save(row, "error")
            failed.append(row)
    return failed


def _listings_of(sku_ids: Collection[int]) -> list[ListingMatch]:
    made = Component.objects.filter(part_id__in=sku_ids).values("route__sku_id")
    bundles = BundlePart.objects.filter(Q(part_id__in=sku_ids) | Q(part_id__in=made)).values("bundle_id")
    either = Q(sku_id__in=sku_ids) | Q(sku_id__in=made) | Q(sku_id__in=bundles)
    listed = ListingMatch.objects.filter(either, shop__is_active=True)
    # Goods that come with a code only have no listing whose number could be told.
    return list(listed.exclude(listing_id="").order_by("pk"))


def _write(
    work: Work, listings: Sequence[ListingMatch], offered: Mapping[int, Offered]
) -> tuple[list[Publication], set[int]]:
    """Numbers that differ from what was told; the SKUs, and their parts, of those that come too soon."""
    rows = ChannelStock.objects.filter(listing_id__in=[match.pk for match in listings]).values_list("pk", flat=True)
    known = {row.listing_id: row for row in work.lock(ChannelStock, list(rows)).values()}
    new, publications, soon = [], [], set()
    for match in listings:
        row, now = known.get(match.pk), offered.get(match.pk)
        again_at = now.again_at if now is not None else None
        if row is not None and row.again_at != again_at:
            row.again_at = again_at
            work.save(row, "again_at")
        if now is None:
            continue
        offer = now.offer
        why = {**asdict(offer), "offer": max(0, offer.offer)}
        if row is None:
            row = ChannelStock(
                listing_id=match.pk, published=offer.published, why=why, published_at=work.at, again_at=again_at
            )
            new.append(row)
        elif row.published == offer.published:
            continue
        elif row.published and offer.published and work.at < row.published_at + DEBOUNCE:
            soon.add(match.sku_id)
            continue
        else:
            row.published, row.why, row.version, row.published_at = offer.published, why, row.version + 1, work.at
            work.save(row, "published", "why", "version", "published_at")
        publications.append(
            Publication(match.pk, match.shop_id, match.listing_id, match.listing_sku_id, row.published, row.version)
        )
    work.add(new)
    if soon:
        soon |= set(BundlePart.objects.filter(bundle_id__in=soon).values_list("part_id", flat=True))
    return publications, soon
