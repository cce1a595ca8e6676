"""The end of an order, and what is refused because it came too late or too early."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError

from ordercenter.audit.models import Deed, StateChange
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.models import Case
from ordercenter.common.actor import Actor
from ordercenter.events.models import EventRow
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.services import (
    Finding,
    TakenOrder,
    approve_orders,
    cancel_orders,
    complete_orders,
    hold_orders,
    ship_orders,
    take_orders,
)
from tests.flows.world import World
from tests.ordercenter.orders.incoming import NOON, line, report

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(world: World) -> Order:
    taken = [TakenOrder(world.shop.pk, report("A1", line("SKU-1", 3, "180.00"), line("SKU-2", 1, "52.00")))]
    return take_orders(taken=taken, at=NOON).created[0]


def moves(order: Order) -> list[str]:
    rows = StateChange.objects.filter(machine="order", subject_id=order.pk).order_by("id")
    return list(rows.values_list("dst", flat=True))


def facts(order: Order) -> list[str]:
    return list(EventRow.objects.filter(subject=f"order:{order.pk}").order_by("id").values_list("name", flat=True))


def release(order: Order) -> dict[int, int]:
    """Bring the order to its warehouse the short way; its lines' ids by line number."""
    approve_orders(order_ids=[order.pk], at=NOON).raise_first()
    with unit_of_work(at=NOON) as work:
        row = work.lock(Order, [order.pk])[order.pk]
        row.start_fulfillment()
        work.save(row)
        for each in work.lock_children(OrderLine, "order_id", [order.pk])[order.pk]:
            each.released, each.unplanned = each.ordered, 0
            work.save(each, "released", "unplanned")
    return dict(order.lines.values_list("line_no", "pk"))


def ship(shipped: dict[int, int], missing: dict[int, int] | None = None) -> None:
    with unit_of_work(at=NOON) as work:
        ship_orders(shipped=shipped, missing=missing or {}, work=work)


def quantities(order: Order) -> list[tuple[Any, ...]]:
    names = ("ordered", "cancelled", "unplanned", "released", "shipped", "delivered")
    return list(order.lines.order_by("line_no").values_list(*names))


def test_a_cancelled_order_has_no_open_pieces_no_hold_and_no_case(order: Order) -> None:
    hold_orders(findings={order.pk: [Finding("BLACKLIST")]}, at=NOON)

    cancel_orders(order_ids=[order.pk], reason="buyer changed her mind", at=NOON).raise_first()

    row = Order.objects.get()
    assert (row.state, row.cancel_reason, row.is_on_hold) == ("cancelled", "buyer changed her mind", False)
    assert quantities(order) == [(3, 3, 0, 0, 0, 0), (1, 1, 0, 0, 0, 0)]
    assert Case.objects.get().state == "auto_resolved"
    assert facts(order)[-1] == "orders.order.cancelled"


def test_cancelling_twice_is_done_and_told_once(order: Order) -> None:
    user = get_user_model().objects.create(username="lin")
    person = Actor("person", "lin", user_id=user.pk)

    for _ in range(2):
        result = cancel_orders(order_ids=[order.pk], reason="twice", at=NOON, actor=person)
        assert [o.pk for o in result.done] == [order.pk]

    assert facts(order).count("orders.order.cancelled") == 1
    assert moves(order) == ["pending_payment", "preprocessing", "cancelled"]
    assert set(Deed.objects.values_list("action", "reason")) == {("order.cancel", "twice")}


def test_goods_that_have_left_cannot_be_cancelled_and_nothing_changes(order: Order) -> None:
    lines = release(order)
    ship({lines[1]: 3})
    before = quantities(order)

    result = cancel_orders(order_ids=[order.pk, 999_999_999], reason="too late", at=NOON)

    assert [(r.key, r.code) for r in result.refused] == [
        (order.pk, "orders.already_shipped"),
        (999_999_999, "orders.unknown"),
    ]
    assert Order.objects.get().state == "partially_shipped"
    assert quantities(order) == before


def test_an_order_is_shipped_when_every_piece_has_left(order: Order) -> None:
    lines = release(order)

    ship({lines[1]: 3})
    assert (Order.objects.get().state, quantities(order)) == (
        "partially_shipped",
        [(3, 0, 0, 0, 3, 0), (1, 0, 0, 1, 0, 0)],
    )

    ship({lines[2]: 1})
    assert (Order.objects.get().state, quantities(order)[1]) == ("shipped", (1, 0, 0, 0, 1, 0))
    assert facts(order).count("orders.order.shipped") == 1


def test_pieces_that_the_warehouse_missed_are_to_be_planned_anew(order: Order) -> None:
    lines = release(order)

    ship({lines[1]: 1, lines[2]: 1}, missing={lines[1]: 2})

    assert quantities(order) == [(3, 0, 2, 0, 1, 0), (1, 0, 0, 0, 1, 0)]
    assert Order.objects.get().state == "partially_shipped"


def test_more_than_was_released_cannot_leave(order: Order) -> None:
    lines = release(order)
    before = quantities(order)

    with pytest.raises(ValueError, match="4 shipped, 3 released"):
        ship({lines[1]: 4})

    assert quantities(order) == before


def test_a_shipped_order_is_completed_by_way_of_delivered(order: Order) -> None:
    lines = release(order)
    ship({lines[1]: 3, lines[2]: 1})

    complete_orders(order_ids=[order.pk], at=NOON).raise_first()
    complete_orders(order_ids=[order.pk], at=NOON).raise_first()

    assert moves(order)[-3:] == ["shipped", "delivered", "completed"]
    assert quantities(order) == [(3, 0, 0, 0, 3, 3), (1, 0, 0, 0, 1, 1)]
    assert facts(order).count("orders.order.completed") == 1


def test_an_order_that_has_not_left_is_not_completed(order: Order) -> None:
    result = complete_orders(order_ids=[order.pk], at=NOON)

    assert [(r.key, r.code) for r in result.refused] == [(order.pk, "common.transition_refused")]
    assert moves(order) == ["pending_payment", "preprocessing"]


def test_the_database_itself_refuses_pieces_that_do_not_add_up(order: Order) -> None:
    with pytest.raises(IntegrityError, match="line_quantities_balance"):
        OrderLine.objects.filter(line_no=1).update(unplanned=2)


def test_the_database_itself_refuses_refunds_beyond_the_payment(order: Order) -> None:
    with pytest.raises(IntegrityError, match="refunds_within_payment"):
        Order.objects.update(refunded_amount="232.01")


def test_the_database_itself_knows_an_order_number_once_in_a_shop(order: Order) -> None:
    with pytest.raises(IntegrityError, match="order_once_per_shop"):
        Order.objects.create(
            shop=order.shop, channel_order_no="A1", total_amount=1, placed_at=NOON, channel_modified_at=NOON
        )
