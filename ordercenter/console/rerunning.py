"""Running again what stopped at a case, after its cause has been mended outside the case."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from ordercenter.cases.models import Case
from ordercenter.cases.states import OPEN_STATES
from ordercenter.common.actor import Actor
from ordercenter.orders import services as orders
from ordercenter.orders.models import Hold
from ordercenter.workflow import services as workflow

DEFAULT_REASON = "run again"


@transaction.atomic
def run_again(*, case_ids: Collection[int], reason: str, at: datetime, actor: Actor) -> int:
    """Let what these open cases stopped try once more; returns how many of them had something to run.

    A case that holds an order lets it go without being accepted: the flow runs the stopped step again, and what is
    still wrong holds the order anew, with a new case. A case about anything else starts its stopped flow runs directly.
    """
    cases = list(Case.objects.filter(pk__in=case_ids, state__in=OPEN_STATES).order_by("pk"))
    holds = Hold.objects.filter(case_id__in=[case.pk for case in cases], released_at__isnull=True)
    held = dict(holds.values_list("case_id", "order_id"))
    if held:
        orders.release_holds(
            order_ids=sorted(set(held.values())),
            case_ids=sorted(held),
            reason=reason or DEFAULT_REASON,
            accepted=False,
            at=at,
            actor=actor,
        )
    others = sorted({case.subject for case in cases if case.pk not in held})
    return len(held) + (workflow.run_stopped_again(subjects=others, at=at, actor=actor) if others else 0)
