"""Signatures of the platforms: pure functions from parameters to a signature, and the checks of what comes in.

TOP (Taobao, Tmall, Qimen), its message link (TMC), its calls to us (SPI), Alipay's RSA2, Kuaidi100 and SF Express.
Every comparison takes the same time however many characters agree. What is signed is what is sent: bodies are passed
as the bytes or text of the wire, never as a document written anew.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import quote_plus

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)
from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import Misconfigured, OrderCenterError

TopSignMethod = Literal["md5", "hmac", "hmac-sha256"]
TOP_SIGN_METHODS: tuple[TopSignMethod, ...] = ("md5", "hmac", "hmac-sha256")

# str.strip() takes these for blanks, the platform's own client (Character.isWhitespace) does not.
_SOLID_BLANKS = frozenset("\x85\u00a0\u2007\u202f")


class UnknownSignMethod(OrderCenterError):
    """A sign_method that the platform does not define."""

    code = "common.unknown_sign_method"
    title = _("The signature method is not known.")
    status = 400

    def __init__(self, *, sign_method: str):
        super().__init__(f"unknown sign_method {sign_method!r}")
        self.sign_method = sign_method


# --- TOP --------------------------------------------------------------------------------------------------------------


def top_sign(
    params: Mapping[str, str],
    *,
    secret: str,
    sign_method: str = "md5",
    body: bytes | str = b"",
    keep_empty: bool = False,
) -> str:
    """The TOP signature, upper-case hex.

    params: text parameters with raw values, before URL encoding; `sign` itself is left out, files must not be in it.
    body: the raw body of Qimen and SPI calls, appended after the parameters. keep_empty: False is the client's rule
    (a parameter that is empty or only blanks is not signed, and must not be sent), True is the rule of SPI calls.
    Source: the official Java client (TaobaoUtils.signTopRequest, SpiUtils). Raises UnknownSignMethod.
    """
    joined = "".join(
        [key + value for key, value in sorted(params.items()) if key != "sign" and (keep_empty or not _is_blank(value))]
    )
    signed = _bytes(joined) + (_bytes(body) if isinstance(body, str) else body)
    return _top_digest(signed, secret.encode(), sign_method)


def top_sign_is_valid(
    params: Mapping[str, str], *, sign: str, secret: str, body: bytes | str = b"", default_method: str = "md5"
) -> bool:
    """Whether `sign` fits these parameters and body; the method is the one that params name.

    Senders disagree on empty parameters, so a request that has some may follow either rule. An unknown method or an
    empty signature is simply not valid.
    """
    method = params.get("sign_method", default_method)
    if method not in TOP_SIGN_METHODS:
        return False
    fits = same_text(top_sign(params, secret=secret, sign_method=method, body=body), sign)
    if not fits and any(_is_blank(value) for value in params.values()):
        fits = same_text(top_sign(params, secret=secret, sign_method=method, body=body, keep_empty=True), sign)
    return fits


def spi_sign(
    *,
    secret: str,
    query: Mapping[str, str],
    form: Mapping[str, str] | None = None,
    signed_headers: Mapping[str, str] | None = None,
    body: bytes | str = b"",
) -> str:
    """The signature of a call that the platform makes to us (SPI), upper-case hex MD5.

    signed_headers: the headers named in `top-sign-list`, under the names of that list. Empty values count.
    body: the raw body when its content type is JSON, XML or plain text, else nothing (form fields go in `form`).
    """
    return top_sign({**(signed_headers or {}), **query, **(form or {})}, secret=secret, body=body, keep_empty=True)


def spi_sign_is_valid(
    *,
    secret: str,
    query: Mapping[str, str],
    form: Mapping[str, str] | None = None,
    signed_headers: Mapping[str, str] | None = None,
    body: bytes | str = b"",
) -> bool:
    """Whether the `sign` of the query fits the call. Freshness of `timestamp` is the caller's check."""
    expected = spi_sign(secret=secret, query=query, form=form, signed_headers=signed_headers, body=body)
    return same_text(expected, query.get("sign", ""))


def tmc_connect_sign(*, app_key: str, group_name: str, timestamp_ms: int, secret: str) -> str:
    """The signature of a message link's connect frame. timestamp_ms: Unix time in milliseconds."""
    return top_sign({"app_key": app_key, "group_name": group_name, "timestamp": str(timestamp_ms)}, secret=secret)


def _top_digest(signed: bytes, secret: bytes, sign_method: str) -> str:
    if sign_method == "md5":
        return hashlib.md5(secret + signed + secret, usedforsecurity=False).hexdigest().upper()
    if sign_method == "hmac":
        return hmac.digest(secret, signed, "md5").hex().upper()
    if sign_method == "hmac-sha256":
        return hmac.digest(secret, signed, "sha256").hex().upper()
    raise UnknownSignMethod(sign_method=sign_method)


def _is_blank(value: str) -> bool:
    return not value.strip() and _SOLID_BLANKS.isdisjoint(value)


# --- Alipay RSA2 ------------------------------------------------------------------------------------------------------


def alipay_request_message(params: Mapping[str, str]) -> str:
    """The text a request's signature covers: sorted `k=v` joined by `&`, raw values, without sign and empty values."""
    return "&".join([f"{key}={value}" for key, value in sorted(params.items()) if key != "sign" and value != ""])


def alipay_sign(params: Mapping[str, str], *, private_key: str) -> str:
    """The RSA2 signature of a request, base64. private_key: PEM, or base64 DER as Alipay's tools hand it out."""
    return rsa2_sign(alipay_request_message(params).encode(), private_key=private_key)


def alipay_request_is_valid(params: Mapping[str, str], *, public_key: str) -> bool:
    """Whether a request's `sign` fits, as the gateway sees it (the sandbox platform needs this side)."""
    return rsa2_is_valid(_bytes(alipay_request_message(params)), sign=params.get("sign", ""), public_key=public_key)


def alipay_notify_message(form: Mapping[str, str], *, keep_empty: bool = True) -> str:
    """The text a notification's signature covers: sorted decoded `k=v`, without sign and sign_type."""
    return "&".join(
        [
            f"{key}={value}"
            for key, value in sorted(form.items())
            if key not in ("sign", "sign_type") and (keep_empty or value != "")
        ]
    )


def alipay_notify_is_valid(form: Mapping[str, str], *, public_key: str) -> bool:
    """Whether a notification's `sign` fits; the platform's own kits disagree on empty fields, so both ways count."""
    if form.get("sign_type", "RSA2") != "RSA2":
        return False
    sign = form.get("sign", "")
    messages = {alipay_notify_message(form), alipay_notify_message(form, keep_empty=False)}
    return any(rsa2_is_valid(_bytes(message), sign=sign, public_key=public_key) for message in messages)


def alipay_response_parts(text: str) -> dict[str, tuple[Any, str]]:
    """The members of an answer's outermost object: name -> (value, raw text of the value).

    The signature of an answer covers the raw text of `<method>_response`, so the text is cut out as it came, never
    written anew. Raises ValueError for anything that is not one JSON object with distinct names.
    """
    decoder = json.JSONDecoder()
    parts: dict[str, tuple[Any, str]] = {}
    at = _skip_blanks(text, 0)
    if text[at : at + 1] != "{":
        raise ValueError("not a JSON object")
    at = _skip_blanks(text, at + 1)
    while text[at : at + 1] != "}":
        if parts:
            at = _skip_blanks(text, _expect(text, at, ","))
        _expect(text, at, '"')
        name, at = decoder.raw_decode(text, at)
        start = _skip_blanks(text, _expect(text, _skip_blanks(text, at), ":"))
        try:
            value, at = decoder.raw_decode(text, start)
        except RecursionError:
            raise ValueError("nested too deep") from None
        if name in parts:
            raise ValueError(f"name twice: {name}")
        parts[name] = (value, text[start:at])
        at = _skip_blanks(text, at)
    if _skip_blanks(text, at + 1) != len(text):
        raise ValueError("text after the object")
    return parts


def alipay_response_is_valid(content: str, *, sign: str, public_key: str) -> bool:
    """Whether `sign` fits an answer. content: the raw text of the inner object (see alipay_response_parts)."""
    return rsa2_is_valid(_bytes(content), sign=sign, public_key=public_key)


def rsa2_sign(message: bytes, *, private_key: str) -> str:
    """RSA PKCS#1 v1.5 over SHA-256, base64. Raises Misconfigured when the key cannot be read."""
    signature = _private_key(private_key).sign(message, padding.PKCS1v15(), hashes.SHA256())
    return base64.b64encode(signature).decode()


def rsa2_is_valid(message: bytes, *, sign: str, public_key: str) -> bool:
    """Whether the base64 signature fits the message. Raises Misconfigured when the key cannot be read."""
    key = _public_key(public_key)
    try:
        key.verify(base64.b64decode(sign, validate=True), message, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


@lru_cache(maxsize=64)
def _private_key(text: str) -> rsa.RSAPrivateKey:
    try:
        if "-----BEGIN" in text:
            key = load_pem_private_key(text.encode(), password=None)
        else:
            key = load_der_private_key(base64.b64decode("".join(text.split()), validate=True), password=None)
    except (ValueError, TypeError) as error:
        raise Misconfigured("the RSA private key cannot be read: give PEM or base64 DER without a password") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Misconfigured("the private key is not an RSA key")
    return key


@lru_cache(maxsize=64)
def _public_key(text: str) -> rsa.RSAPublicKey:
    try:
        if "-----BEGIN" in text:
            key = load_pem_public_key(text.encode())
        else:
            key = load_der_public_key(base64.b64decode("".join(text.split()), validate=True))
    except (ValueError, TypeError) as error:
        raise Misconfigured("the RSA public key cannot be read: give PEM or base64 DER") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise Misconfigured("the public key is not an RSA key")
    return key


def _expect(text: str, at: int, sign: str) -> int:
    if text[at : at + 1] != sign:
        raise ValueError(f"expected {sign!r} at character {at}")
    return at + 1


def _skip_blanks(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\t", "\r", "\n"):
        at += 1
    return at


# --- couriers ---------------------------------------------------------------------------------------------------------


def kuaidi100_sign(*parts: str) -> str:
    """Upper-case hex MD5 over the joined parts. Query: param, key, customer; label order: param, t, key, secret; push:
    param, salt. Source: the vendor's own demo programs.
    """
    return hashlib.md5(_bytes("".join(parts)), usedforsecurity=False).hexdigest().upper()


def sf_digest(*, msg_data: str, timestamp: str, checkword: str) -> str:
    """SF Express' msgDigest: base64 of the MD5 over the URL-encoded text msgData + timestamp + checkword.

    Encoded as Java's URLEncoder does it: a space is "+", "*" stays, "~" does not.
    """
    # Lone surrogates of a hostile sender must fail the check, not break it.
    encoded = quote_plus(msg_data + timestamp + checkword, safe="*", errors="replace").replace("~", "%7E")
    return base64.b64encode(hashlib.md5(encoded.encode(), usedforsecurity=False).digest()).decode()


# --- both -------------------------------------------------------------------------------------------------------------


def same_text(expected: str, given: str) -> bool:
    """Equality that takes the same time however many characters agree. An empty `given` never fits."""
    return bool(given) and hmac.compare_digest(_bytes(expected), _bytes(given))


def _bytes(text: str) -> bytes:
    # A hostile sender may hand in lone surrogates: they must fail the check, not break it.
    return text.encode("utf-8", "surrogatepass")
