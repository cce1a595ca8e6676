"""Tables of matches: bring one, look at what each row would do, say yes; take matches or what waits out."""

from __future__ import annotations

import base64
import zlib

from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from channels_sync.listings.tables import (
    MOST_ROWS,
    TablePlan,
    heading_of,
    matches_as_table,
    plan_table,
    waiting_as_table,
)
from channels_sync.listings.waiting import waiting_listings
from ordercenter.catalog.binding import bind_listings
from ordercenter.catalog.models import ListingMatch
from ordercenter.common.actor import actor_of
from ordercenter.common.scope import scope_of
from ordercenter.common.sheets import SheetUnreadable
from ordercenter.console.downloads import table_download
from ordercenter.console.pages import page, whole_number
from ordercenter.console.views.listings import BIND, SEE

LARGEST_FILE = 1024 * 1024
MOST_SHOWN = 200
# So long the file that somebody has looked at may be taken in.
KEPT_S = 3600
_SALT = "listing table"


@page(SEE, BIND)
def bring_table(request: HttpRequest) -> HttpResponse:
    """GET: the form. POST: what each row of the file would do, with a yes below; nothing is written yet."""
    context: dict[str, object] = {"place": "listings"}
    if request.method != "POST":
        return render(request, "console/listing_table.html", context)
    file = request.FILES.get("table")
    if file is None or not file.size or file.size > LARGEST_FILE:
        context["problem"] = _("Choose a CSV or XLSX file of at most 1 MB.")
        return render(request, "console/listing_table.html", context, status=400)
    content = file.read()
    plan, problem = _planned(content, request)
    if plan is None:
        return render(request, "console/listing_table.html", context | {"problem": problem}, status=400)
    context |= _preview(plan)
    if not plan.errors and plan.changing:
        context["kept"] = _sealed(content, request)
    context["file_name"] = file.name
    return render(request, "console/listing_table.html", context, status=400 if plan.errors else 200)


@require_POST
@page(SEE, BIND)
def apply_table(request: HttpRequest) -> HttpResponse:
    """The yes: the file is read once more, and all its rows are done, or none."""
    content = _opened(request.POST.get("kept", ""), request)
    plan, problem = _planned(content, request) if content is not None else (None, _("Bring the file once more."))
    if plan is None:
        messages.error(request, problem)
    elif plan.errors:
        messages.error(request, _("What the table speaks of has changed meanwhile; look at it once more."))
        return render(request, "console/listing_table.html", {"place": "listings", **_preview(plan)}, status=409)
    else:
        reason = request.POST.get("reason", "").strip()[:200] or _("table of matches")
        result = bind_listings(
            bindings=[row.binding for row in plan.changing],
            scope=scope_of(request),
            reason=reason,
            at=timezone.now(),
            actor=actor_of(request),
        )
        count = len(result.done)
        text = ngettext("%(n)s listing is matched.", "%(n)s listings are matched.", count) % {"n": count}
        messages.success(request, text)
        for sentence in dict.fromkeys(refusal.error.sentence() for refusal in result.refused):
            messages.error(request, sentence)
    return redirect("console:listings")


@page(SEE)
def export(request: HttpRequest, what: str) -> HttpResponseBase:
    """Matches, or what waits with suggestions. format: csv (UTF-8 with its mark), gb18030 or xlsx."""
    if what not in ("waiting", "matched"):
        raise Http404
    scope = scope_of(request)
    shop_id = whole_number(request.GET.get("shop", ""))
    if what == "waiting":
        rows = waiting_as_table(waiting_listings(scope=scope, shop_id=shop_id, most=MOST_ROWS).listings)
    else:
        found = scope.narrow(ListingMatch.objects.select_related("shop", "sku"), shop="shop_id").order_by("pk")
        rows = matches_as_table((found if shop_id is None else found.filter(shop_id=shop_id)).iterator())
    name = f"listings-{what}-{timezone.localtime():%Y%m%d-%H%M}"
    return table_download(rows, name=name, form=request.GET.get("format", "csv"))


def _planned(content: bytes, request: HttpRequest) -> tuple[TablePlan | None, str]:
    try:
        return plan_table(content, scope=scope_of(request)), ""
    except SheetUnreadable as error:
        if error.missing:
            names = ", ".join(f"“{heading_of(name)}”" for name in error.missing)
            return None, _("The table lacks the columns %(names)s.") % {"names": names}
        return None, error.sentence()


def _preview(plan: TablePlan) -> dict[str, object]:
    return {
        "plan": plan,
        "rows": plan.changing[:MOST_SHOWN],
        "errors": [(error, heading_of(error.column)) for error in plan.errors[:MOST_SHOWN]],
        "same": len(plan.rows) - len(plan.changing),
    }


def _sealed(content: bytes, request: HttpRequest) -> str:
    """The file as it was looked at, for the yes: signed for this person, and kept nowhere."""
    text = base64.b85encode(zlib.compress(content)).decode()
    return signing.TimestampSigner(salt=_SALT).sign(f"{request.user.pk}:{text}")


def _opened(kept: str, request: HttpRequest) -> bytes | None:
    try:
        person, _sign, text = signing.TimestampSigner(salt=_SALT).unsign(kept, max_age=KEPT_S).partition(":")
    except signing.BadSignature:
        return None
    return zlib.decompress(base64.b85decode(text)) if person == str(request.user.pk) else None
