"""Calls of a JSON API over HTTP as shop systems have them: an answer read strictly, its errors typed by status."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlencode, urlsplit

from ordercenter.common.http import HttpAnswer, HttpMethod
from ordercenter.common.platform_call import ask_platform
from ordercenter.common.platform_errors import AuthorizationExpired, ChannelAnswerUnreadable, ChannelRefused
from ordercenter.common.strictjson import UnreadableBody, loads_strict

MAX_ANSWER_BYTES = 16 * 1024 * 1024
_NEXT = re.compile(r'<([^<>]{1,2000})>\s*;\s*rel="?next"?')
_UNDERSTOOD = (200, 201, 400, 401, 402, 403, 404, 406, 409, 410, 422, 423)


@dataclass(frozen=True, slots=True)
class JsonAnswer:
    """content: the document; headers by lower-case name."""

    content: Any
    headers: Mapping[str, str]
    body: bytes


def call_json(
    url: str,
    *,
    method: str,
    verb: HttpMethod = "GET",
    query: Mapping[str, str] | None = None,
    document: Any = None,
    headers: Mapping[str, str] | None = None,
    problem_of: Callable[[Any], tuple[str, str]],
) -> JsonAnswer:
    """One call. method: its name in errors; problem_of: an error document -> (its word, what it says).

    Raises AuthorizationExpired (401), ChannelRefused (another 4xx), ChannelThrottled, ChannelUnavailable,
    ChannelAnswerUnreadable.
    """
    answer = ask_platform(
        f"{url}?{urlencode(query)}" if query else url,
        method=method,
        verb=verb,
        content=None if document is None else json.dumps(document, ensure_ascii=False).encode(),
        content_type="" if document is None else "application/json; charset=utf-8",
        headers={"Accept": "application/json", **(headers or {})},
        understood=_UNDERSTOOD,
        max_bytes=MAX_ANSWER_BYTES,
    )
    if answer.status >= 400:
        _refuse(method, answer, problem_of)
    try:
        content = loads_strict(answer.body, max_bytes=MAX_ANSWER_BYTES)
    except UnreadableBody as error:
        raise ChannelAnswerUnreadable(method=method, message=str(error)) from error
    return JsonAnswer(content, answer.headers, answer.body)


def next_page(headers: Mapping[str, str], parameter: str) -> str | None:
    """A parameter of the address that a Link header names as the next page; None when there is no next page."""
    url = next_link(headers)
    return dict(parse_qsl(urlsplit(url).query)).get(parameter) if url else None


def next_link(headers: Mapping[str, str]) -> str | None:
    """The address that a Link header (RFC 8288) names as the next page."""
    found = _NEXT.search(headers.get("link", ""))
    return found[1] if found else None


def list_in(answer: JsonAnswer, key: str, method: str) -> list[Any]:
    """The list under a key, or the document itself for no key. Raises ChannelAnswerUnreadable."""
    rows = answer.content.get(key) if key and isinstance(answer.content, dict) else answer.content
    if not isinstance(rows, list):
        raise ChannelAnswerUnreadable(method=method, message=f"no list {key}".rstrip())
    return rows


def object_in(answer: JsonAnswer, key: str, method: str) -> dict[str, Any]:
    """The object under a key, or the document itself for no key. Raises ChannelAnswerUnreadable."""
    found = answer.content.get(key) if key and isinstance(answer.content, dict) else answer.content
    if not isinstance(found, dict):
        raise ChannelAnswerUnreadable(method=method, message=f"no object {key}".rstrip())
    return found


def _refuse(method: str, answer: HttpAnswer, problem_of: Callable[[Any], tuple[str, str]]) -> NoReturn:
    try:
        word, message = problem_of(loads_strict(answer.body, max_bytes=MAX_ANSWER_BYTES))
    except UnreadableBody:
        word, message = "", f"HTTP {answer.status}"
    kind = AuthorizationExpired if answer.status == 401 else ChannelRefused
    raise kind(method=method, error_code=answer.status, sub_code=word[:64], message=message[:200])
