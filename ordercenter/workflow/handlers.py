"""Facts that start flows or bring waiting runs on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from ordercenter.audit.work import Work, unit_of_work
from ordercenter.events.codec import event_classes
from ordercenter.events.registry import Recorded, on
from ordercenter.events.types import CommandAnswered, Event, FlowTimerDue, OrderReleased
from ordercenter.workflow import engine
from ordercenter.workflow.errors import CommandDead, CommandRefused
from ordercenter.workflow.locking import lock_runs, lock_subjects
from ordercenter.workflow.models import FlowRun, RunStatus
from ordercenter.workflow.plan import Answer

TRIGGERS: tuple[type[Event], ...] = tuple(cls for cls in event_classes().values() if cls.is_trigger)


def _concerns_flows(event: Event) -> bool:
    """An answer that no run waits for starts nothing."""
    return not isinstance(event, CommandAnswered) or event.flow_run_id is not None


@on(*TRIGGERS, FlowTimerDue, name="workflow.flows", when=_concerns_flows, at_once=True)
def advance_flows(events: Sequence[Recorded]) -> None:
    """Answers first, then released subjects, then waits for events, then new runs: a flow never overtakes itself."""
    by_name: dict[str, list[Recorded]] = defaultdict(list)
    for recorded in events:
        by_name[recorded.event.name].append(recorded)
    with unit_of_work(because=events) as work:
        # All of them in one step, whatever happens to each: what the parts below lock is theirs.
        lock_subjects(_subjects(events), work)
        _take_answers(by_name[CommandAnswered.name], work)
        _take_timers(by_name[FlowTimerDue.name], work)
        _run_released_again(by_name[OrderReleased.name], work)
        active = engine.active_flows(work)
        for name, facts in by_name.items():
            if facts and name not in (CommandAnswered.name, FlowTimerDue.name):
                _wake_waiting(name, facts, work)
            for flow in active:
                if facts and flow.plan.trigger_event == name:
                    engine.start(flow, {_subject_id(r.event): r for r in facts}, work)


def _subjects(events: Sequence[Recorded]) -> set[str]:
    """What these events are about; of a command, what the run that waits for it is about."""
    answered = [e.flow_run_id for r in events if isinstance(e := r.event, CommandAnswered) and e.flow_run_id]
    runs = FlowRun.objects.filter(pk__in=answered).values_list("subject", flat=True) if answered else ()
    return {*runs, *(r.event.subject for r in events if not isinstance(r.event, CommandAnswered))}


def _take_answers(events: Sequence[Recorded], work: Work) -> None:
    answered = {e.flow_run_id: e for r in events if isinstance(e := r.event, CommandAnswered) and e.flow_run_id}
    if not answered:
        return
    runs = work.lock(FlowRun, [pk for pk in answered if pk is not None])
    waiting = [r for r in runs.values() if r.status == RunStatus.WAITING and r.waits_for == "command"]
    answers = {}
    for flow_run in waiting:
        event = answered[flow_run.pk]
        error = None
        if event.outcome != "done":
            failed = CommandDead if event.outcome == "dead" else CommandRefused
            error = failed(outcome=event.outcome, kind=event.kind, reason=event.error_code)
        answers[flow_run.pk] = Answer("", (), error=error)
    engine.go_on(waiting, answers, work)


def _take_timers(events: Sequence[Recorded], work: Work) -> None:
    due = {e.run_id: e for r in events if isinstance(e := r.event, FlowTimerDue)}
    if not due:
        return
    runs = work.lock(FlowRun, list(due))
    waiting = [r for r in runs.values() if r.status == RunStatus.WAITING and r.node == due[r.pk].node]
    answers = {r.pk: Answer("", (), port="timeout" if r.waits_for.startswith("event:") else "out") for r in waiting}
    engine.go_on(waiting, answers, work)


def _run_released_again(events: Sequence[Recorded], work: Work) -> None:
    subjects = [r.event.subject for r in events]
    if subjects:
        runs = lock_runs(FlowRun.objects.filter(subject__any_of=subjects, status=RunStatus.STOPPED), work)
        engine.run_again([r for r in runs if r.status == RunStatus.STOPPED], work)


def _wake_waiting(name: str, events: Sequence[Recorded], work: Work) -> None:
    subjects = [r.event.subject for r in events if not work.is_born(r.event.subject)]
    if not subjects:
        return
    waits_for = f"event:{name}"
    rows = FlowRun.objects.filter(subject__any_of=subjects, status=RunStatus.WAITING, waits_for=waits_for)
    runs = [r for r in lock_runs(rows, work) if (r.status, r.waits_for) == (RunStatus.WAITING, waits_for)]
    if runs:
        engine.go_on(runs, {flow_run.pk: Answer("", ()) for flow_run in runs}, work)


def _subject_id(event: Event) -> int:
    return int(getattr(event, f"{event.subject_kind}_id"))
