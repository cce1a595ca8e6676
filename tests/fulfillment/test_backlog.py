"""What is planned and held back is decided anew, all together; what changed meanwhile stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from fulfillment import tasks
from fulfillment.models import (
    BacklogRun,
    CourierRate,
    FloorRules,
    RoutingPin,
    ShadowPrices,
    Shipment,
    WarehouseCalendar,
    WarehouseLoad,
)
from fulfillment.services import backlog, make_waves, release_due
from fulfillment.services.backlog import reoptimise_backlog
from fulfillment.services.routing_rules import install_rules
from ordercenter.common.actor import SYSTEM
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import Reservation, StockLevel, Warehouse
from ordercenter.orders.models import Order
from ordercenter.orders.services import cancel_orders
from tests.flows.outside import settle_down
from tests.flows.siblings import broken, siblings
from tests.flows.world import SHANGHAI, World
from tests.fulfillment.routing.rule_documents import document, rule

pytestmark = pytest.mark.django_db

TEN = (datetime.now(SHANGHAI) - timedelta(days=3)).replace(hour=10, minute=0, second=0, microsecond=0)
GUANGDONG = {"receiver_state": "广东省", "receiver_city": "广州市", "receiver_district": "天河区"}


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(TEN, tick=False) as clock:
        yield clock


@pytest.fixture
def crossed(clock: Any) -> tuple[World, Order, Order]:
    """Two held orders, each from the warehouse that is near to the other: 9 + 8 yuan where 4 + 5 would do."""
    world = World(stock=0)
    for warehouse in (world.east, world.south):
        WarehouseCalendar.objects.create(warehouse=warehouse, waves=[time(14)])
    install_rules(document(rule("hold_release", "wave")))
    world.stock({"SKU-1": 1}, warehouse=world.east)
    world.deliver(world.trade(("SKU-1", 1, "55.00"), **GUANGDONG))
    Relay().drain()
    world.stock({"SKU-1": 1}, warehouse=world.south, key="later")
    world.deliver(world.trade(("SKU-1", 1, "55.00")))
    Relay().drain()
    far, near = Order.objects.order_by("pk")
    assert places() == {far.pk: world.east.pk, near.pk: world.south.pk}
    return world, far, near


def places() -> dict[int, int]:
    """Order -> the warehouse of its live shipment."""
    rows = Shipment.objects.exclude(state="cancelled").values_list("lines__order_id", "warehouse_id")
    return dict(rows)


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Let something happen after the backlog was read and before its plan is carried out."""
    solve = backlog.solve

    def solve_and_act(*args: Any, **options: Any) -> Any:
        plan = solve(*args, **options)
        act()
        return plan

    monkeypatch.setattr(backlog, "solve", solve_and_act)


def test_orders_that_hold_each_others_place_exchange_it(crossed: tuple[World, Order, Order]) -> None:
    world, far, near = crossed

    run = reoptimise_backlog(cause="hand", seconds=5)

    assert places() == {far.pk: world.south.pk, near.pk: world.east.pk}
    assert (run.orders, run.moved, run.changed_meanwhile) == (2, 2, 0)
    assert (run.cost_before_fen, run.cost_after_fen) == (900 + 800 + 300, 400 + 500 + 300)
    live = Shipment.objects.exclude(state="cancelled").order_by("lines__order_id")
    assert [(s.state, s.freight_cost, s.release_at, s.decision["why"]) for s in live] == [
        ("planned", Decimal("4.00"), TEN.replace(hour=14), "backlog"),
        ("planned", Decimal("5.00"), TEN.replace(hour=14), "backlog"),
    ]
    assert Reservation.objects.filter(state="active").count() == 2
    assert {order.state for order in Order.objects.all()} == {"in_fulfillment"}
    assert all(line.released == 1 for order in (far, near) for line in order.lines.all())


def test_a_second_run_finds_nothing_to_do(crossed: tuple[World, Order, Order]) -> None:
    reoptimise_backlog(cause="hand", seconds=5)
    before = places()

    run = reoptimise_backlog(cause="hand", seconds=5)

    assert (run.moved, places()) == (0, before)


def test_without_the_solver_it_is_said_how_it_was_done(crossed: tuple[World, Order, Order]) -> None:
    run = reoptimise_backlog(cause="hand", seconds=5, use_solver=False)

    assert (run.method, run.moved) == ("adjustment_without_solver", 2)


def test_an_order_cancelled_meanwhile_stays_cancelled_and_nothing_is_oversold(
    crossed: tuple[World, Order, Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, far, near = crossed

    def cancel() -> None:
        cancel_orders(order_ids=[far.pk], reason="changed her mind", actor=SYSTEM)
        Relay().drain()

    meanwhile(monkeypatch, cancel)

    run = reoptimise_backlog(cause="hand", seconds=5)

    far.refresh_from_db()
    assert (far.state, run.changed_meanwhile) == ("cancelled", 1)
    assert set(places()) == {near.pk}
    assert list(Reservation.objects.filter(state="active").values_list("order_id", "quantity")) == [(near.pk, 1)]
    assert all(level.free >= 0 for level in StockLevel.objects.all())


def test_an_order_handed_over_meanwhile_stays_where_it_is(
    crossed: tuple[World, Order, Order], clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, far, near = crossed
    Shipment.objects.filter(lines__order=near).update(release_at=TEN)

    def hand_over() -> None:
        release_due(at=TEN)
        Relay().drain()

    meanwhile(monkeypatch, hand_over)

    run = reoptimise_backlog(cause="hand", seconds=5)

    assert places() == {far.pk: world.east.pk, near.pk: world.south.pk}, "its place is taken, so it keeps its own"
    assert (run.moved, run.changed_meanwhile) == (0, 1)
    assert OutgoingCommand.objects.count() == 1


def test_a_pinned_order_keeps_its_place_and_takes_it_before_the_rest_is_planned(
    crossed: tuple[World, Order, Order],
) -> None:
    world, far, near = crossed
    RoutingPin.objects.create(order=far, warehouse=world.east, policy="hold", reason="promised")

    run = reoptimise_backlog(cause="hand", seconds=5)

    assert (run.orders, run.moved, run.notes) == (2, 0, ["fixed: 1 pinned"])
    assert places() == {far.pk: world.east.pk, near.pk: world.south.pk}


def test_an_order_pinned_to_where_another_lies_moves_there_and_the_other_makes_room(
    crossed: tuple[World, Order, Order],
) -> None:
    world, far, near = crossed
    # Near is promised to the east, which is dearer for nobody: far gives its piece away and gets the other.
    RoutingPin.objects.create(order=near, warehouse=world.east, policy="hold", reason="promised")

    run = reoptimise_backlog(cause="hand", seconds=5)

    assert (run.orders, run.moved, run.notes) == (2, 2, ["fixed: 1 pinned"])
    assert places() == {far.pk: world.south.pk, near.pk: world.east.pk}
    assert Shipment.objects.get(lines__order=near, state="planned").decision["notes"][0]["what"] == "pin"


def test_a_pinned_order_without_a_way_stays_and_is_named(crossed: tuple[World, Order, Order]) -> None:
    world, far, near = crossed
    RoutingPin.objects.create(order=far, warehouse=world.east, policy="hold", reason="promised")
    CourierRate.objects.filter(contract__warehouse=world.east, zone="").delete()

    run = reoptimise_backlog(cause="hand", seconds=5)

    assert (run.orders, run.moved, run.notes) == (1, 0, ["apart: 1 no_way"])
    assert places() == {far.pk: world.east.pk, near.pk: world.south.pk}


def test_a_ranked_order_gets_the_best_of_its_table_and_the_rest_is_planned_on_what_it_leaves(
    crossed: tuple[World, Order, Order],
) -> None:
    world, far, near = crossed
    # Whatever it costs: from the east, and from the south only what the east has not.
    table = {"id": "geo", "rows": [{"region": "", "warehouses": ["EAST", "SOUTH"]}]}
    by_table = rule("priority", "geo", table="geo", strict=True)
    install_rules(document(rule("hold_release", "wave"), by_table, tables=[table]))

    run = reoptimise_backlog(cause="hand", seconds=5)

    # Both would rather leave from the east; the one that was paid first has it, the other the next of its row.
    assert (run.orders, run.moved, run.notes) == (2, 0, ["fixed: 2 ranked"])
    assert (run.method, places()) == ("fixed", {far.pk: world.east.pk, near.pk: world.south.pk})


def test_orders_of_one_parcel_move_together_into_one(clock: Any) -> None:
    world = World(stock=0)
    for warehouse in (world.east, world.south):
        WarehouseCalendar.objects.create(warehouse=warehouse, waves=[time(14)])
    install_rules(document(rule("hold_release", "wave")))
    world.stock({"SKU-1": 1, "SKU-2": 1}, warehouse=world.south)
    world.deliver(*siblings(world, "SKU-1", "SKU-2"))
    Relay().drain()
    (old,) = Shipment.objects.all()
    first, second = Order.objects.order_by("pk")
    assert places() == {first.pk: world.south.pk, second.pk: world.south.pk}
    world.stock({"SKU-1": 1, "SKU-2": 1}, warehouse=world.east, key="later")

    run = reoptimise_backlog(cause="hand", seconds=5)

    (new,) = Shipment.objects.exclude(state="cancelled")
    assert (new.warehouse, new.freight_cost, set(new.lines.values_list("order_id", flat=True))) == (
        world.east,
        Decimal("5.00"),
        {first.pk, second.pk},
    )
    assert (run.orders, run.moved, run.notes) == (2, 2, [])
    assert (run.cost_before_fen, run.cost_after_fen) == (800 + 150, 500 + 150)
    assert new.decision["notes"] == [{"what": "company", "then": "2"}]
    assert new.release_at == old.release_at
    assert Reservation.objects.filter(state="active").count() == 2
    assert all(line.released == 1 for order in (first, second) for line in order.lines.all())
    assert reoptimise_backlog(cause="hand", seconds=5).moved == 0


def test_orders_of_one_parcel_stay_where_only_one_of_them_could_move(clock: Any) -> None:
    world = World(stock=0)
    for warehouse in (world.east, world.south):
        WarehouseCalendar.objects.create(warehouse=warehouse, waves=[time(14)])
    install_rules(document(rule("hold_release", "wave")))
    world.stock({"SKU-1": 1, "SKU-2": 1}, warehouse=world.south)
    world.deliver(*siblings(world, "SKU-1", "SKU-2"))
    Relay().drain()
    world.stock({"SKU-1": 1}, warehouse=world.east, key="later")

    run = reoptimise_backlog(cause="hand", seconds=5)

    assert (run.orders, run.moved) == (2, 0)
    assert set(places().values()) == {world.south.pk}


def test_a_parcel_of_which_one_order_is_held_stays_and_is_named(clock: Any) -> None:
    world = World(stock=0)
    for warehouse in (world.east, world.south):
        WarehouseCalendar.objects.create(warehouse=warehouse, waves=[time(14)])
    install_rules(document(rule("hold_release", "wave")))
    world.stock({"SKU-1": 1, "SKU-2": 1}, warehouse=world.south)
    world.deliver(*siblings(world, "SKU-1", "SKU-2"))
    Relay().drain()
    world.stock({"SKU-1": 1, "SKU-2": 1}, warehouse=world.east, key="later")
    Order.objects.filter(pk=Order.objects.order_by("pk")[0].pk).update(is_on_hold=True)

    run = reoptimise_backlog(cause="hand", seconds=5)

    assert (run.orders, run.moved, run.notes) == (0, 0, ["apart: 1 company"])
    assert set(places().values()) == {world.south.pk}


def test_their_own_parcels_do_not_stand_in_the_way_of_orders_that_are_planned_anew(
    crossed: tuple[World, Order, Order],
) -> None:
    world, far, near = crossed
    # One parcel a day and house: each house is full with the parcel that is to leave it.
    WarehouseCalendar.objects.update(daily_parcels=1)
    for order in (far, near):
        shipment = Shipment.objects.get(lines__order=order)
        (parcel,) = shipment.decision["parcels"]
        parcel["on"] = TEN.date().isoformat()
        shipment.save()
        WarehouseLoad.objects.create(warehouse=shipment.warehouse, on=TEN.date(), parcels=1)

    run = reoptimise_backlog(cause="hand", seconds=5)

    assert (run.moved, places()) == (2, {far.pk: world.south.pk, near.pk: world.east.pk})
    Relay().drain()
    assert list(WarehouseLoad.objects.values_list("parcels", flat=True)) == [1, 1]


def test_the_wave_decides_anew_and_hands_over(crossed: tuple[World, Order, Order], clock: Any) -> None:
    world, far, near = crossed
    tasks.waves()
    assert not BacklogRun.objects.exists(), "nothing is due"

    clock.move_to(TEN.replace(hour=14, minute=1))
    tasks.waves()
    Relay().drain()

    assert places() == {far.pk: world.south.pk, near.pk: world.east.pk}
    assert set(Shipment.objects.exclude(state="cancelled").values_list("state", flat=True)) == {"dispatched"}
    assert OutgoingCommand.objects.count() == 2
    tasks.waves()
    assert BacklogRun.objects.count() == 1


@pytest.fixture
def own_house(clock: Any) -> tuple[World, Order, Order]:
    """An order to the south waits for a wave in our own house in the east, for the south had nothing when it came."""
    world = World(stock=0)
    Warehouse.objects.filter(pk=world.east.pk).update(kind="own")
    FloorRules.objects.create(warehouse=world.east, waves_at="14:00", last_wave_at=TEN)
    world.stock({"SKU-1": 1}, warehouse=world.east)
    world.deliver(world.trade(("SKU-1", 1, "55.00"), **GUANGDONG))
    settle_down()
    world.stock({"SKU-1": 1}, warehouse=world.south, key="later")
    world.deliver(world.trade(("SKU-1", 1, "55.00")))
    settle_down()
    far, near = Order.objects.order_by("pk")
    return world, far, near


def test_what_waits_for_a_wave_in_our_own_house_is_decided_anew_before_it(
    own_house: tuple[World, Order, Order], clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, far, near = own_house
    # The south was told of the second order: it stays. What is free there since would suit the first one.
    world.stock({"SKU-1": 1}, warehouse=world.south, key="more")
    assert places() == {far.pk: world.east.pk, near.pk: world.south.pk}
    tasks.make_waves()
    assert not BacklogRun.objects.exists(), "no wave is due"

    clock.move_to(TEN.replace(hour=14, minute=1))
    tasks.make_waves()
    settle_down()

    run = BacklogRun.objects.get()
    assert (run.cause, run.orders, run.moved) == ("floor", 1, 1)
    assert (run.cost_before_fen, run.cost_after_fen) == (900 + 150, 400 + 150)
    assert places() == {far.pk: world.south.pk, near.pk: world.south.pk}
    assert OutgoingCommand.objects.filter(kind="qimen.deliveryorder.create").count() == 2
    assert {level.warehouse_id: level.promised for level in StockLevel.objects.all()} == {
        world.east.pk: 0,
        world.south.pk: 2,
    }
    assert broken() == {}


def test_what_is_in_a_wave_of_our_own_house_stays_there(own_house: tuple[World, Order, Order]) -> None:
    world, far, _near = own_house
    world.stock({"SKU-1": 1}, warehouse=world.south, key="more")
    make_waves(warehouse_id=world.east.pk)

    run = reoptimise_backlog(cause="hand", seconds=5)

    assert (run.orders, run.moved, places()[far.pk]) == (0, 0, world.east.pk)


def test_an_order_that_came_into_a_wave_while_the_whole_was_solved_stays(
    own_house: tuple[World, Order, Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, far, _near = own_house
    world.stock({"SKU-1": 1}, warehouse=world.south, key="more")
    meanwhile(monkeypatch, lambda: make_waves(warehouse_id=world.east.pk) and None)

    run = reoptimise_backlog(cause="hand", seconds=5)

    assert (run.moved, run.changed_meanwhile, places()[far.pk]) == (0, 1, world.east.pk)


def test_prices_that_nobody_learned_for_days_count_no_more() -> None:
    world = World()
    ShadowPrices.objects.create(
        source="test",
        orders=500,
        stock={str(world.skus[1].pk): {str(world.east.pk): 1000.0}},
        learned_at=timezone.now() - timedelta(days=3, minutes=1),
    )

    world.deliver(world.trade(("SKU-1", 1, "55.00")))
    Relay().drain()

    shipment = Shipment.objects.get()
    assert (shipment.warehouse, shipment.decision.get("prices")) == (world.east, None)


def test_learned_prices_steer_the_orders_that_come_one_by_one_without_being_paid() -> None:
    world = World()
    ShadowPrices.objects.create(source="test", orders=500, stock={str(world.skus[1].pk): {str(world.east.pk): 1000.0}})

    world.deliver(world.trade(("SKU-1", 1, "55.00")))
    Relay().drain()

    shipment = Shipment.objects.get()
    assert (shipment.warehouse, shipment.freight_cost) == (world.south, Decimal("8.00"))
    record = shipment.decision
    assert (record["cost"], record["candidates"][0]["price"], record["prices"]) == (
        950,
        1000,
        ShadowPrices.objects.get().pk,
    )


def test_rules_can_leave_prices_aside() -> None:
    world = World()
    ShadowPrices.objects.create(source="test", orders=500, stock={str(world.skus[1].pk): {str(world.east.pk): 1000.0}})
    install_rules(document(costs={"use_prices": False}))

    world.deliver(world.trade(("SKU-1", 1, "55.00")))
    Relay().drain()

    assert Shipment.objects.get().warehouse == world.east
