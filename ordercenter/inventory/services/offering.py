"""What shops may offer of their listings now, and when that changes although no stock moves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from decimal import Decimal

from django.db import connection
from django.db.models import F, Min, Q, Sum

from ordercenter.catalog.models import BundlePart, ListingMatch
from ordercenter.inventory.formulas import Offer, buffer_of, offer_of, offer_of_bundle
from ordercenter.inventory.models import ChannelPolicy, ChannelQuota, Reservation, StockLevel
from ordercenter.inventory.services.ahead import what_will_be_there
from ordercenter.inventory.services.promising import SHANGHAI
from ordercenter.inventory.states import QuotaState, WarehouseKind

# A number that is neither zero nor comes from zero waits until so long after the one before it.
DEBOUNCE = timedelta(seconds=5)
# How long a number takes to the platform where nothing has been measured yet.
FIRST_LAG_S = Decimal(10)
SALES_WINDOW = timedelta(minutes=10)
# What sells every second has a buffer that falls every second: it is not worked out anew more often than this.
DECAY_STEP = timedelta(seconds=30)

_LAG = """
SELECT m.shop_id, percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM c.acked_at - c.published_at))
FROM inventory_channelstock c JOIN catalog_listingmatch m ON m.id = c.listing_id
WHERE c.acked_version = c.version AND c.acked_at > %s GROUP BY m.shop_id
"""


@dataclass(frozen=True, slots=True)
class Offered:
    """What a listing may offer. again_at: when that has to be worked out again even if nothing happens; None: never."""

    offer: Offer
    again_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Sales:
    per_s: Decimal
    oldest: datetime


def offered_by(listings: Sequence[ListingMatch], *, at: datetime) -> dict[int, Offered]:
    """What these listings may offer, by listing; what a shop has no policy for, or an inactive one of the SKU's own, is
    left out. Seven statements, eleven where goods are sold before they are there.
    """
    policies: dict[tuple[int, int | None], ChannelPolicy] = {
        (p.shop_id, p.sku_id): p for p in ChannelPolicy.objects.filter(shop_id__in={m.shop_id for m in listings})
    }
    parts: dict[int, list[tuple[int, int]]] = defaultdict(list)
    bundles = BundlePart.objects.filter(bundle_id__in={m.sku_id for m in listings})
    for bundle_id, part_id, n in bundles.values_list("bundle_id", "part_id", "quantity"):
        parts[bundle_id].append((part_id, n))
    skus = {m.sku_id for m in listings} | {part for group in parts.values() for part, _n in group}
    today = at.astimezone(SHANGHAI).date()
    ahead = what_will_be_there(skus, today=today)
    pool, own, sold, lags = _pool(skus), _own(skus, at), _sold(skus, at), _lags(at)
    answer: dict[int, Offered] = {}
    for match in listings:
        policy = policies.get((match.shop_id, match.sku_id)) or policies.get((match.shop_id, None))
        if policy is None or not policy.is_active:
            continue
        group = parts.get(match.sku_id) or [(match.sku_id, 1)]
        sales = [(sold[match.shop_id, sku], n) for sku, n in group if (match.shop_id, sku) in sold]
        rate = max((sale.per_s / n for sale, n in sales), default=Decimal(0))
        lag_s = max(lags.get(match.shop_id, FIRST_LAG_S), Decimal(DEBOUNCE.seconds))
        buffer = buffer_of(fixed=policy.buffer_pieces, sold_per_s=rate, lag_s=lag_s, z=policy.buffer_z)
        terms = [(pool.get(sku, 0) + ahead.get(sku, 0), own.get((match.shop_id, sku), 0), n) for sku, n in group]
        if match.sku_id in parts:
            offer = offer_of_bundle(parts=terms, share_percent=policy.share_percent, cap=policy.cap, buffer=buffer)
        else:
            offer = offer_of(
                pool=terms[0][0], own=terms[0][1], share_percent=policy.share_percent, cap=policy.cap, buffer=buffer
            )
            offer = replace(offer, coming=max(0, ahead.get(match.sku_id, 0)))
        # A buffer falls when the oldest sale that it is measured by is none of the last minutes any more.
        falls = min((sale.oldest for sale, _n in sales), default=None) if policy.buffer_z else None
        again = [max(falls + SALES_WINDOW, at + DECAY_STEP)] if falls else []
        if any(sku in ahead for sku, _n in group):
            # What could be made today can be made no more tomorrow.
            again.append(datetime.combine(today + timedelta(days=1), time(), SHANGHAI))
        answer[match.pk] = Offered(offer, min(again, default=None))
    return answer


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


def _sold(skus: Collection[int], at: datetime) -> dict[tuple[int, int], _Sales]:
    """What each shop's orders took lately: pieces per second, and when the first of them were taken."""
    made = Reservation.objects.filter(sku_id__in=skus, shop_id__isnull=False, created_at__gt=at - SALES_WINDOW)
    rows = made.filter(state="active").values_list("shop_id", "sku_id")
    return {
        (shop or 0, sku): _Sales(Decimal(pieces) / SALES_WINDOW.seconds, oldest)
        for shop, sku, pieces, oldest in rows.annotate(pieces=Sum("quantity"), oldest=Min("created_at"))
    }


def _lags(at: datetime) -> dict[int, Decimal]:
    with connection.cursor() as cursor:
        cursor.execute(_LAG, [at - timedelta(days=1)])
        return {shop: Decimal(str(lag)) for shop, lag in cursor.fetchall()}
