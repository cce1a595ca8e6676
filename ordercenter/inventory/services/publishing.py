"""What each listing's platform is told: computed for the SKUs that changed, with a version that only grows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection
from django.db.models import F, Q, Sum

from ordercenter.audit.work import Work, unit_of_work
from ordercenter.catalog.models import BundlePart, ListingMatch
from ordercenter.inventory.formulas import Offer, buffer_of, offer_of, offer_of_bundle
from ordercenter.inventory.models import ChannelPolicy, ChannelQuota, ChannelStock, Reservation, StockLevel
from ordercenter.inventory.states import QuotaState, WarehouseKind

# The task that publishes what changed; what is written here is told to platforms a floor above.
PUBLISHER = "channels.publish_stock"
CHANGES_AT_ONCE = 5000
# A number that is neither zero nor comes from zero waits until so long after the one before it.
DEBOUNCE = timedelta(seconds=5)
# How long a number takes to the platform where nothing has been measured yet.
FIRST_LAG_S = Decimal(10)
SALES_WINDOW = timedelta(minutes=10)

_TAKE = """
DELETE FROM inventory_stockchange WHERE id IN (
    SELECT id FROM inventory_stockchange ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING sku_id
"""
_POSTPONE = "INSERT INTO inventory_stockchange (sku_id, at) SELECT unnest(%s::bigint[]), now()"
_LAG = """
SELECT m.shop_id, percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM c.acked_at - c.published_at))
FROM inventory_channelstock c JOIN catalog_listingmatch m ON m.id = c.listing_id
WHERE c.acked_version = c.version AND c.acked_at > %s GROUP BY m.shop_id
"""


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

    Zero, and the first number after zero, wait for nothing. One publisher at a time; about ten statements.
    """
    with unit_of_work(work, at=at) as work, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('publish'), 0)")
        cursor.execute(_TAKE, [CHANGES_AT_ONCE])
        sku_ids = {row[0] for row in cursor.fetchall()}
        if not sku_ids:
            return []
        listings = _listings_of(sku_ids)
        offers = offers_of(listings, at=work.at)
        publications, postponed = _write(work, listings, offers)
        if postponed:
            cursor.execute(_POSTPONE, [sorted(postponed & sku_ids)])
        return publications


def offers_of(listings: Sequence[ListingMatch], *, at: datetime) -> dict[int, Offer]:
    """What these listings may offer, by listing; listings of shops without a policy are left out. Six statements."""
    policies: dict[tuple[int, int | None], ChannelPolicy] = {
        (p.shop_id, p.sku_id): p
        for p in ChannelPolicy.objects.filter(shop_id__in={m.shop_id for m in listings}, is_active=True)
    }
    parts: dict[int, list[tuple[int, int]]] = defaultdict(list)
    bundles = BundlePart.objects.filter(bundle_id__in={m.sku_id for m in listings})
    for bundle_id, part_id, n in bundles.values_list("bundle_id", "part_id", "quantity"):
        parts[bundle_id].append((part_id, n))
    skus = {m.sku_id for m in listings} | {part for group in parts.values() for part, _n in group}
    pool, own, sold, lags = _pool(skus), _own(skus, at), _sold(skus, at), _lags(at)
    offers: dict[int, Offer] = {}
    for match in listings:
        policy = policies.get((match.shop_id, match.sku_id)) or policies.get((match.shop_id, None))
        if policy is None:
            continue
        group = parts.get(match.sku_id) or [(match.sku_id, 1)]
        rate = max(sold.get((match.shop_id, sku), Decimal(0)) / n for sku, n in group)
        lag_s = max(lags.get(match.shop_id, FIRST_LAG_S), Decimal(DEBOUNCE.seconds))
        buffer = buffer_of(fixed=policy.buffer_pieces, sold_per_s=rate, lag_s=lag_s, z=policy.buffer_z)
        terms = [(pool.get(sku, 0), own.get((match.shop_id, sku), 0), n) for sku, n in group]
        if match.sku_id in parts:
            offers[match.pk] = offer_of_bundle(
                parts=terms, share_percent=policy.share_percent, cap=policy.cap, buffer=buffer
            )
        else:
            offers[match.pk] = offer_of(
                pool=terms[0][0], own=terms[0][1], share_percent=policy.share_percent, cap=policy.cap, buffer=buffer
            )
    return offers


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
    bundles = BundlePart.objects.filter(part_id__in=sku_ids).values("bundle_id")
    listed = ListingMatch.objects.filter(Q(sku_id__in=sku_ids) | Q(sku_id__in=bundles), shop__is_active=True)
    # Goods that come with a code only have no listing whose number could be told.
    return list(listed.exclude(listing_id="").order_by("pk"))


def _write(
    work: Work, listings: Sequence[ListingMatch], offers: Mapping[int, Offer]
) -> tuple[list[Publication], set[int]]:
    """Numbers that differ from what was told; the SKUs, and their parts, of those that come too soon."""
    rows = ChannelStock.objects.filter(listing_id__in=list(offers)).values_list("pk", flat=True)
    known = {row.listing_id: row for row in work.lock(ChannelStock, list(rows)).values()}
    new, publications, soon = [], [], set()
    for match in listings:
        offer = offers.get(match.pk)
        if offer is None:
            continue
        row = known.get(match.pk)
        why = {**asdict(offer), "offer": max(0, offer.offer)}
        if row is None:
            row = ChannelStock(listing_id=match.pk, published=offer.published, why=why, published_at=work.at)
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


def _pool(skus: Collection[int]) -> dict[int, int]:
    left = F("on_hand") + F("oversell_limit") - F("reserved") - F("allocated") - F("set_aside") - F("safety")
    # What lies in a store is sold there.
    lying = StockLevel.objects.filter(sku_id__in=skus, warehouse__is_open=True)
    rows = lying.exclude(warehouse__kind=WarehouseKind.STORE).values_list("sku_id")
    return dict(rows.annotate(pieces=Sum(left)))


def _own(skus: Collection[int], at: datetime) -> dict[tuple[int, int], int]:
    running = ChannelQuota.objects.filter(sku_id__in=skus, state=QuotaState.OPEN, warehouse__is_open=True)
    running = running.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at))
    rows = running.values_list("shop_id", "sku_id").annotate(pieces=Sum("left"))
    return {(shop, sku): pieces for shop, sku, pieces in rows}


def _sold(skus: Collection[int], at: datetime) -> dict[tuple[int, int], Decimal]:
    """Pieces per second that each shop's orders took lately."""
    made = Reservation.objects.filter(sku_id__in=skus, shop_id__isnull=False, created_at__gt=at - SALES_WINDOW)
    rows = made.filter(state="active").values_list("shop_id", "sku_id").annotate(pieces=Sum("quantity"))
    return {(shop or 0, sku): Decimal(pieces) / SALES_WINDOW.seconds for shop, sku, pieces in rows}


def _lags(at: datetime) -> dict[int, Decimal]:
    with connection.cursor() as cursor:
        cursor.execute(_LAG, [at - timedelta(days=1)])
        return {shop: Decimal(str(lag)) for shop, lag in cursor.fetchall()}
