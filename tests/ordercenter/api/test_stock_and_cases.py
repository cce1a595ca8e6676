"""Reading stock by warehouse and cases by shop."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from ordercenter.cases.models import Case, CaseGroup
from ordercenter.catalog.models import Sku
from ordercenter.inventory.models import StockLevel, WarehouseAccess
from tests.ordercenter.api.company import CASES, NOON, READ, Caller, Company


def places(answer: Any) -> list[tuple[str, str]]:
    return [(row["sku"], row["warehouse"]) for row in answer.json()["results"]]


def make_case(code: str, subject: str, **values: Any) -> Case:
    return Case.objects.create(code=code, subject=subject, opened_at=NOON, due_at=NOON + timedelta(hours=2), **values)


def more(sellable: int) -> dict[str, int]:
    """The other quantities of a stock row in which nothing but soft promises stands."""
    buckets = dict.fromkeys(["allocated", "set_aside", "safety", "damaged", "quarantine"], 0)
    return {**buckets, "available_to_sell": sellable}


def test_stock_is_shown_by_sku_and_warehouse(company: Company) -> None:
    answer = company.caller(warehouses=[company.east, company.south]).get("stock")

    assert answer.json() == {
        "results": [
            {"sku": "SKU-1", "name": "杯子", "warehouse": "EAST", "on_hand": 10, "reserved": 3, "free": 7, **more(7)},
            {"sku": "SKU-1", "name": "杯子", "warehouse": "SOUTH", "on_hand": 7, "reserved": 0, "free": 7, **more(7)},
        ],
        "next_cursor": "",
        "next": None,
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"warehouse": "SOUTH"}, [("SKU-1", "SOUTH"), ("SKU-2", "SOUTH")]),
        ({"sku": "SKU-2"}, [("SKU-2", "SOUTH")]),
        ({"sku": ["SKU-1", "SKU-2"], "warehouse": "SOUTH"}, [("SKU-1", "SOUTH"), ("SKU-2", "SOUTH")]),
        ({"sku": "SKU-1", "warehouse": "EAST"}, [("SKU-1", "EAST")]),
        ({"sku": "SKU"}, []),
        ({"limit": "1"}, [("SKU-1", "EAST")]),
    ],
)
def test_stock_is_found_by_code(company: Company, query: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    plate = Sku.objects.create(code="SKU-2", name="盘子")
    StockLevel.objects.create(sku=plate, warehouse=company.south, on_hand=1)

    assert places(company.caller(warehouses=[company.east, company.south]).get("stock", **query)) == expected


def test_stock_comes_page_after_page(company: Company) -> None:
    caller = company.caller(warehouses=[company.east, company.south])

    first = caller.get("stock", limit="1")
    second = caller.get("stock", limit="1", cursor=first.json()["next_cursor"])

    assert (places(first), places(second)) == ([("SKU-1", "EAST")], [("SKU-1", "SOUTH")])
    assert second.json()["next"] is None


def test_a_key_sees_the_stock_of_its_warehouses_only(company: Company) -> None:
    caller = company.caller(warehouses=[company.south])

    assert places(caller.get("stock")) == [("SKU-1", "SOUTH")]
    assert places(caller.get("stock", warehouse="EAST")) == []


def test_a_key_without_warehouses_sees_no_stock(company: Company, caller: Caller) -> None:
    answer = caller.get("stock")

    assert (answer.status_code, answer.json()["code"]) == (403, "api.forbidden")


def test_a_logged_in_person_sees_the_stock_of_their_warehouses(company: Company) -> None:
    person = get_user_model().objects.create_user("mei")
    person.user_permissions.add(Permission.objects.get(codename="view_stocklevel"))
    WarehouseAccess.objects.create(user=person, warehouse=company.east)
    browser = Client()
    browser.force_login(person)

    assert places(browser.get("/api/v1/stock")) == [("SKU-1", "EAST")]


def test_a_case_is_shown_with_its_title_and_without_what_the_buyer_wrote(company: Company, caller: Caller) -> None:
    group = CaseGroup.objects.create(root_cause="REMARK:1", code="REMARK_NEEDS_HUMAN", title="x")
    case = make_case(
        "REMARK_NEEDS_HUMAN",
        "order:12",
        shop_id=company.shop.pk,
        reference="NO-1",
        money_at_risk=Decimal("55.00"),
        group=group,
        evidence={"buyer_remark": "call 13800001234", "seller_remark": "x", "words": 2},
    )

    answer = caller.get(f"cases/{case.pk}")

    assert answer.json() == {
        "id": case.pk,
        "code": "REMARK_NEEDS_HUMAN",
        "title": "A remark needs a person",
        "level": "blocking",
        "state": "open",
        "subject": "order:12",
        "reference": "NO-1",
        "shop_id": company.shop.pk,
        "warehouse_id": None,
        "money_at_risk": "55.00",
        "root_cause": "REMARK:1",
        "evidence": {"words": 2},
        "opened_at": "2026-11-11T04:00:00Z",
        "due_at": "2026-11-11T06:00:00Z",
        "closed_at": None,
        "resolution": "",
        "times_seen": 1,
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["order:3", "order:2", "order:1"]),
        ({"state": "open"}, ["order:3", "order:1"]),
        ({"state": ["resolved", "dismissed"]}, ["order:2"]),
        ({"code": "BLACKLIST"}, ["order:2", "order:1"]),
        ({"level": "warning"}, ["order:3"]),
        ({"subject": "order:1"}, ["order:1"]),
        ({"reference": "NO-3"}, ["order:3"]),
        ({"opened_from": "2026-11-11T05:00:00Z"}, ["order:3"]),
        ({"opened_before": "2026-11-11T05:00:00Z", "limit": "1"}, ["order:2"]),
    ],
)
def test_cases_are_filtered(company: Company, caller: Caller, query: dict[str, Any], expected: list[str]) -> None:
    make_case("BLACKLIST", "order:1", shop_id=company.shop.pk)
    make_case("BLACKLIST", "order:2", shop_id=company.shop.pk, state="resolved")
    late = make_case("SETTLEMENT_DIFF", "order:3", shop_id=company.shop.pk, level="warning", reference="NO-3")
    Case.objects.filter(pk=late.pk).update(opened_at=NOON + timedelta(hours=1))

    answer = caller.get("cases", **query)

    assert [row["subject"] for row in answer.json()["results"]] == expected


def test_a_key_sees_the_cases_of_its_shops_wherever_their_goods_lie(company: Company) -> None:
    make_case("WMS_SILENT", "order:1", shop_id=company.shop.pk, warehouse_id=company.east.pk)
    make_case("WMS_SILENT", "order:2", shop_id=company.other.pk)
    make_case("STATEMENT_UNREADABLE", "statement:1")
    caller = company.caller({company.shop: [CASES], company.other: [READ]})

    assert [row["subject"] for row in caller.get("cases").json()["results"]] == ["order:1"]


def test_lists_take_the_same_statements_however_many_rows(
    company: Company, caller: Caller, django_assert_num_queries: Any
) -> None:
    stock_caller = company.caller(warehouses=[company.east])
    for n in range(30):
        make_case("BLACKLIST", f"order:{n}", shop_id=company.shop.pk)
        sku = Sku.objects.create(code=f"S-{n}", name="x")
        StockLevel.objects.create(sku=sku, warehouse=company.east, on_hand=n)
    caller.get("cases"), stock_caller.get("stock")  # note the keys' use

    with django_assert_num_queries(3):  # the key, its pace, the cases with their groups
        caller.get("cases")
    with django_assert_num_queries(4):  # the key, its pace and warehouses, the stock with SKUs and warehouses
        stock_caller.get("stock")
