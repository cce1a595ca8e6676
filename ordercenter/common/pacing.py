"""How many calls a caller may make: counted in the database, for all web processes together."""

from __future__ import annotations

from datetime import timedelta
from math import ceil
from typing import Any

from django.conf import settings
from django.db import connection
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle, SimpleRateThrottle

from ordercenter.common.api_client import ApiClient

# Each call occupies its share of the period, one after the other; who is occupied for longer than a whole period has to
# wait. So a burst of a period's calls is let through, and then as many as the rate says (the generic cell rate
# algorithm of ATM traffic management, ITU-T I.371). One row for each caller, one short statement for each call.
_TAKE = """
INSERT INTO common_call_pace AS pace (caller, busy_until) VALUES (%(caller)s, clock_timestamp() + %(share)s)
ON CONFLICT (caller) DO UPDATE SET busy_until = greatest(pace.busy_until, clock_timestamp()) + %(share)s
WHERE pace.busy_until + %(share)s <= clock_timestamp() + %(period)s
RETURNING 0
"""
_WAIT = """
SELECT extract(epoch FROM busy_until + %(share)s - %(period)s - clock_timestamp()) FROM common_call_pace
WHERE caller = %(caller)s
"""


class CallerThrottle(BaseThrottle):
    """So many calls a minute for each key or person, as OC_API_RATE says."""

    wait_s: float | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        """Whether the caller may make this call now; it is counted when yes."""
        ident = request.auth.ident if isinstance(request.auth, ApiClient) else f"user:{request.user.pk}"
        self.wait_s = take_call(ident, rate=settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]["caller"])
        return self.wait_s is None

    def wait(self) -> float | None:
        """Seconds until the next call is let through."""
        return self.wait_s


def take_call(caller: str, *, rate: str) -> float | None:
    """Count one call. rate: "1200/min", in the framework's words. None: it may go on; else the whole seconds to wait.

    One statement, two when the answer is no. To be called outside a transaction, so that nobody waits for the row.
    """
    calls, seconds = SimpleRateThrottle.parse_rate(None, rate)  # type: ignore[arg-type]
    if not calls or not seconds:
        return None
    values: dict[str, Any] = {
        "caller": caller,
        "share": timedelta(seconds=seconds) / calls,
        "period": timedelta(seconds=seconds),
    }
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, values)
        if cursor.fetchone() is not None:
            return None
        cursor.execute(_WAIT, values)
        row = cursor.fetchone()
    return max(1.0, ceil(row[0])) if row else 1.0
