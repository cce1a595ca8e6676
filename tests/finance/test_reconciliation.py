"""A day's bill against our books: every line and every entry ends with one verdict."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random

import pytest

from finance.benchmark import run_reconcile
from finance.errors import StatementIsClosed, StatementUnknown
from finance.matching import LineKey, Sums, ours_as_sums, verdict_of
from finance.models import Match, PaymentEntry, Statement, StatementLine
from finance.services import close_day, match_statement
from finance.states import LineState, StatementState
from ordercenter.audit.models import StateChange
from ordercenter.cases.models import Case
from ordercenter.cases.states import CaseState
from ordercenter.catalog.models import Shop
from ordercenter.common.actor import Actor
from ordercenter.common.gathering import counted_statements
from ordercenter.common.ids import forget_pools
from ordercenter.events.models import EventRow
from ordercenter.orders.models import Order
from tests.finance.bills import DAY, MORNING_AFTER, at, changed, line_of, pay, strange_line, take_in, verdicts
from tests.finance.factories import make_order, make_shop

pytestmark = pytest.mark.django_db
LATER = MORNING_AFTER + timedelta(hours=1)
NEXT_DAY = DAY + timedelta(days=1)
FINANCE = Actor("person", "wang")


@pytest.fixture
def shop() -> Shop:
    return make_shop()


@pytest.fixture
def order(shop: Shop) -> Order:
    return make_order(shop, total=Decimal("236.80"))


def open_cases() -> list[Case]:
    return list(Case.objects.filter(state=CaseState.OPEN).order_by("pk"))


def test_the_same_money_on_both_sides_matches_line_by_line(order):
    payment = pay(order, "A1", "236.80")
    refund = pay(order, "A1", "59.20", refund="RF1")

    outcome = take_in([line_of(payment), line_of(refund)])

    assert (outcome.lines, outcome.differences) == (2, 0)
    assert {(m.line.request_no, m.entry_id) for m in Match.objects.all()} == {("", payment.pk), ("RF1", refund.pk)}
    statement = Statement.objects.get()
    assert (statement.state, statement.line_count) == (StatementState.MATCHED, 2)
    assert (statement.payment_total, statement.refund_total, statement.fee_total) == (
        Decimal("236.80"),
        Decimal("59.20"),
        Decimal("1.06"),
    )
    assert not Case.objects.exists()
    assert list(StateChange.objects.filter(machine="statement").order_by("id").values_list("src", "dst")) == [
        ("", "open"),
        ("open", "matched"),
    ]
    names = EventRow.objects.filter(name__startswith="finance.statement").order_by("id").values_list("name", flat=True)
    assert list(names) == ["finance.statement.imported", "finance.statement.matched"]


@pytest.mark.parametrize(
    ("theirs", "verdict", "at_risk"),
    [
        ({"amount": "236.79"}, LineState.AMOUNT_DIFFERS, "0.01"),
        ({"amount": "236.79", "fee": "-1.41"}, LineState.AMOUNT_DIFFERS, "0.01"),
        ({"fee": "-1.43"}, LineState.FEE_DIFFERS, "0.01"),
        ({"fee": "0.00"}, LineState.FEE_DIFFERS, "1.42"),
    ],
)
def test_one_fen_apart_is_a_difference_with_a_case(order, theirs, verdict, at_risk):
    entry = pay(order, "A1", "236.80")

    take_in([changed(line_of(entry), **theirs)])

    line = StatementLine.objects.get()
    assert (line.verdict, line.expected_amount, line.expected_fee) == (verdict, Decimal("236.80"), Decimal("-1.42"))
    assert not Match.objects.exists()
    (case,) = open_cases()
    assert (case.code, case.subject, case.money_at_risk) == (
        "SETTLEMENT_DIFF",
        f"statement_line:{line.pk}",
        Decimal(at_risk),
    )
    assert (case.shop_id, case.reference) == (order.shop_id, order.channel_order_no)
    assert case.evidence["ours"] == {"amount": "236.80", "fee": "-1.42"}
    assert case.evidence["verdict"] == verdict


def test_what_only_one_side_knows_is_named_and_worth_its_whole_amount(order):
    pay(order, "OURS", "236.80")

    take_in([strange_line("THEIRS", "9.90")])

    assert verdicts() == {"THEIRS": LineState.NOT_IN_BOOKS, "OURS": LineState.NOT_IN_BILL}
    missing = StatementLine.objects.get(external_no="OURS")
    assert (missing.line_no, missing.amount, missing.expected_amount) == (0, Decimal("0.00"), Decimal("236.80"))
    assert [(case.evidence["verdict"], case.money_at_risk) for case in open_cases()] == [
        (LineState.NOT_IN_BOOKS, Decimal("9.90")),
        (LineState.NOT_IN_BILL, Decimal("236.80")),
    ]
    assert Statement.objects.get().line_count == 1


def test_a_line_that_stands_twice_in_the_bill_matches_once(order):
    line = line_of(pay(order, "A1", "236.80"))

    take_in([line, line])

    assert sorted(StatementLine.objects.values_list("line_no", "verdict")) == [
        (6, LineState.MATCHED),
        (7, LineState.DUPLICATE),
    ]
    assert open_cases()[0].money_at_risk == Decimal("236.80")


def test_a_payment_that_comes_again_on_the_next_days_bill_is_a_duplicate(order):
    line = line_of(pay(order, "A1", "236.80", when=at("23:59:00")))
    take_in([line])

    take_in([line], day=NEXT_DAY)

    assert (verdicts(), verdicts(NEXT_DAY)) == ({}, {"A1": LineState.DUPLICATE})
    assert Match.objects.get().line.statement.business_day == DAY


def test_a_refund_is_met_by_its_own_number_not_only_by_its_payments(order):
    refund = pay(order, "A1", "59.20", refund="RF1")

    take_in([replace(line_of(refund), request_no="RF2")])

    assert verdicts() == {"A1RF2": LineState.NOT_IN_BOOKS, "A1RF1": LineState.NOT_IN_BILL}


def test_a_refund_with_a_positive_sign_is_not_the_same_money():
    ours = ours_as_sums("refund", Decimal("59.20"), Decimal("0.36"))

    assert ours == Sums(Decimal("-59.20"), Decimal("0.36"))
    assert verdict_of(Sums(Decimal("59.20"), Decimal("0.36")), ours) == LineState.AMOUNT_DIFFERS


def test_wrong_fees_of_one_bill_are_one_group_of_cases(order):
    lines = [line_of(pay(order, number, "100.00")) for number in ("A1", "A2")]

    take_in([changed(line, fee="-0.80") for line in lines])

    groups = {case.group_id for case in open_cases()}
    assert len(open_cases()) == 2
    assert len(groups) == 1
    assert None not in groups


# --- the edge of the day ----------------------------------------------------------------------------------------------


def test_the_business_day_ends_at_midnight_in_shanghai_to_the_millisecond(order):
    pay(order, "EVE", "1.00", when=at("00:00:00") - timedelta(milliseconds=1))
    pay(order, "FIRST", "2.00", when=at("00:00:00"))
    pay(order, "LAST", "3.00", when=at("23:59:59.999"))
    pay(order, "NEXT", "4.00", when=at("00:00:00", NEXT_DAY))

    take_in([])

    assert verdicts() == {"FIRST": LineState.NOT_IN_BILL, "LAST": LineState.NOT_IN_BILL}


def test_a_line_meets_its_entry_though_the_two_clocks_disagree_about_the_day(order):
    early = pay(order, "EARLY", "1.00", when=at("00:00:00") - timedelta(milliseconds=1))
    long_ago = pay(order, "LONG-AGO", "2.00", when=at("12:00:00") - timedelta(days=40))

    take_in([line_of(early), line_of(long_ago)])

    assert verdicts() == {}
    assert Match.objects.count() == 2


def test_an_entry_missing_from_one_bill_and_found_on_the_next_loses_its_line_and_its_case(order):
    entry = pay(order, "A1", "236.80", when=at("23:59:59.999"))
    take_in([])
    assert verdicts() == {"A1": LineState.NOT_IN_BILL}

    take_in([line_of(entry)], day=NEXT_DAY)

    assert (verdicts(), verdicts(NEXT_DAY)) == ({}, {})
    assert Case.objects.get().state == CaseState.AUTO_RESOLVED


def test_an_entry_that_the_next_days_bill_knows_with_another_amount_is_not_missing_as_well(order):
    entry = pay(order, "A1", "236.80", when=at("23:59:59"))
    take_in([changed(line_of(entry), amount="236.00")], day=NEXT_DAY)

    take_in([])

    assert (verdicts(), verdicts(NEXT_DAY)) == ({}, {"A1": LineState.AMOUNT_DIFFERS})


# --- entries that come late -------------------------------------------------------------------------------------------


def test_an_entry_that_comes_late_matches_and_closes_the_case(order):
    take_in([strange_line("A1", "9.90")])
    entry = pay(order, "A1", "9.90")

    outcome = match_statement(statement_id=Statement.objects.get().pk, at=LATER)

    line = StatementLine.objects.get()
    assert (line.verdict, outcome.vanished) == (LineState.MATCHED, [line.pk])
    assert Match.objects.get().entry_id == entry.pk
    assert Case.objects.get().state == CaseState.AUTO_RESOLVED


def test_an_entry_that_comes_late_with_another_amount_changes_what_the_case_says(order):
    take_in([strange_line("A1", "9.90")])
    pay(order, "A1", "9.00")

    match_statement(statement_id=Statement.objects.get().pk, at=LATER)

    assert verdicts() == {"A1": LineState.AMOUNT_DIFFERS}
    (case,) = open_cases()
    assert case.evidence["ours"] == {"amount": "9.00", "fee": "-0.05"}


def test_an_entry_that_comes_late_and_is_on_no_bill_is_a_difference_then(order):
    take_in([])
    pay(order, "A1", "9.90")

    match_statement(statement_id=Statement.objects.get().pk, at=LATER)

    assert verdicts() == {"A1": LineState.NOT_IN_BILL}
    assert len(open_cases()) == 1


def test_another_look_without_news_changes_nothing(order):
    pay(order, "OURS", "236.80")
    take_in([strange_line("THEIRS"), changed(line_of(pay(order, "A1", "5.00")), amount="4.00")])
    before = (
        list(StatementLine.objects.order_by("pk").values()),
        EventRow.objects.count(),
        list(Case.objects.values()),
    )

    outcome = match_statement(statement_id=Statement.objects.get().pk, at=LATER)

    assert (outcome.differences, outcome.vanished) == ([], [])
    after = (list(StatementLine.objects.order_by("pk").values()), EventRow.objects.count(), list(Case.objects.values()))
    assert after == before


def test_a_closed_day_and_an_unknown_one_are_not_matched_again(order):
    take_in([line_of(pay(order, "A1", "236.80"))])
    statement = Statement.objects.get()
    close_day(statement_id=statement.pk, at=LATER, actor=FINANCE)
    pay(order, "A2", "1.00")

    with pytest.raises(StatementIsClosed):
        match_statement(statement_id=statement.pk, at=LATER)
    with pytest.raises(StatementUnknown):
        match_statement(statement_id=statement.pk + 1, at=LATER)

    assert verdicts() == {}


# --- many -------------------------------------------------------------------------------------------------------------


def plain_verdicts(lines, entries: list[PaymentEntry], day: date) -> Counter[tuple[LineKey, str]]:
    """The rules once more, in the plainest words: what the set-wise match has to agree with."""
    books = {
        LineKey(e.kind, e.external_no, e.request_no): ours_as_sums(e.kind, e.amount, e.expected_fee) for e in entries
    }
    days = {
        LineKey(e.kind, e.external_no, e.request_no): e.occurred_at.astimezone(at("00:00:00").tzinfo).date()
        for e in entries
    }
    told: Counter[tuple[LineKey, str]] = Counter()
    seen: set[LineKey] = set()
    for line in lines:
        key = LineKey(line.kind, line.external_no, line.request_no)
        verdict = LineState.DUPLICATE if key in seen else verdict_of(Sums(line.amount, line.fee), books.get(key))
        told[key, verdict.value] += 1
        seen.add(key)
    told.update((key, LineState.NOT_IN_BILL.value) for key in books.keys() - seen if days[key] == day)
    return told


@pytest.mark.parametrize("seed", [1, 2])
def test_a_thousand_lines_get_the_verdicts_that_the_plain_rules_give(shop, seed):
    random = Random(seed)
    order = make_order(shop, total=Decimal("100000.00"))
    entries = []
    for n in range(120):
        when = at("00:00:00") + timedelta(minutes=random.randint(-60, 25 * 60))
        amount = Decimal(random.randint(1, 50_000)) / 100
        entries.append(pay(order, f"N{n}", str(amount), when=when, refund=random.choice(["", "", f"RF{n}"])))
    own = [line_of(entry) for entry in entries if random.random() < 0.9]
    lines = []
    while len(lines) < 1000:
        line = random.choice(own)
        lines.append(
            random.choice(
                [
                    line,
                    changed(line, amount=str(line.amount * 2)),
                    changed(line, fee=str(line.fee * 2)),
                    replace(line, external_no=f"X{random.randint(1, 9999)}"),
                ]
            )
        )

    take_in(lines)

    told = Counter(
        (LineKey(kind, external_no, request_no), verdict)
        for kind, external_no, request_no, verdict in StatementLine.objects.values_list(
            "kind", "external_no", "request_no", "verdict"
        )
    )
    assert told == plain_verdicts(lines, entries, DAY)
    assert {verdict for _key, verdict in told} == {str(state) for state in LineState} - {LineState.SIGNED_OFF}
    assert Match.objects.count() == StatementLine.objects.filter(verdict=LineState.MATCHED).count()
    assert Case.objects.count() == StatementLine.objects.exclude(verdict=LineState.MATCHED).count()


def test_the_planted_day_of_the_benchmark_finds_all_that_was_planted_and_nothing_else():
    figures = run_reconcile(1000)

    assert figures["lines"] == 1000
    assert (figures["differences_planted"], figures["differences_found"], figures["differences_invented"]) == (5, 5, 0)


def test_the_number_of_statements_does_not_grow_with_the_bill(order):
    def statements(count: int, day: date) -> int:
        forget_pools()
        lines = [strange_line(f"{day}-{n}") for n in range(count)]
        with counted_statements() as queries:
            take_in(lines, day)
        return queries()

    assert statements(2, DAY) == statements(200, DAY + timedelta(days=9))


def test_an_exact_bill_stays_exact_to_the_fen_over_many_odd_sums(order):
    entries = [pay(order, f"N{n}", f"{n}.{n % 100:02}") for n in range(1, 101)]

    take_in([line_of(entry) for entry in entries])

    statement = Statement.objects.get()
    assert statement.payment_total == sum(entry.amount for entry in entries)
    assert statement.fee_total == sum(entry.expected_fee for entry in entries)
    assert verdicts() == {}
