"""Shadow mode: what other rules would have chosen on past days, beside what the present ones would have.

Both rule sets decide the same orders on the same stock, as they came; nothing but the run's own rows is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import structlog
from django.utils import timezone

from fulfillment.models import ShadowDifference, ShadowRun
from fulfillment.models.routing import ShadowStatus
from fulfillment.routing.facts import Decision
from fulfillment.routing.record import record_of
from fulfillment.routing.rule_document import RuleDocument, parse_rules
from fulfillment.services.past_calendars import world_on
from fulfillment.services.past_days import SHANGHAI, PastOrder, past_day, replay
from fulfillment.services.previewing import cost_of, way_of
from fulfillment.services.routing_world import RoutingWorld, current_world
from ordercenter.common.actor import Actor
from ordercenter.common.errors import words_of_error

logger = structlog.get_logger(__name__)

MOST_DAYS = 62
# The list is for reading; the figures count all.
MOST_DIFFERENCES = 2000


@dataclass
class Figures:
    """What one rule set made of a day. Costs in fen; late_fen is the part of the cost that lateness is."""

    orders: int = 0
    unfilled: int = 0
    split: int = 0
    parcels: int = 0
    cost_fen: int = 0
    late_fen: int = 0

    def count(self, decision: Decision) -> None:
        self.orders += 1
        if decision.problem or decision.choice is None:
            self.unfilled += 1
            return
        parcels = decision.choice.parcels
        self.parcels += len(parcels)
        self.split += len(parcels) > 1
        self.cost_fen += cost_of(decision)
        self.late_fen += sum(parcel.late_fen for parcel in parcels)


def start_shadow(
    *,
    name: str,
    trial: Mapping[str, Any],
    base: Mapping[str, Any],
    first_day: date,
    last_day: date,
    actor: Actor,
    most_orders: int = 20_000,
) -> ShadowRun:
    """Ask for a run over these days; the beat carries it out. Raises DocumentInvalid, and ValueError for such days."""
    for document in (base, trial):
        parse_rules(document)
    if first_day > last_day or (last_day - first_day).days >= MOST_DAYS:
        raise ValueError(f"from {first_day} to {last_day}: one day to {MOST_DAYS} days")
    return ShadowRun.objects.create(
        name=name[:100],
        base=dict(base),
        trial=dict(trial),
        first_day=first_day,
        last_day=last_day,
        most_orders=most_orders,
        created_by_id=actor.user_id,
    )


def run_shadow(run: ShadowRun) -> ShadowRun:
    """Carry a run out: both rule sets over each day. What fails is said in the run."""
    ShadowRun.objects.filter(pk=run.pk).update(status=ShadowStatus.RUNNING)
    try:
        run.report = _report(run)
        run.status, run.error = ShadowStatus.DONE, ""
    except Exception as error:  # noqa: BLE001 - a trial must end in the run's own words, whatever a day of the past holds
        logger.exception("shadow.failed", run=run.pk)
        run.status, run.error = ShadowStatus.FAILED, words_of_error(error)[:500]
    run.finished_at = timezone.now()
    run.save()
    return run


def run_waiting_shadows() -> int:
    """Carry out the runs that wait, one after the other; returns how many."""
    runs = list(ShadowRun.objects.filter(status=ShadowStatus.WAITING).order_by("pk"))
    for run in runs:
        run_shadow(run)
    return len(runs)


def _report(run: ShadowRun) -> dict[str, Any]:
    world = current_world()
    rules = parse_rules(run.base), parse_rules(run.trial)
    ShadowDifference.objects.filter(run=run).delete()
    days: list[dict[str, Any]] = []
    doubtful: set[str] = set()
    kept = total = 0
    day = run.first_day
    while day <= run.last_day:
        # The calendars of that day, what was changed in its course included; contracts and prices are today's.
        end = datetime.combine(day + timedelta(days=1), time(), tzinfo=SHANGHAI)
        here, unknown = world_on(world, end)
        doubtful.update(unknown)
        base, trial = here.with_rules(rules[0]), here.with_rules(rules[1])
        past = past_day(day, world=here, most=run.most_orders)
        before, after = replay(past, base), replay(past, trial)
        differences = _differences(run, day, before, after, (base, trial))
        total += len(differences)
        room = max(MOST_DIFFERENCES - kept, 0)
        ShadowDifference.objects.bulk_create(sorted(differences, key=lambda d: -abs(d.saved_fen))[:room])
        kept += min(len(differences), room)
        days.append(
            {
                "day": day.isoformat(),
                "base": asdict(_figures(before)),
                "trial": asdict(_figures(after)),
                "different": len(differences),
                "left_out": past.left_out,
                # Only orders that both rule sets serve: one without a way costs nothing and saves nothing.
                "saved_fen": sum(difference.saved_fen for difference in differences),
            }
        )
        day += timedelta(days=1)
    saved = sum(each["saved_fen"] for each in days)
    totals = {"base": _sum(days, "base"), "trial": _sum(days, "trial")}
    return {
        "days": days,
        **totals,
        "different": total,
        "saved_fen": saved,
        "left_out": sum(each["left_out"] for each in days),
        # Warehouses whose calendar of then nobody knows: it has no history, so today's was taken.
        "calendars_of_today": sorted(doubtful),
    }


def _figures(decided: Sequence[tuple[PastOrder, Decision]]) -> Figures:
    figures = Figures()
    for _order, decision in decided:
        figures.count(decision)
    return figures


def _differences(
    run: ShadowRun,
    day: date,
    before: Sequence[tuple[PastOrder, Decision]],
    after: Sequence[tuple[PastOrder, Decision]],
    worlds: tuple[RoutingWorld, RoutingWorld],
) -> list[ShadowDifference]:
    found = []
    for (order, old), (_same, new) in zip(before, after, strict=True):
        if way_of(old) != way_of(new):
            both = not old.problem and not new.problem
            found.append(
                ShadowDifference(
                    run=run,
                    order_id=order.facts.order_id,
                    day=day,
                    saved_fen=cost_of(old) - cost_of(new) if both else 0,
                    base=record_of(old, worlds[0].versions, tariff=worlds[0].tariff, carriers=worlds[0].carriers),
                    trial=record_of(new, worlds[1].versions, tariff=worlds[1].tariff, carriers=worlds[1].carriers),
                )
            )
    return found


def _sum(days: Sequence[Mapping[str, Any]], side: str) -> dict[str, int]:
    names = asdict(Figures())
    return {name: sum(day[side][name] for day in days) for name in names}


def document_of(run: ShadowRun, side: str) -> RuleDocument:
    """The rules of one side of a run: base or trial."""
    return parse_rules(run.trial if side == "trial" else run.base)
