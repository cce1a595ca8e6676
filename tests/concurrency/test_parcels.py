"""Shared parcels at one instant: the stop or the parcel wins, never both, and nobody waits for ever."""

from __future__ import annotations

from functools import partial

import pytest

from fulfillment.models import Parcel, Shipment
from fulfillment.services import unmerge_orders
from ordercenter.common.actor import Actor
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order
from ordercenter.orders.services import cancel_orders
from tests.concurrency.threads import at_once, deadlocks, errors
from tests.flows.outside import answer_everything, settle_down, ship
from tests.flows.siblings import broken, order_of, siblings
from tests.flows.world import World

pytestmark = pytest.mark.django_db(transaction=True)
LIN = Actor("integration", "lin")


def test_a_member_cancelled_while_its_parcel_is_handed_over_is_stopped_or_has_left_never_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer_everything(monkeypatch)
    world = World()
    before = deadlocks()
    for n in range(6):
        first, second = siblings(world, "SKU-1", "SKU-2", oaid=f"oaid-{n}", buyer_open_uid=f"AAH{n}")
        world.deliver(first, second)
        settle_down()
        shipment = Shipment.objects.get(lines__order=order_of(first))
        gone, keeps = order_of(first), order_of(second)

        def stop(pk: int = gone.pk) -> None:
            cancel_orders(order_ids=[pk], reason="buyer changed her mind")
            Relay().drain()

        answers = at_once(stop, partial(ship, shipment, tracking_no=f"ZT{n}"))
        assert errors(answers) == []
        settle_down()

        shipment.refresh_from_db()
        assert shipment.state == "shipped", "the confirm came, be it after the wish to stop it"
        assert Order.objects.get(pk=keeps.pk).state == "shipped"
        assert Order.objects.get(pk=gone.pk).state in ("cancelled", "shipped")
        assert Shipment.objects.filter(lines__order=keeps).distinct().count() == 1
    assert Parcel.objects.count() == 6
    assert deadlocks() == before
    assert broken() == {}


def test_taken_out_and_handed_over_at_one_instant_leaves_each_piece_in_one_parcel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer_everything(monkeypatch)
    world = World()
    for n in range(6):
        first, second = siblings(world, "SKU-1", "SKU-2", oaid=f"oaid-{n}", buyer_open_uid=f"AAH{n}")
        world.deliver(first, second)
        settle_down()
        shipment = Shipment.objects.get(lines__order=order_of(first))
        answers = at_once(
            partial(unmerge_orders, order_ids=[order_of(first).pk], reason="a present", actor=LIN),
            partial(ship, shipment, tracking_no=f"ZT{n}"),
        )
        assert errors(answers) == []
        settle_down()
        shipment.refresh_from_db()
        assert shipment.state == "shipped"
        assert {order_of(t).state for t in (first, second)} == {"shipped"}
    assert Parcel.objects.count() == 6
    assert broken() == {}


def test_two_companions_cancelled_at_one_instant_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_everything(monkeypatch)
    world = World()
    before = deadlocks()
    trades = siblings(world, "SKU-1", "SKU-2", "SKU-3")
    world.deliver(*trades)
    settle_down()

    def stop(pk: int) -> None:
        cancel_orders(order_ids=[pk], reason="buyer changed her mind")
        Relay(side_by_side=2).drain()

    answers = at_once(*(partial(stop, order_of(trade).pk) for trade in trades[:2]))
    settle_down()

    assert errors(answers) == []
    assert deadlocks() == before
    assert [order_of(trade).state for trade in trades] == ["cancelled", "cancelled", "in_fulfillment"]
    assert [s.state for s in Shipment.objects.order_by("pk")] == ["cancelled", "accepted"]
    assert broken() == {}
