"""Where orders are reserved, and who gets what arrives."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils.translation import override

from fulfillment.contracts.billing import expected_price
from fulfillment.models import Carrier, CourierContract, CourierRate, PackingRule, Shipment
from fulfillment.routing.rule_document import standard_document
from fulfillment.services.explaining import explained_decisions
from fulfillment.services.freight_facts import Agreement, Agreements, parcels_by_number
from fulfillment.services.routing_rules import install_rules
from ordercenter.cases.models import Case
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import SYSTEM
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import Reservation, StockLevel
from ordercenter.orders.models import Hold, Order
from ordercenter.orders.services import TakenRefund, cancel_orders, take_refunds
from ordercenter.orders.standard import standard_flows
from ordercenter.workflow.services import activate_version, save_version
from tests.flows.outside import answer_everything, settle_down, ship
from tests.flows.world import World
from tests.fulfillment.contracts import contract_of
from tests.ordercenter.orders.incoming import refund


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
            "v": 2,
            "rules": 0,
            "rates": shipment.decision["rates"],
            "method": "exact",
            "cost": 950,
            "parcels": [
                {"warehouse": world.south.pk, "carrier": world.carrier.pk, "freight": 800, "handling": 150},
            ],
            "candidates": [
                {
                    "warehouse": world.east.pk,
                    "verdict": "short",
                    "carrier": world.carrier.pk,
                    "fen": 650,
                    "terms": [500, 150, 0, 0],
                    "short": [shipment.lines.get().order_line_id],
                },
                {
                    "warehouse": world.south.pk,
                    "verdict": "chosen",
                    "carrier": world.carrier.pk,
                    "fen": 950,
                    "terms": [800, 150, 0, 0],
                },
            ],
        }

    def test_an_address_that_no_courier_reaches_is_a_case_and_reserves_nothing(self) -> None:
        world = World()
        CourierRate.objects.filter(zone="").delete()
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
        contract_of(world.south, other, {"": "1"})
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

        world.stock({"SKU-1": 1}, warehouse=world.south, key="too few")
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

    def test_pieces_in_two_houses_serve_the_one_who_paid_first_in_two_parcels(self) -> None:
        world = World(stock=0)
        orders = self.waiting(world, (("SKU-1", 1, "55.00"), ("SKU-2", 1, "56.00")), (("SKU-2", 1, "56.00"),))

        world.stock({"SKU-1": 1}, warehouse=world.east, key="east")
        world.stock({"SKU-2": 1}, warehouse=world.south, key="south")
        Relay().drain()

        assert self.states(orders) == ["in_fulfillment", "awaiting_supply"]
        assert list(Shipment.objects.order_by("warehouse_id").values_list("warehouse", flat=True)) == [
            world.east.pk,
            world.south.pk,
        ]

    def test_where_orders_are_not_split_pieces_in_two_houses_go_to_the_one_they_suffice_for(self) -> None:
        world = World(stock=0)
        install_rules({**standard_document(), "costs": {"strategy": "single"}})
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
    document["edges"].append({"from": "gifts", "to": "approve"})
    document["tests"] = []
    version = save_version(document=document, actor=SYSTEM)
    activate_version(flow_id=version.flow_id, version_id=version.pk, actor=SYSTEM, reason="no remarks")


@pytest.mark.django_db
class TestWhatACourierAsks:
    """From the east by volume (6,000 cm³ are a kilogram) and 3 ‰ of the value, from the south by weight alone."""

    @pytest.fixture
    def world(self) -> World:
        world = World(stock=0)
        CourierContract.objects.filter(warehouse=world.east).update(divisor=6000, insurance_permille=Decimal(3))
        Sku.objects.filter(code="SKU-1").update(volume_cm3=30_000)
        world.stock({"SKU-1": 4}, warehouse=world.east)
        return world

    def test_the_volume_and_the_value_of_goods_decide_the_warehouse_and_the_freight(self, world: World) -> None:
        # 5 kg by volume: 5.00 + 4 x 2.00, and 3 ‰ of 110.00; the same 400 g cost 8.00 from the south.
        world.deliver(world.trade(("SKU-1", 1, "110.00")))
        Relay().drain()
        assert Shipment.objects.get().freight_cost == Decimal("13.33")

        world.stock({"SKU-1": 1}, warehouse=world.south, key="south")
        world.deliver(world.trade(("SKU-1", 1, "110.00")))
        Relay().drain()

        latest = Shipment.objects.latest("pk")
        assert (latest.warehouse, latest.freight_cost) == (world.south, Decimal("8.00"))

    def test_a_parcel_that_is_cut_is_priced_by_what_is_in_it(self, world: World) -> None:
        PackingRule.objects.create(name="pieces", kind="pieces", most=1)

        world.deliver(world.trade(("SKU-1", 2, "220.00")))
        Relay().drain()

        assert list(Shipment.objects.values_list("freight_cost", flat=True)) == [Decimal("13.33")] * 2

    def test_the_declared_value_is_a_term_of_its_own_and_what_the_check_of_the_bill_expects(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer_everything(monkeypatch)
        # Cut over two houses: a third of 100.00 is 33.33, and 3 ‰ of it are 0.10; 66.67 are 0.21, to the fen above.
        CourierContract.objects.update(insurance_permille=Decimal(3))
        world.stock({"SKU-2": 2}, warehouse=world.east, key="two")
        world.stock({"SKU-2": 1}, warehouse=world.south, key="one")
        world.deliver(world.trade(("SKU-2", 3, "100.00")))
        settle_down()

        shipments = list(Shipment.objects.order_by("warehouse_id"))
        kept = [(p["freight"], p["insurance"]) for p in shipments[0].decision["parcels"]]
        assert sorted(kept) == [(521, 21), (810, 10)]
        for n, shipment in enumerate(shipments):
            ship(shipment, tracking_no=f"ZT{n}")
        agreements = Agreements(world.carrier.pk)
        facts = parcels_by_number(carrier_id=world.carrier.pk, numbers=["ZT0", "ZT1"], agreements=agreements)
        expected = []
        for number in ("ZT0", "ZT1"):
            agreement = agreements.of(facts[number], "", None)
            assert isinstance(agreement, Agreement)
            expected.append(expected_price(facts[number].ours, agreement.terms).expected)
        assert expected == [shipment.freight_cost for shipment in shipments] == [Decimal("5.21"), Decimal("8.10")]

    def test_the_explanation_names_the_insurance_in_both_languages(self, world: World) -> None:
        world.deliver(world.trade(("SKU-1", 1, "110.00")))
        Relay().drain()

        words = {}
        for language in ("en", "zh-hans"):
            with override(language):
                (told,) = explained_decisions(Order.objects.get())
                row = next(row for row in told.explanation.rows if row.is_chosen)
                words[language] = [(term.label, term.fen) for term in row.terms]
        assert words == {
            "en": [("freight", 1300), ("insurance", 33), ("work in the warehouse", 150)],
            "zh-hans": [("运费", 1300), ("保价", 33), ("操作费", 150)],
        }
