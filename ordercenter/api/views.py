"""What belongs to the API as a whole: its documentation, the meaning of its codes, the answer where nothing lives."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ordercenter.common.problems import AddressUnknown, problem_of, problem_response, problem_types


class ProblemTypeOut(serializers.Serializer):  # type: ignore[type-arg]
    """What a code means, in the language of the reader."""

    code = serializers.CharField()
    title = serializers.CharField()
    hint = serializers.CharField(allow_blank=True)
    status = serializers.IntegerField()
    retryable = serializers.BooleanField(help_text=_("Whether the same call may succeed later by itself."))


class OpenView(APIView):
    """For everybody: it tells nothing about anybody's rows."""

    authentication_classes: list[type] = []
    permission_classes = [AllowAny]


class ProblemTypes(OpenView):
    @extend_schema(
        operation_id="problems_list",
        tags=["problems"],
        summary=_("All codes"),
        auth=[],
        description=_("Every code with which anything may be refused, and what it means."),
        responses={200: ProblemTypeOut(many=True)},
    )
    def get(self, request: Request) -> Response:
        return Response(problem_types())


class ProblemType(OpenView):
    @extend_schema(
        operation_id="problems_read",
        tags=["problems"],
        summary=_("One code"),
        auth=[],
        description=_("What a code means; the type of every problem document leads here."),
        responses={200: ProblemTypeOut},
    )
    def get(self, request: Request, code: str) -> Response:
        found = next((kind for kind in problem_types() if kind["code"] == code), None)
        if found is None:
            raise AddressUnknown
        return Response(found)


class Schema(OpenView):
    """The OpenAPI document, in the language of the reader or in that of ?lang=."""

    schema = None

    def get(self, request: Request) -> HttpResponse:
        wanted = request.query_params.get("lang", "")
        language = wanted if wanted in dict(settings.LANGUAGES) else translation.get_language()
        return HttpResponse(schema_document(language or settings.LANGUAGE_CODE), OpenApiJsonRenderer.media_type)


class Docs(SpectacularSwaggerSplitView):
    """The documentation as a page that can try the calls; everything it loads comes from this site."""

    url_name = "api:schema"
    template_name = "api/docs.html"


@lru_cache(maxsize=8)
def schema_document(language: str) -> bytes:
    """The OpenAPI document as JSON. Made once for each language: it only changes with the code."""
    with translation.override(language):
        schema = SchemaGenerator().get_schema(request=None, public=True)
        return bytes(OpenApiJsonRenderer().render(schema, renderer_context={}))


@csrf_exempt
def nothing_here(request: HttpRequest, rest: str = "") -> HttpResponse:
    """The answer for every other address below /api/, whatever the method: no page, no redirect."""
    return problem_response(problem_of(AddressUnknown()))
