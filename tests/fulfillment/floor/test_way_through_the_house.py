"""An order through an own warehouse, scan by scan, and what must not happen on its way."""

from __future__ import annotations

from uuid import uuid4

import pytest

from fulfillment.models import Basket, CountLine, Parcel, PickLine, Scan, Shipment, Waybill
from fulfillment.services import decide_missing, hand_over
from fulfillment.states import ShipmentState
from ordercenter.cases.models import Case
from ordercenter.cases.services import resolve_cases
from ordercenter.events.models import OutgoingCommand
from ordercenter.inventory.models import Reservation
from ordercenter.orders.models import Order
from ordercenter.orders.services import cancel_orders
from tests.flows.outside import settle_down
from tests.fulfillment.floor.house import House, broken_invariants, state_of
from tests.ordercenter.orders.incoming import NOON


def test_an_order_goes_from_its_bin_to_the_courier_and_to_the_channel(house: House) -> None:
    shipment = house.order(("SKU-1", 2, "110.00"), ("SKU-2", 1, "52.00"))
    assert (state_of(shipment), house.stock("SKU-1")) == ("accepted", (100, 2))
    assert not OutgoingCommand.objects.exists(), "an own warehouse has nobody to send a document to"

    wave = house.wave()
    assert (state_of(shipment), wave.shipments_total, wave.pieces_total) == ("waved", 1, 3)
    answers = house.pick(wave, "6900000000001", "SKU-1", "SKU-2")
    assert [(a.say, a.params.get("baskets")) for a in answers[1:]] == [("picked", [[1, 1]])] * 3
    assert (state_of(shipment), state_of(wave)) == ("picked", "picked")

    number = house.pack(shipment, "SKU-1", "SKU-2", "6900000000001")
    assert state_of(shipment) == "weighed"
    assert house.stock("SKU-1") == (100, 2), "nothing has left yet"

    assert house.scan("hand_over", number).say == "handed_over"
    settle_down()

    order = Order.objects.get()
    assert (state_of(shipment), state_of(wave), order.state) == ("shipped", "done", "shipped")
    assert Parcel.objects.values_list("tracking_no", "weight_g").get() == (number, shipment.weight_g + 100)
    assert house.stock("SKU-1") == (98, 0)
    assert set(Reservation.objects.values_list("state", flat=True)) == {"consumed"}
    assert OutgoingCommand.objects.get().kind == "channel.tracking"
    assert broken_invariants() == {}


def test_a_wrong_a_missing_and_a_superfluous_piece_do_not_leave(house: House) -> None:
    shipment = house.order(("SKU-1", 2, "110.00"))
    wave = house.wave()

    wrong = house.scan("pick", "SKU-2", place=f"wave:{wave.pk}")
    assert (wrong.is_ok, wrong.say, wrong.params["due"]) == (False, "fulfillment.wrong_item", ["SKU-1"])
    house.pick(wave, "SKU-1", "SKU-1")
    assert house.scan("pick", "SKU-1").say == "fulfillment.too_many_pieces"

    house.scan("check", shipment.code)
    assert house.scan("check", "SKU-1").say == "checked"
    assert house.scan("check", "ZT0000000099").say == "fulfillment.scan_unknown", "a piece is still missing"
    assert house.scan("check", "SKU-3").say == "fulfillment.wrong_item"
    assert house.scan("hand_over", shipment.code).say == "fulfillment.step_not_due"
    assert house.scan("check", "SKU-1").say == "all_checked"
    assert house.scan("check", "SKU-1").say == "fulfillment.too_many_pieces"
    assert house.scan("hand_over", shipment.code).say == "fulfillment.step_not_due"
    refused = hand_over(shipment_ids=[shipment.pk]).refused
    assert [refusal.code for refusal in refused] == ["fulfillment.step_not_due"]

    assert (state_of(shipment), Parcel.objects.count(), house.stock("SKU-1")) == ("checked", 0, (100, 2))


def test_one_number_goes_on_one_parcel_and_the_waybill_has_to_be_its_own(house: House) -> None:
    first, second = house.order(("SKU-1", 1, "55.00")), house.order(("SKU-2", 1, "52.00"))
    carrier = house.world.carrier
    Waybill.objects.create(shipment=second, carrier=carrier, number="YT9999999999", state="assigned")
    wave = house.wave()
    house.pick(wave, "SKU-1", "SKU-2")
    number = house.pack(first, "SKU-1")

    for text in (second.code, "SKU-2"):
        assert house.scan("check", text).is_ok
    assert house.scan("check", "hello").say == "fulfillment.tracking_unreadable"
    assert house.scan("check", "ZT0000000042").say == "fulfillment.wrong_waybill"
    Waybill.objects.all().delete()
    assert house.scan("check", number, place=f"shipment:{second.pk}").say == "shipment_opened", "it is the other's"
    assert Basket.objects.exclude(tracking_no="").count() == 1
    assert house.scan("check", "zt0000000077", place=f"shipment:{second.pk}").say == "packed"
    assert Basket.objects.get(shipment=second).tracking_no == "ZT0000000077"


def test_a_parcel_of_the_wrong_weight_stays_until_somebody_lets_it_pass(house: House) -> None:
    shipment = house.order(("SKU-1", 1, "55.00"))
    house.pick(house.wave(), "SKU-1")
    for text in (shipment.code, "SKU-1", "ZT0000000001"):
        house.scan("check", text)

    assert house.scan("check", "heavy").say == "fulfillment.weight_unreadable"
    wrong = house.scan("check", "0.9")
    assert (wrong.is_ok, wrong.say) == (False, "fulfillment.weight_differs")
    assert wrong.params == {"shipment": shipment.code, "weight_g": 900, "expected_g": 500, "allowed_g": 50}
    assert house.scan("hand_over", shipment.code).say == "fulfillment.step_not_due"
    case = Case.objects.get()
    assert (case.code, case.evidence, state_of(shipment)) == (
        "WEIGHT_MISMATCH",
        {"weight_g": 900, "expected_g": 500},
        "packed",
    )

    resolve_cases(case_ids=[case.pk], resolution="thick box", at=NOON, actor=house.actor)
    assert house.scan("check", "0.91").say == "weighed"
    assert (state_of(shipment), Basket.objects.get().weight_g) == ("weighed", 910)


def test_a_scan_sent_again_changes_nothing_and_gets_the_first_answer(house: House) -> None:
    house.order(("SKU-1", 3, "165.00"))
    wave = house.wave()
    scan_id = uuid4()

    first = house.scan("pick", "SKU-1", place=f"wave:{wave.pk}", id=scan_id)
    again = house.scan("pick", "SKU-1", place=f"wave:{wave.pk}", id=scan_id)
    wrong_id = uuid4()
    wrong = [house.scan("pick", "SKU-2", place=f"wave:{wave.pk}", id=wrong_id) for _ in range(2)]

    assert (first.was_known, again.was_known, first.params) == (False, True, again.params)
    assert [(a.say, a.was_known) for a in wrong] == [
        ("fulfillment.wrong_item", False),
        ("fulfillment.wrong_item", True),
    ]
    assert PickLine.objects.get().picked == 1
    assert Scan.objects.count() == 2


def test_each_last_scan_can_be_taken_back_up_to_the_hand_over(house: House) -> None:
    shipment = house.order(("SKU-1", 1, "55.00"))
    wave = house.wave()
    house.pick(wave, "SKU-1")
    number = house.pack(shipment, "SKU-1")
    seen = [state_of(shipment)]

    for _ in range(4):
        assert house.scan("undo", "").say == "undone"
        seen.append(state_of(shipment))

    assert seen == ["weighed", "packed", "checked", "picked", "picking"]
    line = PickLine.objects.get()
    assert (line.picked, line.checked, state_of(wave)) == (0, 0, "picking")
    assert house.scan("undo", "").say == "fulfillment.nothing_to_undo"
    house.pick(wave, "SKU-1")
    number = house.pack(shipment, "SKU-1")
    house.scan("hand_over", number)
    assert house.scan("undo", "").say == "fulfillment.nothing_to_undo"
    assert state_of(shipment) == "shipped"


def test_a_cancelled_order_is_stopped_wherever_it_is_and_put_back(house: House) -> None:
    waiting, waved, packed = (house.order((f"SKU-{n}", 1, "55.00")) for n in (1, 2, 3))
    orders = {s.pk: s.lines.values_list("order_id", flat=True)[0] for s in (waiting, waved, packed)}
    cancel_orders(order_ids=[orders[waiting.pk]], reason="changed her mind")
    settle_down()
    assert (state_of(waiting), house.stock("SKU-1")) == ("cancelled", (100, 0))

    wave = house.wave()
    house.pick(wave, "SKU-3")
    number = house.pack(packed, "SKU-3")
    cancel_orders(order_ids=[orders[waved.pk], orders[packed.pk]], reason="changed her mind")
    assert house.scan("hand_over", number).say == "fulfillment.shipment_stopped", "before the stop has reached it"
    settle_down()

    assert (state_of(waved), state_of(packed)) == ("cancelled", "to_put_back")
    assert house.stock("SKU-3") == (100, 1), "in the box, it cannot be promised to anybody"
    assert house.scan("pick", "SKU-2", place=f"wave:{wave.pk}").say == "fulfillment.too_many_pieces"
    assert house.scan("check", packed.code).say == "fulfillment.shipment_stopped"
    assert house.scan("hand_over", number).say == "fulfillment.shipment_stopped"
    assert house.scan("put_back", number).say == "put_back"
    settle_down()

    assert (state_of(packed), state_of(wave), house.stock("SKU-3")) == ("cancelled", "done", (100, 0))
    assert not Parcel.objects.exists()
    assert set(Shipment.objects.values_list("state", flat=True)) == {ShipmentState.CANCELLED}
    assert broken_invariants() == {}


@pytest.mark.parametrize("ship_rest", [True, False])
def test_missing_goods_are_a_case_a_count_and_a_decision(house: House, ship_rest: bool) -> None:
    shipment = house.order(("SKU-1", 2, "110.00"), ("SKU-2", 1, "52.00"))
    wave = house.wave()
    house.pick(wave, "SKU-1", "SKU-2")
    answer = house.scan("short", "SKU-1")
    assert (answer.say, answer.params["pieces"], state_of(shipment)) == ("missing", 1, "short_picked")
    assert Case.objects.get().code == "SHORT_PICK"
    assert CountLine.objects.get().sku.code == "SKU-1"
    assert house.scan("check", shipment.code).say == "fulfillment.step_not_due"

    decide_missing(shipment_id=shipment.pk, ship_rest=ship_rest, reason="looked everywhere", actor=house.actor)
    assert not Case.objects.filter(subject=f"shipment:{shipment.pk}", state="open").exists()
    if ship_rest:
        assert state_of(shipment) == "picked"
        number = house.pack(shipment, "SKU-1", "SKU-2", weight="0.9")
        house.scan("hand_over", number)
        settle_down()
        assert list(Order.objects.get().lines.order_by("line_no").values_list("shipped", "unplanned")) == [
            (1, 1),
            (1, 0),
        ]
        assert house.stock("SKU-1") == (99, 0)
    else:
        assert state_of(shipment) == "to_put_back"
        assert house.scan("put_back", shipment.code).is_ok
        settle_down()
        assert (state_of(shipment), Order.objects.get().state) == ("cancelled", "approved")
        assert house.stock("SKU-1") == (100, 0)
    assert broken_invariants() == {}


def test_missing_goods_that_are_found_go_on_as_if_nothing_had_been(house: House) -> None:
    shipment = house.order(("SKU-1", 2, "110.00"))
    wave = house.wave()
    house.pick(wave, "SKU-1")
    house.scan("short", "SKU-1")

    assert house.scan("undo", "").say == "undone"

    assert state_of(shipment) == "picking"
    assert not Case.objects.filter(state="open").exists()
    house.pick(wave, "SKU-1")
    assert state_of(shipment) == "picked"


def test_a_label_of_no_parcel_is_named_as_such_where_parcels_leave(house: House) -> None:
    assert house.scan("hand_over", "YT000").say == "fulfillment.label_unknown"
