"""Stock tables on the pages: looked at before they are taken in, refused whole, and what goes out comes in again."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from ordercenter.inventory.models import (
    StockMovement,
    StockTable,
    WarehouseAccess,
)
from tests.flows.world import World
from tests.ordercenter.console.people import client_of, person
from tests.ordercenter.console.stock_work.steps import level, texts

pytestmark = pytest.mark.django_db


def bring(browser: Client, kind: str, content: bytes, **more: Any) -> Any:
    file = SimpleUploadedFile("盘点.csv", content)
    return browser.post(reverse("console:stock-tables"), {"kind": kind, "table": file, "note": "盘点"} | more)


def test_a_table_is_looked_at_and_taken_in(world: World, boss: Client) -> None:
    text = "商品编码,仓库,盘点数量\nSKU-1,EAST,12\nSKU-2,EAST,10\n"
    answer = bring(boss, "count", text.encode("gb18030"))
    table = StockTable.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, reverse("console:stock-table", args=[table.pk]))

    page = boss.get(answer["Location"])
    assert page.context["counts"] == {"all": 2, "changes": 1, "refused": 0, "same": 1}
    assert level(world).on_hand == 10
    seen = page.context["preview"].seen
    boss.post(reverse("console:stock-table-apply", args=[table.pk]), {"seen": seen})

    assert level(world).on_hand == 12
    done = boss.get(answer["Location"])
    assert [m.delta for m in done.context["movements"]] == [2]
    assert boss.get(reverse("console:stock-table-file", args=[table.pk])).content == text.encode("gb18030")
    again = bring(boss, "count", text.encode())
    assert "The very same rows were taken in" in texts(boss.get(again["Location"]))


def test_mistakes_of_a_table_are_listed_with_the_headings_that_people_know(world: World, boss: Client) -> None:
    page = bring(boss, "count", b"sku,warehouse,pieces\nSKU-1,MOON,1\nSKU-1,EAST,few\n")
    chinese = boss.post(
        reverse("console:stock-tables"),
        {"kind": "count", "table": SimpleUploadedFile("t.csv", b"sku,warehouse,pieces\nSKU-1,EAST,few\n")},
        headers={"accept-language": "zh-hans"},
    )

    assert page.status_code == 400
    assert "2 warehouse there is no warehouse “MOON” for you" in texts(page)
    assert "3 pieces “few” is no whole number" in texts(page)
    assert "2 盘点数量" in texts(chinese)
    assert not StockTable.objects.exists()


@pytest.mark.parametrize(
    ("kind", "content", "said"),
    [
        ("count", b"a,b\n1,2\n", "The table lacks the columns “sku”, “warehouse”, “pieces”."),
        ("nonsense", b"a", "Say what the table is."),
        ("count", b"", "Choose a CSV or XLSX file of at most 10 MB."),
    ],
)
def test_a_file_of_no_use_is_refused_in_plain_words(
    world: World, boss: Client, kind: str, content: bytes, said: str
) -> None:
    page = bring(boss, kind, content)

    assert (page.status_code, said in texts(page)) == (400, True)


def test_a_row_that_cannot_be_carried_out_stops_the_whole_table(world: World, boss: Client) -> None:
    answer = bring(boss, "adjust", b"sku,warehouse,change,reason\nSKU-2,EAST,5,a\nSKU-1,EAST,-9,b\n")
    page = boss.get(answer["Location"])
    assert [row.planned.row.row for row in page.context["rows"]] == [3]
    assert 'class="main" disabled' in page.content.decode()

    table = StockTable.objects.get()
    boss.post(reverse("console:stock-table-apply", args=[table.pk]), {"seen": page.context["preview"].seen})
    assert not StockMovement.objects.filter(reason="adjustment").exists()

    boss.post(reverse("console:stock-table-discard", args=[table.pk]))
    assert StockTable.objects.get().state == "discarded"


def test_tables_of_other_warehouses_are_not_there(world: World, boss: Client) -> None:
    bring(boss, "count", b"sku,warehouse,pieces\nSKU-1,EAST,12\n")
    table = StockTable.objects.get()
    user = person(role="warehouse")
    WarehouseAccess.objects.create(user=user, warehouse=world.south)
    browser = client_of(user)

    for name in ("stock-table", "stock-table-file"):
        assert browser.get(reverse(f"console:{name}", args=[table.pk])).status_code == 404
    assert browser.post(reverse("console:stock-table-apply", args=[table.pk])).status_code == 404
    assert browser.get(reverse("console:stock-tables")).context["tables"] == []


@pytest.mark.parametrize("kind", ["count", "adjust", "arrival", "expected", "safety"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_sample_is_read_again_by_its_headings(world: World, boss: Client, kind: str, language: str) -> None:
    page = boss.get(reverse("console:stock-table-sample", args=[kind]), headers={"accept-language": language})
    content = b"".join(page.streaming_content).replace(b"SAMPLE-1", b"SKU-1").replace(b"SAMPLE-2", b"SKU-2")

    answer = bring(boss, kind, content.replace(b"WH-SAMPLE", b"EAST").replace(b"PO-SKU-1", b"PO-1"))

    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("form", "language"), [("csv", "en"), ("csv", "zh-hans"), ("gb18030", "zh-hans"), ("xlsx", "en")]
)
def test_the_stock_goes_out_and_comes_back_as_a_count_that_changes_nothing(
    world: World, boss: Client, form: str, language: str
) -> None:
    world.skus[2].name = "=cmd()"
    world.skus[2].save()
    address = reverse("console:stock-export")
    page = boss.get(address, {"format": form, "warehouse": "EAST"}, headers={"accept-language": language})
    content = page.content if form == "xlsx" else b"".join(page.streaming_content)

    answer = bring(boss, "count", content)

    shown = boss.get(answer["Location"]).context
    assert shown["counts"] == {"all": 10, "changes": 0, "refused": 0, "same": 10}
    if form == "xlsx":
        sheet = load_workbook(io.BytesIO(content)).worksheets[0]
        assert {cell.data_type for row in sheet for cell in row} == {"s", "n"}
    else:
        assert b"'=cmd()" in content


def test_the_export_holds_only_the_warehouses_of_the_reader(world: World) -> None:
    user = person(role="warehouse")
    WarehouseAccess.objects.create(user=user, warehouse=world.south)

    content = b"".join(client_of(user).get(reverse("console:stock-export")).streaming_content).decode()

    assert "华南仓" in content
    assert "华东仓" not in content
