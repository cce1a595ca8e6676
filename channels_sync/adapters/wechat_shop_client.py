"""The wire of WeChat shop (channels/ec): a token in the query, JSON both ways, HTTP 200 with an errcode.

The token is the app's, one for all processes: it is renewed in one place (renewing.py) and kept with the account. The
stable token that is asked for here is the same for whoever asks and stays good when asked for again, so a client that
meets a bad one may fetch the present one itself without taking it away from others.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from channels_sync.adapters.base import Connection, Renewed
from ordercenter.common.http import MAX_ANSWER_BYTES, TIMEOUT_S
from ordercenter.common.platform_call import UNNAMED_PAUSE_S, ask_platform, repeated, seconds_to_midnight
from ordercenter.common.platform_errors import (
    AuthorizationExpired,
    ChannelAnswerUnreadable,
    ChannelError,
    ChannelQuotaUsedUp,
    ChannelRefused,
    ChannelThrottled,
    ChannelUnavailable,
)
from ordercenter.common.strictjson import UnreadableBody, loads_strict

STABLE_TOKEN = "/cgi-bin/stable_token"  # noqa: S105 - an address
BUSY = -1
BAD_TOKEN = frozenset((40001, 40014, 41001, 42001))
# Of the answers to a request for a token: only the owner of the app can help.
BAD_APP = frozenset((40001, 40002, 40013, 40125))
DAILY_QUOTA = 45009
TOO_OFTEN = 45011

# By (address, app): a token that proved bad, and the one that was fetched instead. Until the account has it, too.
_instead: dict[tuple[str, str], tuple[str, str]] = {}
_fetching = threading.Lock()


@dataclass(frozen=True, slots=True)
class WechatAnswer:
    """content: the whole object. body: its bytes as they came."""

    content: dict[str, Any]
    body: bytes


class WechatClient:
    """Calls the shop's interfaces for one app. Holds no state of its own, so threads may share it."""

    def __init__(
        self,
        connection: Connection,
        *,
        timeout_s: float = TIMEOUT_S,
        max_bytes: int = MAX_ANSWER_BYTES,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: Callable[[float], None] = time.sleep,
    ):
        self._connection = connection
        self._timeout_s, self._max_bytes = timeout_s, max_bytes
        self._clock, self._pause = clock, pause

    @property
    def base_url(self) -> str:
        return self._connection.base_url.rstrip("/")

    def call(self, path: str, params: Mapping[str, Any], *, repeat: bool = True) -> WechatAnswer:
        """Call an interface such as /channels/ec/order/get with its JSON parameters.

        repeat: at once again after a failure of the transport or errcode -1; False where twice would do harm. A token
        that the platform calls bad is fetched anew, once. Raises the ChannelError of the answer.
        """
        token = self._token()
        try:
            return self._with_token(path, params, token, repeat)
        except AuthorizationExpired:
            return self._with_token(path, params, self._other_than(token), repeat)

    def _with_token(self, path: str, params: Mapping[str, Any], token: str, repeat: bool) -> WechatAnswer:
        if not token:
            raise AuthorizationExpired(method=path, message="there is no token yet")
        url = f"{self.base_url}{path}?access_token={quote(token, safe='')}"
        once = lambda: self._ask(path, url, params, bad_grant=BAD_TOKEN)  # noqa: E731 - said once, in place
        return repeated(once, pause=self._pause) if repeat else once()

    def _ask(self, path: str, url: str, params: Mapping[str, Any], *, bad_grant: frozenset[int]) -> WechatAnswer:
        answer = ask_platform(
            url,
            method=path,
            content=json.dumps(params, ensure_ascii=False, separators=(",", ":")).encode(),
            content_type="application/json",
            timeout_s=self._timeout_s,
            max_bytes=self._max_bytes,
        )
        try:
            content = loads_strict(answer.body, max_bytes=self._max_bytes)
        except UnreadableBody as error:
            raise ChannelAnswerUnreadable(method=path, message=str(error)) from error
        if not isinstance(content, dict):
            raise ChannelAnswerUnreadable(method=path, message="the answer is no object")
        errcode = content.get("errcode", 0)
        if type(errcode) is not int:
            raise ChannelAnswerUnreadable(method=path, message="errcode is no number")
        if errcode:
            raise error_of(path, errcode, content.get("errmsg"), self._clock(), bad_grant=bad_grant)
        return WechatAnswer(content, answer.body)

    # --- the token ----------------------------------------------------------------------------------------------------

    def fetch_token(self) -> tuple[str, int]:
        """The app's present token and for how many seconds it is good."""
        params = {
            "grant_type": "client_credential",
            "appid": self._connection.app_key,
            "secret": self._connection.secrets["secret"],
            "force_refresh": False,
        }
        url = f"{self.base_url}{STABLE_TOKEN}"
        content = repeated(lambda: self._ask(STABLE_TOKEN, url, params, bad_grant=BAD_APP), pause=self._pause).content
        token, life_s = content.get("access_token"), content.get("expires_in")
        if not isinstance(token, str) or not token or type(life_s) is not int or life_s <= 0:
            raise ChannelAnswerUnreadable(method=STABLE_TOKEN, message="no access_token with expires_in in the answer")
        return token, life_s

    def _token(self) -> str:
        kept = str(self._connection.secrets.get("access_token", ""))
        bad, good = _instead.get(self._key, ("", ""))
        return good if kept == bad else kept

    def _other_than(self, bad: str) -> str:
        """The present token, which one thread fetches for all. bad: what the platform refused."""
        with _fetching:
            known = self._token()
            if known != bad:
                return known
            good, _life_s = self.fetch_token()
            _instead[self._key] = (str(self._connection.secrets.get("access_token", "")), good)
            return good

    @property
    def _key(self) -> tuple[str, str]:
        return self.base_url, self._connection.app_key


def renew(connection: Connection) -> Renewed:
    """The app's present token, to be kept. Raises AuthorizationExpired where only the owner can help."""
    token, life_s = WechatClient(connection).fetch_token()
    until = datetime.now(UTC) + timedelta(seconds=life_s)
    return Renewed({**connection.secrets, "access_token": token}, until)


def error_of(
    path: str, errcode: int, errmsg: Any, now: datetime, *, bad_grant: frozenset[int] = BAD_TOKEN
) -> ChannelError:
    """The typed error of an answer whose errcode is not 0. now: aware; the quota of the day is counted from it."""
    kind: type[ChannelError] = ChannelRefused
    wait_s = 0
    if errcode == BUSY:
        kind = ChannelUnavailable
    elif errcode in bad_grant:
        kind = AuthorizationExpired
    elif errcode == DAILY_QUOTA:
        kind, wait_s = ChannelQuotaUsedUp, seconds_to_midnight(now)
    elif errcode == TOO_OFTEN:
        kind, wait_s = ChannelThrottled, UNNAMED_PAUSE_S
    message = errmsg[:200] if isinstance(errmsg, str) else ""
    return kind(method=path, error_code=errcode, message=message, wait_s=wait_s)
