"""Files of orders: brought, matched, looked at order by order, taken in; what was refused goes back as a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from channels_sync.order_file_models import OrderFile
from channels_sync.order_files import bringing
from channels_sync.order_files.columns import HEADINGS, LABELS, NEEDED, missing_of
from channels_sync.order_files.mistakes import take_out_refused
from channels_sync.order_files.words import trouble_of
from channels_sync.states import FileState, FileVerdict
from ordercenter.common.actor import actor_of
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import scope_of
from ordercenter.common.table_reader import ENCODINGS
from ordercenter.console.downloads import table_download
from ordercenter.console.pages import page
from ordercenter.console.selectors import order_files as selectors

VIEW, ADD = "channels_sync.view_orderfile", "channels_sync.add_orderfile"
LIST_ROWS = 50
SIGNS = {
    ",": gettext_lazy("comma"),
    ";": gettext_lazy("semicolon"),
    "\t": gettext_lazy("tab"),
    "|": gettext_lazy("vertical bar"),
}
_SAMPLE_ORDER = ("A-1001", "", "2026-11-30 10:00", "2026-11-30 10:05", "已付款", "SKU-1", "", "2", "19.90")


@require_http_methods(["GET", "POST"])
@page(VIEW)
def file_list(request: HttpRequest) -> HttpResponse:
    """The files of late, and the form for another one."""
    scope = scope_of(request)
    may_add = request.user.has_perm(ADD)
    shops = selectors.shops_for_files(scope) if may_add else []
    if request.method == "POST":
        if not may_add:
            raise Http404
        return _take(request, {shop.code for shop in shops})
    files = list(selectors.files_in_scope(scope)[:LIST_ROWS])
    context = {"files": files, "shops": shops, "may_add": may_add, "place": "orders"}
    return render(request, "console/order_files.html", context)


def _take(request: HttpRequest, shops: set[str]) -> HttpResponse:
    upload, code = request.FILES.get("table"), request.POST.get("shop", "")
    if upload is None or code not in shops:
        messages.error(request, _("Choose the shop, and a CSV or XLSX file of at most 64 MB."))
        return redirect("console:order-files")
    try:
        brought = bringing.bring_file(
            shop=bringing.shop_for_files(code, scope_of(request)),
            pieces=upload.chunks,
            file_name=upload.name or "",
            actor=actor_of(request),
            at=timezone.now(),
        )
    except OrderCenterError as error:
        messages.error(request, error.sentence())
        return redirect("console:order-files")
    if brought.was_known:
        messages.info(request, _("This very file came before; here is what became of it. Nothing is done again."))
    return redirect("console:order-file", brought.file.pk)


@page(VIEW)
def file_detail(request: HttpRequest, file_id: int) -> HttpResponse:
    """One file: how far it is, how it is read, and what each of its orders does."""
    file = _file(request, file_id)
    template = "console/_order_file_progress.html" if request.headers.get("HX-Request") else "console/order_file.html"
    if request.headers.get("HX-Request") and not file.is_at_work:
        response = HttpResponse(status=204)
        response["HX-Refresh"] = "true"
        return response
    context: dict[str, Any] = {"file": file, "place": "orders", "trouble": trouble_of(file.trouble)}
    context["percent"] = min(100, file.progress * 100 // file.total) if file.total else None
    if not file.is_at_work:
        context |= _looked_at(request, file)
    return render(request, template, context)


def _looked_at(request: HttpRequest, file: OrderFile) -> dict[str, Any]:
    shown = request.GET.get("show", "")
    if shown not in FileVerdict.values:
        shown = FileVerdict.REFUSED if file.refused and "show" not in request.GET else ""
    after = request.GET.get("after", "")
    place = int(after) if after.isascii() and after.isdigit() and len(after) < 10 else 0
    orders, more = selectors.orders_of(file, verdict=shown, after=place)
    is_open = file.state in (FileState.READ, FileState.CHECKED, FileState.FAILED)
    return {
        "orders": orders,
        "more": orders[-1].row.first_row if more else None,
        "shown": shown,
        "first_rows": selectors.first_rows(file) if is_open else [],
        "columns": [(name, LABELS[name], file.columns.get(name, ""), name in NEEDED) for name in HEADINGS],
        "headings": [heading for heading in dict.fromkeys(file.headings) if heading],
        "missing": [LABELS[name] for name in missing_of(file.columns)] if file.state == FileState.READ else [],
        "encodings": ENCODINGS,
        "signs": SIGNS.items(),
        "sign": SIGNS.get(file.delimiter, ""),
        "may_change": is_open and request.user.has_perm(ADD),
        "may_take": file.state == FileState.CHECKED and request.user.has_perm(ADD),
    }


@require_POST
@page(VIEW, ADD)
def file_verb(request: HttpRequest, file_id: int, verb: str) -> HttpResponse:
    """What a person says to a file: read it differently, match its columns, take it in, discard it."""
    file = _file(request, file_id)
    given: dict[str, Any] = {
        "file_id": file.pk,
        "reach": scope_of(request),
        "actor": actor_of(request),
        "at": timezone.now(),
    }
    try:
        _do(request, verb, given)
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    return redirect("console:order-file", file.pk)


def _do(request: HttpRequest, verb: str, given: dict[str, Any]) -> None:
    if verb == "read":
        encoding, sign = request.POST.get("encoding", ""), request.POST.get("delimiter", "")
        row = request.POST.get("heading_row", "")
        bringing.read_differently(
            encoding=encoding if encoding in ENCODINGS else "",
            delimiter=sign if sign in SIGNS else "",
            heading=int(row) if row.isascii() and row.isdigit() and len(row) < 7 else 0,
            **given,
        )
    elif verb == "columns":
        chosen = {name: request.POST[f"column_{name}"][:110] for name in HEADINGS if f"column_{name}" in request.POST}
        unsaid = "created" if request.POST.get("unsaid_status") == "created" else "paid"
        bringing.match_columns(columns=chosen, unsaid_status=unsaid, **given)
    elif verb == "import":
        bringing.approve_file(**given)
    elif verb == "discard":
        bringing.discard_file(**given)
        messages.info(request, _("The file was discarded; nothing of it was taken in."))
    else:
        raise Http404


@page(VIEW, ADD)
def refused_file(request: HttpRequest, file_id: int) -> HttpResponseBase:
    """The rows of refused orders, in their own columns, the reason beside them."""
    file = _file(request, file_id)
    rows = take_out_refused(file=file, actor=actor_of(request), at=timezone.now())
    return _sheet(rows, f"orders-{file.pk}-refused", request.GET.get("format", "csv"))


@page(VIEW)
def sample(request: HttpRequest) -> HttpResponseBase:
    """A table to fill in, with every column."""
    headings = [names[0] for names in HEADINGS.values()]
    filled = dict(zip(headings, _SAMPLE_ORDER, strict=False)) | {
        "收货人": "王小明",
        "手机": "13800001234",
        "省": "浙江省",
        "市": "杭州市",
        "区": "西湖区",
        "收货地址": "文三路90号",
        "运费": "0.00",
    }
    return _sheet([headings, [filled.get(heading, "") for heading in headings]], "SAMPLE-orders", "csv")


def _sheet(rows: Iterable[Sequence[str]], name: str, form: str) -> HttpResponseBase:
    response = table_download(rows, name=name, form=form)
    # Receivers are in it: no copy in anybody's cache.
    response["Cache-Control"] = "no-store"
    return response


def _file(request: HttpRequest, file_id: int) -> OrderFile:
    file = selectors.files_in_scope(scope_of(request)).filter(pk=file_id).first()
    if file is None:
        raise Http404
    return file
