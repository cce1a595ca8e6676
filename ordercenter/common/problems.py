"""What the API answers when it refuses: one document for everything, after RFC 9457, with our stable codes.

{"type", "title", "status", "detail", "code"} always; "hint" says what to do next; "errors" names each field with a
mistake; "data" holds the refusal's own values. Title and hint are in the language of the reader, detail is for logs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypedDict

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError

API_PREFIX = "/api/"
# Where a code is explained; the "type" of a problem leads there.
TYPES_PATH = "/api/v1/problems/"
CONTENT_TYPE = "application/problem+json"


class FieldError(TypedDict):
    """One mistake in a request. field: "orders.3.lines.0.quantity" in a body, the name of a parameter in a query."""

    field: str
    code: str
    detail: str


class RequestInvalid(OrderCenterError):
    """Fields of the body or parameters of the query are missing, unknown or wrong."""

    code = "api.invalid"
    title = _("The request has mistakes.")
    hint = _("Correct the fields named below and send it again.")
    status = 400

    def __init__(self, errors: Sequence[FieldError]):
        super().__init__(f"{len(errors)} mistakes, first: {errors[0]['field'] or 'body'}" if errors else "invalid")
        self._errors = list(errors)

    @property
    def errors(self) -> list[FieldError]:
        """Each mistake, in the order of the document."""
        return self._errors


class BadRequest(OrderCenterError):
    """Something about the request that no field stands for."""

    code = "api.bad_request"
    title = _("The request cannot be read.")
    status = 400


class UnstorableText(OrderCenterError):
    """Text that no column can hold, in the path, the query, a cookie or a form. part: which of them."""

    code = "api.nul_character"
    title = _("The address holds a character that cannot be stored.")
    status = 400

    def __init__(self, *, part: str):
        super().__init__(f"NUL in the {part}")
        self.part = part


class CursorInvalid(OrderCenterError):
    """The cursor was not given out by this list."""

    code = "api.cursor_invalid"
    title = _("The cursor is not one of this list.")
    hint = _("Start again without a cursor.")
    status = 400


class NotLoggedIn(OrderCenterError):
    """Neither a key nor a session."""

    code = "api.not_authenticated"
    title = _("An API key is needed.")
    hint = _("Send it as Authorization: Bearer oc_...")
    status = 401


class KeyInvalid(OrderCenterError):
    """The key is unknown, expired or revoked; which of them is not told."""

    code = "api.key_invalid"
    title = _("The API key is not valid.")
    hint = _("It may be mistyped, expired or revoked: ask for a new one.")
    status = 401


class NotAllowed(OrderCenterError):
    """Known, but not permitted to do this."""

    code = "api.forbidden"
    title = _("This is not permitted.")
    hint = _("The key needs the scope that the documentation names for this call.")
    status = 403


class KeyNeeded(OrderCenterError):
    """A logged-in person may read; changes through the API need a key."""

    code = "api.key_needed"
    title = _("Changes through the API need an API key.")
    hint = _("People change orders on the pages of the site.")
    status = 403


class AddressUnknown(OrderCenterError):
    """Nothing lives at this address."""

    code = "api.not_found"
    title = _("There is nothing at this address.")
    status = 404


class MethodUnknown(OrderCenterError):
    """The address exists, the method does not fit it."""

    code = "api.method_not_allowed"
    title = _("This address does not take this method.")
    status = 405


class NotAcceptable(OrderCenterError):
    """The form asked for is not one of ours."""

    code = "api.not_acceptable"
    title = _("The answer does not exist in this form.")
    status = 406


class BodyTooLarge(OrderCenterError):
    """More bytes than the API takes at once."""

    code = "api.body_too_large"
    title = _("The body is too large.")
    hint = _("Send fewer orders at once.")
    status = 413

    def __init__(self, *, most_bytes: int):
        super().__init__(f"at most {most_bytes} bytes")
        self.most_bytes = most_bytes


class MediaTypeUnknown(OrderCenterError):
    """The body is not JSON in UTF-8, or does not say so."""

    code = "api.media_type"
    title = _("The body has to be JSON in UTF-8.")
    hint = _("Send it with Content-Type: application/json.")
    status = 415


class TooManyCalls(OrderCenterError):
    """More calls than a caller may make."""

    code = "api.throttled"
    title = _("Too many calls.")
    hint = _("Wait as many seconds as Retry-After says.")
    retryable = True
    status = 429


class InternalError(OrderCenterError):
    """A fault of ours; the log has it."""

    code = "api.internal"
    title = _("Something went wrong on our side.")
    hint = _("It has been logged. Reading may be tried again; ask before you repeat a change.")
    status = 500


class Unavailable(OrderCenterError):
    """The database does not answer, or two changes stood in each other's way; nothing was changed."""

    code = "api.unavailable"
    title = _("The service is busy or being restarted.")
    hint = _("Nothing was changed: the same request may be sent again in a moment.")
    retryable = True
    status = 503


_BY_STATUS: dict[int, type[OrderCenterError]] = {
    error.status: error
    for error in (
        BadRequest,
        NotLoggedIn,
        NotAllowed,
        AddressUnknown,
        MethodUnknown,
        NotAcceptable,
        MediaTypeUnknown,
        TooManyCalls,
        InternalError,
        Unavailable,
    )
}


class Problem(TypedDict, total=False):
    """The document, see above."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str
    errors: list[FieldError]
    data: dict[str, Any]


def problem_of(error: OrderCenterError) -> Problem:
    """The document of a refusal, in the active language."""
    problem = Problem(
        type=f"{TYPES_PATH}{error.code}",
        title=str(error.title),
        status=error.status,
        detail=str(error),
        code=error.code,
    )
    if error.hint:
        problem["hint"] = str(error.hint)
    if isinstance(error, RequestInvalid):
        problem["errors"] = error.errors
    data = error.evidence()
    if data:
        problem["data"] = data
    return problem


def problem_of_status(status: int) -> Problem:
    """The document for an answer that came from outside our own code and has a status only."""
    kind = _BY_STATUS.get(status) or (InternalError if status >= 500 else BadRequest)
    return {**problem_of(kind()), "status": status}


def problem_response(problem: Problem) -> HttpResponse:
    """The document as an answer of Django's, for places outside the API's own views."""
    return JsonResponse(
        problem, status=problem["status"], content_type=CONTENT_TYPE, json_dumps_params={"ensure_ascii": False}
    )


def is_api(request: HttpRequest) -> bool:
    """Whether whoever sends this request expects problem documents."""
    return request.path_info.startswith(API_PREFIX)


class ProblemType(TypedDict):
    """What a code means."""

    code: str
    title: str
    hint: str
    status: int
    retryable: bool


def problem_types() -> list[ProblemType]:
    """Every code that anything in this installation can refuse with, by name, in the active language."""
    found: dict[str, ProblemType] = {}
    for kind in _kinds(OrderCenterError):
        # A class without a code of its own is a base, or a case of its parent's.
        if "code" in vars(kind):
            found[kind.code] = ProblemType(
                code=kind.code,
                title=str(kind.title),
                hint=str(kind.hint),
                status=kind.status,
                retryable=kind.retryable,
            )
    return [found[code] for code in sorted(found)]


def _kinds(parent: type[OrderCenterError]) -> Iterator[type[OrderCenterError]]:
    yield parent
    for kind in parent.__subclasses__():
        yield from _kinds(kind)
