"""Tables of stock: every mistake named by row and column, every row shown before it is done, the whole of it once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone, translation

from ordercenter.audit.models import Deed
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import Actor
from ordercenter.common.csvsafe import csv_bytes
from ordercenter.common.scope import EVERYTHING, Scope
from ordercenter.common.sheets import SheetUnreadable
from ordercenter.common.xlsxsafe import xlsx_bytes
from ordercenter.inventory.errors import (
    StockMovedMeanwhile,
    StockTablePutAside,
    StockTableRefused,
    StockTableUnknown,
)
from ordercenter.inventory.models import StockLevel, StockMovement, StockTable, Supply, Warehouse
from ordercenter.inventory.services import (
    Expected,
    Movement,
    Promise,
    TableApplied,
    TablePreview,
    TableRead,
    apply_table,
    bring_table,
    discard_table,
    expect_supplies,
    move_stock,
    preview_table,
    reserve_stock,
)
from ordercenter.inventory.states import MovementReason, SupplyKind
from tests.fulfillment.floor.house import broken_invariants

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def somebody() -> Actor:
    user = User.objects.create_user("keeper")
    return Actor("person", "keeper", user.pk)


@pytest.fixture(autouse=True)
def goods(db: None) -> dict[str, Any]:
    east = Warehouse.objects.create(code="EAST", name="华东仓")
    south = Warehouse.objects.create(code="SOUTH", name="华南仓")
    skus = {code: Sku.objects.create(code=code, name=f"商品{code}") for code in ("A1", "A2", "A3")}
    skus["SET"] = Sku.objects.create(code="SET", name="套装", is_bundle=True)
    first = [(skus["A1"], east, 10), (skus["A2"], east, 5), (skus["A1"], south, 7)]
    move_stock(
        movements=[
            Movement(sku.pk, w.pk, n, MovementReason.COUNT, "first", f"first:{sku.code}:{w.code}")
            for sku, w, n in first
        ]
    )
    return {"east": east, "south": south, **skus}


def bring(somebody: Actor, kind: str, text: str, **more: Any) -> TableRead:
    content = more.pop("content", None) or text.encode()
    given: dict[str, Any] = {"reach": EVERYTHING, "at": NOW, "actor": somebody, "file_name": "盘点.csv"} | more
    return bring_table(kind=kind, content=content, **given)


def kept(read: TableRead) -> StockTable:
    assert read.errors == ()
    assert read.table is not None
    return read.table


def look(table: StockTable, reach: Scope = EVERYTHING) -> TablePreview:
    return preview_table(table=StockTable.objects.get(pk=table.pk), reach=reach)


def apply(table: StockTable, somebody: Actor, **more: Any) -> TableApplied:
    return apply_table(table_id=table.pk, **({"reach": EVERYTHING, "at": NOW, "actor": somebody} | more))


def on_hand() -> dict[tuple[str, str], int]:
    rows = StockLevel.objects.values_list("sku__code", "warehouse__code", "on_hand")
    return {(sku, house): n for sku, house, n in rows}


def mistakes(read: TableRead) -> list[tuple[int, str, str]]:
    assert read.table is None
    return [(error.row, error.column, error.problem) for error in read.errors]


COUNT = "商品编码,仓库,盘点数量\nA1,EAST,12\nA2,EAST,3\nA3,SOUTH,4\nA1,SOUTH,7\n"


def test_a_count_is_shown_row_by_row_and_then_booked_with_its_deed_and_history(somebody: Actor) -> None:
    table = kept(bring(somebody, "count", COUNT, note="年末盘点"))

    shown = look(table)
    assert [(p.row.row, p.now, p.then, p.change, p.refused) for p in shown.rows] == [
        (2, 10, 12, 2, ""),
        (3, 5, 3, -2, ""),
        (4, 0, 4, 4, ""),
        (5, 7, 7, 0, ""),
    ]
    assert on_hand() == {("A1", "EAST"): 10, ("A2", "EAST"): 5, ("A1", "SOUTH"): 7}

    answer = apply(table, somebody, seen=shown.seen)

    assert (answer.was_known, answer.table.moved) == (False, 3)
    assert on_hand() == {("A1", "EAST"): 12, ("A2", "EAST"): 3, ("A1", "SOUTH"): 7, ("A3", "SOUTH"): 4}
    moved = StockMovement.objects.filter(ref=table.ref).values_list("delta", "reason", "note").order_by("pk")
    assert list(moved) == [(2, "count", "年末盘点"), (-2, "count", "年末盘点"), (4, "count", "年末盘点")]
    deed = Deed.objects.get(action="stock.import")
    assert (deed.subject, deed.user_id, deed.reason) == (f"stocktable:{table.pk}", somebody.user_id, "年末盘点")
    assert deed.details == {"kind": "count", "file": "盘点.csv", "rows": 4, "changed": 3}
    assert list(StockTable.history.values_list("state", "history_type").order_by("history_id")) == [
        ("draft", "+"),
        ("applied", "~"),
    ]
    assert broken_invariants() == {}


@pytest.mark.parametrize("form", ["the same bytes", "gb18030", "english headings", "workbook"])
def test_the_same_table_has_one_effect_in_whatever_file_it_comes(somebody: Actor, form: str) -> None:
    apply(kept(bring(somebody, "adjust", "SKU,warehouse,change,reason\nA1,EAST,-3,破损\nA1,EAST,+1,找到\n")), somebody)
    assert on_hand()["A1", "EAST"] == 8
    rows = [["商品编码", "仓库", "调整数量", "原因"], ["A1", "EAST", -3, "破损"], ["A1", "EAST", 1, "找到"]]
    content = {
        "the same bytes": "SKU,warehouse,change,reason\nA1,EAST,-3,破损\nA1,EAST,+1,找到\n".encode(),
        "gb18030": b"".join(csv_bytes(rows, encoding="gb18030")),
        "english headings": "Reason,Change,Warehouse,SKU\n破损,-3,EAST,A1\n找到,1,EAST,A1\n".encode(),
        "workbook": xlsx_bytes(rows, title="t"),
    }[form]

    again = apply(kept(bring(somebody, "adjust", "", content=content)), somebody)

    assert again.was_known
    assert on_hand()["A1", "EAST"] == 8
    assert StockMovement.objects.filter(reason="adjustment").count() == 2
    assert StockTable.objects.filter(state="applied").count() == 1


def test_another_reference_makes_it_another_table(somebody: Actor) -> None:
    text = "sku,warehouse,change,reason\nA1,EAST,-3,破损\n"
    apply(kept(bring(somebody, "adjust", text)), somebody)

    again = apply(kept(bring(somebody, "adjust", text, reference="第二次")), somebody)

    assert not again.was_known
    assert on_hand()["A1", "EAST"] == 4


def test_every_mistake_is_named_by_row_and_column_and_nothing_is_kept(somebody: Actor) -> None:
    text = (
        "sku,warehouse,pieces,bucket\n"
        "A9,EAST,1,\n"
        "A1,NOWHERE,1,\n"
        "A1,EAST,many,\n"
        "A1,EAST,-1,\n"
        "A1,EAST,1.5,\n"
        ",EAST,1,\n"
        "A1,EAST,1,in the moon\n"
        "SET,EAST,1,\n"
        "A2,EAST,1,\n"
        "A2,EAST,2,\n"
        "A2,EAST,99999999,damaged\n"
    )

    assert mistakes(bring(somebody, "count", text)) == [
        (2, "sku", "there is no SKU “A9”"),
        (3, "warehouse", "there is no warehouse “NOWHERE” for you"),
        (4, "pieces", "“many” is no whole number"),
        (5, "pieces", "is below 0"),
        (6, "pieces", "“1.5” is no whole number"),
        (7, "sku", "is empty"),
        (8, "bucket", "“in the moon” is none of: On hand, Damaged, Quarantine"),
        (9, "sku", "“SET” is a bundle; its parts have stock, it has none"),
        (11, "", "says the same thing again as row 10"),
        (12, "pieces", "is more than 9999999"),
    ]
    assert not StockTable.objects.exists()


@pytest.mark.parametrize(
    ("kind", "text", "mistake"),
    [
        ("adjust", "sku,warehouse,change\nA1,EAST,0\n", (2, "pieces", "changes nothing")),
        (
            "adjust",
            "sku,warehouse,change\nA1,EAST,2\n",
            (2, "reason", "is empty; give it in the row or once for the whole table"),
        ),
        ("arrival", "ref,sku,warehouse,pieces\nPO1,A1,EAST,0\n", (2, "pieces", "is below 1")),
        ("arrival", "ref,sku,warehouse,pieces\n,A1,EAST,1\n", (2, "ref", "is empty")),
        (
            "expected",
            "ref,sku,warehouse,pieces,date\nPO1,A1,EAST,1,soon\n",
            (2, "due_on", "“soon” is no day; write it as 2026-12-31"),
        ),
        (
            "expected",
            "ref,sku,warehouse,pieces,date\nPO1,A1,EAST,1,2026-02-30\n",
            (2, "due_on", "“2026-02-30” is no day; write it as 2026-12-31"),
        ),
        ("safety", "sku,warehouse,safety\nA1,EAST,-2\n", (2, "pieces", "is below 0")),
        ("count", "sku,warehouse,pieces\n\n", (1, "", "the table has no rows")),
    ],
)
def test_mistakes_of_each_kind(somebody: Actor, kind: str, text: str, mistake: tuple[int, str, str]) -> None:
    found = mistakes(bring(somebody, kind, text))

    assert mistake in found
    assert {row for row, _column, _problem in found} == {mistake[0]}


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"\xff\xfe\x00\x81", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_table_is_refused(somebody: Actor, content: bytes) -> None:
    with pytest.raises(SheetUnreadable):
        bring(somebody, "count", "", content=content)


def test_what_would_take_promised_pieces_is_shown_as_refused_and_then_nothing_at_all_is_written(
    somebody: Actor, goods: dict[str, Any]
) -> None:
    reserve_stock(promises=[Promise(1, 1, goods["A1"].pk, goods["east"].pk, 6)]).raise_first()
    table = kept(bring(somebody, "count", "sku,warehouse,pieces\nA2,EAST,50\nA1,EAST,5\n"))

    shown = look(table)
    with pytest.raises(StockTableRefused) as refused:
        apply(table, somebody)

    assert [p.refused for p in shown.rows] == [
        "",
        "6 are promised to orders or set aside; no fewer than that can lie here",
    ]
    assert refused.value.rows == [3]
    assert on_hand()["A2", "EAST"] == 5
    assert StockTable.objects.get().state == "draft"
    assert not Deed.objects.filter(action="stock.import").exists()


def test_rows_for_the_same_goods_add_up_in_the_preview_as_in_the_books(somebody: Actor) -> None:
    text = "sku,warehouse,change,reason\nA2,EAST,-4,a\nA2,EAST,-4,b\nA2,EAST,2,c\n"
    table = kept(bring(somebody, "adjust", text))

    assert [(p.now, p.then, p.refused) for p in look(table).rows] == [
        (5, 1, ""),
        (1, -3, "0 are promised to orders or set aside; no fewer than that can lie here"),
        (1, 3, ""),
    ]


def test_a_count_is_a_yes_to_the_numbers_that_were_shown(somebody: Actor, goods: dict[str, Any]) -> None:
    table = kept(bring(somebody, "count", "sku,warehouse,pieces\nA1,EAST,10\n"))
    seen = look(table).seen
    move_stock(
        movements=[Movement(goods["A1"].pk, goods["east"].pk, -1, MovementReason.SHIPMENT, "S1", "ship:S1")]
    ).raise_first()

    with pytest.raises(StockMovedMeanwhile):
        apply(table, somebody, seen=seen)
    assert on_hand()["A1", "EAST"] == 9

    assert apply(table, somebody, seen=look(table).seen).table.moved == 1
    assert on_hand()["A1", "EAST"] == 10


def test_arrivals_make_what_was_expected_less_and_damaged_pieces_cannot_be_sold(
    somebody: Actor, goods: dict[str, Any]
) -> None:
    sku, east = goods["A1"], goods["east"]
    expect_supplies(expected=[Expected(SupplyKind.PURCHASE, "PO-7", sku.pk, east.pk, 30, date(2026, 12, 1))])
    text = "采购单号,商品编码,仓库,到货数量,品质\nPO-7,A1,EAST,20,正品\nPO-7,A1,EAST,2,残次\nPO-8,A2,SOUTH,1,\n"

    answer = apply(kept(bring(somebody, "arrival", text)), somebody)

    assert answer.table.moved == 3
    assert on_hand()["A1", "EAST"] == 30
    assert StockLevel.objects.get(sku=sku, warehouse=east).damaged == 2
    assert Supply.objects.values_list("arrived", "state").get(ref="PO-7") == (22, "coming")
    assert StockMovement.objects.get(ref="PO-8").delta == 1
    assert broken_invariants() == {}


def test_expected_purchases_are_written_down_and_changed_and_closed_ones_stay(
    somebody: Actor, goods: dict[str, Any]
) -> None:
    text = "ref,sku,warehouse,pieces,date\nPO-7,A1,EAST,{n},2026/12/1\n"
    apply(kept(bring(somebody, "expected", text.format(n=30))), somebody)

    table = kept(bring(somebody, "expected", text.format(n=20)))
    assert [(p.now, p.then) for p in look(table).rows] == [(30, 20)]
    apply(table, somebody)

    supply = Supply.objects.get()
    assert (supply.quantity, supply.due_on, supply.kind) == (20, date(2026, 12, 1), "purchase")
    apply(kept(bring(somebody, "arrival", "ref,sku,warehouse,pieces\nPO-7,A1,EAST,20\n")), somebody)

    late = kept(bring(somebody, "expected", text.format(n=25)))
    assert [p.refused for p in look(late).rows] == ["this one is closed already: Arrived"]
    with pytest.raises(StockTableRefused):
        apply(late, somebody)


def test_safety_stock_is_set_with_a_deed_that_tells_what_it_was(somebody: Actor, goods: dict[str, Any]) -> None:
    table = kept(bring(somebody, "safety", "sku,warehouse,安全库存\nA1,EAST,3\nA2,EAST,0\n", note="大促"))
    assert [(p.now, p.then) for p in look(table).rows] == [(0, 3), (0, 0)]

    assert apply(table, somebody).table.moved == 1

    assert StockLevel.objects.get(sku=goods["A1"], warehouse=goods["east"]).safety == 3
    deed = Deed.objects.get(action="stock.safety")
    assert (deed.subject, deed.reason) == (f"sku:{goods['A1'].pk}", "大促")
    assert deed.details == {"warehouse": goods["east"].pk, "was": 0, "now": 3}


def test_a_warehouse_out_of_reach_is_no_warehouse_and_its_tables_are_nobodys(
    somebody: Actor, goods: dict[str, Any]
) -> None:
    east_only = Scope(None, frozenset({goods["east"].pk}))

    assert mistakes(bring(somebody, "count", COUNT, reach=east_only)) == [
        (4, "warehouse", "there is no warehouse “SOUTH” for you"),
        (5, "warehouse", "there is no warehouse “SOUTH” for you"),
    ]
    table = kept(bring(somebody, "count", COUNT))
    with pytest.raises(StockTableUnknown):
        apply(table, somebody, reach=east_only)
    assert on_hand()["A1", "EAST"] == 10


def test_a_table_that_was_put_aside_is_not_taken_in_and_a_new_one_puts_the_old_one_aside(somebody: Actor) -> None:
    first = kept(bring(somebody, "count", COUNT))
    second = kept(bring(somebody, "count", COUNT))
    discard_table(table_id=second.pk, reach=EVERYTHING, at=NOW, actor=somebody)

    for table in (first, second):
        with pytest.raises(StockTablePutAside):
            apply(table, somebody)
    assert on_hand()["A1", "EAST"] == 10


def test_statements_do_not_grow_with_the_table(
    somebody: Actor, goods: dict[str, Any], django_assert_max_num_queries: Any
) -> None:
    skus = Sku.objects.bulk_create(Sku(code=f"B{n}", name=f"B{n}") for n in range(1500))
    text = "sku,warehouse,pieces\n" + "".join(f"{sku.code},EAST,{n + 1}\n" for n, sku in enumerate(skus))

    with django_assert_max_num_queries(12):
        table = kept(bring(somebody, "count", text))
    with django_assert_max_num_queries(5):
        shown = look(table)
    with django_assert_max_num_queries(40):
        answer = apply(table, somebody, seen=shown.seen)

    assert answer.table.moved == 1500
    assert on_hand()["B1499", "EAST"] == 1500
