"""The first page: what came in today, what waits for a person, what waits inside."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from ordercenter.common.scope import scope_of
from ordercenter.console.pages import page
from ordercenter.console.selectors.home import begin_of_day, figures_of_day


@page()
def home(request: HttpRequest) -> HttpResponse:
    """The figures of the running business day."""
    now = timezone.localtime()
    figures = figures_of_day(since=begin_of_day(now), at=now, scope=scope_of(request))
    return render(request, "console/home.html", {"figures": figures, "now": now, "place": "home"})
