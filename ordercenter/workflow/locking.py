"""Locking runs: only ever under the lock of their subject, so that nobody waits for a run.

Who changes an order (a cancellation, a takeover, a warehouse's answer) holds the order when it comes to its runs. A
flow that locked the run first would wait for the order while the other one waits for the run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from django.db.models import QuerySet

from ordercenter.audit.work import Work
from ordercenter.workflow.components import registry
from ordercenter.workflow.models import FlowRun


def lock_subjects(subjects: Collection[str], work: Work) -> None:
    """Lock what these names mean ("order:17"): orders, then shipments, each by key.

    One statement for each kind of which the work has not all by now. Names of nothing that flows move are passed over.
    """
    by_kind: dict[str, set[int]] = defaultdict(set)
    for subject in subjects:
        kind, _, number = subject.partition(":")
        by_kind[kind].add(int(number) if number.isdecimal() else 0)
    specs = [spec for kind in by_kind if (spec := registry.find_subject(kind)) is not None]
    for spec in sorted(specs, key=lambda spec: spec.place):
        if spec.model is not None:
            work.lock(spec.model, by_kind[spec.name])


def lock_runs(rows: QuerySet[FlowRun], work: Work) -> list[FlowRun]:
    """These runs, locked after their subjects, in the order of the query. They may have moved on since they were found:
    look at where they stand. Two statements, and one for each kind of subject that is not locked yet.
    """
    found = list(rows.values_list("pk", "subject"))
    lock_subjects({subject for _, subject in found}, work)
    return list(work.lock(FlowRun, [pk for pk, _ in found]).values())
