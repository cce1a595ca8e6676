"""Parcels through the API: who travels with whom, and what a refusal leaves as it was."""

from __future__ import annotations

from datetime import time
from typing import Any

import pytest

from fulfillment.models import Shipment, SplitWish, WarehouseCalendar
from fulfillment.services.routing_rules import install_rules
from ordercenter.audit.models import Deed
from ordercenter.catalog.api_keys import create_key
from ordercenter.catalog.models import Shop
from ordercenter.common.actor import SYSTEM
from ordercenter.orders.models import Order, ParcelPolicy
from tests.flows.outside import answer_everything, settle_down
from tests.flows.siblings import broken, order_of, parcels, siblings
from tests.flows.world import World
from tests.fulfillment.routing.rule_documents import document, rule
from tests.ordercenter.api.company import READ, Caller

pytestmark = pytest.mark.django_db
ARRANGE = "parcels:write"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """What is planned waits for the wave."""
    answer_everything(monkeypatch)
    world = World(stock=10)
    for warehouse in (world.east, world.south):
        WarehouseCalendar.objects.create(warehouse=warehouse, waves=[time(0), time(8), time(16)])
    install_rules(document(rule("hold_release", "wave")))
    return world


def caller(world: World, *scopes: str) -> Caller:
    return Caller(create_key(name="ERP", grants={world.shop.pk: list(scopes)}, actor=SYSTEM)[1])


@pytest.fixture
def erp(world: World) -> Caller:
    return caller(world, READ, ARRANGE)


def apart(world: World, *skus: str) -> list[Order]:
    """Planned orders of one buyer to one address, each in a parcel of its own."""
    ParcelPolicy.objects.update_or_create(shop=world.shop, defaults={"merges": False})
    trades = siblings(world, *skus)
    world.deliver(*trades)
    settle_down()
    ParcelPolicy.objects.update(merges=True)
    return [order_of(trade) for trade in trades]


def test_planned_orders_are_merged_and_taken_apart_again(world: World, erp: Caller) -> None:
    first, second = apart(world, "SKU-1", "SKU-2")
    assert parcels() == [("planned", ["1"]), ("planned", ["2"])]

    answer = erp.post("orders/merge", {"order_ids": [first.pk, second.pk], "reason": "the buyer asked for it"})

    assert answer.status_code == 200
    assert parcels() == [("cancelled", ["1"]), ("cancelled", ["2"]), ("planned", ["1", "2"])]
    together = answer.json()["shipments"][-1]
    shipment = Shipment.objects.get(state="planned")
    assert (together["code"], together["state"], together["warehouse"]) == (shipment.code, "planned", "EAST")
    assert [(n["order_id"], n["line_no"], n["sku"], n["quantity"], n["amount"]) for n in together["lines"]] == [
        (first.pk, 1, "SKU-1", 1, "50.00"),
        (second.pk, 1, "SKU-2", 1, "50.00"),
    ]
    deeds = Deed.objects.filter(action="order.merge").order_by("subject")
    assert list(deeds.values_list("subject", "reason")) == [
        (f"order:{first.pk}", "the buyer asked for it"),
        (f"order:{second.pk}", "the buyer asked for it"),
    ]

    answer = erp.post(f"orders/{first.pk}/unmerge", {"reason": "after all not"})
    assert (answer.status_code, sorted(parcels()[3:])) == (200, [("planned", ["1"]), ("planned", ["2"])])
    assert [s["state"] for s in answer.json()["shipments"]] == ["cancelled", "cancelled", "planned"]
    assert broken() == {}

    again = erp.post(f"orders/{first.pk}/unmerge", {"reason": "once more"})
    assert (again.status_code, again.json()["code"]) == (409, "fulfillment.not_in_company")


def test_orders_that_wait_for_each_other_are_merged_at_once(world: World, erp: Caller) -> None:
    ParcelPolicy.objects.create(shop=world.shop, window_min=600)
    (first,) = siblings(world, "SKU-1")
    world.deliver(first)
    settle_down()
    (held,) = siblings(world, "SKU-2", buyer_message="请放门口", has_buyer_message=True)
    world.deliver(held)
    settle_down()
    (second,) = siblings(world, "SKU-3")
    world.deliver(second)
    settle_down()
    assert parcels() == []

    ids = [order_of(first).pk, order_of(second).pk]
    assert erp.post("orders/merge", {"order_ids": ids, "reason": "now"}).status_code == 200
    settle_down()

    assert parcels() == [("planned", ["1", "3"])]
    assert broken() == {}


def test_what_cannot_travel_together_is_refused_and_nothing_changes(world: World, erp: Caller) -> None:
    first, second = apart(world, "SKU-1", "SKU-2")
    world.stock({"SKU-4": -10}, warehouse=world.east, key="gone")
    (south,) = apart(world, "SKU-4")
    world.deliver(world.trade(("SKU-5", 1, "50.00")))
    settle_down()
    stranger = Order.objects.order_by("-pk")[0]

    def refused(*orders: Order) -> tuple[int, str, Any]:
        answer = erp.post("orders/merge", {"order_ids": [o.pk for o in orders], "reason": "try"})
        return answer.status_code, answer.json()["code"], answer.json()["data"]["problem"]

    assert refused(first, stranger) == (409, "fulfillment.merge_impossible", "receiver")
    assert refused(first, south) == (409, "fulfillment.merge_impossible", "warehouse")
    assert refused(first, first) == (409, "fulfillment.merge_impossible", "one")
    Shipment.objects.filter(lines__order=second).update(state="accepted")
    assert refused(first, second) == (409, "fulfillment.merge_impossible", "begun")
    Shipment.objects.filter(lines__order=second).update(state="shipped")
    assert refused(first, second) == (409, "fulfillment.merge_impossible", "gone")
    assert [state for state, _orders in parcels()] == ["planned", "shipped", "planned", "planned"]
    assert not Deed.objects.filter(action="order.merge").exists()


def test_an_order_is_split_into_parcels_and_put_together_again(world: World, erp: Caller) -> None:
    world.deliver(world.trade(("SKU-1", 3, "100.00"), ("SKU-2", 1, "50.00")))
    settle_down()
    order = Order.objects.get()
    box = {"lines": [{"line_no": 1, "quantity": 1}]}

    answer = erp.post(f"orders/{order.pk}/split", {"boxes": [box], "reason": "too heavy"})

    assert answer.status_code == 200
    live = [s for s in answer.json()["shipments"] if s["state"] == "planned"]
    assert [[(n["line_no"], n["quantity"], n["amount"]) for n in s["lines"]] for s in live] == [
        [(1, 2, "66.67"), (2, 1, "50.00")],
        [(1, 1, "33.33")],
    ]
    assert broken() == {}

    for boxes, problem in (
        ([{"lines": [{"line_no": 9, "quantity": 1}]}], "unknown_line"),
        ([{"lines": [{"line_no": 1, "quantity": 4}]}], "too_many"),
        ([{"lines": [{"line_no": 1, "quantity": 3}, {"line_no": 2, "quantity": 1}]}], "nothing_left"),
    ):
        refused = erp.post(f"orders/{order.pk}/split", {"boxes": boxes, "reason": "try"})
        assert (refused.status_code, refused.json()["data"]["problem"]) == (409, problem)
    assert SplitWish.objects.get().quantity == 1

    assert erp.post(f"orders/{order.pk}/split", {"boxes": [], "reason": "fits"}).status_code == 200
    assert [state for state, _orders in parcels()] == ["cancelled", "cancelled", "cancelled", "planned"]
    assert broken() == {}


def test_bodies_with_mistakes_name_the_field(world: World, erp: Caller) -> None:
    (order,) = apart(world, "SKU-1")

    def fields(path: str, body: Any) -> list[str]:
        answer = erp.post(path, body)
        assert answer.status_code == 400
        return sorted(error["field"] for error in answer.json()["errors"])

    assert fields("orders/merge", {"order_ids": [order.pk], "reason": "x"}) == ["order_ids"]
    assert fields("orders/merge", {"order_ids": [order.pk, "2"], "reason": " "}) == ["order_ids.1", "reason"]
    assert fields(f"orders/{order.pk}/split", {"boxes": [{"lines": []}], "reason": "x"}) == ["boxes.0.lines"]
    assert fields(f"orders/{order.pk}/split", {"reason": "x", "box": []}) == ["box", "boxes"]
    assert fields(f"orders/{order.pk}/unmerge", {}) == ["reason"]


def test_a_key_needs_the_scope_in_the_orders_shop(world: World) -> None:
    first, second = apart(world, "SKU-1", "SKU-2")
    writer = caller(world, READ, "orders:write")
    body = {"order_ids": [first.pk, second.pk], "reason": "x"}

    assert writer.post("orders/merge", body).status_code == 403
    assert writer.get(f"orders/{first.pk}/shipments").json()["shipments"][0]["lines"][0]["sku"] == "SKU-1"
    assert caller(world, ARRANGE).get(f"orders/{first.pk}/shipments").status_code == 403
    other = Shop.objects.create(channel=world.shop.channel, code="tm2", name="二店")
    stranger = Caller(create_key(name="other", grants={other.pk: [READ, ARRANGE]}, actor=SYSTEM)[1])
    assert stranger.post("orders/merge", body).status_code == 404
    assert stranger.get(f"orders/{first.pk}/shipments").status_code == 404
    assert parcels() == [("planned", ["1"]), ("planned", ["2"])]
