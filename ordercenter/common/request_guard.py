"""What every request passes: text that no column can hold is refused, refusals below /api/ are problem documents."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

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


class RequestGuard:
    """Answers 400 to NUL characters in the path, the query or a cookie: PostgreSQL cannot even compare with them."""

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
    if "\x00" in request.path_info:
        return "path"
    cookies = request.META.get("HTTP_COOKIE", "")
    # In a quoted cookie \000 stands for NUL.
    if "\x00" in cookies or ("\\0" in cookies and any("\x00" in value for value in request.COOKIES.values())):
        return "cookie"
    return ""
