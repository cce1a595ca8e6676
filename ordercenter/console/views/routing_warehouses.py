"""Calendars of warehouses: workdays, cut-off, waves, parcels per day, special days and temporary closings."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from fulfillment.models import WarehouseCalendar, WarehouseClosing, WarehouseDay, WarehouseLoad
from fulfillment.models.routing import ClosingPolicy
from fulfillment.services.routing_world import read_calendars
from ordercenter.common.scope import scope_of
from ordercenter.console.pages import page, whole_number
from ordercenter.inventory.models import Warehouse

AHEAD = 14


@page("fulfillment.view_warehousecalendar")
def calendars(request: HttpRequest) -> HttpResponse:
    """All warehouses of the reader with what their next days look like."""
    now, today = timezone.now(), timezone.localdate()
    found = list(_warehouses(request))
    days = read_calendars([warehouse.pk for warehouse in found])
    loads = {
        (warehouse_id, on): parcels
        for warehouse_id, on, parcels in WarehouseLoad.objects.filter(warehouse_id__in=days, on__gte=today).values_list(
            "warehouse_id", "on", "parcels"
        )
    }
    coming = [today + timedelta(days=n) for n in range(AHEAD)]
    rows = [
        {
            "warehouse": warehouse,
            "calendar": days[warehouse.pk],
            "closing": days[warehouse.pk].closing_at(now),
            "days": [
                {
                    "day": day,
                    "works": days[warehouse.pk].works_on(day),
                    "capacity": days[warehouse.pk].capacity_on(day),
                    "load": loads.get((warehouse.pk, day)),
                }
                for day in coming
            ],
        }
        for warehouse in found
    ]
    return render(request, "console/routing_calendars.html", {"rows": rows, "coming": coming, "place": "routing"})


@page("fulfillment.view_warehousecalendar")
def calendar(request: HttpRequest, warehouse_id: int) -> HttpResponse:
    """One warehouse: its calendar, special days and closings, each with a small form."""
    warehouse = _warehouses(request).filter(pk=warehouse_id).first()
    if warehouse is None:
        raise Http404
    if request.method == "POST":
        try:
            _save(request, warehouse)
            messages.success(request, _("Saved; it counts from the next order on."))
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        return HttpResponseRedirect(reverse("console:routing-calendar", args=[warehouse.pk]))
    today = timezone.localdate()
    context = {
        "warehouse": warehouse,
        "calendar": WarehouseCalendar.objects.filter(warehouse=warehouse).first() or WarehouseCalendar(),
        "weekdays": [(n, name) for n, name in enumerate(_weekdays(), start=1)],
        "special": WarehouseDay.objects.filter(warehouse=warehouse, on__gte=today).order_by("on"),
        "closings": WarehouseClosing.objects.filter(warehouse=warehouse, reopens_on__gt=today).order_by("starts_on"),
        "policies": ClosingPolicy.choices,
        "today": today.isoformat(),
        "may_change": request.user.has_perm("fulfillment.change_warehousecalendar"),
        "place": "routing",
    }
    return render(request, "console/routing_calendar.html", context)


def _warehouses(request: HttpRequest) -> Any:
    return scope_of(request).narrow(Warehouse.objects.filter(is_open=True).order_by("code"), warehouse="pk")


def _save(request: HttpRequest, warehouse: Warehouse) -> None:
    """One of the forms. Raises ValidationError in plain words, PermissionDenied."""
    data, what = request.POST, request.POST.get("what", "")
    needed = {
        "calendar": "fulfillment.change_warehousecalendar",
        "day": "fulfillment.add_warehouseday",
        "drop-day": "fulfillment.delete_warehouseday",
        "closing": "fulfillment.add_warehouseclosing",
        "drop-closing": "fulfillment.delete_warehouseclosing",
    }
    if what not in needed or not request.user.has_perm(needed[what]):
        raise PermissionDenied
    pk = data.get("pk", "")
    chosen = whole_number(pk) or 0
    if what == "drop-day":
        for day in WarehouseDay.objects.filter(pk=chosen, warehouse=warehouse):
            day.delete()
        return
    if what == "drop-closing":
        for closing in WarehouseClosing.objects.filter(pk=chosen, warehouse=warehouse):
            closing.delete()
        return
    row: Any
    if what == "calendar":
        row = WarehouseCalendar.objects.filter(warehouse=warehouse).first() or WarehouseCalendar(warehouse=warehouse)
        row.workdays = sorted(int(n) for n in data.getlist("workday") if n in tuple("1234567"))
        row.cut_off = _time(data["cut_off"]) if data.get("cut_off", "").strip() else None
        row.waves = [_time(part) for part in data.get("waves", "").replace("，", ",").split(",") if part.strip()]
        row.daily_parcels = _number(data.get("daily_parcels", ""))
        row.full_excludes = data.get("full_excludes") == "1"
    elif what == "day":
        on = _date(data.get("on", ""))
        row = WarehouseDay.objects.filter(warehouse=warehouse, on=on).first() or WarehouseDay(
            warehouse=warehouse, on=on
        )
        row.is_workday = data.get("is_workday") == "1"
        row.daily_parcels = _number(data.get("daily_parcels", ""))
        row.note = data.get("note", "").strip()[:100]
    else:
        row = WarehouseClosing(
            warehouse=warehouse,
            starts_on=_date(data.get("starts_on", "")),
            reopens_on=_date(data.get("reopens_on", "")),
            policy=data.get("policy", ""),
            reason=data.get("reason", "").strip()[:200],
        )
        if row.reopens_on <= row.starts_on:
            raise ValidationError(_("The warehouse opens again after it shuts."))
    row.full_clean()
    row.save()


def _time(text: str) -> time:
    try:
        return time.fromisoformat(text.strip())
    except ValueError:
        raise ValidationError(_("%(text)s is not a time such as 16:00.") % {"text": text}) from None


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise ValidationError(_("A date such as 2026-11-22 belongs here.")) from None


def _number(text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        raise ValidationError(_("%(text)s is not a whole number.") % {"text": text})
    return int(text)


def _weekdays() -> list[str]:
    return [_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun")]
