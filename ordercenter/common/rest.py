"""The base of every API view: who may call, what they reach, how refusals are written."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ordercenter.common.actor import Actor, actor_of
from ordercenter.common.api_client import ApiClient
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.keyset import Page
from ordercenter.common.pacing import CallerThrottle
from ordercenter.common.problems import (
    CONTENT_TYPE,
    AddressUnknown,
    BadRequest,
    InternalError,
    KeyInvalid,
    KeyNeeded,
    MediaTypeUnknown,
    MethodUnknown,
    NotAcceptable,
    NotAllowed,
    NotLoggedIn,
    RequestInvalid,
    TooManyCalls,
    Unavailable,
    problem_of,
)
from ordercenter.common.rest_fields import StrictSerializer, mistakes_of, read_query
from ordercenter.common.rest_output import PlainOutput
from ordercenter.common.scope import NOTHING, Scope, scope_of

_KINDS: tuple[tuple[type[Exception], type[OrderCenterError]], ...] = (
    (Http404, AddressUnknown),
    (PermissionDenied, NotAllowed),
    (OperationalError, Unavailable),
    (InterfaceError, Unavailable),
    (exceptions.NotAuthenticated, NotLoggedIn),
    (exceptions.AuthenticationFailed, KeyInvalid),
    (exceptions.PermissionDenied, NotAllowed),
    (exceptions.NotFound, AddressUnknown),
    (exceptions.MethodNotAllowed, MethodUnknown),
    (exceptions.NotAcceptable, NotAcceptable),
    (exceptions.UnsupportedMediaType, MediaTypeUnknown),
    (exceptions.Throttled, TooManyCalls),
    (exceptions.ParseError, BadRequest),
)


class Refused(exceptions.APIException):
    """Carries one of our refusals through the framework."""

    def __init__(self, refusal: OrderCenterError):
        super().__init__(str(refusal), refusal.code)
        self.refusal, self.status_code = refusal, refusal.status


class ProblemHandler(ExceptionHandler):
    """Every exception of a view as a problem document; what nobody foresaw is a 500, logged, telling nothing."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        refusal = refusal_of(exc)
        if refusal is None:
            return exc
        refused = Refused(refusal)
        for name in ("auth_header", "wait"):
            if getattr(exc, name, None):
                setattr(refused, name, getattr(exc, name))
        return refused

    def should_not_handle(self, exc: Exception) -> bool:
        return False

    def convert_unhandled_exceptions(self, exc: Exception) -> exceptions.APIException:
        return exc if isinstance(exc, Refused) else Refused(InternalError())

    def format_exception(self, exc: exceptions.APIException) -> dict[str, Any]:
        return dict(problem_of(exc.refusal))  # type: ignore[attr-defined]

    def get_response(self, exc: exceptions.APIException, data: dict[str, Any]) -> Response:
        return Response(data, status=exc.status_code, headers=self.get_headers(exc), content_type=CONTENT_TYPE)


def refusal_of(exc: Exception) -> OrderCenterError | None:
    """Our refusal for an exception of the framework; None for what nobody foresaw."""
    if isinstance(exc, OrderCenterError):
        return exc
    if isinstance(exc, exceptions.ValidationError):
        return RequestInvalid(mistakes_of(exc))
    for theirs, ours in _KINDS:
        if isinstance(exc, theirs):
            return ours()
    return None


class MayCall(BasePermission):
    """A key needs the view's scope somewhere; a person needs the view's permission, and only reads."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if isinstance(request.auth, ApiClient):
            return not _is_nothing(request.auth.reach(view.needs))
        if not (request.user and request.user.is_authenticated):
            return False
        if request.method not in SAFE_METHODS:
            raise KeyNeeded
        return bool(request.user.has_perm(view.permission))


class ApiView(APIView):
    """needs: the scope of a key. permission: what a person needs instead, "app.codename"."""

    needs: ClassVar[str]
    permission: ClassVar[str] = ""
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    permission_classes = [MayCall]
    throttle_classes = [CallerThrottle]

    def reach(self) -> Scope:
        """The rows that the caller may see or change here."""
        request = self.request
        return request.auth.reach(self.needs) if isinstance(request.auth, ApiClient) else scope_of(request._request)

    def actor(self) -> Actor:
        """Who acts, for the audit."""
        request = self.request
        return request.auth.actor if isinstance(request.auth, ApiClient) else actor_of(request._request)

    def read_query(self, serializer: type[StrictSerializer]) -> dict[str, Any]:
        """The parameters of this call. Raises RequestInvalid."""
        return read_query(serializer, self.request.query_params)

    def read_body(self, serializer: StrictSerializer) -> Any:
        """The body of this call. Raises the framework's ValidationError, which is answered like RequestInvalid."""
        return serializer.run_validation(self.request.data)

    def answer_page(self, page: Page[Any], output: type[PlainOutput]) -> Response:
        """One page of a list, see PageOut."""
        rows = [output.row(row) for row in page.rows]
        url = page.next_url(self.request.path, self.request.query_params)
        return Response({"results": rows, "next_cursor": page.next_cursor, "next": url})


def _is_nothing(scope: Scope) -> bool:
    return scope == NOTHING or (not scope.shop_ids and not scope.warehouse_ids)
