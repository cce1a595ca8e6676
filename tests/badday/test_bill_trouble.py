"""A bill that comes broken over the wire: an error that names the place, and books that stay as they are."""

from __future__ import annotations

import pytest

from tests.badday.books import states_of
from tests.badday.system import System, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]

FETCH = """
from django.utils import timezone
from finance.models import ProviderAccount
from finance.services import fetch_statement
from ordercenter.common.errors import OrderCenterError
account, today = ProviderAccount.objects.get(), timezone.localdate()
try:
    fetch_statement(account=account, business_day=today, at=timezone.now())
    answer = ["", ""]
except OrderCenterError as error:
    answer = [error.code, str(error)]
"""
BOOKS = """
SELECT (SELECT count(*) FROM finance_statement), (SELECT count(*) FROM finance_statementline),
       (SELECT sum(amount) FROM finance_paymententry), (SELECT max(id) FROM finance_paymententry)
"""
CASES = "SELECT state::text FROM cases_case WHERE code = 'STATEMENT_UNREADABLE' ORDER BY id DESC LIMIT 1"


@pytest.mark.parametrize(
    ("misbehaviour", "code", "place"),
    [
        ("bill_broken_row", "finance.statement_unreadable", "row "),
        ("bill_wrong_encoding", "finance.statement_unreadable", "row "),
        ("bill_truncated", "finance.statement_unreadable", "zip"),
        ("bill_http_500", "finance.provider_unavailable", ""),
    ],
)
def test_a_broken_bill_names_its_fault_and_changes_nothing_until_a_whole_one_comes(
    system: System, misbehaviour: str, code: str, place: str
) -> None:
    numbers = system.sandbox.create_trades(count=5)
    wait_until(lambda: len(states_of(system, numbers)) == 5, timeout_s=60, what="the payments are in the books")
    before = system.ask(BOOKS)

    system.sandbox.switches(**{misbehaviour: True})
    said = system.run_code(FETCH)
    after = system.ask(BOOKS)
    case = system.ask(CASES)
    system.sandbox.switches(**{misbehaviour: False})
    well = system.run_code(FETCH)

    assert said[0] == code
    assert place in said[1]
    assert (after, case) == (before, [("open",)])
    assert well == ["", ""]
    assert system.ask(CASES) == [("auto_resolved",)]
    lines = system.count(
        "SELECT count(*) FROM finance_statementline WHERE merchant_no = ANY(%s)",
        [[f"T200P{number}" for number in numbers]],
    )
    assert lines == 5
