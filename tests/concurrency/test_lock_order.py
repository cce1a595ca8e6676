"""Units of work that touch stock in several steps lock it in one: two of them never wait for each other in a ring."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection, transaction

from fulfillment.handlers import stop_goods
from fulfillment.models import Shipment
from fulfillment.services import stop_shipments
from ordercenter.audit.work import unit_of_work
from ordercenter.events.registry import Recorded
from ordercenter.events.types import OrderCancelled, RefundRequested
from ordercenter.inventory import services as inventory
from ordercenter.inventory.models import Reservation, StockLevel
from ordercenter.inventory.states import WarehouseKind
from ordercenter.orders.models import Order
from ordercenter.orders.services import TakenRefund, cancel_orders, take_refunds
from tests.concurrency.threads import at_once, deadlocks, errors
from tests.flows.outside import answer_everything, settle_down
from tests.flows.world import World
from tests.ordercenter.orders.incoming import NOON, refund

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """An own warehouse: what still lies in its bins is stopped at once."""
    answer_everything(monkeypatch)
    world = World()
    type(world.east).objects.filter(pk=world.east.pk).update(kind=WarehouseKind.OWN)
    StockLevel.objects.filter(warehouse=world.south).update(on_hand=0)
    return world


def two_orders(world: World) -> tuple[Order, Order]:
    """One that wants the goods of the last stock row, one that wants those of the first."""
    for sku in ("SKU-9", "SKU-0"):
        world.deliver(world.trade((sku, 1, "60.00")))
        settle_down()
    late, early = Order.objects.order_by("pk")
    assert set(Shipment.objects.values_list("state", flat=True)) == {"accepted"}
    return late, early


def meet(other: Callable[[], None]) -> list[str]:
    """The errors of `other` and of one who locks the first stock row before it begins, and the last one once it waits
    for the first: in the order of all.
    """
    begun, over = threading.Event(), threading.Event()

    def second() -> None:
        assert begun.wait(20)
        try:
            other()
        finally:
            over.set()

    return errors(at_once(partial(lock_upwards, begun, over), second))


def lock_upwards(begun: threading.Event, over: threading.Event) -> None:
    first, last = (StockLevel.objects.filter(sku__code=code, warehouse__code="EAST") for code in ("SKU-0", "SKU-9"))
    with transaction.atomic():
        assert list(first.select_for_update(of=("self",)))
        begun.set()
        wait_for(lambda: over.is_set() or somebody_waits())
        assert list(last.select_for_update(of=("self",)))


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        # Not pg_stat_activity: what it shows stays the same until the end of a transaction.
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid())")
        return bool(cursor.fetchone()[0])


def recorded(event: OrderCancelled | RefundRequested) -> Recorded:
    return Recorded(id=1, event=event, chain_id=uuid.uuid4(), depth=1, actor="system")


def test_a_refund_and_a_cancelled_order_in_one_list_lock_their_stock_together(world: World) -> None:
    late, early = two_orders(world)
    take_refunds(
        taken=[TakenRefund(late.pk, refund(late.channel_order_no, "requested", "60.00", version=1))], at=NOON
    ).raise_first()
    cancel_orders(order_ids=[early.pk], reason="buyer changed her mind").raise_first()
    before = deadlocks()
    events = [
        recorded(RefundRequested(order_id=late.pk, channel_refund_no="R1", amount=late.total_amount)),
        recorded(OrderCancelled(order_id=early.pk, reason="buyer changed her mind")),
    ]

    assert meet(partial(stop_goods, events)) == []

    assert deadlocks() == before
    assert not Reservation.objects.filter(state="active").exists()
    assert set(StockLevel.objects.values_list("reserved", "allocated")) == {(0, 0)}


def test_without_the_common_first_step_one_gives_way_at_once_and_nobody_waits_in_a_ring(world: World) -> None:
    late, early = two_orders(world)
    cancel_orders(order_ids=[late.pk, early.pk], reason="buyer changed her mind").raise_first()
    before = deadlocks()

    def step_by_step() -> None:
        with unit_of_work() as work:
            for order in (late, early):
                stop_shipments(order_ids=[order.pk], reason="order cancelled", work=work)
                inventory.release_reservations(order_ids=[order.pk], work=work)

    assert meet(step_by_step) == ["OperationalError"]

    assert deadlocks() == before
    assert set(StockLevel.objects.filter(allocated__gt=0).values_list("sku__code", flat=True)) == {"SKU-0", "SKU-9"}


def wait_for(holds: Callable[[], bool]) -> None:
    end, pause = time.monotonic() + 20, threading.Event()
    while not holds():
        assert time.monotonic() < end
        pause.wait(0.05)
