"""What every request passes: text that no column can hold is refused, refusals below /api/ are problem documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict, UnreadablePostError
from django.http.response import HttpResponseBase
from django.shortcuts import render

from ordercenter.common.problems import (
    CONTENT_TYPE,
    UnstorableText,
    is_api,
    problem_of,
    problem_of_status,
    problem_response,
)

# What an answer may tell beside its body.
_KEPT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")
_WITHOUT_BODY = ("GET", "HEAD", "OPTIONS", "TRACE")
_UTF_8 = ("utf-8", "utf8")


class RequestGuard:
    """Answers 400 to text that PostgreSQL cannot even compare with, in the path, the query, a cookie or a form.

    That is a NUL character anywhere and half of a surrogate pair, which only a reader of another encoding makes. A form
    is looked at where the view takes forms of ours: views that are exempt from the check of forms (the API, messages
    of channels, warehouses and couriers) read their bodies themselves, strictly. Nothing has been changed yet, and what
    was typed is still in the form that the browser goes back to.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        part = _part_with_nul(request)
        if not part:
            return self.get_response(request)
        error = UnstorableText(part=part)
        if is_api(request):
            return problem_response(problem_of(error))
        return HttpResponse(f"{error.sentence()}\n", status=error.status, content_type="text/plain; charset=utf-8")

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Look at a form before its view does; every middleware has run by now, so that the answer can be a page."""
        if request.method in _WITHOUT_BODY or getattr(view, "csrf_exempt", False):
            return None
        field = _field_with_unstorable(request)
        if field is None:
            return None
        return render(request, "unstorable.html", {"field": _shown(field)}, status=UnstorableText.status)


class ApiProblems:
    """Below /api/, turns refusals that did not come from our own views into problem documents, whatever made them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code < 400 or not is_api(request) or response.headers.get("Content-Type") == CONTENT_TYPE:
            return response
        problem = problem_response(problem_of_status(response.status_code))
        for name in _KEPT_HEADERS:
            if name in response.headers:
                problem.headers[name] = response.headers[name]
        return problem


def _part_with_nul(request: HttpRequest) -> str:
    query = request.META.get("QUERY_STRING", "")
    if "%00" in query or "\x00" in query:
        return "query"
    # A query is read in the encoding that the body claims, and some (UTF-7) have NUL and surrogates of their own.
    if (request.encoding or "utf-8").lower() not in _UTF_8 and _bad_field_of(request.GET) is not None:
        return "query"
    if "\x00" in request.path_info:
        return "path"
    cookies = request.META.get("HTTP_COOKIE", "")
    # In a quoted cookie \000 stands for NUL.
    if "\x00" in cookies or ("\\0" in cookies and any("\x00" in value for value in request.COOKIES.values())):
        return "cookie"
    return ""


def _field_with_unstorable(request: HttpRequest) -> str | None:
    """The name of the first field of the form that cannot be stored, "" for one without a name; None for none."""
    try:
        return _bad_field_of(request.POST)
    except UnreadablePostError:
        return None  # the sender is gone


def _bad_field_of(form: QueryDict) -> str | None:
    for name, values in form.lists():
        if not all(_is_storable(text) for text in (name, *values)):
            return name
    return None


def _is_storable(text: str) -> bool:
    if "\x00" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(field: str) -> str:
    """The name of a field as it can stand on a page."""
    return "".join(char for char in field if char.isprintable())[:60]
