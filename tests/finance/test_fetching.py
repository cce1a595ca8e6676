"""Bills that come by themselves: which days are asked for, and what happens when nothing comes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine

from finance import selectors, tasks
from finance.models import ProviderAccount, Statement, StatementLine
from finance.services import close_day, fetch_statement
from finance.services.fetching import FETCHERS
from finance.statements.errors import BillNotReady, ProviderUnavailable, StatementUnreadable
from finance.states import LineState
from ordercenter.cases.models import Case
from ordercenter.cases.states import CaseState
from ordercenter.common.actor import SYSTEM
from ordercenter.common.errors import Misconfigured
from ordercenter.orders.models import Order
from tests.finance.bills import ACCOUNT, DAY, MORNING_AFTER, at, bill, line_of, pay, strange_line
from tests.finance.factories import make_order, make_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def order() -> Order:
    return make_order(make_shop(), total=Decimal("236.80"))


@pytest.fixture
def account() -> ProviderAccount:
    return ProviderAccount.objects.create(
        provider="alipay",
        account=ACCOUNT,
        gateway_url="http://127.0.0.1:1/gateway.do",
        app_id="2026",
        secrets={},
        bills_from=DAY,
    )


@pytest.fixture
def provider(monkeypatch) -> dict[date, Callable[[], bytes]]:
    """What the provider answers for a day; a day that is not named has no bill. `asked` keeps the questions."""
    answers: dict[date, Callable[[], bytes]] = {}

    def fetch(_account: ProviderAccount, day: date) -> bytes:
        if day not in answers:
            raise BillNotReady(day=day.isoformat())
        return answers[day]()

    monkeypatch.setitem(FETCHERS, "alipay", fetch)
    return answers


def raising(error: Exception) -> Callable[[], bytes]:
    def answer() -> bytes:
        raise error

    return answer


def ring(now: datetime) -> None:
    with time_machine.travel(now, tick=False):
        tasks.reconcile(new_argument_of_a_later_version=1)


@pytest.mark.parametrize(
    ("now", "days"),
    [
        (at("09:59:59", DAY + timedelta(days=1)), []),
        (at("10:00:00", DAY + timedelta(days=1)), [DAY]),
        (at("00:30:00", DAY + timedelta(days=2)), [DAY]),
        (at("10:00:00", DAY + timedelta(days=2)), [DAY, DAY + timedelta(days=1)]),
        (at("10:00:00", DAY + timedelta(days=30)), [DAY + timedelta(days=n) for n in range(23, 30)]),
    ],
)
def test_a_bill_is_asked_for_from_ten_in_shanghai_the_day_after_and_for_a_week(account, now, days):
    assert selectors.days_without_bill(account, at=now) == days


def test_a_bill_comes_once_however_often_beat_rings(account, provider, order):
    provider[DAY] = lambda: bill([line_of(pay(order, "A1", "236.80"))]) if not Statement.objects.exists() else b"again"

    ring(MORNING_AFTER)
    ring(MORNING_AFTER + timedelta(minutes=30))

    statement = Statement.objects.get()
    assert (statement.business_day, statement.account, statement.line_count) == (DAY, ACCOUNT, 1)
    assert statement.imported_at == MORNING_AFTER
    assert not Case.objects.exists()


def test_a_bill_fetched_before_its_day_was_over_is_no_last_word(account, provider, order):
    noon = at("12:00:00", DAY)
    early = line_of(pay(order, "A1", "9.90"))
    provider[DAY] = lambda: bill([early])
    fetch_statement(account=account, business_day=DAY, at=noon)
    late = line_of(pay(order, "A2", "1.00"))

    ring(noon + timedelta(minutes=30))
    assert not Case.objects.exists()

    provider[DAY] = lambda: bill([early, late])
    ring(MORNING_AFTER)
    assert list(StatementLine.objects.order_by("line_no").values_list("external_no", "verdict")) == [
        ("A1", LineState.MATCHED),
        ("A2", LineState.MATCHED),
    ]


def test_a_day_that_somebody_closed_early_is_left_closed(account, provider, order):
    early = line_of(pay(order, "A1", "9.90"))
    provider[DAY] = lambda: bill([early])
    outcome = fetch_statement(account=account, business_day=DAY, at=at("12:00:00", DAY))
    close_day(statement_id=outcome.statement_id, at=at("13:00:00", DAY), actor=SYSTEM)

    assert selectors.days_without_bill(account, at=MORNING_AFTER) == []


def test_an_entry_that_came_late_is_matched_at_the_next_ring(account, provider, order):
    provider[DAY] = lambda: bill([strange_line("A1", "9.90")])
    ring(MORNING_AFTER)
    pay(order, "A1", "9.90")

    ring(MORNING_AFTER + timedelta(minutes=30))

    assert StatementLine.objects.get().verdict == LineState.MATCHED
    assert Case.objects.get().state == CaseState.AUTO_RESOLVED


def test_no_bill_for_a_day_without_payments_is_no_trouble(account, provider):
    ring(MORNING_AFTER)

    assert not Case.objects.exists()
    assert not Statement.objects.exists()


def test_a_missing_bill_for_a_day_with_payments_is_one_case_until_it_comes(account, provider, order):
    entry = pay(order, "A1", "236.80")
    ring(MORNING_AFTER)
    ring(MORNING_AFTER + timedelta(minutes=30))

    case = Case.objects.get()
    assert (case.code, case.subject, case.times_seen) == (
        "STATEMENT_UNREADABLE",
        f"bill:{account.pk}:2026-11-11",
        2,
    )
    assert case.evidence["error"] == "finance.bill_not_ready"

    provider[DAY] = lambda: bill([line_of(entry)])
    ring(MORNING_AFTER + timedelta(hours=1))

    assert Case.objects.get().state == CaseState.AUTO_RESOLVED
    assert Statement.objects.count() == 1


def test_a_bill_that_cannot_be_read_is_a_case_that_names_the_row(account, provider, order):
    provider[DAY] = raising(StatementUnreadable(row=7, column="完成时间", reason="ill_typed"))

    with pytest.raises(StatementUnreadable):
        fetch_statement(account=account, business_day=DAY, at=MORNING_AFTER)

    evidence = Case.objects.get().evidence
    assert (evidence["row"], evidence["column"], evidence["reason"]) == (7, "完成时间", "ill_typed")
    assert not Statement.objects.exists()


def test_one_days_trouble_does_not_keep_the_next_day_waiting(account, provider, order):
    next_day = DAY + timedelta(days=1)
    provider[DAY] = raising(ProviderUnavailable(method="bill", detail="HTTP 502"))
    provider[next_day] = lambda: bill([strange_line("X1")], next_day)

    ring(MORNING_AFTER + timedelta(days=1))

    assert Statement.objects.get().business_day == next_day
    assert Case.objects.get(subject__startswith="bill:").evidence["error"] == "finance.provider_unavailable"


def test_an_account_that_is_switched_off_is_not_asked(account, provider, order):
    ProviderAccount.objects.update(is_active=False)
    provider[DAY] = lambda: bill([strange_line("X1")])

    ring(MORNING_AFTER)

    assert not Statement.objects.exists()


def test_secrets_without_their_keys_are_named_in_the_case(account, order):
    account.refresh_from_db()

    with pytest.raises(Misconfigured):
        fetch_statement(account=account, business_day=DAY, at=MORNING_AFTER)

    assert "alipay_public_key" in Case.objects.get().evidence["why"]
