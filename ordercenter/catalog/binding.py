"""Binding listings of channels to our SKUs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from ordercenter.audit.models import Deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.catalog.errors import BundleEmpty, ListingForeign, ListingNameless, SkuNotSold
from ordercenter.catalog.listings import Listing, rows_by_listing
from ordercenter.catalog.models import BundlePart, IgnoredListing, ListingMatch, Sku
from ordercenter.catalog.sets import Parts, parts_in_order, sets_of
from ordercenter.common.actor import Actor
from ordercenter.common.batch import BatchResult
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import Scope
from ordercenter.events.types import ListingMatched

BY_CODE = "the code is the SKU's but for its writing"


@dataclass(frozen=True)
class Binding:
    """That a listing of a shop sells this SKU of ours. listing_sku_id: empty for a listing without variants.

    For goods without a listing, see `listings.listing_of`. parts: when one piece of the listing is several pieces of
    ours, (SKU code, pieces) of each, instead of sku_code.
    """

    shop_id: int
    listing_id: str
    listing_sku_id: str
    sku_code: str = ""
    parts: Parts = ()

    @property
    def listing(self) -> Listing:
        return Listing(self.shop_id, self.listing_id, self.listing_sku_id)

    @property
    def meaning(self) -> str | Parts:
        """The SKU code, or the parts of a set; a set of one piece is its piece."""
        parts = parts_in_order(self.parts)
        if not parts:
            return self.sku_code
        return parts[0][0] if len(parts) == 1 and parts[0][1] == 1 else parts


@dataclass(frozen=True)
class MatchByCode:
    """The SKU that a code means, however it is written."""

    sku: Sku
    code: str


def bind_listings(
    *, bindings: Sequence[Binding], scope: Scope, reason: str, at: datetime, actor: Actor, work: Work | None = None
) -> BatchResult:
    """Let these listings mean these SKUs, anew or instead of others; the last word about a listing counts.

    done: the matches. Refused one by one, by their place in `bindings`: ListingNameless, ListingForeign for a shop out
    of the scope, SkuNotSold for a code that is none of ours or is not active, BundleEmpty, and what `sets.sets_of`
    refuses. Lines that have a SKU already keep it; a listing that was said to be none of ours is ours again. Emits
    ListingMatched for what changed, on which the waiting orders go on. A constant number of statements.
    """
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor, reason=reason) as work:
        hold_back_judgements()
        meanings = _meanings(bindings, work)
        known = _known(work, [binding.listing for binding in bindings])
        changed: dict[Listing, ListingMatch] = {}
        for place, binding in enumerate(bindings):
            with result.refusals(place):
                sku = _allowed(binding, meanings, scope)
                match = _bound(work, known, binding.listing, sku, by_code="")
                if match is not None:
                    changed[binding.listing] = match
                result.done.append(known[binding.listing])
        take_back_bound([match.listing for match in result.done])
        for match in changed.values():
            tell_matched(work, match)
        work.add([_deed(work, match, reason) for match in changed.values()])
    return result


def note_matches_by_code(*, found: Mapping[Listing, MatchByCode], work: Work) -> list[ListingMatch]:
    """Match these listings to the SKUs that their codes mean for sure; what a person matched stays.

    Emits ListingMatched. When somebody else is at it, nothing is noted: the code explains the goods anyway, and the
    next order notes it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('listings by code'), 0)")
        if not cursor.fetchone()[0]:
            return []
    known = _known(work, list(found))
    changed = []
    for listing, meant in found.items():
        match = known.get(listing)
        if match is None or match.by_code:
            bound = _bound(work, known, listing, meant.sku, by_code=meant.code)
            if bound is not None:
                changed.append(bound)
    for match in changed:
        tell_matched(work, match)
    work.add([_deed(work, match, BY_CODE) for match in changed])
    return changed


def tell_matched(work: Work, match: ListingMatch) -> None:
    """Say that a listing means another SKU now than before."""
    work.record(
        ListingMatched(
            match_id=match.pk,
            shop_id=match.shop_id,
            listing_id=match.listing_id,
            listing_sku_id=match.listing_sku_id,
            sku_id=match.sku_id,
        )
    )


def hold_back_judgements() -> None:
    """Until the end of this transaction nobody judges that goods are unmatched. Taken before matches change.

    An order judged by the old matches would otherwise begin to wait just after those that wait were looked for, and
    wait for ever.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('listing matches'), 0)")


def hold_back_matches() -> None:
    """Until the end of this transaction matches stay as they are; others may judge at the same time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(hashtext('listing matches'), 0)")


def _bound(
    work: Work, known: dict[Listing, ListingMatch], listing: Listing, sku: Sku, *, by_code: str
) -> ListingMatch | None:
    """The listing's match, when it means something else now than before. known: gets new ones."""
    match = known.get(listing)
    if match is None:
        match = ListingMatch(
            shop_id=listing.shop_id, listing_id=listing.listing_id, listing_sku_id=listing.listing_sku_id
        )
        match.sku, match.by_code = sku, by_code
        known[listing] = match
        work.add([match])
        return match
    if (match.sku_id, match.by_code) == (sku.pk, by_code):
        return None
    match.sku, match.by_code = sku, by_code
    work.save(match, "sku_id", "by_code")
    return match


def _known(work: Work, listings: Sequence[Listing]) -> dict[Listing, ListingMatch]:
    known = rows_by_listing(ListingMatch.objects.order_by("pk").select_for_update(), listings)
    work.adopt(ListingMatch, known.values())
    return known


def take_back_bound(listings: Collection[Listing]) -> None:
    """What is matched is ours: it is none of the ignored listings any more."""
    ignored = rows_by_listing(IgnoredListing.objects.all(), listings)
    if ignored:
        IgnoredListing.objects.filter(pk__in=[row.pk for row in ignored.values()]).delete()


def _meanings(bindings: Sequence[Binding], work: Work) -> dict[str | Parts, Sku | OrderCenterError]:
    """What each binding's code or parts mean, or why they mean nothing; codes that are none of ours are left out."""
    alone = {binding.meaning for binding in bindings if isinstance(binding.meaning, str)}
    wanted = {binding.meaning for binding in bindings if not isinstance(binding.meaning, str)}
    codes = alone | {code for parts in wanted for code, _pieces in parts}
    skus = {sku.code: sku for sku in Sku.objects.filter(code__any_of=codes, is_active=True)}
    found: dict[str | Parts, Sku | OrderCenterError] = {code: sku for code, sku in skus.items() if code in alone}
    bundles = {sku.pk for code, sku in skus.items() if code in alone and sku.is_bundle}
    filled = set(BundlePart.objects.filter(bundle_id__in=bundles).values_list("bundle_id", flat=True))
    found.update((sku.code, BundleEmpty(code=sku.code)) for sku in skus.values() if sku.pk in bundles - filled)
    found.update(sets_of(wanted, skus, work))
    return found


def _allowed(binding: Binding, meanings: Mapping[str | Parts, Sku | OrderCenterError], scope: Scope) -> Sku:
    if binding.listing.is_nameless:
        raise ListingNameless
    if not scope.has_shop(binding.shop_id):
        raise ListingForeign(shop_id=binding.shop_id)
    found = meanings.get(binding.meaning)
    if isinstance(found, OrderCenterError):
        raise found
    if found is None:
        raise SkuNotSold(code=str(binding.meaning))
    return found


def _deed(work: Work, match: ListingMatch, reason: str) -> Deed:
    subject = f"match:{match.pk}"
    return Deed(
        at=work.at,
        actor=str(work.actor),
        user_id=work.actor.user_id,
        action="listing.bind",
        subject=subject,
        reason=reason[:200],
        details={"listing": match.listing_id, "listing_sku": match.listing_sku_id, "code": match.sku.code},
        chain_id=work.cause_of(subject).chain_id,
    )
