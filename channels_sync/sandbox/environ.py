"""What stands in a WSGI request."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from channels_sync.sandbox.platforms import Request

MOST_BODY = 4 * 1024 * 1024

Environ = dict[str, Any]


def query_of(environ: Environ) -> dict[str, str]:
    text = environ.get("QUERY_STRING", "")
    return dict(parse_qsl(text, keep_blank_values=True)) if text else {}


def form_of(environ: Environ) -> dict[str, str]:
    body = body_of(environ)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=200)) if body else {}
    except ValueError:
        return {}


def body_of(environ: Environ) -> bytes:
    length = environ.get("CONTENT_LENGTH") or "0"
    body: bytes = environ["wsgi.input"].read(min(int(length), MOST_BODY)) if length.isdigit() else b""
    return body


def base_url_of(environ: Environ) -> str:
    """The address by which the caller came, without a path."""
    return f"http://{environ.get('HTTP_HOST') or environ.get('SERVER_NAME', '127.0.0.1')}"


def request_of(environ: Environ, *, path: str) -> Request:
    """The request for a platform's door. path: what follows the door's root."""
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")
    }
    return Request(
        method=environ["REQUEST_METHOD"],
        path=path,
        query=query_of(environ),
        headers=headers,
        body=body_of(environ),
        url=f"{base_url_of(environ)}{environ.get('PATH_INFO', '')}",
    )
