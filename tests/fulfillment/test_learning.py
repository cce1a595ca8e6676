"""Prices learned from past days of the own books: scarce stock is kept for those who need it more."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment import tasks
from fulfillment.models import ShadowPrices, Shipment
from fulfillment.services.learning import learn_from_past_days
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import Reservation
from ordercenter.orders.models import Order
from tests.flows.world import World

pytestmark = pytest.mark.django_db
GUANGDONG = {"receiver_state": "广东省", "receiver_city": "广州市", "receiver_district": "天河区"}


@pytest.fixture
def world() -> World:
    """Yesterday ten orders came from the east; now one piece lies there, and plenty in the south."""
    world = World(stock=0)
    world.stock({"SKU-1": 20}, warehouse=world.east)
    world.deliver(*(world.trade(("SKU-1", 1, "55.00")) for _ in range(10)))
    Relay().drain()
    Order.objects.update(paid_at=timezone.now() - timedelta(days=1))
    world.stock({"SKU-1": -9}, warehouse=world.east, key="sold")
    world.stock({"SKU-1": 50}, warehouse=world.south, key="more")
    return world


def test_an_order_that_can_do_without_leaves_the_last_piece_to_those_who_need_it(world: World) -> None:
    learned = learn_from_past_days(days=3, seconds=10)

    assert list(learned.days.values()) == [10]
    prices = ShadowPrices.objects.get()
    # From the south it costs the east 4.50 more: that is what the last piece there is worth.
    worth = prices.stock[str(world.skus[1].pk)]
    assert worth.keys() == {str(world.east.pk)}
    assert 300 <= worth[str(world.east.pk)] <= 450
    assert (prices.orders, prices.source[:5]) == (10, "days:")

    world.deliver(world.trade(("SKU-1", 1, "55.00"), **GUANGDONG))
    Relay().drain()
    assert Shipment.objects.order_by("-pk")[0].warehouse == world.south


def test_learning_plans_and_reserves_nothing(world: World) -> None:
    before = Shipment.objects.count(), Reservation.objects.count()

    with CaptureQueriesContext(connection) as queries:
        learn_from_past_days(days=1, seconds=5)

    assert (Shipment.objects.count(), Reservation.objects.count()) == before
    writes = [q["sql"] for q in queries if not q["sql"].lstrip().upper().startswith(("SELECT", "WITH", "SET"))]
    assert [sql.split()[2] for sql in writes] == ['"fulfillment_shadowprices"']


def test_a_handful_of_orders_teaches_the_night_nothing_and_enough_of_them_do(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks.learn_prices()
    assert not ShadowPrices.objects.exists()

    monkeypatch.setattr(tasks, "LEARNED_FROM", 10)
    tasks.learn_prices()

    assert ShadowPrices.objects.get().orders == 10


def test_the_command_says_what_it_learned_from_and_refuses_what_it_cannot(world: World) -> None:
    out = StringIO()

    call_command("learn_prices", "--days", "2", "--seconds", "5", "--no-solver", stdout=out)

    yesterday = timezone.localdate() - timedelta(days=1)
    assert out.getvalue().splitlines() == [
        f"{yesterday.isoformat()}  orders 10",
        f"prices no. {ShadowPrices.objects.get().pk}: 1 SKUs, 1 places, in use from now on",
    ]
    Order.objects.update(paid_at=timezone.now() - timedelta(days=9))
    with pytest.raises(CommandError, match="no order of the last 2 days"):
        call_command("learn_prices", "--days", "2")
    with pytest.raises(CommandError, match="from 1 to 60"):
        call_command("learn_prices", "--days", "61")
    assert ShadowPrices.objects.count() == 1
