"""What orders do when a case about them is closed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from ordercenter.audit.work import unit_of_work
from ordercenter.cases.states import CaseState
from ordercenter.events.registry import Recorded, on
from ordercenter.events.types import CaseClosed
from ordercenter.orders import services


@on(CaseClosed, name="orders.case_closed")
def release_holds_of_closed_cases(events: Sequence[Recorded]) -> None:
    """A closed case takes its hold with it; what a person decided is not asked again."""
    closed: dict[tuple[str, bool], set[int]] = defaultdict(set)
    for event in (r.event for r in events):
        if isinstance(event, CaseClosed) and event.case_subject.startswith("order:"):
            by_person = event.how in (CaseState.RESOLVED, CaseState.DISMISSED)
            closed[event.code, by_person].add(int(event.case_subject.partition(":")[2]))
    if closed:
        with unit_of_work(because=events) as work:
            for (code, by_person), order_ids in sorted(closed.items()):
                services.release_holds(
                    order_ids=sorted(order_ids), codes=[code], reason="case closed", accepted=by_person, work=work
                )
