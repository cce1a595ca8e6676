"""Flows and those who change an order from beside them come to its runs in one order: nobody waits in a ring."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.urls import reverse
from psycopg.errors import DeadlockDetected

from fulfillment.handlers import stop_goods
from ordercenter.catalog.models import ShopAccess
from ordercenter.common import repeating
from ordercenter.common.actor import SYSTEM
from ordercenter.console.roles import SUPERVISOR
from ordercenter.events.relay import Relay
from ordercenter.events.types import OrderCancelled, OrderReleased
from ordercenter.inventory.models import StockLevel, StockTakeover
from ordercenter.orders.models import Order
from ordercenter.orders.services import cancel_orders, release_holds
from ordercenter.orders.standard import standard_flows
from ordercenter.workflow import handlers as flows
from ordercenter.workflow import services as workflow
from ordercenter.workflow.models import FlowRun
from ordercenter.workflow.services import activate_version, save_version
from tests.concurrency.test_lock_order import lock_upwards, recorded, somebody_waits, wait_for
from tests.concurrency.threads import at_once, deadlocks, errors
from tests.flows.outside import answer_everything, settle_down
from tests.flows.world import World
from tests.fulfillment.test_taking_over import allow, buy, soft_world
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db(transaction=True)


def held_until_somebody_waits(monkeypatch: pytest.MonkeyPatch, name: str) -> threading.Event:
    """Let who first calls this verb of the flows stop right before it, with the locks that it has, until another one
    waits. The event is set when it stands there.
    """
    verb, there = getattr(workflow, name), threading.Event()

    def held(**given: Any) -> Any:
        if not there.is_set():
            there.set()
            wait_for(somebody_waits)
        return verb(**given)

    monkeypatch.setattr(workflow, name, held)
    return there


def after(event: threading.Event, deed: Callable[[], Any]) -> Callable[[], Any]:
    def wait() -> Any:
        assert event.wait(20)
        return deed()

    return wait


def test_a_released_order_and_its_cancellation_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(stock=0)
    world.deliver(world.trade(("SKU-1", 1, "60.00")))
    Relay().drain()
    order = Order.objects.get()
    assert FlowRun.objects.get().status == "stopped"
    cancel_orders(order_ids=[order.pk], reason="changed her mind").raise_first()
    there, before = held_until_somebody_waits(monkeypatch, "void_runs"), deadlocks()
    stop = partial(stop_goods, [recorded(OrderCancelled(order_id=order.pk, reason="changed her mind"))])
    go_on = partial(flows.advance_flows, [recorded(OrderReleased(order_id=order.pk))])

    answers = at_once(stop, after(there, go_on))

    assert errors(answers) == [], answers
    assert deadlocks() == before
    assert FlowRun.objects.get().status == "voided"


def waiting_pair() -> tuple[Order, Order]:
    """A normal order that has the goods, and a VIP order that wants them; its page may take them over."""
    world = soft_world()
    world.stock({"SKU-1": 2}, warehouse=world.east)
    normal, vip = buy(world, 60, ("SKU-1", 2)), buy(world, 600, ("SKU-1", 1))
    allow(world, 1, 100)
    return normal, vip


def supervisor(order: Order) -> Client:
    user = person("wang", role=SUPERVISOR)
    ShopAccess.objects.create(user=user, shop=order.shop)
    browser = client_of(user)
    browser.raise_request_exception = False
    return browser


def test_a_takeover_page_and_the_flow_of_the_same_order_do_not_wait_for_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _normal, vip = waiting_pair()
    browser, address = supervisor(vip), reverse("console:order-takeover", args=[vip.pk])
    there, before = held_until_somebody_waits(monkeypatch, "run_stopped_again"), deadlocks()
    take = partial(browser.post, address, {"reason": "promised by phone"})
    go_on = partial(flows.advance_flows, [recorded(OrderReleased(order_id=vip.pk))])

    answers = at_once(take, after(there, go_on))

    assert errors(answers) == [], answers
    assert answers[0].status_code == 302
    assert deadlocks() == before
    assert StockTakeover.objects.count() == 1


def test_a_page_that_the_database_broke_off_is_done_again_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    _normal, vip = waiting_pair()
    browser, address = supervisor(vip), reverse("console:order-takeover", args=[vip.pk])
    before, there = deadlocks(), held_until_somebody_waits(monkeypatch, "rewind")
    # Somebody who comes the wrong way round: the run that the page is about to lock, then the order that it has.
    giver = FlowRun.objects.get(subject=f"order:{_normal.pk}", version__flow__key="standard-order")

    answers = at_once(
        partial(browser.post, address, {"reason": "promised by phone"}),
        after(there, partial(lock_wrongly, giver, _normal)),
    )

    assert errors(answers) == [], answers
    wait_for(lambda: deadlocks() == before + 1)
    assert answers[0].status_code == 302
    assert StockTakeover.objects.count() == 1


def lock_wrongly(run: FlowRun, order: Order) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            # The other one is to be the one that is broken off.
            cursor.execute("SET LOCAL deadlock_timeout = '30s'")
        assert list(FlowRun.objects.filter(pk=run.pk).select_for_update(of=("self",)))
        assert list(Order.objects.filter(pk=order.pk).select_for_update(of=("self",)))


def test_what_a_request_has_kept_is_not_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    error = broken_off()

    def attempt() -> Any:
        calls.append(1)
        StockLevel.objects.update(on_hand=1)
        raise error

    monkeypatch.setattr(repeating, "PAUSE_S", 0)
    with pytest.raises(type(error)):
        repeating.repeated(attempt)

    assert len(calls) == 1


def test_a_request_that_is_broken_off_again_and_again_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    error = broken_off()

    def attempt() -> Any:
        calls.append(StockLevel.objects.count())
        raise error

    monkeypatch.setattr(repeating, "PAUSE_S", 0)
    with pytest.raises(type(error)):
        repeating.repeated(attempt)

    assert len(calls) == repeating.TRIES


def broken_off() -> Exception:
    """The error of the framework for a deadlock, as the driver brings it."""
    error = OperationalError("deadlock detected")
    error.__cause__ = DeadlockDetected("deadlock detected")
    return error


def test_runs_of_two_versions_of_a_flow_lock_their_stock_without_a_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_everything(monkeypatch)
    world = World()
    StockLevel.objects.update(on_hand=0)
    world.deliver(world.trade(("SKU-9", 1, "60.00")))
    Relay().drain()
    document = next(d for d in standard_flows() if d["key"] == "standard-order")
    newer = save_version(document={**document, "name": {**document["name"], "en": "Newer"}}, actor=SYSTEM)
    activate_version(flow_id=newer.flow_id, version_id=newer.pk, actor=SYSTEM, reason="newer")
    world.deliver(world.trade(("SKU-0", 1, "60.00")))
    Relay().drain()
    assert FlowRun.objects.values("version_id").distinct().count() == 2
    StockLevel.objects.update(on_hand=1000)
    ids = list(Order.objects.values_list("pk", flat=True))
    release_holds(order_ids=ids, codes=["OUT_OF_STOCK"], reason="it is there", accepted=False).raise_first()
    before, begun = deadlocks(), threading.Event()

    over = threading.Event()

    def drain() -> None:
        Relay().drain()
        over.set()

    answers = at_once(partial(lock_upwards, begun, over), after(begun, drain))
    settle_down()

    assert errors(answers) == [], answers
    assert deadlocks() == before
    assert set(Order.objects.values_list("state", flat=True)) == {"in_fulfillment"}
