"""Rules that people edit as rows, compiled once per version and process.

Triggers give each set of rules a new version whenever a row of it changes, whoever changes it; a unit of work asks for
all versions with one statement, and compiles only what is new to the process. `trigger_sql` is for migrations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ordercenter.audit.work import Work
from ordercenter.catalog.models import RuleStamp

T = TypeVar("T")

_compiled: dict[str, tuple[int, Any]] = {}


def compiled(work: Work, kind: str, build: Callable[[], T]) -> T:
    """The rules of this kind, ready to use. build: reads their rows and compiles them."""
    version = stamps(work).get(kind, 0)
    known = _compiled.get(kind)
    if known is not None and known[0] == version:
        return known[1]  # type: ignore[no-any-return]
    # Rows that change while they are read get a new version after it: read too new, they are read once more.
    rules = build()
    _compiled[kind] = (version, rules)
    return rules


def stamps(work: Work) -> dict[str, int]:
    """The version of each set of rules that was ever changed. One statement per unit of work."""
    known: dict[str, int] | None = work.shared.get("rule_stamps")
    if known is None:
        known = work.shared["rule_stamps"] = dict(RuleStamp.objects.values_list("kind", "version"))
    return known
