"""Signing off and closing: a day is final only when every line is matched or somebody has answered for it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model

from finance.errors import DifferencesOpen, StatementIsClosed, StatementUnknown
from finance.models import Statement, StatementLine
from finance.services import close_day, match_statement, sign_off
from finance.states import LineState, StatementState
from ordercenter.audit.models import Deed, StateChange
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.models import Case
from ordercenter.common.actor import Actor
from ordercenter.events.models import EventRow
from ordercenter.orders.models import Order
from tests.finance.bills import MORNING_AFTER, changed, line_of, pay, strange_line, take_in, verdicts
from tests.finance.factories import make_order, make_shop

pytestmark = pytest.mark.django_db
LATER = MORNING_AFTER + timedelta(hours=1)


@pytest.fixture
def order() -> Order:
    return make_order(make_shop(), total=Decimal("236.80"))


@pytest.fixture
def wang() -> Actor:
    user = get_user_model().objects.create_user("wang")
    return Actor("person", "wang", user.pk)


@pytest.fixture
def statement(order) -> Statement:
    """A day with a match, a wrong amount and a payment that nobody knows."""
    payment = pay(order, "A1", "236.80")
    take_in([line_of(payment), changed(line_of(pay(order, "A2", "10.00")), amount="9.00"), strange_line("X1")])
    return Statement.objects.get()


def line(number: str) -> StatementLine:
    return StatementLine.objects.get(external_no=number)


def test_a_difference_is_accepted_with_a_reason_by_a_person_who_is_remembered(statement, wang):
    result = sign_off(line_ids=[line("A2").pk], reason=" rounding at the counter ", at=LATER, actor=wang)

    assert result.refused == []
    accepted = line("A2")
    assert (accepted.verdict, accepted.found_verdict) == (LineState.SIGNED_OFF, LineState.AMOUNT_DIFFERS)
    assert accepted.signed_off_reason == "rounding at the counter"
    deed = Deed.objects.get()
    assert (deed.action, deed.subject, deed.user_id) == (
        "finance.sign_off",
        f"statement_line:{accepted.pk}",
        wang.user_id,
    )
    assert deed.details["ours"] == ["10.00", "-0.06"]
    case = Case.objects.get(subject=f"statement_line:{accepted.pk}")
    assert (case.is_open, case.resolution) == (False, "rounding at the counter")
    assert verdicts()["X1"] == LineState.NOT_IN_BOOKS


def test_what_is_no_open_difference_is_refused_alone(statement, wang):
    first = sign_off(line_ids=[line("A2").pk], reason="known", at=LATER, actor=wang)

    result = sign_off(
        line_ids=[line("A1").pk, line("A2").pk, 10**9, line("X1").pk], reason="known", at=LATER, actor=wang
    )

    assert len(first.done) == 1
    assert [(refusal.key, refusal.code) for refusal in result.refused] == [
        (line("A1").pk, "finance.nothing_to_sign_off"),
        (line("A2").pk, "finance.nothing_to_sign_off"),
        (10**9, "finance.line_unknown"),
    ]
    assert [accepted.external_no for accepted in result.done] == ["X1"]
    assert line("A1").verdict == LineState.MATCHED


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_without_a_reason_nothing_is_signed_off(statement, wang, reason):
    with pytest.raises(ReasonMissing):
        sign_off(line_ids=[line("A2").pk], reason=reason, at=LATER, actor=wang)

    assert line("A2").verdict == LineState.AMOUNT_DIFFERS
    assert not Deed.objects.exists()


def test_a_signed_off_line_is_not_judged_again_when_its_entry_comes_late(statement, order, wang):
    sign_off(line_ids=[line("X1").pk], reason="known", at=LATER, actor=wang)
    pay(order, "X1", "9.90")

    match_statement(statement_id=statement.pk, at=LATER)

    assert verdicts() == {"X1": LineState.SIGNED_OFF, "A2": LineState.AMOUNT_DIFFERS}


def test_a_day_with_open_differences_is_not_closed_and_the_refusal_says_how_many(statement, wang):
    with pytest.raises(DifferencesOpen) as refused:
        close_day(statement_id=statement.pk, at=LATER, actor=wang)

    assert refused.value.open_lines == 2
    statement.refresh_from_db()
    assert (statement.state, statement.closed_at) == (StatementState.MATCHED, None)
    assert not Deed.objects.exists()


def test_a_day_that_is_matched_and_signed_off_closes_for_good(statement, wang):
    sign_off(line_ids=[line("A2").pk, line("X1").pk], reason="known", at=LATER, actor=wang)

    close_day(statement_id=statement.pk, at=LATER, actor=wang)

    statement.refresh_from_db()
    assert (statement.state, statement.closed_at) == (StatementState.CLOSED, LATER)
    assert EventRow.objects.filter(name="finance.statement.closed").count() == 1
    assert StateChange.objects.filter(machine="statement", dst="closed").get().actor == "person:wang"
    assert Deed.objects.filter(action="finance.close_day", subject=f"statement:{statement.pk}").count() == 1
    assert statement.history.first().history_user_id == wang.user_id
    with pytest.raises(StatementIsClosed):
        close_day(statement_id=statement.pk, at=LATER, actor=wang)
    result = sign_off(line_ids=[line("A2").pk], reason="again", at=LATER, actor=wang)
    assert [refusal.code for refusal in result.refused] == ["finance.statement_closed"]


def test_an_empty_day_closes_at_once(wang):
    take_in([])

    close_day(statement_id=Statement.objects.get().pk, at=LATER, actor=wang)

    assert Statement.objects.get().state == StatementState.CLOSED


def test_an_unknown_day_cannot_be_closed(wang):
    with pytest.raises(StatementUnknown):
        close_day(statement_id=10**9, at=LATER, actor=wang)
