"""Keeping flow versions, choosing which one runs, and running stopped steps again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from ordercenter.audit.models import Deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.events.models import Timer
from ordercenter.workflow import engine
from ordercenter.workflow.documents import parse_document
from ordercenter.workflow.errors import FlowInvalid, FlowUnknown
from ordercenter.workflow.locking import lock_runs
from ordercenter.workflow.models import Flow, FlowRun, FlowVersion, RunStatus
from ordercenter.workflow.plan import ActionStep
from ordercenter.workflow.validator import has_errors, validate


@transaction.atomic
def save_version(*, document: Mapping[str, Any], actor: Actor) -> FlowVersion:
    """Keep a flow document as a version; the same document is kept once. It does not run before it is activated.

    Raises what parse_document raises, and FlowInvalid when the validator finds an error.
    """
    parsed = parse_document(document)
    findings = validate(parsed, active=[other for other in _active_documents() if other.key != parsed.key])
    if has_errors(findings):
        raise FlowInvalid([f"{f.code} {f.node}: {f.text}" for f in findings if f.severity == "error"])
    flow, _ = Flow.objects.select_for_update().get_or_create(
        key=parsed.key, defaults={"name_zh": parsed.name.zh, "name_en": parsed.name.en}
    )
    known = FlowVersion.objects.filter(flow=flow, content_hash=parsed.content_hash).first()
    if known is not None:
        return known
    last = FlowVersion.objects.filter(flow=flow).order_by("-number").values_list("number", flat=True).first()
    return FlowVersion.objects.create(
        flow=flow,
        number=(last or 0) + 1,
        document=dict(document),
        content_hash=parsed.content_hash,
        created_by_id=actor.user_id,
    )


@transaction.atomic
def activate_version(*, flow_id: int, version_id: int, actor: Actor, reason: str, at: datetime | None = None) -> Flow:
    """Make a version the one that new runs take; runs under way finish on theirs. Raises FlowUnknown, FlowInvalid."""
    flow = Flow.objects.select_for_update().filter(pk=flow_id).first()
    version = FlowVersion.objects.filter(pk=version_id, flow_id=flow_id).first()
    if flow is None or version is None:
        raise FlowUnknown(flow_id=flow_id, version_id=version_id)
    parsed = parse_document(version.document)
    findings = validate(parsed, active=[other for other in _active_documents() if other.key != parsed.key])
    if has_errors(findings):
        raise FlowInvalid([f"{f.code} {f.node}: {f.text}" for f in findings if f.severity == "error"])
    before = flow.active_version_id
    flow.active_version = version
    flow.name_zh, flow.name_en = parsed.name.zh, parsed.name.en
    history_note: Any = flow  # simple-history reads who and why from the instance
    history_note._history_user_id, history_note._change_reason = actor.user_id, reason
    flow.save()
    Deed.objects.create(
        at=at or timezone.now(),
        actor=str(actor),
        user_id=actor.user_id,
        action="flow.activate",
        reason=reason,
        subject=f"flow:{flow.pk}",
        details={"from": before, "to": version.pk, "hash": version.content_hash},
    )
    return flow


def install_flows(*, documents: Sequence[Mapping[str, Any]], actor: Actor = SYSTEM) -> list[Flow]:
    """Give a new installation its flows: each document becomes active unless its flow has an active version already."""
    flows = []
    for document in documents:
        version = save_version(document=document, actor=actor)
        flow = version.flow
        if flow.active_version_id is None:
            flow = activate_version(flow_id=flow.pk, version_id=version.pk, actor=actor, reason="installation")
        flows.append(flow)
    return flows


def run_stopped_again(
    *, subjects: Collection[str], at: datetime | None = None, actor: Actor = SYSTEM, work: Work | None = None
) -> int:
    """Run the stopped runs of these subjects again from the step where each stopped; returns how many there were."""
    with unit_of_work(work, at=at, actor=actor) as work:
        found = lock_runs(FlowRun.objects.filter(subject__in=subjects, status=RunStatus.STOPPED), work)
        runs = [flow_run for flow_run in found if flow_run.status == RunStatus.STOPPED]
        engine.run_again(runs, work)
        return len(runs)


def rewind(*, subjects: Collection[str], use: str, code: str, work: Work) -> int:
    """Set the latest run of each subject that has a step with this action back to it, stopped: when the subject is
    released, it goes on from there. Returns how many were set back.
    """
    return len(_set_back(subjects, use, code, work))


def run_from(*, subjects: Collection[str], use: str, work: Work) -> set[str]:
    """Let the latest run of each subject that has a step with this action go on from it now. Returns these subjects."""
    runs = _set_back(subjects, use, "", work)
    engine.run_again(runs, work)
    return {flow_run.subject for flow_run in runs}


def _set_back(subjects: Collection[str], use: str, code: str, work: Work) -> list[FlowRun]:
    runs = lock_runs(FlowRun.objects.filter(subject__in=subjects).order_by("started_at", "pk"), work)
    digests = dict(FlowVersion.objects.filter(flowrun__in=runs).values_list("pk", "content_hash"))
    settled: dict[str, FlowRun] = {}
    timers: list[str] = []
    for flow_run in reversed(runs):
        plan = engine.plan_of(flow_run.version_id, digests[flow_run.version_id])
        node = next((s.node for s in plan.steps if isinstance(s, ActionStep) and s.spec.use == use), None)
        if node is not None and flow_run.subject not in settled:
            settled[flow_run.subject] = flow_run
            timers.extend(f"run:{flow_run.pk}:{step.node}" for step in plan.steps)
            flow_run.status, flow_run.node, flow_run.waits_for = RunStatus.STOPPED, node, ""
            flow_run.error_code, flow_run.changed_at = code, work.at
            work.save(flow_run, "status", "node", "waits_for", "error_code", "changed_at")
    # What it waited for it may wait for once more: an old time must neither wake it nor stand in the way of a new one.
    Timer.objects.filter(key__in=timers).delete()
    return list(settled.values())


def void_runs(*, subjects: Collection[str], work: Work) -> None:
    """End every open run of these subjects: there is nothing left to bring on."""
    may_move = (RunStatus.WAITING, RunStatus.STOPPED)
    for flow_run in lock_runs(FlowRun.objects.filter(subject__in=subjects, status__in=may_move), work):
        flow_run.status, flow_run.waits_for, flow_run.changed_at = RunStatus.VOIDED, "", work.at
        work.save(flow_run, "status", "waits_for", "changed_at")


def _active_documents() -> list[Any]:
    rows = FlowVersion.objects.filter(
        flow__active_version_id__isnull=False, pk__in=Flow.objects.values("active_version")
    )
    return [parse_document(version.document) for version in rows]
