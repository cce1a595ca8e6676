"""Opening, claiming and closing cases."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from ordercenter.audit.models import Deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases.codes import case_code
from ordercenter.cases.errors import CaseClosedAlready, CaseTaken, CaseUnknown, ReasonMissing
from ordercenter.cases.models import Case, CaseGroup
from ordercenter.cases.states import OPEN_STATES, CaseState
from ordercenter.common.actor import Actor
from ordercenter.common.batch import BatchResult
from ordercenter.events.types import CaseClosed, CaseOpened

LEASE = timedelta(minutes=15)


@dataclass(frozen=True)
class CaseDraft:
    """A case to open. subject: "order:12". root_cause: what several cases share, e.g. "SKU_UNMAPPED:<listing>"."""

    code: str
    subject: str
    shop_id: int | None = None
    warehouse_id: int | None = None
    reference: str = ""
    money_at_risk: Decimal = Decimal(0)
    priority: int = 0
    evidence: dict[str, Any] = field(default_factory=dict)
    root_cause: str = ""
    root_title: str = ""


def open_cases(*, drafts: Sequence[CaseDraft], work: Work | None = None) -> list[Case]:
    """Open these cases; one that is open already for the same subject and code is only counted once more.

    Returns the case of each draft, in order. Emits CaseOpened for the new ones.
    """
    if not drafts:
        return []
    with unit_of_work(work) as work:
        open_now = _open_by_key(work, {draft.subject for draft in drafts})
        groups = _groups_of(drafts)
        answer = []
        for draft in drafts:
            case = open_now.get((draft.subject, draft.code))
            if case is None:
                case = _new_case(draft, groups, work.at)
                open_now[draft.subject, draft.code] = case
                work.add([case])
                work.record(CaseOpened(case_id=case.pk, code=case.code), because=draft.subject)
            else:
                case.times_seen += 1
                case.evidence = draft.evidence or case.evidence
                work.save(case, "times_seen", "evidence")
            answer.append(case)
        return answer


def regroup_cases(*, drafts: Sequence[CaseDraft], work: Work) -> list[Case]:
    """Give the open cases of these subjects and codes what they still wait for: its evidence and its group.

    Drafts without an open case are left out. Three statements.
    """
    open_now = _open_by_key(work, {draft.subject for draft in drafts})
    groups = _groups_of(drafts)
    moved = []
    for draft in drafts:
        case = open_now.get((draft.subject, draft.code))
        if case is not None and case.group_id != groups.get(draft.root_cause):
            case.group_id, case.evidence = groups.get(draft.root_cause), draft.evidence
            work.save(case, "group_id", "evidence")
            moved.append(case)
    return moved


def close_cases_of(
    *, subjects: Collection[str], codes: Collection[str], resolution: str, work: Work | None = None
) -> list[Case]:
    """Close the open cases of these subjects with these codes, because their cause is gone. Emits CaseClosed."""
    if not subjects or not codes:
        return []
    with unit_of_work(work) as work:
        cases = [case for case in _open_by_key(work, set(subjects)).values() if case.code in codes and case.is_open]
        for case in cases:
            case.resolve_itself(resolution=resolution, at=work.at)
            work.save(case, "resolution", "closed_at", "lease_until")
            _tell_closed(work, case)
        return cases


def claim_cases(*, case_ids: Collection[int], at: datetime, actor: Actor, steal: bool = False) -> BatchResult:
    """Take these cases for 15 minutes. done: the cases.

    Refused: CaseUnknown, CaseClosedAlready, CaseTaken while another has it (unless steal).
    """
    result = BatchResult()
    with unit_of_work(at=at, actor=actor) as work:
        for case in _locked(work, case_ids, result):
            taken = case.state == CaseState.CLAIMED and case.owner_id != actor.user_id
            if taken and not steal and case.lease_until and case.lease_until > at:
                result.refuse(case.pk, CaseTaken(case_id=case.pk, owner_id=case.owner_id or 0))
                continue
            case.claim(user_id=actor.user_id or 0, until=at + LEASE)
            work.save(case, "owner_id", "lease_until", "snoozed_until")
            result.done.append(case)
    return result


def claim_next(*, among: QuerySet[Case], at: datetime, actor: Actor) -> Case | None:
    """Take the most urgent free case of these; None when nothing is free. Two callers never get the same one."""
    free = Q(state=CaseState.OPEN) | Q(state=CaseState.CLAIMED, lease_until__lt=at)
    free |= Q(state=CaseState.SNOOZED, snoozed_until__lt=at)
    with unit_of_work(at=at, actor=actor) as work:
        queue = (
            among.filter(free)
            .order_by("level", "-priority", "due_at", "pk")
            .select_for_update(skip_locked=True, of=("self",))
        )
        case = queue.first()
        if case is not None:
            work.adopt(Case, [case])
            case.claim(user_id=actor.user_id or 0, until=at + LEASE)
            work.save(case, "owner_id", "lease_until", "snoozed_until")
    return case


def give_back(*, case_ids: Collection[int], at: datetime, actor: Actor) -> BatchResult:
    """Put claimed, snoozed or waiting cases back into the queue. done: the cases.

    Refused: CaseUnknown, CaseClosedAlready, TransitionRefused for one that is in the queue anyway.
    """
    result = BatchResult()
    with unit_of_work(at=at, actor=actor) as work:
        for case in _locked(work, case_ids, result):
            with result.refusals(case.pk):
                case.give_back()
                work.save(case, "owner_id", "lease_until", "snoozed_until")
                result.done.append(case)
    return result


def snooze_cases(*, case_ids: Collection[int], until: datetime, reason: str, at: datetime, actor: Actor) -> BatchResult:
    """Put cases aside until an instant, with a reason that is kept as a deed. done: the cases.

    Refused: CaseUnknown, CaseClosedAlready, TransitionRefused for one that is put aside already. Raises ReasonMissing.
    """
    result = BatchResult()
    with unit_of_work(at=at, actor=actor, reason=_reason(reason)) as work:
        for case in _locked(work, case_ids, result):
            with result.refusals(case.pk):
                case.snooze(until=until)
                work.save(case, "owner_id", "lease_until", "snoozed_until")
                result.done.append(case)
        _deeds(work, result.done, "case.snooze", reason)
    return result


def resolve_cases(
    *,
    case_ids: Collection[int],
    resolution: str,
    at: datetime,
    actor: Actor,
    dismiss: bool = False,
    work: Work | None = None,
) -> BatchResult:
    """Close cases by decision of a person; the reason is kept as a deed. dismiss: it was none. done: the cases.

    Refused: CaseUnknown, CaseClosedAlready. Raises ReasonMissing for an empty resolution. Emits CaseClosed, on which
    what a case held goes on.
    """
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor, reason=_reason(resolution)) as work:
        for case in _locked(work, case_ids, result):
            if dismiss:
                case.dismiss(resolution=resolution, at=at)
            else:
                case.resolve(resolution=resolution, at=at)
            work.save(case, "resolution", "closed_at", "lease_until")
            _tell_closed(work, case)
            result.done.append(case)
        _deeds(work, result.done, "case.dismiss" if dismiss else "case.resolve", resolution)
    return result


def _new_case(draft: CaseDraft, groups: dict[str, int], at: datetime) -> Case:
    entry = case_code(draft.code)
    return Case(
        code=draft.code,
        level=entry.level,
        subject=draft.subject,
        group_id=groups.get(draft.root_cause),
        shop_id=draft.shop_id,
        warehouse_id=draft.warehouse_id,
        reference=draft.reference,
        money_at_risk=draft.money_at_risk,
        priority=draft.priority,
        evidence=draft.evidence,
        opened_at=at,
        due_at=at + entry.due_in,
    )


def _open_by_key(work: Work, subjects: set[str]) -> dict[tuple[str, str], Case]:
    known: dict[str, list[Case]] = work.shared.setdefault("cases", {})
    missing = sorted(subjects - known.keys())
    if missing:
        known.update((subject, []) for subject in missing)
        found = Case.objects.filter(subject__in=missing, state__in=OPEN_STATES).order_by("pk").select_for_update()
        rows = list(found)
        work.adopt(Case, rows)
        for case in rows:
            known[case.subject].append(case)
    return {(case.subject, case.code): case for subject in subjects for case in known[subject] if case.is_open}


def _groups_of(drafts: Iterable[CaseDraft]) -> dict[str, int]:
    """Group ids by root cause; missing groups are made. Two statements, or none when no draft has a root cause."""
    wanted = {d.root_cause: d for d in drafts if d.root_cause}
    if not wanted:
        return {}
    causes = sorted(wanted)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO cases_casegroup (root_cause, code, title, created_at) SELECT c, k, t, now()"
            " FROM unnest(%s::text[], %s::text[], %s::text[]) AS v(c, k, t) ON CONFLICT (root_cause) DO NOTHING",
            [
                causes,
                [wanted[cause].code for cause in causes],
                [(wanted[cause].root_title or cause)[:200] for cause in causes],
            ],
        )
    return dict(CaseGroup.objects.filter(root_cause__in=causes).values_list("root_cause", "pk"))


def _locked(work: Work, case_ids: Collection[int], result: BatchResult) -> list[Case]:
    rows = work.lock(Case, case_ids)
    for case_id in case_ids:
        if case_id not in rows:
            result.refuse(case_id, CaseUnknown(case_id=case_id))
        elif not rows[case_id].is_open:
            result.refuse(case_id, CaseClosedAlready(case_id=case_id, state=rows[case_id].state))
    return [case for case in rows.values() if case.is_open]


def _tell_closed(work: Work, case: Case) -> None:
    work.record(
        CaseClosed(case_id=case.pk, code=case.code, how=case.state, case_subject=case.subject), because=case.subject
    )


def _deeds(work: Work, cases: Sequence[Case], action: str, reason: str) -> None:
    work.add(
        [
            Deed(
                at=work.at,
                actor=str(work.actor),
                user_id=work.actor.user_id,
                action=action,
                subject=case.subject,
                reason=reason,
                details={"case": case.pk, "code": case.code},
                chain_id=work.cause_of(case.subject).chain_id,
            )
            for case in cases
        ]
    )


def _reason(text: str) -> str:
    if not text.strip():
        raise ReasonMissing
    return text.strip()
