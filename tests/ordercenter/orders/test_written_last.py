"""What a relay's transaction makes is written at its end; whoever asks for it before finds it all the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction

from ordercenter.audit.models import StateChange
from ordercenter.audit.work import unit_of_work
from ordercenter.events.ahead import Ahead, apart, looking
from ordercenter.events.models import EventRow
from ordercenter.events.scope import whole
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.services import TakenOrder, cancel_orders, take_orders
from tests.flows.world import World
from tests.ordercenter.orders.incoming import NOON, report

pytestmark = pytest.mark.django_db


@pytest.fixture
def ahead() -> Iterator[Ahead]:
    """A relay's transaction that is going on."""
    ahead = Ahead()
    with transaction.atomic(), looking(ahead), whole():
        yield ahead


def take(world: World, number: str = "A1") -> Order:
    return take_orders(taken=[TakenOrder(world.shop.pk, report(number))], at=NOON).created[0]


def moves(order: Order) -> list[tuple[str, str]]:
    rows = StateChange.objects.filter(machine="order", subject_id=order.pk).order_by("id")
    return list(rows.values_list("src", "dst"))


def test_a_new_order_is_not_in_the_database_before_the_end_and_whole_after_it(world: World, ahead: Ahead) -> None:
    take(world)
    received = EventRow.objects.filter(name="orders.order.received")
    with apart():
        assert (Order.objects.count(), OrderLine.objects.count(), received.count()) == (0, 0, 0)

    ahead.run()

    with apart():
        assert (Order.objects.count(), received.count()) == (1, 1)
        assert OrderLine.objects.count() > 0


@pytest.mark.parametrize("ask", [Order, OrderLine, EventRow, StateChange])
def test_who_asks_for_any_of_its_tables_finds_all_of_it(world: World, ahead: Ahead, ask: type) -> None:
    take(world)

    assert ask.objects.exists()  # type: ignore[attr-defined]

    with apart():
        assert (Order.objects.count(), StateChange.objects.filter(move="create", machine="order").count()) == (1, 1)


def test_what_happens_to_it_before_and_after_somebody_asked_is_told_once_and_in_order(
    world: World, ahead: Ahead
) -> None:
    order = take(world)
    before = order.state
    ahead.is_collecting = False

    with unit_of_work(at=NOON) as work:
        mine = work.lock(Order, [order.pk])[order.pk]
        assert mine is order
        # Half-way through, somebody asks: the order is written as it is by now.
        cancel_orders(order_ids=[order.pk], reason="buyer", work=work)
        assert Order.objects.values_list("state", flat=True).get() == "cancelled"
    ahead.run()

    assert moves(order) == [("", "pending_payment"), ("pending_payment", before), (before, "cancelled")]
    assert Order.objects.values_list("state", "cancel_reason").get() == ("cancelled", "buyer")
    assert list(order.history.values_list("history_type", "state")) == [("+", "cancelled")]


def test_a_savepoint_that_is_rolled_back_takes_nothing_with_it(world: World, ahead: Ahead) -> None:
    take(world)

    def give_up() -> None:
        Order.objects.count()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        give_up()
    ahead.run()

    assert Order.objects.count() == 1


def test_few_rows_leave_as_one_text(world: World, ahead: Ahead) -> None:
    take(world)
    sent: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        sent.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        ahead.run()

    writing = [text for text in sent if "INSERT" in text]
    assert len(writing) == 1
    tables = ("orders_order", "orders_orderline", "orders_historicalorder", "events_event", "audit_state_change")
    assert all(f'INSERT INTO "{table}"' in writing[0] for table in tables)
