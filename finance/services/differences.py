"""Each difference of a bill is a case, for as long as it is one."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from finance.matching import Difference
from finance.models import Statement
from finance.states import LineState
from ordercenter.audit.work import Work
from ordercenter.cases.services import CaseDraft, close_cases_of, open_cases
from ordercenter.orders.models import Order

CASE_CODE = "SETTLEMENT_DIFF"


def open_difference_cases(*, statement: Statement, differences: Sequence[Difference], work: Work) -> None:
    """A case for each difference of this bill; one that is open already takes the new evidence.

    Fees that differ on one bill have one cause, a wrong contract rate, so their cases form one group.
    """
    if not differences:
        return
    order_ids = {d.order_id for d in differences if d.order_id is not None}
    order_nos = dict(Order.objects.filter(pk__in=order_ids).values_list("pk", "channel_order_no"))
    open_cases(drafts=[_draft(statement, d, order_nos.get(d.order_id or 0, "")) for d in differences], work=work)


def close_difference_cases(*, line_ids: Collection[int], resolution: str, work: Work) -> None:
    """The cases of these lines, whose difference is gone or decided."""
    close_cases_of(
        subjects=[subject_of(line_id) for line_id in line_ids],
        codes={CASE_CODE},
        resolution=resolution[:200],
        work=work,
    )


def subject_of(line_id: int) -> str:
    """What a case about this line calls it."""
    return f"statement_line:{line_id}"


def _draft(statement: Statement, difference: Difference, order_no: str) -> CaseDraft:
    one_cause = difference.verdict == LineState.FEE_DIFFERS
    return CaseDraft(
        code=CASE_CODE,
        subject=subject_of(difference.line_id),
        shop_id=difference.shop_id,
        reference=order_no or difference.key.external_no,
        money_at_risk=difference.money_at_risk,
        evidence={
            "statement_id": statement.pk,
            "provider": statement.provider,
            "business_day": statement.business_day.isoformat(),
            **difference.evidence(),
        },
        root_cause=f"{CASE_CODE}:{statement.pk}:fee" if one_cause else "",
        root_title=f"{statement} · {LineState.FEE_DIFFERS.label}" if one_cause else "",
    )
