"""Running again what stopped at a case, after its cause has been mended outside the case."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from ordercenter.cases.models import Case
from ordercenter.cases.states import OPEN_STATES
from ordercenter.common.actor import Actor
from ordercenter.orders import services as orders
from ordercenter.orders.models import Hold
from ordercenter.orders.services.matching import UNMAPPED
from ordercenter.workflow import services as workflow

DEFAULT_REASON = "run again"


@dataclass(frozen=True)
class Rerun:
    """ran: how many had something to run. unmatched: how many wait on, because their goods are not matched yet."""

    ran: int
    unmatched: int = 0


@transaction.atomic
def run_again(*, case_ids: Collection[int], reason: str, at: datetime, actor: Actor) -> Rerun:
    """Let what these open cases stopped try once more.

    A case that holds an order lets it go without being accepted: the flow runs the stopped step again, and what is
    still wrong holds the order anew, with a new case. An order whose goods are still unmatched stays as it is, with the
    case that it has. A case about anything else starts its stopped flow runs directly.
    """
    cases = list(Case.objects.filter(pk__in=case_ids, state__in=OPEN_STATES).order_by("pk"))
    holds = Hold.objects.filter(case_id__in=[case.pk for case in cases], released_at__isnull=True)
    held = {case_id: (order_id, code) for case_id, order_id, code in holds.values_list("case_id", "order_id", "code")}
    unmatched = {order_id for order_id, code in held.values() if code == UNMAPPED}
    reason = reason or DEFAULT_REASON
    matched = orders.rerun_unmatched(order_ids=unmatched, reason=reason, at=at, actor=actor)
    others = {case_id: order_id for case_id, (order_id, code) in held.items() if code != UNMAPPED}
    if others:
        orders.release_holds(
            order_ids=sorted(set(others.values())),
            case_ids=sorted(others),
            reason=reason,
            accepted=False,
            at=at,
            actor=actor,
        )
    stopped = sorted({case.subject for case in cases if case.pk not in held})
    ran = len(matched) + len(others)
    ran += workflow.run_stopped_again(subjects=stopped, at=at, actor=actor) if stopped else 0
    return Rerun(ran, len(unmatched) - len(matched))


def unmatched_among(case_ids: Collection[int]) -> list[int]:
    """Which of these are open cases of orders whose goods are unmatched: no decision but a match lets those go on."""
    cases = Case.objects.filter(pk__in=case_ids, state__in=OPEN_STATES, code=UNMAPPED).values_list("pk", flat=True)
    return list(
        Hold.objects.filter(case_id__in=list(cases), released_at__isnull=True).values_list("case_id", flat=True)
    )
