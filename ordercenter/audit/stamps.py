"""What people edit as rows and everything reads: compiled or kept once per version and process.

Triggers give each set of rows a new version whenever a row of it changes, whoever changes it (`common/stamp_triggers`,
for migrations); a unit of work asks for all versions with one statement, and reads only what is new to the process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db import connection

from ordercenter.audit.work import Work
from ordercenter.events.ahead import current

T = TypeVar("T")

_compiled: dict[str, tuple[tuple[int, ...], Any]] = {}


def compiled(work: Work, kinds: str | tuple[str, ...], build: Callable[[], T], *, name: str = "") -> T:
    """What is made of the rows of this kind, or of these kinds. build: reads the rows and makes it.

    name: tells several things apart that are made of the same rows.
    """
    if isinstance(kinds, str):
        kinds = (kinds,)
    known_versions = stamps(work)
    versions = tuple(known_versions.get(kind, 0) for kind in kinds)
    key = name or kinds[0]
    known = _compiled.get(key)
    if known is not None and known[0] == versions:
        return known[1]  # type: ignore[no-any-return]
    # Rows that change while they are read get a new version after it: read too new, they are read once more.
    made = build()
    _compiled[key] = (versions, made)
    return made


def stamps(work: Work) -> dict[str, int]:
    """The version of each set of rows that was ever changed. One statement per unit of work, or per transaction of a
    relay: all that it does is done by the same versions.
    """
    ahead = current()
    shared = work.shared if ahead is None else ahead.shared
    known: dict[str, int] | None = shared.get("rule_stamps")
    if known is None:
        with connection.cursor() as cursor:
            # The table is the catalog's (catalog.RuleStamp), a floor above.
            cursor.execute("SELECT kind, version FROM catalog_rulestamp")
            known = shared["rule_stamps"] = dict(cursor.fetchall())
    return known
