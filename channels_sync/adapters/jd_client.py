"""The wire of JD's open platform (JOS): one signed form request, one strictly read envelope, typed errors.

The envelope's root is spelled `_responce` since ever; `_response` is taken too. A call has succeeded only when the
object inside says so. Source of the rules: public kits of the platform and its published answer codes.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from channels_sync.adapters.base import Connection, Renewed
from channels_sync.errors import GrantRefused
from ordercenter.common.gmt8 import format_gmt8
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
from ordercenter.common.signing_jd import jd_sign
from ordercenter.common.strictjson import UnreadableBody, loads_strict

OAUTH_URL = "https://open-oauth.jd.com"
_BAD_TOKEN = (19,)
_BUSY = (43, 50, 67)
_SERVICE_ERRORS = range(10_100_000, 10_200_000)
# A limit says so in words only; one of the day ends at the next midnight of GMT+8.
_LIMITED = re.compile(
    r"(?:超出|超过|达到|超限).{0,12}(?:调用|访问|流量|次数|频率)|调用(?:次数|频率).{0,6}(?:超限|过高|过快)"
)
_OF_THE_DAY = re.compile(r"今日|当日|当天|每日|每天|单日|日调用")
_DEEPEST_RESULT = 3


@dataclass(frozen=True, slots=True)
class JdCredentials:
    """How one shop is reached. base_url: the router, e.g. https://api.jd.com/routerjson."""

    app_key: str
    secret: str = field(repr=False)
    access_token: str = field(repr=False)
    base_url: str


@dataclass(frozen=True, slots=True)
class JdAnswer:
    """content: the object under the method's root name. body: the answer's bytes as they came."""

    content: dict[str, Any]
    body: bytes


class JdClient:
    """Calls methods for one shop. Holds no state, so one instance serves many threads."""

    def __init__(
        self,
        credentials: JdCredentials,
        *,
        timeout_s: float = TIMEOUT_S,
        max_bytes: int = MAX_ANSWER_BYTES,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: Callable[[float], None] = time.sleep,
    ):
        self._credentials = credentials
        self._timeout_s, self._max_bytes = timeout_s, max_bytes
        self._clock, self._pause = clock, pause

    def call(self, method: str, params: Mapping[str, Any], *, repeat: bool = True) -> JdAnswer:
        """Call a method such as `jingdong.pop.order.search`; params become its 360buy_param_json.

        With `repeat`, a failure of the transport or of the platform's own services is repeated at once, up to 3 times,
        100 ms apart. Raises the ChannelError of the answer, of the gateway or of the object inside.
        """
        return repeated(lambda: self._call_once(method, params), repeats=REPEATS if repeat else 0, pause=self._pause)

    def _call_once(self, method: str, params: Mapping[str, Any]) -> JdAnswer:
        credentials = self._credentials
        form = {
            "method": method,
            "app_key": credentials.app_key,
            "access_token": credentials.access_token,
            "timestamp": format_gmt8(self._clock()),
            "v": "2.0",
            "360buy_param_json": json.dumps(params, ensure_ascii=False, separators=(",", ":")),
        }
        form = {key: value for key, value in form.items() if value}
        form["sign"] = jd_sign(form, secret=credentials.secret)
        answer = ask_platform(
            credentials.base_url,
            method=method,
            content=urlencode(form).encode(),
            content_type="application/x-www-form-urlencoded;charset=utf-8",
            timeout_s=self._timeout_s,
            max_bytes=self._max_bytes,
        )
        return JdAnswer(_open_envelope(method, answer.body, self._max_bytes, self._clock()), answer.body)


def response_roots(method: str) -> tuple[str, str]:
    """The names under which a method's answer may stand."""
    stem = method.replace(".", "_")
    return f"{stem}_responce", f"{stem}_response"


def _open_envelope(method: str, body: bytes, max_bytes: int, now: datetime) -> dict[str, Any]:
    try:
        envelope = loads_strict(body, max_bytes=max_bytes)
    except UnreadableBody as error:
        raise ChannelAnswerUnreadable(method=method, message=str(error)) from error
    if isinstance(envelope, dict):
        problem = envelope.get("error_response")
        if isinstance(problem, dict):
            raise error_of(method, problem, now)
        for root in response_roots(method):
            content = envelope.get(root)
            if isinstance(content, dict):
                if str(content.get("code", "0")) != "0":
                    raise error_of(method, content, now)
                _refuse_inside(method, content, now)
                return content
    raise ChannelAnswerUnreadable(method=method, message=f"no {response_roots(method)[0]} in the answer")


def _refuse_inside(method: str, content: Mapping[str, Any], now: datetime) -> None:
    """Raise for an object inside that says that it has not succeeded: the gateway's 0 only means that it was asked."""
    for result in _objects(content, _DEEPEST_RESULT):
        told = result.get("success", result.get("result_state"))
        if told is False or (isinstance(told, str) and told.lower() == "false"):
            raise error_of(method, result, now)


def _objects(content: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    yield content
    if depth > 1:
        for value in content.values():
            if isinstance(value, dict):
                yield from _objects(value, depth - 1)


def error_of(method: str, problem: Mapping[str, Any], now: datetime) -> ChannelError:
    """The typed error of an `error_response`, or of an object that has not succeeded. now: aware."""
    error_code = _number(problem, "errorCode", "code")
    sub_code = _text(problem, "englishErrCode", "en_desc")
    message = _text(problem, "chineseErrCode", "zh_desc", "errorMsg", "result_info", "msg") or sub_code
    kind: type[ChannelError] = ChannelRefused
    wait_s = 0
    if error_code in _BAD_TOKEN:
        kind = AuthorizationExpired
    elif _LIMITED.search(message):
        kind, wait_s = ChannelThrottled, UNNAMED_PAUSE_S
        if _OF_THE_DAY.search(message):
            kind, wait_s = ChannelQuotaUsedUp, seconds_to_midnight(now)
    elif error_code in _BUSY or error_code in _SERVICE_ERRORS:
        kind = ChannelUnavailable
    return kind(method=method, error_code=error_code, sub_code=sub_code[:100], message=message[:200], wait_s=wait_s)


def renew(connection: Connection, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Renewed:
    """A new access token by the refresh token, which the platform takes in the last 24 hours only, and never after.

    secrets: all that are to be kept from now on. A refused renewal is final: raises AuthorizationExpired.
    """
    secrets = dict(connection.secrets)
    if not secrets.get("refresh_token"):
        raise AuthorizationExpired(method="oauth2.refresh_token", message="no refresh token")
    return _tokens(
        connection, "refresh_token", {"grant_type": "refresh_token", "refresh_token": secrets["refresh_token"]}, clock
    )


def granting_address(connection: Connection, state: str, back: str) -> str:
    """Where a seller of JD logs in and lets our application in."""
    query = {
        "app_key": connection.app_key,
        "response_type": "code",
        "redirect_uri": back,
        "state": state,
        "scope": "snsapi_base",
    }
    return f"{_oauth_url(connection)}/oauth2/to_login?{urlencode(query)}"


def take_grant(
    connection: Connection,
    query: Mapping[str, str],
    back: str,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Renewed:
    """The tokens for the code that the seller came back with. Raises GrantRefused, ChannelError."""
    if not query.get("code"):
        raise GrantRefused(why="denied", detail=str(query.get("error", ""))[:80])
    try:
        return _tokens(
            connection,
            "access_token",
            {"grant_type": "authorization_code", "code": query["code"], "redirect_uri": back},
            clock,
        )
    except AuthorizationExpired as error:
        raise GrantRefused(why="expired", detail=error.message) from error


def _oauth_url(connection: Connection) -> str:
    return str(connection.options.get("oauth_url") or OAUTH_URL).rstrip("/")


def _tokens(connection: Connection, endpoint: str, grant: Mapping[str, str], clock: Callable[[], datetime]) -> Renewed:
    method, secrets = f"oauth2.{endpoint}", dict(connection.secrets)
    form = {"app_key": connection.app_key, "app_secret": secrets["secret"], **grant}
    answer = ask_platform(
        f"{_oauth_url(connection)}/oauth2/{endpoint}",
        method=method,
        content=urlencode(form).encode(),
        content_type="application/x-www-form-urlencoded;charset=utf-8",
        understood=(200, 400, 401, 403),
    )
    try:
        told = loads_strict(answer.body)
    except UnreadableBody as error:
        raise ChannelAnswerUnreadable(method=method, message=str(error)) from error
    if not isinstance(told, dict):
        raise ChannelAnswerUnreadable(method=method, message="the answer is no object")
    token, lives_s = told.get("access_token"), _number(told, "expires_in")
    if not isinstance(token, str) or not token:
        raise AuthorizationExpired(method=method, error_code=_number(told, "code"), message=_text(told, "msg")[:200])
    if not 0 < lives_s < 10**9:
        raise ChannelAnswerUnreadable(method=method, message="no expires_in with the token")
    secrets["access_token"] = token
    if isinstance(told.get("refresh_token"), str) and told["refresh_token"]:
        secrets["refresh_token"] = told["refresh_token"]
    until = clock() + timedelta(seconds=lives_s)
    return Renewed(secrets=secrets, valid_until=until, renewable_until=until)


def _number(problem: Mapping[str, Any], *names: str) -> int:
    for name in names:
        value = problem.get(name)
        if type(value) is int:
            return value
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
            return int(value)
    return 0


def _text(problem: Mapping[str, Any], *names: str) -> str:
    for name in names:
        value = problem.get(name)
        if isinstance(value, str) and value:
            return value
    return ""
