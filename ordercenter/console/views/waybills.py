"""Labels: ask couriers for numbers, print labels, take those that a worker made."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from fulfillment import services
from fulfillment.services.labels import MOST_AT_ONCE, MOST_IN_A_JOB, job_pdf
from ordercenter.audit.work import unit_of_work
from ordercenter.common.actor import actor_of
from ordercenter.common.admin_messages import report_batch
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import scope_of
from ordercenter.console.pages import back_to, page
from ordercenter.console.selectors import waybill_page as selectors

VIEW = "fulfillment.view_waybill"


@page(VIEW)
def waybill_list(request: HttpRequest) -> HttpResponse:
    """What can be printed, what waits for a number, what failed; the couriers' numbers; one's own print jobs."""
    view = request.GET.get("view", "to_print")
    view = view if view in {*selectors.VIEWS, "missing"} else "to_print"
    shown = selectors.waybill_page(scope=scope_of(request), view=view, user_id=request.user.pk)
    context = {"page": shown, "view": view, "views": ("missing", *selectors.VIEWS), "place": "waybills"}
    return render(request, "console/waybills.html", context)


@require_POST
@page(VIEW, "fulfillment.change_waybill")
def request_numbers(request: HttpRequest) -> HttpResponse:
    """Ask for numbers for the chosen shipments."""
    chosen = _numbers(request, "shipment")
    mine = selectors.shipments_without(scope_of(request)).filter(pk__in=chosen).values_list("pk", flat=True)
    with unit_of_work(actor=actor_of(request)) as work:
        result = services.request_waybills(shipment_ids=sorted(mine), work=work)
    report_batch(request, result)
    return back_to(request, reverse("console:waybills") + "?view=missing")


@require_POST
@page(VIEW, "fulfillment.print_waybill")
def print_labels(request: HttpRequest) -> HttpResponse:
    """A PDF of the chosen labels at once, or a job for a worker when they are many."""
    ids = selectors.visible_waybills(_numbers(request, "waybill"), scope_of(request))
    back = reverse("console:waybills")
    if not ids or len(ids) > MOST_IN_A_JOB:
        messages.error(request, _("Choose between 1 and %(most)d labels.") % {"most": MOST_IN_A_JOB})
        return back_to(request, back)
    actor, now, reason = actor_of(request), timezone.now(), request.POST.get("reason", "").strip()[:200]
    try:
        if len(ids) <= MOST_AT_ONCE:
            printed = services.print_labels(waybill_ids=ids, at=now, actor=actor, reason=reason)
            return _pdf(printed.pdf, f"labels-{now:%Y%m%d%H%M%S}")
        services.order_labels(waybill_ids=ids, warehouse_id=None, at=now, actor=actor, reason=reason)
        messages.success(request, _("A worker makes the labels; they are in the list below in a moment."))
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    return back_to(request, back)


@page(VIEW, "fulfillment.print_waybill")
def label_job(request: HttpRequest, job_id: int) -> HttpResponse:
    """The PDF of a print job of one's own."""
    job = selectors.job_of(job_id, user_id=request.user.pk)
    if job is None or job.pdf is None:
        raise Http404
    return _pdf(job_pdf(job), f"labels-{job.pk}")


def _pdf(pdf: bytes, name: str) -> HttpResponse:
    response = HttpResponse(pdf, "application/pdf")
    response["Content-Disposition"] = f'inline; filename="{name}.pdf"'
    # Receivers are on it: no copy in anybody's cache.
    response["Cache-Control"] = "no-store"
    return response


def _numbers(request: HttpRequest, name: str) -> list[int]:
    chosen = (text for text in request.POST.getlist(name) if text.isascii() and text.isdigit() and len(text) < 19)
    return list(dict.fromkeys(map(int, chosen)))
