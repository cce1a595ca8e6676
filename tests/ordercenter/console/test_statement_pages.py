"""Reconciliation pages: differences by verdict, signing off, closing the day, the export."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from finance.models import Statement, StatementLine
from ordercenter.audit.models import Deed
from ordercenter.cases.models import Case
from ordercenter.events.relay import Relay
from tests.flows.outside import import_bill
from tests.flows.world import World
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def statement() -> Statement:
    """A bill with three lines of ours and one that our books do not have."""
    world = World()
    world.deliver(*(world.trade((f"SKU-{n}", 1, "66.00")) for n in range(3)))
    Relay().drain()
    import_bill(**{"20991122999": "12.00"})
    Relay().drain()
    return Statement.objects.get()


@pytest.fixture
def finance() -> Client:
    return client_of(person("wu", role="finance"))


def difference() -> StatementLine:
    return StatementLine.objects.get(external_no="20991122999")


def detail(statement: Statement) -> str:
    return reverse("console:statement", args=[statement.pk])


def test_the_list_says_how_many_differences_are_open(finance: Client, statement: Statement) -> None:
    page = finance.get(reverse("console:statements"))

    assert page.context["rows"] == [(statement, 1)]


def test_a_bill_opens_with_its_differences(finance: Client, statement: Statement) -> None:
    page = finance.get(detail(statement))

    assert [line.external_no for line in page.context["lines"]] == ["20991122999"]
    assert [(row.verdict, row.total) for row in page.context["verdicts"]] == [("not_in_books", 1), ("matched", 3)]
    assert (page.context["open_lines"], page.context["may_close"]) == (1, True)


def test_lines_are_shown_by_verdict(finance: Client, statement: Statement) -> None:
    counts = {v: len(finance.get(detail(statement), {"verdict": v}).context["lines"]) for v in ("matched", "all", "?")}

    assert counts == {"matched": 3, "all": 4, "?": 1}


def test_signing_off_takes_a_reason_and_closes_the_case(finance: Client, statement: Statement) -> None:
    url = reverse("console:statement-sign-off", args=[statement.pk])

    finance.post(url, {"line": difference().pk, "reason": " "})
    without_reason = difference().verdict
    finance.post(url, {"line": difference().pk, "reason": "booked next month"})

    line = difference()
    assert without_reason == "not_in_books"
    assert (line.verdict, line.found_verdict, line.signed_off_reason) == (
        "signed_off",
        "not_in_books",
        "booked next month",
    )
    assert Case.objects.get(code="SETTLEMENT_DIFF").state == "auto_resolved"
    assert Deed.objects.get(reason="booked next month").user.username == "wu"


def test_the_day_closes_when_every_difference_is_decided(finance: Client, statement: Statement) -> None:
    close = reverse("console:statement-close", args=[statement.pk])

    early = finance.post(close, follow=True)
    state_early = Statement.objects.get().state
    finance.post(
        reverse("console:statement-sign-off", args=[statement.pk]), {"line": difference().pk, "reason": "known"}
    )
    finance.post(close)

    assert "Some lines are neither matched nor signed off." in early.content.decode()
    assert (state_early, Statement.objects.get().state) == ("matched", "closed")


@pytest.mark.parametrize(("encoding", "codec"), [("utf-8", "utf-8-sig"), ("gb18030", "gb18030")])
def test_the_lines_go_out_as_csv(finance: Client, statement: Statement, encoding: str, codec: str) -> None:
    answer = finance.get(reverse("console:statement-export", args=[statement.pk]), {"encoding": encoding})

    raw = b"".join(answer.streaming_content)
    assert "20991122999" in raw.decode(codec)
    assert raw.startswith(b"\xef\xbb\xbf") == (encoding == "utf-8")
    assert answer["Content-Disposition"].startswith('attachment; filename="alipay-')


def test_an_unknown_encoding_is_not_found(finance: Client, statement: Statement) -> None:
    url = reverse("console:statement-export", args=[statement.pk])

    assert finance.get(url, {"encoding": "latin-1"}).status_code == 404


def test_auditors_look_and_change_nothing(statement: Statement) -> None:
    auditor = client_of(person(role="auditor"))

    page = auditor.get(detail(statement))
    sign = auditor.post(reverse("console:statement-sign-off", args=[statement.pk]), {"line": 1, "reason": "x"})
    close = auditor.post(reverse("console:statement-close", args=[statement.pk]))

    assert (page.context["may_sign_off"], page.context["may_close"]) == (False, False)
    assert (sign.status_code, close.status_code) == (403, 403)


def test_operators_have_no_bills() -> None:
    assert client_of(person(role="operator")).get(reverse("console:statements")).status_code == 403


def test_pages_of_lines_hold_each_line_once(
    finance: Client, statement: Statement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ordercenter.console.selectors.statements.PAGE_ROWS", 3)

    first = finance.get(detail(statement), {"verdict": "all"}).context
    second = finance.get(detail(statement), {"verdict": "all", "after": first["after"]}).context

    assert (len(first["lines"]), len(second["lines"]), second["after"]) == (3, 1, None)


def test_a_bill_takes_a_constant_number_of_statements(
    finance: Client, statement: Statement, django_assert_max_num_queries: Any
) -> None:
    finance.get(detail(statement))

    with django_assert_max_num_queries(10):
        finance.get(detail(statement), {"verdict": "all"})
