"""One warehouse for one order: the cheapest that has everything; and who gets what arrives."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fulfillment.models import Carrier, FreightRate, Shipment
from fulfillment.routing.single import NoRoute, Rate, RateTable, Route, choose_warehouse, province_key
from ordercenter.cases.models import Case
from ordercenter.common.actor import SYSTEM
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import Reservation, StockLevel
from ordercenter.orders.models import Hold, Order
from ordercenter.orders.services import TakenRefund, cancel_orders, take_refunds
from ordercenter.orders.standard import standard_flows
from ordercenter.workflow.services import activate_version, save_version
from tests.flows.outside import answer_everything, settle_down
from tests.flows.world import World
from tests.ordercenter.orders.incoming import refund

KILO = Rate(carrier_id=7, first_weight_g=1000, first_fee=Decimal(9), step_weight_g=500, step_fee=Decimal(2))


def table(**fees: int) -> RateTable:
    """Warehouses 1, 2, 3 ... with one rate for everywhere each: table(w1=9, w2=8)."""
    rates = {
        (int(name[1:]), ""): [Rate(7, 1000, Decimal(fee), 1000, Decimal(0))] for name, fee in fees.items()
    }  # yuan for the first kilogram
    return RateTable(rates, sorted(warehouse for warehouse, _province in rates))


def choose(needs: dict[int, int], free: dict[tuple[int, int], int], rates: RateTable) -> Route | NoRoute:
    return choose_warehouse(needs, province="浙江省", weight_g=500, free=free, table=rates)


class TestTheChoice:
    def test_the_cheapest_that_has_everything_is_chosen_and_its_stock_taken(self) -> None:
        free = {(1, 1): 5, (2, 1): 1, (1, 2): 5, (2, 2): 5}

        route = choose({1: 2, 2: 1}, free, table(w1=9, w2=8))

        assert isinstance(route, Route)
        assert (route.warehouse_id, route.carrier_id, route.cost) == (2, 7, Decimal(8))
        assert free == {(1, 1): 5, (2, 1): 1, (1, 2): 3, (2, 2): 4}
        assert [(c.warehouse_id, c.verdict, c.cost) for c in route.candidates] == [
            (1, "dearer", Decimal(9)),
            (2, "chosen", Decimal(8)),
        ]

    def test_the_cheapest_that_lacks_a_piece_is_passed_over_and_said_to_be_short(self) -> None:
        route = choose({1: 2, 2: 1}, {(1, 1): 5, (2, 1): 1, (1, 2): 1, (2, 2): 1}, table(w1=9, w2=8))

        assert isinstance(route, Route)
        assert [(c.warehouse_id, c.verdict, c.short) for c in route.candidates] == [
            (1, "chosen", ()),
            (2, "short", (1,)),
        ]

    def test_a_tie_goes_to_the_lower_number_every_time(self) -> None:
        free = {(1, warehouse): 9 for warehouse in (1, 2, 3)}

        routes = [choose({1: 1}, free, table(w3=8, w2=8, w1=9)) for _ in range(3)]

        assert [route.warehouse_id for route in routes if isinstance(route, Route)] == [2, 2, 2]

    def test_what_all_reachable_warehouses_lack_is_named(self) -> None:
        route = choose(
            {1: 1, 2: 1, 3: 1}, {(1, 1): 9, (2, 1): 0, (3, 1): 0, (1, 2): 0, (3, 2): 0, (2, 2): 9}, table(w1=9, w2=8)
        )

        assert isinstance(route, NoRoute)
        assert route.short == (3,), "the others are only in different houses"

    def test_goods_that_lie_apart_are_named_when_no_house_lacks_the_same(self) -> None:
        route = choose({1: 1, 2: 1}, {(1, 1): 1, (2, 2): 1}, table(w1=9, w2=8))

        assert isinstance(route, NoRoute)
        assert route.short == (1, 2)

    def test_where_no_courier_goes_nothing_is_short(self) -> None:
        rates = RateTable({(1, "西藏"): [KILO]}, [1])

        route = choose({1: 1}, {(1, 1): 5}, rates)

        assert isinstance(route, NoRoute)
        assert (route.short, [c.verdict for c in route.candidates]) == ((), ["no_courier"])

    def test_a_rate_of_the_province_goes_before_the_rate_for_everywhere_and_the_cheaper_courier_is_taken(self) -> None:
        dear, cheap = replace(KILO, carrier_id=1), replace(KILO, carrier_id=2, first_fee=Decimal(5))
        rates = RateTable({(1, "浙江"): [dear, cheap], (1, ""): [replace(KILO, first_fee=Decimal(1))]}, [1])

        assert rates.cheapest(1, "浙江省", 800) == (Decimal(5), 2)
        assert rates.cheapest(1, "浙江", 800) == (Decimal(5), 2)
        assert rates.cheapest(1, "广东省", 800) == (Decimal(1), 7)
        assert rates.cheapest(2, "广东省", 800) is None

    @pytest.mark.parametrize(("weight_g", "yuan"), [(0, 9), (1000, 9), (1001, 11), (1500, 11), (1501, 13), (3000, 17)])
    def test_each_begun_step_above_the_first_weight_costs(self, weight_g: int, yuan: int) -> None:
        assert KILO.cost(weight_g) == yuan

    @pytest.mark.parametrize(
        ("name", "key"),
        [
            ("广西壮族自治区", "广西"),
            ("新疆维吾尔自治区", "新疆"),
            ("北京市", "北京"),
            ("香港特别行政区", "香港"),
            ("浙江", "浙江"),
            ("", ""),
        ],
    )
    def test_a_province_is_the_same_with_and_without_its_suffix(self, name: str, key: str) -> None:
        assert province_key(name) == key

    @given(
        needs=st.dictionaries(st.integers(1, 4), st.integers(1, 5), min_size=1),
        stock=st.dictionaries(st.tuples(st.integers(1, 4), st.integers(1, 3)), st.integers(0, 6)),
        fees=st.lists(st.integers(1, 4), min_size=3, max_size=3),
    )
    def test_a_choice_is_never_short_never_dearer_than_another_and_refused_only_when_all_are_short(
        self, needs: dict[int, int], stock: dict[tuple[int, int], int], fees: list[int]
    ) -> None:
        before, rates = dict(stock), table(w1=fees[0], w2=fees[1], w3=fees[2])
        able = [w for w in (1, 2, 3) if all(before.get((sku, w), 0) >= n for sku, n in needs.items())]

        route = choose(needs, stock, rates)

        if isinstance(route, NoRoute):
            assert able == []
            assert route.short
            assert stock == before
        else:
            assert route.warehouse_id == min(able, key=lambda w: (fees[w - 1], w))
            assert all(
                stock[sku, route.warehouse_id] == before[sku, route.warehouse_id] - n for sku, n in needs.items()
            )


@pytest.mark.django_db
class TestReserving:
    def test_a_rush_order_is_served_first(self) -> None:
        world = World(stock=0)
        world.stock({"SKU-1": 1}, warehouse=world.east)
        run_without_check()
        world.deliver(
            world.trade(("SKU-1", 1, "55.00")),
            world.trade(("SKU-1", 1, "55.00"), buyer_message="加急", has_buyer_message=True),
        )

        Relay().drain()

        assert dict(Order.objects.values_list("grade", "state")) == {
            "rush": "in_fulfillment",
            "normal": "awaiting_supply",
        }

    def test_what_was_looked_at_is_kept_with_the_shipment(self) -> None:
        world = World()
        world.stock({"SKU-1": -1000}, warehouse=world.east, key="gone")
        world.deliver(world.trade(("SKU-1", 1, "55.00")))

        Relay().drain()

        shipment = Shipment.objects.get()
        assert (shipment.warehouse, shipment.freight_cost, shipment.weight_g) == (world.south, Decimal("8.00"), 400)
        assert shipment.decision == {
            "strategy": "cheapest_single_warehouse/1",
            "candidates": [
                {
                    "warehouse": world.east.pk,
                    "verdict": "short",
                    "carrier": world.carrier.pk,
                    "cost": "5.00",
                    "short": [world.skus[1].pk],
                },
                {"warehouse": world.south.pk, "verdict": "chosen", "carrier": world.carrier.pk, "cost": "8.00"},
            ],
        }

    def test_an_address_that_no_courier_reaches_is_a_case_and_reserves_nothing(self) -> None:
        world = World()
        FreightRate.objects.filter(province="").delete()
        world.deliver(world.trade(("SKU-1", 1, "55.00"), receiver_state="西藏自治区"))

        Relay().drain()

        assert (Order.objects.get().state, Case.objects.get().code) == ("approved", "ROUTING_NONE")
        assert Case.objects.get().evidence["province"] == "西藏自治区"
        assert not Reservation.objects.exists()

    def test_a_closed_warehouse_and_a_courier_that_is_off_are_no_candidates(self) -> None:
        world = World()
        world.east.is_open = False
        world.east.save()
        other = Carrier.objects.create(code="SF", name="顺丰", is_active=False)
        FreightRate.objects.create(warehouse=world.south, carrier=other, first_fee=Decimal(1), step_fee=Decimal(0))
        world.deliver(world.trade(("SKU-1", 1, "55.00")))

        Relay().drain()

        shipment = Shipment.objects.get()
        assert (shipment.warehouse, shipment.carrier) == (world.south, world.carrier)
        assert [c["warehouse"] for c in shipment.decision["candidates"]] == [world.south.pk]


@pytest.mark.django_db
class TestSupply:
    def waiting(self, world: World, *orders: tuple[tuple[str, int, str], ...]) -> list[Order]:
        """Orders that found nothing, the first one paid first."""
        for number, lines in enumerate(orders):
            world.deliver(world.trade(*lines))
            Relay().drain()
            order = Order.objects.latest("pk")
            Order.objects.filter(pk=order.pk).update(paid_at=order.placed_at + timedelta(seconds=number))
        found = list(Order.objects.order_by("pk"))
        assert {order.state for order in found} == {"awaiting_supply"}
        return found

    def states(self, orders: list[Order]) -> list[str]:
        return [Order.objects.get(pk=order.pk).state for order in orders]

    def test_an_order_goes_on_by_itself_when_its_stock_arrives(self) -> None:
        world = World(stock=0)
        (order,) = self.waiting(world, (("SKU-1", 2, "110.00"),))
        assert list(order.lines.values_list("backordered", "unplanned")) == [(2, 0)]

        world.stock({"SKU-1": 1}, key="too few")
        Relay().drain()
        assert self.states([order]) == ["awaiting_supply"]

        world.stock({"SKU-1": 1}, warehouse=world.south, key="enough")
        Relay().drain()
        assert self.states([order]) == ["in_fulfillment"]
        assert Shipment.objects.get().warehouse == world.south
        assert list(Case.objects.values_list("code", "state")) == [("OUT_OF_STOCK", "auto_resolved")]

    def test_pieces_go_to_the_one_who_paid_first_and_no_more_are_woken_than_can_be_served(self) -> None:
        world = World(stock=0)
        orders = self.waiting(world, *[(("SKU-1", 1, "55.00"),)] * 3)

        world.stock({"SKU-1": 2}, warehouse=world.east, key="arrival")
        Relay().drain()

        assert self.states(orders) == ["in_fulfillment", "in_fulfillment", "awaiting_supply"]
        assert Case.objects.filter(code="OUT_OF_STOCK").count() == 3, "the third was not woken to be held again"

    def test_an_order_that_lacks_something_else_does_not_keep_the_pieces_from_the_next(self) -> None:
        world = World(stock=0)
        orders = self.waiting(world, (("SKU-1", 1, "55.00"), ("SKU-2", 1, "56.00")), (("SKU-1", 1, "55.00"),))

        world.stock({"SKU-1": 1}, warehouse=world.east, key="arrival")
        Relay().drain()

        assert self.states(orders) == ["awaiting_supply", "in_fulfillment"]

    def test_pieces_in_two_houses_do_not_wake_an_order_that_ships_from_one(self) -> None:
        world = World(stock=0)
        orders = self.waiting(world, (("SKU-1", 1, "55.00"), ("SKU-2", 1, "56.00")), (("SKU-2", 1, "56.00"),))

        world.stock({"SKU-1": 1}, warehouse=world.east, key="east")
        world.stock({"SKU-2": 1}, warehouse=world.south, key="south")
        Relay().drain()

        assert self.states(orders) == ["awaiting_supply", "in_fulfillment"]

    def test_an_order_that_is_asked_back_takes_nothing_and_needs_no_new_arrival_later(self) -> None:
        world = World(stock=0)
        orders = self.waiting(world, *[(("SKU-1", 1, "55.00"),)] * 2)
        ask = refund(orders[0].channel_order_no, "requested", "55.00")
        take_refunds(taken=[TakenRefund(orders[0].pk, ask)]).raise_first()

        world.stock({"SKU-1": 1}, warehouse=world.east, key="arrival")
        Relay().drain()
        assert self.states(orders) == ["awaiting_supply", "in_fulfillment"]
        assert list(Hold.objects.filter(order=orders[0], released_at__isnull=True).values_list("code", flat=True)) == [
            "REFUND_BEFORE_SHIP"
        ]

        world.stock({"SKU-1": 1}, warehouse=world.south, key="more")
        withdrawn = refund(orders[0].channel_order_no, "withdrawn", "55.00", version=2)
        take_refunds(taken=[TakenRefund(orders[0].pk, withdrawn)]).raise_first()
        Relay().drain()
        assert self.states(orders) == ["in_fulfillment", "in_fulfillment"]

    def test_a_cancelled_order_gives_its_pieces_to_the_one_that_waits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answer_everything(monkeypatch)
        world = World(stock=0)
        world.stock({"SKU-1": 1}, warehouse=world.east, key="one")
        world.deliver(*(world.trade(("SKU-1", 1, "55.00")) for _ in range(2)))
        settle_down()
        first, second = Order.objects.order_by("pk")
        assert (first.state, second.state) == ("in_fulfillment", "awaiting_supply")

        cancel_orders(order_ids=[first.pk], reason="buyer changed her mind")
        settle_down()

        assert self.states([first, second]) == ["cancelled", "in_fulfillment"]
        level = StockLevel.objects.get(warehouse=world.east, sku__code="SKU-1")
        assert (level.on_hand, level.reserved, level.allocated) == (1, 0, 1)


def run_without_check() -> None:
    """A company that reads no remarks: its flow has no check."""
    document = next(d for d in standard_flows() if d["key"] == "standard-order")
    document["nodes"] = [node for node in document["nodes"] if node["id"] != "check"]
    document["edges"] = [edge for edge in document["edges"] if "check" not in edge.values()]
    document["edges"].append({"from": "grade", "to": "approve"})
    document["tests"] = []
    version = save_version(document=document, actor=SYSTEM)
    activate_version(flow_id=version.flow_id, version_id=version.pk, actor=SYSTEM, reason="no remarks")
