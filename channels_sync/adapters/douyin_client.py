"""The wire of the Douyin shop open platform: signed JSON calls, one strictly read envelope, typed errors.

Source of the rules: the platform's official Go kit (core, sign_util) and its published answer codes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from channels_sync.adapters.base import Connection, Renewed
from channels_sync.errors import GrantRefused
from ordercenter.common.http import MAX_ANSWER_BYTES, TIMEOUT_S
from ordercenter.common.platform_call import REPEATS, UNNAMED_PAUSE_S, ask_platform, repeated, seconds_to_midnight
from ordercenter.common.platform_errors import (
    AuthorizationExpired,
    ChannelAnswerUnreadable,
    ChannelError,
    ChannelQuotaUsedUp,
    ChannelRefused,
    ChannelThrottled,
    ChannelUnavailable,
)
from ordercenter.common.signing_douyin import douyin_sign, param_json
from ordercenter.common.strictjson import UnreadableBody, loads_strict

DONE = 10000
# A refresh token lives for 14 days, the access token that comes with it for 7.
REFRESHABLE_FOR = timedelta(days=14)
GRANT_URL = "https://fuwu.jinritemai.com/authorize"
_SERVICE_ERROR = 20000
_BAD_TOKEN = (30001, 30002)
_LIMITED = (70000, 80000)
# A limit of the day says so in words only; the next midnight of GMT+8 ends it.
_OF_THE_DAY = re.compile(r"今日|当日|当天|每日|每天|单日|日调用|\bdaily\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DouyinCredentials:
    """How one shop is reached. base_url: the host, e.g. https://openapi-fxg.jinritemai.com. access_token: of 7 days."""

    app_key: str
    secret: str = field(repr=False)
    access_token: str = field(repr=False)
    base_url: str


@dataclass(frozen=True, slots=True)
class DouyinAnswer:
    """data: the object under `data` (empty where there is none). body: the answer's bytes as they came."""

    data: dict[str, Any]
    body: bytes


class DouyinClient:
    """Calls methods for one shop. Holds no state, so one instance serves many threads."""

    def __init__(
        self,
        credentials: DouyinCredentials,
        *,
        timeout_s: float = TIMEOUT_S,
        max_bytes: int = MAX_ANSWER_BYTES,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: Callable[[float], None] = time.sleep,
    ):
        self._credentials = credentials
        self._timeout_s, self._max_bytes = timeout_s, max_bytes
        self._clock, self._pause = clock, pause

    def call(self, method: str, params: Mapping[str, Any], *, repeat: bool = True) -> DouyinAnswer:
        """Call a method such as `order.searchList`; params become its param_json.

        With `repeat`, a failure of the transport or of the platform's own services is repeated at once, up to 3 times,
        100 ms apart; pass False where doing it twice would do harm. Raises the ChannelError of the answer.
        """
        return repeated(lambda: self._call_once(method, params), repeats=REPEATS if repeat else 0, pause=self._pause)

    def _call_once(self, method: str, params: Mapping[str, Any]) -> DouyinAnswer:
        credentials = self._credentials
        text = param_json(params)
        timestamp = str(int(self._clock().timestamp()))
        query = {
            "app_key": credentials.app_key,
            "method": method,
            "access_token": credentials.access_token,
            "timestamp": timestamp,
            "v": "2",
            "sign": douyin_sign(
                app_key=credentials.app_key,
                secret=credentials.secret,
                method=method,
                params=text,
                timestamp=timestamp,
            ),
            "sign_method": "hmac-sha256",
        }
        address = f"{credentials.base_url.rstrip('/')}/{method.replace('.', '/')}"
        answer = ask_platform(
            f"{address}?{urlencode(query)}",
            method=method,
            content=text.encode(),
            content_type="application/json",
            headers={"x-open-no-old-err-code": "1"},
            timeout_s=self._timeout_s,
            max_bytes=self._max_bytes,
        )
        return DouyinAnswer(_open_envelope(method, answer.body, self._max_bytes, self._clock()), answer.body)


def _open_envelope(method: str, body: bytes, max_bytes: int, now: datetime) -> dict[str, Any]:
    try:
        envelope = loads_strict(body, max_bytes=max_bytes)
    except UnreadableBody as error:
        raise ChannelAnswerUnreadable(method=method, message=str(error)) from error
    if not isinstance(envelope, dict):
        raise ChannelAnswerUnreadable(method=method, message="the answer is no object")
    code = envelope.get("code", envelope.get("err_no"))
    if type(code) is not int:
        raise ChannelAnswerUnreadable(method=method, message="no code in the answer")
    # The older form of the envelope says 0.
    if code != (DONE if "code" in envelope else 0):
        raise error_of(method, envelope, now)
    data = envelope.get("data")
    if data is None or data == "" or data == []:
        return {}
    if not isinstance(data, dict):
        raise ChannelAnswerUnreadable(method=method, message="data is no object")
    return data


def error_of(method: str, envelope: Mapping[str, Any], now: datetime) -> ChannelError:
    """The typed error of an answer that is not a success, in either form of the envelope. now: aware."""
    error_code = envelope.get("code", envelope.get("err_no"))
    error_code = error_code if type(error_code) is int else 0
    sub_code = _text(envelope, "sub_code")
    message = _text(envelope, "sub_msg") or _text(envelope, "msg") or _text(envelope, "message")
    kind: type[ChannelError] = ChannelRefused
    wait_s = 0
    if error_code in _LIMITED:
        kind, wait_s = ChannelThrottled, UNNAMED_PAUSE_S
        if _OF_THE_DAY.search(f"{sub_code} {message}"):
            kind, wait_s = ChannelQuotaUsedUp, seconds_to_midnight(now)
    elif error_code in _BAD_TOKEN or "access-token" in sub_code:
        kind = AuthorizationExpired
    elif error_code == _SERVICE_ERROR or sub_code.startswith("isp."):
        kind = ChannelUnavailable
    log_id = _text(envelope, "log_id")
    told = f"{message[:160]} (log_id {log_id[:40]})" if log_id else message[:200]
    return kind(method=method, error_code=error_code, sub_code=sub_code[:100], message=told, wait_s=wait_s)


def _text(envelope: Mapping[str, Any], name: str) -> str:
    value = envelope.get(name)
    return value if isinstance(value, str) else ""


def renew(connection: Connection, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Renewed:
    """A new access token: by the refresh token, else, for an app of the shop's own, by the shop's number.

    secrets: all that are to be kept from now on. A refused renewal is final: raises AuthorizationExpired.
    """
    secrets = dict(connection.secrets)
    credentials = DouyinCredentials(connection.app_key, str(secrets["secret"]), "", connection.base_url)
    client = DouyinClient(credentials, clock=clock)
    shop_id = str(connection.options.get("shop_id") or "")
    try:
        data = _new_token(client, str(secrets.get("refresh_token") or ""), shop_id)
    except ChannelRefused as error:
        raise AuthorizationExpired(
            method=error.method, error_code=error.error_code, sub_code=error.sub_code, message=error.message
        ) from error
    return _renewed(data, secrets, clock(), is_own=bool(shop_id))


def granting_address(connection: Connection, state: str, _back: str) -> str | None:
    """Where a seller orders our application on the platform's market of services; None without its number there."""
    service = str(connection.options.get("service_id") or "")
    return f"{GRANT_URL}?{urlencode({'service_id': service, 'state': state})}" if service else None


def take_grant(
    connection: Connection,
    query: Mapping[str, str],
    _back: str,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Renewed:
    """The tokens for the code that the seller came back with. Raises GrantRefused, ChannelError."""
    if not query.get("code"):
        raise GrantRefused(why="denied")
    secrets = dict(connection.secrets)
    credentials = DouyinCredentials(connection.app_key, str(secrets["secret"]), "", connection.base_url)
    params = {"grant_type": "authorization_code", "code": query["code"]}
    try:
        data = DouyinClient(credentials, clock=clock).call("token.create", params, repeat=False).data
    except ChannelRefused as error:
        raise GrantRefused(why="expired", detail=error.message) from error
    return _renewed(data, secrets, clock(), is_own=False)


def _renewed(data: Mapping[str, Any], secrets: dict[str, Any], now: datetime, *, is_own: bool) -> Renewed:
    token, refresh, lives_s = data.get("access_token"), data.get("refresh_token"), data.get("expires_in")
    if not isinstance(token, str) or not token or type(lives_s) is not int or not 0 < lives_s < 10**9:
        raise ChannelAnswerUnreadable(method="token.refresh", message="no access_token with its expires_in")
    secrets["access_token"] = token
    if isinstance(refresh, str) and refresh:
        secrets["refresh_token"] = refresh
    return Renewed(
        secrets=secrets,
        valid_until=now + timedelta(seconds=lives_s),
        # With the shop's number a token is made anew at any time.
        renewable_until=None if is_own else now + REFRESHABLE_FOR,
    )


def _new_token(client: DouyinClient, refresh_token: str, shop_id: str) -> dict[str, Any]:
    if refresh_token:
        try:
            params = {"grant_type": "refresh_token", "refresh_token": refresh_token}
            return client.call("token.refresh", params, repeat=False).data
        except (ChannelRefused, AuthorizationExpired):
            if not shop_id:
                raise
    if not shop_id:
        raise AuthorizationExpired(method="token.create", message="neither a refresh token nor a shop id")
    return client.call("token.create", {"grant_type": "authorization_self", "shop_id": shop_id}).data
