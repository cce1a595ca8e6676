"""Tables of stock in and out: bring a file, look at what each row would do, say yes or no; take the stock out."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from ordercenter.common.actor import actor_of
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import scope_of
from ordercenter.common.sheets import SheetUnreadable
from ordercenter.console.downloads import table_download
from ordercenter.console.pages import back_to, page, whole_number
from ordercenter.console.selectors import stock_tables as selectors
from ordercenter.inventory import services
from ordercenter.inventory.errors import StockMovedMeanwhile
from ordercenter.inventory.models import StockTable
from ordercenter.inventory.states import TableKind, TableState
from ordercenter.inventory.tables import NEEDED, TableError, heading_of

SEE, ADJUST = "inventory.view_stocklevel", "inventory.adjust_stock"
LARGEST_FILE = 10 * 1024 * 1024
MOST_SHOWN = 200
LAST_TABLES = 50


@page(SEE, ADJUST)
def table_list(request: HttpRequest) -> HttpResponse:
    """GET: the form, and the tables of late. POST: a file, read and kept as a draft, or every mistake in it."""
    context: dict[str, object] = {"place": "stock", "tab": "tables", "kinds": TableKind.choices, "given": request.POST}
    status = 200
    if request.method == "POST":
        table, errors, problem = _bring(request)
        if table is not None:
            return _see(reverse("console:stock-table", args=[table.pk]))
        context |= {"problem": problem, "errors": errors[:MOST_SHOWN], "error_count": len(errors)}
        status = 400
    context["tables"] = list(selectors.tables_in_scope(scope_of(request))[:LAST_TABLES])
    return render(request, "console/stock_tables.html", context, status=status)


def _bring(request: HttpRequest) -> tuple[StockTable | None, list[tuple[TableError, str]], str]:
    """The draft; or what is wrong, row by row with the column's heading; or what is wrong with the whole."""
    kind, file = request.POST.get("kind", ""), request.FILES.get("table")
    if kind not in TableKind.values:
        return None, [], _("Say what the table is.")
    if file is None or not file.size or file.size > LARGEST_FILE:
        return None, [], _("Choose a CSV or XLSX file of at most 10 MB.")
    try:
        read = services.bring_table(
            kind=kind,
            content=file.read(),
            file_name=file.name or "",
            reference=request.POST.get("reference", ""),
            note=request.POST.get("note", ""),
            reach=scope_of(request),
            at=timezone.now(),
            actor=actor_of(request),
        )
    except SheetUnreadable as error:
        if error.missing:
            names = ", ".join(f"“{heading_of(kind, name)}”" for name in error.missing)
            return None, [], _("The table lacks the columns %(names)s.") % {"names": names} + f" {error.hint}"
        return None, [], error.sentence()
    return read.table, [(error, heading_of(kind, error.column)) for error in read.errors], ""


@page(SEE, ADJUST)
def table_detail(request: HttpRequest, table_id: int) -> HttpResponse:
    """A draft: what each row would do now. One that was taken in: what it did."""
    table = _table(request, table_id)
    context: dict[str, object] = {"table": table, "place": "stock", "tab": "tables"}
    if table.state == TableState.DRAFT:
        context |= _preview(request, table)
    elif table.state == TableState.APPLIED:
        context["movements"] = selectors.movements_of_table(table)
    return render(request, "console/stock_table.html", context)


def _preview(request: HttpRequest, table: StockTable) -> dict[str, object]:
    preview = services.preview_table(table=table, reach=scope_of(request))
    show = request.GET.get("show", "")
    show = show if show in selectors.SHOWS else "refused" if preview.refused else "all"
    after = request.GET.get("after", "")
    rows, more = selectors.rows_shown(preview, show=show, after=whole_number(after) or 0)
    known = StockTable.objects.filter(digest=table.digest, state=TableState.APPLIED).first()
    counts = {"all": len(preview.rows), "changes": len(preview.changing), "refused": len(preview.refused)}
    counts["same"] = counts["all"] - counts["changes"] - counts["refused"]
    return {
        "preview": preview,
        "rows": rows,
        "more": more,
        "show": show,
        "counts": counts,
        "errors": [(error, heading_of(table.kind, error.column)) for error in preview.errors[:MOST_SHOWN]],
        "known": known,
        "has_ref": "ref" in NEEDED[table.kind],
        "has_bucket": any(p.row.bucket != "on_hand" for p in preview.rows),
        "is_absolute": table.kind in (TableKind.COUNT, TableKind.SAFETY),
        "may_apply": not preview.errors and not preview.refused and known is None,
    }


@require_POST
@page(SEE, ADJUST)
def apply_table(request: HttpRequest, table_id: int) -> HttpResponse:
    """The yes: all rows, or none."""
    table = _table(request, table_id)
    at_any_rate = request.POST.get("at_any_rate") == "yes"
    try:
        answer = services.apply_table(
            table_id=table.pk,
            reach=scope_of(request),
            seen=None if at_any_rate else request.POST.get("seen", ""),
            at=timezone.now(),
            actor=actor_of(request),
        )
    except StockMovedMeanwhile as error:
        messages.warning(request, error.sentence())
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    else:
        table = answer.table
        if answer.was_known:
            messages.info(request, _("This table is in the books already; nothing was done again."))
        else:
            count = table.moved
            text = ngettext("%(n)d row changed the stock.", "%(n)d rows changed the stock.", count) % {"n": count}
            messages.success(request, text)
    return _see(reverse("console:stock-table", args=[table.pk]))


@require_POST
@page(SEE, ADJUST)
def discard_table(request: HttpRequest, table_id: int) -> HttpResponse:
    """The no."""
    table = _table(request, table_id)
    try:
        services.discard_table(table_id=table.pk, reach=scope_of(request), at=timezone.now(), actor=actor_of(request))
        messages.info(request, _("The table was put aside; nothing was written."))
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    return back_to(request, "console:stock-tables")


@page(SEE, ADJUST)
def table_file(request: HttpRequest, table_id: int) -> HttpResponse:
    """The file as it came."""
    table = _table(request, table_id)
    response = HttpResponse(bytes(table.original), content_type="application/octet-stream")
    response["Content-Disposition"] = content_disposition_header(True, table.file_name) or "attachment"
    return response


@page(SEE, ADJUST)
def table_sample(request: HttpRequest, kind: str) -> HttpResponseBase:
    """A table of this kind to fill in."""
    if kind not in TableKind.values:
        raise Http404
    return table_download(selectors.sample_of(kind, today=timezone.localdate()), name=f"SAMPLE-{kind}", form="csv")


@page(SEE)
def export(request: HttpRequest) -> HttpResponseBase:
    """The stock in the reader's warehouses. format: csv (UTF-8 with its mark), gb18030 or xlsx."""
    levels = selectors.levels_in_scope(
        scope_of(request),
        text=request.GET.get("q", "").strip()[:64],
        warehouse=request.GET.get("warehouse", "")[:32],
    )
    name = f"stock-{timezone.localtime():%Y%m%d-%H%M}"
    return table_download(selectors.stock_as_table(levels), name=name, form=request.GET.get("format", "csv"))


def _table(request: HttpRequest, table_id: int) -> StockTable:
    table = selectors.tables_in_scope(scope_of(request)).filter(pk=table_id).first()
    if table is None:
        raise Http404
    return table


def _see(address: str) -> HttpResponse:
    response = HttpResponse(status=303)
    response["Location"] = address
    return response
