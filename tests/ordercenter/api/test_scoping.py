"""A key of one shop never sees or changes anything of another: every address, every method, also by id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Model
from django.urls import URLPattern, URLResolver

from finance.models import PaymentEntry
from ordercenter.api.urls import v1
from ordercenter.cases.models import Case
from ordercenter.orders.models import Order
from tests.ordercenter.api.company import CASES, NOON, READ, WRITE, Caller, Company, new_order

# Addresses that tell nothing about anybody's rows.
OPEN = {"problems", "problem", "schema", "docs"}
LISTS = {"orders", "stock", "cases"}
# Whose files and counters there are for a key: see test_order_files and tests/channels_sync/counters/test_bad_line.
FILES = {"order-files", "order-file", "order-file-orders", "order-file-import", "counter-batches"}
# Of no shop; see test_courier_bills.
BILLS = {
    "courier-bills",
    "courier-bill",
    "courier-bill-lines",
    "courier-bill-sign-off",
    "courier-bill-take-back",
    "courier-bill-files",
    "courier-bill-file",
}
# Whose rows these reach is shown where they are tested: test_stock_holds.py and the tests of matching.
HOLDS = {"stock-holds", "stock-holds-release"}
LISTINGS = {"listings-unmatched", "listings-bind", "listings-unbind", "listings-suggestions"}
BY_ID = {
    "order": "orders/{order}",
    "order-cancel": "orders/{order}/cancel",
    "orders-payments": "orders/{order}/payments",
    "orders-excess": "orders/{order}/excess",
    "order-routing": "orders/{order}/routing",
    "order-takeover": "orders/{order}/takeover",
    "order-takeover-preview": "orders/{order}/takeover/preview",
    "order-shipments": "orders/{order}/shipments",
    "order-split": "orders/{order}/split",
    "order-unmerge": "orders/{order}/unmerge",
    "case": "cases/{case}",
}
METHODS = ("get", "head", "post", "put", "patch", "delete", "options")


def names_of(patterns: Sequence[Any]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from names_of(pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            yield str(pattern.name)


@pytest.fixture
def theirs(company: Company) -> dict[str, Model]:
    """Rows of the other shop."""
    [order] = company.orders(1, first=77, shop=company.other)
    case = Case.objects.create(
        code="BLACKLIST",
        subject=f"order:{order.pk}",
        shop_id=company.other.pk,
        reference="THEIRS",
        opened_at=NOON,
        due_at=NOON + timedelta(hours=1),
    )
    return {"order": order, "case": case}


@pytest.fixture
def ours(company: Company) -> Caller:
    """May do everything in our shop, and read the stock of the other warehouse."""
    return company.caller({company.shop: [READ, WRITE, CASES, "parcels:write"]}, warehouses=[company.south])


def test_every_address_of_the_api_is_swept_here() -> None:
    known = OPEN | LISTS | set(BY_ID) | BILLS | FILES | HOLDS | LISTINGS
    assert set(names_of(v1)) == known | {"orders-bulk", "orders-merge"}


@pytest.mark.parametrize("path", sorted(BY_ID.values()))
@pytest.mark.parametrize("method", METHODS)
def test_by_id_nothing_of_another_shop_is_there(
    company: Company, ours: Caller, theirs: dict[str, Model], path: str, method: str
) -> None:
    address = path.format(**{name: row.pk for name, row in theirs.items()})
    before = Order.objects.values().get(pk=theirs["order"].pk), Case.objects.values().get(pk=theirs["case"].pk)

    answer = (
        getattr(ours.client, method)(
            f"/api/v1/{address}", data='{"reason": "x"}', content_type="application/json", headers=ours.headers
        )
        if method not in ("get", "head")
        else getattr(ours.client, method)(f"/api/v1/{address}", headers=ours.headers)
    )

    assert answer.status_code in (404, 405)
    assert "NO-00077" not in answer.content.decode()
    assert before == (
        Order.objects.values().get(pk=theirs["order"].pk),
        Case.objects.values().get(pk=theirs["case"].pk),
    )


def test_an_id_of_another_shop_is_answered_like_one_that_never_was(ours: Caller, theirs: dict[str, Model]) -> None:
    for path, name in (("orders/{}", "order"), ("cases/{}", "case")):
        known, unknown = ours.get(path.format(theirs[name].pk)), ours.get(path.format(2**40))

        assert known.status_code == unknown.status_code == 404
        assert known.json()["code"] == unknown.json()["code"]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("orders", {}),
        ("orders", {"shop": "pos-2"}),
        ("orders", {"shop": ["pos-1", "pos-2"]}),
        ("orders", {"channel_order_no": "NO-00077"}),
        ("orders", {"cursor": "YWZ0ZXI6OTk5OTk5OTk5OTk5"}),
        ("cases", {}),
        ("cases", {"reference": "THEIRS"}),
        ("stock", {"warehouse": "EAST"}),
    ],
)
def test_no_filter_and_no_cursor_opens_another_shop(
    ours: Caller, theirs: dict[str, Model], path: str, query: dict[str, Any]
) -> None:
    answer = ours.get(path, **query)

    assert answer.status_code == 200
    assert answer.json()["results"] == []


def test_a_shop_id_of_another_shop_finds_no_case(company: Company, ours: Caller, theirs: dict[str, Model]) -> None:
    assert ours.get("cases", shop_id=str(company.other.pk)).json()["results"] == []


def test_no_order_is_created_in_another_shop_nor_found_there(
    company: Company, ours: Caller, theirs: dict[str, Model]
) -> None:
    rows = [new_order("NO-00077", shop="pos-2"), new_order("NEW", shop="pos-2"), new_order("X", shop="nowhere")]

    answer = ours.post("orders/bulk", {"orders": rows}, key="k")

    # The same answer for a shop of others and one that never was, whether the order is known there or not.
    assert [(r["status"], r["id"], r["error"]["code"]) for r in answer.json()["results"]] == [
        ("refused", None, "channels.shop_unknown")
    ] * 3
    assert list(Order.objects.values_list("channel_order_no", flat=True)) == ["NO-00077"]
    assert not PaymentEntry.objects.exists()


def test_the_same_number_in_two_shops_is_two_orders(company: Company, ours: Caller, theirs: dict[str, Model]) -> None:
    answer = ours.post("orders/bulk", {"orders": [new_order("NO-00077")]}, key="k")

    assert answer.json()["created"] == 1
    assert sorted(Order.objects.filter(channel_order_no="NO-00077").values_list("shop__code", flat=True)) == [
        "pos-1",
        "pos-2",
    ]


def test_a_scope_in_one_shop_is_none_in_another(company: Company, theirs: dict[str, Model]) -> None:
    reader = company.caller({company.shop: [WRITE], company.other: [READ]})

    assert reader.get(f"orders/{theirs['order'].pk}").status_code == 200
    assert reader.post(f"orders/{theirs['order'].pk}/cancel", {"reason": "x"}).status_code == 404
    assert Order.objects.get().state == "preprocessing"
