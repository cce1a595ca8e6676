"""Personal data in clear: contacts, raw messages, outgoing commands. Asked for by a button, recorded, never cached."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import unit_of_work
from ordercenter.catalog.models import Contact
from ordercenter.catalog.revealing import reveal_contact
from ordercenter.common.actor import Actor, actor_of
from ordercenter.common.scope import Scope, scope_of
from ordercenter.console import wording
from ordercenter.console.pages import page
from ordercenter.events.models import InboxMessage, OutgoingCommand

Shown = list[tuple[str, str]]


@dataclass(frozen=True)
class Kind:
    """What can be revealed: its title, the permission to see the row at all, whether it is in scope, how to read it."""

    title: str | Promise
    permission: str
    exists: Callable[[int, Scope], bool]
    read: Callable[[int, str, Actor], Shown]


class ReasonForm(forms.Form):
    """Why somebody has to look."""

    reason = forms.CharField(
        label=_("Why do you need it?"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


@never_cache
@page("catalog.reveal_contact")
def reveal(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """GET: ask for the reason. POST: record it and show the data once."""
    known = KINDS.get(kind)
    if known is None or not request.user.has_perm(known.permission) or not known.exists(pk, scope_of(request)):
        raise Http404
    form = ReasonForm(request.POST or None)
    shown: Shown | None = None
    if request.method == "POST" and form.is_valid():
        shown = known.read(pk, form.cleaned_data["reason"].strip(), actor_of(request))
    context = {"form": form, "shown": shown, "title": known.title, "pk": pk, "back": request.GET.get("next", "")}
    return render(request, "console/reveal.html", context)


def _contact_exists(pk: int, scope: Scope) -> bool:
    return scope.narrow(Contact.objects.all(), shop="order__shop_id", to_many=True).filter(pk=pk).exists()


def _read_contact(pk: int, reason: str, actor: Actor) -> Shown:
    data = reveal_contact(contact_id=pk, reason=reason, actor=actor)
    return [(str(wording.key_label(key)), str(value)) for key, value in data.items() if value]


def _message_exists(pk: int, scope: Scope) -> bool:
    return scope.is_everything and InboxMessage.objects.filter(pk=pk).exists()


def _read_message(pk: int, reason: str, actor: Actor) -> Shown:
    _record("inboxmessage", pk, reason, actor)
    message = InboxMessage.objects.get(pk=pk)
    body = bytes(message.body).decode("utf-8", "backslashreplace")
    return [(str(_("headers")), _text(message.headers)), (str(_("body as received")), body)]


def _command_exists(pk: int, scope: Scope) -> bool:
    return scope.is_everything and OutgoingCommand.objects.filter(pk=pk).exists()


def _read_command(pk: int, reason: str, actor: Actor) -> Shown:
    _record("outgoingcommand", pk, reason, actor)
    command = OutgoingCommand.objects.get(pk=pk)
    return [(str(_("payload")), _text(command.payload)), (str(_("answer")), _text(command.answer))]


def _record(kind: str, pk: int, reason: str, actor: Actor) -> None:
    with unit_of_work(actor=actor, reason=reason) as work:
        record_deed(work, action=f"{kind}.reveal", subject=f"{kind}:{pk}", reason=reason)


def _text(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, indent=2)


KINDS: dict[str, Kind] = {
    "contact": Kind(_("Receiver in clear"), "catalog.view_contact", _contact_exists, _read_contact),
    "inboxmessage": Kind(_("Message as received"), "events.view_inboxmessage", _message_exists, _read_message),
    "outgoingcommand": Kind(_("Command as sent"), "events.view_outgoingcommand", _command_exists, _read_command),
}
