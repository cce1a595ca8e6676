"""Trials of routing rules on past days: asked for, and read."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from fulfillment.models import RoutingRuleVersion, ShadowRun
from fulfillment.routing.explain import explain
from fulfillment.services import routing_rules as rules
from fulfillment.services.explaining import names_for, sentences_of
from fulfillment.services.shadow import document_of, start_shadow
from ordercenter.common.actor import actor_of
from ordercenter.common.scope import scope_of
from ordercenter.console.pages import page, whole_number
from ordercenter.workflow.errors import DocumentInvalid

SHOWN = 60


@page("fulfillment.view_shadowrun", "catalog.all_shops")
def shadow_list(request: HttpRequest) -> HttpResponse:
    """The trials so far, and the form of a new one."""
    if request.method == "POST":
        if not request.user.has_perm("fulfillment.add_shadowrun"):
            raise PermissionDenied
        try:
            run = start_shadow(
                name=request.POST.get("name", "").strip() or _("Trial"),
                trial=_trial(request),
                base=rules.active_document(),
                first_day=date.fromisoformat(request.POST.get("first", "")),
                last_day=date.fromisoformat(request.POST.get("last", "")),
                actor=actor_of(request),
            )
            return HttpResponseRedirect(reverse("console:routing-shadow", args=[run.pk]))
        except (ValueError, DocumentInvalid):
            messages.error(
                request, _("Choose a first and a last day, at most two months apart, and rules without errors.")
            )
    today = timezone.localdate()
    context = {
        "runs": ShadowRun.objects.defer("base", "trial").select_related("created_by").order_by("-pk")[:SHOWN],
        "versions": RoutingRuleVersion.objects.defer("document").order_by("-number")[:20],
        "first": (today - timedelta(days=7)).isoformat(),
        "last": (today - timedelta(days=1)).isoformat(),
        "may_add": request.user.has_perm("fulfillment.add_shadowrun"),
        "place": "routing",
    }
    return render(request, "console/routing_shadows.html", context)


@page("fulfillment.view_shadowrun", "catalog.all_shops")
def shadow_detail(request: HttpRequest, run_id: int) -> HttpResponse:
    """One trial: figures per day, and the orders that differ with both explanations."""
    run = ShadowRun.objects.select_related("created_by").filter(pk=run_id).first()
    if run is None or not scope_of(request).has_shop(None):
        raise Http404
    rows = list(run.differences.select_related("order").order_by("-saved_fen", "pk")[:SHOWN])
    names = names_for([record for row in rows for record in (row.base, row.trial)])
    base = replace(names, rules=sentences_of(document_of(run, "base")))
    trial = replace(names, rules=sentences_of(document_of(run, "trial")))
    report: dict[str, Any] = run.report
    context = {
        "run": run,
        "report": report,
        "saved_fen": report.get("saved_fen"),
        "days": [(day, day["saved_fen"]) for day in report.get("days", ())],
        "differences": [(row, explain(row.base, base), explain(row.trial, trial)) for row in rows],
        "place": "routing",
    }
    return render(request, "console/routing_shadow.html", context)


def _trial(request: HttpRequest) -> dict[str, Any]:
    """The rules to try: the draft, or a version; with another strategy where one is chosen."""
    chosen = request.POST.get("version", "")
    version = whole_number(chosen)
    if version is not None:
        found = RoutingRuleVersion.objects.filter(pk=version).values_list("document", flat=True).first()
        if found is None:
            raise ValueError(chosen)
        document: dict[str, Any] = found
    else:
        document = rules.draft_document(rules.rule_set())
    strategy = request.POST.get("strategy", "")
    if strategy in ("exact", "single"):
        document = {**document, "costs": {**document.get("costs", {}), "strategy": strategy}}
    return document
