"""Taking a listing's match away, and saying that a listing is none of ours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet

from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.catalog.binding import hold_back_judgements
from ordercenter.catalog.errors import (
    IgnoredAlready,
    ListingBound,
    ListingForeign,
    ListingNameless,
    ListingUnbound,
    WhyMissing,
)
from ordercenter.catalog.listings import Listing, rows_by_listing
from ordercenter.catalog.models import IgnoredListing, ListingMatch
from ordercenter.common.actor import Actor
from ordercenter.common.batch import BatchResult
from ordercenter.common.scope import Scope


def unbind_listings(
    *, listings: Sequence[Listing], scope: Scope, reason: str, at: datetime, actor: Actor, work: Work | None = None
) -> BatchResult:
    """Take the matches of these listings away. done: the listings. Refused: ListingForeign, ListingUnbound.

    Lines that have their SKU keep it; orders that come from now on are matched by their code, or wait. Raises
    WhyMissing. A statement for each match, and a constant number beside.
    """
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor, reason=_why(reason)) as work:
        hold_back_judgements()
        known = rows_by_listing(_matches(), listings)
        gone = []
        for listing in listings:
            with result.refusals(listing):
                _only_own(listing, scope)
                if listing not in known:
                    raise ListingUnbound(listing=listing.text)
                gone.append(known.pop(listing))
                result.done.append(listing)
        for match in gone:
            _note(work, "listing.unbind", f"match:{match.pk}", match.listing, match.sku.code)
        _delete(gone, work)
    return result


def ignore_listings(
    *, listings: Sequence[Listing], scope: Scope, reason: str, at: datetime, actor: Actor, work: Work | None = None
) -> BatchResult:
    """Say that these listings are none of ours: nobody has to match them. done: the listings.

    Their orders wait on, for a decision about each of them; codes do not explain their goods any more, and matches that
    were made by a code are taken away. Refused: ListingNameless, ListingForeign, ListingBound for what a person has
    matched, IgnoredAlready. Raises WhyMissing.
    """
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor, reason=_why(reason)) as work:
        hold_back_judgements()
        known = rows_by_listing(_matches(), listings)
        ignored = set(rows_by_listing(IgnoredListing.objects.all(), listings))
        rows = []
        for listing in listings:
            with result.refusals(listing):
                if listing.is_nameless:
                    raise ListingNameless
                _only_own(listing, scope)
                if listing in known and not known[listing].by_code:
                    raise ListingBound(listing=listing.text)
                if listing in ignored:
                    raise IgnoredAlready(listing=listing.text)
                ignored.add(listing)
                rows.append(_ignoring(listing, work))
                result.done.append(listing)
        _delete([known[listing] for listing in result.done if listing in known], work)
        work.add(rows)
        for listing in result.done:
            _note(work, "listing.ignore", f"listing:{listing.text}"[:64], listing)
    return result


def take_back_ignored(
    *, listings: Sequence[Listing], scope: Scope, at: datetime, actor: Actor, work: Work | None = None
) -> BatchResult:
    """These listings are ours after all: they are to be matched. done: the listings. Refused: ListingForeign,
    ListingUnbound for one that was not said to be none of ours.
    """
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor) as work:
        hold_back_judgements()
        known = rows_by_listing(IgnoredListing.objects.all(), listings)
        for listing in listings:
            with result.refusals(listing):
                _only_own(listing, scope)
                if listing not in known:
                    raise ListingUnbound(listing=listing.text)
                result.done.append(listing)
        for listing in result.done:
            _note(work, "listing.unignore", f"listing:{listing.text}"[:64], listing)
        IgnoredListing.objects.filter(pk__in=[known[listing].pk for listing in set(result.done)]).delete()
    return result


def _matches() -> QuerySet[ListingMatch]:
    return ListingMatch.objects.select_related("sku").order_by("pk").select_for_update(of=("self",))


def _only_own(listing: Listing, scope: Scope) -> None:
    if not scope.has_shop(listing.shop_id):
        raise ListingForeign(shop_id=listing.shop_id)


def _ignoring(listing: Listing, work: Work) -> IgnoredListing:
    return IgnoredListing(
        shop_id=listing.shop_id,
        listing_id=listing.listing_id,
        listing_sku_id=listing.listing_sku_id,
        reason=work.reason[:200],
        ignored_at=work.at,
        ignored_by_id=work.actor.user_id,
    )


def _delete(matches: Sequence[ListingMatch], work: Work) -> None:
    for match in matches:
        # Django-simple-history writes it beside the deletion, with the user of the request.
        match._change_reason = work.reason  # type: ignore[attr-defined]
        match.delete()


def _note(work: Work, action: str, subject: str, listing: Listing, code: str = "") -> None:
    details = {"listing": listing.listing_id, "listing_sku": listing.listing_sku_id} | ({"code": code} if code else {})
    record_deed(work, action=action, subject=subject, reason=work.reason[:200], details=details)


def _why(reason: str) -> str:
    if not reason.strip():
        raise WhyMissing
    return reason.strip()
