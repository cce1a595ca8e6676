"""The wire of the Taobao open platform (TOP): one signed form request, one strictly read envelope, typed errors.

Source of the rules: the platform's official Java client (signature, envelope, AutoRetryTaobaoClient) and its published
error codes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

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
from ordercenter.common.signing import TopSignMethod, top_sign
from ordercenter.common.strictjson import UnreadableBody, loads_strict

TRADE_REJECTION_WAIT_S = 180
_BAN = re.compile(r"([0-9]{1,6}) more second")
_BAD_SESSION = (26, 27)
_CALL_LIMITED = 7
_SERVICE_UNAVAILABLE = 10


@dataclass(frozen=True, slots=True)
class TopCredentials:
    """How one shop is reached. session: the seller's access token. base_url: the router, e.g. .../router/rest."""

    app_key: str
    secret: str = field(repr=False)
    session: str = field(repr=False)
    base_url: str
    sign_method: TopSignMethod = "hmac-sha256"


@dataclass(frozen=True, slots=True)
class TopAnswer:
    """content: the object under the method's root name. body: the answer's bytes as they came."""

    content: dict[str, Any]
    body: bytes


class TopClient:
    """Calls TOP methods for one shop. Holds no state, so one instance serves many threads."""

    def __init__(
        self,
        credentials: TopCredentials,
        *,
        timeout_s: float = TIMEOUT_S,
        max_bytes: int = MAX_ANSWER_BYTES,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: Callable[[float], None] = time.sleep,
    ):
        self._credentials = credentials
        self._timeout_s, self._max_bytes = timeout_s, max_bytes
        self._clock, self._pause = clock, pause

    def call(self, method: str, params: Mapping[str, str], *, repeat: bool = True) -> TopAnswer:
        """Call a method such as `taobao.trade.fullinfo.get` with its own parameters (text; empty ones are left out).

        With `repeat`, a failure of the transport or of the platform's own services (isp.*) is repeated at once, up to
        3 times, 100 ms apart; pass False where doing it twice would do harm. Raises the ChannelError of the answer.
        """
        return repeated(lambda: self._call_once(method, params), repeats=REPEATS if repeat else 0, pause=self._pause)

    def _call_once(self, method: str, params: Mapping[str, str]) -> TopAnswer:
        answer = ask_platform(
            self._credentials.base_url,
            method=method,
            content=urlencode(self._signed(method, params)).encode(),
            content_type="application/x-www-form-urlencoded;charset=utf-8",
            timeout_s=self._timeout_s,
            max_bytes=self._max_bytes,
        )
        return TopAnswer(_open_envelope(method, answer.body, self._max_bytes, self._clock()), answer.body)

    def _signed(self, method: str, params: Mapping[str, str]) -> dict[str, str]:
        credentials = self._credentials
        form = {
            "method": method,
            "app_key": credentials.app_key,
            "session": credentials.session,
            "timestamp": format_gmt8(self._clock()),
            "format": "json",
            "v": "2.0",
            "sign_method": credentials.sign_method,
            **params,
        }
        # What is blank is not signed, so it must not be sent either.
        form = {key: value for key, value in form.items() if value.strip()}
        form["sign"] = top_sign(form, secret=credentials.secret, sign_method=credentials.sign_method)
        return form


def response_root(method: str) -> str:
    """The name under which a method's answer stands: `taobao.trade.get` -> `trade_get_response`."""
    return method.removeprefix("taobao.").replace(".", "_") + "_response"


def _open_envelope(method: str, body: bytes, max_bytes: int, now: datetime) -> dict[str, Any]:
    try:
        envelope = loads_strict(body, max_bytes=max_bytes)
    except UnreadableBody as error:
        raise ChannelAnswerUnreadable(method=method, message=str(error)) from error
    if isinstance(envelope, dict):
        problem = envelope.get("error_response")
        if isinstance(problem, dict):
            raise error_of(method, problem, now)
        content = envelope.get(response_root(method))
        if isinstance(content, dict) and "error_response" not in envelope:
            return content
    raise ChannelAnswerUnreadable(method=method, message=f"no {response_root(method)} in the answer")


def error_of(method: str, problem: Mapping[str, Any], now: datetime) -> ChannelError:
    """The typed error of an `error_response` object. now: aware; the daily quota is counted from it."""
    error_code = _as_int(problem.get("code"))
    sub_code = _as_text(problem.get("sub_code"))
    message = _as_text(problem.get("sub_msg")) or _as_text(problem.get("msg"))
    kind: type[ChannelError] = ChannelRefused
    wait_s = 0
    if error_code in _BAD_SESSION:
        kind = AuthorizationExpired
    elif sub_code == "accesscontrol.limited-by-app-access-count":
        kind, wait_s = ChannelQuotaUsedUp, seconds_to_midnight(now)
    elif error_code == _CALL_LIMITED or sub_code.startswith("accesscontrol.limited-by-"):
        named = _BAN.search(message)
        kind, wait_s = ChannelThrottled, int(named[1]) + 1 if named else UNNAMED_PAUSE_S
    elif sub_code == "isv.trade-service-rejection":
        kind, wait_s = ChannelThrottled, TRADE_REJECTION_WAIT_S
    elif sub_code.startswith("isp.") or (error_code == _SERVICE_UNAVAILABLE and not sub_code.startswith("isv.")):
        kind = ChannelUnavailable
    return kind(method=method, error_code=error_code, sub_code=sub_code, message=message[:200], wait_s=wait_s)


def _as_int(value: Any) -> int:
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10 else 0


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else ""
