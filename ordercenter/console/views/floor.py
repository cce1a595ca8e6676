"""The floor of an own warehouse: waves and their verbs, the scan page, counts, returns at the dock."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from fulfillment import services
from fulfillment.floor.scans import Answered, ScanInput
from fulfillment.models import Carrier, StockCount, Wave
from fulfillment.services.labels import print_labels
from fulfillment.services.pick_lists import pick_list_pdf
from fulfillment.services.scanning import MOST_AT_ONCE
from fulfillment.states import GoodsGrade, ScanStep, WaveKind
from ordercenter.common.actor import actor_of
from ordercenter.common.admin_messages import report_batch
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import scope_of
from ordercenter.console.floor_words import words_of_answer
from ordercenter.console.pages import back_to, page
from ordercenter.console.selectors import floor as selectors
from ordercenter.inventory.models import Warehouse

WORK, PLAN, POST = "fulfillment.work_floor", "fulfillment.plan_wave", "fulfillment.post_count"
# The steps that have a page of their own, in the order of the work.
PAGES = (
    ScanStep.PICK,
    ScanStep.CHECK,
    ScanStep.HAND_OVER,
    ScanStep.PUT_BACK,
    ScanStep.RECEIVE,
    ScanStep.COUNT,
)
COOKIE = "oc_floor"


@page(WORK)
def floor(request: HttpRequest) -> HttpResponse:
    """What waits, the waves, and what somebody has to decide."""
    here = _warehouse(request)
    context: dict[str, Any] = {"place": "floor", "here": here, "warehouses": _warehouses(request), "tab": "waves"}
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
    return _remembered(render(request, "console/floor.html", context), here)


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
    here = _needed(request)
    kind, carrier, most = (request.POST.get(name, "") for name in ("kind", "carrier", "most"))
    try:
        waves = services.make_waves(
            warehouse_id=here.pk,
            kind=WaveKind(kind) if kind in WaveKind.values else None,
            carrier_id=int(carrier) if carrier.isdigit() else None,
            most=max(1, min(int(most), 500)) if most.isdigit() else None,
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
        chosen = [int(text) for text in request.POST.getlist("shipment") if text.isdigit()]
        ids = list(wave.baskets.filter(shipment_id__in=chosen).values_list("shipment_id", flat=True))
        report_batch(request, services.leave_wave(shipment_ids=ids, actor=actor_of(request)))
    else:
        raise Http404
    return back_to(request, reverse("console:wave", args=[wave.pk]))


@require_POST
@page(WORK, PLAN)
def missing_verb(request: HttpRequest, shipment_id: int, verb: str) -> HttpResponse:
    """rest: what is there leaves. back: everything goes back into its bins."""
    here = _needed(request)
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
    here = _needed(request)
    carrier = request.POST.get("carrier", "")
    ids = (
        selectors.ready_ids(here.pk, int(carrier), must_weigh=selectors.must_weigh(here.pk))
        if carrier.isdigit()
        else []
    )
    report_batch(request, services.hand_over(shipment_ids=ids, actor=actor_of(request)))
    return back_to(request, "console:floor")


@require_POST
@page(WORK)
def label(request: HttpRequest, shipment_id: int) -> HttpResponse:
    """The waybills of a shipment for the printer; a second time only with a reason."""
    here = _needed(request)
    from_house = selectors.waybills_of(shipment_id, here.pk)
    back = f"{reverse('console:floor-scan', args=['check'])}?warehouse={here.pk}&at=shipment:{shipment_id}"
    if not from_house:
        messages.error(
            request, _("No waybill of a courier is there for this shipment. Scan the number of a paper one.")
        )
        return back_to(request, back)
    try:
        printed = print_labels(
            waybill_ids=from_house,
            at=timezone.now(),
            actor=actor_of(request),
            reason=request.POST.get("reason", "").strip()[:200],
        )
    except OrderCenterError as error:
        messages.error(request, error.sentence())
        return back_to(request, back)
    return HttpResponse(printed.pdf, content_type="application/pdf")


@page(WORK)
def scan_page(request: HttpRequest, step: str) -> HttpResponse:
    """The page that one works with: a field for the scanner, what is due, and what came of the last scan."""
    if step not in PAGES:
        raise Http404
    here = _warehouse(request)
    at = request.GET.get("at", "")
    context: dict[str, Any] = {
        "place": "floor",
        "here": here,
        "warehouses": _warehouses(request),
        "step": step,
        "step_label": ScanStep(step).label,
        "tab": step,
        "steps": [(value, ScanStep(value).label) for value in PAGES],
        "at": at,
        "grades": GoodsGrade.choices,
        "url": reverse("console:floor-scans"),
    }
    if here is not None:
        context["task"] = _task_html(request, at, here.pk, step)
    return _remembered(render(request, "console/scan.html", context), here)


@require_POST
@page(WORK)
def scans(request: HttpRequest) -> HttpResponse:
    """Scans of a device, in order: {"warehouse", "device", "scans": [{"id", "step", "text", ...}]}.

    Answers each by its id, also one that came before, and the task of the place where the device is now. A list that
    cannot be read is refused whole with 400 and loses nothing: the device keeps it.
    """
    try:
        body = json.loads(request.body)
        given = [_scan(row, body) for row in body["scans"][:MOST_AT_ONCE]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return JsonResponse({"error": _("The scans cannot be read. Reload the page.")}, status=400)
    if not given:
        return JsonResponse({"answers": [], "task": ""})
    answered = services.take_scans(scans=given, warehouse_ids=scope_of(request).warehouse_ids, actor=actor_of(request))
    last = next((a for a in reversed(answered) if a.place), None)
    at = last.place if last is not None else str(body.get("at", ""))
    task = _task_html(request, at, given[-1].warehouse_id, str(given[-1].step)) if _may_see(request, given) else ""
    return JsonResponse({"answers": [_answer(answer) for answer in answered], "task": task, "at": at})


@page(WORK)
def counts(request: HttpRequest) -> HttpResponse:
    """The counts of a floor; a new one of everything, of a zone, or of some SKUs."""
    here = _warehouse(request)
    context = {
        "place": "floor",
        "here": here,
        "warehouses": _warehouses(request),
        "rows": list(selectors.counts_of(here.pk)) if here else [],
        "may_plan": request.user.has_perm(PLAN),
        "tab": "counts",
    }
    return _remembered(render(request, "console/counts.html", context), here)


@page(WORK)
def count_detail(request: HttpRequest, count_id: int) -> HttpResponse:
    """One count. Only who posts counts sees what the books say while it is open."""
    count = _count(request, count_id)
    may_post = request.user.has_perm(POST)
    context = {
        "place": "floor",
        "here": count.warehouse,
        "count": count,
        "lines": selectors.count_lines(count),
        "may_post": may_post and count.state == "open",
        "shows_books": may_post or count.state != "open",
        "tab": "counts",
    }
    return render(request, "console/count.html", context)


@require_POST
@page(WORK, PLAN)
def make_count(request: HttpRequest) -> HttpResponse:
    """A new count of a zone, or of everything."""
    here = _needed(request)
    try:
        count = services.make_count(
            warehouse_id=here.pk,
            zone=request.POST.get("zone", "").strip()[:32],
            reason=request.POST.get("reason", "").strip()[:96],
            actor=actor_of(request),
        )
    except OrderCenterError as error:
        messages.error(request, error.sentence())
        return back_to(request, "console:floor-counts")
    return back_to(request, reverse("console:floor-count", args=[count.pk]))


@require_POST
@page(WORK, POST)
def post_count(request: HttpRequest, count_id: int) -> HttpResponse:
    """The differences into the books, with a reason."""
    count = _count(request, count_id)
    try:
        services.post_count(
            count_id=count.pk, reason=request.POST.get("reason", "").strip()[:200], actor=actor_of(request)
        )
        messages.success(request, _("The differences are in the books."))
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    return back_to(request, reverse("console:floor-count", args=[count.pk]))


@page(WORK)
def returns(request: HttpRequest) -> HttpResponse:
    """Parcels that came back: those under way and those received."""
    here = _warehouse(request)
    rows = list(selectors.returns_of(here.pk)) if here else []
    context = {
        "place": "floor",
        "here": here,
        "warehouses": _warehouses(request),
        "rows": rows,
        "tab": "returns",
    }
    return _remembered(render(request, "console/returns.html", context), here)


def _scan(row: dict[str, Any], body: dict[str, Any]) -> ScanInput:
    at: datetime | None = parse_datetime(str(row.get("at", "")))
    step = ScanStep(str(row["step"]))
    return ScanInput(
        id=UUID(str(row["id"])),
        warehouse_id=int(body["warehouse"]),
        step=step,
        text=str(row.get("text", ""))[:128],
        device=str(body.get("device", ""))[:64],
        scanned_at=at if at is not None and timezone.is_aware(at) else timezone.now(),
        pieces=max(0, min(int(row.get("pieces", 1)), 9999)),
        place=str(row.get("place", ""))[:64],
        grade=str(row.get("grade", ""))[:12],
    )


def _answer(answer: Answered) -> dict[str, Any]:
    words, hint = words_of_answer(answer.say, answer.params)
    return {
        "id": str(answer.scan_id),
        "ok": answer.is_ok,
        "say": answer.say,
        "known": answer.was_known,
        "words": words,
        "hint": hint,
    }


def _may_see(request: HttpRequest, given: list[ScanInput]) -> bool:
    return all(scope_of(request).has_warehouse(scan.warehouse_id) for scan in given)


def _task_html(request: HttpRequest, at: str, warehouse_id: int, step: str) -> str:
    context = {**selectors.task_at(at, warehouse_id), "step": step, "warehouse_id": warehouse_id}
    return render_to_string("console/_task.html", context, request=request)


def _warehouses(request: HttpRequest) -> list[Warehouse]:
    return list(selectors.own_warehouses(scope_of(request)))


def _warehouse(request: HttpRequest) -> Warehouse | None:
    """The one asked for, the one of last time, or the first of the reader's own warehouses."""
    known = {str(w.pk): w for w in _warehouses(request)}
    asked = request.POST.get("warehouse") or request.GET.get("warehouse")
    if asked and asked not in known:
        raise PermissionDenied
    return known.get(asked or request.COOKIES.get(COOKIE, "")) or next(iter(known.values()), None)


def _needed(request: HttpRequest) -> Warehouse:
    here = _warehouse(request)
    if here is None:
        raise PermissionDenied
    return here


def _remembered(response: HttpResponse, here: Warehouse | None) -> HttpResponse:
    if here is not None:
        response.set_cookie(COOKIE, str(here.pk), max_age=30 * 24 * 3600, samesite="Lax", httponly=True)
    return response


def _wave(request: HttpRequest, wave_id: int) -> Wave:
    waves = scope_of(request).narrow(Wave.objects.select_related("warehouse"), warehouse="warehouse_id")
    wave = waves.filter(pk=wave_id).first()
    if wave is None:
        raise Http404
    return wave


def _count(request: HttpRequest, count_id: int) -> StockCount:
    rows = scope_of(request).narrow(StockCount.objects.select_related("warehouse"), warehouse="warehouse_id")
    count = rows.filter(pk=count_id).first()
    if count is None:
        raise Http404
    return count
