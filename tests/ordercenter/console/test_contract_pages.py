"""The contract editor: the matrix, the calculator with its terms, tables in and out, and who may."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from fulfillment.models import Carrier, CourierArea, CourierContract, CourierRate, PeakFee
from ordercenter.inventory.models import Warehouse, WarehouseAccess
from tests.fulfillment.contracts import contract_of
from tests.ordercenter.console.people import client_of, make_branch, person

pytestmark = pytest.mark.django_db
TABLE = "warehouse,courier,valid_from,zone,first_fee,step_fee\r\nEAST,ZTO,2027-01-01,*,{fee},2\r\n"


@pytest.fixture
def contract(db: None) -> CourierContract:
    east = Warehouse.objects.create(code="EAST", name="华东仓")
    zto = Carrier.objects.create(code="ZTO", name="中通快递")
    made = contract_of(east, zto, {"": "8", "33": "3.20"}, step="1.50", ends_on=date(2027, 1, 1), divisor=6000)
    PeakFee.objects.create(contract=made, starts_on=date(2026, 11, 1), ends_on=date(2026, 11, 20), fee=Decimal("0.50"))
    CourierArea.objects.create(carrier=zto, zone="54", reason="停发")
    return made


@pytest.fixture
def browser() -> Client:
    return client_of(person(role="finance"))


def texts(page: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode()))


def test_a_contract_is_shown_as_zones_and_weights_of_a_day(contract: CourierContract, browser: Client) -> None:
    page = browser.get("/console/contracts/", {"on": "2026-12-01"}, headers={"Accept-Language": "en"})

    rows = {row.zone: row for row in page.context["view"].rows}
    assert page.context["view"].contract == contract
    assert rows["33"].fees[:3] == [Decimal("3.20"), Decimal("3.20"), Decimal("4.70")]
    assert rows["65"].fees[1] == Decimal("8.00")
    assert set(rows["54"].fees) == {None}
    assert len(rows) == 35


def test_the_calculator_shows_each_term(contract: CourierContract, browser: Client) -> None:
    query = {"to": "浙江省杭州市西湖区文三路90号", "kg": "1.2", "cm3": "18000", "value": "0", "on": "2026-11-11"}

    page = browser.get("/console/contracts/", query, headers={"Accept-Language": "en"})

    [(offer, terms)] = page.context["calculator"]["offers"]
    assert (offer.price.charged_g, offer.price.total, offer.is_cheapest) == (3000, Decimal("6.70"), True)
    assert [(str(label), amount) for label, amount in terms] == [
        ("first weight", Decimal("3.20")),
        ("further weight", Decimal("3.00")),
        ("peak fee", Decimal("0.50")),
    ]
    assert "330106" in texts(page)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"to": "西藏拉萨市城关区北京中路35号"}, "does not go there"),
        ({"to": "文一西路969号"}, "No province or city is found in that address."),
        ({"to": "鼓楼区中山北路30号"}, "only a guess"),
        ({"to": "330106", "kg": "much"}, "Weight, volume and value are numbers from 0 up."),
        ({"to": "330106", "on": "2031-01-01"}, "No contract holds on that day."),
    ],
)
def test_what_cannot_be_computed_is_said(
    contract: CourierContract, browser: Client, query: dict[str, str], said: str
) -> None:
    page = browser.get("/console/contracts/", {"on": "2026-11-11"} | query, headers={"Accept-Language": "en"})

    assert page.status_code == 200
    assert said in texts(page)


def upload(browser: Client, content: bytes) -> Any:
    file = SimpleUploadedFile("rates.csv", content)
    return browser.post("/console/contracts/import/", {"table": file}, headers={"Accept-Language": "en"})


def test_a_table_is_taken_in_and_mistakes_are_shown_with_their_rows(contract: CourierContract, browser: Client) -> None:
    wrong = upload(browser, TABLE.format(fee="many").encode())

    assert wrong.status_code == 400
    assert "2 first_fee: “many” is no number from 0 up" in texts(wrong)
    assert CourierContract.objects.count() == 1

    right = upload(browser, TABLE.format(fee="7").encode())

    made = CourierContract.objects.get(valid_from=date(2027, 1, 1))
    assert (right.status_code, right["Location"]) == (303, f"/console/contracts/?contract={made.pk}")
    assert CourierRate.objects.get(contract=made).first_fee == Decimal("7.00")


@pytest.mark.parametrize("content", [b"", b"nothing of use", b"\x00\x01\x02"])
def test_a_file_that_is_no_table_changes_nothing(contract: CourierContract, browser: Client, content: bytes) -> None:
    assert upload(browser, content).status_code == 400
    assert CourierContract.objects.count() == 1


def test_tables_go_out_and_the_sample_says_what_it_is(contract: CourierContract, browser: Client) -> None:
    table = b"".join(browser.get("/console/contracts/export/").streaming_content).decode("utf-8-sig")
    sample = browser.get("/console/contracts/sample/")

    assert [line.split(",")[5] for line in table.splitlines()] == ["zone", "*", "33"]
    assert "SAMPLE" in sample["Content-Disposition"]
    assert "SAMPLE FIGURES" in b"".join(sample.streaming_content).decode("utf-8-sig")


@pytest.mark.parametrize(("role", "sees"), [("operator", True), ("auditor", True), ("warehouse", False)])
def test_who_may_see_and_who_may_change(contract: CourierContract, role: str, sees: bool) -> None:
    browser = client_of(person(role=role))

    assert browser.get("/console/contracts/").status_code == (200 if sees else 403)
    assert upload(browser, TABLE.format(fee="7").encode()).status_code == 403
    assert CourierContract.objects.count() == 1


def test_contracts_of_another_warehouse_are_not_shown_or_exported(contract: CourierContract) -> None:
    branch = make_branch("OTHER")
    reader = person(permissions=("fulfillment.view_couriercontract", "fulfillment.view_courierrate"))
    WarehouseAccess.objects.create(user=reader, warehouse=branch.warehouse)
    browser = client_of(reader)

    shown = browser.get("/console/contracts/").context["contracts"]
    assert [each.number for each, _holds in shown] == ["OTHER-contract"]
    assert browser.get("/console/contracts/export/", {"contract": contract.pk}).status_code == 404


def test_places_where_everything_costs_the_same_are_one_row(contract: CourierContract, browser: Client) -> None:
    view = browser.get("/console/contracts/", {"on": "2026-06-01"}).context["view"]

    keys = [(tuple(group.first.fees), group.first.days, group.first.measured) for group in view.groups]
    assert len(keys) == len(set(keys)) < len(view.rows) / 3
    shown = sorted(place.zone for group in view.groups for place in (*group.named, *group.others))
    assert shown == sorted(row.zone for row in view.rows)
