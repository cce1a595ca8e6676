"""The scan page of an own warehouse, what devices send to it, labels, and returns at the dock."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, RawPostDataException
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from fulfillment import services
from fulfillment.floor.scans import Answered, ScanInput
from fulfillment.services.labels import print_labels
from fulfillment.services.scanning import MOST_AT_ONCE
from fulfillment.states import GoodsGrade, ScanStep
from ordercenter.common.actor import actor_of
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import scope_of
from ordercenter.common.strictjson import UnreadableBody, loads_strict
from ordercenter.console.floor_words import words_of_answer
from ordercenter.console.pages import back_to, page
from ordercenter.console.selectors import floor as selectors
from ordercenter.console.views.floor_place import WORK, needed_warehouse, remembered, warehouse_of, warehouses_of

# The steps that have a page of their own, in the order of the work.
PAGES = (
    ScanStep.PICK,
    ScanStep.CHECK,
    ScanStep.HAND_OVER,
    ScanStep.PUT_BACK,
    ScanStep.RECEIVE,
    ScanStep.COUNT,
)

_ROOT = Path(settings.BASE_DIR)
_WORKER = _ROOT / "ordercenter/static/floor/worker.js"
# What the worker of the scan pages keeps on a device: when any of it changes, so does the worker.
_CLOCK_OFF = timedelta(days=400)
_KEPT = (
    _WORKER,
    *(_ROOT / "ordercenter/static" / name for name in ("floor/floor.js", "floor/camera.js", "floor/floor.css")),
    *(_ROOT / "ordercenter/static/console" / name for name in ("console.js", "console.css")),
    *(_ROOT / "templates" / name for name in ("base.html", "console/scan.html", "console/_floor_tabs.html")),
)


@require_POST
@page(WORK)
def label(request: HttpRequest, shipment_id: int) -> HttpResponse:
    """The waybills of a shipment for the printer; a second time only with a reason."""
    here = needed_warehouse(request)
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
    """The page that one works with: a field for the scanner, what is due, and what came of the last scan.

    ?kept=1: as a device keeps it for a reload without a network, with nothing on it of the work or the person.
    """
    if step not in PAGES:
        raise Http404
    here = warehouse_of(request)
    is_kept = request.GET.get("kept") == "1"
    at = "" if is_kept else request.GET.get("at", "")
    context: dict[str, Any] = {
        "place": "floor",
        "here": here,
        "warehouses": warehouses_of(request),
        "step": step,
        "step_label": ScanStep(step).label,
        "tab": step,
        "steps": [(value, ScanStep(value).label) for value in PAGES],
        "at": at,
        "grades": GoodsGrade.choices,
        "url": reverse("console:floor-scans"),
        "is_kept": is_kept,
    }
    if here is not None and not is_kept:
        context["task"] = _task_html(request, at, here.pk, step)
    return remembered(render(request, "console/scan.html", context), here)


@page(WORK)
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker of the scan pages. Its address limits it to them."""
    response = HttpResponse(_worker_text(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response


@require_POST
@page(WORK)
def scans(request: HttpRequest) -> HttpResponse:
    """Scans of a device, in order: {"user", "warehouse", "device", "scans": [{"id", "step", "text", ...}]}.

    Answers each by its id, also one that came before, and the task of the place where the device is now. A list that
    cannot be read is refused whole with 400, one that another person made with 409; both lose nothing: the device
    keeps it.
    """
    try:
        body = loads_strict(request.body, floats_as=float)
        made_by = int(body.get("user") or request.user.pk)
        given = [_scan(row, body) for row in body["scans"][:MOST_AT_ONCE]]
    except (RawPostDataException, UnreadableBody, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return JsonResponse({"error": _("The scans cannot be read. Reload the page.")}, status=400)
    if made_by != request.user.pk:
        return JsonResponse({"error": _("Another person made these scans.")}, status=409)
    if not given:
        return JsonResponse({"answers": [], "task": ""})
    answered = services.take_scans(scans=given, warehouse_ids=scope_of(request).warehouse_ids, actor=actor_of(request))
    last = next((a for a in reversed(answered) if a.place), None)
    at = last.place if last is not None else str(body.get("at", ""))
    task = _task_html(request, at, given[-1].warehouse_id, str(given[-1].step)) if _may_see(request, given) else ""
    return JsonResponse({"answers": [_answer(answer) for answer in answered], "task": task, "at": at})


@page(WORK)
def returns(request: HttpRequest) -> HttpResponse:
    """Parcels that came back: those under way and those received."""
    here = warehouse_of(request)
    rows = list(selectors.returns_of(here.pk)) if here else []
    context = {
        "place": "floor",
        "here": here,
        "warehouses": warehouses_of(request),
        "rows": rows,
        "tab": "returns",
    }
    return remembered(render(request, "console/returns.html", context), here)


@cache
def _worker_text() -> str:
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in _KEPT)).hexdigest()[:16]
    return f'const VERSION = "{digest}";\n{_WORKER.read_text(encoding="utf-8")}'


def _scan(row: dict[str, Any], body: dict[str, Any]) -> ScanInput:
    at: datetime | None = parse_datetime(str(row.get("at", "")))
    now = timezone.now()
    # A device whose clock is a year off says nothing about when it was.
    is_likely = at is not None and timezone.is_aware(at) and abs(at - now) < _CLOCK_OFF
    step = ScanStep(str(row["step"]))
    return ScanInput(
        id=UUID(str(row["id"])),
        warehouse_id=int(body["warehouse"]),
        step=step,
        text=str(row.get("text", ""))[:128],
        device=str(body.get("device", ""))[:64],
        scanned_at=at if at is not None and is_likely else now,
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
    context = {**selectors.task_at(at, warehouse_id, step), "step": step, "warehouse_id": warehouse_id}
    return render_to_string("console/_task.html", context, request=request)
