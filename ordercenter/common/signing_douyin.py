"""Signatures of the Douyin shop open platform: its calls, its pushes, and its calls to us (SPI).

What is signed is the text as sent. Source: the platform's official Go kit (sign_util: Marshal, Sign, SpiSign).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Literal

from ordercenter.common.signing import same_text

SpiSignMethod = Literal["md5", "hmac-sha256"]
_HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def param_json(params: Mapping[str, Any]) -> str:
    """The parameters of a call as the kit writes them: keys sorted at every level, compact, nothing escaped for HTML,
    integers exact, Unicode as it is; no parameters: `{}`.
    """
    return json.dumps(params, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def douyin_sign(*, app_key: str, secret: str, method: str, params: str, timestamp: str, version: str = "2") -> str:
    """The signature of a call, lower-case hex HMAC-SHA256. params: the param_json text exactly as it is sent."""
    pairs = f"app_key{app_key}method{method}param_json{params}timestamp{timestamp}v{version}"
    return hmac.digest(secret.encode(), _bytes(f"{secret}{pairs}{secret}"), "sha256").hex()


def douyin_event_sign(*, app_key: str, secret: str, body: bytes) -> str:
    """The `event-sign` of a push, lower-case hex MD5 over its exact bytes."""
    return hashlib.md5(app_key.encode() + body + secret.encode(), usedforsecurity=False).hexdigest()


def douyin_event_is_valid(*, app_key: str, secret: str, body: bytes, sign: str) -> bool:
    """Whether the `event-sign` header fits the bytes that came."""
    return same_text(douyin_event_sign(app_key=app_key, secret=secret, body=body), sign.lower())


def douyin_spi_sign(*, app_key: str, secret: str, timestamp: str, params: str, sign_method: SpiSignMethod) -> str:
    """The signature of a call that the platform makes to us, lower-case hex. params: its param_json, keys sorted."""
    text = _bytes(f"{secret}app_key{app_key}param_json{params}timestamp{timestamp}{secret}")
    if sign_method == "md5":
        return hashlib.md5(text, usedforsecurity=False).hexdigest()
    return hmac.digest(secret.encode(), text, "sha256").hex()


def douyin_spi_is_valid(
    *, app_key: str, secret: str, timestamp: str, param_json: str, sign: str, sign_method: SpiSignMethod = "hmac-sha256"
) -> bool:
    """Whether a call of the platform is signed. Its kits sign the sorted text with or without HTML escapes, so both
    forms count. A text that is no JSON object is not valid.
    """
    try:
        plain = sorted_json(param_json)
    except (ValueError, RecursionError):
        return False
    forms = {plain, plain.translate(_HTML)}
    return any(
        same_text(
            douyin_spi_sign(app_key=app_key, secret=secret, timestamp=timestamp, params=form, sign_method=sign_method),
            sign,
        )
        for form in forms
    )


def sorted_json(text: str) -> str:
    """The JSON text with its keys sorted at every level, compact; numbers stay as they were written.

    Raises ValueError for what is no JSON.
    """
    return _written(json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_refuse))


class _Number(str):
    """A number as it was written: a long id or a price must not pass through a double."""


def _written(value: Any) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_written(key)}:{_written(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _bytes(text: str) -> bytes:
    # A hostile sender may hand in lone surrogates: they must fail the check, not break it.
    return text.encode("utf-8", "surrogatepass")
