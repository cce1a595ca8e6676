"""Access to a Shopify shop by OAuth: the owner installs our app, and its code becomes an offline token.

Source: npm @shopify/shopify-api and PyPI ShopifyAPI (addresses, signature of the query). The query that comes back is
signed with the app's secret and is good for 90 seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode, urlsplit

from channels_sync.adapters.base import Connection, Renewed
from channels_sync.adapters.json_api import call_json, object_in
from channels_sync.errors import GrantRefused
from ordercenter.common.platform_errors import ChannelAnswerUnreadable, ChannelRefused
from ordercenter.common.signing import same_text
from ordercenter.common.signing_shops import shopify_query_hmac

SCOPES = (
    "read_orders,write_orders,read_fulfillments,write_fulfillments,read_merchant_managed_fulfillment_orders,"
    "write_merchant_managed_fulfillment_orders,read_inventory,write_inventory,read_products,read_locations"
)
GOOD_FOR_S = 90
_SHOP = re.compile(r"[a-z0-9][a-z0-9-]*\.myshopify\.com")


def granting_address(connection: Connection, state: str, back: str) -> str:
    """Where the shop's owner installs our app. The account's app key is the app's client id."""
    query = {"client_id": connection.app_key, "scope": SCOPES, "redirect_uri": back, "state": state}
    return f"{connection.base_url.rstrip('/')}/admin/oauth/authorize?{urlencode(query)}"


def take_grant(
    connection: Connection,
    query: Mapping[str, str],
    back: str,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Renewed:
    """The offline token for the code in a signed query. Raises GrantRefused, ChannelError."""
    now, secret = clock(), str(connection.secrets.get("api_secret") or "")
    signed = shopify_query_hmac(query, secret=secret)
    if not secret or not same_text(signed, query.get("hmac", "")):
        raise GrantRefused(why="signature")
    stamp = query.get("timestamp", "")
    if not stamp.isascii() or not stamp.isdigit() or abs(now.timestamp() - int(stamp[:15])) > GOOD_FOR_S:
        raise GrantRefused(why="stale")
    ours, theirs = urlsplit(connection.base_url).hostname or "", query.get("shop", "")
    if _SHOP.fullmatch(ours) and theirs != ours:
        raise GrantRefused(why="other_shop", detail=theirs[:80])
    if not query.get("code"):
        raise GrantRefused(why="denied")
    method = "admin/oauth/access_token"
    try:
        answer = call_json(
            f"{connection.base_url.rstrip('/')}/{method}",
            method=method,
            verb="POST",
            document={"client_id": connection.app_key, "client_secret": secret, "code": query["code"]},
            problem_of=_problem,
        )
    except ChannelRefused as error:
        raise GrantRefused(why="expired", detail=error.message) from error
    told = object_in(answer, "", method)
    token, lives_s = told.get("access_token"), told.get("expires_in")
    if not isinstance(token, str) or not token:
        raise ChannelAnswerUnreadable(method=method, message="no access_token in the answer")
    until = now + timedelta(seconds=lives_s) if type(lives_s) is int and 0 < lives_s < 10**9 else None
    return Renewed(secrets={**connection.secrets, "access_token": token}, valid_until=until)


def _problem(content: object) -> tuple[str, str]:
    told = content if isinstance(content, dict) else {}
    return str(told.get("error", "")), str(told.get("error_description", ""))
