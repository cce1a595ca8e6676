"""Stock held by another system before there is an order: all or none, once per id, until it ends or is an order's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from fulfillment.models import Carrier
from ordercenter.catalog.models import Sku
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import ChannelQuota, Reservation, StockLevel
from ordercenter.inventory.services import expire_reservations
from ordercenter.orders.models import Order
from ordercenter.orders.standard import standard_flows
from ordercenter.workflow.services import install_flows
from tests.fulfillment.contracts import contract_of
from tests.ordercenter.api.company import WRITE, Caller, Company, new_order

HOLD = "stock:hold"


@pytest.fixture
def caller(company: Company) -> Caller:
    """May hold stock of the east for `shop`, and create its orders."""
    return company.caller({company.shop: [HOLD, WRITE]}, warehouses=[company.east])


def wish(name: str, quantity: int = 2, **changes: Any) -> dict[str, Any]:
    lines = [{"sku": "SKU-1", "quantity": quantity}]
    return {"id": name, "shop": "pos-1", "warehouse": "EAST", "lines": lines, **changes}


def hold(caller: Caller, *wishes: Any) -> Any:
    return caller.post("stock/holds", {"holds": list(wishes)})


def said(answer: Any) -> list[tuple[str, str]]:
    """(id, "held" or the code of the refusal) of each."""
    return [(row["id"], row["error"]["code"] if row["error"] else row["status"]) for row in answer.json()["results"]]


def reserved(company: Company) -> int:
    return StockLevel.objects.get(sku=company.sku, warehouse=company.east).reserved


def test_holds_are_served_in_turn_as_long_as_pieces_last_and_each_is_answered(company: Company, caller: Caller) -> None:
    answer = hold(
        caller,
        wish("cart-1", 4),
        wish("cart-2", 4),
        wish("cart-3", 3),
        wish("cart-4", shop="pos-2"),
        wish("cart-5", warehouse="SOUTH"),
        wish("cart-6", lines=[{"sku": "SKU-9", "quantity": 1}]),
    )

    assert (answer.status_code, answer.json()["held"], answer.json()["refused"]) == (200, 2, 4)
    unknown = "inventory.hold_unknown_code"
    assert said(answer) == [
        ("cart-1", "held"),
        ("cart-2", "inventory.hold_short"),
        ("cart-3", "held"),
        ("cart-4", unknown),
        ("cart-5", unknown),
        ("cart-6", unknown),
    ]
    assert answer.json()["results"][1]["error"]["data"] == {"skus": ["SKU-1"]}
    assert reserved(company) == 3 + 7


def test_the_same_hold_sent_again_is_the_same_hold_and_another_one_under_its_id_is_refused(
    company: Company, caller: Caller
) -> None:
    first = hold(caller, wish("cart-1", expires_in_s=60))

    again = hold(caller, wish("cart-1", expires_in_s=600))
    other = hold(caller, wish("cart-1", 3))

    assert again.json() == first.json()
    assert said(other) == [("cart-1", "inventory.hold_differs")]
    assert reserved(company) == 3 + 2


def test_a_hold_ends_by_itself_and_by_its_own_key_only(company: Company, caller: Caller) -> None:
    stranger = company.caller({company.shop: [HOLD]}, warehouses=[company.east])
    hold(caller, wish("cart-1"), wish("cart-2", 1, expires_in_s=10))

    theirs = stranger.post("stock/holds/release", {"ids": ["cart-1"]})
    mine = caller.post("stock/holds/release", {"ids": ["cart-1", "cart-1", "nothing"]})
    assert (theirs.json(), mine.json(), reserved(company)) == ({"released": 0}, {"released": 1}, 3 + 1)
    assert expire_reservations(at=timezone.now() + timedelta(seconds=11)) == 1

    assert reserved(company) == 3
    assert caller.post("stock/holds/release", {"ids": ["cart-2"]}).json() == {"released": 0}


def test_a_hold_of_which_a_line_is_short_leaves_nothing_of_a_quota_behind(company: Company, caller: Caller) -> None:
    Sku.objects.create(code="SKU-2", name="盘子")
    quota = ChannelQuota.objects.create(
        shop=company.shop,
        sku=company.sku,
        warehouse=company.east,
        kind="dedicated",
        quantity=3,
        left=3,
        starts_at=timezone.now(),
        state="open",
    )
    StockLevel.objects.filter(sku=company.sku, warehouse=company.east).update(set_aside=3)

    lines = [{"sku": "SKU-1", "quantity": 2}, {"sku": "SKU-2", "quantity": 1}]
    answer = hold(caller, wish("cart-1", lines=lines))

    assert said(answer) == [("cart-1", "inventory.hold_short")]
    assert not Reservation.objects.filter(state="active").exists()
    assert (ChannelQuota.objects.get(pk=quota.pk).left, reserved(company)) == (3, 3)


def test_an_order_that_comes_with_its_hold_gets_the_pieces_that_nobody_else_can_have(
    company: Company, caller: Caller
) -> None:
    contract_of(company.east, Carrier.objects.create(code="ZTO", name="中通快递"), {"": "8"})
    install_flows(documents=standard_flows())
    hold(caller, wish("cart-1", 2), wish("others", 5))
    assert said(hold(caller, wish("late", 1))) == [("late", "inventory.hold_short")]

    answer = caller.post("orders/bulk", {"orders": [new_order(hold_id="cart-1")]}, key="k-1")
    Relay().drain()

    assert (answer.json()["results"][0]["status"], answer.json()["results"][0]["hold"]) == ("created", "given")
    order = Order.objects.get()
    assert order.state == "in_fulfillment"
    assert [(r.order_id, r.quantity) for r in Reservation.objects.filter(state="active", holder="")] == [(order.pk, 2)]
    level = StockLevel.objects.get(sku=company.sku, warehouse=company.east)
    assert (level.reserved, level.allocated) == (3 + 5, 2)
    assert caller.post("stock/holds/release", {"ids": ["cart-1"]}).json() == {"released": 0}


def test_an_unpaid_order_has_the_pieces_of_its_hold_until_the_hold_would_have_ended(
    company: Company, caller: Caller
) -> None:
    hold(caller, wish("cart-1", expires_in_s=600))
    unpaid = new_order(hold_id="cart-1", status="created", payment=None)
    unpaid.pop("paid_at")

    answer = caller.post("orders/bulk", {"orders": [unpaid]}, key="k-1")

    assert answer.json()["results"][0]["hold"] == "given"
    kept = Reservation.objects.get(state="active")
    assert (kept.holder, kept.quantity) == (f"order:{Order.objects.get().pk}", 2)
    assert kept.expires_at is not None


def test_an_order_whose_hold_is_over_is_taken_all_the_same_and_says_so(company: Company, caller: Caller) -> None:
    hold(caller, wish("cart-1"))
    caller.post("stock/holds/release", {"ids": ["cart-1"]})

    answer = caller.post("orders/bulk", {"orders": [new_order(hold_id="cart-1")]}, key="k-1")

    assert (answer.json()["results"][0]["status"], answer.json()["results"][0]["hold"]) == ("created", "gone")
    assert Order.objects.count() == 1


@pytest.mark.parametrize(
    "body",
    [
        {"holds": []},
        {"holds": [wish("a"), wish("a")]},
        {"holds": [wish("a", 0)]},
        {"holds": [wish("a", expires_in_s=1)]},
        {"holds": [wish("a", expires_in_s=10**6)]},
        {"holds": [wish("a b")]},
        {"holds": [wish("a", lines=[{"sku": "SKU-1", "quantity": 1}, {"sku": "SKU-1", "quantity": 2}])]},
        {"holds": [wish("a", colour="red")]},
    ],
)
def test_a_list_that_is_not_well_formed_holds_nothing(company: Company, caller: Caller, body: Any) -> None:
    answer = caller.post("stock/holds", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "api.invalid")
    assert reserved(company) == 3


def test_a_key_without_the_scope_holds_and_releases_nothing(company: Company, caller: Caller) -> None:
    hold(caller, wish("cart-1"))
    stranger = company.caller({company.shop: [WRITE]}, warehouses=[company.east])

    assert hold(stranger, wish("cart-2")).status_code == 403
    assert stranger.post("stock/holds/release", {"ids": ["cart-1"]}).status_code == 403
    assert reserved(company) == 3 + 2
