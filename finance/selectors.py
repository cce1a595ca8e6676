"""Questions about money that several doors ask."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from django.db.models import QuerySet

from finance.matching import BILL_ZONE, business_day_of
from finance.models import Match, ProviderAccount, Statement, StatementLine
from finance.states import LineState, StatementState

# Providers promise the bill of yesterday for nine o'clock or so.
BILLS_READY_AT = time(10)
# How far back a missed bill is asked for by itself.
LOOK_BACK_DAYS = 7


def days_without_bill(account: ProviderAccount, *, at: datetime) -> Sequence[date]:
    """The business days of the last week whose bill should be there but is not ours yet, oldest first."""
    local = at.astimezone(BILL_ZONE)
    last = business_day_of(at) - timedelta(days=1 if local.time() >= BILLS_READY_AT else 2)
    days = [last - timedelta(days=back) for back in reversed(range(LOOK_BACK_DAYS))]
    bills = Statement.objects.filter(provider=account.provider, account=account.account, business_day__in=days)
    known = set(bills.values_list("business_day", flat=True))
    return [day for day in days if day >= account.bills_from and day not in known]


def statements_worth_another_look(*, at: datetime) -> QuerySet[Statement]:
    """Bills of the last days that are not closed: entries that came late may solve a difference, or show one."""
    since = business_day_of(at) - timedelta(days=LOOK_BACK_DAYS + 3)
    return Statement.objects.exclude(state=StatementState.CLOSED).filter(business_day__gte=since).order_by("pk")


def lines_with_number(external_no: str) -> QuerySet[StatementLine]:
    """Lines of all bills with this transaction number; those that matched are found through their entry."""
    matched = Match.objects.filter(entry__external_no=external_no).values_list("line_id", flat=True)
    others = StatementLine.objects.exclude(verdict=LineState.MATCHED).filter(external_no=external_no)
    pks = {*matched, *others.values_list("pk", flat=True)}
    return StatementLine.objects.filter(pk__in=pks).order_by("pk")
