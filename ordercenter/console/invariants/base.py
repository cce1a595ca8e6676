"""The form of a check, and running them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.functional import Promise

SAMPLE = 5


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant. name: stable, for machines. says: what holds. sql: a SELECT of (subject, found) for each offender.

    sql may use %(stale_before)s: what was due before this instant waits too long. values: further parameters, asked
    for when the check runs.
    """

    name: str
    says: str | Promise
    sql: str
    values: Callable[[], Mapping[str, Any]] = dict


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a check. broken: how many offenders; sample: the first of them as (subject, found)."""

    check: Check
    broken: int
    sample: list[tuple[str, str]]


def run_checks(checks: Sequence[Check], *, stale_before: datetime) -> list[Verdict]:
    """Run these checks, one statement each beside those that work out its values, and say what each found."""
    return [_run(check, stale_before) for check in checks]


def _run(check: Check, stale_before: datetime) -> Verdict:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT q.subject, q.found, count(*) OVER () FROM ({check.sql}) AS q(subject, found)"
            f" ORDER BY q.subject, q.found LIMIT {SAMPLE}",
            {"stale_before": stale_before, **check.values()},
        )
        rows = cursor.fetchall()
    return Verdict(check, rows[0][2] if rows else 0, [(subject, found) for subject, found, _count in rows])
