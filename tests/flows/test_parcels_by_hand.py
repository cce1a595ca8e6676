"""Parcels as people want them, and what the channels are told of several parcels."""

from __future__ import annotations

from decimal import Decimal

import pytest

from channels_sync.kinds import TRACKING_KIND
from fulfillment.errors import NotInCompany, ShipmentAtWarehouse, SplitImpossible
from fulfillment.models import PackingRule, Shipment, WarehouseCalendar, WarehouseLoad
from fulfillment.services import split_order, unmerge_orders
from ordercenter.audit.models import Deed
from ordercenter.catalog.capabilities import write_usual_capabilities
from ordercenter.catalog.models import ChannelCapability
from ordercenter.common.actor import Actor
from ordercenter.events.models import EventRow, OutgoingCommand
from ordercenter.orders.models import Order
from ordercenter.orders.services import cancel_orders, release_holds
from tests.flows.outside import answer_everything, settle_down, ship
from tests.flows.siblings import broken, open_cases, order_of, parcels, siblings
from tests.flows.world import World

pytestmark = pytest.mark.django_db
LIN = Actor("integration", "lin")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    answer_everything(monkeypatch)
    return World(stock=20)


def reports() -> list[tuple[str, str, list[str]]]:
    rows = OutgoingCommand.objects.filter(kind=TRACKING_KIND).order_by("pk")
    return [(c.payload["order_no"], c.payload["tracking_no"], c.payload["lines"]) for c in rows]


def test_an_order_is_taken_out_of_a_shared_parcel_and_all_go_on_by_themselves(world: World) -> None:
    first, second = siblings(world, "SKU-1", "SKU-2")
    world.deliver(first, second)
    settle_down()

    unmerge_orders(order_ids=[order_of(first).pk], reason="a present", actor=LIN).raise_first()
    settle_down()

    assert sorted(parcels()) == [("accepted", ["1"]), ("accepted", ["2"]), ("cancelled", ["1", "2"])]
    assert (open_cases(), broken()) == ([], {})
    assert Deed.objects.get(action="order.unmerge").reason == "a present"

    refused = unmerge_orders(order_ids=[order_of(first).pk], reason="again", actor=LIN).refused
    assert [type(r.error) for r in refused] == [NotInCompany]


def test_the_parcels_counted_for_a_day_are_those_that_are_planned_for_it(world: World) -> None:
    WarehouseCalendar.objects.create(warehouse=world.east, daily_parcels=10)
    first, second = siblings(world, "SKU-1", "SKU-2")
    world.deliver(first, second)
    settle_down()

    def counted() -> list[int]:
        return list(WarehouseLoad.objects.values_list("parcels", flat=True))

    assert counted() == [1], "two orders, one parcel"
    unmerge_orders(order_ids=[order_of(first).pk], reason="a present", actor=LIN).raise_first()
    settle_down()
    live = Shipment.objects.exclude(state="cancelled")
    assert (live.count(), broken()) == (2, {})
    cancel_orders(order_ids=[order_of(first).pk], reason="changed her mind").raise_first()
    settle_down()

    assert (live.count(), broken()) == (1, {})
    assert all(n >= 0 for n in counted())


def test_a_held_order_is_split_by_hand_and_leaves_in_two_parcels_with_shares_to_the_fen(world: World) -> None:
    world.deliver(world.trade(("SKU-1", 3, "100.00"), buyer_message="分两箱", has_buyer_message=True))
    settle_down()
    order = Order.objects.get()
    (line,) = order.lines.all()

    with pytest.raises(SplitImpossible):
        split_order(order_id=order.pk, boxes=[{line.pk: 4}], reason="too many", actor=LIN)
    split_order(order_id=order.pk, boxes=[{line.pk: 1}], reason="as the buyer asks", actor=LIN)
    release_holds(order_ids=[order.pk], reason="split", actor=LIN, accepted=True)
    settle_down()

    shipments = list(Shipment.objects.order_by("pk"))
    assert [[(n.quantity, n.amount) for n in s.lines.all()] for s in shipments] == [
        [(2, Decimal("66.67"))],
        [(1, Decimal("33.33"))],
    ]
    # "split" is what a split costs, in fen; that a shipment is a part of what was decided goes by another name.
    assert all(s.decision["is_part"] is True and type(s.decision.get("split", 0)) is int for s in shipments)
    with pytest.raises(ShipmentAtWarehouse):
        split_order(order_id=order.pk, boxes=[], reason="too late", actor=LIN)

    ship(shipments[0], tracking_no="ZT1")
    settle_down()
    ship(shipments[1], tracking_no="ZT2")
    settle_down()

    # Tmall takes one number for a line: the first parcel's; the second one is told in the timeline only.
    assert reports() == [(order.channel_order_no, "ZT1", [line.channel_line_no])]
    withheld = EventRow.objects.get(name="fulfillment.tracking.withheld")
    assert (withheld.subject, withheld.payload["why"]) == (f"shipment:{shipments[1].pk}", "not_supported")
    assert Order.objects.get().state == "shipped"
    assert broken() == {}


def test_a_packing_rule_cuts_a_heavy_order_and_its_lines_are_reported_each_with_its_number(world: World) -> None:
    PackingRule.objects.create(name="5 件一箱", kind="pieces", most=5)
    world.deliver(world.trade(("SKU-1", 5, "100.00"), ("SKU-2", 5, "50.00")))
    settle_down()
    order = Order.objects.get()
    numbers = list(order.lines.order_by("line_no").values_list("channel_line_no", flat=True))

    for n, shipment in enumerate(Shipment.objects.order_by("pk")):
        ship(shipment, tracking_no=f"ZT{n}")
        settle_down()

    assert [(number, lines) for _no, number, lines in reports()] == [("ZT0", [numbers[0]]), ("ZT1", [numbers[1]])]
    assert (Order.objects.get().state, broken()) == ("shipped", {})


def test_a_channel_that_takes_a_number_once_hears_of_one_order_and_the_other_is_told_where_it_is(world: World) -> None:
    write_usual_capabilities()
    ChannelCapability.objects.update(shares_number=False)
    first, second = siblings(world, "SKU-1", "SKU-2")
    world.deliver(first, second)
    settle_down()
    ship(Shipment.objects.get(), tracking_no="ZT1")
    settle_down()

    assert reports() == [(str(first["tid"]), "ZT1", [])]
    told = EventRow.objects.get(name="fulfillment.tracking.withheld")
    assert (told.payload["why"], told.payload["instead"]) == ("merged_into", str(first["tid"]))
    assert told.payload["order_ids"] == [order_of(second).pk]
    assert broken() == {}


def test_a_channel_that_does_not_merge_by_address_id_keeps_orders_apart(world: World) -> None:
    write_usual_capabilities()
    ChannelCapability.objects.update(merges_by_opaque_id=False)

    world.deliver(*siblings(world, "SKU-1", "SKU-2"))
    settle_down()

    assert parcels() == [("accepted", ["1"]), ("accepted", ["2"])]
