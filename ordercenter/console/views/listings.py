"""Listings and the goods behind them: what waits for a match, matches, and what is none of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from channels_sync.listings.waiting import shops_to_choose, waiting_listings
from ordercenter.catalog import unbinding
from ordercenter.catalog.binding import Binding, bind_listings
from ordercenter.catalog.listings import Listing, listing_from
from ordercenter.catalog.sets import goods_of
from ordercenter.common.actor import actor_of
from ordercenter.common.batch import BatchResult
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import scope_of
from ordercenter.console.pages import back_to, page, whole_number
from ordercenter.console.selectors import listings as selectors
from ordercenter.console.selectors.goods import goods_like
from ordercenter.console.selectors.listings import Filters

SEE, BIND, UNBIND = "catalog.view_ignoredlisting", "catalog.change_listingmatch", "catalog.delete_listingmatch"
IGNORE, TAKE_BACK = "catalog.add_ignoredlisting", "catalog.delete_ignoredlisting"
SHOWS = ("waiting", "sure", "matched", "ignored")
MOST_AT_ONCE = 500


@page(SEE)
def listing_list(request: HttpRequest) -> HttpResponse:
    """One of four lists: to match, sure suggestions together, matches, none of ours."""
    filters, scope = _filters(request), scope_of(request)
    context: dict[str, Any] = {"place": "listings", "filters": filters, "shops": shops_to_choose(scope)}
    context |= selectors.LISTS[filters.show](filters, scope)
    return render(request, "console/listings.html", context)


@page(SEE)
def goods_options(request: HttpRequest) -> HttpResponse:
    """Options for the field that asks for a SKU: those whose code or name holds what was typed last."""
    typed = request.GET.get("sku", "").replace("＋", "+").rpartition("+")[2]
    return render(request, "console/_goods_options.html", {"skus": goods_like(typed, with_bundles=True)})


@require_POST
@page(SEE)
def act(request: HttpRequest, verb: str) -> HttpResponse:
    """One verb on the listings named in the form: bind, bind_many, unbind, ignore or take_back."""
    if verb not in VERBS:
        raise Http404
    permission, known = VERBS[verb]
    if not request.user.has_perm(permission):
        raise PermissionDenied
    try:
        known(request)
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    return back_to(request, "console:listings")


def _bind(request: HttpRequest) -> None:
    """One listing: to the suggestion that was chosen, or to what was typed."""
    found = _named(request)[:1]
    text = request.POST.get("sku", "").strip() or request.POST.get("choice", "").strip()
    if not found or not text:
        messages.error(request, _("Choose a suggestion, or type the code of a SKU."))
        return
    code, parts = goods_of([text])[text]
    _do_bind(request, [Binding(*found[0], code, parts)])


def _bind_many(request: HttpRequest) -> None:
    """Many listings, each to the SKU that was shown beside it."""
    bindings = []
    for pair in request.POST.getlist("pair")[:MOST_AT_ONCE]:
        text, _sign, code = pair.partition("|")
        listing = listing_from(text)
        if listing is not None and code:
            bindings.append(Binding(*listing, code))
    if not bindings:
        messages.error(request, _("No listing was chosen."))
        return
    _do_bind(request, bindings)


def _do_bind(request: HttpRequest, bindings: list[Binding]) -> None:
    scope = scope_of(request)
    waiting = waiting_listings(scope=scope, only=[b.listing for b in bindings], most=MOST_AT_ONCE)
    reason = _reason(request) or _("bound on the page of listings")
    result = bind_listings(bindings=bindings, reason=reason, **_who(request))
    done = {match.listing for match in result.done}
    orders = sum(n.orders for n in waiting.listings if n.listing in done)
    text = ngettext("%(n)s listing is matched.", "%(n)s listings are matched.", len(done)) % {"n": len(done)}
    if orders:
        go_on = ngettext(
            "%(n)s order that waited goes on by itself.", "%(n)s orders that waited go on by themselves.", orders
        )
        text += " " + go_on % {"n": orders}
    _report(request, result, text)


def _unbind(request: HttpRequest) -> None:
    result = unbinding.unbind_listings(listings=_named(request), reason=_reason(request), **_who(request))
    _report(request, result, _("The match is taken away. Orders that have their goods keep them."))


def _ignore(request: HttpRequest) -> None:
    result = unbinding.ignore_listings(listings=_named(request), reason=_reason(request), **_who(request))
    _report(request, result, _("Kept as none of ours. Its orders wait on, for a decision about each."))


def _take_back(request: HttpRequest) -> None:
    result = unbinding.take_back_ignored(listings=_named(request), **_who(request))
    _report(request, result, _("It is ours again, and is to be matched."))


VERBS: dict[str, tuple[str, Callable[[HttpRequest], None]]] = {
    "bind": (BIND, _bind),
    "bind_many": (BIND, _bind_many),
    "unbind": (UNBIND, _unbind),
    "ignore": (IGNORE, _ignore),
    "take_back": (TAKE_BACK, _take_back),
}


def _report(request: HttpRequest, result: BatchResult, done: str) -> None:
    """Say what was done, when anything was, and why the rest was refused."""
    if result.done:
        messages.success(request, done)
    for sentence in dict.fromkeys(refusal.error.sentence() for refusal in result.refused):
        messages.error(request, sentence)


def _named(request: HttpRequest) -> list[Listing]:
    found = [listing_from(text) for text in request.POST.getlist("listing")[:MOST_AT_ONCE]]
    return [listing for listing in found if listing is not None]


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[:200]


def _who(request: HttpRequest) -> dict[str, Any]:
    """What every service wants to know of the one who asks."""
    return {"scope": scope_of(request), "at": timezone.now(), "actor": actor_of(request)}


def _filters(request: HttpRequest) -> Filters:
    show = request.GET.get("show", "")
    return Filters(
        show=show if show in SHOWS else "waiting",
        shop_id=whole_number(request.GET.get("shop", "")),
        text=request.GET.get("q", "").strip()[:64],
        only=listing_from(request.GET.get("listing", "")),
        page=min(whole_number(request.GET.get("page", "")) or 1, 10_000),
    )
