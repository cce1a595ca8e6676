"""What couriers take in one parcel decides before anything is priced: rules of packing cut, merging keeps within it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils.translation import override

from fulfillment.errors import MergeImpossible
from fulfillment.models import Carrier, CourierContract, PackingRule, Shipment
from fulfillment.routing.rule_document import standard_document
from fulfillment.services import merge_orders
from fulfillment.services.explaining import explained_decisions
from fulfillment.services.routing_rules import install_rules
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import Actor
from ordercenter.inventory.models import Warehouse
from ordercenter.orders.models import Order
from tests.flows.outside import settle_down
from tests.flows.siblings import broken, open_cases, order_of, parcels, siblings
from tests.flows.world import World
from tests.fulfillment.contracts import contract_of

LIN = Actor("integration", "lin")


@pytest.fixture
def world(db: None) -> World:
    """Parcels of up to three kilograms; a piece weighs two."""
    world = World()
    CourierContract.objects.update(max_g=3000)
    Sku.objects.update(weight_g=2000)
    return world


def three_pieces(world: World) -> Order:
    trade = world.trade(("SKU-1", 3, "150.00"))
    world.deliver(trade)
    settle_down()
    return order_of(trade)


def test_goods_that_no_courier_takes_in_one_parcel_are_no_matter_of_stock(world: World) -> None:
    world.stock({"SKU-1": -1000}, warehouse=world.south, key="gone")

    three_pieces(world)

    assert (open_cases(), parcels()) == (["ROUTING_NONE"], [])


def test_what_rules_of_packing_cut_is_priced_as_it_is_sent(world: World) -> None:
    PackingRule.objects.create(name="3 kg", kind="weight", most=3000)

    order = three_pieces(world)

    # A parcel of two kilograms from the east: 5.00 for the first, 2.00 for the second.
    sent = Shipment.objects.order_by("pk")
    assert [(s.warehouse, s.weight_g, s.freight_cost) for s in sent] == [(world.east, 2000, Decimal("7.00"))] * 3
    (parcel,) = sent[0].decision["parcels"]
    assert (parcel["boxes"], parcel["freight"], parcel["handling"]) == (3, 2100, 450)
    assert sent[0].decision["cost"] == 2550
    assert [c["verdict"] for c in sent[0].decision["candidates"]] == ["chosen", "dearer"]
    with override("zh-hans"):
        (told,) = explained_decisions(order)
    assert told.explanation.parcels == ("华东仓 · 中通快递: 运费 ¥21.00 + 操作费 ¥4.50，分 3 箱",)
    assert broken() == {}


def test_the_warehouse_whose_boxes_cost_least_ships_not_the_one_whose_single_parcel_would(world: World) -> None:
    CourierContract.objects.update(max_g=0)
    # From the east one parcel of six kilograms would cost 15.00, but it takes three boxes of 7.00 there.
    PackingRule.objects.create(name="one", kind="pieces", most=1, warehouse=world.east)

    three_pieces(world)

    (shipment,) = Shipment.objects.all()
    assert (shipment.warehouse, shipment.freight_cost) == (world.south, Decimal("18.00"))


def test_siblings_that_no_courier_takes_together_stay_apart_and_say_so(world: World) -> None:
    trades = siblings(world, "SKU-1", "SKU-2")

    world.deliver(*trades)
    settle_down()

    shipments = list(Shipment.objects.order_by("pk"))
    assert [(s.freight_cost, s.carrier, s.weight_g) for s in shipments] == [(Decimal("7.00"), world.carrier, 2000)] * 2
    numbers = [str(trade["tid"]) for trade in trades]
    assert [s.decision["apart"] for s in shipments] == [[numbers[1]], [numbers[0]]]
    with override("zh-hans"):
        (told,) = explained_decisions(order_of(trades[0]))
    assert f"没有和 {numbers[1]} 合成一个包裹：没有快递肯收这么大的包裹" in told.explanation.sentences
    assert broken() == {}


def test_as_many_siblings_travel_together_as_a_courier_takes(world: World) -> None:
    CourierContract.objects.update(max_g=4000)

    world.deliver(*siblings(world, "SKU-1", "SKU-2", "SKU-3"))
    settle_down()

    assert sorted(len(orders) for _state, orders in parcels()) == [1, 2]


def test_a_person_who_wants_more_in_one_parcel_than_any_courier_takes_is_told_so(world: World) -> None:
    trades = siblings(world, "SKU-1", "SKU-2")
    # A house of our own, where they wait for a wave.
    Warehouse.objects.update(kind="own")
    world.deliver(*trades)
    settle_down()
    before = parcels()

    with pytest.raises(MergeImpossible) as refused:
        merge_orders(order_ids=[order_of(trade).pk for trade in trades], reason="one box", actor=LIN)

    assert refused.value.problem == "too_heavy"
    assert parcels() == before


def test_a_rule_on_couriers_holds_for_the_parcel_that_orders_share_too(world: World) -> None:
    CourierContract.objects.update(max_g=0)
    cheap = Carrier.objects.create(code="YTO", name="圆通速递")
    contract_of(world.east, cheap, {"": "1"}, step="1")
    never = {"id": "no-yto", "kind": "never_couriers", "couriers": ["YTO"]}
    install_rules({**standard_document(), "rules": [never]})

    world.deliver(*siblings(world, "SKU-1", "SKU-2"))
    settle_down()

    (shipment,) = Shipment.objects.all()
    # Four kilograms with ZTO: 5.00 and three further at 2.00.
    assert (shipment.carrier, shipment.freight_cost) == (world.carrier, Decimal("11.00"))
