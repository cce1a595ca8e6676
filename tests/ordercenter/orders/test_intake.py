"""Taking orders in: what is new, what is newer, what is too late, and what does not add up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from ordercenter.cases.models import Case
from ordercenter.catalog.contacts import clear_data
from ordercenter.catalog.models import Shop
from ordercenter.common.actor import Actor
from ordercenter.common.gathering import counted_statements
from ordercenter.events.models import EventRow
from ordercenter.orders.intake_types import IncomingOrder, IncomingPayment
from ordercenter.orders.models import Hold, Order, OrderLine
from ordercenter.orders.services import IntakeResult, TakenOrder, approve_orders, take_orders
from tests.flows.world import World
from tests.ordercenter.orders.incoming import NOON, RECEIVER, line, report

pytestmark = pytest.mark.django_db
CHANNEL = Actor("channel", "tmall")


def take(world: World, *reports: IncomingOrder) -> IntakeResult:
    return take_orders(taken=[TakenOrder(world.shop.pk, each) for each in reports], at=NOON, actor=CHANNEL)


def facts() -> list[str]:
    return list(EventRow.objects.filter(subject__startswith="order:").order_by("id").values_list("name", flat=True))


def test_a_paid_order_is_kept_whole(world: World) -> None:
    incoming = report("A1", line("SKU-1", 2, "110.00"), line("SKU-2", 1, "0.00", is_gift=True))

    result = take(world, replace(incoming, freight=Decimal("8.00"), buyer_remark="快点"))

    order = Order.objects.get()
    assert result.created == [order]
    assert (order.state, order.paid_amount, order.paid_at) == ("preprocessing", Decimal("110.00"), NOON)
    assert (order.freight_amount, order.buyer_remark) == (Decimal("8.00"), "快点")
    assert order.ship_by == NOON + timedelta(hours=48)
    assert list(order.lines.order_by("line_no").values_list("line_no", "ordered", "unplanned", "paid_share")) == [
        (1, 2, 2, Decimal("110.00")),
        (2, 1, 1, Decimal("0.00")),
    ]
    assert facts() == ["orders.order.received", "orders.order.paid"]
    assert list(order.history.values_list("history_type", "history_change_reason")) == [("+", "channel:tmall")]


def test_the_receiver_is_masked_for_the_eye_and_sealed_for_the_parcel(world: World) -> None:
    take(world, report("A1"))

    contact = Order.objects.select_related("contact").get().contact
    assert contact is not None
    assert (contact.masked_name, contact.masked_phone, contact.masked_address) == ("王**", "*******0000", "文三路***")
    assert "王小雨".encode() not in bytes(contact.sealed)
    assert clear_data(contact) == {
        "name": "王小雨",
        "phone": "13800000000",
        "address": "文三路 90 号 1 幢 301 室",
        "zip": "310012",
    }


def test_an_unpaid_order_waits_and_a_later_report_pays_it_once(world: World) -> None:
    take(world, report("A1", status="created"))
    assert Order.objects.get().state == "pending_payment"
    assert facts() == ["orders.order.received", "orders.order.unpaid"]

    result = take(world, report("A1", after_s=60))
    take(world, report("A1", after_s=90))

    order = Order.objects.get()
    assert result.updated == [order]
    assert (order.state, order.paid_amount) == ("preprocessing", Decimal("60.00"))
    assert facts() == ["orders.order.received", "orders.order.unpaid", "orders.order.paid"]


def test_an_older_report_changes_nothing(world: World) -> None:
    take(world, report("A1", after_s=60))
    before = Order.objects.values().get()
    older = report("A1", after_s=59, status="created", buyer_remark="too late")

    result = take(world, older)

    assert [t.order for t in result.stale] == [older]
    assert (result.created, result.updated) == ([], [])
    assert Order.objects.values().get() == before
    assert Order.objects.get().history.count() == 1


@pytest.mark.parametrize("order_of_arrival", [(0, 1), (1, 0)])
def test_of_two_reports_of_one_second_the_further_one_wins_whichever_comes_first(
    world: World, order_of_arrival: tuple[int, int]
) -> None:
    reports = [report("A1", status="created"), report("A1")]

    for index in order_of_arrival:
        take(world, reports[index])

    assert Order.objects.get().state == "preprocessing"
    assert [name for name in facts() if name != "orders.order.unpaid"] == ["orders.order.received", "orders.order.paid"]


def test_of_several_reports_of_one_list_the_newest_counts(world: World) -> None:
    reports = [report("A1", after_s=s, buyer_remark=f"at {s}") for s in (10, 30, 20)]

    result = take(world, *reports)

    assert Order.objects.get().buyer_remark == "at 30"
    assert [t.order.buyer_remark for t in result.stale] == ["at 10", "at 20"]
    assert list(result.by_number) == [(world.shop.pk, "A1")]


def test_the_same_number_in_two_shops_is_two_orders(world: World) -> None:
    other = Shop.objects.create(channel=world.shop.channel, code="tm2", name="另一家")

    take_orders(taken=[TakenOrder(world.shop.pk, report("A1")), TakenOrder(other.pk, report("A1"))], at=NOON)

    assert sorted(Order.objects.values_list("shop_id", "channel_order_no")) == [
        (world.shop.pk, "A1"),
        (other.pk, "A1"),
    ]


def test_a_payment_that_is_not_what_is_due_holds_the_order_until_it_is(world: World) -> None:
    payment = IncomingPayment("P-A1", Decimal("59.99"), NOON, "alipay", "M-A1")

    take(world, report("A1", payment=payment))

    order = Order.objects.get()
    assert (order.state, order.paid_amount, order.is_on_hold) == ("pending_payment", Decimal(0), True)
    case = Case.objects.get()
    assert (case.code, case.evidence) == ("PAYMENT_MISMATCH", {"due": "60.00", "paid": "59.99"})
    assert "orders.order.paid" not in facts()

    take(world, report("A1", after_s=60))

    order = Order.objects.get()
    assert (order.state, order.paid_amount, order.is_on_hold) == ("preprocessing", Decimal("60.00"), False)
    assert Case.objects.get().state == "auto_resolved"
    assert "orders.order.paid" in facts()


def test_what_the_buyer_changes_after_approval_holds_the_order_and_names_the_fields(world: World) -> None:
    take(world, report("A1"))
    approve_orders(order_ids=[Order.objects.get().pk], at=NOON).raise_first()
    moved = replace(RECEIVER, address="文三路 91 号", name="王大雨")

    take(world, report("A1", after_s=60, receiver=moved, buyer_remark="改地址了"))

    assert Hold.objects.get().code == "CHANGED_AFTER_AUDIT"
    assert Case.objects.get().evidence == {"fields": ["buyer_remark", "receiver"]}
    order = Order.objects.select_related("contact").get()
    assert order.contact is not None
    assert clear_data(order.contact)["name"] == "王大雨"
    assert EventRow.objects.get(name="orders.order.changed_by_channel").payload["fields"] == [
        "buyer_remark",
        "receiver",
    ]


def test_a_name_that_looks_the_same_behind_its_stars_is_a_change_all_the_same(world: World) -> None:
    take(world, report("A1"))
    first = Order.objects.get().contact_id

    take(world, report("A1", after_s=60, receiver=replace(RECEIVER, name="王大雨")))
    second = Order.objects.get().contact_id
    take(world, report("A1", after_s=90, receiver=replace(RECEIVER, name="王大雨")))

    assert first != second == Order.objects.get().contact_id


def test_a_refund_word_of_a_line_holds_the_order_before_it_ships(world: World) -> None:
    take(world, report("A1"))

    take(world, report("A1", line("SKU-1", 1, "60.00", refund_status="requested"), after_s=60))

    assert OrderLine.objects.get().refund_status == "requested"
    assert list(Case.objects.values_list("code", "evidence")) == [("REFUND_BEFORE_SHIP", {"lines": ["L-SKU-1"]})]


def test_a_closed_trade_cancels_the_order_and_a_finished_one_is_told(world: World) -> None:
    take(world, report("A1"), report("A2"))

    take(
        world,
        report("A1", after_s=60, status="closed", raw_status="CLOSED"),
        report("A2", after_s=60, status="completed"),
    )

    assert dict(Order.objects.values_list("channel_order_no", "state")) == {"A1": "cancelled", "A2": "preprocessing"}
    assert EventRow.objects.get(name="orders.order.cancelled").payload["reason"] == "closed by the channel (CLOSED)"
    assert EventRow.objects.filter(name="orders.order.trade_finished").count() == 1


def test_the_number_of_statements_does_not_grow_with_the_list(world: World) -> None:
    counts = []
    take(world, report("warm"))
    for size in (5, 50):
        new = [report(f"{size}-{n}") for n in range(size)]
        with counted_statements() as first:
            take(world, *new)
        with counted_statements() as second:
            take(world, *(replace(each, modified_at=NOON + timedelta(seconds=9)) for each in new))
        counts.append((first(), second()))

    assert counts[0] == counts[1]


def test_the_platform_s_own_time_to_ship_goes_before_the_usual_one_and_may_change(world: World) -> None:
    take(world, report("A1", ship_by=NOON + timedelta(hours=24)), report("A2"))
    assert list(Order.objects.order_by("channel_order_no").values_list("ship_by", flat=True)) == [
        NOON + timedelta(hours=24),
        NOON + timedelta(hours=48),
    ]

    take(world, report("A1", after_s=60, ship_by=NOON + timedelta(hours=36)), report("A2", after_s=60))

    assert list(Order.objects.order_by("channel_order_no").values_list("ship_by", flat=True)) == [
        NOON + timedelta(hours=36),
        NOON + timedelta(hours=48),
    ]


def test_an_unpaid_order_has_no_time_to_ship(world: World) -> None:
    take(world, report("A1", status="created", ship_by=NOON + timedelta(hours=24)))
    take(world, report("A1", status="created", after_s=60, ship_by=NOON + timedelta(hours=36)))

    assert Order.objects.get().ship_by is None
