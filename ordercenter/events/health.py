"""Can this installation do its work, and how far behind is it: for watchdogs, load balancers and monitoring."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from django.db import InterfaceError, OperationalError, ProgrammingError, connection, transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache

# Beat rings every ten seconds, relays and listener sign every few: older than this, somebody is away.
LATE_S = {"relay": 30, "listener": 60, "worker": 45}
# What waits longer than this is behind; a retry that is not due yet does not count.
BEHIND_S = 60
_LONGEST = "SET LOCAL statement_timeout = '2s'"
_AGES = """
SELECT queue, extract(epoch FROM clock_timestamp() - oldest) FROM (
    SELECT 'deliveries' AS queue, min(due_at) AS oldest FROM events_delivery WHERE status = 'waiting'
    UNION ALL SELECT 'inbox', min(due_at) FROM events_inbox WHERE status = 'waiting'
    UNION ALL SELECT 'commands', min(due_at) FROM events_outgoing WHERE status = 'waiting'
    UNION ALL SELECT 'timers', min(due_at) FROM events_timer WHERE fired_at IS NULL AND cancelled_at IS NULL) AS q
"""
_SIGNS = """
SELECT split_part(name, ':', 1), extract(epoch FROM clock_timestamp() - max(at)), count(*) FROM events_process_beat
WHERE at > now() - interval '1 day' GROUP BY 1
"""


@dataclass
class Health:
    """What was found. queues: age in seconds of the oldest row that is due, 0 for none; processes: age of the last sign
    of life by kind, None for none within a day. late: what is behind or away, in words for machines.
    """

    queues: dict[str, float] = field(default_factory=dict)
    processes: dict[str, float | None] = field(default_factory=dict)
    late: list[str] = field(default_factory=list)


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 while the work can be done, 503 when it cannot: the database does not answer, or has no tables yet.

    What is only late says "degraded" and stays 200: taking web processes out of service would not mend a broker.
    """
    began = time.perf_counter()
    try:
        health = look()
    except ProgrammingError:
        return _down("has no tables yet: run migrate")
    except (OperationalError, InterfaceError):
        return _down("does not answer")
    answered_ms = round((time.perf_counter() - began) * 1000, 1)
    rung = health.processes["worker"]
    return JsonResponse(
        {
            "ready": True,
            "status": "degraded" if health.late else "ok",
            "late": health.late,
            "database": {"status": "ok", "answered_ms": answered_ms},
            # The broker is not asked from a web request: the last ring that went through it to a worker tells.
            "broker": {"status": "silent" if "worker" in health.late else "ok", "last_ring_age_s": rung},
            "oldest_waiting_s": health.queues,
            "last_sign_s": health.processes,
        }
    )


def look() -> Health:
    """Ages of queues and processes. Three short statements; raises what the database raises."""
    health = Health()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LONGEST)
        cursor.execute(_SIGNS)
        signs: dict[str, Any] = {kind: age for kind, age, _count in cursor.fetchall()}
        cursor.execute(_AGES)
        ages: dict[str, Any] = dict(cursor.fetchall())
    for kind, longest in LATE_S.items():
        age = signs.get(kind)
        health.processes[kind] = None if age is None else round(float(age), 1)
        if age is None or age > longest:
            health.late.append(kind)
    for queue, age in ages.items():
        health.queues[queue] = round(max(float(age or 0), 0.0), 1)
        if health.queues[queue] > BEHIND_S:
            health.late.append(queue)
    return health


def _down(why: str) -> JsonResponse:
    return JsonResponse({"ready": False, "status": "down", "database": {"status": why}}, status=503)
