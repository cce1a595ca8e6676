"""Binding listings of channels to our SKUs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from ordercenter.audit.models import Deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.catalog.errors import ListingForeign, ListingNameless, SkuNotSold
from ordercenter.catalog.models import ListingMatch, Sku
from ordercenter.common.actor import Actor
from ordercenter.common.batch import BatchResult
from ordercenter.common.scope import Scope
from ordercenter.events.types import ListingMatched


@dataclass(frozen=True)
class Binding:
    """That a listing of a shop sells this SKU of ours. listing_sku_id: empty for a listing without variants."""

    shop_id: int
    listing_id: str
    listing_sku_id: str
    sku_code: str

    @property
    def listing(self) -> tuple[int, str, str]:
        return (self.shop_id, self.listing_id, self.listing_sku_id)


def bind_listings(
    *, bindings: Sequence[Binding], scope: Scope, reason: str, at: datetime, actor: Actor, work: Work | None = None
) -> BatchResult:
    """Let these listings mean these SKUs, anew or instead of others; the last word about a listing counts.

    done: the matches. Refused one by one, by their place in `bindings`: ListingNameless, ListingForeign for a shop out
    of the scope, SkuNotSold for a code that is none of ours or is not active. Lines that have a SKU already keep it.
    Emits ListingMatched for what changed, on which the waiting orders go on. A constant number of statements.
    """
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor, reason=reason) as work:
        hold_back_judgements()
        codes = {binding.sku_code for binding in bindings}
        skus = {sku.code: sku for sku in Sku.objects.filter(code__in=codes, is_active=True)}
        known = _known(work, bindings)
        changed: dict[tuple[int, str, str], ListingMatch] = {}
        for place, binding in enumerate(bindings):
            with result.refusals(place):
                sku = _allowed(binding, skus, scope)
                match = known.get(binding.listing)
                if match is None:
                    match = ListingMatch(
                        shop_id=binding.shop_id, listing_id=binding.listing_id, listing_sku_id=binding.listing_sku_id
                    )
                    match.sku = sku
                    known[binding.listing] = match
                    work.add([match])
                    changed[binding.listing] = match
                elif match.sku_id != sku.pk:
                    match.sku = sku
                    work.save(match, "sku_id")
                    changed[binding.listing] = match
                result.done.append(match)
        for match in changed.values():
            tell_matched(work, match)
        work.add([_deed(work, match, reason) for match in changed.values()])
    return result


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


def _known(work: Work, bindings: Sequence[Binding]) -> dict[tuple[int, str, str], ListingMatch]:
    rows = list(
        ListingMatch.objects.filter(
            shop_id__in={b.shop_id for b in bindings}, listing_id__in={b.listing_id for b in bindings}
        )
        .order_by("pk")
        .select_for_update()
    )
    work.adopt(ListingMatch, rows)
    return {(row.shop_id, row.listing_id, row.listing_sku_id): row for row in rows}


def _allowed(binding: Binding, skus: dict[str, Sku], scope: Scope) -> Sku:
    if not binding.listing_id:
        raise ListingNameless
    if not scope.has_shop(binding.shop_id):
        raise ListingForeign(shop_id=binding.shop_id)
    sku = skus.get(binding.sku_code)
    if sku is None:
        raise SkuNotSold(code=binding.sku_code)
    return sku


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
