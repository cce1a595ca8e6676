"""Refunds of the channels: the newest version counts, and what is asked before shipping stops the goods."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ordercenter.audit.work import unit_of_work
from ordercenter.cases.models import Case
from ordercenter.common.batch import BatchResult
from ordercenter.events.models import EventRow
from ordercenter.orders.intake_types import IncomingLine, IncomingRefund
from ordercenter.orders.models import Hold, Order, RefundRequest
from ordercenter.orders.services import TakenOrder, TakenRefund, check_orders, take_orders, take_refunds
from tests.flows.world import World
from tests.ordercenter.orders.incoming import NOON, line, refund, report

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(world: World) -> Order:
    return order_of(world, line("SKU-1", 1, "60.00"), line("SKU-2", 1, "40.00"))


def order_of(world: World, *lines: IncomingLine, **changes: Any) -> Order:
    taken = [TakenOrder(world.shop.pk, report("A1", *lines, **changes))]
    return take_orders(taken=taken, at=NOON).created[0]


def take(order: Order, *refunds: IncomingRefund) -> BatchResult:
    return take_refunds(taken=[TakenRefund(order.pk, each) for each in refunds], at=NOON)


def facts() -> list[str]:
    rows = EventRow.objects.filter(name__startswith="orders.refund.").order_by("id")
    return [name.rpartition(".")[2] for name in rows.values_list("name", flat=True)]


def now(order: Order) -> tuple[str, bool, Decimal]:
    row = Order.objects.get(pk=order.pk)
    return row.state, row.is_on_hold, row.refunded_amount


@pytest.mark.parametrize("status", ["requested", "agreed", "returning"])
def test_what_is_asked_before_shipping_holds_the_order(order: Order, status: str) -> None:
    result = take(order, refund("A1", status, "60.00"))

    assert (result.done, result.refused) == ([], [])
    assert now(order) == ("preprocessing", True, Decimal(0))
    case = Case.objects.get()
    assert (case.code, case.evidence) == (
        "REFUND_BEFORE_SHIP",
        {"refund_no": "R-A1", "amount": "60.00", "reason": "不想要了"},
    )
    assert facts() == ["requested"]
    assert order.lines.get(line_no=1).refund_status == status


@pytest.mark.parametrize("status", ["withdrawn", "refused"])
def test_a_refund_that_is_taken_back_lets_the_order_go_on(order: Order, status: str) -> None:
    take(order, refund("A1", "requested", "60.00"))

    take(order, refund("A1", status, "60.00", version=2))

    assert now(order) == ("preprocessing", False, Decimal(0))
    assert Case.objects.get().state == "auto_resolved"
    assert facts() == ["requested", "withdrawn"]
    assert EventRow.objects.get(name="orders.order.released").payload["codes"] == ["REFUND_BEFORE_SHIP"]


def test_one_of_two_taken_back_is_not_enough(order: Order) -> None:
    take(order, refund("A1", "requested", "60.00"))
    take(order, refund("A1", "requested", "40.00", channel_refund_no="R-2", channel_line_no="L-SKU-2"))

    take(order, refund("A1", "withdrawn", "60.00", version=2))
    assert now(order)[1] is True

    take(order, refund("A1", "withdrawn", "40.00", version=2, channel_refund_no="R-2"))
    assert now(order)[1] is False


def test_an_order_refunded_in_full_before_shipping_is_cancelled(order: Order) -> None:
    take(order, refund("A1", "requested", "100.00"))

    result = take(order, refund("A1", "succeeded", "100.00", version=2))

    assert [(o.pk, r.version) for o, r in result.done] == [(order.pk, 2)]
    assert now(order) == ("cancelled", False, Decimal("100.00"))
    assert Order.objects.get().cancel_reason == "refunded in full before shipping"
    assert list(order.lines.values_list("cancelled", "unplanned")) == [(1, 0), (1, 0)]
    assert facts() == ["requested", "succeeded"]


def test_a_part_that_was_refunded_without_asking_us_is_not_shipped_before_a_person_has_looked(order: Order) -> None:
    take(order, refund("A1", "succeeded", "60.00"))

    assert now(order) == ("preprocessing", True, Decimal("60.00"))
    assert Hold.objects.get().code == "REFUND_BEFORE_SHIP"
    with unit_of_work(at=NOON) as work:
        assert [r.key for r in check_orders(order_ids=[order.pk], work=work).refused] == [order.pk]


def test_an_order_that_we_first_see_with_a_refunded_line_is_for_a_person(world: World) -> None:
    order = order_of(world, line("SKU-1", 1, "60.00", refund_status="refunded"), line("SKU-2", 1, "40.00"))

    with unit_of_work(at=NOON) as work:
        refused = check_orders(order_ids=[order.pk], work=work).refused

    assert [str(refusal.error) for refusal in refused] == [f"order {order.pk}: REFUND_BEFORE_SHIP"]


@pytest.mark.parametrize("status", ["withdrawn", "succeeded"])
def test_an_older_version_changes_nothing(order: Order, status: str) -> None:
    take(order, refund("A1", "agreed", "60.00", version=5))
    before = (now(order), list(RefundRequest.objects.values()), facts())

    result = take(order, refund("A1", status, "60.00", version=4), refund("A1", "agreed", "60.00", version=5))

    assert (result.done, result.refused) == ([], [])
    assert (now(order), list(RefundRequest.objects.values()), facts()) == before


def test_versions_of_one_list_are_applied_in_their_order_whatever_the_list_says(order: Order) -> None:
    result = take(order, refund("A1", "succeeded", "60.00", version=3), refund("A1", "requested", "60.00", version=2))

    assert [r.version for _order, r in result.done] == [3]
    assert facts() == ["requested", "succeeded"]
    assert RefundRequest.objects.get().status == "refunded"
    assert now(order)[2] == Decimal("60.00")


def test_a_refund_that_succeeded_is_booked_once_however_often_it_is_reported(order: Order) -> None:
    for version in (1, 1, 2):
        take(order, refund("A1", "succeeded", "60.00", version=version))

    assert now(order)[2] == Decimal("60.00")
    assert facts() == ["succeeded"]


def test_more_than_was_paid_is_refused_and_changes_nothing_and_the_rest_of_the_list_is_taken(order: Order) -> None:
    too_much = refund("A1", "succeeded", "40.01", channel_refund_no="R-2", channel_line_no="L-SKU-2", version=2)

    result = take(order, refund("A1", "succeeded", "60.00"), too_much)

    assert [(r.code, r.key.refund) for r in result.refused] == [("orders.refund_exceeds_payment", too_much)]
    assert result.refused[0].error.evidence() == {
        "order_id": order.pk,
        "refundable": "40.00",
        "asked": "40.01",
    }
    assert now(order)[2] == Decimal("60.00")
    assert list(RefundRequest.objects.values_list("channel_refund_no", flat=True)) == ["R-A1"]
    assert order.lines.get(line_no=2).refund_status == "none"


def test_an_order_that_has_left_is_not_held_and_its_refund_is_told(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(**{"state": "shipped"})

    take(order, refund("A1", "requested", "60.00"))
    take(order, refund("A1", "succeeded", "100.00", version=2))

    assert now(order) == ("shipped", False, Decimal("100.00"))
    assert facts() == ["requested", "succeeded"]
    assert not Case.objects.exists()


def test_of_two_words_of_one_second_the_further_one_counts(order: Order) -> None:
    asked, paid = refund("A1", "requested", "60.00", version=5), refund("A1", "succeeded", "60.00", version=5)

    take(order, asked)
    take(order, paid)
    take(order, asked)

    assert RefundRequest.objects.get().status == "refunded"
    assert now(order)[2] == Decimal("60.00")
