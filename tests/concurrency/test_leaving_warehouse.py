"""A warehouse's yes to stop and its parcel at one instant: whoever is first, the goods leave once."""

from __future__ import annotations

from functools import partial

import pytest

from fulfillment.models import Shipment
from fulfillment.services import leave_warehouse
from ordercenter.common.actor import Actor
from ordercenter.events import outgoing
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Hold, Order
from tests.concurrency.threads import at_once, deadlocks, errors
from tests.flows.outside import answer_everything, settle_down, ship
from tests.flows.siblings import broken
from tests.flows.world import World

pytestmark = pytest.mark.django_db(transaction=True)
LIN = Actor("integration", "lin")


def test_the_yes_and_the_parcel_at_one_instant_never_make_two_parcels(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_everything(monkeypatch)
    world = World()
    before = deadlocks()
    seen = set()
    for n in range(8):
        world.deliver(world.trade(("SKU-1", 2, "110.00")))
        settle_down()
        order = Order.objects.latest("pk")
        shipment = Shipment.objects.get(lines__order=order)
        leave_warehouse(order_ids=[order.pk], reason="no word for a day", actor=LIN).raise_first()
        Relay().drain()
        target = f"warehouse:{shipment.warehouse_id}"

        def answer(target: str = target) -> None:
            outgoing.drain_target(target)
            Relay().drain()

        answers = at_once(answer, partial(ship, shipment, tracking_no=f"ZT{n}"))
        assert errors(answers) == []
        settle_down()

        ways = list(Shipment.objects.filter(lines__order=order).order_by("pk").values_list("warehouse__code", "state"))
        holds = list(Hold.objects.filter(order=order, released_at__isnull=True).values_list("code", flat=True))
        seen.add((tuple(ways), tuple(holds)))
    left = ((("EAST", "shipped"),), ())
    # It had agreed to stop, and shipped: nothing of it leaves from elsewhere, and a person finds out.
    lied = ((("EAST", "cancelled"), ("SOUTH", "cancelled")), ("SHIPPED_AFTER_CANCEL",))
    assert seen <= {left, lied}
    assert deadlocks() == before
    assert broken() == {}
