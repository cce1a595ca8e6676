"""The engine: brings sets of subjects through the active flows inside one unit of work.

Flows decide which move to make; the moves themselves are the actions' services, and what a flow cannot route becomes a
stopped run with a case, to be run again from the step that failed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ordercenter.audit.stamps import compiled
from ordercenter.audit.work import Work
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.ids import new_ids
from ordercenter.common.rows import new_row
from ordercenter.events.models import Timer
from ordercenter.events.registry import Recorded
from ordercenter.workflow.components import StepCall, StepOutcome, registry
from ordercenter.workflow.errors import ConditionUnknown, FlowLoop
from ordercenter.workflow.models import Flow, FlowRun, FlowVersion, RunStatus
from ordercenter.workflow.plan import ActionStep, Answer, Failed, Parked, Plan, PlanResult, plan_for, run

MAX_DEPTH = 8

# subject ids that stopped -> the code and the reason; makes holds and cases in the unit of work. Answers with the
# subjects that have come to their end meanwhile: their runs are void.
Stopper = Callable[[Mapping[int, Failed], Work], Collection[int]]
_stoppers: dict[str, Stopper] = {}


def register_stopper(subject: str, stopper: Stopper) -> None:
    """Say what happens to subjects of this kind that a flow cannot bring on: usually a hold and a case."""
    if subject in _stoppers:
        raise ValueError(f"two stoppers of {subject}")
    _stoppers[subject] = stopper


@dataclass(frozen=True)
class Active:
    """An active version, ready to run."""

    version_id: int
    flow_id: int
    plan: Plan


def active_flows(work: Work) -> list[Active]:
    """The active version of every flow that is not paused; kept per version, plans compiled once per process."""
    return compiled(work, "flows", _active_flows)


def _active_flows() -> list[Active]:
    rows = Flow.objects.filter(is_paused=False, active_version__isnull=False).values_list(
        "active_version_id", "pk", "active_version__content_hash"
    )
    return [Active(version_id, flow_id, plan_of(version_id, digest)) for version_id, flow_id, digest in rows]


def plan_of(version_id: int, content_hash: str) -> Plan:
    """The compiled plan of a stored version."""
    return plan_for(content_hash, lambda: FlowVersion.objects.values_list("document", flat=True).get(pk=version_id))


def start(active: Active, started: Mapping[int, Recorded], work: Work) -> None:
    """Start a run of this flow for each subject. started: subject id -> the event that starts it."""
    plan = active.plan
    ids = _may_enter(active, started, work)
    values = _load(plan, ids, plan.fields, work)
    admission = plan.admit(ids, values, at=work.at)
    entering = [*admission.admitted, *admission.unknown]
    runs = [
        new_row(
            FlowRun,
            version_id=active.version_id,
            subject=f"{plan.subject}:{pk}",
            subject_id=pk,
            event_id=started[pk].id,
            status=RunStatus.WAITING,
            started_at=work.at,
            changed_at=work.at,
        )
        for pk in entering
    ]
    for flow_run, pk in zip(runs, new_ids(FlowRun, len(runs)), strict=True):
        flow_run.pk = pk
    by_subject = {flow_run.subject_id: flow_run for flow_run in runs}
    looping = {pk: FlowLoop(flow=plan.key, depth=started[pk].depth) for pk in entering if started[pk].depth > MAX_DEPTH}
    going = [pk for pk in admission.admitted if pk not in looping]
    result = _walk(plan, {plan.trigger_node: going}, (), values, by_subject, work)
    unknown = [pk for pk in admission.unknown if pk not in looping]
    result.failed.extend(Failed(pk, plan.trigger_node, "CONDITION_UNKNOWN", _unknown_filter(plan)) for pk in unknown)
    result.failed.extend(Failed(pk, plan.trigger_node, "FLOW_LOOP", error) for pk, error in looping.items())
    settle(plan, result, by_subject, work)
    work.add(runs)


def go_on(runs: Collection[FlowRun], answers: Mapping[int, Answer], work: Work) -> None:
    """Bring parked runs on. runs: locked. answers: run id -> what came for it (node and subjects are filled here)."""
    for version, group in _by_version(runs).items():
        plan = plan_of(*version)
        by_subject = {flow_run.subject_id: flow_run for flow_run in group}
        given = [answers[r.pk]._replace(node=r.node, subjects=[r.subject_id]) for r in group]
        values = _load(plan, list(by_subject), plan.fields_after({r.node for r in group}), work)
        _finish(plan, _walk(plan, {}, _joined(given), values, by_subject, work), by_subject, work)


def run_again(runs: Collection[FlowRun], work: Work) -> None:
    """Run stopped runs again from the step where they stopped. runs: locked."""
    for version, group in _by_version(runs).items():
        plan = plan_of(*version)
        by_subject = {flow_run.subject_id: flow_run for flow_run in group}
        entering: dict[str, list[int]] = defaultdict(list)
        for flow_run in group:
            entering[flow_run.node].append(flow_run.subject_id)
        values = _load(plan, list(by_subject), plan.fields, work)
        _finish(plan, _walk(plan, entering, (), values, by_subject, work), by_subject, work)


def run_ids(work: Work) -> Mapping[int, int]:
    """For actions: subject id -> the run that the subject is in."""
    return {pk: flow_run.pk for pk, flow_run in work.shared.get("flow_runs", {}).items()}


def settle(plan: Plan, result: PlanResult, runs: Mapping[int, FlowRun], work: Work) -> None:
    """Write down where each subject stands, set timers, and hand what failed to the subject's stopper."""
    for pk, node in result.finished.items():
        _place(runs[pk], RunStatus.DONE, node, work)
    timers = [timer for parked in result.parked if (timer := _park(plan, parked, runs[parked.subject], work))]
    work.add(timers)
    for failed in result.failed:
        _place(runs[failed.subject], RunStatus.STOPPED, failed.node, work)
        runs[failed.subject].error_code = failed.code
    stopper = _stoppers.get(plan.subject)
    if result.failed and stopper is not None:
        for pk in stopper({failed.subject: failed for failed in result.failed}, work):
            _place(runs[pk], RunStatus.VOIDED, runs[pk].node, work)


def _walk(
    plan: Plan,
    entering: Mapping[str, Sequence[int]],
    answers: Iterable[Answer],
    values: dict[int, dict[str, Any]],
    runs: Mapping[int, FlowRun],
    work: Work,
) -> PlanResult:
    work.shared["flow_runs"] = runs

    def perform(step: ActionStep, subjects: list[int]) -> StepOutcome:
        call = StepCall(
            spec=step.spec, subjects=subjects, params=step.params, values=values, at=work.at, node=step.node, work=work
        )
        step.spec.apply(call)
        return call.outcome()

    def reload(ids: Sequence[int], paths: frozenset[str]) -> Mapping[int, Mapping[str, Any]]:
        return _load(plan, ids, paths, work)

    return run(plan, entering, values=values, perform=perform, reload=reload, at=work.at, answers=answers)


def _finish(plan: Plan, result: PlanResult, runs: Mapping[int, FlowRun], work: Work) -> None:
    for flow_run in runs.values():
        flow_run.error_code = ""
        work.save(flow_run, "status", "node", "waits_for", "error_code", "changed_at")
    settle(plan, result, runs, work)


def _load(plan: Plan, ids: Sequence[int], paths: frozenset[str], work: Work) -> dict[int, dict[str, Any]]:
    if not paths or not ids:
        return {}
    return dict(registry.get_subject(plan.subject).loader(ids, paths, work))


def _may_enter(active: Active, started: Mapping[int, Recorded], work: Work) -> list[int]:
    """Those subjects that the flow's re-entry rule lets in: once, or as often as its settings say. At most one
    statement; what this transaction made has never been in any flow.
    """
    most = active.plan.settings.reentry or 1
    subjects = [f"{active.plan.subject}:{pk}" for pk in started]
    subjects = [subject for subject in subjects if not work.is_born(subject)]
    if not subjects:
        return list(started)
    rows = FlowRun.objects.filter(version__flow_id=active.flow_id, subject__any_of=subjects)
    seen = Counter(rows.values_list("subject_id", flat=True))
    return [pk for pk in started if seen[pk] < most]


def _place(flow_run: FlowRun, status: RunStatus, node: str, work: Work, waits_for: str = "") -> None:
    flow_run.status, flow_run.node, flow_run.waits_for, flow_run.changed_at = status, node, waits_for, work.at


def _park(plan: Plan, parked: Parked, flow_run: FlowRun, work: Work) -> Timer | None:
    waits_for = f"event:{parked.event}" if parked.kind == "event" else parked.wait_key or parked.kind
    _place(flow_run, RunStatus.WAITING, parked.node, work, waits_for[:80])
    if parked.until is None:
        return None
    subject = f"{plan.subject}:{parked.subject}"
    cause = work.cause_of(subject)
    return Timer(
        due_at=parked.until,
        event="workflow.timer.due",
        payload={"run_id": flow_run.pk, "about": subject, "node": parked.node},
        key=f"run:{flow_run.pk}:{parked.node}",
        chain_id=cause.chain_id,
        cause_id=cause.event_id,
        depth=cause.depth,
    )


def _joined(answers: Sequence[Answer]) -> list[Answer]:
    """Answers of one kind as one list of subjects, so that a set stays a set."""
    same: dict[tuple[str, str], list[int]] = defaultdict(list)
    apart = []
    for answer in answers:
        if answer.error is None:
            same[answer.node, answer.port].extend(answer.subjects)
        else:
            apart.append(answer)
    return [*apart, *(Answer(node, subjects, port) for (node, port), subjects in same.items())]


def _by_version(runs: Collection[FlowRun]) -> dict[tuple[int, str], list[FlowRun]]:
    digests = dict(FlowVersion.objects.filter(pk__in={r.version_id for r in runs}).values_list("pk", "content_hash"))
    groups: dict[tuple[int, str], list[FlowRun]] = defaultdict(list)
    for flow_run in runs:
        groups[flow_run.version_id, digests[flow_run.version_id]].append(flow_run)
    return groups


def _unknown_filter(plan: Plan) -> OrderCenterError:
    return ConditionUnknown(node=plan.trigger_node)
