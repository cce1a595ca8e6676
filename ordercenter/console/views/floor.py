"""The floor of an own warehouse: what waits, waves and their verbs."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from fulfillment import services
from fulfillment.models import Carrier, Wave
from fulfillment.services.pick_lists import pick_list_pdf
from fulfillment.states import WaveKind
from ordercenter.common.actor import actor_of
from ordercenter.common.admin_messages import report_batch
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import scope_of
from ordercenter.console.pages import back_to, page, whole_number
from ordercenter.console.selectors import floor as selectors
from ordercenter.console.views.floor_place import PLAN, WORK, needed_warehouse, remembered, warehouse_of, warehouses_of


@page(WORK)
def floor(request: HttpRequest) -> HttpResponse:
    """What waits, the waves, and what somebody has to decide."""
    here = warehouse_of(request)
    context: dict[str, Any] = {"place": "floor", "here": here, "warehouses": warehouses_of(request), "tab": "waves"}
    if here is not None:
        context |= {
            "situation": selectors.situation_of(here.pk),
            "waves": selectors.waves_of(here.pk),
            "missing": selectors.missing_of(here.pk),
            "stopped": list(selectors.stopped_of(here.pk)),
            "ready": selectors.ready_of(here.pk, must_weigh=selectors.must_weigh(here.pk)),
            "kinds": WaveKind.choices,
            "carriers": Carrier.objects.filter(is_active=True).order_by("code"),
            "may_plan": request.user.has_perm(PLAN),
        }
    return remembered(render(request, "console/floor.html", context), here)


@page(WORK)
def wave_detail(request: HttpRequest, wave_id: int) -> HttpResponse:
    """One wave: its baskets and what is in them."""
    wave = _wave(request, wave_id)
    baskets = selectors.baskets_of(wave)
    context = {
        "place": "floor",
        "here": wave.warehouse,
        "row": selectors.wave_row(wave),
        "wave": wave,
        "baskets": baskets,
        "has_waved": any(basket.shipment.state == "waved" for basket in baskets),
        "stops": selectors.pick_list(wave),
        "is_open": selectors.is_open(wave),
        "may_plan": request.user.has_perm(PLAN),
        "tab": "waves",
    }
    return render(request, "console/wave.html", context)


@page(WORK)
def pick_list(request: HttpRequest, wave_id: int) -> HttpResponse:
    """The pick list as PDF; ?by=order adds a page for each order."""
    wave = _wave(request, wave_id)
    try:
        pdf = pick_list_pdf(wave=wave, by_order=request.GET.get("by") == "order")
    except OrderCenterError as error:
        messages.error(request, error.sentence())
        return back_to(request, reverse("console:wave", args=[wave.pk]))
    response = HttpResponse(pdf, content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{wave.code}.pdf"'
    return response


@require_POST
@page(WORK, PLAN)
def make_waves(request: HttpRequest) -> HttpResponse:
    """Make waves of what waits: of all kinds, or of one kind, of one courier, of a size."""
    here = needed_warehouse(request)
    kind, carrier, most = (request.POST.get(name, "") for name in ("kind", "carrier", "most"))
    try:
        waves = services.make_waves(
            warehouse_id=here.pk,
            kind=WaveKind(kind) if kind in WaveKind.values else None,
            carrier_id=whole_number(carrier),
            most=None if (size := whole_number(most)) is None else max(1, min(size, 500)),
            actor=actor_of(request),
        )
        text = ngettext("%(n)s wave made.", "%(n)s waves made.", len(waves)) % {"n": len(waves)}
        messages.success(request, text)
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    return back_to(request, "console:floor")


@require_POST
@page(WORK, PLAN)
def wave_verb(request: HttpRequest, wave_id: int, verb: str) -> HttpResponse:
    """picked: all of it was picked from paper. leave: the chosen shipments wait for another wave."""
    wave = _wave(request, wave_id)
    if verb == "picked":
        report_batch(request, services.confirm_wave_picked(wave_id=wave.pk, actor=actor_of(request)))
    elif verb == "leave":
        chosen = [pk for text in request.POST.getlist("shipment") if (pk := whole_number(text)) is not None]
        ids = list(wave.baskets.filter(shipment_id__in=chosen).values_list("shipment_id", flat=True))
        report_batch(request, services.leave_wave(shipment_ids=ids, actor=actor_of(request)))
    else:
        raise Http404
    return back_to(request, reverse("console:wave", args=[wave.pk]))


@require_POST
@page(WORK, PLAN)
def missing_verb(request: HttpRequest, shipment_id: int, verb: str) -> HttpResponse:
    """rest: what is there leaves. back: everything goes back into its bins."""
    here = needed_warehouse(request)
    if verb not in ("rest", "back") or shipment_id not in {s.pk for s, _lines in selectors.missing_of(here.pk)}:
        raise Http404
    try:
        services.decide_missing(
            shipment_id=shipment_id,
            ship_rest=verb == "rest",
            reason=request.POST.get("reason", "").strip()[:200],
            actor=actor_of(request),
        )
        messages.success(request, _("Decided."))
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    return back_to(request, "console:floor")


@require_POST
@page(WORK)
def hand_over(request: HttpRequest) -> HttpResponse:
    """Everything of a courier that is ready goes to it."""
    here = needed_warehouse(request)
    carrier_id = whole_number(request.POST.get("carrier", ""))
    must_weigh = selectors.must_weigh(here.pk)
    ids = [] if carrier_id is None else selectors.ready_ids(here.pk, carrier_id, must_weigh=must_weigh)
    report_batch(request, services.hand_over(shipment_ids=ids, actor=actor_of(request)))
    return back_to(request, "console:floor")


def _wave(request: HttpRequest, wave_id: int) -> Wave:
    waves = scope_of(request).narrow(Wave.objects.select_related("warehouse"), warehouse="warehouse_id")
    wave = waves.filter(pk=wave_id).first()
    if wave is None:
        raise Http404
    return wave
