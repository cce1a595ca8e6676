"""Sessions begin, end, or are called off: by hand, or by themselves when their time has come."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from channels_sync.live.errors import LiveSessionUnknown
from channels_sync.live_models import LiveItem, LiveSession
from channels_sync.states import LiveState
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult
from ordercenter.common.fsm import TransitionRefused
from ordercenter.events import timers
from ordercenter.events.types import LiveSessionChanged
from ordercenter.inventory import services as inventory


def start_sessions(
    *,
    session_ids: Collection[int],
    reason: str = "",
    at: datetime | None = None,
    actor: Actor = SYSTEM,
    work: Work | None = None,
) -> BatchResult:
    """These sessions are on air; goods that are not set aside yet are set aside now. done: the sessions.

    Emits LiveSessionChanged. Refused with TransitionRefused, LiveSessionUnknown. By a person: deed "live.start".
    """
    return _move(session_ids, "live.start", lambda s, now: s.start(at=now), reason, at, actor, work)


def end_sessions(
    *,
    session_ids: Collection[int],
    reason: str = "",
    at: datetime | None = None,
    actor: Actor = SYSTEM,
    work: Work | None = None,
) -> BatchResult:
    """These sessions are over: what is left of their goods goes back to the pool in this transaction.

    done: the sessions. Refused with TransitionRefused, LiveSessionUnknown. A person's doing is the deed "live.end".
    """
    return _move(session_ids, "live.end", lambda s, now: s.end(at=now), reason, at, actor, work)


def cancel_sessions(
    *, session_ids: Collection[int], reason: str, at: datetime | None = None, actor: Actor = SYSTEM
) -> BatchResult:
    """These sessions do not take place; what was set aside goes back. Otherwise as end_sessions; deed "live.cancel"."""
    return _move(session_ids, "live.cancel", lambda s, _now: s.cancel(), reason, at, actor, None)


def move_due_sessions(*, starting: Collection[int], ending: Collection[int], work: Work) -> None:
    """The time of these sessions has come. Those that were moved on by hand, or have other times by now, are left."""
    found = work.lock(LiveSession, sorted({*starting, *ending}))
    begin = [pk for pk in starting if pk in found and found[pk].planned_start <= work.at]
    over = [pk for pk in ending if pk in found and found[pk].planned_end <= work.at]
    begin = [pk for pk in {*begin, *over} if found[pk].state == LiveState.PLANNED]
    start_sessions(session_ids=sorted(begin), work=work).raise_first()
    over = sorted(pk for pk in set(over) if found[pk].state == LiveState.LIVE)
    end_sessions(session_ids=over, reason="its time is over", work=work).raise_first()


def _move(
    session_ids: Collection[int],
    action: str,
    step: Callable[[LiveSession, datetime], None],
    reason: str,
    at: datetime | None,
    actor: Actor,
    work: Work | None,
) -> BatchResult:
    result = BatchResult()
    if not session_ids:
        return result
    with unit_of_work(work, at=at, actor=actor, reason=reason) as work:
        sessions = work.lock(LiveSession, session_ids)
        for pk in session_ids:
            session = sessions.get(pk)
            if session is None:
                result.refuse(pk, LiveSessionUnknown(session_id=pk))
                continue
            with result.refusals(pk, TransitionRefused):
                step(session, work.at)
                work.save(session, "started_at", "ended_at")
                result.done.append(session)
                if work.actor.is_person:
                    record_deed(work, action=action, subject=f"live_session:{pk}", reason=reason)
        _move_stock(work, result.done, reason or action)
        over = [session.pk for session in result.done if not session.is_open]
        timers.cancel([f"live_session:{pk}:{move}" for pk in over for move in ("start", "end")], at=work.at)
        for session in result.done:
            work.record(LiveSessionChanged(live_session_id=session.pk, state=session.state))
    return result


def _move_stock(work: Work, sessions: Collection[LiveSession], reason: str) -> None:
    items = LiveItem.objects.filter(session_id__in=[s.pk for s in sessions], quota_id__isnull=False)
    running = {session.pk for session in sessions if session.is_open}
    quotas: dict[bool, list[int]] = {True: [], False: []}
    for session_id, quota_id in items.order_by("quota_id").values_list("session_id", "quota_id"):
        quotas[session_id in running].append(quota_id)
    inventory.lock_quotas_with_stock(quota_ids=[*quotas[True], *quotas[False]], work=work)
    if quotas[True]:
        inventory.open_quotas(quota_ids=quotas[True], work=work)
    if quotas[False]:
        inventory.end_quotas(quota_ids=quotas[False], reason=reason, work=work)
