"""Other rules over past days: what they would have chosen, and that nothing else is written."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.apps import apps
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from fulfillment.models import Carrier, ShadowDifference, ShadowRun, WarehouseCalendar, WarehouseClosing
from fulfillment.services.past_calendars import world_on
from fulfillment.services.past_days import past_day, stock_at
from fulfillment.services.routing_rules import active_document
from fulfillment.services.routing_world import current_world
from fulfillment.services.shadow import run_shadow, start_shadow
from ordercenter.common.actor import SYSTEM
from ordercenter.events.relay import Relay
from ordercenter.inventory.services import Movement, move_stock
from ordercenter.inventory.states import Bucket, MovementReason
from ordercenter.orders.models import Order
from tests.flows.world import World
from tests.fulfillment.contracts import contract_of
from tests.fulfillment.routing.rule_documents import document, rule
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db


def counts() -> dict[str, int]:
    models = [m for m in apps.get_models() if m not in (ShadowRun, ShadowDifference)]
    return {model._meta.label: model._base_manager.count() for model in models}


@pytest.fixture
def lived() -> World:
    """Two orders of today: one piece east, plenty south."""
    world = World(stock=0)
    world.stock({"SKU-1": 1}, warehouse=world.east)
    world.stock({"SKU-1": 50}, warehouse=world.south)
    for number in range(2):
        world.deliver(world.trade(("SKU-1", 1, "55.00"), buyer_open_uid=f"b{number}"))
        Relay().drain()
    return world


def trial_of(world: World, trial: dict) -> ShadowRun:
    today = timezone.localdate()
    run = start_shadow(name="trial", trial=trial, base=active_document(), first_day=today, last_day=today, actor=SYSTEM)
    return run_shadow(run)


def test_a_trial_says_what_it_would_have_saved_and_which_orders_differ(lived: World) -> None:
    run = trial_of(lived, document(rule("only_warehouses", "south", warehouses=["SOUTH"])))

    assert (run.status, run.error) == ("done", "")
    # The stock of the morning was none; it came in during the day.
    assert run.report["base"] == {
        "orders": 2,
        "unfilled": 0,
        "split": 0,
        "parcels": 2,
        "cost_fen": 650 + 950,
        "late_fen": 0,
    }
    assert (run.report["trial"]["cost_fen"], run.report["different"]) == (2 * 950, 1)
    assert (run.report["saved_fen"], run.report["days"][0]["saved_fen"]) == (-300, -300)
    difference = ShadowDifference.objects.get()
    assert (difference.order, difference.saved_fen) == (Order.objects.order_by("pk")[0], -300)
    assert difference.base["parcels"][0]["warehouse"] == lived.east.pk
    assert difference.trial["parcels"][0]["warehouse"] == lived.south.pk


def test_a_trial_writes_nothing_but_itself(lived: World) -> None:
    before = counts()

    trial_of(
        lived,
        document(
            rule(
                "never_warehouses",
                warehouses=["EAST", "SOUTH"],
                when={"field": "order.grade", "operator": "=", "value": "normal"},
            )
        ),
    )

    assert counts() == before
    assert set(Order.objects.values_list("state", flat=True)) == {"in_fulfillment"}


def test_orders_that_the_trial_leaves_without_a_way_are_counted(lived: World) -> None:
    run = trial_of(lived, document(rule("only_warehouses", "east", warehouses=["EAST"])))

    assert (run.report["base"]["unfilled"], run.report["trial"]["unfilled"]) == (0, 1)
    assert run.report["saved_fen"] == 0, "what is not shipped saves nothing"


def test_what_adds_a_price_to_prefer_is_nobodys_bill(lived: World) -> None:
    run = trial_of(lived, document(rule("add_cost", fen=100, warehouses=["EAST", "SOUTH"])))

    assert run.report["base"]["cost_fen"] == run.report["trial"]["cost_fen"]
    assert run.report["different"] == 0


def test_stock_of_then_is_what_lies_there_now_less_what_moved_since(lived: World) -> None:
    sku = lived.skus[1].pk
    now = timezone.now()

    assert stock_at(now + timedelta(seconds=1), [sku]) == {(sku, lived.east.pk): 0, (sku, lived.south.pk): 49}
    assert set(stock_at(now - timedelta(days=1), [sku]).values()) == {0}
    day = past_day(timezone.localdate(), world=current_world(), most=10)
    assert (len(day.orders), sum(n for _at, _place, n in day.arrivals)) == (2, 51)


def test_pieces_that_cannot_be_sold_are_no_stock_of_then_and_no_arrival(lived: World) -> None:
    sku = lived.skus[1].pk
    before = stock_at(timezone.now() - timedelta(days=1), [sku])
    came = len(past_day(timezone.localdate(), world=current_world(), most=10).arrivals)

    move_stock(
        movements=[
            Movement(sku, lived.south.pk, -9, MovementReason.ADJUSTMENT, "q", "q1"),
            Movement(sku, lived.south.pk, 9, MovementReason.ADJUSTMENT, "q", "q2", Bucket.QUARANTINE),
            Movement(sku, lived.south.pk, 4, MovementReason.RETURN, "r", "r1", Bucket.DAMAGED),
        ]
    ).raise_first()

    assert stock_at(timezone.now() - timedelta(days=1), [sku]) == before
    assert len(past_day(timezone.localdate(), world=current_world(), most=10).arrivals) == came


def test_another_courier_is_another_way(lived: World) -> None:
    dear = Carrier.objects.create(code="SF", name="顺丰")
    contract_of(lived.east, dear, {"": "15"})
    contract_of(lived.south, dear, {"": "20"})

    run = trial_of(lived, document(rule("only_couriers", "sf", couriers=["SF"])))

    assert (run.report["different"], run.report["saved_fen"]) == (2, -(1000 + 1200))
    assert {d.saved_fen for d in ShadowDifference.objects.all()} == {-1000, -1200}


def test_orders_beyond_the_most_of_a_day_are_said_to_be_left_out(lived: World) -> None:
    today = timezone.localdate()
    run = start_shadow(
        name="short",
        trial=active_document(),
        base=active_document(),
        first_day=today,
        last_day=today,
        actor=SYSTEM,
        most_orders=1,
    )

    report = run_shadow(run).report

    assert (report["base"]["orders"], report["left_out"], report["days"][0]["left_out"]) == (1, 1, 1)
    page = client_of(person("li", superuser=True)).get(reverse("console:routing-shadow", args=[run.pk]))
    assert "A day is tried with its first 1 orders: 1 later one is in no figure here." in page.content.decode()


def test_a_trial_that_fails_says_so_in_its_own_row(lived: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from fulfillment.services import shadow

    def broken(*_args: object, **_options: object) -> None:
        raise RuntimeError("no such day")

    monkeypatch.setattr(shadow, "past_day", broken)

    run = trial_of(lived, document())

    assert (run.status, run.error) == ("failed", "RuntimeError: no such day")


def test_the_command_tries_a_strategy(lived: World) -> None:
    today = timezone.localdate().isoformat()
    out = StringIO()

    call_command("shadow_routing", "--first", today, "--last", today, "--strategy", "single", "--json", stdout=out)

    assert json.loads(out.getvalue())["trial"]["orders"] == 2


def test_a_past_day_has_the_calendars_of_then_and_says_where_none_are_kept(lived: World) -> None:
    now = timezone.now()
    Order.objects.update(paid_at=now - timedelta(days=2))
    day = timezone.localdate(now - timedelta(days=2))
    with time_machine.travel(now - timedelta(days=5), tick=False):
        closing = WarehouseClosing.objects.create(
            warehouse=lived.east,
            starts_on=day - timedelta(days=1),
            reopens_on=day + timedelta(days=1),
            policy="fall_back",
        )
    # Since then it was called off, and the calendar of the south brought in by a script.
    closing.delete()
    WarehouseCalendar.objects.bulk_create([WarehouseCalendar(warehouse=lived.south)])

    then, unknown = world_on(current_world(), now - timedelta(days=2))
    today, _unknown = world_on(current_world(), timezone.now())

    assert [c.starts_on for c in then.calendars[lived.east.pk].closings] == [day - timedelta(days=1)]
    assert lived.east.pk not in today.calendars
    assert unknown == ["SOUTH"]
    run = start_shadow(name="t", trial=document(), base=active_document(), first_day=day, last_day=day, actor=SYSTEM)
    assert run_shadow(run).report["calendars_of_today"] == ["SOUTH"]
