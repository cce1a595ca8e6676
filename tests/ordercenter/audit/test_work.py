"""The unit of work: however many services share a transaction, each row is written once and nothing is forgotten."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ordercenter.audit.models import StateChange
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases.models import Case
from ordercenter.common.actor import Actor
from ordercenter.common.rows import new_row
from ordercenter.events.log import record
from ordercenter.events.models import EventRow, OutgoingCommand
from ordercenter.events.registry import Recorded
from ordercenter.events.types import CaseClosed, CaseOpened, OrderCompleted
from ordercenter.inventory.models import Reservation

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


def a_case(number: int = 1) -> Case:
    return new_row(Case, code="BLACKLIST", subject=f"order:{number}", opened_at=NOON, due_at=NOON + timedelta(hours=4))


@pytest.fixture
def cases() -> list[Case]:
    rows = [a_case(number) for number in (1, 2)]
    with unit_of_work(at=NOON) as work:
        work.add(rows)
    return rows


def moves(case: Case) -> list[tuple[str, str, str]]:
    rows = StateChange.objects.filter(machine="case", subject_id=case.pk).order_by("id")
    return list(rows.values_list("move", "src", "dst"))


def first_service(case: Case, work: Work) -> None:
    with unit_of_work(work) as work:
        row = work.lock(Case, [case.pk])[case.pk]
        row.snooze(until=NOON)
        row.reference = "first"
        work.save(row, "snoozed_until", "reference")


def second_service(case: Case, work: Work) -> None:
    with unit_of_work(work) as work:
        row = work.lock(Case, [case.pk])[case.pk]
        row.give_back()
        row.dismiss(resolution="second", at=NOON)
        work.save(row, "resolution", "closed_at", "lease_until", "snoozed_until")


def test_services_that_share_a_work_cost_one_update_and_one_history_row_for_a_row(cases: list[Case]) -> None:
    with CaptureQueriesContext(connection) as queries, unit_of_work(at=NOON) as work:
        first_service(cases[0], work)
        second_service(cases[0], work)

    written = [sql.split(" AS ")[0].split(" (")[0] for sql in queries[-2]["sql"].split(";\n")]
    assert written == [
        'UPDATE "cases_case"',
        'INSERT INTO "cases_historicalcase"',
        'INSERT INTO "audit_state_change"',
    ]
    row = Case.objects.get(pk=cases[0].pk)
    assert (row.state, row.reference, row.resolution) == ("dismissed", "first", "second")
    assert list(row.history.order_by("history_id").values_list("history_type", "state")) == [
        ("+", "open"),
        ("~", "dismissed"),
    ]


def test_the_chain_of_moves_has_every_step_although_the_row_is_written_once(cases: list[Case]) -> None:
    with unit_of_work(at=NOON) as work:
        first_service(cases[0], work)
        second_service(cases[0], work)

    assert moves(cases[0]) == [
        ("create", "", "open"),
        ("snooze", "open", "snoozed"),
        ("give_back", "snoozed", "open"),
        ("dismiss", "open", "dismissed"),
    ]
    assert moves(cases[1]) == [("create", "", "open")]


def test_a_move_that_nobody_saved_stops_the_transaction(cases: list[Case]) -> None:
    with pytest.raises(RuntimeError, match="moved, but nobody saved it"):
        forget(cases[0])

    assert Case.objects.get(pk=cases[0].pk).state == "open"
    assert moves(cases[0]) == [("create", "", "open")]


def forget(case: Case) -> None:
    with unit_of_work(at=NOON) as work:
        work.lock(Case, [case.pk])[case.pk].snooze(until=NOON)


def test_a_new_row_that_moves_before_it_is_written_is_born_in_its_first_state() -> None:
    with unit_of_work(at=NOON) as work:
        case = a_case()
        work.add([case])
        case.snooze(until=NOON)
        work.save(case, "snoozed_until")

    assert Case.objects.get().state == "snoozed"
    assert moves(case) == [("create", "", "open"), ("snooze", "open", "snoozed")]
    assert list(case.history.values_list("history_type", "state")) == [("+", "snoozed")]


def test_a_row_of_a_machine_whose_births_say_nothing_is_logged_from_its_first_move_on() -> None:
    row = new_row(Reservation, order_id=1, line_id=1, sku_id=1, warehouse_id=1, quantity=1)
    with unit_of_work(at=NOON) as work:
        work.add([row])
    assert not StateChange.objects.exists()

    with unit_of_work(at=NOON) as work:
        locked = work.lock(Reservation, [row.pk])[row.pk]
        locked.release()
        work.save(locked)
    assert StateChange.objects.values_list("machine", "src", "dst").get() == ("reservation", "active", "released")


def test_a_row_is_read_once_and_missing_ones_are_absent(cases: list[Case]) -> None:
    with unit_of_work(at=NOON) as work:
        first = work.lock(Case, [cases[0].pk])
        with CaptureQueriesContext(connection) as queries:
            again = work.lock(Case, [cases[1].pk, cases[0].pk, 999_999_999])
            nothing_new = work.lock(Case, [cases[0].pk])

        assert len(queries) == 1
        assert list(again) == [cases[1].pk, cases[0].pk]
        assert again[cases[0].pk] is first[cases[0].pk] is nothing_new[cases[0].pk]


def test_locks_are_taken_in_the_order_of_the_keys(cases: list[Case]) -> None:
    with unit_of_work(at=NOON) as work, CaptureQueriesContext(connection) as queries:
        work.lock(Case, [cases[1].pk, cases[0].pk])

    (sql,) = [q["sql"] for q in queries if "cases_case" in q["sql"]]
    assert sql.endswith('ORDER BY t."id" FOR UPDATE')


def test_children_that_are_new_in_the_work_count_as_children() -> None:
    with unit_of_work(at=NOON) as work:
        mine = [new_row(Reservation, order_id=5, line_id=n, sku_id=1, warehouse_id=1, quantity=1) for n in (1, 2)]
        work.add(mine)
        other = new_row(Reservation, order_id=6, line_id=3, sku_id=1, warehouse_id=1, quantity=1)
        work.add([other])

        assert work.lock_children(Reservation, "order_id", [5, 6, 7]) == {5: mine, 6: [other], 7: []}


def test_a_cause_passes_its_chain_on_to_its_own_subject_one_step_deeper() -> None:
    chain = uuid.uuid4()
    because = Recorded(41, OrderCompleted(order_id=1), chain, 3, "system:x")

    with unit_of_work(at=NOON, because=[because]) as work:
        work.record(OrderCompleted(order_id=1))
        work.record(OrderCompleted(order_id=2))
        work.record(CaseOpened(case_id=9, code="X"), because="order:1")
        work.share_cause("shipment:7", of="order:1")
        work.command(kind="k", target="t", subject="shipment:7", key="key", payload={})

    rows = {r.subject: (r.chain_id, r.cause_id, r.depth) for r in EventRow.objects.all()}
    assert rows["order:1"] == rows["case:9"] == (chain, 41, 4)
    assert rows["order:2"][0] != chain
    assert rows["order:2"][1:] == (None, 0)
    command = OutgoingCommand.objects.get()
    assert (command.chain_id, command.cause_id, command.depth) == (chain, 41, 4)


def test_who_and_why_stand_in_history_and_moves_and_facts() -> None:
    user = get_user_model().objects.create(username="lin")
    person = Actor("person", "lin\t林", user_id=user.pk)

    with unit_of_work(at=NOON, actor=person, reason="asked\nby phone") as work:
        case = a_case()
        work.add([case])
        work.record(CaseClosed(case_id=case.pk, code="X"))

    history = case.history.get()
    assert (history.history_user_id, history.history_change_reason, history.history_date) == (
        user.pk,
        "asked\nby phone",
        NOON,
    )
    assert StateChange.objects.values_list("actor", "at").get() == ("person:lin\t林", NOON)
    assert EventRow.objects.values_list("actor", "occurred_at").get() == ("person:lin\t林", NOON)


def test_a_work_without_a_reason_says_in_the_history_who_it_was() -> None:
    with unit_of_work(at=NOON, actor=Actor("channel", "tmall")) as work:
        case = a_case()
        work.add([case])

    assert case.history.get().history_change_reason == "channel:tmall"


@pytest.mark.django_db(transaction=True)
def test_facts_are_told_only_inside_the_transaction_that_makes_them_true() -> None:
    with pytest.raises(RuntimeError, match="in the transaction that makes them true"):
        record([OrderCompleted(order_id=1)])
