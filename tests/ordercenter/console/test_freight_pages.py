"""The pages of courier bills: preview before import, differences by kind, deciding, files for couriers, who may."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import translation
from openpyxl import load_workbook

from fulfillment.models import FreightBill, FreightLayout, FreightLine, FreightUpload
from fulfillment.services.freight_export import export_freight_lines
from ordercenter.cases.models import Case
from ordercenter.catalog.models import ShopAccess
from tests.fulfillment.freight_stage import HEADING, Stage, line_of, row, table
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage()


@pytest.fixture
def finance() -> Client:
    return client_of(person("wu", role="finance"))


@pytest.fixture
def bill(stage: Stage) -> FreightBill:
    """Two parcels too heavy, one number of nobody, one line right."""
    one, two, right = stage.ship([800, 800, 800])
    done = stage.take(row(one, "2", "7.00"), row(two, "3", "9.00"), row(right), row("STRANGE1", "1", "6.00"))
    return FreightBill.objects.get(pk=done.bill_id)


def texts(page: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode()))


def upload(browser: Client, stage: Stage, content: bytes) -> Any:
    file = SimpleUploadedFile("10月.csv", content)
    return browser.post("/console/freight/upload/", {"courier": stage.zto.pk, "bill": file})


def test_a_file_is_shown_as_it_is_read_before_it_is_taken_in(stage: Stage, finance: Client) -> None:
    [parcel] = stage.ship()

    sent = upload(finance, stage, table([HEADING, row(parcel, "2", "7.00")], "gb18030"))
    page = finance.get(sent["Location"])

    assert not FreightBill.objects.exists()
    assert (page.context["count"], str(page.context["total"]), page.context["error_count"]) == (1, "7.00", 0)
    assert [(name, heading) for name, _label, heading in page.context["columns"] if heading] == [
        ("tracking_no", "运单号"),
        ("billed_on", "揽收日期"),
        ("weight", "计费重量(kg)"),
        ("destination", "目的省份"),
        ("amount", "合计金额"),
    ]


def test_taking_in_shows_the_differences_and_forgets_the_file(stage: Stage, finance: Client) -> None:
    [parcel] = stage.ship()
    address = upload(finance, stage, table([HEADING, row(parcel, "2", "7.00")]))["Location"]

    sent = finance.post(address, {"verb": "import", "starts_on": "2026-10-01", "last_day": "2026-10-31"})
    page = finance.get(sent["Location"])

    made = FreightBill.objects.get()
    assert (str(made.starts_on), str(made.ends_on), made.file_name) == ("2026-10-01", "2026-11-01", "10月.csv")
    assert not FreightUpload.objects.exists()
    assert "Billed 7.00, by contract 5.00: 2.00 yuan too much." in texts(page)
    assert "They bill 2 kg; we weighed 0.8 kg (charged as 0.8 kg)." in texts(page)


def test_columns_can_be_matched_by_hand_and_are_kept(stage: Stage, finance: Client) -> None:
    [parcel] = stage.ship()
    address = upload(finance, stage, table([("编号", "钱"), (parcel.tracking_no, "5.00")]))["Location"]
    chosen = {"column_tracking_no": "编号", "column_amount": "钱", "starts_on": "2026-10-01", "last_day": "2026-10-31"}

    before = finance.get(address)
    finance.post(address, {**chosen, "verb": "import"})

    assert before.context["error_count"] == 1
    assert FreightBill.objects.get().line_count == 1
    assert FreightLayout.objects.get().columns == {"tracking_no": "编号", "amount": "钱"}


def test_mistakes_are_shown_with_row_and_column_and_nothing_is_taken_in(stage: Stage, finance: Client) -> None:
    address = upload(finance, stage, table([HEADING, row("ZT0001", "heavy")]))["Location"]

    page = finance.post(address, {"verb": "import"})

    assert page.status_code == 400
    [error] = page.context["errors"]
    assert (error.row, error.column) == (2, "计费重量(kg)")
    assert not FreightBill.objects.exists()


def test_a_file_that_is_no_table_or_known_already_is_said_to_be_so(
    stage: Stage, finance: Client, bill: FreightBill
) -> None:
    address = upload(finance, stage, b"\x00\x01")["Location"]
    refused = finance.get(address, follow=True)
    known = upload(finance, stage, table([HEADING, row("A1234")]))
    finance.post(known["Location"], {"verb": "import"})
    again = upload(finance, stage, table([HEADING, row("A1234")]))

    assert "The file is no table that can be read." in texts(refused)
    assert again["Location"] == f"/console/freight/{FreightBill.objects.latest('pk').pk}/"


def test_a_file_can_be_forgotten(stage: Stage, finance: Client) -> None:
    address = upload(finance, stage, table([HEADING, row("ZT1")]))["Location"]

    finance.post(address, {"verb": "forget"})

    assert (FreightUpload.objects.count(), FreightBill.objects.count()) == (0, 0)


def test_the_list_says_what_is_open_and_what_is_asked_for_beyond_the_contract(
    finance: Client, bill: FreightBill
) -> None:
    page = finance.get("/console/freight/")

    [(shown, still_open)] = page.context["rows"]
    assert (shown, still_open.lines, str(still_open.net)) == (bill, 3, "12.00")


def test_a_bill_shows_its_sums_by_kind_and_the_open_lines(finance: Client, bill: FreightBill) -> None:
    page = finance.get(f"/console/freight/{bill.pk}/")

    assert [(kind.verdict, kind.lines, str(kind.net)) for kind in page.context["kinds"]] == [
        ("weight_differs", 2, "6.00"),
        ("unknown_parcel", 1, "6.00"),
        ("matched", 1, "0.00"),
    ]
    assert [row.line.verdict for row in page.context["lines"]] == ["weight_differs"] * 2 + ["unknown_parcel"]


@pytest.mark.parametrize(
    ("query", "lines"), [({"verdict": "matched"}, 1), ({"verdict": "all"}, 4), ({"number": "strange1"}, 1)]
)
def test_lines_are_found_by_verdict_and_by_number(
    finance: Client, bill: FreightBill, query: dict[str, str], lines: int
) -> None:
    assert len(finance.get(f"/console/freight/{bill.pk}/", query).context["lines"]) == lines


def test_chosen_lines_and_whole_kinds_are_signed_off_and_the_bill_is_closed(finance: Client, bill: FreightBill) -> None:
    address = f"/console/freight/{bill.pk}"
    line = line_of(bill.pk, "STRANGE1")

    finance.post(f"{address}/close/")
    finance.post(f"{address}/sign-off/", {"line": line.pk, "reason": ""})
    before = line_of(bill.pk, "STRANGE1").verdict
    finance.post(f"{address}/sign-off/", {"line": line.pk, "reason": "samples"})
    finance.post(f"{address}/sign-off/", {"all_of": "weight_differs", "reason": "agreed"})
    finance.post(f"{address}/close/")

    bill.refresh_from_db()
    assert (before, bill.state) == ("unknown_parcel", "closed")
    assert not Case.objects.filter(state="open").exists()


def test_a_closed_bill_is_reopened_a_sign_off_taken_back_and_an_open_bill_withdrawn(
    finance: Client, bill: FreightBill
) -> None:
    address = f"/console/freight/{bill.pk}"
    for kind in ("weight_differs", "unknown_parcel"):
        finance.post(f"{address}/sign-off/", {"all_of": kind, "reason": "agreed"})
    finance.post(f"{address}/close/")

    finance.post(f"{address}/reopen/", {"reason": "credit note"})
    line = line_of(bill.pk, "STRANGE1")
    finance.post(f"{address}/sign-off/", {"line": line.pk, "verb": "take_back", "reason": "wrong line"})
    taken_back = line_of(bill.pk, "STRANGE1").verdict
    finance.post(f"{address}/recheck/")
    finance.post(f"{address}/withdraw/", {"reason": "a corrected one came"})

    bill.refresh_from_db()
    assert (taken_back, bill.state) == ("unknown_parcel", "withdrawn")


@pytest.mark.parametrize(("form", "encoding"), [("utf-8", "utf-8-sig"), ("gb18030", "gb18030")])
def test_the_dispute_is_a_file_for_the_courier(finance: Client, bill: FreightBill, form: str, encoding: str) -> None:
    FreightLine.objects.filter(tracking_no="STRANGE1").update(destination="=cmd|'/C calc'!A0")

    page = finance.get(f"/console/freight/{bill.pk}/export/", {"form": form}, headers={"accept-language": "en"})

    rows = b"".join(page).decode(encoding).splitlines()
    assert len(rows) == 4
    assert rows[1].startswith("2,ZT00000001,2026-10-12,浙江省,2,0.8,0.8,7.00,5.00,2.00,Weight differs,weight,")
    assert ",'=cmd|" in rows[3]


def test_the_dispute_as_a_workbook_runs_no_formula(bill: FreightBill) -> None:
    FreightLine.objects.filter(tracking_no="STRANGE1").update(destination="=1+1")

    with translation.override("zh-hans"):
        [content] = export_freight_lines(bill_id=bill.pk, form="xlsx")

    sheet = load_workbook(io.BytesIO(content)).active
    assert [cell.value for cell in sheet[1]][:2] == ["行", "运单号"] or sheet.cell(1, 2).value == "运单号"
    assert (sheet.cell(4, 4).value, sheet.cell(4, 4).data_type) == ("=1+1", "s")
    assert sheet.cell(2, 10).value == 2


def test_an_auditor_reads_and_changes_nothing(stage: Stage, bill: FreightBill) -> None:
    auditor = client_of(person("shen", role="auditor"))
    address = f"/console/freight/{bill.pk}"

    page = auditor.get(f"{address}/")
    answers = [
        auditor.post(f"{address}/{verb}/", {"line": line_of(bill.pk, "STRANGE1").pk, "reason": "x"}).status_code
        for verb in ("sign-off", "close", "recheck", "reopen", "withdraw")
    ]
    answers.append(upload(auditor, stage, table([HEADING, row("ZT1")])).status_code)

    assert page.status_code == 200
    assert not page.context["may_sign_off"]
    assert answers == [403] * 6
    assert line_of(bill.pk, "STRANGE1").verdict == "unknown_parcel"


def test_who_works_for_one_shop_only_sees_no_bill(stage: Stage, bill: FreightBill) -> None:
    operator = person("li", role="operator")
    ShopAccess.objects.create(user=operator, shop=stage.shop)
    browser = client_of(operator)

    assert browser.get("/console/freight/").context["rows"] == []
    assert browser.get(f"/console/freight/{bill.pk}/").status_code == 404
    assert browser.get(f"/console/freight/{bill.pk}/export/").status_code == 404


def test_the_warehouse_sees_no_prices(bill: FreightBill) -> None:
    picker = client_of(person("zhao", role="warehouse"))

    assert picker.get("/console/freight/").status_code == 403


def test_the_case_of_a_difference_leads_to_its_bill(finance: Client, bill: FreightBill) -> None:
    case = Case.objects.get(code="FREIGHT_WEIGHT")

    page = finance.get("/console/cases/", {"case": case.pk})

    assert f"/console/freight/{bill.pk}/" in page.content.decode()


def test_a_remembered_heading_that_a_file_lacks_is_looked_for_by_its_usual_name(stage: Stage, finance: Client) -> None:
    first, second = stage.ship([800, 800])
    address = upload(finance, stage, table([("运单号", "钱"), (first.tracking_no, "5.00")]))["Location"]
    by_hand = {"column_tracking_no": "运单号", "column_amount": "钱", "verb": "import"}
    finance.post(address, {**by_hand, "starts_on": "2026-10-01", "last_day": "2026-10-31"})
    assert FreightLayout.objects.get().columns == {"tracking_no": "运单号", "amount": "钱"}

    page = finance.get(upload(finance, stage, table([HEADING, row(second)]))["Location"])

    assert (page.context["count"], page.context["error_count"]) == (1, 0)
    assert ("amount", "合计金额") in [(name, heading) for name, _label, heading in page.context["columns"]]


def test_a_withdrawn_bill_shows_no_work_any_more(stage: Stage, finance: Client, bill: FreightBill) -> None:
    assert "Open differences 3" in texts(finance.get(f"/console/freight/{bill.pk}/"))
    finance.post(f"/console/freight/{bill.pk}/withdraw/", {"reason": "wrong month"})

    page = finance.get(f"/console/freight/{bill.pk}/")

    assert FreightBill.objects.get().state == "withdrawn"
    assert page.context["open_lines"] == 0
    assert "Open differences" not in texts(page)
    assert "its lines count nowhere" in texts(page)
