"""What leaves by COPY arrives as it was, and an update of many rows is all or nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ordercenter.cases.models import Case
from ordercenter.catalog.models import Contact, Sku
from ordercenter.common.bulk import copy_lines, copy_text, history_of, insert_instances, plan_of, update_instances
from ordercenter.common.fsm import ConcurrentTransition
from ordercenter.common.ids import new_ids
from ordercenter.common.rows import new_row
from ordercenter.common.secretfield import unseal

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
AWKWARD = [
    "",
    " ",
    "\t",
    "\n",
    "\r\n",
    "\\",
    "\\N",
    "\\.",
    "a\tb\\nc\nd",
    "\\\\",
    "😀 订单",
    "'\"",
    "\x01",
    "null",
    "{a,b}",
]


def copy_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    copy_lines(table, columns, ("\t".join(map(copy_text, row)) for row in rows))


@pytest.fixture
def table() -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE all_kinds (t text, n numeric, i bigint, b boolean, raw bytea, at timestamptz,"
            " d date, u uuid, j jsonb) ON COMMIT DROP"
        )
    return "all_kinds"


def read(table: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        return cursor.fetchall()


def cases(count: int) -> list[Case]:
    rows = [new_row(Case, code="BLACKLIST", subject=f"order:{n}", due_at=NOON) for n in range(count)]
    for row, pk in zip(rows, new_ids(Case, count), strict=True):
        row.pk = pk
    insert_instances(Case, rows)
    return rows


def test_every_kind_of_value_arrives_as_it_was(table: str) -> None:
    names = ("t", "n", "i", "b", "raw", "at", "d", "u", "j")
    at = datetime(2026, 11, 11, 0, 0, 0, 123456, tzinfo=timezone(timedelta(hours=8)))
    values = (
        "a\tb",
        Decimal("-0.10"),
        2**62,
        True,
        b"\x00\\\t\n\xff",
        at,
        date(2026, 2, 28),
        UUID(int=7),
        json.dumps({"a": ["\t", "\\", "订单", None, 1.5]}),
    )

    copy_rows(table, names, [values, (None,) * len(names), ("", 0, -1, False, b"", at, None, None, "null")])

    first, nothing, empty = read(table)
    assert first[:4] == ("a\tb", Decimal("-0.10"), 2**62, True)
    assert (bytes(first[4]), first[5], first[6], first[7]) == (b"\x00\\\t\n\xff", at, date(2026, 2, 28), UUID(int=7))
    assert json.loads(first[8]) == {"a": ["\t", "\\", "订单", None, 1.5]}
    assert nothing == (None,) * 9
    assert (empty[0], empty[1], empty[3], bytes(empty[4])) == ("", 0, False, b"")


@pytest.mark.parametrize("text", AWKWARD)
def test_an_awkward_text_arrives_as_it_was(table: str, text: str) -> None:
    copy_rows(table, ("t", "i"), [(text, 1), ("after", 2)])

    assert [row[0] for row in read(table)] == [text, "after"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20), max_size=6)
)
def test_any_texts_arrive_as_they_were(table: str, texts: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE all_kinds")

    copy_rows(table, ("t", "i"), [(text, n) for n, text in enumerate(texts)])

    assert [row[0] for row in read(table)] == texts


def test_more_rows_than_one_chunk_arrive(table: str) -> None:
    copy_rows(table, ("t", "i"), ((str(n), n) for n in range(1201)))

    assert sum(row[2] for row in read(table)) == 1200 * 1201 // 2


def test_instances_leave_with_json_and_sealed_values_and_count_as_saved() -> None:
    contact = new_row(Contact, id=new_ids(Contact, 1)[0], province="浙江省", sealed={"name": "王小雨\t"})  # type: ignore[arg-type]
    case = new_row(Case, id=new_ids(Case, 1)[0], code="A", subject="x", due_at=NOON, evidence={"why": "\n\\", "n": [1]})

    insert_instances(Contact, [contact])
    insert_instances(Case, [case])

    assert unseal(Contact.objects.get().sealed) == {"name": "王小雨\t"}
    assert Case.objects.get().evidence == {"why": "\n\\", "n": [1]}
    assert (case._state.adding, case._state.db) == (False, "default")


def test_a_row_that_is_there_already_is_an_integrity_error_of_django() -> None:
    (row,) = cases(1)

    with pytest.raises(IntegrityError), transaction.atomic():
        insert_instances(Case, [row])


def test_an_update_writes_only_the_named_columns_of_each_row() -> None:
    rows = cases(3)
    for number, row in enumerate(rows):
        row.reference, row.evidence, row.closed_at, row.money_at_risk = (
            f"R{number}",
            {"n": number},
            None,
            Decimal(number),
        )
        row.subject = "not named"

    update_instances(Case, rows, ["reference", "evidence", "closed_at", "money_at_risk"])

    assert list(Case.objects.order_by("pk").values_list("subject", "reference", "evidence", "money_at_risk")) == [
        (f"order:{n}", f"R{n}", {"n": n}, Decimal(n)) for n in range(3)
    ]


def test_an_update_of_states_is_refused_as_a_whole_when_one_row_has_moved_on() -> None:
    rows = cases(3)
    for row in rows:
        row.snooze(until=NOON)
    Case.objects.filter(pk=rows[1].pk).update(state="resolved")

    with pytest.raises(ConcurrentTransition, match="1 of 3 rows moved on"), transaction.atomic():
        update_instances(Case, rows, ["state", "snoozed_until"])

    assert list(Case.objects.order_by("pk").values_list("state", flat=True)) == ["open", "resolved", "open"]


def test_an_update_of_a_row_that_is_gone_is_refused() -> None:
    rows = cases(2)
    Case.objects.filter(pk=rows[0].pk).delete()

    with pytest.raises(ConcurrentTransition, match="1 of 2"), transaction.atomic():
        update_instances(Case, rows, ["reference"])


def test_history_rows_have_the_form_that_the_library_itself_writes() -> None:
    saved = Sku.objects.create(code="A", name="by the library\t", list_price=Decimal("1.50"))
    words = ["battery", 'a "quoted", {word}\\']
    copied = new_row(
        Sku, id=new_ids(Sku, 1)[0], code="B", name="by us\t", list_price=Decimal("1.50"), handling_tags=words
    )
    insert_instances(Sku, [copied])
    history_of(Sku, [(copied, "+"), (copied, "~")], at=NOON, user_id=None, reason="a\tb").send()

    theirs = saved.history.values().get()
    first, second = copied.history.order_by("history_id").values()
    assert first.keys() == theirs.keys()
    assert (first["history_type"], second["history_type"], theirs["history_type"]) == ("+", "~", "+")
    assert (first["history_change_reason"], first["history_date"], first["history_user_id"]) == ("a\tb", NOON, None)
    assert (first["id"], first["name"], first["list_price"]) == (copied.pk, "by us\t", Decimal("1.50"))
    assert first["handling_tags"] == Sku.objects.get(pk=copied.pk).handling_tags == words
    assert copied.history.latest("history_id").instance == copied


def test_a_plan_names_the_columns_in_the_models_order_and_is_made_once() -> None:
    plan = plan_of(Sku)

    assert plan is plan_of(Sku)
    assert plan.columns == (
        "id",
        "code",
        "name",
        "weight_g",
        "volume_cm3",
        "category",
        "handling_tags",
        "list_price",
        "floor_price",
        "is_bundle",
        "is_active",
    )
    assert plan_of(Sku, ("id", "name")).types == ("bigint", "text")
