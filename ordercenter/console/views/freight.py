"""Courier bills: upload with a preview, differences by kind, signing off, disputes, closing and reopening."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from fulfillment.freight_errors import FreightFileKnown
from fulfillment.freight_selectors import bills_in_scope
from fulfillment.models import FreightBill
from fulfillment.services import freight_closing
from fulfillment.services.freight_bills import recheck_bill
from fulfillment.services.freight_export import DISPUTED, export_freight_lines
from fulfillment.services.freight_intake import known_bill
from fulfillment.services.freight_judging import begin_judging_again
from fulfillment.services.freight_uploads import SHORT_LINES, keep_upload
from fulfillment.states import FREIGHT_DIFFERENCES, FreightBillState, FreightVerdict
from ordercenter.cases.errors import ReasonMissing
from ordercenter.common.actor import actor_of
from ordercenter.common.admin_messages import report_batch
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import scope_of
from ordercenter.console.pages import back_to, page
from ordercenter.console.selectors import freight as selectors

LARGEST_FILE = 40 * 1024 * 1024
LIST_ROWS = 100
FORMS = {"utf-8": ("text/csv; charset=utf-8", "csv"), "gb18030": ("text/csv; charset=gb18030", "csv")}
FORMS["xlsx"] = ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx")
VIEW, ADD = "fulfillment.view_freightbill", "fulfillment.add_freightbill"
SIGN_OFF, CLOSE = "fulfillment.sign_off_freight", "fulfillment.close_freightbill"


@page(VIEW)
def bill_list(request: HttpRequest) -> HttpResponse:
    """The bills, newest period first, files that wait to be taken in, and the form for another one."""
    scope = scope_of(request)
    rows = list(bills_in_scope(scope)[:LIST_ROWS])
    open_lines = selectors.open_lines_of([bill.pk for bill in rows])
    may_add = request.user.has_perm(ADD) and scope.is_everything
    context = {
        "rows": [(bill, open_lines.get(bill.pk, selectors.OpenLines())) for bill in rows],
        "uploads": list(selectors.uploads_in_scope(scope)[:LIST_ROWS]) if may_add else [],
        "couriers": selectors.couriers() if may_add else [],
        "may_add": may_add,
        "place": "freight",
    }
    return render(request, "console/freight.html", context)


@require_POST
@page(VIEW, ADD)
def upload(request: HttpRequest) -> HttpResponse:
    """Keep a file, then show how it is read; nothing is taken in yet."""
    file, chosen = request.FILES.get("bill"), request.POST.get("courier", "")
    carrier = next((c for c in selectors.couriers() if str(c.pk) == chosen), None)
    if not scope_of(request).is_everything:
        raise Http404
    if file is None or file.size is None or file.size > LARGEST_FILE or carrier is None:
        messages.error(request, _("Choose the courier, and a CSV or XLSX file of at most 40 MB."))
        return redirect("console:freight")
    content = file.read()
    known = known_bill(carrier.pk, content)
    if known is not None:
        messages.error(request, FreightFileKnown(bill_id=known).sentence())
        return redirect("console:freight-bill", known)
    kept = keep_upload(
        content=content,
        file_name=file.name or "",
        carrier_id=carrier.pk,
        at=timezone.now(),
        actor=actor_of(request),
    )
    return redirect("console:freight-upload", kept.pk)


@page(VIEW)
def bill_detail(request: HttpRequest, bill_id: int) -> HttpResponse:
    """One bill: sums by kind of difference, lines of the chosen kind."""
    bill = _bill(request, bill_id)
    kinds = selectors.kinds_of(bill)
    chosen = request.GET.get("verdict", "all" if bill.state == FreightBillState.WITHDRAWN else "open")
    if chosen not in {"open", "all", *FreightVerdict.values}:
        chosen = "open"
    number = request.GET.get("number", "").strip()[:64]
    after = request.GET.get("after", "")
    place = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0
    lines, more = selectors.lines_of(bill, "" if chosen == "all" else chosen, number, place)
    # What a withdrawn bill differed in is nobody's work any more.
    is_withdrawn = bill.state == FreightBillState.WITHDRAWN
    open_kinds = [] if is_withdrawn else [kind for kind in kinds if kind.is_open]
    is_open, is_judged = bill.state == FreightBillState.OPEN, bill.state != FreightBillState.JUDGING
    context = {
        "bill": bill,
        "last_day": bill.ends_on - timedelta(days=1),
        "kinds": kinds,
        "open_kinds": open_kinds,
        "open_lines": sum(kind.lines for kind in open_kinds),
        "open_net": sum(kind.net for kind in open_kinds),
        "chosen": chosen,
        "chosen_kind": next((kind for kind in open_kinds if kind.verdict == chosen), None),
        "number": number,
        "lines": lines,
        "after": lines[-1].line.pk if more else None,
        "is_judged": is_judged,
        "is_withdrawn": is_withdrawn,
        "percent": 100 * bill.judged_lines // max(1, bill.line_count),
        "may_withdraw": (is_open or not is_judged) and request.user.has_perm(CLOSE),
        "may_sign_off": is_open and request.user.has_perm(SIGN_OFF),
        "may_add": is_open and request.user.has_perm(ADD),
        "may_close": is_open and request.user.has_perm(CLOSE),
        "may_reopen": bill.state == "closed" and request.user.has_perm(CLOSE),
        "place": "freight",
    }
    return render(request, "console/freight_bill.html", context)


@page(VIEW)
def progress(request: HttpRequest, bill_id: int) -> HttpResponse:
    """How far the judging of a bill is, for the page that asks every other second; reloads it when it is done."""
    bill = _bill(request, bill_id)
    if bill.state != FreightBillState.JUDGING:
        return HttpResponse(headers={"HX-Refresh": "true"})
    percent = 100 * bill.judged_lines // max(1, bill.line_count)
    return render(request, "components/judging.html", {"bill": bill, "percent": percent})


@require_POST
@page(VIEW, SIGN_OFF)
def sign_off(request: HttpRequest, bill_id: int) -> HttpResponse:
    """Accept the chosen differences, or all of a kind, with a reason; or take such a decision back."""
    bill = _bill(request, bill_id)
    reason, values = request.POST.get("reason", ""), {"bill_id": bill.pk, "at": timezone.now()}
    ids = [int(text) for text in request.POST.getlist("line") if text.isascii() and text.isdigit() and len(text) < 19]
    kind = request.POST.get("all_of", "")
    try:
        if kind and kind in [str(v) for v in FREIGHT_DIFFERENCES]:
            result = freight_closing.sign_off_kind(verdict=kind, reason=reason, actor=actor_of(request), **values)
        elif not ids:
            messages.error(request, _("No line was chosen."))
            return back_to(request, _address(bill))
        elif request.POST.get("verb") == "take_back":
            result = freight_closing.take_back_sign_off(line_ids=ids, reason=reason, actor=actor_of(request), **values)
        else:
            result = freight_closing.sign_off_lines(line_ids=ids, reason=reason, actor=actor_of(request), **values)
        report_batch(request, result)
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    return back_to(request, _address(bill))


@require_POST
@page(VIEW, ADD)
def recheck(request: HttpRequest, bill_id: int) -> HttpResponse:
    """Hold the bill against parcels and contracts once more."""
    bill = _bill(request, bill_id)

    def again() -> str:
        if bill.line_count > SHORT_LINES:
            begin_judging_again(bill_id=bill.pk, at=timezone.now(), actor=actor_of(request))
            return _("The bill is being checked again; this page shows how far it is.")
        found = sum(recheck_bill(bill_id=bill.pk, at=timezone.now(), actor=actor_of(request)).values())
        return ngettext(
            "The bill was checked again: %(n)s difference is open.",
            "The bill was checked again: %(n)s differences are open.",
            found,
        ) % {"n": found}

    return _do(request, bill, again)


@require_POST
@page(VIEW, CLOSE)
def close(request: HttpRequest, bill_id: int) -> HttpResponse:
    """Make the bill final."""
    bill = _bill(request, bill_id)

    def closing() -> str:
        freight_closing.close_bill(bill_id=bill.pk, at=timezone.now(), actor=actor_of(request))
        return _("The courier bill is closed.")

    return _do(request, bill, closing)


@require_POST
@page(VIEW, CLOSE)
def reopen(request: HttpRequest, bill_id: int) -> HttpResponse:
    """Look at a closed bill again, with a reason."""
    bill, reason = _bill(request, bill_id), request.POST.get("reason", "")

    def reopening() -> str:
        freight_closing.reopen_bill(bill_id=bill.pk, reason=reason, at=timezone.now(), actor=actor_of(request))
        return _("The courier bill is open again.")

    return _do(request, bill, reopening)


@require_POST
@page(VIEW, CLOSE)
def withdraw(request: HttpRequest, bill_id: int) -> HttpResponse:
    """Take a bill out of the books, with a reason."""
    bill, reason = _bill(request, bill_id), request.POST.get("reason", "")

    def withdrawing() -> str:
        freight_closing.withdraw_bill(bill_id=bill.pk, reason=reason, at=timezone.now(), actor=actor_of(request))
        return _("The courier bill is withdrawn.")

    return _do(request, bill, withdrawing)


@page(VIEW, "fulfillment.view_freightline")
def export(request: HttpRequest, bill_id: int) -> HttpResponseBase:
    """Differences to be sent to the courier, or all lines; form: utf-8, gb18030 or xlsx."""
    bill = _bill(request, bill_id)
    form, wanted = request.GET.get("form", "utf-8"), request.GET.get("verdict", "")
    if form not in FORMS or wanted not in {"", "all", *FreightVerdict.values}:
        raise Http404
    verdicts = [str(v) for v in DISPUTED] if not wanted else FreightVerdict.values if wanted == "all" else [wanted]
    content_type, ending = FORMS[form]
    rows = export_freight_lines(bill_id=bill.pk, form=form, verdicts=verdicts)
    response = StreamingHttpResponse(rows, content_type=content_type)
    name = f"{bill.carrier.code}-{bill.starts_on:%Y%m%d}-{wanted or 'dispute'}.{ending}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _do(request: HttpRequest, bill: FreightBill, verb: Callable[[], str]) -> HttpResponse:
    try:
        messages.success(request, verb())
    except (OrderCenterError, ReasonMissing) as error:
        messages.error(request, error.sentence())
    return back_to(request, _address(bill))


def _bill(request: HttpRequest, bill_id: int) -> FreightBill:
    bill = bills_in_scope(scope_of(request)).filter(pk=bill_id).first()
    if bill is None:
        raise Http404
    return bill


def _address(bill: FreightBill) -> str:
    return reverse("console:freight-bill", args=[bill.pk])
