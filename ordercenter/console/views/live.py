"""Live-stream sessions: the list, the board that refreshes itself, its verbs, and commissions for finance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from channels_sync import live
from channels_sync.live_models import LiveSession
from ordercenter.common.actor import actor_of
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import scope_of
from ordercenter.console.downloads import table_download
from ordercenter.console.live_forms import LiveForm
from ordercenter.console.pages import page
from ordercenter.console.selectors import live as selectors
from ordercenter.console.selectors.goods import goods_like

VIEW, RUN = "channels_sync.view_livesession", "channels_sync.run_livesession"
LIST_ROWS = 100
VERBS = {"start": live.start_sessions, "end": live.end_sessions, "cancel": live.cancel_sessions}


@page(VIEW)
def session_list(request: HttpRequest) -> HttpResponse:
    """The sessions of the reader's shops."""
    sessions = selectors.sessions_in_scope(scope_of(request))[:LIST_ROWS]
    return render(request, "console/live_sessions.html", {"sessions": sessions, "place": "live"})


@page(VIEW)
def session_board(request: HttpRequest, session_id: int) -> HttpResponse:
    """One session by the second; the refresh asks for the figures only."""
    session = _session(request, session_id)
    board = selectors.board_of(session, at=timezone.now())
    context = {"session": session, "board": board, "place": "live"}
    template = "console/_live_board.html" if request.headers.get("HX-Request") else "console/live_session.html"
    return render(request, template, context)


@page(VIEW)
def session_wall(request: HttpRequest, session_id: int) -> HttpResponse:
    """The board for a screen on the studio's wall: nothing but figures, by the second."""
    session = _session(request, session_id)
    context = {"session": session, "board": selectors.board_of(session, at=timezone.now())}
    template = "console/_live_wall.html" if request.headers.get("HX-Request") else "console/live_wall.html"
    return render(request, template, context)


@page(VIEW, RUN)
def goods_options(request: HttpRequest) -> HttpResponse:
    """Options for the field that looks for goods to show: those whose code or name holds what was typed."""
    # No bundles: they have no stock of their own to set aside.
    skus = goods_like(request.GET.get("find", ""), with_bundles=False)
    return render(request, "console/_live_goods_options.html", {"skus": skus})


@require_http_methods(["GET", "POST"])
@page(VIEW, RUN)
def session_form(request: HttpRequest, session_id: int = 0) -> HttpResponse:
    """Plan a session, or change one."""
    session = _session(request, session_id) if session_id else None
    form = LiveForm(request.POST or None, scope=scope_of(request), session=session)
    if request.method == "POST" and form.is_valid():
        what: dict[str, Any] = {"plan": form.plan(), "goods": form.cleaned_data["goods"]}
        what |= {"reason": form.cleaned_data["reason"], "at": timezone.now(), "actor": actor_of(request)}
        try:
            if session is None:
                done = live.plan_session(shop_id=form.cleaned_data["shop"].pk, **what)
            else:
                done = live.change_session(session_id=session.pk, **what)
        except OrderCenterError as error:
            form.add_error(None, error.sentence())
        else:
            messages.success(request, _("The session is planned so; its goods are set aside by themselves."))
            return redirect("console:live-session", done.pk)
    context = {"form": form, "session": session, "houses": form.houses().order_by("code"), "place": "live"}
    return render(request, "console/live_form.html", context)


@require_POST
@page(VIEW, RUN)
def session_verb(request: HttpRequest, session_id: int, verb: str) -> HttpResponse:
    """Start, end or call off."""
    session = _session(request, session_id)
    act = VERBS.get(verb)
    if act is None:
        raise Http404
    reason = request.POST.get("reason", "").strip()[:200] or verb
    result = act(session_ids=[session.pk], reason=reason, at=timezone.now(), actor=actor_of(request))
    for refusal in result.refused:
        messages.error(request, refusal.error.sentence())
    return redirect("console:live-session", session.pk)


@page(VIEW, "orders.view_order")
def commissions(request: HttpRequest, session_id: int) -> HttpResponseBase:
    """Commission line by line as CSV."""
    session = _session(request, session_id)
    return table_download(_rows(session), name=f"live-{session.pk}-commission", form="csv")


def _rows(session: LiveSession) -> Iterator[list[Any]]:
    yield [
        _("order"),
        _("line"),
        _("SKU"),
        _("pieces"),
        _("cancelled, returned or unpaid"),
        _("commission on"),
        _("commission (%)"),
        _("commission"),
    ]
    yield from selectors.commission_lines(session)


def _session(request: HttpRequest, session_id: int) -> LiveSession:
    found = selectors.sessions_in_scope(scope_of(request)).filter(pk=session_id).first()
    if found is None:
        raise Http404
    return found
