"""The editor of routing rules: the draft as a list of steps, its tables and costs, versions, who would be affected."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from fulfillment.models import Carrier, RoutingRuleVersion
from fulfillment.routing.rule_diff import Difference, differences
from fulfillment.routing.rule_document import KINDS, POLICIES, Rule, RuleDocument
from fulfillment.routing.rule_fields import goods_fields, order_fields
from fulfillment.routing.rule_words import rule_sentence
from fulfillment.services import routing_rules as rules
from fulfillment.services.explaining import readable_document
from fulfillment.services.previewing import preview_rules
from ordercenter.catalog.models import Shop
from ordercenter.common.actor import actor_of
from ordercenter.common.errors import OrderCenterError
from ordercenter.console import rule_forms as forms
from ordercenter.console.condition_forms import DEEPEST, ConditionForm, modes, posted_condition_form
from ordercenter.console.downloads import table_download
from ordercenter.console.pages import page, whole_number
from ordercenter.inventory.models import Warehouse

PREVIEWED = 200
MOST_BYTES = 2_000_000


@page("fulfillment.view_routingruleset")
def editor(request: HttpRequest) -> HttpResponse:
    """The draft, or the active rules where there is none, as sentences in their order."""
    row = rules.rule_set()
    source = rules.draft_document(row)
    document = readable_document(source)
    findings = rules.findings_of(source)
    marks: dict[str, list[Any]] = {}
    for finding in findings:
        marks.setdefault(finding.node, []).append(finding)
    steps = [(rule, sentence, marks.get(rule.id, ())) for rule, sentence in _sentences(document)]
    versions = RoutingRuleVersion.objects.filter(rule_set=row).defer("document").select_related("created_by")
    context = {
        "row": row,
        "document": document,
        "steps": steps,
        "findings": findings,
        "has_errors": any(finding.severity == "error" for finding in findings),
        "kinds": [(code, kind.label) for code, kind in KINDS.items()],
        "costs": _costs(document),
        "changes": _changes(document) if row.draft is not None else [],
        "versions": versions.order_by("-number")[:20],
        "may_change": request.user.has_perm("fulfillment.change_routingruleset"),
        "may_activate": request.user.has_perm("fulfillment.activate_routingruleset"),
        "place": "routing",
    }
    return render(request, "console/routing_rules.html", context)


@page("fulfillment.view_routingruleset", "fulfillment.change_routingruleset")
def rule(request: HttpRequest) -> HttpResponse:
    """The form of one rule: a new one of a kind, or one of the draft; a faulty form comes back as it was filled in."""
    row = rules.rule_set()
    source = rules.draft_document(row)
    document = readable_document(source)
    wanted = request.POST.get("id") or request.GET.get("id", "")
    known = next((each for each in document.rules if each.id == wanted), None)
    raw = next((each for each in source["rules"] if each["id"] == wanted), None)
    kind = request.POST.get("kind") or (known.kind if known is not None else request.GET.get("kind", ""))
    if kind not in KINDS:
        raise Http404
    if request.method == "POST":
        try:
            if known is not None and request.POST.get("new") == "1":
                raise forms.FormProblem(_("There is a rule with the short name %(id)s already.") % {"id": wanted})
            change = rules.put_rule(forms.read_rule_form(request.POST, raw))
            rules.edit_draft(change=change, revision=_revision(request), actor=actor_of(request))
            return HttpResponseRedirect(reverse("console:routing-rules"))
        except forms.FormProblem as problem:
            messages.error(request, str(problem))
        except OrderCenterError as error:
            messages.error(request, error.sentence())
    shown = known or Rule(id=_free_id(document, kind), kind=kind, fen=100)
    values = forms.rule_values(shown)
    when, goods = _condition(request, "w", shown.when), _condition(request, "g", shown.goods)
    if request.method == "POST":
        shown, values = forms.posted_rule(request.POST, kind)
    context = {
        "row": row,
        "rule": shown,
        "is_new": known is None or request.POST.get("new") == "1",
        "kind": KINDS[kind],
        "values": values,
        "when": when,
        "goods": goods if "goods" in KINDS[kind].parts else None,
        "deepest": DEEPEST,
        "operators": forms.operators(),
        "modes": modes(),
        "warehouses": Warehouse.objects.order_by("code"),
        "couriers": Carrier.objects.order_by("code"),
        "tables": list(document.tables.values()),
        "place": "routing",
    }
    return render(request, "console/routing_rule.html", context)


@require_POST
@page("fulfillment.view_routingruleset", "fulfillment.change_routingruleset")
def act(request: HttpRequest, verb: str) -> HttpResponse:
    """What the buttons of the editor do to the draft."""
    row = rules.rule_set()
    try:
        if verb == "discard":
            rules.discard_draft(revision=_revision(request), actor=actor_of(request))
            messages.success(request, _("The draft is discarded; the active rules are shown."))
        else:
            change = _change(verb, request, rules.draft_document(row))
            rules.edit_draft(change=change, revision=_revision(request), actor=actor_of(request))
    except forms.FormProblem as problem:
        messages.error(request, str(problem))
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    return HttpResponseRedirect(reverse("console:routing-rules"))


@require_POST
@page("fulfillment.view_routingruleset", "fulfillment.activate_routingruleset")
def activate(request: HttpRequest) -> HttpResponse:
    """Make the draft, or an earlier version, the rules that hold from now on."""
    reason = request.POST.get("reason", "").strip()[:200]
    chosen = request.POST.get("version", "")
    try:
        if chosen:
            version = rules.activate_rules(version_id=whole_number(chosen) or 0, reason=reason, actor=actor_of(request))
        else:
            version = rules.activate_draft(reason=reason, revision=_revision(request), actor=actor_of(request))
        messages.success(
            request, _("Version %(number)d is active from the next order on.") % {"number": version.number}
        )
    except OrderCenterError as error:
        messages.error(request, " ".join([error.sentence(), *getattr(error, "findings", [])[:5]]))
    return HttpResponseRedirect(reverse("console:routing-rules"))


@page("fulfillment.view_routingruleset", "orders.view_order", "catalog.all_shops")
def preview(request: HttpRequest) -> HttpResponse:
    """Who would be affected: the last orders under the draft beside the active rules, on the stock of now."""
    draft = readable_document(rules.draft_document(rules.rule_set()))
    active = readable_document(rules.active_document())
    found = preview_rules(base=active, trial=draft, most=PREVIEWED)
    return render(request, "console/routing_preview.html", {"found": found, "place": "routing"})


@page("fulfillment.view_routingruleset")
def document_json(request: HttpRequest) -> HttpResponse:
    """The draft, or the active rules, as a file: to be kept, compared, and uploaded again."""
    text = json.dumps(rules.draft_document(rules.rule_set()), ensure_ascii=False, sort_keys=True, indent=2)
    response = HttpResponse(text + "\n", content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="routing-rules.json"'
    return response


@page("fulfillment.view_routingruleset")
def table_csv(request: HttpRequest, table_id: str) -> HttpResponseBase:
    """A regional table of the draft as CSV; uploading it again changes nothing."""
    table = readable_document(rules.draft_document(rules.rule_set())).tables.get(table_id)
    if table is None:
        raise Http404
    return table_download(forms.table_rows(table), name=table.id, form="csv")


def _condition(request: HttpRequest, prefix: str, tree: Mapping[str, Any] | None) -> ConditionForm:
    """The form of a condition: as it was posted, else as the rule has it."""
    catalogue = order_fields() if prefix == "w" else goods_fields()
    if request.method == "POST" and request.POST.get(f"{prefix}kept") != "1":
        return posted_condition_form(prefix, request.POST, catalogue)
    return forms.condition_form(prefix, tree, catalogue)


def _change(verb: str, request: HttpRequest, document: dict[str, Any]) -> rules.Change:
    wanted = request.POST.get("id", "")
    simple: dict[str, Callable[[], rules.Change]] = {
        "up": lambda: rules.move_rule(wanted, by=-1),
        "down": lambda: rules.move_rule(wanted, by=1),
        "delete": lambda: rules.drop_rule(wanted),
        "drop-table": lambda: rules.drop_table(wanted),
    }
    if verb in simple:
        return simple[verb]()
    if verb == "switch":
        known = next((each for each in document["rules"] if each["id"] == wanted), None)
        if known is None:
            raise Http404
        return rules.put_rule({**known, "on": not known.get("on", True)})
    if verb == "costs":
        closed = request.POST.get("closed", "")
        return rules.put_costs(forms.costs_of_form(request.POST), closed=closed if closed in POLICIES else POLICIES[1])
    if verb == "document":
        upload = request.FILES.get("file")
        if upload is None or upload.size is None or upload.size > MOST_BYTES:
            raise forms.FormProblem(_("Choose a JSON file of at most 2 MB."))
        try:
            loaded = json.loads(upload.read().decode("utf-8-sig"))
        except (ValueError, RecursionError):
            raise forms.FormProblem(_("The file is not JSON.")) from None
        if not isinstance(loaded, dict):
            raise forms.FormProblem(_("A JSON object belongs here."))
        return rules.put_document(loaded)
    if verb == "table":
        upload = request.FILES.get("file")
        if upload is None or upload.size is None or upload.size > MOST_BYTES:
            raise forms.FormProblem(_("Choose a CSV file of at most 2 MB."))
        return rules.put_table(wanted.strip(), rows=forms.read_table(upload.read()))
    raise Http404


def _sentences(document: RuleDocument) -> list[tuple[Rule, str]]:
    names = _names()
    tables = {table.id: str(table.name) or table.id for table in document.tables.values()}
    return [(each, rule_sentence(each, tables=tables, **names)) for each in document.rules]


def _changes(draft: RuleDocument) -> list[tuple[str, str, str, str]]:
    """What the draft changes in the active rules: what, in words; its name; the sentences before and after."""
    active = readable_document(rules.active_document())
    names = _names()
    tables = {each.id: str(each.name) or each.id for doc in (active, draft) for each in doc.tables.values()}

    def said(rule: Rule | None) -> str:
        return "" if rule is None else rule_sentence(rule, tables=tables, **names)

    changes = []
    for each in differences(active, draft):
        rule = each.after or each.before
        title = each.name or (str(rule.name) or rule.id if rule is not None else "")
        changes.append((_what(each), title, said(each.before), said(each.after)))
    return changes


def _what(change: Difference) -> str:
    if change.before and change.after and change.before.is_on != change.after.is_on:
        return _("switched on") if change.after.is_on else _("switched off")
    words = {
        "added": _("new"),
        "removed": _("taken out"),
        "changed": _("changed"),
        "moved": _("moved"),
        "table": _("Regional table"),
        "costs": _("Costs"),
        "closed": _("When a warehouse is temporarily closed"),
    }
    return words[change.what]


def _names() -> dict[str, dict[str, str]]:
    """What people call warehouses and couriers, by code, and shops, by id."""
    return {
        "warehouses": dict(Warehouse.objects.values_list("code", "name")),
        "couriers": dict(Carrier.objects.values_list("code", "name")),
        "shops": {str(pk): name for pk, name in Shop.objects.values_list("pk", "name")},
    }


def _costs(document: RuleDocument) -> dict[str, Any]:
    costs = document.costs
    grades = (("rush", _("rush")), ("vip", _("VIP")), ("normal", _("normal")))
    return {
        "split_fen": forms.yuan_text(costs.split_fen),
        "handling_fen": forms.yuan_text(costs.handling_fen),
        "by_warehouse": _handling(costs.handling_by_warehouse),
        "grades": [
            (code, label, forms.yuan_text(costs.late_fen[code]), forms.yuan_text(costs.unfilled_fen[code]))
            for code, label in grades
        ],
        "max_parcels": costs.max_parcels,
        "use_prices": costs.use_prices,
        "strategy": costs.strategy,
    }


def _handling(by_code: Mapping[str, int]) -> list[tuple[str, str, str]]:
    """(code, name, yuan or "") of every open warehouse, and of every one that has a price of its own."""
    names = {w.code: str(w) for w in Warehouse.objects.filter(Q(is_open=True) | Q(code__in=list(by_code)))}
    codes = sorted({*names, *by_code})
    return [(c, names.get(c, c), forms.yuan_text(by_code[c]) if c in by_code else "") for c in codes]


def _revision(request: HttpRequest) -> int:
    text = request.POST.get("revision", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def _free_id(document: RuleDocument, kind: str) -> str:
    taken = {each.id for each in document.rules}
    return next(f"{kind}-{n}" for n in range(1, len(taken) + 2) if f"{kind}-{n}" not in taken)
