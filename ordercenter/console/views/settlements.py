"""Platform settlements: what each shop was paid out, orders that differ, signing off, the export."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from finance import services
from finance.matching import BILL_ZONE
from finance.models import OrderSettlement
from finance.states import SETTLEMENT_DIFFERENCES, SettlementVerdict
from ordercenter.cases.errors import ReasonMissing
from ordercenter.common.actor import actor_of
from ordercenter.common.admin_messages import report_batch
from ordercenter.common.csvsafe import Cell
from ordercenter.common.scope import scope_of
from ordercenter.console import wording
from ordercenter.console.downloads import table_download
from ordercenter.console.pages import back_to, page, whole_number
from ordercenter.console.selectors import settlements as selectors


@page("finance.view_ordersettlement")
def settlement_list(request: HttpRequest) -> HttpResponse:
    """Sums by shop of the last 30 days, and orders of the chosen shop and verdict."""
    scope = scope_of(request)
    of_shop, shop_id = _of_shop(request)
    counts = selectors.verdict_counts(of_shop)
    chosen = _chosen(request)
    rows, more = selectors.page_of(
        selectors.with_verdict(of_shop, "" if chosen == "all" else chosen),
        whole_number(request.GET.get("after", "")) or 0,
    )
    context = {
        "shops": selectors.sums_by_shop(scope, since=timezone.now() - selectors.LOOK_BACK),
        "shop_id": shop_id,
        "verdicts": [(verdict, counts[verdict]) for verdict in SettlementVerdict if counts.get(verdict)],
        "open_orders": sum(counts.get(verdict, 0) for verdict in SETTLEMENT_DIFFERENCES),
        "chosen": chosen,
        "rows": rows,
        "has_open": any(row.verdict in SETTLEMENT_DIFFERENCES for row in rows),
        "differences": SETTLEMENT_DIFFERENCES,
        "after": rows[-1].pk if more else None,
        "may_sign_off": request.user.has_perm("finance.sign_off_settlement"),
        "place": "settlements",
    }
    return render(request, "console/settlements.html", context)


@page("finance.view_ordersettlement")
def settlement_detail(request: HttpRequest, settlement_id: int) -> HttpResponse:
    """One order: its movements, their fees, and what our books say."""
    settlement = selectors.settlements_in_scope(scope_of(request)).filter(pk=settlement_id).first()
    if settlement is None:
        raise Http404
    movements = selectors.movements_of(settlement)
    context = {
        "settlement": settlement,
        "movements": [(row, _named(row.fees)) for row in movements],
        "fees": _named(settlement.fees),
        "difference": None if settlement.expected is None else settlement.paid - settlement.expected,
        "is_open": settlement.verdict in SETTLEMENT_DIFFERENCES,
        "may_sign_off": request.user.has_perm("finance.sign_off_settlement"),
        "place": "settlements",
    }
    return render(request, "console/settlement.html", context)


@require_POST
@page("finance.view_ordersettlement", "finance.sign_off_settlement")
def settlement_sign_off(request: HttpRequest) -> HttpResponse:
    """Accept the chosen differences with a reason."""
    chosen = [pk for text in request.POST.getlist("settlement") if (pk := whole_number(text)) is not None]
    ids = selectors.ids_in(selectors.settlements_in_scope(scope_of(request)), chosen)
    if not ids:
        messages.error(request, _("No order was chosen."))
    else:
        try:
            reason = request.POST.get("reason", "").replace("\x00", "").strip()[:200]
            actor = actor_of(request)
            result = services.sign_off_settlements(settlement_ids=ids, reason=reason, at=timezone.now(), actor=actor)
            report_batch(request, result)
        except ReasonMissing as error:
            messages.error(request, error.sentence())
    return back_to(request, reverse("console:settlements"))


@page("finance.view_ordersettlement")
def settlement_export(request: HttpRequest) -> HttpResponseBase:
    """The orders of the chosen shop and verdict. format: csv (UTF-8 with its mark), gb18030 or xlsx."""
    of_shop, _shop_id = _of_shop(request)
    chosen = _chosen(request)
    rows = selectors.with_verdict(of_shop, "" if chosen == "all" else chosen).order_by("pk")
    cells = chain([_heading()], _cells(rows))
    return table_download(cells, name="settlements", form=request.GET.get("format", "csv"))


def _of_shop(request: HttpRequest) -> tuple[QuerySet[OrderSettlement], int | None]:
    settlements = selectors.settlements_in_scope(scope_of(request))
    shop_id = whole_number(request.GET.get("shop", ""))
    return (settlements.filter(shop_id=shop_id) if shop_id is not None else settlements), shop_id


def _chosen(request: HttpRequest) -> str:
    chosen = request.GET.get("verdict", selectors.OPEN)
    return chosen if chosen in {selectors.OPEN, "all", *SettlementVerdict.values} else selectors.OPEN


def _named(fees: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(wording.fee_label(code), amount) for code, amount in fees.items()]


def _heading() -> list[Cell]:
    return [
        _("Shop"),
        _("Channel order number"),
        _("Verdict"),
        _("Paid by buyers"),
        _("Subsidies"),
        _("Fees"),
        _("Paid out"),
        _("Expected"),
        _("First settled"),
        _("Last settled"),
        _("Verdict before sign-off"),
        _("Reason of sign-off"),
    ]


def _cells(rows: QuerySet[OrderSettlement]) -> Iterator[list[Cell]]:
    verdicts = {"": "", **{verdict.value: str(verdict.label) for verdict in SettlementVerdict}}
    for row in rows.iterator(chunk_size=2000):
        yield [
            row.shop.name,
            row.channel_order_no,
            verdicts[row.verdict],
            row.paid,
            row.subsidies,
            row.fee_total,
            row.net,
            row.expected,
            _local(row.first_settled_at),
            _local(row.last_settled_at),
            verdicts[row.found_verdict],
            row.signed_off_reason,
        ]


def _local(at: datetime | None) -> str:
    return f"{at.astimezone(BILL_ZONE):%Y-%m-%d %H:%M:%S}" if at else ""
