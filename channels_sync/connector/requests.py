"""Calls built from a connector's templates, and signed as its shop wants it.

Placeholders are `{name}`. In a path their values are escaped, so that none of them can lead elsewhere; in a query empty
ones are left out; in a body a text that is nothing but one placeholder becomes the value itself, number or list.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from channels_sync.connector.documents import Authentication, Request
from ordercenter.common.http import HttpMethod

_PLACEHOLDER = re.compile(r"\{([a-z_0-9.]{1,40})\}")


@dataclass(frozen=True, slots=True)
class Call:
    """A call ready to be sent. url: whole, with query."""

    method: HttpMethod
    url: str
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def build(request: Request, values: Mapping[str, Any], *, base_url: str) -> Call:
    """The call of a template; what the template names and `values` lack is empty."""
    path = _PLACEHOLDER.sub(lambda found: quote(_text(values.get(found[1], "")), safe=""), request.path)
    query = {name: _filled(template, values) for name, template in request.query.items()}
    asked = urlencode({name: text for name, text in query.items() if text != ""})
    content = None
    if request.body is not None:
        content = json.dumps(_body(request.body, values), ensure_ascii=False, separators=(",", ":")).encode()
    return Call(request.method, f"{base_url.rstrip('/')}{path}{'?' if asked else ''}{asked}", content)


def signed(
    call: Call,
    authentication: Authentication,
    *,
    app_key: str,
    secrets: Mapping[str, Any],
    at: datetime,
    nonce: str,
    access_token: str = "",
) -> Call:
    """The call with what proves who we are. access_token: of oauth2, fetched by the caller."""
    settings, headers = authentication.settings, dict(call.headers)
    known = {"app_key": app_key, **{f"secret.{name}": _text(value) for name, value in secrets.items()}}
    if authentication.kind == "header":
        headers[settings["name"]] = _filled(settings["value"], known)
    elif authentication.kind == "basic":
        login = f"{_filled(settings['user'], known)}:{_filled(settings['password'], known)}"
        headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    elif authentication.kind == "oauth2":
        headers["Authorization"] = f"Bearer {access_token}"
    elif authentication.kind == "hmac":
        headers |= _hmac_headers(call, settings, app_key=app_key, secrets=secrets, at=at, nonce=nonce)
    return Call(call.method, call.url, call.content, headers)


def _hmac_headers(
    call: Call, settings: Mapping[str, str], *, app_key: str, secrets: Mapping[str, Any], at: datetime, nonce: str
) -> dict[str, str]:
    parts, timestamp, body = urlsplit(call.url), str(int(at.timestamp())), call.content or b""
    template = settings["template"].replace("\\n", "\n")
    # The body may hold anything: it is put in last and as bytes, so that nothing in it is taken for a placeholder.
    before, has_body, after = template.partition("{body}")
    values = {
        "method": call.method,
        "path": parts.path,
        "query": "&".join(sorted(parts.query.split("&"))) if parts.query else "",
        "body_sha256": hashlib.sha256(body).hexdigest(),
        "timestamp": timestamp,
        "nonce": nonce,
        "app_key": app_key,
    }
    message = _filled(before, values).encode() + (body if has_body else b"") + _filled(after, values).encode()
    key = _text(secrets.get(settings.get("secret", "secret"), "")).encode()
    digest = hmac.digest(key, message, settings.get("digest", "sha256"))
    encoding = settings.get("encoding", "hex")
    word = base64.b64encode(digest).decode() if encoding == "base64" else digest.hex()
    headers = {settings["header"]: word.upper() if encoding == "HEX" else word}
    for name, value in (("timestamp_header", timestamp), ("key_header", app_key), ("nonce_header", nonce)):
        if settings.get(name):
            headers[settings[name]] = value
    return headers


def _body(template: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(template, dict):
        return {name: _body(item, values) for name, item in template.items()}
    if isinstance(template, list):
        return [_body(item, values) for item in template]
    if isinstance(template, str):
        alone = _PLACEHOLDER.fullmatch(template)
        return values.get(alone[1], "") if alone else _filled(template, values)
    return template


def _filled(template: str, values: Mapping[str, Any]) -> str:
    return _PLACEHOLDER.sub(lambda found: _text(values.get(found[1], "")), template)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
