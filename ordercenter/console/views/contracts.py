"""The contract editor: courier contracts as matrices, what a parcel would cost, rate tables in and out."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from fulfillment.models import CourierContract
from fulfillment.services.courier_contracts import export_contracts, import_contracts, sample_table
from fulfillment.services.courier_prices import contracts_on
from ordercenter.common.actor import actor_of
from ordercenter.common.addresses import parse_address
from ordercenter.common.divisions import divisions
from ordercenter.common.scope import scope_of
from ordercenter.common.sheets import SheetUnreadable
from ordercenter.console.pages import page, whole_number
from ordercenter.console.selectors import contracts as selectors

LARGEST_FILE = 10 * 1024 * 1024
_TERMS = {
    "tier": gettext_lazy("tier"),
    "first": gettext_lazy("first weight"),
    "steps": gettext_lazy("further weight"),
    "minimum": gettext_lazy("up to the minimum charge"),
    "remote": gettext_lazy("remote fee"),
    "oversize": gettext_lazy("oversize fee"),
    "insurance": gettext_lazy("insurance"),
    "peak": gettext_lazy("peak fee"),
}


@page("fulfillment.view_couriercontract")
def editor(request: HttpRequest) -> HttpResponse:
    """All contracts, the chosen one as a matrix, and the calculator."""
    return render(request, "console/contracts.html", _context(request))


def _context(request: HttpRequest) -> dict[str, object]:
    on = _day(request.GET.get("on", "")) or timezone.localdate()
    contracts = list(selectors.contracts_in_scope(scope_of(request)))
    wanted = request.GET.get("contract", "")
    chosen = next((c for c in contracts if str(c.pk) == wanted), None)
    if chosen is None:
        chosen = next((c for c in contracts if _holds(c, on)), contracts[0] if contracts else None)
    return {
        "contracts": [(contract, _holds(contract, on)) for contract in contracts],
        "view": selectors.view_of(chosen, on=on) if chosen is not None else None,
        "weights": [Decimal(grams) / 1000 for grams in selectors.WEIGHTS_G],
        "on": on,
        "calculator": _calculator(request, contracts, on),
        "may_edit": request.user.has_perms(
            ["fulfillment.add_couriercontract", "fulfillment.change_couriercontract", "fulfillment.add_courierrate"]
        ),
        "place": "contracts",
    }


def _holds(contract: CourierContract, on: date) -> bool:
    return contract.is_active and contract.valid_from <= on and (contract.ends_on is None or on < contract.ends_on)


def _calculator(request: HttpRequest, contracts: list[CourierContract], on: date) -> dict[str, object]:
    """The question as it was asked, and the answer if it can be given."""
    asked = {name: request.GET.get(name, "").strip()[:200] for name in ("to", "kg", "cm3", "value", "warehouse")}
    warehouses = sorted({(c.warehouse_id, str(c.warehouse)) for c in contracts})
    result: dict[str, object] = {"asked": asked, "warehouses": warehouses, "problem": "", "offers": []}
    if not asked["to"]:
        return result
    weight, volume, value = (_number(asked[name]) for name in ("kg", "cm3", "value"))
    code, place, is_sure = _destination(asked["to"])
    if None in (weight, volume, value):
        return result | {"problem": _("Weight, volume and value are numbers from 0 up.")}
    if not code:
        return result | {"problem": _("No province or city is found in that address.")}
    holding = set(contracts_on(on).values_list("pk", flat=True))
    asked_of = [c for c in contracts if c.pk in holding and asked["warehouse"] in ("", str(c.warehouse_id))]
    offers = selectors.offers_of(
        asked_of,
        code=code,
        weight_g=int((weight or Decimal(0)) * 1000),
        volume_cm3=int(volume or 0),
        value=value or Decimal(0),
        on=on,
    )
    labelled = [(offer, [(_TERMS[term], amount) for term, amount in offer.price.terms]) for offer in offers]
    return result | {"offers": labelled, "place_name": place, "is_sure": is_sure, "code": code}


def _destination(text: str) -> tuple[str, str, bool]:
    if text in divisions() or (text.isdigit() and any(code.startswith(text) for code in divisions())):
        return text, selectors.zone_name(text), True
    parsed = parse_address(text)
    place = parsed.place
    name = " ".join(part for part in (place.province, place.city, place.county) if part)
    return place.code, name, parsed.is_sure


def _number(text: str) -> Decimal | None:
    try:
        value = Decimal(text or "0")
    except InvalidOperation:
        return None
    return value if value.is_finite() and 0 <= value < 10**7 else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


@require_POST
@page("fulfillment.add_couriercontract", "fulfillment.change_couriercontract", "fulfillment.add_courierrate")
def take_table(request: HttpRequest) -> HttpResponse:
    """A rate table: written whole, or every mistake shown with its row."""
    file = request.FILES.get("table")
    context = _context(request)
    if file is None or file.size is None or file.size > LARGEST_FILE:
        messages.error(request, _("Choose a CSV or XLSX file of at most 10 MB."))
        return render(request, "console/contracts.html", context, status=400)
    try:
        result = import_contracts(
            content=file.read(),
            at=timezone.now(),
            actor=actor_of(request),
            reach=scope_of(request),
            closes_earlier=request.POST.get("closes_earlier") == "yes",
        )
    except SheetUnreadable:
        messages.error(
            request,
            _("The file is no table with the columns %(names)s. Take the sample table as a start.")
            % {"names": ", ".join(("warehouse", "courier", "valid_from", "zone"))},
        )
        return render(request, "console/contracts.html", context, status=400)
    if result.errors:
        context["errors"] = result.errors
        return render(request, "console/contracts.html", context, status=400)
    count = len(result.created) + len(result.replaced)
    messages.success(
        request,
        ngettext(
            "%(count)d contract with %(rates)d rates was written.",
            "%(count)d contracts with %(rates)d rates were written.",
            count,
        )
        % {"count": count, "rates": result.rates},
    )
    response = HttpResponse(status=303)
    response["Location"] = f"{reverse('console:contracts')}?contract={(*result.created, *result.replaced)[0]}"
    return response


@page("fulfillment.view_couriercontract", "fulfillment.view_courierrate")
def export(request: HttpRequest) -> HttpResponseBase:
    """All contracts in scope as a table that can be taken in again."""
    wanted = request.GET.get("contract", "")
    contracts = selectors.contracts_in_scope(scope_of(request))
    if wanted:
        contracts = contracts.filter(pk=whole_number(wanted))
        if not contracts.exists():
            raise Http404
    rows = export_contracts(CourierContract.objects.filter(pk__in=contracts.values("pk")))
    return _file(StreamingHttpResponse(rows, content_type="text/csv; charset=utf-8"), "courier-contracts.csv")


@page("fulfillment.view_couriercontract")
def sample(request: HttpRequest) -> HttpResponseBase:
    """A table to fill in; its figures are samples, and say so."""
    return _file(StreamingHttpResponse(sample_table(), content_type="text/csv; charset=utf-8"), "SAMPLE-contracts.csv")


def _file(response: StreamingHttpResponse, name: str) -> StreamingHttpResponse:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
