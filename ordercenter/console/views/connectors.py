"""Connectors of other shops: the document in versions, checked field by field, tried on a real sample, put to work."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.db.models import Count, Max
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from channels_sync.adapters.http import CODE, SECRET_LABELS
from channels_sync.connector.documents import ConnectorInvalid, read_document
from channels_sync.connector.fields import LINE_FIELDS, ORDER_FIELDS, REFUND_FIELDS
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
    versions = list(account.connector_versions.select_related("made_by").order_by("-number"))
    chosen = next(
        (v for v in versions if str(v.number) == request.GET.get("version")), versions[0] if versions else None
    )
    context: dict[str, Any] = {
        "account": account,
        "versions": versions,
        "active": account.options.get("connector_version"),
        "chosen": chosen,
        "text": _pretty(chosen.document if chosen is not None else SAMPLE),
        "parts": _parts(),
        "secrets": SECRET_LABELS.items(),
        "push_address": reverse("channel-push", args=[CODE, account.push_token]),
        "place": "channels",
    }
    status = 200
    if request.method == "POST":
        answer, status = _act(request, account, context)
        if answer is not None:
            return answer
    return render(request, "console/connector.html", context, status=status)


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


def _act(request: HttpRequest, account: ChannelAccount, context: dict[str, Any]) -> tuple[HttpResponse | None, int]:
    verb, text = request.POST.get("verb", "check"), request.POST.get("document", "").replace("\r\n", "\n")
    sample = request.POST.get("sample", "")
    context |= {"text": text, "sample": sample}
    needed = {"keep": "channels_sync.add_connectorversion", "try": "channels_sync.try_connector"}
    needed["fetch"] = needed["try"]
    if verb in needed and not request.user.has_perm(needed[verb]):
        return render(request, "403.html", status=403), 403
    try:
        document = document_of(text)
    except ConnectorInvalid as error:
        context["mistakes"] = error.mistakes
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
        return HttpResponseRedirect(f"{reverse('console:connector', args=[account.pk])}?version={version.number}"), 303
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
