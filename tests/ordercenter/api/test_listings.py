"""Listings through the API: what waits, what it may be, matching and taking away, by shop and scope, each once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ordercenter.audit.models import Deed
from ordercenter.catalog.models import ListingMatch, Sku
from ordercenter.orders.models import Hold, OrderLine
from tests.ordercenter.api.company import NOON, READ, Company

pytestmark = pytest.mark.django_db
SEE, MATCH = "listings:read", "listings:write"


@pytest.fixture
def company() -> Company:
    """Two orders of the first shop wait for the listing L2."""
    company = Company()
    for order in company.orders(2):
        OrderLine.objects.filter(order=order, listing_id="L1").update(sku=company.sku)
        OrderLine.objects.filter(order=order, listing_id="L2").update(title="陶瓷盘 白色", outer_sku="P-9", spec="白色")
        Hold.objects.create(order=order, code="SKU_UNMAPPED", opened_at=NOON)
    Sku.objects.create(code="PLATE", name="陶瓷盘 白色", list_price=Decimal(20))
    return company


def binding(company: Company, **changes: Any) -> dict[str, Any]:
    return {"shop": company.shop.code, "listing_id": "L2", "sku": "PLATE"} | changes


def matches() -> list[tuple[str, str, str]]:
    return sorted(ListingMatch.objects.values_list("shop__code", "listing_id", "sku__code"))


def test_what_waits_is_told_with_what_it_may_be(company: Company) -> None:
    answer = company.caller({company.shop: [SEE]}).get("listings/unmatched")

    assert answer.status_code == 200
    body = answer.json()
    [row] = body["results"]
    [best, *_rest] = row.pop("suggestions")
    assert (body["total"], row) == (
        1,
        {
            "shop": "pos-1",
            "listing_id": "L2",
            "listing_sku_id": "",
            "title": "陶瓷盘 白色",
            "choice": "白色",
            "code": "P-9",
            "orders": 2,
            "pieces": 4,
            "amount": "110.00",
            "currency": "CNY",
            "waiting_since": "2026-11-11T04:00:00Z",
            "ignored": "",
        },
    )
    assert (best["sku"], best["score"], best["is_sure"], best["kind"]) == ("PLATE", 95, True, "title")
    assert best["reason"] == "The title says “陶瓷盘 白色”."


@pytest.mark.parametrize(
    ("query", "count"), [({"q": "陶瓷"}, 1), ({"q": "铁"}, 0), ({"shop": "pos-2"}, 0), ({"offset": "1"}, 0)]
)
def test_the_list_is_narrowed(company: Company, query: dict[str, str], count: int) -> None:
    caller = company.caller({company.shop: [SEE], company.other: [SEE]})

    assert len(caller.get("listings/unmatched", **query).json()["results"]) == count


def test_suggestions_are_given_for_anything(company: Company) -> None:
    answer = company.caller({company.shop: [SEE]}).get("listings/suggestions", code="sku 1")

    assert [(s["sku"], s["kind"], s["score"]) for s in answer.json()["suggestions"]] == [("SKU-1", "code", 100)]


def test_many_are_matched_each_answered_for_itself_and_once(company: Company) -> None:
    caller = company.caller({company.shop: [MATCH]})
    rows = [
        binding(company),
        binding(company, listing_id="L3", sku="NOBODY"),
        binding(company, listing_id="L4", shop="pos-2"),
        {**binding(company, listing_id="L5"), "parts": [{"sku": "SKU-1", "quantity": 2}]},
        {**binding(company, listing_id="L6"), "parts": [{"sku": "NOPE", "quantity": 1}]},
    ]
    del rows[3]["sku"], rows[4]["sku"]

    answers = [caller.post("listings/bind", {"bindings": rows, "reason": "new"}, key="k-1") for _n in range(2)]

    results = answers[0].json()["results"]
    assert [(row["index"], row["status"], row["sku"]) for row in results] == [
        (0, "done", "PLATE"),
        (1, "refused", ""),
        (2, "refused", ""),
        (3, "done", "SKU-1*2"),
        (4, "refused", ""),
    ]
    assert [row["problem"] and row["problem"]["code"] for row in results] == [
        None,
        "catalog.sku_not_sold",
        "catalog.listing_foreign",
        None,
        "catalog.sku_not_sold",
    ]
    assert [results[n]["problem"]["data"]["sku_code"] for n in (1, 4)] == ["NOBODY", "NOPE"]
    assert (answers[1].json(), answers[1]["Idempotency-Replayed"]) == (answers[0].json(), "true")
    assert matches() == [("pos-1", "L2", "PLATE"), ("pos-1", "L5", "SKU-1*2")]
    actors = set(Deed.objects.filter(action="listing.bind").values_list("actor", flat=True))
    assert [actor.partition(":")[0] for actor in actors] == ["integration"]


def test_a_match_is_taken_away_and_what_is_none_is_refused(company: Company) -> None:
    caller = company.caller({company.shop: [MATCH]})
    caller.post("listings/bind", {"bindings": [binding(company)], "reason": "new"}, key="k-1")
    named = [{"shop": "pos-1", "listing_id": "L2"}, {"shop": "pos-1", "listing_id": "L9"}]

    answer = caller.post("listings/unbind", {"listings": named, "reason": "wrong"}, key="k-2")

    assert [row["status"] for row in answer.json()["results"]] == ["done", "refused"]
    assert answer.json()["results"][1]["problem"]["code"] == "catalog.listing_unbound"
    assert matches() == []


def test_scopes_and_keys_are_needed(company: Company) -> None:
    reader, matcher = company.caller({company.shop: [READ, SEE]}), company.caller({company.shop: [MATCH]})
    body = {"bindings": [binding(company)], "reason": "new"}

    refused = [
        reader.post("listings/bind", body, key="k-1"),
        matcher.get("listings/unmatched"),
        matcher.post("listings/bind", body),
    ]

    assert [answer.status_code for answer in refused] == [403, 403, 400]
    assert matches() == []


@pytest.mark.parametrize(
    "row", [{"sku": None}, {"parts": []}, {"listing_id": 5}, {"parts": [{"sku": "SKU-1", "quantity": 2}]}, {"more": 1}]
)
def test_a_row_that_is_not_well_formed_is_refused_whole(company: Company, row: dict[str, Any]) -> None:
    body = {"bindings": [binding(company, **row)], "reason": "new"}

    answer = company.caller({company.shop: [MATCH]}).post("listings/bind", body, key="k-1")

    assert (answer.status_code, answer.json()["code"]) == (400, "api.invalid")
    assert matches() == []
