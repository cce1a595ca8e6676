"""States change by transition only, and a row that moved on meanwhile is not written over."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from ordercenter.audit.models import StateChange
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.models import Case
from ordercenter.cases.states import CaseState
from ordercenter.common.fsm import ConcurrentTransition, Move, StateField, TransitionRefused
from ordercenter.orders.errors import AmountMismatch
from ordercenter.orders.models import Order

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


def a_case(**changes: object) -> Case:
    return Case(code="BLACKLIST", subject="order:1", opened_at=NOON, due_at=NOON + timedelta(hours=4), **changes)


def claim(case: Case) -> None:
    case.claim(user_id=0, until=NOON)
    case.owner_id = None


def write(case: Case) -> None:
    with unit_of_work(at=NOON) as work:
        work.adopt(Case, [case])
        work.save(case, "snoozed_until")


def test_a_state_cannot_be_written_by_hand() -> None:
    case = a_case()

    with pytest.raises(AttributeError):
        case.state = CaseState.RESOLVED  # type: ignore[assignment]

    assert case.state == "open"


def test_an_illegal_move_is_refused_by_type_and_changes_nothing() -> None:
    case = a_case()
    case.resolve(resolution="done", at=NOON)

    with pytest.raises(TransitionRefused) as refusal:
        case.claim(user_id=1, until=NOON)

    error = refusal.value
    assert (error.code, error.machine, error.state, error.move) == (
        "common.transition_refused",
        "cases.case",
        "resolved",
        "claim",
    )
    assert (case.state, case.owner_id, case.moves) == ("resolved", None, [Move("resolve", "open", "resolved")])


def test_a_move_that_raises_leaves_the_state_and_no_move_behind() -> None:

    order = Order(pk=1, total_amount=Decimal("60.00"))

    with pytest.raises(AmountMismatch):
        order.mark_paid(amount=Decimal("59.99"), at=NOON)

    assert (order.state, order.moves) == ("pending_payment", [])


def test_every_move_is_remembered_and_the_first_state_is_what_the_database_has() -> None:
    case = a_case()
    claim(case)
    case.give_back()
    case.dismiss(resolution="no", at=NOON)

    assert [(move.src, move.dst) for move in case.moves] == [
        ("open", "claimed"),
        ("claimed", "open"),
        ("open", "dismissed"),
    ]
    assert (case.state, case.state_in_database) == ("dismissed", "open")


@pytest.mark.django_db
class TestSaving:
    @pytest.fixture
    def case(self) -> Case:
        case = a_case()
        case.save()
        return case

    def test_save_refuses_to_write_a_move(self, case: Case) -> None:
        claim(case)

        with pytest.raises(RuntimeError, match="unit of work"):
            case.save()

        assert Case.objects.get().state == "open"

    def test_a_form_opened_before_the_row_moved_on_is_refused(self, case: Case) -> None:
        stale = Case.objects.get()
        with unit_of_work(at=NOON) as work:
            moved = work.lock(Case, [case.pk])[case.pk]
            moved.snooze(until=NOON)
            work.save(moved, "snoozed_until")
        stale.reference = "written over"

        with pytest.raises(ConcurrentTransition), transaction.atomic():
            stale.save()

        assert Case.objects.values_list("state", "reference").get() == ("snoozed", "")

    def test_a_form_of_the_same_state_is_saved(self, case: Case) -> None:
        form = Case.objects.get()
        form.reference = "A1"
        form.save(update_fields=["reference"])

        assert Case.objects.get().reference == "A1"

    def test_the_unit_of_work_refuses_a_row_that_somebody_else_moved_without_a_lock(self, case: Case) -> None:
        row = Case.objects.get()
        row.snooze(until=NOON)
        Case.objects.update(state="resolved")

        with pytest.raises(ConcurrentTransition, match="1 of 1 rows moved on"):
            write(row)

        assert Case.objects.values_list("state", "snoozed_until").get() == ("resolved", None)
        assert not StateChange.objects.exists()


@pytest.mark.django_db
class TestRefreshing:
    @pytest.fixture
    def case(self) -> Case:
        case = a_case()
        case.save()
        return Case.objects.get()

    def test_a_refresh_takes_the_moves_back(self, case: Case) -> None:
        claim(case)

        case.refresh_from_db()

        assert (case.state, case.moves, case.state_in_database) == ("open", [], "open")

    def test_refreshing_another_field_forgets_no_move(self, case: Case) -> None:
        claim(case)

        case.refresh_from_db(fields=["reference"])

        assert (case.state, case.state_in_database, len(case.moves)) == ("claimed", "open", 1)

    def test_a_deferred_field_that_is_read_forgets_no_move(self, case: Case) -> None:
        half = Case.objects.only("state", "owner_id", "lease_until", "snoozed_until").get()
        claim(half)

        assert half.reference == ""
        assert (half.state_in_database, len(half.moves)) == ("open", 1)

    def test_a_refresh_of_a_row_that_is_gone_leaves_the_state_protected(self, case: Case) -> None:
        Case.objects.all().delete()

        with pytest.raises(Case.DoesNotExist):
            case.refresh_from_db()

        with pytest.raises(AttributeError):
            case.state = CaseState.RESOLVED  # type: ignore[assignment]

    def test_while_one_row_is_read_again_no_other_is_open_to_writing(self, case: Case) -> None:
        """The library lifts the protection of the whole class during a refresh; other threads can see that."""
        other, ready, done = a_case(), threading.Event(), threading.Event()
        broken: list[str] = []

        def write_by_hand() -> None:
            ready.set()
            while not done.is_set():
                try:
                    other.state = CaseState.RESOLVED  # type: ignore[assignment]
                    broken.append("written")
                except AttributeError:
                    continue

        thread = threading.Thread(target=write_by_hand)
        thread.start()
        ready.wait()
        for _ in range(50):
            case.refresh_from_db()
        done.set()
        thread.join()

        assert broken == []
        field = Case._meta.get_field("state")
        assert isinstance(field, StateField)
        assert field.protected


@transaction.atomic
def write_together(*rows: Case) -> None:
    for row in rows:
        write(row)


def a_row_that_moved_on_meanwhile() -> Case:
    stale = a_case(reference="A2")
    stale.subject = "order:2"
    stale.save()
    Case.objects.filter(pk=stale.pk).update(state="resolved")
    stale.snooze(until=NOON)
    return stale


@pytest.mark.django_db
def test_moves_of_a_transaction_that_is_undone_leave_nothing() -> None:
    case = a_case()
    case.save()

    row = Case.objects.get()
    row.snooze(until=NOON)

    with pytest.raises(ConcurrentTransition):
        write_together(row, a_row_that_moved_on_meanwhile())

    assert Case.objects.get(pk=row.pk).state == "open"
    assert not StateChange.objects.exists()
