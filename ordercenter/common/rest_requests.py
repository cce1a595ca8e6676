"""How requests to the API are read: strictly, and in one form only.

Named in the settings, which the framework reads while it is being loaded itself: nothing here may import its views.
"""

from __future__ import annotations

from typing import Any

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from ordercenter.common.problems import BodyTooLarge, MediaTypeUnknown
from ordercenter.common.strictjson import MAX_BYTES, loads_strict


class StrictJSONParser(BaseParser):
    """Reads a body as UTF-8 JSON, strictly. The bytes stay on `request.body` for digests."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        request = parser_context["request"]._request
        charset = request.content_params.get("charset", "utf-8").lower()
        if charset not in ("utf-8", "utf8"):
            raise MediaTypeUnknown
        if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BYTES:
            raise BodyTooLarge(most_bytes=MAX_BYTES)
        return loads_strict(request.body)


class AlwaysJSON(BaseContentNegotiation):
    """There is one form of answer; a client that asks for another gets this one, as RFC 9110 §12.5.1 allows."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        wanted = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == wanted), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type
