"""What every client of a platform does alike: one HTTP exchange whose ends are the platforms' typed errors.

The envelope inside the answer is the platform's own and stays with its client.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from ordercenter.common.gmt8 import GMT8
from ordercenter.common.http import MAX_ANSWER_BYTES, TIMEOUT_S, HttpAnswer, HttpMethod, TransportFailed, exchange
from ordercenter.common.platform_errors import ChannelAnswerUnreadable, ChannelThrottled, ChannelUnavailable

REPEATS = 3
REPEAT_PAUSE_S = 0.1
# How long to leave a platform alone that asks for a pause without saying how long.
UNNAMED_PAUSE_S = 10
LONGEST_NAMED_PAUSE_S = 3600

Answer = TypeVar("Answer")


def ask_platform(
    url: str,
    *,
    method: str,
    verb: HttpMethod = "POST",
    content: bytes | None = None,
    content_type: str = "",
    headers: Mapping[str, str] | None = None,
    understood: Collection[int] = (200,),
    timeout_s: float = TIMEOUT_S,
    max_bytes: int = MAX_ANSWER_BYTES,
    address: str = "",
) -> HttpAnswer:
    """One exchange; `method` is the platform's name of the call, for errors. understood: statuses with an envelope.

    Raises ChannelUnavailable (transport, 5xx), ChannelThrottled (429, for as long as `Retry-After` says),
    ChannelAnswerUnreadable (too large, any other status).
    """
    try:
        answer = exchange(
            url,
            method=verb,
            content=content,
            content_type=content_type,
            headers=headers,
            timeout_s=timeout_s,
            max_bytes=max_bytes,
            address=address,
        )
    except TransportFailed as error:
        if error.problem == "too_large":
            raise ChannelAnswerUnreadable(method=method, message=str(error)) from error
        raise ChannelUnavailable(method=method, message=str(error)) from error
    if answer.status in understood:
        return answer
    if answer.status == 429:
        raise ChannelThrottled(method=method, error_code=429, wait_s=named_pause(answer.headers))
    kind = ChannelUnavailable if answer.status >= 500 else ChannelAnswerUnreadable
    raise kind(method=method, error_code=answer.status, message=f"HTTP {answer.status}")


def named_pause(headers: Mapping[str, str]) -> int:
    """Whole seconds of a `Retry-After` header (its form in seconds), at most an hour; 10 where it says nothing."""
    whole = headers.get("retry-after", "").strip().partition(".")[0]
    if whole.isascii() and whole.isdigit() and len(whole) < 9:
        return min(int(whole) + 1, LONGEST_NAMED_PAUSE_S)
    return UNNAMED_PAUSE_S


def repeated(
    call: Callable[[], Answer], *, repeats: int = REPEATS, pause: Callable[[float], None] = time.sleep
) -> Answer:
    """Call, and call again at once, 100 ms apart, while the platform is unavailable; an unreadable answer is final.

    repeats: 0 where doing it twice would do harm.
    """
    while True:
        try:
            return call()
        except ChannelUnavailable as error:
            if not repeats or isinstance(error, ChannelAnswerUnreadable):
                raise
        repeats -= 1
        pause(REPEAT_PAUSE_S)


def seconds_to_midnight(now: datetime) -> int:
    """Whole seconds to the next midnight of GMT+8, when the quotas of the day begin anew."""
    local = now.astimezone(GMT8)
    midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    # Rounded up: a second too early would meet the old quota.
    return -int((local - midnight) // timedelta(seconds=1))
