"""A warehouse's no is heard by the flow and by fulfilment at one instant: the second one sends the order elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from fulfillment.models import Shipment
from fulfillment.services.dispatching import CREATE_KIND
from ordercenter.common.errors import OrderCenterError
from ordercenter.events import outgoing, registry
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.registry import Attempt
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order
from tests.concurrency.threads import at_once, deadlocks, errors
from tests.flows.outside import answer_everything, settle_down
from tests.flows.siblings import broken, open_cases, siblings
from tests.flows.world import World

pytestmark = pytest.mark.django_db(transaction=True)


class FullUp(OrderCenterError):
    """The warehouse's no."""

    code = "tests.full_up"


def test_every_rejected_order_goes_elsewhere_however_many_relays_hear_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_everything(monkeypatch)
    world = World()
    accepting = registry.senders()[CREATE_KIND].prepare

    def refuse() -> dict[str, Any]:
        raise FullUp("no room")

    def prepare(target: str, commands: Sequence[OutgoingCommand]) -> Mapping[int, Attempt]:
        if target != f"warehouse:{world.east.pk}":
            return accepting(target, commands)
        return {c.pk: Attempt(refuse) for c in commands}

    monkeypatch.setitem(registry._senders, CREATE_KIND, replace(registry.senders()[CREATE_KIND], prepare=prepare))
    trades = [world.trade((f"SKU-{n}", 1, "60.00")) for n in range(4)]
    for n in range(4):
        trades.extend(siblings(world, "SKU-1", "SKU-2", oaid=f"oaid-{n}", buyer_open_uid=f"AAH{n}"))
    world.deliver(*trades)
    Relay().drain()
    outgoing.drain_target(f"warehouse:{world.east.pk}")
    before = deadlocks()

    answers = at_once(*(Relay(batch_size=2, side_by_side=4).drain for _ in range(4)))
    settle_down()

    assert errors(answers) == []
    assert deadlocks() == before
    assert Shipment.objects.filter(warehouse=world.east, state="cancelled").count() == 8
    assert Shipment.objects.filter(warehouse=world.south, state="accepted").count() == 8
    assert Order.objects.filter(state="in_fulfillment", is_on_hold=False).count() == 12
    assert (open_cases(), broken()) == ([], {})
