"""A courier's bill before it is taken in: how its columns are read, what is wrong with it, and taking it in."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from fulfillment.contracts.bill_sheets import HEADINGS, LABELS, BillTable, open_table, period_of, read_bill
from fulfillment.models import FreightUpload
from fulfillment.services.freight_bills import import_courier_bill, saved_columns
from fulfillment.services.freight_uploads import content_of, forget_upload
from ordercenter.common.actor import actor_of
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.money import ZERO
from ordercenter.common.scope import scope_of
from ordercenter.common.sheets import SheetUnreadable
from ordercenter.console.pages import page
from ordercenter.console.selectors import freight as selectors
from ordercenter.console.views.freight import ADD, VIEW
from ordercenter.inventory.models import Warehouse

SHOWN_ROWS, SHOWN_ERRORS = 10, 50


@require_http_methods(["GET", "POST"])
@page(VIEW, ADD)
def preview(request: HttpRequest, upload_id: int) -> HttpResponse:
    """Show how the file is read by these columns; take it in, or forget it, when that is what was pressed."""
    upload = selectors.uploads_in_scope(scope_of(request)).filter(pk=upload_id).first()
    if upload is None:
        raise Http404
    verb = request.POST.get("verb", "")
    if verb == "forget":
        forget_upload(upload_id=upload.pk)
        messages.success(request, _("The file is forgotten; nothing was taken in."))
        return redirect("console:freight")
    content = content_of(upload)
    columns = _columns(request) if request.method == "POST" else saved_columns(upload.carrier_id)
    try:
        table = open_table(content, columns)
    except SheetUnreadable as error:
        forget_upload(upload_id=upload.pk)
        messages.error(request, error.sentence())
        return redirect("console:freight")
    if verb == "import":
        return _import(request, upload, content, table)
    return render(request, "console/freight_upload.html", _context(request, upload, table))


def _import(request: HttpRequest, upload: FreightUpload, content: bytes, table: BillTable) -> HttpResponse:
    starts_on, last_day = _day(request, "starts_on"), _day(request, "last_day")
    try:
        done = import_courier_bill(
            content=content,
            file_name=upload.file_name,
            carrier_id=upload.carrier_id,
            at=timezone.now(),
            actor=actor_of(request),
            starts_on=starts_on,
            ends_on=last_day + timedelta(days=1) if last_day else None,
            warehouse_id=_choice(request, "warehouse", [w.pk for w in Warehouse.objects.all()]),
            product_id=_choice(request, "product", [p.pk for p in selectors.products_of(upload.carrier_id)]),
            columns=_columns(request),
        )
    except OrderCenterError as error:
        messages.error(request, error.sentence())
        return render(request, "console/freight_upload.html", _context(request, upload, table), status=400)
    if done.errors or done.bill_id is None:
        return render(request, "console/freight_upload.html", _context(request, upload, table), status=400)
    forget_upload(upload_id=upload.pk)
    found = sum(done.differences.values())
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


def _context(request: HttpRequest, upload: FreightUpload, table: BillTable) -> dict[str, Any]:
    parcels, errors = read_bill(table)
    spanned = period_of(parcels)
    return {
        "upload": upload,
        "columns": [(name, LABELS[name], table.columns.get(name, "")) for name in HEADINGS],
        "headings": [heading for heading in table.headings if heading],
        "parcels": parcels[:SHOWN_ROWS],
        "count": len(parcels),
        "total": sum((parcel.amount for parcel in parcels), ZERO),
        "parts": [(name, LABELS[name]) for name in table.columns if name in HEADINGS],
        "errors": errors[:SHOWN_ERRORS],
        "error_count": len(errors),
        "starts_on": _day(request, "starts_on") or (spanned[0] if spanned else None),
        "last_day": _day(request, "last_day") or (spanned[1] if spanned else None),
        "warehouses": list(Warehouse.objects.order_by("code")),
        "products": selectors.products_of(upload.carrier_id),
        "chosen_warehouse": request.POST.get("warehouse", ""),
        "chosen_product": request.POST.get("product", ""),
        "place": "freight",
    }


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
    return int(text) if text.isascii() and text.isdigit() and int(text) in allowed else None
