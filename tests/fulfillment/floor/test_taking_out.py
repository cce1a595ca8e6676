"""One order of a shared basket is cancelled: its pieces go back into their bins, the others go on with their basket."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from fulfillment.models import Basket, Parcel, Shipment
from fulfillment.services import unmerge_orders
from fulfillment.services.stopping import stop_shipments
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.models import Case
from ordercenter.common.actor import Actor
from ordercenter.orders.models import GiftRule, Order
from ordercenter.orders.services import cancel_orders
from tests.flows.outside import settle_down
from tests.flows.siblings import order_of, siblings
from tests.fulfillment.floor.house import House, broken_invariants, state_of

LIN = Actor("test", "lin")


@pytest.fixture
def trades(house: House) -> list[dict[str, Any]]:
    """Two orders in one shipment: SKU-1 of the first, SKU-2 of the second."""
    both = siblings(house.world, "SKU-1", "SKU-2")
    house.world.deliver(*both)
    settle_down()
    assert Shipment.objects.count() == 1
    return both


def cancel(trade: dict[str, Any]) -> None:
    cancel_orders(order_ids=[order_of(trade).pk], reason="changed her mind").raise_first()
    settle_down()


def ways(house: House) -> list[tuple[str, list[str]]]:
    return [(s.state, sorted(s.lines.values_list("sku__code", flat=True))) for s in Shipment.objects.order_by("pk")]


def test_nothing_was_picked_yet_and_the_basket_stays_in_its_wave(house: House, trades: list[dict[str, Any]]) -> None:
    wave = house.wave()

    cancel(trades[0])

    assert ways(house) == [("waved", ["SKU-2"]), ("cancelled", ["SKU-1"])]
    assert house.stock("SKU-1") == (100, 0)
    house.pick(wave, "SKU-2")
    assert house.scan("pick", "SKU-1", place=f"wave:{wave.pk}").say == "fulfillment.too_many_pieces"
    kept = Shipment.objects.order_by("pk")[0]
    house.scan("hand_over", house.pack(kept, "SKU-2"))
    settle_down()
    assert (order_of(trades[1]).state, state_of(wave), broken_invariants()) == ("shipped", "done", {})


def test_a_closed_box_is_opened_checked_anew_and_leaves_with_what_is_left(
    house: House, trades: list[dict[str, Any]]
) -> None:
    wave = house.wave()
    house.pick(wave, "SKU-1", "SKU-2")
    kept = Shipment.objects.get()
    number = house.pack(kept, "SKU-1", "SKU-2")
    assert state_of(kept) == "weighed"

    cancel(trades[0])

    assert ways(house) == [("picked", ["SKU-2"]), ("to_put_back", ["SKU-1"])]
    assert house.stock("SKU-1") == (100, 1), "in somebody's hands, it cannot be promised"
    assert Basket.objects.get(shipment=kept).tracking_no == ""
    assert house.scan("hand_over", number).say != "handed_over"
    kept.refresh_from_db()
    assert house.scan("check", kept.code).is_ok
    assert house.scan("check", "SKU-1").say == "fulfillment.wrong_item", "it is not of this box any more"

    label = f"{wave.code}-01"
    assert house.scan("put_back", label).say == "put_back"
    assert house.scan("put_back", label).say == "fulfillment.step_not_due", "there is nothing more to put back"
    settle_down()
    assert (house.stock("SKU-1"), ways(house)[1]) == ((100, 0), ("cancelled", ["SKU-1"]))

    house.scan("hand_over", house.pack(kept, "SKU-2"))
    settle_down()
    assert (order_of(trades[0]).state, order_of(trades[1]).state) == ("cancelled", "shipped")
    assert [n.amount for n in kept.lines.all()] == [Decimal("50.00")]
    assert (house.stock("SKU-2"), Parcel.objects.count(), state_of(wave)) == ((99, 0), 1, "done")
    assert broken_invariants() == {}


def test_who_is_to_travel_alone_leaves_a_basket_in_hand_and_the_other_goes_on_with_it(
    house: House, trades: list[dict[str, Any]]
) -> None:
    wave = house.wave()
    house.pick(wave, "SKU-1", "SKU-2")
    kept = Shipment.objects.get()

    unmerge_orders(order_ids=[order_of(trades[0]).pk], reason="a present", actor=LIN).raise_first()
    settle_down()

    assert ways(house) == [("picked", ["SKU-2"]), ("to_put_back", ["SKU-1"])]
    kept.refresh_from_db()
    assert house.scan("check", kept.code).is_ok
    assert house.scan("put_back", f"{wave.code}-01").say == "put_back"
    settle_down()
    assert ways(house)[1:] == [("cancelled", ["SKU-1"]), ("accepted", ["SKU-1"])]
    house.scan("hand_over", house.pack(kept, "SKU-2"))
    settle_down()
    assert (order_of(trades[0]).state, order_of(trades[1]).state) == ("in_fulfillment", "shipped")
    assert broken_invariants() == {}


def test_who_is_to_travel_alone_leaves_a_basket_that_nobody_has_picked_at_once(
    house: House, trades: list[dict[str, Any]]
) -> None:
    house.wave()

    unmerge_orders(order_ids=[order_of(trades[0]).pk], reason="a present", actor=LIN).raise_first()
    settle_down()

    assert ways(house) == [("waved", ["SKU-2"]), ("cancelled", ["SKU-1"]), ("accepted", ["SKU-1"])]
    assert broken_invariants() == {}


def test_the_missing_piece_was_the_cancelled_orders_and_the_other_goes_on(
    house: House, trades: list[dict[str, Any]]
) -> None:
    wave = house.wave()
    house.pick(wave, "SKU-2")
    house.scan("short", "SKU-1")
    kept = Shipment.objects.get()
    assert (state_of(kept), Case.objects.get(closed_at__isnull=True).code) == ("short_picked", "SHORT_PICK")

    cancel(trades[0])

    assert ways(house) == [("picked", ["SKU-2"]), ("cancelled", ["SKU-1"])]
    assert not Case.objects.filter(closed_at__isnull=True, code="SHORT_PICK").exists()
    assert broken_invariants() == {}


def test_all_orders_of_a_basket_cancelled_put_the_whole_of_it_back(house: House, trades: list[dict[str, Any]]) -> None:
    wave = house.wave()
    house.pick(wave, "SKU-1", "SKU-2")

    cancel_orders(order_ids=[order_of(t).pk for t in trades], reason="changed her mind")
    settle_down()

    assert ways(house) in (
        [("to_put_back", ["SKU-1", "SKU-2"])],
        [("to_put_back", ["SKU-2"]), ("to_put_back", ["SKU-1"])],
        [("to_put_back", ["SKU-1"]), ("to_put_back", ["SKU-2"])],
    )
    for shipment in Shipment.objects.order_by("pk"):
        assert house.scan("put_back", shipment.code).is_ok
    settle_down()
    assert (house.stock("SKU-1"), house.stock("SKU-2"), state_of(wave)) == ((100, 0), (100, 0), "done")
    assert broken_invariants() == {}


def test_of_three_in_a_basket_two_leave_one_after_the_other(house: House) -> None:
    three = siblings(house.world, "SKU-1", "SKU-2", "SKU-3")
    house.world.deliver(*three)
    settle_down()
    wave = house.wave()
    house.pick(wave, "SKU-1", "SKU-2", "SKU-3")

    cancel(three[0])
    cancel(three[2])

    assert ways(house) == [("picked", ["SKU-2"]), ("to_put_back", ["SKU-1"]), ("to_put_back", ["SKU-3"])]
    assert sorted(Basket.objects.values_list("number", flat=True)) == [1, 2, 3]
    label = f"{wave.code}-01"
    assert [house.scan("put_back", label).say for _ in range(2)] == ["put_back", "put_back"]
    settle_down()
    assert [Order.objects.get(pk=order_of(t).pk).state for t in three] == ["cancelled", "in_fulfillment", "cancelled"]
    assert broken_invariants() == {}


def test_an_order_asked_back_waits_for_a_decision_and_the_other_leaves(
    house: House, trades: list[dict[str, Any]]
) -> None:
    wave = house.wave()
    house.pick(wave, "SKU-1", "SKU-2")
    with unit_of_work(actor=LIN) as work:
        stop_shipments(order_ids=[order_of(trades[0]).pk], reason="wrong label", work=work)
    kept = Shipment.objects.get(state="picked")
    house.scan("hand_over", house.pack(kept, "SKU-2"))
    assert house.scan("put_back", f"{wave.code}-01").is_ok
    settle_down()

    assert (order_of(trades[0]).state, order_of(trades[0]).is_on_hold) == ("approved", True)
    assert (order_of(trades[1]).state, broken_invariants()) == ("shipped", {})


def gift_from(house: House, value: str) -> None:
    rule = GiftRule.objects.create(name="gift", kind="amount", valid_from=timezone.now() - timedelta(days=400))
    rule.tiers.create(from_value=Decimal(value), sku=house.world.skus[9], quantity=1)


@pytest.mark.parametrize(
    ("value", "goes", "left"),
    [
        pytest.param("90", 1, ["SKU-1"], id="what they earned only together is due no more"),
        pytest.param("40", 0, ["SKU-2", "SKU-9"], id="who goes has the gift that the other earns too"),
    ],
)
def test_a_basket_whose_gifts_change_is_put_back_and_who_stays_leaves_with_what_is_due(
    house: House, value: str, goes: int, left: list[str]
) -> None:
    gift_from(house, value)
    both = siblings(house.world, "SKU-1", "SKU-2")
    house.world.deliver(*both)
    settle_down()
    wave = house.wave()
    kept = Shipment.objects.get()
    house.pick(wave, "SKU-1", "SKU-2", "SKU-9")
    assert state_of(kept) == "picked"

    cancel(both[goes])

    assert ways(house) == [("to_put_back", ["SKU-1", "SKU-2", "SKU-9"])]
    assert house.scan("put_back", f"{wave.code}-01").say == "put_back"
    settle_down()
    assert ways(house)[1:] == [("accepted", left)]
    wave = house.wave()
    house.pick(wave, *left)
    house.scan("hand_over", house.pack(Shipment.objects.order_by("pk")[1], *left))
    settle_down()
    assert order_of(both[1 - goes]).state == "shipped"
    assert house.stock("SKU-9") == ((99, 0) if "SKU-9" in left else (100, 0))
    assert not Case.objects.filter(closed_at__isnull=True).exists()
    assert broken_invariants() == {}


def test_a_basket_whose_gifts_stay_as_they_are_is_not_put_back(house: House) -> None:
    gift_from(house, "90")
    first, second = siblings(house.world, "SKU-1", "SKU-2")
    third = siblings(house.world, "SKU-3")[0]
    house.world.deliver(first, second, third)
    settle_down()
    house.pick(house.wave(), "SKU-1", "SKU-2", "SKU-3", "SKU-9")

    cancel(third)

    assert ways(house) == [("picked", ["SKU-1", "SKU-2", "SKU-9"]), ("to_put_back", ["SKU-3"])]
    assert broken_invariants() == {}


def test_a_gift_that_was_theirs_only_together_goes_with_the_order_that_has_it(house: House) -> None:
    gift_from(house, "90")
    first, second = siblings(house.world, "SKU-1", "SKU-2")
    house.world.deliver(first, second)
    settle_down()
    house.pick(house.wave(), "SKU-1", "SKU-2", "SKU-9")

    cancel(first)

    assert ways(house) == [("picked", ["SKU-2"]), ("to_put_back", ["SKU-1", "SKU-9"])]
    assert broken_invariants() == {}
