"""Blind counts into the books, and goods that come back to the dock."""

from __future__ import annotations

import pytest

from fulfillment.floor_errors import NotCountedYet
from fulfillment.models import CountLine, InboundOrder
from fulfillment.services import make_count, post_count
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.models import Case
from ordercenter.inventory.models import StockLevel, StockMovement
from ordercenter.orders.models import Order
from tests.flows.outside import settle_down
from tests.fulfillment.floor.house import House, broken_invariants, state_of


def test_differences_of_a_count_are_booked_once_with_their_reason(house: House) -> None:
    house.order(("SKU-1", 2, "110.00"))
    house.pick(house.wave(), "SKU-1")
    skus = house.world.skus
    count = make_count(warehouse_id=house.warehouse.pk, sku_ids=[skus[1].pk, skus[2].pk], actor=house.actor)

    assert house.scan("count", count.code).say == "count_opened"
    for text, pieces in (("SKU-1", 90), ("SKU-1", 8), ("6900000000002", 100)):
        house.scan("count", text, pieces=pieces)
    assert CountLine.objects.get(sku=skus[1]).books == 99, "one piece is in a basket, not in the bin"
    house.pick(house.wave_of_first(), "SKU-1")
    with pytest.raises(ReasonMissing):
        post_count(count_id=count.pk, reason=" ", actor=house.actor)
    post_count(count_id=count.pk, reason="yearly count", actor=house.actor)

    assert (house.stock("SKU-1"), house.stock("SKU-2")) == ((99, 2), (100, 0))
    movement = StockMovement.objects.get(ref=count.code)
    assert (movement.delta, movement.reason, movement.note) == (-1, "count", "yearly count")
    assert state_of(count) == "posted"
    assert house.scan("count", "SKU-1").say == "fulfillment.count_not_open"
    assert broken_invariants() == {}


def test_what_nobody_has_counted_is_not_posted_and_zero_is_a_count(house: House) -> None:
    skus = house.world.skus
    count = make_count(warehouse_id=house.warehouse.pk, sku_ids=[skus[1].pk, skus[2].pk])
    house.scan("count", "SKU-1", pieces=0, place=f"count:{count.pk}")

    with pytest.raises(NotCountedYet):
        post_count(count_id=count.pk, reason="x", actor=house.actor)
    assert house.stock("SKU-1") == (100, 0)

    house.scan("count", "SKU-2", pieces=100)
    house.scan("undo", "")
    assert CountLine.objects.get(sku=skus[2]).counted is None
    house.scan("count", "SKU-2", pieces=101)
    post_count(count_id=count.pk, reason="x", actor=house.actor)
    assert (house.stock("SKU-1"), house.stock("SKU-2")) == ((0, 0), (101, 0))


def test_a_count_below_what_is_promised_is_a_case_and_the_rest_is_booked(house: House) -> None:
    house.order(("SKU-1", 2, "110.00"))
    skus = house.world.skus
    count = make_count(warehouse_id=house.warehouse.pk, sku_ids=[skus[1].pk, skus[2].pk])
    for text, pieces in (("SKU-1", 1), ("SKU-2", 99)):
        house.scan("count", text, pieces=pieces, place=f"count:{count.pk}")

    post_count(count_id=count.pk, reason="x", actor=house.actor)

    assert (house.stock("SKU-1"), house.stock("SKU-2")) == ((100, 2), (99, 0))
    assert Case.objects.get().code == "STOCK_DIFFERENCE"
    assert CountLine.objects.get(sku=skus[1]).problem


def shipped(house: House) -> str:
    """An order of three pieces that has left; its tracking number."""
    shipment = house.order(("SKU-1", 2, "110.00"), ("SKU-2", 1, "52.00"))
    house.pick(house.wave(), "SKU-1", "SKU-1", "SKU-2")
    number = house.pack(shipment, "SKU-1", "SKU-1", "SKU-2")
    house.scan("hand_over", number)
    settle_down()
    return number


def test_a_parcel_that_comes_back_is_graded_and_put_away(house: House) -> None:
    number = shipped(house)
    assert house.stock("SKU-1") == (98, 0)

    assert house.scan("receive", number).say == "parcel_opened"
    house.scan("receive", "SKU-1")
    house.scan("receive", "SKU-1", grade="defective")
    wrong = house.scan("receive", "SKU-2", grade="quarantine")
    assert wrong.params["bin"] == "A-01-02"
    assert house.scan("undo", "").say == "undone"
    house.scan("receive", "SKU-2")
    assert house.stock("SKU-1") == (98, 0), "nothing is in the stock before the parcel is done"
    assert house.scan("receive", "#done").say == "received"

    level = StockLevel.objects.get(sku__code="SKU-1", warehouse=house.warehouse)
    assert (level.on_hand, level.damaged, house.stock("SKU-2")) == (99, 1, (100, 0))
    assert list(Order.objects.get().lines.order_by("line_no").values_list("returned", flat=True)) == [2, 1]
    assert Case.objects.get().code == "INBOUND_DIFFERENCE", "a defective piece is told"
    assert InboundOrder.objects.get().state == "received"
    assert house.scan("undo", "").say == "fulfillment.nothing_to_undo"
    assert broken_invariants() == {}


def test_no_more_of_an_order_comes_back_than_has_left(house: House) -> None:
    number = shipped(house)
    house.scan("receive", number)
    assert house.scan("receive", "SKU-2", pieces=3).params["is_more"] is True
    house.scan("receive", "#done")

    assert Order.objects.get().lines.get(line_no=2).returned == 1
    assert house.stock("SKU-2") == (102, 0), "what lies there is counted all the same"


def test_an_unknown_parcel_is_a_case_and_nonsense_is_none(house: House) -> None:
    assert house.scan("receive", "SKU-1").say == "fulfillment.nothing_opened"
    assert house.scan("receive", "hello").say == "fulfillment.scan_unknown"
    assert not InboundOrder.objects.exists()

    assert house.scan("receive", "YT0001112223").say == "parcel_unknown"
    assert house.scan("receive", "yt0001112223").say == "parcel_unknown", "the same parcel, not another"
    house.scan("receive", "SKU-1")
    house.scan("receive", "#done")

    assert InboundOrder.objects.count() == 1
    assert (Case.objects.get().code, house.stock("SKU-1")) == ("PARCEL_UNKNOWN", (101, 0))
