"""Reconciliation: the bills, their differences, signing off, closing the day, the export."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from finance import services
from finance.models import Statement, StatementLine
from finance.states import LineState
from ordercenter.cases.errors import ReasonMissing
from ordercenter.common.actor import actor_of
from ordercenter.common.admin_messages import report_batch
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import scope_of
from ordercenter.console.pages import back_to, page, whole_number
from ordercenter.console.selectors import statements as selectors

ENCODINGS = {"utf-8": "utf-8-sig", "gb18030": "gb18030"}
LIST_ROWS = 60


@page("finance.view_statement")
def statement_list(request: HttpRequest) -> HttpResponse:
    """The bills of the last weeks, newest business day first."""
    rows = list(selectors.statements_in_scope(scope_of(request))[:LIST_ROWS])
    open_lines = selectors.open_counts([statement.pk for statement in rows])
    context = {"rows": [(row, open_lines.get(row.pk, 0)) for row in rows], "place": "statements"}
    return render(request, "console/statements.html", context)


@page("finance.view_statement")
def statement_detail(request: HttpRequest, statement_id: int) -> HttpResponse:
    """One bill: totals, verdicts, lines of the chosen verdict."""
    statement = _statement(request, statement_id)
    verdicts = selectors.verdicts_of(statement)
    chosen = request.GET.get("verdict", "open")
    if chosen not in {"open", "all", *LineState.values}:
        chosen = "open"
    after = request.GET.get("after", "")
    place = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0
    lines, more = selectors.lines_of(statement, "" if chosen == "all" else chosen, place)
    context = {
        "statement": statement,
        "verdicts": verdicts,
        "open_lines": sum(row.total for row in verdicts if row.is_open),
        "chosen": chosen,
        "lines": lines,
        "after": lines[-1].pk if more else None,
        "may_sign_off": request.user.has_perm("finance.sign_off_difference") and statement.state != "closed",
        "may_close": request.user.has_perm("finance.close_statement") and statement.state == "matched",
        "place": "statements",
    }
    return render(request, "console/statement.html", context)


@require_POST
@page("finance.view_statement", "finance.sign_off_difference")
def sign_off(request: HttpRequest, statement_id: int) -> HttpResponse:
    """Accept the chosen differences with a reason."""
    statement = _statement(request, statement_id)
    chosen = [pk for text in request.POST.getlist("line") if (pk := whole_number(text)) is not None]
    ids = list(StatementLine.objects.filter(statement=statement, pk__in=chosen).values_list("pk", flat=True))
    if not ids:
        messages.error(request, _("No line was chosen."))
    else:
        try:
            reason = request.POST.get("reason", "").strip()[:200]
            result = services.sign_off(line_ids=ids, reason=reason, at=timezone.now(), actor=actor_of(request))
            report_batch(request, result)
        except ReasonMissing as error:
            messages.error(request, error.sentence())
    return back_to(request, reverse("console:statement", args=[statement.pk]))


@require_POST
@page("finance.view_statement", "finance.close_statement")
def close(request: HttpRequest, statement_id: int) -> HttpResponse:
    """Make the business day final."""
    statement = _statement(request, statement_id)
    try:
        services.close_day(statement_id=statement.pk, at=timezone.now(), actor=actor_of(request))
        messages.success(request, _("The business day is closed."))
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    return back_to(request, reverse("console:statement", args=[statement.pk]))


@page("finance.view_statement", "finance.view_statementline")
def export(request: HttpRequest, statement_id: int) -> HttpResponseBase:
    """All lines of a bill with their verdicts as CSV; encoding: utf-8 (with byte order mark) or gb18030."""
    statement = _statement(request, statement_id)
    encoding = request.GET.get("encoding", "utf-8")
    if encoding not in ENCODINGS:
        raise Http404
    rows = services.export_statement_lines(statement_id=statement.pk, encoding=ENCODINGS[encoding])
    response = StreamingHttpResponse(rows, content_type=f"text/csv; charset={encoding}")
    name = f"{statement.provider}-{statement.business_day:%Y%m%d}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _statement(request: HttpRequest, statement_id: int) -> Statement:
    statement = selectors.statements_in_scope(scope_of(request)).filter(pk=statement_id).first()
    if statement is None:
        raise Http404
    return statement
