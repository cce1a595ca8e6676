"""What is there leaves now, the rest when it has come or is made: money, states, dates and the channel's number."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum
from django.utils import timezone

from channels_sync.kinds import TRACKING_KIND
from fulfillment.models import Shipment, ShipmentLine
from fulfillment.services import give_up_rest
from fulfillment.services.routing_rules import install_rules
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.models import Case
from ordercenter.catalog.capabilities import write_usual_capabilities
from ordercenter.catalog.models import ChannelCapability
from ordercenter.common.actor import SYSTEM
from ordercenter.console.invariants import CHECKS, run_checks
from ordercenter.events.models import EventRow, OutgoingCommand
from ordercenter.inventory.models import (
    CapacityDay,
    ProductionOrder,
    ProductionResource,
    ProductionRoute,
    Reservation,
    StockPolicy,
    SupplyClaim,
)
from ordercenter.inventory.services import Expected, expect_supplies, finish_production, plan_capacity
from ordercenter.inventory.services.promising import SHANGHAI
from ordercenter.inventory.states import SupplyKind
from ordercenter.orders.models import GiftRule, GiftTier, Order, OrderLine, ParcelPolicy
from ordercenter.orders.services import Finding, TakenRefund, cancel_orders, hold_orders, release_holds, take_refunds
from tests.flows.outside import answer_everything, settle_down, ship
from tests.flows.world import World
from tests.fulfillment.routing.rule_documents import document
from tests.ordercenter.orders.incoming import refund

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    answer_everything(monkeypatch)
    world = World(stock=0)
    ParcelPolicy.objects.create(shop=world.shop, ships_parts=True)
    world.stock({"SKU-1": 2}, warehouse=world.east)
    return world


def buy(world: World, *lines: tuple[str, int, str], freight: str = "0.00") -> Order:
    trade = world.trade(*lines)
    total = Decimal(trade["payment"]) + Decimal(freight)
    world.deliver({**trade, "post_fee": freight, "payment": str(total), "total_fee": trade["payment"]})
    settle_down()
    return Order.objects.get(channel_order_no=str(trade["tid"]))


def can(world: World, **changes: bool) -> None:
    """What the shop's channel can be told, but for these as its platform can."""
    write_usual_capabilities()
    ChannelCapability.objects.filter(channel=world.shop.channel).update(**changes)


def quantities(order: Order) -> list[tuple[str, int, int, int]]:
    """By line: SKU, backordered, released, shipped."""
    rows = OrderLine.objects.filter(order=order).order_by("pk")
    return list(rows.values_list("sku__code", "backordered", "released", "shipped"))


def state(order: Order) -> str:
    order.refresh_from_db()
    return str(order.state)


def live(order: Order) -> list[Shipment]:
    return list(Shipment.objects.filter(lines__order=order).exclude(state="cancelled").distinct().order_by("pk"))


def told() -> list[list[str]]:
    """The lines that the channel was told of, parcel by parcel; empty: the whole order."""
    rows = OutgoingCommand.objects.filter(kind=TRACKING_KIND).order_by("pk")
    return [row.payload["lines"] for row in rows]


def broken() -> list[str]:
    verdicts = run_checks(CHECKS, stale_before=timezone.now() - timedelta(minutes=10))
    return [f"{v.check.name} {v.sample}" for v in verdicts if v.broken]


def day(n: int) -> date:
    return timezone.now().astimezone(SHANGHAI).date() + timedelta(days=n)


def test_the_line_that_is_there_leaves_and_the_other_follows_with_its_date(world: World) -> None:
    expect_supplies(expected=[Expected(SupplyKind.PURCHASE, "PO1", world.skus[2].pk, world.east.pk, 9, day(3))])
    order = buy(world, ("SKU-1", 1, "30.00"), ("SKU-2", 2, "70.00"), freight="10.00")

    assert (state(order), order.is_on_hold) == ("in_fulfillment", False)
    assert quantities(order) == [("SKU-1", 0, 1, 0), ("SKU-2", 2, 0, 0)]
    assert list(order.lines.order_by("pk").values_list("promised_on", flat=True)) == [None, day(3)]
    case = Case.objects.get(closed_at__isnull=True)
    assert (case.code, case.money_at_risk) == ("PART_WAITS_SUPPLY", Decimal("70.00"))
    assert EventRow.objects.filter(name="orders.order.part_awaits_supply").count() == 1
    (first,) = live(order)
    assert list(first.lines.values_list("amount", "freight")) == [(Decimal("30.00"), Decimal("3.00"))]
    assert broken() == []

    ship(first, tracking_no="ZT1")
    settle_down()
    assert state(order) == "partially_shipped"
    assert told() == [[order.lines.order_by("pk")[0].channel_line_no]]
    assert broken() == []

    world.stock({"SKU-2": 2}, warehouse=world.south, key="came")
    settle_down()

    _first, second = live(order)
    assert (state(order), second.state, second.warehouse) == ("partially_shipped", "accepted", world.south)
    assert list(second.lines.values_list("amount", "freight")) == [(Decimal("70.00"), Decimal("7.00"))]
    assert not Case.objects.filter(closed_at__isnull=True).exists()
    assert broken() == []

    ship(second, tracking_no="ZT2")
    settle_down()
    assert state(order) == "shipped"
    assert quantities(order) == [("SKU-1", 0, 0, 1), ("SKU-2", 0, 0, 2)]
    assert len(told()) == 2
    assert ShipmentLine.objects.aggregate(Sum("amount"), Sum("freight")) == {
        "amount__sum": Decimal("100.00"),
        "freight__sum": Decimal("10.00"),
    }
    assert not Reservation.objects.filter(state="active").exists()
    assert broken() == []


def test_without_the_shops_word_an_order_waits_whole(world: World) -> None:
    ParcelPolicy.objects.update(ships_parts=False)

    order = buy(world, ("SKU-1", 1, "30.00"), ("SKU-2", 2, "70.00"))

    assert (state(order), quantities(order)) == ("awaiting_supply", [("SKU-1", 1, 0, 0), ("SKU-2", 2, 0, 0)])


def test_a_line_is_cut_only_where_the_channel_can_be_told_and_the_rest_joins_it_from_the_same_house(
    world: World,
) -> None:
    whole = buy(world, ("SKU-1", 3, "100.00"))
    assert (state(whole), quantities(whole)) == ("awaiting_supply", [("SKU-1", 3, 0, 0)])
    can(world, splits_by_quantity=True)

    order = buy(world, ("SKU-1", 3, "100.00"))
    assert (state(order), quantities(order)) == ("in_fulfillment", [("SKU-1", 1, 2, 0)])

    # The first parcel is still in the house when the third piece comes, to the same one.
    cancel_orders(order_ids=[whole.pk], reason="changed her mind").raise_first()
    settle_down()
    world.stock({"SKU-1": 1}, warehouse=world.east, key="came")
    settle_down()

    assert quantities(order) == [("SKU-1", 0, 3, 0)]
    first, second = live(order)
    amounts = [shipment.lines.get().amount for shipment in (first, second)]
    assert amounts == [Decimal("66.67"), Decimal("33.33")]
    (promise,) = Reservation.objects.filter(state="active")
    assert (promise.order_id, promise.quantity, promise.is_allocated) == (order.pk, 3, True)
    assert broken() == []

    ship(first, tracking_no="ZT1")
    settle_down()
    assert (state(order), quantities(order)) == ("partially_shipped", [("SKU-1", 0, 1, 2)])
    ship(second, tracking_no="ZT2")
    settle_down()
    assert (state(order), quantities(order)) == ("shipped", [("SKU-1", 0, 0, 3)])
    assert broken() == []


def test_a_channel_that_takes_one_number_hears_of_the_first_parcel_only(world: World) -> None:
    can(world, splits_by_line=False, splits_by_quantity=False, many_numbers_per_line=False)
    order = buy(world, ("SKU-1", 1, "30.00"), ("SKU-2", 2, "70.00"))
    ship(live(order)[0], tracking_no="ZT1")
    settle_down()
    world.stock({"SKU-2": 2}, warehouse=world.east, key="came")
    settle_down()
    ship(live(order)[1], tracking_no="ZT2")
    settle_down()

    assert (state(order), told()) == ("shipped", [[]])


def test_what_has_to_be_made_follows_when_it_is_made(world: World) -> None:
    resource = ProductionResource.objects.create(code="loom", name="织机", warehouse=world.east)
    ProductionRoute.objects.create(sku=world.skus[5], resource=resource, minutes_per_unit=30)
    StockPolicy.objects.create(sku=world.skus[5], source="made")
    plan_capacity(resource_id=resource.pk, days=[day(n) for n in range(5)], minutes=600).raise_first()

    order = buy(world, ("SKU-1", 1, "30.00"), ("SKU-5", 1, "70.00"))

    assert quantities(order) == [("SKU-1", 0, 1, 0), ("SKU-5", 1, 0, 0)]
    made = ProductionOrder.objects.get()
    assert order.lines.get(sku=world.skus[5]).promised_on == made.ready_on
    assert CapacityDay.objects.aggregate(Sum("used"))["used__sum"] == 30

    finish_production(production_ids=[made.pk]).raise_first()
    settle_down()

    assert quantities(order) == [("SKU-1", 0, 1, 0), ("SKU-5", 0, 1, 0)]
    assert [shipment.state for shipment in live(order)] == ["accepted", "accepted"]
    assert broken() == []


def test_gifts_alone_are_not_worth_a_parcel(world: World) -> None:
    rule = GiftRule.objects.create(name="赠品", kind="amount", valid_from=timezone.now() - timedelta(days=1))
    GiftTier.objects.create(rule=rule, from_value=50, sku=world.skus[1])

    order = buy(world, ("SKU-2", 1, "70.00"))

    assert (state(order), quantities(order)) == ("awaiting_supply", [("SKU-2", 1, 0, 0), ("SKU-1", 1, 0, 0)])


def test_the_rest_of_a_held_order_follows_when_it_is_let_go(world: World) -> None:
    order = buy(world, ("SKU-1", 1, "30.00"), ("SKU-2", 2, "70.00"))
    ship(live(order)[0], tracking_no="ZT1")
    settle_down()
    hold_orders(findings={order.pk: [Finding("REMARK_NEEDS_HUMAN", {})]})
    world.stock({"SKU-2": 2}, warehouse=world.east, key="came")
    settle_down()
    assert quantities(order)[1] == ("SKU-2", 2, 0, 0)

    release_holds(order_ids=[order.pk], reason="asked").raise_first()
    settle_down()

    assert quantities(order)[1] == ("SKU-2", 0, 2, 0)
    assert broken() == []


def test_a_part_that_comes_later_wakes_an_order_of_which_nothing_was_there(world: World) -> None:
    order = buy(world, ("SKU-3", 1, "30.00"), ("SKU-2", 2, "70.00"))
    assert state(order) == "awaiting_supply"

    world.stock({"SKU-3": 1}, warehouse=world.east, key="came")
    settle_down()

    assert (state(order), quantities(order)) == ("in_fulfillment", [("SKU-3", 0, 1, 0), ("SKU-2", 2, 0, 0)])
    assert broken() == []


def test_a_rest_that_is_refunded_waits_for_a_person_who_gives_it_up(world: World) -> None:
    expect_supplies(expected=[Expected(SupplyKind.PURCHASE, "PO1", world.skus[2].pk, world.east.pk, 9, day(3))])
    order = buy(world, ("SKU-1", 1, "30.00"), ("SKU-2", 2, "70.00"))
    ship(live(order)[0], tracking_no="ZT1")
    settle_down()
    report = refund(order.channel_order_no, "succeeded", "70.00", version=1)
    take_refunds(taken=[TakenRefund(order.pk, report)], at=timezone.now()).raise_first()
    settle_down()
    world.stock({"SKU-2": 2}, warehouse=world.east, key="came")
    settle_down()
    assert (state(order), order.is_on_hold, quantities(order)[1]) == ("partially_shipped", True, ("SKU-2", 2, 0, 0))

    with pytest.raises(ReasonMissing):
        give_up_rest(order_id=order.pk, reason=" ", actor=SYSTEM)
    give_up_rest(order_id=order.pk, reason="refunded", actor=SYSTEM).raise_first()
    settle_down()

    assert (state(order), order.is_on_hold) == ("shipped", False)
    assert list(order.lines.order_by("pk").values_list("cancelled", "backordered", "shipped")) == [(0, 0, 1), (2, 0, 0)]
    assert not SupplyClaim.objects.exists()
    assert not Case.objects.filter(closed_at__isnull=True).exists()
    # The refund itself is booked by the door that brings it, which this test goes around.
    assert [name for name in broken() if "refund" not in name] == []
    assert [r.code for r in give_up_rest(order_id=order.pk, reason="again", actor=SYSTEM).refused] == [
        "orders.nothing_waits"
    ]


def test_goods_that_lie_apart_are_not_cut_where_an_order_leaves_in_one_parcel(world: World) -> None:
    install_rules(document(costs={"strategy": "single"}))
    world.stock({"SKU-2": 2}, warehouse=world.south, key="south")

    order = buy(world, ("SKU-1", 1, "30.00"), ("SKU-2", 2, "70.00"))

    assert (state(order), quantities(order)) == ("awaiting_supply", [("SKU-1", 1, 0, 0), ("SKU-2", 2, 0, 0)])
