"""From what is reserved to shipments: parcels of several warehouses, parts that follow later, the money in each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

import pytest

from fulfillment.models import Shipment, ShipmentLine
from fulfillment.selectors import delivery_documents
from fulfillment.services import create_shipments, dispatch_shipments
from fulfillment.services.assignments import Assignment, PlannedParcel, assignments
from ordercenter.audit.work import unit_of_work
from ordercenter.console.invariants import CHECKS, run_checks
from ordercenter.inventory.models import Reservation, StockLevel, Warehouse
from ordercenter.inventory.services import Promise, reserve_stock
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.services import TakenOrder, approve_orders, match_skus, release_holds, take_orders
from tests.flows.outside import ship
from tests.flows.world import World
from tests.ordercenter.orders.incoming import NOON, line, report

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return World(stock=10, flows=False)


def approved(world: World, *lines: object, freight: str = "0") -> Order:
    """An order ready to be routed."""
    total = sum(each.paid_share for each in lines)
    incoming = report(
        "A1", *lines, freight=Decimal(freight), total_amount=total + Decimal(freight), goods_total=total, payment=None
    )
    (order,) = take_orders(taken=[TakenOrder(world.shop.pk, incoming)], at=NOON).created
    with unit_of_work(at=NOON) as work:
        match_skus(order_ids=[order.pk], work=work).raise_first()
        approve_orders(order_ids=[order.pk], work=work).raise_first()
    return order


def reserve(order: Order, *places: tuple[OrderLine, Warehouse, int]) -> None:
    """Pieces of lines in warehouses, as routing would promise them."""
    with unit_of_work(at=NOON) as work:
        work.lock(Order, [order.pk])
        lines = {n.pk: n for n in work.lock_children(OrderLine, "order_id", [order.pk])[order.pk]}
        promises = [Promise(order.pk, n.pk, n.sku_id or 0, warehouse.pk, pieces) for n, warehouse, pieces in places]
        reserve_stock(promises=promises, work=work).raise_first()
        for n, _warehouse, pieces in places:
            mine = lines[n.pk]
            mine.reserved, mine.unplanned = mine.reserved + pieces, mine.unplanned - pieces
            work.save(mine, "reserved", "unplanned")


def plan(order: Order) -> None:
    with unit_of_work(at=NOON) as work:
        create_shipments(order_ids=[order.pk], work=work).raise_first()
        dispatch_shipments(order_ids=[order.pk], flow_runs={}, work=work).raise_first()


def money(order: Order) -> Mapping[str, Decimal]:
    rows = ShipmentLine.objects.filter(order=order).exclude(shipment__state="cancelled")
    return {
        "amount": sum((row.amount for row in rows), Decimal(0)),
        "freight": sum((row.freight for row in rows), Decimal(0)),
    }


def broken() -> dict[str, list[tuple[str, str]]]:
    verdicts = run_checks(CHECKS, stale_before=NOON - timedelta(days=1))
    return {verdict.check.name: verdict.sample for verdict in verdicts if verdict.broken}


def test_a_line_that_lies_in_two_warehouses_leaves_in_two_shipments_with_shares_to_the_fen(world: World) -> None:
    order = approved(world, line("SKU-1", 3, "100.00"), line("SKU-2", 1, "9.99"), freight="8.00")
    first, second = order.lines.order_by("line_no")
    reserve(order, (first, world.east, 2), (first, world.south, 1), (second, world.south, 1))

    plan(order)

    east, south = Shipment.objects.order_by("warehouse_id")
    assert [(n.quantity, n.amount, n.freight) for n in east.lines.order_by("pk")] == [
        (2, Decimal("66.67"), Decimal("4.85"))
    ]
    assert [(n.quantity, n.amount, n.freight) for n in south.lines.order_by("order_line")] == [
        (1, Decimal("33.33"), Decimal("2.42")),
        (1, Decimal("9.99"), Decimal("0.73")),
    ]
    assert money(order) == {"amount": Decimal("109.99"), "freight": Decimal("8.00")}
    documents = delivery_documents([east.pk, south.pk])
    assert [documents[s.pk].total_amount for s in (east, south)] == [Decimal("71.52"), Decimal("46.47")]

    ship(east, tracking_no="ZT1")

    assert Order.objects.get().state == "partially_shipped"
    assert list(Reservation.objects.order_by("pk").values_list("warehouse__code", "state", "quantity")) == [
        ("EAST", "consumed", 2),
        ("SOUTH", "active", 1),
        ("SOUTH", "active", 1),
    ]
    assert broken() == {}

    ship(south, tracking_no="ZT2")

    assert Order.objects.get().state == "shipped"
    stock = StockLevel.objects.filter(sku__code="SKU-1").order_by("warehouse__code")
    assert list(stock.values_list("on_hand", "reserved")) == [(8, 0), (9, 0)]
    assert broken() == {}


def test_two_parcels_of_one_line_from_one_warehouse_leave_one_after_the_other(world: World) -> None:
    order = approved(world, line("SKU-1", 5, "50.01"))
    (first,) = order.lines.all()
    reserve(order, (first, world.east, 5))
    with unit_of_work(at=NOON) as work:
        parcels = [PlannedParcel(world.east.pk, world.carrier.pk, Decimal(9), 400 * n, {first.pk: n}) for n in (2, 3)]
        assignments(work)[order.pk] = Assignment(tuple(parcels), {"strategy": "test/1"})
        create_shipments(order_ids=[order.pk], work=work).raise_first()
        dispatch_shipments(order_ids=[order.pk], flow_runs={}, work=work).raise_first()
    one, two = Shipment.objects.order_by("pk")

    ship(one, tracking_no="ZT1", actual=[1])

    # One of its two pieces was missing: that one and its money wait to be sent, the other parcel is untouched.
    (first,) = Order.objects.get().lines.all()
    assert (first.unplanned, first.released, first.shipped) == (1, 3, 1)
    assert list(ShipmentLine.objects.order_by("pk").values_list("amount", flat=True)) == [
        Decimal("10.00"),
        Decimal("30.01"),
    ]
    assert list(Reservation.objects.values_list("state", "quantity")) == [("active", 3)]

    ship(two, tracking_no="ZT2")
    release_holds(order_ids=[order.pk], reason="found in the other house", accepted=True)
    reserve(order, (first, world.south, 1))
    plan(order)

    assert money(order) == {"amount": Decimal("50.01"), "freight": Decimal("0.00")}
    rest = Shipment.objects.get(warehouse=world.south)
    assert [(n.quantity, n.amount) for n in rest.lines.all()] == [(1, Decimal("10.00"))]
    ship(rest, tracking_no="ZT3")
    assert broken() == {}


def test_parcels_that_are_not_what_is_reserved_are_refused_and_nothing_is_planned(world: World) -> None:
    order = approved(world, line("SKU-1", 2, "20.00"))
    (first,) = order.lines.all()
    reserve(order, (first, world.east, 2))

    def plan_less() -> None:
        with unit_of_work(at=NOON) as work:
            parcel = PlannedParcel(world.east.pk, world.carrier.pk, Decimal(9), 400, {first.pk: 1})
            assignments(work)[order.pk] = Assignment((parcel,))
            create_shipments(order_ids=[order.pk], work=work)

    with pytest.raises(ValueError, match="not what is reserved"):
        plan_less()

    assert not Shipment.objects.exists()
    assert Order.objects.get().state == "approved"
