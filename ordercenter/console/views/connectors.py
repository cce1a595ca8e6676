"""Connectors of other shops: the document in versions, checked field by field, tried on a real sample, put to work."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.db.models import Count, Max
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from channels_sync.adapters.http import CODE, SECRET_LABELS
from channels_sync.connector.documents import ConnectorInvalid, Mistake, read_document
from channels_sync.connector.fields import LINE_FIELDS, ORDER_FIELDS, REFUND_FIELDS
from channels_sync.connector.form import AUTH, REQUESTS, below_list, document_of_form, paths_of, rules_of, values_of
from channels_sync.connector.samples import SAMPLE
from channels_sync.connector.trial import Trial, fetch_sample, sample_of, try_row
from channels_sync.connector.versions import activate_version, document_of, write_version
from channels_sync.errors import MessageUnreadable
from channels_sync.models import ChannelAccount
from channels_sync.platforms import connection_of
from ordercenter.common.actor import actor_of
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import scope_of
from ordercenter.console.pages import page

MAX_SAMPLES = 20


@page("channels_sync.view_connectorversion")
def connector_list(request: HttpRequest) -> HttpResponse:
    """The accounts that work by a connector."""
    accounts = _accounts(request).annotate(
        versions=Count("connector_versions"), newest=Max("connector_versions__number")
    )
    return render(request, "console/connectors.html", {"accounts": accounts, "place": "channels"})


@page("channels_sync.view_connectorversion")
def editor(request: HttpRequest, account_id: int) -> HttpResponse:
    """One connector: its document to write, to check, to try and to keep."""
    account = _account(request, account_id)
    context = _context(request, account)
    chosen = context["chosen"]
    context |= {"text": _pretty(chosen.document if chosen is not None else SAMPLE), "parts": _parts()}
    status = 200
    if request.method == "POST":
        context["text"] = request.POST.get("document", "").replace("\r\n", "\n")
        answer, status = _act(request, account, context)
        if answer is not None:
            return answer
    return render(request, "console/connector.html", context, status=status)


@page("channels_sync.view_connectorversion")
def connector_form(request: HttpRequest, account_id: int) -> HttpResponse:
    """The same document as a form: what is filled in is written over the chosen version."""
    account = _account(request, account_id)
    context = _context(request, account)
    chosen = context["chosen"]
    document = chosen.document if chosen is not None else SAMPLE
    status = 200
    if request.method == "POST":
        document, mistakes = document_of_form({name: request.POST.get(name, "") for name in request.POST}, document)
        context["text"] = _pretty(document)
        answer, status = _act(request, account, context, mistakes)
        if answer is not None:
            return answer
    document = _ordered(document, SAMPLE)
    paths = _sample_paths(context.get("sample", ""))
    values = values_of(document)
    context |= {
        "values": values,
        "auths": [
            (kind, [(f"auth.{kind}.{name}", name, values[f"auth.{kind}.{name}"]) for name in names])
            for kind, names in AUTH.items()
        ],
        "requests": [(where, _REQUESTS[where], _request_of(values, where)) for where in REQUESTS],
        "rules": [(where, _RULES[where], _LISTS[where], rows) for where, rows in rules_of(document).items()],
        "wrong_places": {mistake.where for mistake in context.get("mistakes", ())},
        "order_paths": paths,
        "line_paths": below_list(paths, values["orders.lines"]),
    }
    return render(request, "console/connector_form.html", context, status=status)


@require_POST
@page("channels_sync.view_connectorversion", "channels_sync.activate_connector")
def activate(request: HttpRequest, account_id: int) -> HttpResponse:
    """Put a version to work."""
    account = _account(request, account_id)
    reason, number = request.POST.get("reason", "").strip(), request.POST.get("number", "")
    if not reason or not number.isdigit() or len(number) > 9:
        messages.error(request, _("Say why this version is put to work."))
    else:
        try:
            activate_version(
                account_id=account.pk, number=int(number), reason=reason, at=timezone.now(), actor=actor_of(request)
            )
            messages.success(request, _("Version %(number)s is at work now.") % {"number": number})
        except OrderCenterError as error:
            messages.error(request, str(error.title) if not isinstance(error, ConnectorInvalid) else str(error))
    return HttpResponseRedirect(reverse("console:connector", args=[account.pk]))


def _context(request: HttpRequest, account: ChannelAccount) -> dict[str, Any]:
    versions = list(account.connector_versions.select_related("made_by").order_by("-number"))
    newest = versions[0] if versions else None
    return {
        "account": account,
        "versions": versions,
        "active": account.options.get("connector_version"),
        "chosen": next((v for v in versions if str(v.number) == request.GET.get("version")), newest),
        "secrets": SECRET_LABELS.items(),
        "push_address": reverse("channel-push", args=[CODE, account.push_token]),
        "place": "channels",
    }


def _act(
    request: HttpRequest, account: ChannelAccount, context: dict[str, Any], mistakes: Sequence[Mistake] = ()
) -> tuple[HttpResponse | None, int]:
    """Check, try or keep what is in context["text"]. mistakes: those that were found before it was a document."""
    verb, text = request.POST.get("verb", "check"), context["text"]
    context["sample"] = request.POST.get("sample", "")
    needed = {"keep": "channels_sync.add_connectorversion", "try": "channels_sync.try_connector"}
    needed["fetch"] = needed["try"]
    if verb in needed and not request.user.has_perm(needed[verb]):
        return render(request, "403.html", status=403), 403
    try:
        document = document_of(text)
    except ConnectorInvalid as error:
        mistakes = [*mistakes, *error.mistakes]
    if mistakes:
        context["mistakes"] = mistakes
        return None, 422
    if verb == "keep":
        version = write_version(
            account=account,
            text=text,
            note=request.POST.get("note", "").strip(),
            at=timezone.now(),
            actor=actor_of(request),
        )
        messages.success(request, _("Kept as version %(number)s.") % {"number": version.number})
        return HttpResponseRedirect(f"{request.path}?version={version.number}"), 303
    if verb in ("try", "fetch"):
        _try(request, account, document, context)
    else:
        context["is_right"] = True
    return None, 200


def _try(request: HttpRequest, account: ChannelAccount, document: dict[str, Any], context: dict[str, Any]) -> None:
    connector, at, actor = read_document(document), timezone.now(), actor_of(request)
    try:
        if request.POST.get("verb") == "fetch":
            connection = replace(connection_of(account), options={"connector": document})
            rows = fetch_sample(connection, connector, at=at)[:MAX_SAMPLES]
        else:
            rows = [sample_of(request.POST.get("sample", ""), connector)]
    except MessageUnreadable as error:
        context["trials"] = [Trial(problem=str(error), place=error.path)]
        return
    except OrderCenterError as error:
        context["call_failed"] = f"{error.title} {error}"
        return
    shows_personal = request.POST.get("verb") == "try" or request.user.has_perm("catalog.reveal_contact")
    context["trials"] = [
        try_row(account, connector, row, at=at, actor=actor, shows_personal=shows_personal) for row in rows
    ]
    context["is_empty"] = not rows


def _sample_paths(sample: str) -> list[tuple[str, str]]:
    """What a pasted order offers; nothing for what is no JSON, which its trial will say."""
    try:
        return paths_of(json.loads(sample)) if sample.strip() else []
    except (ValueError, RecursionError):
        return []


def _request_of(values: dict[str, str], where: str) -> dict[str, str]:
    return {name: values[f"{where}.{name}"] for name in ("method", "path", "query", "body")}


# What each part of the form is called.
_REQUESTS = {
    "orders.request": gettext_lazy("Changed orders are asked for by"),
    "orders.detail.request": gettext_lazy("One order is read by (empty: the list has it whole)"),
    "refunds.request": gettext_lazy("Changed refunds are asked for by (empty: the shop has none)"),
    "tracking.request": gettext_lazy("A parcel is reported by"),
    "stock.request": gettext_lazy("Stock is told by"),
    "remark.request": gettext_lazy("A remark is written by"),
}
_RULES = {
    "orders.fields": gettext_lazy("An order"),
    "orders.line_fields": gettext_lazy("A line of an order"),
    "refunds.fields": gettext_lazy("A refund"),
}
# Which paths the fields of a part may choose from.
_LISTS = {"orders.fields": "order-paths", "orders.line_fields": "line-paths", "refunds.fields": ""}


def _parts() -> list[tuple[str, Any]]:
    return [
        ("orders.fields", ORDER_FIELDS.items()),
        ("orders.line_fields", LINE_FIELDS.items()),
        ("refunds.fields", REFUND_FIELDS.items()),
    ]


def _accounts(request: HttpRequest) -> Any:
    rows = ChannelAccount.objects.filter(adapter=CODE).select_related("shop").order_by("shop__code")
    return scope_of(request).narrow(rows, shop="shop_id")


def _account(request: HttpRequest, account_id: int) -> ChannelAccount:
    account = _accounts(request).filter(pk=account_id).first()
    if account is None:
        raise Http404
    return account  # type: ignore[no-any-return]


def _pretty(document: Any) -> str:
    """The document as people write it: the database keeps no order of names, the sample has one."""
    return json.dumps(_ordered(document, SAMPLE), ensure_ascii=False, indent=2)


def _ordered(value: Any, like: Any) -> Any:
    if not isinstance(value, dict) or not isinstance(like, dict):
        return value
    names = [*(name for name in like if name in value), *(name for name in value if name not in like)]
    return {name: _ordered(value[name], like.get(name)) for name in names}
