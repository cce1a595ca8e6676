"""Small writes leave as one text, and mean exactly what a COPY of the same rows means."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ordercenter.audit.models import Deed
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.models import Case
from ordercenter.cases.services import CaseDraft, open_cases
from ordercenter.common.fsm import ConcurrentTransition
from ordercenter.common.gathering import FEW_ROWS, counted_statements, gathered, open_gathering
from ordercenter.common.rows import new_row

pytestmark = pytest.mark.django_db(transaction=False)

NASTY = ["a\tb", "a\nb\r", "\\", "\\N", "\\t", "it's", "''; DROP TABLE orders_order; --", "100 %s %(x)s", "加急 🚚", ""]


def deed(reason: str, details: Any) -> Deed:
    return new_row(Deed, actor="person:1", action="note", subject="order:1", reason=reason, details=details)


def kept(count: int, reason: str, details: Any) -> list[tuple[str, Any, Any]]:
    """What is read back after writing `count` such rows in one unit of work."""
    Deed.objects.all().delete()
    with unit_of_work() as work:
        work.add([deed(reason, details) for _ in range(count)])
    return list(Deed.objects.values_list("reason", "details", "user_id"))


@pytest.mark.parametrize("text", NASTY)
def test_few_rows_and_many_rows_are_read_back_alike(text: str) -> None:
    few, many = kept(1, text, {"said": text}), kept(FEW_ROWS + 1, text, {"said": text})

    assert few == [(text, {"said": text}, None)]
    assert many == few * (FEW_ROWS + 1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60))
def test_any_text_is_read_back_as_it_was(text: str) -> None:
    assert kept(2, text, [text]) == [(text, [text], None)] * 2


def test_the_small_writes_of_a_work_take_one_round_trip_and_are_counted_one_by_one() -> None:
    with unit_of_work() as work:
        open_cases(drafts=[CaseDraft(code="BLACKLIST", subject="order:1", reference="1")], work=work)
        # Now the process has ids for both tables.
        work.add([deed("before", {})])
    case = Case.objects.get()

    with counted_statements() as statements, unit_of_work() as work:
        row = work.lock(Case, [case.pk])[case.pk]
        row.reference = "changed"
        work.save(row, "reference")
        work.add([deed("why", {})])

    # The savepoint and its release, the lock, two INSERTs (deed, history) and one UPDATE.
    assert statements() == 6
    assert Case.objects.get().reference == "changed"


def move_what_is_gone(case: Case) -> None:
    with unit_of_work() as work:
        row = work.lock(Case, [case.pk])[case.pk]
        row.dismiss(resolution="done", at=work.at)
        work.save(row, "resolution", "closed_at")
        work.add([deed("never", {})])
        Case.objects.filter(pk=case.pk).delete()


def test_an_update_that_finds_its_row_moved_on_writes_nothing_of_the_work() -> None:
    with unit_of_work() as work:
        open_cases(drafts=[CaseDraft(code="BLACKLIST", subject="order:1", reference="1")], work=work)
    case = Case.objects.get()

    with pytest.raises(ConcurrentTransition, match=r"cases.Case: 1 of 1 rows moved on meanwhile"):
        move_what_is_gone(case)

    assert Case.objects.get().state == "open"
    assert not Deed.objects.exists()


def gather_and_fail() -> None:
    with gathered():
        gathering = open_gathering()
        assert gathering is not None
        gathering.insert("audit_deed", ["action"], ["never"])
        raise ZeroDivisionError


def test_nothing_is_sent_when_the_block_fails() -> None:
    with pytest.raises(ZeroDivisionError):
        gather_and_fail()

    assert open_gathering() is None
    assert not Deed.objects.exists()
