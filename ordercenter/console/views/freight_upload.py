"""A courier's bill before it is taken in: how its columns are read, what is wrong with it, and taking it in."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from fulfillment.contracts.bill_sheets import HEADINGS, LABELS, BillError
from fulfillment.freight_errors import FreightFileKnown, FreightPeriodInvalid
from fulfillment.models import FreightUpload
from fulfillment.services.freight_closing import open_lines_of
from fulfillment.services.freight_intake import Sums, known_bill, saved_columns, take_in_bill
from fulfillment.services.freight_judging import judge_bill
from fulfillment.services.freight_uploads import (
    SHORT_LINES,
    Reading,
    content_of,
    forget_upload,
    is_short,
    read_content,
    wish_import,
    wish_reading,
)
from ordercenter.common.actor import actor_of
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import scope_of
from ordercenter.common.sheets import SheetUnreadable
from ordercenter.console.pages import page, whole_number
from ordercenter.console.selectors import freight as selectors
from ordercenter.console.views.freight import ADD, VIEW
from ordercenter.inventory.models import Warehouse


@require_http_methods(["GET", "POST"])
@page(VIEW, ADD)
def preview(request: HttpRequest, upload_id: int) -> HttpResponse:
    """Show how the file is read by these columns; take it in, or forget it, when that is what was pressed."""
    upload = _upload(request, upload_id)
    if upload.bill_id is not None:
        return redirect("console:freight-bill", upload.bill_id)
    verb = request.POST.get("verb", "")
    if verb == "forget":
        forget_upload(upload_id=upload.pk)
        messages.success(request, _("The file is forgotten; nothing was taken in."))
        return redirect("console:freight")
    if upload.problem and upload.reading is None:
        forget_upload(upload_id=upload.pk)
        messages.error(request, _sentence(upload.problem))
        return redirect("console:freight")
    if is_short(upload):
        return _at_once(request, upload, verb)
    if verb == "import" and upload.wish is None:
        return _wish(request, upload)
    if verb == "look" and upload.wish is None:
        wish_reading(upload_id=upload.pk, columns=_columns(request), at=timezone.now(), actor=actor_of(request))
        return redirect("console:freight-upload", upload.pk)
    if _is_at_work(upload):
        return render(request, "console/freight_upload.html", {"upload": upload, "at_work": True, "place": "freight"})
    if upload.problem:
        messages.error(request, _sentence(upload.problem))
    return render(request, "console/freight_upload.html", _context(request, upload, Reading(**upload.reading)))


@page(VIEW, ADD)
def progress(request: HttpRequest, upload_id: int) -> HttpResponse:
    """Whether a long file is still being read, for the page that asks every other second; reloads it when it is not."""
    upload = _upload(request, upload_id)
    if _is_at_work(upload):
        return render(request, "components/file_at_work.html", {"upload": upload})
    return HttpResponse(headers={"HX-Refresh": "true"})


def _upload(request: HttpRequest, upload_id: int) -> FreightUpload:
    scope = scope_of(request)
    upload = FreightUpload.objects.select_related("carrier").filter(pk=upload_id).first()
    if upload is None or not scope.is_everything:
        raise Http404
    return upload


def _is_at_work(upload: FreightUpload) -> bool:
    return upload.bill_id is None and not upload.problem and (upload.wish is not None or upload.reading is None)


def _sentence(code: str) -> str:
    errors = {error.code: error for error in (SheetUnreadable, FreightFileKnown, FreightPeriodInvalid)}
    error = errors.get(code, OrderCenterError)
    return " ".join(str(part) for part in (error.title, error.hint) if part)


def _at_once(request: HttpRequest, upload: FreightUpload, verb: str) -> HttpResponse:
    """A short file: read, and taken in, while the page waits."""
    content = content_of(upload)
    try:
        columns = _columns(request) if request.method == "POST" else saved_columns(upload.carrier_id, content)
        reading = read_content(content, columns)
    except SheetUnreadable as error:
        forget_upload(upload_id=upload.pk)
        messages.error(request, error.sentence())
        return redirect("console:freight")
    if verb == "import":
        return _import(request, upload, content, reading)
    return render(request, "console/freight_upload.html", _context(request, upload, reading))


def _import(request: HttpRequest, upload: FreightUpload, content: bytes, reading: Reading) -> HttpResponse:
    try:
        done = take_in_bill(
            content=content,
            file_name=upload.file_name,
            carrier_id=upload.carrier_id,
            at=timezone.now(),
            actor=actor_of(request),
            columns=_columns(request),
            **_terms(request, upload),
        )
    except OrderCenterError as error:
        messages.error(request, error.sentence())
        return render(request, "console/freight_upload.html", _context(request, upload, reading), status=400)
    if done.errors or done.bill_id is None:
        return render(request, "console/freight_upload.html", _context(request, upload, reading), status=400)
    forget_upload(upload_id=upload.pk)
    if done.lines <= SHORT_LINES:
        # Whoever was faster, the worker or this page: what is open is counted, not what this page has judged.
        judge_bill(bill_id=done.bill_id, actor=actor_of(request))
        found = open_lines_of(done.bill_id)
        messages.success(
            request,
            ngettext(
                "%(lines)s lines were taken in, %(n)s difference.",
                "%(lines)s lines were taken in, %(n)s differences.",
                found,
            )
            % {"lines": done.lines, "n": found},
        )
    return redirect("console:freight-bill", done.bill_id)


def _wish(request: HttpRequest, upload: FreightUpload) -> HttpResponse:
    """A long file: taken in by a worker, once it is sure that nothing stands in the way as far as one can see."""
    terms = _terms(request, upload)
    reading = Reading(**upload.reading) if upload.reading else None
    try:
        known = known_bill(upload.carrier_id, content_of(upload))
        if known is not None:
            raise FreightFileKnown(bill_id=known)
        if reading is not None:
            sums = Sums(first_day=_iso(reading.first_day), last_day=_iso(reading.last_day))
            sums.period(terms["starts_on"], terms["ends_on"])
    except OrderCenterError as error:
        messages.error(request, error.sentence())
        if reading is None:
            return redirect("console:freight-upload", upload.pk)
        return render(request, "console/freight_upload.html", _context(request, upload, reading), status=400)
    wish_import(upload_id=upload.pk, columns=_columns(request), at=timezone.now(), actor=actor_of(request), **terms)
    return redirect("console:freight-upload", upload.pk)


def _terms(request: HttpRequest, upload: FreightUpload) -> dict[str, Any]:
    """What the bill is about, as it was filled in."""
    last_day = _day(request, "last_day")
    return {
        "starts_on": _day(request, "starts_on"),
        "ends_on": last_day + timedelta(days=1) if last_day else None,
        "warehouse_id": _choice(request, "warehouse", [w.pk for w in Warehouse.objects.all()]),
        "product_id": _choice(request, "product", [p.pk for p in selectors.products_of(upload.carrier_id)]),
    }


def _context(request: HttpRequest, upload: FreightUpload, reading: Reading) -> dict[str, Any]:
    return {
        "upload": upload,
        "columns": [(name, LABELS[name], reading.columns.get(name, "")) for name in HEADINGS],
        "headings": reading.headings,
        "parcels": [
            {
                **row,
                "amount": Decimal(row["amount"]),
                "billed_on": _iso(row["billed_on"]),
                "parts": {name: Decimal(part) for name, part in row["parts"].items()},
            }
            for row in reading.rows
        ],
        "count": reading.count,
        "total": Decimal(reading.total),
        "errors": [BillError(**error) for error in reading.errors],
        "error_count": reading.error_count,
        "starts_on": _day(request, "starts_on") or _iso(reading.first_day),
        "last_day": _day(request, "last_day") or _iso(reading.last_day),
        "warehouses": list(Warehouse.objects.order_by("code")),
        "products": selectors.products_of(upload.carrier_id),
        "chosen_warehouse": request.POST.get("warehouse", ""),
        "chosen_product": request.POST.get("product", ""),
        "place": "freight",
    }


def _iso(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _columns(request: HttpRequest) -> dict[str, str]:
    """Our columns as the reader has matched them; an empty one is not in the file."""
    return {name: request.POST[f"column_{name}"][:100] for name in HEADINGS if f"column_{name}" in request.POST}


def _day(request: HttpRequest, name: str) -> date | None:
    try:
        return date.fromisoformat(request.POST.get(name, ""))
    except ValueError:
        return None


def _choice(request: HttpRequest, name: str, allowed: list[int]) -> int | None:
    text = request.POST.get(name, "")
    number = whole_number(text)
    return number if number in allowed else None
