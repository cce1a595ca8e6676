"""Access to a Tmall shop: the seller logs in, and the code becomes a session key; renewed by its refresh token.

Source: the platform's own SDKs and opentaobao (`taobao.top.auth.token.create` and `.refresh`, whose answer holds the
tokens as JSON text), public programs for the address of the login.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from channels_sync.adapters.base import Connection, Renewed
from channels_sync.errors import GrantRefused
from ordercenter.common.platform_errors import AuthorizationExpired, ChannelAnswerUnreadable, ChannelRefused
from ordercenter.common.strictjson import UnreadableBody, loads_strict
from ordercenter.common.top_client import TopClient, TopCredentials

LOGIN_URL = "https://oauth.taobao.com/authorize"
CREATE, REFRESH = "taobao.top.auth.token.create", "taobao.top.auth.token.refresh"
Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


def granting_address(connection: Connection, state: str, back: str) -> str:
    """Where the seller logs in and lets our application in."""
    query = {
        "response_type": "code",
        "client_id": connection.app_key,
        "redirect_uri": back,
        "state": state,
        "view": "web",
    }
    return f"{connection.options.get('login_url') or LOGIN_URL}?{urlencode(query)}"


def take_grant(connection: Connection, query: Mapping[str, str], back: str, *, clock: Clock = _now) -> Renewed:
    """The session key for the code that the seller came back with. Raises GrantRefused, ChannelError."""
    if not query.get("code"):
        raise GrantRefused(why="denied", detail=str(query.get("error_description") or query.get("error", ""))[:80])
    try:
        return _tokens(connection, CREATE, {"code": query["code"]}, clock)
    except ChannelRefused as error:
        raise GrantRefused(why="expired", detail=error.message) from error


def renew(connection: Connection, *, clock: Clock = _now) -> Renewed:
    """A new session key by the refresh token. Raises AuthorizationExpired where only the seller can help."""
    refresh = connection.secrets.get("refresh_token")
    if not refresh:
        raise AuthorizationExpired(method=REFRESH, message="no refresh token")
    try:
        return _tokens(connection, REFRESH, {"refresh_token": str(refresh)}, clock)
    except ChannelRefused as error:
        raise AuthorizationExpired(
            method=error.method, error_code=error.error_code, sub_code=error.sub_code, message=error.message
        ) from error


def _tokens(connection: Connection, method: str, params: Mapping[str, str], clock: Clock) -> Renewed:
    credentials = TopCredentials(
        app_key=connection.app_key, secret=str(connection.secrets["secret"]), session="", base_url=connection.base_url
    )
    answer = TopClient(credentials, clock=clock).call(method, params, repeat=False).content
    try:
        told = loads_strict(str(answer.get("token_result") or "").encode())
    except UnreadableBody as error:
        raise ChannelAnswerUnreadable(method=method, message="token_result is no JSON") from error
    if not isinstance(told, dict) or not isinstance(told.get("access_token"), str) or not told["access_token"]:
        raise ChannelAnswerUnreadable(method=method, message="no access_token in token_result")
    secrets = {**connection.secrets, "session": told["access_token"]}
    if isinstance(told.get("refresh_token"), str) and told["refresh_token"]:
        secrets["refresh_token"] = told["refresh_token"]
    now = clock()
    return Renewed(
        secrets=secrets,
        valid_until=_until(told, "expires_in", now),
        renewable_until=_until(told, "re_expires_in", now),
    )


def _until(told: Mapping[str, Any], key: str, now: datetime) -> datetime | None:
    """The end of a span in seconds; None where none is told."""
    value = told.get(key)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:12])
    return now + timedelta(seconds=value) if type(value) is int and 0 < value < 10**10 else None
