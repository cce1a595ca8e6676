"""What platforms pay out, into the books: movements are kept once, every order of theirs is judged, and looked at again
while it waits. Differences are cases for as long as they are differences.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from finance.errors import NothingToSettle
from finance.models import OrderSettlement, SettlementEntry, SettlementTerms
from finance.settling import SettledRow, Standing, Terms, fees_over, money_at_risk, verdict_of
from finance.states import SETTLEMENT_DIFFERENCES, SettlementVerdict
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.services import CaseDraft, close_cases_of, open_cases
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult
from ordercenter.common.ids import new_ids
from ordercenter.common.money import ZERO
from ordercenter.common.rows import new_row
from ordercenter.orders.models import Order
from ordercenter.orders.states import OrderState

DIFFERENCE, MISSING = "PAYOUT_DIFF", "PAYOUT_MISSING"
AT_ONCE = 1000
# What waits is looked at again after so long; our books may have changed, or its time be over.
LOOK_AGAIN = timedelta(hours=3)
_SUMS = ("paid", "subsidies", "fee_total", "net")
_JUDGED = (*_SUMS, "fees", "adds_up", "told_anew", "order_id", "expected", "verdict", "judged_at")
_SAVED = (*_JUDGED, "first_settled_at", "last_settled_at", "found_verdict", "signed_off_reason")


@dataclass
class BookedSettlements:
    """new: movements that the books did not have. known: those that came again as they were. told_anew: numbers of
    those that came again with other amounts; the first stays. judged: verdict -> orders."""

    new: int = 0
    known: int = 0
    told_anew: list[str] = field(default_factory=list)
    judged: dict[str, int] = field(default_factory=dict)


def book_settlements(
    *,
    shop_id: int,
    platform: str,
    rows: Sequence[SettledRow],
    at: datetime,
    actor: Actor = SYSTEM,
    work: Work | None = None,
) -> BookedSettlements:
    """Keep these movements and judge the orders they are about. Repeating it changes nothing.

    To be called by one process for a shop at a time. About ten statements for any number of rows.
    """
    booked = BookedSettlements()
    if not rows:
        return booked
    with unit_of_work(work, at=at, actor=actor) as work:
        known = {
            entry.entry_no: entry
            for entry in SettlementEntry.objects.filter(shop_id=shop_id, entry_no__in={row.entry_no for row in rows})
        }
        fresh: dict[str, SettledRow] = {}
        anew: set[str] = set()
        for row in rows:
            before = known.get(row.entry_no) or fresh.get(row.entry_no)
            if before is None:
                fresh[row.entry_no] = row
            elif (before.net, before.paid, before.channel_order_no) == (row.net, row.paid, row.channel_order_no):
                booked.known += 1
            else:
                booked.told_anew.append(row.entry_no)
                anew.add(before.channel_order_no)
        booked.new = len(fresh)
        work.add([_entry(shop_id, platform, row, work.at) for row in fresh.values()])
        by_order: dict[str, list[SettledRow]] = defaultdict(list)
        for row in fresh.values():
            if row.channel_order_no:
                by_order[row.channel_order_no].append(row)
        touched = sorted(by_order.keys() | (anew - {""}))
        settlements = _settlements_of(shop_id, touched, work)
        for number, settlement in settlements.items():
            _add_up(settlement, by_order.get(number, ()), is_told_anew=number in anew)
        booked.judged = _judge(list(settlements.values()), work)
    return booked


def look_at_settlements(*, at: datetime | None = None, actor: Actor = SYSTEM) -> dict[str, int]:
    """Judge again what waits or differs, and name orders whose money has not come in time. verdict -> orders changed.

    A constant number of statements for each thousand orders.
    """
    at = at or timezone.now()
    changed: dict[str, int] = defaultdict(int)
    for shop_id in SettlementTerms.objects.order_by("shop_id").values_list("shop_id", flat=True):
        while found := _overdue(shop_id, at):
            for verdict, n in _open_missing(shop_id, found, at=at, actor=actor).items():
                changed[verdict] += n
    open_verdicts = [SettlementVerdict.WAITING, *SETTLEMENT_DIFFERENCES]
    old = OrderSettlement.objects.filter(verdict__in=open_verdicts, judged_at__lt=at - LOOK_AGAIN)
    while ids := list(old.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
        with unit_of_work(at=at, actor=actor) as work:
            rows = work.lock(OrderSettlement, ids)
            for verdict, n in _judge(list(rows.values()), work).items():
                changed[verdict] += n
    return dict(changed)


def sign_off_settlements(
    *, settlement_ids: Collection[int], reason: str, at: datetime, actor: Actor, work: Work | None = None
) -> BatchResult:
    """Accept these differences as they are; their cases close, and each leaves a deed with the reason. A movement that
    comes later opens the order again.

    done: the settlements. Refused one by one: NothingToSettle. Raises ReasonMissing.
    """
    reason = reason.strip()
    if not reason:
        raise ReasonMissing
    result = BatchResult()
    with unit_of_work(work, at=at, actor=actor, reason=reason) as work:
        rows = work.lock(OrderSettlement, sorted(set(settlement_ids)))
        for pk in dict.fromkeys(settlement_ids):
            settlement = rows.get(pk)
            if settlement is None or settlement.verdict not in SETTLEMENT_DIFFERENCES:
                verdict = settlement.verdict if settlement is not None else ""
                result.refuse(pk, NothingToSettle(settlement_id=pk, verdict=verdict))
                continue
            settlement.found_verdict, settlement.verdict = settlement.verdict, SettlementVerdict.SIGNED_OFF
            settlement.signed_off_reason = reason[:200]
            work.save(settlement, "verdict", "found_verdict", "signed_off_reason")
            details = {
                "order": settlement.channel_order_no,
                "verdict": settlement.found_verdict,
                "paid": str(settlement.paid),
                "expected": str(settlement.expected),
                "fees": str(settlement.fee_total),
            }
            subject = subject_of(pk)
            record_deed(work, action="finance.sign_off_settlement", subject=subject, reason=reason, details=details)
            result.done.append(settlement)
        subjects = [subject_of(row.pk) for row in result.done]
        close_cases_of(subjects=subjects, codes={DIFFERENCE, MISSING}, resolution=reason[:200], work=work)
    return result


def subject_of(settlement_id: int) -> str:
    """What a case about an order's settlement calls it."""
    return f"settlement:{settlement_id}"


def _settlements_of(shop_id: int, numbers: Sequence[str], work: Work) -> dict[str, OrderSettlement]:
    """The standings of these orders, locked; new ones where there was none. Three statements."""
    found = OrderSettlement.objects.filter(shop_id=shop_id, channel_order_no__in=numbers)
    rows = work.lock(OrderSettlement, list(found.values_list("pk", flat=True)))
    settlements = {row.channel_order_no: row for row in rows.values()}
    missing = [number for number in numbers if number not in settlements]
    made = [
        new_row(
            OrderSettlement,
            id=pk,
            shop_id=shop_id,
            channel_order_no=number,
            verdict=SettlementVerdict.WAITING,
            judged_at=work.at,
        )
        for number, pk in zip(missing, new_ids(OrderSettlement, len(missing)), strict=True)
    ]
    work.add(made)
    settlements.update((row.channel_order_no, row) for row in made)
    return {number: settlements[number] for number in numbers}


def _add_up(settlement: OrderSettlement, rows: Iterable[SettledRow], *, is_told_anew: bool) -> None:
    settlement.told_anew = settlement.told_anew or is_told_anew
    fees = {code: Decimal(amount) for code, amount in settlement.fees.items()}
    for row in rows:
        for name in _SUMS:
            setattr(settlement, name, getattr(settlement, name) + getattr(row, name))
        for code, amount in row.fees.items():
            fees[code] = fees.get(code, ZERO) + amount
        settlement.adds_up = settlement.adds_up and row.sums_hold
        settlement.first_settled_at = min(settlement.first_settled_at or row.settled_at, row.settled_at)
        settlement.last_settled_at = max(settlement.last_settled_at or row.settled_at, row.settled_at)
    settlement.fees = {code: str(amount) for code, amount in sorted(fees.items())}


def _judge(settlements: Sequence[OrderSettlement], work: Work) -> dict[str, int]:
    """Give each its verdict, with its case. Four statements, and those of the cases."""
    shops = {row.shop_id for row in settlements}
    terms = _terms_of(shops)
    numbers = {row.channel_order_no for row in settlements}
    orders = {
        (order.shop_id, order.channel_order_no): order
        for order in Order.objects.filter(shop_id__in=shops, channel_order_no__in=numbers)
    }
    found: dict[str, int] = defaultdict(int)
    drafts: list[CaseDraft] = []
    solved: list[str] = []
    for row in settlements:
        order = orders.get((row.shop_id, row.channel_order_no))
        row.order_id = order.pk if order is not None else None
        row.expected = order.paid_amount - order.refunded_amount if order is not None else None
        standing = standing_of(row, moved_at=order.channel_modified_at if order is not None else None)
        agreed = terms.get(row.shop_id, Terms())
        row.verdict, row.judged_at = verdict_of(standing, agreed, at=work.at), work.at
        row.found_verdict, row.signed_off_reason = "", ""
        work.save(row, *_SAVED)
        found[row.verdict] += 1
        if row.verdict in SETTLEMENT_DIFFERENCES:
            drafts.append(_draft(row, standing, agreed))
        else:
            solved.append(subject_of(row.pk))
    wrong = {draft.subject: draft.code for draft in drafts}
    # A missing settlement that comes and is wrong is another case.
    for code in (DIFFERENCE, MISSING):
        gone = [*solved, *(subject for subject, now in wrong.items() if now != code)]
        close_cases_of(subjects=gone, codes={code}, resolution=_("The settlement is right now."), work=work)
    open_cases(drafts=drafts, work=work)
    return dict(found)


def standing_of(row: OrderSettlement, *, moved_at: datetime | None) -> Standing:
    """The order as the pure rules look at it."""
    return Standing(
        paid=row.paid,
        fees={code: Decimal(amount) for code, amount in row.fees.items()},
        adds_up=row.adds_up,
        told_anew=row.told_anew,
        expected=row.expected,
        moved_at=moved_at,
        settled_at=row.last_settled_at,
    )


def _terms_of(shop_ids: Collection[int]) -> dict[int, Terms]:
    rows = SettlementTerms.objects.filter(shop_id__in=shop_ids).prefetch_related("fees")
    return {
        row.shop_id: Terms(
            timedelta(days=row.within_days),
            timedelta(days=row.grace_days),
            {fee.code: fee.permille for fee in row.fees.all()},
        )
        for row in rows
    }


def _overdue(shop_id: int, at: datetime) -> list[str]:
    """Numbers of completed orders whose money should have come and of which no movement was told."""
    terms = SettlementTerms.objects.get(shop_id=shop_id)
    known = OrderSettlement.objects.filter(shop_id=shop_id).values("channel_order_no")
    late = Order.objects.filter(
        shop_id=shop_id,
        state=OrderState.COMPLETED,
        channel_modified_at__lt=at - timedelta(days=terms.within_days),
        channel_modified_at__date__gte=terms.watched_from,
    ).exclude(Q(channel_order_no__in=known) | Q(paid_amount__lte=0))
    return [
        number
        for number, paid, refunded in late.order_by("pk").values_list(
            "channel_order_no", "paid_amount", "refunded_amount"
        )[:AT_ONCE]
        if paid > refunded
    ]


def _open_missing(shop_id: int, numbers: Sequence[str], *, at: datetime, actor: Actor) -> dict[str, int]:
    with unit_of_work(at=at, actor=actor) as work:
        return _judge(list(_settlements_of(shop_id, numbers, work).values()), work)


def _draft(row: OrderSettlement, standing: Standing, terms: Terms) -> CaseDraft:
    code = MISSING if row.verdict == SettlementVerdict.NOT_SETTLED else DIFFERENCE
    over = {name: str(amount) for name, amount in fees_over(standing, terms).items()}
    evidence: dict[str, Any] = {
        "settlement_id": row.pk,
        "order": row.channel_order_no,
        "verdict": row.verdict,
        "paid": str(row.paid),
        "expected": None if row.expected is None else str(row.expected),
        "net": str(row.net),
    }
    if row.verdict == SettlementVerdict.FEE_DIFFERS:
        evidence["over"] = over
    # A wrong rate makes all orders of a shop differ; money that does not come mostly has one cause as well.
    shared = row.verdict in (SettlementVerdict.FEE_DIFFERS, SettlementVerdict.NOT_SETTLED)
    return CaseDraft(
        code=code,
        subject=subject_of(row.pk),
        shop_id=row.shop_id,
        reference=row.channel_order_no,
        money_at_risk=money_at_risk(standing, terms, SettlementVerdict(row.verdict)),
        evidence=evidence,
        root_cause=f"{code}:{row.shop_id}:{row.verdict}" if shared else "",
        root_title=str(SettlementVerdict(row.verdict).label) if shared else "",
    )


def _entry(shop_id: int, platform: str, row: SettledRow, at: datetime) -> SettlementEntry:
    return new_row(
        SettlementEntry,
        shop_id=shop_id,
        platform=platform,
        entry_no=row.entry_no,
        kind=row.kind,
        channel_order_no=row.channel_order_no,
        channel_line_no=row.channel_line_no,
        settled_at=row.settled_at,
        paid=row.paid,
        subsidies=row.subsidies,
        fee_total=row.fee_total,
        fees=_as_text(row.fees),
        net=row.net,
        sums_hold=row.sums_hold,
        raw=dict(row.raw),
        recorded_at=at,
    )


def _as_text(fees: Mapping[str, Decimal]) -> dict[str, str]:
    return {code: str(amount) for code, amount in sorted(fees.items())}
