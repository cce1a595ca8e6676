"""What every page of the console has in common: who may open it, and where one can go from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

View = Callable[..., HttpResponse]


@dataclass(frozen=True)
class Place:
    """An entry of the navigation. permission: who sees it, "" for everybody; icon: of the admin theme.

    room: the menu it is found under, of ROOMS; "" for what stands in the bar by itself.
    """

    name: str
    label: str | Promise
    url_name: str
    permission: str
    icon: str
    room: str = ""


@dataclass(frozen=True)
class Menu:
    """What stands in the bar: one place, or the name of a room with its places."""

    label: str | Promise
    places: tuple[Place, ...]

    @property
    def only(self) -> Place | None:
        return self.places[0] if len(self.places) == 1 else None


# In the order of the bar, after the places that stand by themselves.
ROOMS: dict[str, str | Promise] = {
    "channels": _("Channels"),
    "warehouse": _("Warehouse"),
    "delivery": _("Delivery"),
    "finance": _("Finance"),
}

PLACES = (
    Place("home", _("Home"), "console:home", "", "space_dashboard"),
    Place("cases", _("Cases"), "console:cases", "cases.view_case", "inbox"),
    Place("orders", _("Orders"), "console:orders", "orders.view_order", "receipt_long"),
    Place("channels", _("Channels"), "console:channels", "channels_sync.view_channelaccount", "hub", "channels"),
    Place("listings", _("Listing matches"), "console:listings", "catalog.view_ignoredlisting", "link", "channels"),
    Place("waybills", _("Labels"), "console:waybills", "fulfillment.print_waybill", "label", "warehouse"),
    Place("floor", _("Warehouse floor"), "console:floor", "fulfillment.work_floor", "conveyor_belt", "warehouse"),
    Place("live", _("Live streams"), "console:live", "channels_sync.view_livesession", "live_tv", "channels"),
    Place("counters", _("Counters"), "console:counters", "channels_sync.view_counter", "point_of_sale", "channels"),
    Place(
        "contracts",
        _("Courier contracts"),
        "console:contracts",
        "fulfillment.view_couriercontract",
        "contract",
        "delivery",
    ),
    Place("freight", _("Courier bills"), "console:freight", "fulfillment.view_freightbill", "request_quote", "finance"),
    Place("routing", _("Routing"), "console:routing-rules", "fulfillment.view_routingruleset", "alt_route", "delivery"),
    Place("stock", _("Stock"), "console:stock", "inventory.view_stocklevel", "inventory_2", "warehouse"),
    Place("statements", _("Reconciliation"), "console:statements", "finance.view_statement", "balance", "finance"),
    Place(
        "settlements",
        _("Platform settlements"),
        "console:settlements",
        "finance.view_ordersettlement",
        "payments",
        "finance",
    ),
)


def page(permission: str = "", *more: str) -> Callable[[View], View]:
    """Only for persons who have logged in and have these permissions; others go to the login page or are refused."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not all(request.user.has_perm(name) for name in (permission, *more) if name):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def navigation(request: HttpRequest) -> dict[str, Any]:
    """For every template: the places that this reader may go to."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    places = [place for place in PLACES if not place.permission or user.has_perm(place.permission)]
    return {"places": places, "menus": _menus(places)}


def _menus(places: list[Place]) -> list[Menu]:
    alone = [Menu(place.label, (place,)) for place in places if not place.room]
    rooms = [(label, tuple(place for place in places if place.room == room)) for room, label in ROOMS.items()]
    return alone + [Menu(label, inside) for label, inside in rooms if inside]


def whole_number(text: str) -> int | None:
    """A whole number as addresses and forms carry keys; None for anything else, which then is no row of ours."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def back_to(request: HttpRequest, otherwise: str) -> HttpResponseRedirect:
    """Back to the page named in the form's `next`, when it is one of ours."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = otherwise if otherwise.startswith("/") else reverse(otherwise)
    return HttpResponseRedirect(target)
