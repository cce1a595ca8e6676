"""Every invariant: silent over a company in which nothing is wrong, and loud about exactly what was planted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from ordercenter.console.invariants import CHECKS, Verdict, run_checks
from ordercenter.console.invariants.chains import KEYS
from tests.flows.lived_in import LivedIn
from tests.ordercenter.console.plants import PLANTS, Plant, sql

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def company(django_db_setup: Any, django_db_blocker: Any) -> Iterator[LivedIn]:
    """Made once, in a transaction that is taken back when all tests have looked at it."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as monkeypatch, transaction.atomic():
        yield LivedIn(monkeypatch)
        transaction.set_rollback(True)


@pytest.fixture
def lived(company: LivedIn, db: None) -> LivedIn:
    """The company; what a test does to it is taken back."""
    return company


def broken() -> dict[str, Verdict]:
    verdicts = run_checks(CHECKS, stale_before=timezone.now() - timedelta(minutes=10))
    return {verdict.check.name: verdict for verdict in verdicts if verdict.broken}


def test_nothing_is_broken_in_a_company_in_which_nothing_is_wrong(lived: LivedIn) -> None:
    states = sorted({reread.state for reread in type(lived.orders["short"]).objects.all()})

    assert broken() == {}
    assert states == [
        "awaiting_supply",
        "cancelled",
        "completed",
        "in_fulfillment",
        "partially_shipped",
        "pending_payment",
        "preprocessing",
    ]


@pytest.mark.parametrize(("name", "plant"), PLANTS, ids=[plant.__name__ for _name, plant in PLANTS])
def test_a_planted_violation_is_found_and_nothing_else(lived: LivedIn, name: str, plant: Plant) -> None:
    plant(lived)

    found = broken()

    assert list(found) == [name], {other: verdict.sample for other, verdict in found.items()}


def test_each_check_has_been_seen_to_find_something() -> None:
    assert {check.name for check in CHECKS} == {name for name, _plant in PLANTS}


@pytest.mark.parametrize("table", [table for table, _columns, _among in KEYS])
def test_a_row_that_is_there_twice_is_found_in_every_table(lived: LivedIn, table: str) -> None:
    if table == "events_timer":
        sql(
            "INSERT INTO events_timer (due_at, event, payload, key, chain_id, depth, fired_at)"
            " VALUES (now(), 'x', '{}', 'x', gen_random_uuid(), 0, now())"
        )
    _double_a_row(table)

    assert [subject for subject, _found in broken()["keys_are_unique"].sample] == [table]


def test_a_violation_says_who_and_what_and_how_many(lived: LivedIn) -> None:
    sql("UPDATE orders_order SET buyer_nick = 'x'")

    verdict = broken()["history_is_true"]

    assert verdict.broken == len(lived.orders)
    assert len(verdict.sample) == 5
    assert verdict.sample[0] == (
        sorted(f"order:{order.pk}" for order in lived.orders.values())[0],
        "is not what its newest history row says",
    )


def test_each_check_costs_one_statement_and_what_channels_may_offer_two_more(lived: LivedIn) -> None:
    with CaptureQueriesContext(connection) as queries:
        broken()

    # Which listings were told a number, and what they sell.
    assert len(queries) == len(CHECKS) + 2


def test_the_command_ends_well_when_all_holds(lived: LivedIn) -> None:
    out = StringIO()

    call_command("check_invariants", json=True, stdout=out)

    report = json.loads(out.getvalue())
    assert (report["ok"], report["broken"], report["checked"]) == (True, [], len(CHECKS))
    assert [check["name"] for check in report["checks"]] == [check.name for check in CHECKS]


def test_the_command_ends_with_an_error_and_names_what_is_broken(lived: LivedIn) -> None:
    sql("UPDATE orders_order SET buyer_nick = 'x' WHERE id = %s", lived.order("unpaid"))
    out = StringIO()

    with translation.override("en"), pytest.raises(SystemExit) as end:
        call_command("check_invariants", stdout=out, no_color=True)

    assert end.value.code == 1
    assert "BROKEN  The newest history row of each row says what the row says" in out.getvalue()
    assert f"order:{lived.order('unpaid')}: is not what its newest history row says" in out.getvalue()
    assert out.getvalue().rstrip().endswith(f"{len(CHECKS)} invariants checked, 1 broken.")


def test_what_is_due_only_now_does_not_count_as_waiting(lived: LivedIn) -> None:
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("check_invariants", json=True, stale_after=0, stdout=out)

    assert json.loads(out.getvalue())["broken"] == ["no_command_waits"]


def _double_a_row(table: str) -> None:
    """Copy the last row under a new primary key, past every unique key."""
    key = "line_id" if table == "finance_match" else "id"
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            "SELECT c.conname, i.indexrelid::regclass::text FROM pg_index i"
            " LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype = 'u'"
            " WHERE i.indrelid = %s::regclass AND i.indisunique AND NOT i.indisprimary",
            [table],
        )
        for constraint, index in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}" if constraint else f"DROP INDEX {index}")
        cursor.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND column_name <> %s",
            [table, key],
        )
        columns = ", ".join(f'"{row[0]}"' for row in cursor.fetchall())
        cursor.execute(
            f"INSERT INTO {table} ({key}, {columns}) SELECT {key} + 1000000, {columns} FROM {table}"
            f" ORDER BY {key} DESC LIMIT 1"
        )
