"""What was found against what was planted: no database, no network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from channels_sync.play.courier_bills import BilledDay
from channels_sync.play.findings import Findings, FoundDifference, OrderWay
from channels_sync.play.rooms import LiveDay

# How the match calls what the sandbox planted in the bill.
VERDICTS = {
    "MISSING_ROW": "not_in_bill",
    "EXTRA_ROW": "not_in_books",
    "AMOUNT_OFF": "amount_differs",
    "FEE_OFF": "fee_differs",
}
SHOWN = 5
REFUND = "REFUND_BEFORE_SHIP"
# What such a refund leads to when the parcel has left before it was told.
TOO_LATE = frozenset({"INTERCEPT_FAILED"})


@dataclass(frozen=True)
class PlayedDay:
    """What the sandbox says: planted problems by order number, planted differences of the bill, each order's way."""

    scenario: Mapping[str, Any]
    receipts: Mapping[str, Mapping[str, Any]]
    sent_twice: Mapping[str, Sequence[str]]
    seconds: float


class ProblemKind(models.TextChoices):
    """In what a day can differ from what was played."""

    NOT_THROUGH = "not_through", _("Orders without a problem did not go through")
    SENT_TWICE = "sent_twice", _("Orders were sent to a warehouse twice")
    CASE_MISSED = "case_missed", _("Planted problems were not found")
    CASE_INVENTED = "case_invented", _("Problems were found that nobody planted")
    DIFFERENCE_MISSED = "difference_missed", _("Planted differences of the bill were not found")
    DIFFERENCE_INVENTED = "difference_invented", _("Differences of the bill were found that nobody planted")
    FREIGHT_MISSED = "freight_missed", _("Planted differences of the couriers' bills were not found")
    FREIGHT_INVENTED = "freight_invented", _("Differences of the couriers' bills were found that nobody planted")
    LIVE_WRONG = "live_wrong", _("Orders of live streams were given to no session, or to the wrong one")
    LOCK_TAKEN = "lock_taken", _("What was set aside for live streams went to other orders")
    INVARIANT_BROKEN = "invariant_broken", _("Invariants are broken")


@dataclass(frozen=True, slots=True)
class Problem:
    """One way in which a day is not what was played. sample: the first few of them, as machines call them."""

    kind: ProblemKind
    count: int
    sample: tuple[str, ...]

    @classmethod
    def of(cls, kind: ProblemKind, items: Collection[str]) -> Problem:
        return cls(kind, len(items), tuple(sorted(items)[:SHOWN]))


@dataclass
class DayReport:
    """The figures of a played day, and in what it is not what was played."""

    figures: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def note(self, kind: ProblemKind, items: Collection[str]) -> None:
        """Remember a problem if there is any."""
        if items:
            self.problems.append(Problem.of(kind, items))

    @property
    def is_good(self) -> bool:
        return not self.problems


def compare(
    day: PlayedDay,
    found: Findings,
    *,
    invariants: Mapping[str, Any],
    billed: BilledDay | None = None,
    live: LiveDay | None = None,
) -> DayReport:
    """Hold what our books say against what was played. invariants: what `check_invariants --json` answered.

    billed: the couriers' bills of the day, where there were any. live: what became of its live-stream sessions.
    """
    planted = dict(_planted(day, found))
    report = DayReport()
    through = _orders(report, day, found, planted)
    _cases(report, found, planted)
    _bill(report, day, found)
    _courier_bills(report, billed or BilledDay())
    _live(report, day, live or LiveDay())
    _latency(report, day, through)
    broken = list(invariants["broken"])
    report.figures["invariants"] = {"checked": invariants["checked"], "broken": broken}
    report.note(ProblemKind.INVARIANT_BROKEN, broken)
    report.figures["problems"] = [asdict(problem) for problem in report.problems]
    report.figures["ok"] = report.is_good
    return report


def _planted(day: PlayedDay, found: Findings) -> Iterator[tuple[str, str]]:
    """(order number, code). Of two twins either may be the one that waits: whichever was still in the house."""
    for number, problem in day.scenario["planted"].items():
        code, partner = str(problem["code"]), problem.get("partner")
        mine, its = found.ways.get(number), found.ways.get(partner)
        swapped = its is not None and code in its.codes and not (mine is not None and code in mine.codes)
        yield (partner if swapped else number), code


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99 by nearest rank, rounded to milliseconds; empty for no values."""
    ranked = sorted(values)
    return (
        {f"p{p}": round(ranked[min(len(ranked) - 1, len(ranked) * p // 100)]) for p in (50, 95, 99)} if ranked else {}
    )


def _orders(report: DayReport, day: PlayedDay, found: Findings, planted: Mapping[str, str]) -> list[OrderWay]:
    ways = found.ways.values()
    through = [way for way in ways if way.state == "completed" and not way.was_held]
    stuck = [number for number in day.receipts if number not in planted and not _went_through(found.ways.get(number))]
    orders = len(day.receipts)
    report.figures |= {
        "orders": orders,
        "seed": day.scenario["spec"]["seed"],
        "seconds": round(day.seconds, 1),
        "orders_per_s": round(orders / day.seconds, 1) if day.seconds else 0,
        "received": len(found.ways),
        "untouched": len(through),
        "untouched_percent": round(100 * len(through) / orders, 2) if orders else 100.0,
        "shipped": sum(way.has_left for way in ways),
        "reported_back": sum(way.is_reported for way in ways),
        "completed": sum(way.state == "completed" for way in ways),
        "reconciled": sum(way.is_reconciled for way in ways),
        "sent_twice": len(day.sent_twice),
    }
    seen = {number: way.state if (way := found.ways.get(number)) else "not_received" for number in stuck}
    report.note(ProblemKind.NOT_THROUGH, [f"{number} {state}" for number, state in seen.items()])
    report.note(ProblemKind.SENT_TWICE, list(day.sent_twice))
    return through


def _went_through(way: OrderWay | None) -> bool:
    return way is not None and way.state == "completed" and way.is_reported


def _cases(report: DayReport, found: Findings, planted: Mapping[str, str]) -> None:
    tally: dict[str, dict[str, int]] = defaultdict(lambda: {"planted": 0, "found": 0, "invented": 0})
    missed, invented = [], []
    told_late = {
        number for number, code in planted.items() if code == REFUND and _was_told_late(found.ways.get(number))
    }
    for number, code in planted.items():
        tally[code]["planted"] += 1
        way = found.ways.get(number)
        if number in told_late:
            continue
        if way is not None and code in way.codes:
            tally[code]["found"] += 1
        else:
            missed.append(f"{number} {code}")
    for way in found.ways.values():
        expected = {planted.get(way.order_no, "")} | (TOO_LATE if way.order_no in told_late else set())
        for code in way.codes - expected:
            tally[code]["invented"] += 1
            invented.append(f"{way.order_no} {code}")
    report.figures["cases"] = dict(sorted(tally.items()))
    report.figures["refunds_told_late"] = len(told_late)
    report.note(ProblemKind.CASE_MISSED, missed)
    report.note(ProblemKind.CASE_INVENTED, invented)


def _was_told_late(way: OrderWay | None) -> bool:
    """Whether the channel told of the refund when the parcel had left: its message was lost, the pull came after it."""
    return way is not None and way.has_left and way.knows_refund and REFUND not in way.codes


def _bill(report: DayReport, day: PlayedDay, found: Findings) -> None:
    """Differences of other plays and of the background shop are on the same bill: they are not of this day."""
    bill = day.scenario["bill"]
    planted = {(VERDICTS[lie["kind"]], lie["alipay_no"]) for lie in bill}
    strangers = {lie["alipay_no"] for lie in bill}
    ours: set[tuple[str, str]] = {
        (difference.verdict, difference.external_no)
        for difference in found.differences
        if _is_of(day, difference) or difference.external_no in strangers
    }
    tally = {
        kind: {
            "planted": sum(1 for verdict_, _number in planted if verdict_ == verdict),
            "found": sum(1 for verdict_, _number in planted & ours if verdict_ == verdict),
        }
        for kind, verdict in VERDICTS.items()
    }
    missed, invented = planted - ours, ours - planted
    report.figures["differences"] = {
        "planted": len(planted),
        "found": len(planted & ours),
        "invented": len(invented),
        "by_kind": tally,
    }
    report.note(ProblemKind.DIFFERENCE_MISSED, _named(missed))
    report.note(ProblemKind.DIFFERENCE_INVENTED, _named(invented))


def _courier_bills(report: DayReport, billed: BilledDay) -> None:
    missed, invented = billed.planted - billed.found, billed.found - billed.planted
    report.figures["courier_bills"] = {
        "lines": billed.lines,
        "planted": len(billed.planted),
        "found": len(billed.planted & billed.found),
        "invented": len(invented),
    }
    report.note(ProblemKind.FREIGHT_MISSED, _named(missed))
    report.note(ProblemKind.FREIGHT_INVENTED, _named(invented))


def _live(report: DayReport, day: PlayedDay, live: LiveDay) -> None:
    """Whose sale each order was, against the room in which the sandbox sold it; and who took what was set aside."""
    found = live.found
    planted: Mapping[str, str] = day.scenario.get("rooms", {})
    wrong = [number for number in {*planted, *found} if planted.get(number) != found.get(number)]
    report.figures["live_orders"] = {"planted": len(planted), "attributed": len(found), "wrong": len(wrong)}
    report.figures["live_locks"] = {"given": live.given, "to_strangers": live.to_strangers}
    said = [f"{number} {planted.get(number, '-')} {found.get(number, '-')}" for number in wrong]
    report.note(ProblemKind.LIVE_WRONG, said)
    if live.to_strangers:
        report.note(ProblemKind.LOCK_TAKEN, [f"{live.to_strangers} of {live.given}"])


def _is_of(day: PlayedDay, difference: FoundDifference) -> bool:
    return difference.order_no in day.receipts


def _latency(report: DayReport, day: PlayedDay, through: Sequence[OrderWay]) -> None:
    to_command = [way.to_command_ms for way in through if way.to_command_ms is not None]
    to_warehouse = []
    for way in through:
        receipt = day.receipts.get(way.order_no, {})
        if receipt.get("message_at") and receipt.get("warehouse_at"):
            waited = datetime.fromisoformat(receipt["warehouse_at"]) - datetime.fromisoformat(receipt["message_at"])
            to_warehouse.append(waited.total_seconds() * 1000)
    report.figures["receipt_to_command_ms"] = percentiles(to_command)
    report.figures["message_to_warehouse_ms"] = percentiles(to_warehouse)


def _named(differences: set[tuple[str, str]]) -> list[str]:
    return [f"{number} {verdict}" for verdict, number in differences]
