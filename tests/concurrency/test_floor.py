"""Several at one instant on one floor: scanners on one shipment, cancel against hand-over, two who make waves."""

from __future__ import annotations

from functools import partial
from uuid import uuid4

import pytest

from fulfillment.models import Parcel, PickLine, Scan, Shipment
from fulfillment.services import make_waves
from ordercenter.events.relay import Relay
from ordercenter.orders.services import cancel_orders
from tests.concurrency.threads import at_once, deadlocks, errors
from tests.flows.outside import answer_everything, settle_down
from tests.flows.siblings import order_of, siblings
from tests.fulfillment.floor.house import House, broken_invariants, state_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    answer_everything(monkeypatch)
    return House()


def test_two_scanners_on_one_shipment_take_no_piece_twice(house: House) -> None:
    house.order(("SKU-1", 5, "275.00"))
    wave = house.wave()
    before = deadlocks()

    answers = at_once(
        *(partial(house.scan, "pick", "SKU-1", place=f"wave:{wave.pk}", device=f"d{n}") for n in range(8))
    )

    assert errors(answers) == []
    assert sorted(answer.say for answer in answers) == ["fulfillment.too_many_pieces"] * 3 + ["picked"] * 5
    assert PickLine.objects.get().picked == 5
    assert (state_of(Shipment.objects.get()), state_of(wave), deadlocks()) == ("picked", "picked", before)


def test_one_scan_sent_twice_at_one_instant_counts_once(house: House) -> None:
    house.order(("SKU-1", 5, "275.00"))
    wave = house.wave()
    scan_id = uuid4()
    answers = at_once(*[partial(house.scan, "pick", "SKU-1", place=f"wave:{wave.pk}", id=scan_id)] * 4)

    assert errors(answers) == []
    assert sorted(answer.was_known for answer in answers) == [False, True, True, True]
    assert (PickLine.objects.get().picked, Scan.objects.count()) == (1, 1)


def test_cancel_and_hand_over_at_one_instant_have_one_winner(house: House) -> None:
    shipments = [house.order((f"SKU-{n}", 1, "55.00")) for n in range(8)]
    wave = house.wave(most=50)
    house.pick(wave, *(f"SKU-{n}" for n in range(8)))
    numbers = [house.pack(shipment, f"SKU-{n}") for n, shipment in enumerate(shipments)]
    before = deadlocks()

    won = set()
    for shipment, number in zip(shipments, numbers, strict=True):
        order_id = shipment.lines.values_list("order_id", flat=True)[0]
        cancelled, handed = at_once(
            partial(cancel_orders, order_ids=[order_id], reason="changed her mind"),
            partial(house.scan, "hand_over", number),
        )
        settle_down()
        pair = (bool(cancelled.done), handed.is_ok, state_of(shipment))
        assert pair in [(True, False, "to_put_back"), (False, True, "shipped")]
        won.add(pair)
        assert Parcel.objects.filter(shipment=shipment).exists() == handed.is_ok
        if not handed.is_ok:
            assert house.scan("put_back", number).is_ok
    settle_down()

    assert deadlocks() == before
    assert state_of(wave) == "done"
    assert broken_invariants() == {}


def test_a_member_of_a_shared_basket_is_cancelled_while_it_is_handed_over_and_one_of_both_wins(house: House) -> None:
    before = deadlocks()
    won = set()
    for n in range(8):
        first, second = siblings(house.world, "SKU-1", "SKU-2", oaid=f"oaid-{n}", buyer_open_uid=f"AAH{n}")
        house.world.deliver(first, second)
        settle_down()
        shipment = Shipment.objects.exclude(lines__isnull=True).get(lines__order=order_of(first))
        wave = house.wave()
        house.pick(wave, "SKU-1", "SKU-2")
        number = house.pack(shipment, "SKU-1", "SKU-2")

        def stop(pk: int = order_of(first).pk) -> bool:
            done = bool(cancel_orders(order_ids=[pk], reason="changed her mind").done)
            Relay().drain()
            return done

        cancelled, handed = at_once(stop, partial(house.scan, "hand_over", number))
        settle_down()
        assert errors([cancelled, handed]) == []
        assert cancelled != handed.is_ok, "the parcel has left with both, or without either"
        won.add(handed.is_ok)
        assert Parcel.objects.filter(shipment=shipment).exists() == handed.is_ok
        if not handed.is_ok:
            assert state_of(shipment) == "picked"
            assert house.scan("put_back", f"{wave.code}-01").is_ok
            shipment.refresh_from_db()
            assert house.scan("hand_over", house.pack(shipment, "SKU-2")).is_ok
        settle_down()
        assert order_of(second).state == "shipped"
    assert (deadlocks(), broken_invariants()) == (before, {})


def test_a_stop_and_a_bench_at_one_instant_never_both(house: House) -> None:
    shipments = [house.order((f"SKU-{n}", 1, "55.00")) for n in range(6)]
    wave = house.wave(most=50)
    house.pick(wave, *(f"SKU-{n}" for n in range(6)))

    for n, shipment in enumerate(shipments):
        order_id = shipment.lines.values_list("order_id", flat=True)[0]
        house.scan("check", shipment.code)
        cancelled, _checked = at_once(
            partial(cancel_orders, order_ids=[order_id], reason="changed her mind"),
            partial(house.scan, "check", f"SKU-{n}"),
        )
        settle_down()
        assert (bool(cancelled.done), state_of(shipment)) == (True, "to_put_back")
        assert house.scan("put_back", shipment.code).is_ok
    settle_down()
    assert (broken_invariants(), Parcel.objects.count()) == ({}, 0)


def test_two_who_make_waves_at_one_instant_share_no_shipment(house: House) -> None:
    for n in range(6):
        house.order((f"SKU-{n}", 1, "55.00"))

    answers = at_once(*[partial(make_waves, warehouse_id=house.warehouse.pk)] * 3)

    made = [wave for answer in answers if not isinstance(answer, Exception) for wave in answer]
    assert errors(answers) == ["NothingToWave"] * 2
    assert sum(wave.shipments_total for wave in made) == 6
    assert Shipment.objects.filter(state="waved").count() == 6
