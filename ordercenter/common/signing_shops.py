"""Signatures of shop systems: Shopify's and WooCommerce's webhooks, Shopify's OAuth query, one-legged OAuth 1.0a.

Sources: npm @shopify/shopify-api and PyPI ShopifyAPI (webhook, query), PyPI WooCommerce (OAuth, RFC 5849 section 3.4).
Comparisons take the same time however many characters agree; what is signed is the bytes of the wire.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from ordercenter.common.signing import same_text


def hmac_sha256_base64(body: bytes, *, secret: str) -> str:
    """Base64 of HMAC-SHA256 over the raw body, as X-Shopify-Hmac-Sha256 and X-WC-Webhook-Signature carry it."""
    return base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


def webhook_is_valid(body: bytes, *, given: str, secret: str) -> bool:
    """Whether a webhook's signature fits its body. An empty secret or signature never fits."""
    return bool(secret) and same_text(hmac_sha256_base64(body, secret=secret), given)


def shopify_query_hmac(params: Mapping[str, str | Sequence[str]], *, secret: str) -> str:
    """Hex HMAC-SHA256 over Shopify's OAuth query: sorted `k=v` joined by `&`, without `hmac` (PyPI ShopifyAPI).

    A list stands for a parameter that came several times as `name[]`: one entry `name=["2", "1"]`, in its order. In
    names `%`, `&` and `=` are escaped, in values `%` and `&`, so that no two queries read the same.
    """
    joined = "&".join(
        sorted(f"{_escaped(key, '%&=')}={_escaped(_entry(v), '%&')}" for key, v in params.items() if key != "hmac")
    )
    return hmac.digest(secret.encode(), joined.encode("utf-8", "surrogatepass"), "sha256").hex()


def woo_oauth1_signature(params: Mapping[str, str], *, method: str, url: str, consumer_secret: str) -> str:
    """The oauth_signature (HMAC-SHA256, base64) of a request over plain HTTP.

    params: all of the query with the oauth_* ones, without oauth_signature; url: without query. There is no token, so
    the key is `consumer_secret&`.
    """
    pairs = sorted((_encoded(key), _encoded(value)) for key, value in params.items() if key != "oauth_signature")
    query = "&".join(f"{key}={value}" for key, value in pairs)
    base = "&".join((method.upper(), _encoded(url), _encoded(query)))
    return base64.b64encode(hmac.digest(f"{consumer_secret}&".encode(), base.encode(), "sha256")).decode()


def _entry(value: str | Sequence[str]) -> str:
    if isinstance(value, str):
        return value
    return "[" + ", ".join(f'"{item}"' for item in value) + "]"


def _escaped(text: str, signs: str) -> str:
    for sign in signs:
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


def _encoded(text: str) -> str:
    return quote(text, safe="~", errors="replace")
