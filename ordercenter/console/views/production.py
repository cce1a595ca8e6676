"""The production page: calendars, ways of making, what is being made; and the forms behind its buttons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ordercenter.common.actor import Actor, actor_of
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import scope_of
from ordercenter.console import production_forms
from ordercenter.console import stock_forms as forms
from ordercenter.console.pages import back_to, page
from ordercenter.console.selectors import production as selectors
from ordercenter.inventory import services
from ordercenter.inventory.models import Component, ProductionOrder, ProductionResource, ProductionRoute
from ordercenter.inventory.services import Way
from ordercenter.inventory.services.promising import SHANGHAI
from ordercenter.inventory.states import ProductionState

SEE, PLAN = "inventory.view_productionorder", "inventory.plan_production"


@dataclass(frozen=True)
class Step:
    """A verb of the page. run: does it, answers with the words."""

    label: str | Promise
    form: type[forms.ReasonForm]
    run: Callable[[dict[str, Any], datetime, Actor], str]


def _resource(data: dict[str, Any], at: datetime, actor: Actor) -> str:
    services.set_resource(
        code=data["code"],
        name=data["name"],
        warehouse_id=data["warehouse"].pk,
        is_active=data["is_active"],
        reason=data["reason"],
        at=at,
        actor=actor,
    )
    return _("The resource is written down.")


def _calendar(data: dict[str, Any], at: datetime, actor: Actor) -> str:
    result = services.plan_days(
        resource_id=data["resource"].pk,
        first=data["first"],
        last=data["last"],
        weekdays=data["weekdays"],
        minutes=data["minutes"],
        reason=data["reason"],
        at=at,
        actor=actor,
    )
    words = ngettext("%(n)d day is planned.", "%(n)d days are planned.", len(result.done)) % {"n": len(result.done)}
    if result.refused:
        days = ", ".join(f"{refusal.key:%m-%d}" for refusal in result.refused[:10])
        words += " " + _("Left as they are, because more is booked: %(days)s.") % {"days": days}
    return words


def _way(data: dict[str, Any], at: datetime, actor: Actor) -> str:
    way = Way(
        data["resource"].pk,
        data["minutes_per_unit"],
        data["setup_days"],
        data["lead_days"],
        data["parts"],
        data["is_active"],
    )
    services.set_way(sku_id=data["sku"].pk, way=way, reason=data["reason"], at=at, actor=actor)
    return _("The way of making is written down.")


def _make(data: dict[str, Any], at: datetime, actor: Actor) -> str:
    order = services.make_to_stock(
        sku_id=data["sku"].pk, quantity=data["quantity"], key=data["key"], reason=data["reason"], at=at, actor=actor
    )
    return _("They will be ready on %(day)s.") % {"day": f"{order.ready_on:%Y-%m-%d}"}


STEPS = {
    "make": Step(gettext_lazy("Make for stock"), production_forms.MakeForm, _make),
    "calendar": Step(gettext_lazy("Plan days"), production_forms.CalendarForm, _calendar),
    "way": Step(gettext_lazy("Way of making"), production_forms.WayForm, _way),
    "resource": Step(gettext_lazy("Production resource"), production_forms.ResourceForm, _resource),
}


@page(SEE)
def overview(request: HttpRequest) -> HttpResponse:
    """Two weeks of every resource, how things are made, and what is being made."""
    shop = selectors.workshop(scope_of(request), today=timezone.now().astimezone(SHANGHAI).date())
    may_plan = request.user.has_perm(PLAN)
    context = {
        "shop": shop,
        "may_plan": may_plan,
        "steps": [(name, step.label) for name, step in STEPS.items()] if may_plan else [],
        "place": "stock",
        "tab": "production",
    }
    return render(request, "console/production.html", context)


@page(SEE, PLAN)
def production_step(request: HttpRequest, verb: str) -> HttpResponse:
    """GET: a form, with what holds now. POST: do it, or say why not."""
    step = STEPS.get(verb)
    if step is None:
        raise Http404
    form = step.form(request.POST or None, scope=scope_of(request), initial=_start(verb, request))
    if request.method == "POST" and form.is_valid():
        try:
            if verb != "calendar":
                _must_be_in_reach(request, verb, form.cleaned_data)
            messages.success(request, step.run(form.cleaned_data, timezone.now(), actor_of(request)))
            return back_to(request, "console:production")
        except OrderCenterError as error:
            form.add_error(None, error.sentence())
    context = {"label": step.label, "form": form, "place": "stock", "tab": "production"}
    return render(request, "console/production_step.html", context, status=400 if form.errors else 200)


def _must_be_in_reach(request: HttpRequest, verb: str, data: dict[str, Any]) -> None:
    """What is made in, or changed at, a warehouse of others is not this person's."""
    scope = scope_of(request)
    if verb in ("make", "way"):
        owner = ProductionRoute.objects.filter(sku=data["sku"]).values_list("resource__warehouse_id", flat=True).first()
    else:
        owner = ProductionResource.objects.filter(code=data["code"]).values_list("warehouse_id", flat=True).first()
    if owner is not None and not scope.has_warehouse(owner):
        raise Http404


def _start(verb: str, request: HttpRequest) -> dict[str, Any]:
    chosen = {name: request.GET[name] for name in ("sku", "resource", "code") if name in request.GET}
    if verb == "way" and "sku" in chosen:
        routes = scope_of(request).narrow(ProductionRoute.objects.all(), warehouse="resource__warehouse_id")
        route = routes.filter(sku__code=chosen["sku"]).first()
        if route is not None:
            parts = Component.objects.filter(route=route).select_related("part").order_by("part__code")
            names = ("resource", "minutes_per_unit", "setup_days", "lead_days", "is_active")
            chosen |= {name: getattr(route, name) for name in names}
            chosen["parts"] = "\n".join(f"{c.part.code} {c.quantity}" for c in parts)
    if verb == "resource" and "code" in chosen:
        resources = scope_of(request).narrow(ProductionResource.objects.all(), warehouse="warehouse_id")
        resource = resources.filter(code=chosen["code"]).first()
        if resource is not None:
            chosen |= {name: getattr(resource, name) for name in ("name", "warehouse", "is_active")}
    return chosen


@page(SEE, PLAN)
def order_step(request: HttpRequest, production_id: int, verb: str) -> HttpResponse:
    """finish: the pieces are made. stop: they will not be."""
    if verb not in ("finish", "stop"):
        raise Http404
    scope = scope_of(request)
    orders = ProductionOrder.objects.filter(state=ProductionState.PLANNED).select_related("sku", "resource__warehouse")
    order = scope.narrow(orders, warehouse="resource__warehouse_id").filter(pk=production_id).first()
    if order is None:
        raise Http404
    form = forms.EndForm(request.POST or None, scope=scope)
    if request.method == "POST" and form.is_valid():
        reason = form.cleaned_data["reason"]
        try:
            if verb == "finish":
                services.report_made(
                    production_ids=[order.pk], reason=reason, at=timezone.now(), actor=actor_of(request)
                ).raise_first()
                messages.success(request, _("The pieces are in the warehouse; orders that wait for them go on."))
            else:
                services.stop_production(
                    production_id=order.pk, reason=reason, at=timezone.now(), actor=actor_of(request)
                )
                messages.success(request, _("They will not be made; minutes and parts are free."))
            return back_to(request, "console:production")
        except OrderCenterError as error:
            form.add_error(None, error.sentence())
    parts = Component.objects.filter(route__sku=order.sku).select_related("part").order_by("part__code")
    context = {
        "order": order,
        "parts": [(c.part, c.quantity * order.quantity) for c in parts],
        "verb": verb,
        "form": form,
        "place": "stock",
    }
    return render(request, "console/production_order.html", context, status=400 if form.errors else 200)
