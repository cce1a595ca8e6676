"""Questions about money that several doors ask."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from django.db.models import Q, QuerySet

from finance.matching import BILL_ZONE, business_day_of, day_bounds
from finance.models import Match, ProviderAccount, Statement, StatementLine
from finance.states import LineState, StatementState

# Providers promise the bill of yesterday for nine o'clock or so.
BILLS_READY_AT = time(10)
# How far back a missed bill is asked for by itself.
LOOK_BACK_DAYS = 7


def days_without_bill(account: ProviderAccount, *, at: datetime) -> Sequence[date]:
    """The business days of the last week whose bill should be there but is not ours yet, oldest first.

    A bill that was fetched before its day was over (a played day does so) counts as not there yet, unless somebody has
    closed that day.
    """
    local = at.astimezone(BILL_ZONE)
    last = business_day_of(at) - timedelta(days=1 if local.time() >= BILLS_READY_AT else 2)
    days = [last - timedelta(days=back) for back in reversed(range(LOOK_BACK_DAYS))]
    bills = Statement.objects.filter(provider=account.provider, account=account.account, business_day__in=days)
    final = _of_whole_days(bills, days) | bills.filter(state=StatementState.CLOSED)
    known = set(final.values_list("business_day", flat=True))
    return [day for day in days if day >= account.bills_from and day not in known]


def statements_worth_another_look(*, at: datetime) -> QuerySet[Statement]:
    """Bills of the last days that are not closed: entries that came late may solve a difference, or show one.

    A bill that was fetched before its day was over is left alone: it will be fetched again, and until then every later
    payment would look as if it were missing.
    """
    today = business_day_of(at)
    days = [today - timedelta(days=back) for back in range(LOOK_BACK_DAYS + 4)]
    return _of_whole_days(Statement.objects.exclude(state=StatementState.CLOSED), days).order_by("pk")


def _of_whole_days(bills: QuerySet[Statement], days: Sequence[date]) -> QuerySet[Statement]:
    """Those of the bills of these days that were imported after their day had ended."""
    is_whole = Q(pk__in=())
    for day in days:
        is_whole |= Q(business_day=day, imported_at__gte=day_bounds(day)[1])
    return bills.filter(is_whole)


def lines_with_number(external_no: str) -> QuerySet[StatementLine]:
    """Lines of all bills with this transaction number; those that matched are found through their entry."""
    matched = Match.objects.filter(entry__external_no=external_no).values_list("line_id", flat=True)
    others = StatementLine.objects.exclude(verdict=LineState.MATCHED).filter(external_no=external_no)
    pks = {*matched, *others.values_list("pk", flat=True)}
    return StatementLine.objects.filter(pk__in=pks).order_by("pk")
