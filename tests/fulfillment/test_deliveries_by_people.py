"""Deliveries that people make: announced once, received by hand, called off; and items told to warehouses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone, translation

from fulfillment.floor_errors import InboundClosed, InboundEmpty, InboundOnItsWay, ReturnTooMuch
from fulfillment.models import Barcode, InboundOrder, ItemChange, WmsAccount
from fulfillment.services.bringing import (
    bring_back,
    bring_purchase,
    call_off,
    receive_by_hand,
    returnable_lines,
    send_again,
    send_over,
    take_cancel_answers,
)
from fulfillment.services.goods_at_warehouses import tell_all_items, tell_changed_items
from fulfillment.services.inbound import take_inbound_answers
from fulfillment.services.receiving import finish_inbound
from ordercenter.audit.models import Deed
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.models import Case
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import Actor
from ordercenter.events.models import OutgoingCommand
from ordercenter.inventory.errors import StockWouldBeNegative
from ordercenter.inventory.models import StockLevel, StockMovement, Supply
from ordercenter.orders.models import Order, OrderLine
from tests.flows.outside import settle_down
from tests.flows.world import World
from tests.fulfillment.floor.house import broken_invariants

pytestmark = pytest.mark.django_db
NOW = timezone.now()
DUE = date(2026, 12, 1)


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def world() -> World:
    world = World(stock=10)
    # The south is worked by our own people; the east has a system of its own.
    world.south.kind = "own"
    world.south.save()
    ItemChange.objects.all().delete()
    return world


@pytest.fixture
def keeper(db: None) -> Actor:
    return Actor("person", "keeper", User.objects.create_user("keeper").pk)


def purchase(world: World, keeper: Actor, *, south: bool = False, **more: Any) -> InboundOrder:
    given: dict[str, Any] = {"pieces": {world.skus[1].pk: 20}, "due_on": DUE, "key": "k1", "at": NOW, "actor": keeper}
    house = world.south if south else world.east
    return bring_purchase(warehouse_id=house.pk, **(given | more))


def on_hand(world: World, *, south: bool = False) -> int:
    house = world.south if south else world.east
    return StockLevel.objects.get(sku=world.skus[1], warehouse=house).on_hand


def commands(kind: str) -> int:
    return OutgoingCommand.objects.filter(kind=kind).count()


def supply() -> tuple[str, int, int, str]:
    return Supply.objects.values_list("ref", "quantity", "arrived", "state").get()


def test_a_purchase_is_told_to_the_warehouse_and_expected_once(world: World, keeper: Actor) -> None:
    inbound = purchase(world, keeper, supplier="陶坊", note="补货")
    again = purchase(world, keeper, supplier="陶坊", note="补货")

    assert again.pk == inbound.pk
    assert (inbound.state, commands("qimen.entryorder.create")) == ("sent", 1)
    assert supply() == (inbound.code, 20, 0, "coming")
    deed = Deed.objects.get(action="inbound.announce")
    assert (deed.subject, deed.reason, deed.user_id) == (f"inbound:{inbound.pk}", "补货", keeper.user_id)


def test_a_purchase_order_with_a_number_of_its_own_is_expected_under_it(world: World, keeper: Actor) -> None:
    first = purchase(world, keeper, south=True, reference="PO-7")
    second = purchase(world, keeper, south=True, reference="PO-7", key="k2")
    assert supply() == ("PO-7", 20, 0, "coming")

    for inbound, n in ((first, 12), (second, 5)):
        line = inbound.lines.get()
        receive_by_hand(
            inbound_id=inbound.pk,
            pieces={line.pk: (n, 0, 0)},
            is_final=True,
            key=f"r{n}",
            reason="到货",
            at=NOW,
            actor=keeper,
        )

    # More of the purchase order may come: it stays expected.
    assert supply() == ("PO-7", 20, 17, "coming")
    assert on_hand(world, south=True) == 27


def test_goods_are_received_by_hand_in_parts_each_once_and_the_difference_is_a_case(
    world: World, keeper: Actor
) -> None:
    inbound = purchase(world, keeper, south=True)
    line = inbound.lines.get()
    given: dict[str, Any] = {"inbound_id": inbound.pk, "reason": "到货", "at": NOW, "actor": keeper}

    receive_by_hand(pieces={line.pk: (8, 1, 0)}, is_final=False, key="r1", **given)
    receive_by_hand(pieces={line.pk: (8, 1, 0)}, is_final=False, key="r1", **given)
    assert (on_hand(world, south=True), InboundOrder.objects.get().state) == (18, "arriving")
    assert supply() == (inbound.code, 20, 9, "coming")

    receive_by_hand(pieces={line.pk: (9, 0, 1)}, is_final=True, key="r2", **given)

    level = StockLevel.objects.get(sku=world.skus[1], warehouse=world.south)
    assert (level.on_hand, level.damaged, level.quarantine) == (27, 1, 1)
    assert InboundOrder.objects.get().state == "received"
    assert supply() == (inbound.code, 20, 19, "arrived")
    case = Case.objects.get(closed_at=None)
    assert (case.code, case.evidence["lines"][0]["good"]) == ("INBOUND_DIFFERENCE", 17)
    assert Deed.objects.filter(action="inbound.receive").count() == 2
    assert broken_invariants() == {}
    with pytest.raises(InboundClosed):
        receive_by_hand(pieces={line.pk: (1, 0, 0)}, is_final=False, key="r3", **given)


def test_what_was_received_by_hand_is_not_booked_again_when_the_scanner_finishes(world: World, keeper: Actor) -> None:
    inbound = purchase(world, keeper, south=True)
    line = inbound.lines.get()
    receive_by_hand(
        inbound_id=inbound.pk,
        pieces={line.pk: (8, 0, 0)},
        is_final=False,
        key="r1",
        reason="到货",
        at=NOW,
        actor=keeper,
    )
    line.refresh_from_db()
    line.good += 5  # as the scan page counts
    line.save()

    finish_inbound(inbound_id=inbound.pk)

    assert on_hand(world, south=True) == 23
    assert broken_invariants() == {}


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"pieces": {}}, InboundEmpty),
        ({"pieces": {1: (0, 0, 0)}}, InboundEmpty),
        ({"reason": " "}, ReasonMissing),
        ({"inbound_id": 987654}, InboundClosed),
    ],
)
def test_a_receipt_of_nothing_is_refused(
    world: World, keeper: Actor, change: dict[str, Any], refusal: type[Exception]
) -> None:
    inbound = purchase(world, keeper, south=True)
    given: dict[str, Any] = {"inbound_id": inbound.pk, "pieces": {}, "reason": "x", "key": "r", "at": NOW}

    with pytest.raises(refusal):
        receive_by_hand(is_final=False, actor=keeper, **(given | change))

    assert on_hand(world, south=True) == 10
    assert InboundOrder.objects.get().state == "planned"


def test_a_transfer_leaves_one_warehouse_and_arrives_in_the_other(world: World, keeper: Actor) -> None:
    given: dict[str, Any] = {"due_on": DUE, "key": "t1", "note": "调拨", "at": NOW, "actor": keeper}
    sku = world.skus[1]
    inbound = send_over(from_warehouse_id=world.east.pk, to_warehouse_id=world.south.pk, pieces={sku.pk: 4}, **given)
    send_over(from_warehouse_id=world.east.pk, to_warehouse_id=world.south.pk, pieces={sku.pk: 4}, **given)
    assert (on_hand(world), on_hand(world, south=True)) == (6, 10)
    assert supply() == (inbound.code, 4, 0, "coming")

    line = inbound.lines.get()
    receive_by_hand(
        inbound_id=inbound.pk,
        pieces={line.pk: (4, 0, 0)},
        is_final=True,
        key="r",
        reason="到货",
        at=NOW,
        actor=keeper,
    )

    assert (on_hand(world), on_hand(world, south=True)) == (6, 14)
    assert supply() == (inbound.code, 4, 4, "arrived")
    assert list(StockMovement.objects.filter(ref=inbound.code).values_list("reason", flat=True)) == ["transfer"] * 2
    assert broken_invariants() == {}


def test_no_more_can_be_sent_over_than_is_free(world: World, keeper: Actor) -> None:
    pieces = {world.skus[1].pk: 4, world.skus[2].pk: 11}
    with pytest.raises(StockWouldBeNegative):
        send_over(
            from_warehouse_id=world.south.pk,
            to_warehouse_id=world.east.pk,
            pieces=pieces,
            due_on=DUE,
            key="t1",
            note="x",
            at=NOW,
            actor=keeper,
        )

    assert on_hand(world, south=True) == 10
    assert not InboundOrder.objects.exists()
    assert not Supply.objects.exists()


def test_a_transfer_that_is_called_off_lies_where_it_was(world: World, keeper: Actor) -> None:
    world.east.kind = "own"
    world.east.save()
    inbound = send_over(
        from_warehouse_id=world.east.pk,
        to_warehouse_id=world.south.pk,
        pieces={world.skus[1].pk: 4},
        due_on=DUE,
        key="t1",
        note="调拨",
        at=NOW,
        actor=keeper,
    )
    assert (on_hand(world), on_hand(world, south=True)) == (6, 10)

    call_off(inbound_id=inbound.pk, reason="不调了", at=NOW, actor=keeper)

    assert (on_hand(world), on_hand(world, south=True)) == (10, 10)
    assert (InboundOrder.objects.get().state, supply()[3]) == ("cancelled", "cancelled")
    with pytest.raises(InboundClosed):
        call_off(inbound_id=inbound.pk, reason="again", at=NOW, actor=keeper)
    assert broken_invariants() == {}


def test_a_warehouse_that_was_told_is_asked_before_a_delivery_is_called_off(world: World, keeper: Actor) -> None:
    inbound = purchase(world, keeper)

    call_off(inbound_id=inbound.pk, reason="不要了", at=NOW, actor=keeper)
    assert (InboundOrder.objects.get().state, commands("qimen.inbound.cancel")) == ("sent", 1)

    with unit_of_work() as work:
        take_cancel_answers(answers={inbound.pk: "already unloading"}, work=work)
    assert InboundOrder.objects.get().state == "sent"
    assert Case.objects.get(closed_at=None).evidence == {"reason": "already unloading"}

    with unit_of_work() as work:
        take_cancel_answers(answers={inbound.pk: ""}, work=work)
    assert (InboundOrder.objects.get().state, supply()[3]) == ("cancelled", "cancelled")


def test_what_has_come_in_part_cannot_be_called_off(world: World, keeper: Actor) -> None:
    inbound = purchase(world, keeper, south=True)
    pieces = {inbound.lines.get().pk: (1, 0, 0)}
    receive_by_hand(inbound_id=inbound.pk, pieces=pieces, is_final=False, key="r", reason="x", at=NOW, actor=keeper)

    with pytest.raises(InboundOnItsWay):
        call_off(inbound_id=inbound.pk, reason="x", at=NOW, actor=keeper)


def test_a_rejected_delivery_is_sent_again_and_its_case_closes(world: World, keeper: Actor) -> None:
    inbound = purchase(world, keeper)
    with unit_of_work() as work:
        take_inbound_answers(refs={}, reasons={inbound.pk: "unknown item"}, work=work)
    assert Case.objects.get().closed_at is None

    send_again(inbound_id=inbound.pk, at=NOW, actor=keeper)

    assert (InboundOrder.objects.get().state, commands("qimen.entryorder.create")) == ("sent", 2)
    assert Case.objects.get().closed_at is not None


def test_a_return_names_pieces_of_an_order_that_left_and_no_more(world: World, keeper: Actor) -> None:
    world.deliver(world.trade(("SKU-1", 3, "110.00")))
    settle_down()
    order = Order.objects.get()
    assert returnable_lines(order.pk) == []
    OrderLine.objects.filter(order=order).update(reserved=0, released=0, shipped=3)
    line = order.lines.get()
    given: dict[str, Any] = {"order_id": order.pk, "warehouse_id": world.south.pk, "at": NOW, "actor": keeper}

    with pytest.raises(ReturnTooMuch):
        bring_back(pieces={line.pk: 4}, key="b0", **given)
    inbound = bring_back(pieces={line.pk: 2}, key="b1", tracking_no=" sf1 ", **given)
    assert [left for _line, left in returnable_lines(order.pk)] == [1]
    receive_by_hand(
        inbound_id=inbound.pk,
        pieces={inbound.lines.get().pk: (1, 1, 0)},
        is_final=True,
        key="r",
        reason="退货",
        at=NOW,
        actor=keeper,
    )

    assert (inbound.tracking_no, inbound.order_id) == ("SF1", order.pk)
    line.refresh_from_db()
    assert line.returned == 2
    level = StockLevel.objects.get(sku=world.skus[1], warehouse=world.south)
    assert (level.on_hand, level.damaged) == (11, 1)
    assert not Supply.objects.exists()


def told() -> list[tuple[str, int, bool]]:
    rows = OutgoingCommand.objects.filter(kind="qimen.items.synchronize").order_by("pk")
    return [(row.target, len(row.payload["sku_ids"]), row.payload["is_new"]) for row in rows]


def test_new_and_changed_skus_are_told_once_to_each_connected_warehouse(world: World) -> None:
    WmsAccount.objects.filter(warehouse=world.south).delete()
    assert tell_changed_items() == 0
    fresh = Sku.objects.create(code="NEW-1", name="新品")
    Sku.objects.create(code="SET-9", name="套装", is_bundle=True)
    for name in ("一", "二", "三"):
        world.skus[2].name = name
        world.skus[2].save()
    world.skus[3].list_price += 1
    world.skus[3].save()
    Barcode.objects.create(sku=world.skus[4], text="6901")

    assert tell_changed_items() == 2
    assert tell_changed_items() == 0

    east = f"warehouse:{world.east.pk}"
    assert told() == [(east, 1, True), (east, 2, False)]
    new, changed = OutgoingCommand.objects.filter(kind="qimen.items.synchronize").order_by("pk")
    assert new.payload["sku_ids"] == [fresh.pk]
    assert changed.payload["sku_ids"] == sorted([world.skus[2].pk, world.skus[4].pk])


def test_nothing_is_noted_while_no_warehouse_is_connected(world: World) -> None:
    WmsAccount.objects.all().delete()

    Sku.objects.create(code="NEW-1", name="新品")

    assert not ItemChange.objects.exists()


def test_thousands_of_changes_take_a_constant_number_of_statements(
    world: World, django_assert_max_num_queries: Any
) -> None:
    Sku.objects.bulk_create(Sku(code=f"B{n}", name=f"B{n}") for n in range(2000))

    with django_assert_max_num_queries(12):
        assert tell_changed_items() == 2 * 40


def test_all_items_are_told_on_demand_with_a_deed(world: World, keeper: Actor) -> None:
    inactive = Sku.objects.create(code="OLD", name="停售", is_active=False)

    assert tell_all_items(warehouse_ids=[world.east.pk], at=NOW, actor=keeper) == 1

    assert told() == [(f"warehouse:{world.east.pk}", 10, True)]
    assert inactive.pk not in OutgoingCommand.objects.get(kind="qimen.items.synchronize").payload["sku_ids"]
    assert Deed.objects.get(action="warehouse.tell_items").subject == f"warehouse:{world.east.pk}"


def test_the_command_tells_all_items_to_the_warehouses_it_names(world: World) -> None:
    out = StringIO()

    call_command("tell_items", warehouse=["EAST"], stdout=out)

    assert out.getvalue().startswith("1 calls written")
    assert told() == [(f"warehouse:{world.east.pk}", 10, True)]
    with pytest.raises(CommandError, match="no warehouse MOON"):
        call_command("tell_items", warehouse=["MOON"])
