"""Bills in: once however often they come, and not at all when something is wrong with them."""

from __future__ import annotations

import io
import threading
import zipfile
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, connections
from django.utils.translation import override

from finance.errors import BillReplaced, ProviderUnsupported, StatementIsClosed
from finance.models import Match, Statement, StatementLine
from finance.services import close_day, import_bill_file, sign_off
from finance.services.matching import open_lines
from finance.statements.errors import StatementUnreadable
from finance.states import LineState, StatementState
from ordercenter.audit.models import StateChange
from ordercenter.cases.models import Case
from ordercenter.cases.states import CaseState
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.events.models import EventRow
from ordercenter.orders.models import Order
from tests.finance.bills import (
    ACCOUNT,
    DAY,
    MORNING_AFTER,
    bill,
    changed,
    line_of,
    pay,
    strange_line,
    take_in,
    verdicts,
)
from tests.finance.factories import make_order, make_shop

LATER = MORNING_AFTER + timedelta(hours=1)
FINANCE = Actor("person", "wang")


@pytest.fixture
def order(db) -> Order:
    return make_order(make_shop(), total=Decimal("236.80"))


def everything() -> dict[str, list[object]]:
    tables = (Statement, Statement.history.model, StatementLine, Match, Case, EventRow, StateChange)
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in tables}


def import_content(content: bytes, **other: object):
    asked = {"provider": "alipay", "account": ACCOUNT, "business_day": DAY, **other}
    return import_bill_file(**asked, content=content, at=MORNING_AFTER, actor=SYSTEM)


def repacked(content: bytes, change) -> bytes:
    """The same archive with the text of its trade bill changed: bytes -> bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data if "summary" in name else change(data))
    return packed.getvalue()


# --- more than once ---------------------------------------------------------------------------------------------------


def test_the_same_bill_fetched_again_changes_nothing(order):
    lines = [line_of(pay(order, "A1", "236.80")), strange_line("X1")]
    first = take_in(lines)
    before = everything()

    second = take_in(lines, now=LATER)

    assert (first.changed, second.changed, second.statement_id) == (True, False, first.statement_id)
    assert everything() == before


def test_the_same_rows_exported_anew_are_the_same_bill(order):
    content = bill([line_of(pay(order, "A1", "236.80"))])
    import_content(content)
    before = everything()

    def later_export(text: bytes) -> bytes:
        head, _, rest = text.partition(b"\r\n")
        return b"\r\n".join([head, "#备注：[重新导出]".encode("gbk"), rest])

    outcome = import_content(repacked(content, later_export))

    assert outcome.changed is False
    assert everything() == before


def test_a_corrected_bill_replaces_lines_matches_and_cases_of_an_open_day(order):
    line = line_of(pay(order, "A1", "236.80"))
    other = line_of(pay(order, "A2", "10.00"))
    take_in([changed(line, amount="236.00"), other])
    statement = Statement.objects.get()
    assert verdicts() == {"A1": LineState.AMOUNT_DIFFERS}

    outcome = take_in([line, other, strange_line("X1")], now=LATER)

    assert (outcome.changed, outcome.statement_id) == (True, statement.pk)
    assert verdicts() == {"X1": LineState.NOT_IN_BOOKS}
    assert Match.objects.count() == 2
    assert StatementLine.objects.count() == 3
    assert list(Case.objects.order_by("pk").values_list("state", flat=True)) == [
        CaseState.AUTO_RESOLVED,
        CaseState.OPEN,
    ]
    statement.refresh_from_db()
    assert (statement.state, statement.line_count, statement.imported_at) == (StatementState.MATCHED, 3, LATER)


def test_a_corrected_bill_is_refused_once_somebody_has_signed_off(order):
    take_in([strange_line("X1")])
    sign_off(line_ids=[StatementLine.objects.get().pk], reason="known", at=LATER, actor=FINANCE)
    before = everything()

    with pytest.raises(BillReplaced) as refused:
        take_in([strange_line("X2")], now=LATER)

    assert refused.value.signed_off == 1
    assert everything() == before


def test_a_corrected_bill_is_refused_once_the_day_is_closed(order):
    take_in([line_of(pay(order, "A1", "236.80"))])
    close_day(statement_id=Statement.objects.get().pk, at=LATER, actor=FINANCE)
    before = everything()

    with pytest.raises(StatementIsClosed):
        take_in([strange_line("X2")], now=LATER)

    assert everything() == before


@pytest.mark.django_db(transaction=True)
def test_four_fetches_at_one_instant_import_one_bill():
    order = make_order(make_shop(), total=Decimal("236.80"))
    content = bill([line_of(pay(order, "A1", "236.80")), strange_line("X1")])
    changes: list[bool] = []
    start = threading.Barrier(4)

    def fetch() -> None:
        start.wait()
        changes.append(import_content(content).changed)
        connections["default"].close()

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(changes) == [False, False, False, True]
    assert (Statement.objects.count(), StatementLine.objects.count(), Match.objects.count()) == (1, 2, 1)
    assert Case.objects.count() == 1


# --- what is wrong with a bill ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "row", "column", "reason"),
    [
        (lambda text: text.replace(b"9.90,9.90,", b"9.90,9.9O,"), 7, "商家实收(元)", "ill_typed"),
        (lambda text: text.replace(b"2026-11-11 13:00:00", b"2026-11-31 13:00:00"), 7, "完成时间", "ill_typed"),
        (lambda text: text.replace("交易\t".encode("gbk"), "转账\t".encode("gbk")), 6, "业务类型", "unknown_value"),
        (lambda text: text.replace(b",9.90,", b",9.90,9.90,"), 7, "", "columns"),
        (lambda text: text.decode("gbk").encode(), 1, "", "encoding"),
        (lambda text: text.replace("棉麻".encode("gbk"), b"\xff\xff"), 6, "", "encoding"),
        (lambda text: text[: len(text) * 2 // 3], 7, "", "truncated"),
        (
            lambda text: text.replace("交易合计：2笔".encode("gbk"), "交易合计：3笔".encode("gbk")),
            9,
            "交易合计",
            "totals_differ",
        ),
    ],
)
def test_a_broken_bill_names_the_place_and_changes_nothing(order, damage, row, column, reason):
    content = bill([line_of(pay(order, "A1", "236.80")), strange_line("X1", "9.90")])
    before = everything()

    with pytest.raises(StatementUnreadable) as unreadable:
        import_content(repacked(content, damage))

    error = unreadable.value
    assert (error.column, error.reason) == (column, reason)
    assert error.row == row
    assert everything() == before


def test_a_truncated_archive_changes_nothing(order):
    content = bill([line_of(pay(order, "A1", "236.80"))])
    before = everything()

    with pytest.raises(StatementUnreadable) as unreadable:
        import_content(content[:-40])

    assert unreadable.value.reason == "broken_archive"
    assert everything() == before


@pytest.mark.parametrize(
    ("asked", "reason"),
    [({"account": "20880000000000000157"}, "other_account"), ({"business_day": DAY + timedelta(days=1)}, "other_day")],
)
def test_a_bill_of_another_account_or_day_is_not_taken_for_this_one(order, asked, reason):
    with pytest.raises(StatementUnreadable) as unreadable:
        import_content(bill([strange_line("X1")]), **asked)

    assert unreadable.value.reason == reason
    assert not Statement.objects.exists()


@pytest.mark.parametrize("number", ["9" * 65, "a\0b"])
def test_a_number_that_our_books_cannot_hold_is_named_with_its_row_even_after_thousands_of_good_ones(order, number):
    lines = [strange_line(f"X{n}") for n in range(4001)] + [strange_line(number)]

    with pytest.raises(StatementUnreadable) as unreadable:
        take_in(lines)

    assert (unreadable.value.row, unreadable.value.column) == (4007, "external_no")
    assert not Statement.objects.exists()
    assert not StatementLine.objects.exists()


def test_signs_that_mean_something_to_the_database_arrive_as_they_were(order):
    awkward = strange_line(r"X\N\t\.'\"")

    take_in([awkward])

    assert StatementLine.objects.get().external_no == awkward.external_no


def test_a_provider_that_we_cannot_read_is_refused(db):
    with pytest.raises(ProviderUnsupported):
        import_content(b"", provider="gold")


def test_differences_are_found_by_the_small_index_that_leaves_out_what_matched(order):
    take_in([strange_line("X1")])
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")

    assert "line_not_matched" in open_lines(Statement.objects.get().pk).explain()


def test_what_a_person_reads_of_a_broken_bill_names_the_place() -> None:
    with override("en"):
        broken = StatementUnreadable(row=7, column="费率", reason="ill_typed")
        whole = StatementUnreadable(row=0, column="", reason="broken_archive")

        assert broken.sentence().startswith("The bill cannot be read. Row 7, column 费率. Nothing was imported.")
        assert whole.sentence().startswith("The bill cannot be read. Nothing was imported.")
