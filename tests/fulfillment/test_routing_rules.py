"""Rules at work in the pipeline: restricted, pinned, closed, full, held back; and what is kept of it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from fulfillment.errors import DraftChanged, PinTooLate, RulesInvalid
from fulfillment.models import (
    CourierRate,
    PackingRule,
    RoutingDecision,
    RoutingPin,
    RoutingRuleSet,
    RoutingRuleVersion,
    Shipment,
    WarehouseCalendar,
    WarehouseClosing,
    WarehouseLoad,
)
from fulfillment.routing.rule_document import standard_document
from fulfillment.services import release_due, release_reopened, reserve_and_route
from fulfillment.services.explaining import explained_decisions
from fulfillment.services.pinning import pin_order, unpin_order
from fulfillment.services.routing_rules import (
    activate_draft,
    activate_rules,
    edit_draft,
    install_rules,
    move_rule,
    put_rule,
    put_table,
    rule_set,
)
from ordercenter.audit.models import Deed
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.models import Case
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import Reservation, Supply
from ordercenter.orders.models import Hold, Order
from ordercenter.orders.services import cancel_orders
from tests.flows.world import SHANGHAI, World
from tests.fulfillment.routing.rule_documents import IN_ZHEJIANG, IS_BATTERY, document, rule

pytestmark = pytest.mark.django_db

# Ten in the morning in Shanghai, some days ago: what is recorded then is due by the clock of the database, too.
TEN = (datetime.now(SHANGHAI) - timedelta(days=3)).replace(hour=10, minute=0, second=0, microsecond=0)
PERSON = Actor("person", "somebody")


def routed(world: World, *lines: tuple[str, int, str], **changes: Any) -> Order:
    world.deliver(world.trade(*(lines or (("SKU-1", 1, "55.00"),)), **changes))
    Relay().drain()
    return Order.objects.latest("pk")


def open_codes(order: Order) -> list[str]:
    return list(Hold.objects.filter(order=order, released_at__isnull=True).values_list("code", flat=True))


class TestRestricting:
    def test_only_the_warehouses_of_the_rule_ship_there_and_the_record_names_the_rule(self) -> None:
        world = World()
        install_rules(document(rule("only_warehouses", "south", warehouses=["SOUTH"], when=IN_ZHEJIANG)))

        routed(world)

        shipment = Shipment.objects.get()
        assert shipment.warehouse == world.south
        assert [(c["verdict"], c.get("rule")) for c in shipment.decision["candidates"]] == [
            ("excluded", "south"),
            ("chosen", None),
        ]
        assert (shipment.decision["rules"], shipment.decision["fired"]) == (1, ["south"])

    def test_a_price_moves_the_choice_and_is_part_of_the_kept_cost(self) -> None:
        world = World()
        install_rules(document(rule("add_cost", "busy", fen=1000, warehouses=["EAST"])))

        routed(world)

        shipment = Shipment.objects.get()
        assert (shipment.warehouse, shipment.freight_cost) == (world.south, Decimal("8.00"))
        east = shipment.decision["candidates"][0]
        assert (east["fen"], east["terms"]) == (1650, [500, 150, 0, 1000])

    def test_forbidden_goods_are_a_case_that_names_the_rule_and_reserve_nothing(self) -> None:
        world = World()
        world.skus[1].handling_tags = ["battery"]
        world.skus[1].save()
        install_rules(document(rule("forbid_goods", "island", goods=IS_BATTERY, when=IN_ZHEJIANG)))

        order = routed(world)

        assert (order.state, open_codes(order)) == ("approved", ["ROUTING_FORBIDDEN"])
        assert Case.objects.get().evidence["rules"] == ["island"]
        assert not Reservation.objects.exists()
        assert RoutingDecision.objects.get().code == "fulfillment.routing_forbidden"

    def test_goods_of_little_value_do_not_travel_alone(self) -> None:
        world = World(stock=0)
        world.stock({"SKU-1": 5}, warehouse=world.east)
        world.stock({"SKU-2": 5}, warehouse=world.south)
        install_rules(document(rule("alone_threshold", "poor", fen=6000)))

        order = routed(world, ("SKU-1", 1, "155.00"), ("SKU-2", 1, "56.00"))

        assert open_codes(order) == ["OUT_OF_STOCK"]
        assert RoutingDecision.objects.latest("pk").record["notes"] == [{"what": "alone", "then": "2"}]

    def test_a_strict_regional_table_takes_the_first_that_has_everything(self) -> None:
        world = World()
        tables = [{"id": "geo", "rows": [{"region": "33", "warehouses": ["SOUTH", "EAST"]}]}]
        install_rules(document(rule("priority", "geo", table="geo", strict=True), tables=tables))

        routed(world)
        world.stock({"SKU-2": -1000}, warehouse=world.south, key="gone")
        routed(world, ("SKU-2", 1, "56.00"))

        first, second = Shipment.objects.order_by("pk")
        assert (first.warehouse, second.warehouse) == (world.south, world.east)
        assert second.decision["notes"] == [{"what": "ranking", "then": "2", "warehouse": world.east.pk, "rule": "geo"}]

    def test_an_order_leaves_in_two_parcels_where_no_warehouse_has_everything(self) -> None:
        world = World(stock=0)
        world.stock({"SKU-1": 5}, warehouse=world.east)
        world.stock({"SKU-2": 5}, warehouse=world.south)

        order = routed(world, ("SKU-1", 1, "155.00"), ("SKU-2", 2, "112.00"))

        assert order.state == "in_fulfillment"
        shipments = list(Shipment.objects.order_by("warehouse_id"))
        assert [(s.warehouse, s.freight_cost) for s in shipments] == [
            (world.east, Decimal("5.00")),
            (world.south, Decimal("8.00")),
        ]
        record = shipments[0].decision
        assert (record["cost"], record["split"]) == (500 + 150 + 800 + 150 + 400, 400)
        assert [sorted(p["lines"].values()) for p in record["parcels"]] == [[1], [2]]

    def test_a_line_that_no_warehouse_has_enough_of_is_divided(self) -> None:
        world = World(stock=0)
        world.stock({"SKU-1": 3}, warehouse=world.east)
        world.stock({"SKU-1": 2}, warehouse=world.south)

        order = routed(world, ("SKU-1", 4, "220.00"))

        assert order.state == "in_fulfillment"
        assert sorted(Reservation.objects.values_list("warehouse", "quantity")) == [
            (world.east.pk, 3),
            (world.south.pk, 1),
        ]


class TestClosed:
    def closing(self, world: World, policy: str = "") -> WarehouseClosing:
        today = timezone.localdate()
        return WarehouseClosing.objects.create(
            warehouse=world.east,
            starts_on=today,
            reopens_on=today + timedelta(days=3),
            policy=policy,
            reason="typhoon",
        )

    def test_the_order_waits_for_a_closed_warehouse_where_the_rule_says_so_and_goes_on_when_it_opens(self) -> None:
        world = World()
        install_rules(document(rule("when_closed", "wait", policy="hold", warehouses=["EAST"])))
        closing = self.closing(world)

        order = routed(world)

        assert open_codes(order) == ["WAREHOUSE_CLOSED"]
        assert Case.objects.get().evidence["reopens_on"] == closing.reopens_on.isoformat()
        assert not Reservation.objects.exists()
        assert release_reopened() == 0, "it is closed still"

        closing.delete()
        assert release_reopened() == 1
        Relay().drain()
        assert Shipment.objects.get().warehouse == world.east
        assert Case.objects.get().state == "auto_resolved"

    def test_another_warehouse_ships_where_the_rule_says_so_and_the_record_says_it(self) -> None:
        world = World()
        install_rules(document(rule("when_closed", "go", policy="fall_back")))
        self.closing(world)

        routed(world)

        shipment = Shipment.objects.get()
        assert shipment.warehouse == world.south
        assert shipment.decision["notes"] == [
            {"what": "closed", "then": "fall_back", "warehouse": world.east.pk, "rule": "go"}
        ]
        assert shipment.decision["candidates"][0]["rule"] == ":closed"

    def test_the_closing_itself_can_say_what_orders_do(self) -> None:
        world = World()
        install_rules(document(rule("when_closed", "go", policy="fall_back")))
        self.closing(world, policy="hold")

        assert open_codes(routed(world)) == ["WAREHOUSE_CLOSED"]

    def test_an_order_that_only_the_closed_one_could_ship_says_so_instead_of_lacking_stock(self) -> None:
        world = World()
        world.stock({"SKU-1": -1000}, warehouse=world.south, key="gone")
        self.closing(world, policy="fall_back")

        assert open_codes(routed(world)) == ["WAREHOUSE_CLOSED"]

    def test_a_closing_does_not_touch_orders_that_another_warehouse_ships_anyway(self) -> None:
        world = World()
        self.closing(world, policy="hold")

        routed(world, receiver_state="广东省", receiver_city="广州市", receiver_district="天河区")

        shipment = Shipment.objects.get()
        assert (shipment.warehouse, "notes" in shipment.decision) == (world.south, False)


class TestPins:
    def test_a_pinned_order_ships_from_there_whatever_it_costs(self) -> None:
        world = World(stock=0)
        order = routed(world)
        world.stock({"SKU-1": 1}, warehouse=world.south)
        pin_order(order_id=order.pk, warehouse_id=world.south.pk, policy="hold", reason="promised", actor=PERSON)
        Relay().drain()

        shipment = Shipment.objects.get()
        assert shipment.warehouse == world.south
        assert shipment.decision["notes"] == [{"what": "pin", "then": "taken", "warehouse": world.south.pk}]
        assert Deed.objects.get(action="order.pin").reason == "promised"

    def test_a_pinned_order_waits_where_its_warehouse_lacks_the_goods(self) -> None:
        world = World(stock=0)
        order = routed(world)
        pin_order(order_id=order.pk, warehouse_id=world.south.pk, policy="hold", reason="promised", actor=PERSON)
        world.stock({"SKU-1": 9}, warehouse=world.east)
        Relay().drain()

        assert open_codes(order) == ["OUT_OF_STOCK"]
        assert not Shipment.objects.exists()

    def test_a_pin_may_let_the_others_ship_and_the_record_says_so(self) -> None:
        world = World(stock=0)
        order = routed(world)
        pin_order(order_id=order.pk, warehouse_id=world.south.pk, policy="fall_back", reason="near", actor=PERSON)
        world.stock({"SKU-1": 9}, warehouse=world.east)
        Relay().drain()

        shipment = Shipment.objects.get()
        assert shipment.warehouse == world.east
        assert shipment.decision["notes"] == [{"what": "pin", "then": "fall_back", "warehouse": world.south.pk}]

    def test_it_is_too_late_to_pin_what_a_warehouse_has_and_nothing_changes(self) -> None:
        world = World()
        order = routed(world)

        with pytest.raises(PinTooLate):
            pin_order(order_id=order.pk, warehouse_id=world.south.pk, policy="hold", reason="late", actor=PERSON)

        assert not RoutingPin.objects.exists()
        assert Shipment.objects.get().warehouse == world.east

    def test_a_pin_needs_a_reason_and_can_be_taken_back(self) -> None:
        world = World(stock=0)
        order = routed(world)
        with pytest.raises(ReasonMissing):
            pin_order(order_id=order.pk, warehouse_id=world.south.pk, policy="hold", reason=" ", actor=PERSON)
        pin_order(order_id=order.pk, warehouse_id=world.south.pk, policy="hold", reason="promised", actor=PERSON)

        unpin_order(order_id=order.pk, reason="not any more", actor=PERSON)
        world.stock({"SKU-1": 9}, warehouse=world.east)
        Relay().drain()

        assert Shipment.objects.get().warehouse == world.east
        assert RoutingPin.objects.get().ended_at is not None


class TestCapacity:
    def test_what_does_not_fit_into_the_day_goes_elsewhere_or_waits_and_is_counted(self) -> None:
        world = World()
        WarehouseCalendar.objects.create(warehouse=world.east, daily_parcels=1, full_excludes=True)

        orders = [routed(world), routed(world)]

        assert list(Shipment.objects.order_by("pk").values_list("warehouse", flat=True)) == [
            world.east.pk,
            world.south.pk,
        ]
        assert list(WarehouseLoad.objects.values_list("warehouse", "on", "parcels")) == [
            (world.east.pk, timezone.localdate(), 1)
        ]
        WarehouseCalendar.objects.create(warehouse=world.south, daily_parcels=0, full_excludes=True)
        third = routed(world)
        assert open_codes(third) == ["CAPACITY_FULL"]
        assert Case.objects.get().evidence["warehouses"] == ["EAST", "SOUTH"]

        cancel_orders(order_ids=[orders[0].pk], reason="changed her mind", actor=SYSTEM)
        Relay().drain()
        assert WarehouseLoad.objects.get(warehouse=world.east).parcels == 1, "asked back, not yet stopped"

    def test_a_full_day_means_the_next_one_and_counts_as_late(self) -> None:
        world = World()
        WarehouseCalendar.objects.create(warehouse=world.east, daily_parcels=1)
        WarehouseCalendar.objects.create(warehouse=world.south, daily_parcels=1)

        for _ in range(3):
            routed(world)

        today = timezone.localdate()
        assert sorted(WarehouseLoad.objects.values_list("warehouse", "on", "parcels")) == sorted(
            [
                (world.east.pk, today, 1),
                (world.east.pk, today + timedelta(days=1), 1),
                (world.east.pk, today + timedelta(days=2), 1),
            ]
        ), "nothing is promised for a day, so the cheaper warehouse is worth the wait"


class TestHeldRelease:
    def test_a_held_shipment_is_handed_over_with_the_wave_and_not_before(self) -> None:
        with time_machine.travel(TEN, tick=False) as clock:
            world = World()
            WarehouseCalendar.objects.create(warehouse=world.east, waves=[time(14)], cut_off=time(18))
            install_rules(document(rule("hold_release", "wave", warehouses=["EAST"])))

            order = routed(world)
            shipment = Shipment.objects.get()
            assert (shipment.state, shipment.release_at) == ("planned", TEN.replace(hour=14))
            assert (order.state, OutgoingCommand.objects.count()) == ("in_fulfillment", 0)
            assert release_due() == 0

            clock.move_to(TEN.replace(hour=14))
            assert release_due() == 1
            Relay().drain()
            shipment.refresh_from_db()
            assert (shipment.state, OutgoingCommand.objects.count()) == ("dispatched", 1)
            assert release_due() == 0

    def test_without_such_a_rule_nothing_waits(self) -> None:
        world = World()
        WarehouseCalendar.objects.create(warehouse=world.east, waves=[time(14)])

        routed(world)

        assert Shipment.objects.get().state == "dispatched"

    def test_a_held_order_that_is_cancelled_is_not_handed_over(self) -> None:
        with time_machine.travel(TEN, tick=False) as clock:
            world = World()
            WarehouseCalendar.objects.create(warehouse=world.east, waves=[time(14)])
            install_rules(document(rule("hold_release")))
            order = routed(world)

            cancel_orders(order_ids=[order.pk], reason="changed her mind", actor=SYSTEM)
            Relay().drain()
            clock.move_to(TEN.replace(hour=15))

            assert release_due() == 0
            Relay().drain()
            assert (Shipment.objects.get().state, OutgoingCommand.objects.count()) == ("cancelled", 0)

    def test_a_planned_order_can_be_pinned_elsewhere_until_it_is_handed_over(self) -> None:
        with time_machine.travel(TEN, tick=False):
            world = World()
            WarehouseCalendar.objects.create(warehouse=world.east, waves=[time(14)])
            install_rules(document(rule("hold_release")))
            order = routed(world)

            pin_order(order_id=order.pk, warehouse_id=world.south.pk, policy="hold", reason="nearer", actor=PERSON)
            Relay().drain()

            states = dict(Shipment.objects.values_list("warehouse", "state"))
            assert states == {world.east.pk: "cancelled", world.south.pk: "dispatched"}
            assert list(Reservation.objects.filter(state="active").values_list("warehouse", flat=True)) == [
                world.south.pk
            ]


class TestMissing:
    def test_the_case_says_what_is_missing_and_from_when_on_it_could_be_there(self) -> None:
        world = World(stock=0)
        world.stock({"SKU-1": 1}, warehouse=world.east)
        due = timezone.localdate() + timedelta(days=4)
        Supply.objects.create(
            kind="purchase", ref="PO1", sku=world.skus[1], warehouse=world.east, quantity=5, due_on=due
        )

        routed(world, ("SKU-1", 3, "165.00"))

        evidence = Case.objects.get().evidence
        assert (evidence["missing"], evidence["earliest"]) == ({"SKU-1": 2}, due.isoformat())
        record = RoutingDecision.objects.get().record
        assert record["missing"] == [{"sku": world.skus[1].pk, "pieces": 2, "from": due.isoformat()}]

    def test_two_orders_do_not_count_on_the_same_pieces(self) -> None:
        world = World(stock=0)
        due = timezone.localdate() + timedelta(days=4)
        for number, pieces in enumerate((2, 2)):
            Supply.objects.create(
                kind="purchase",
                ref=f"PO{number}",
                sku=world.skus[1],
                warehouse=world.east,
                quantity=pieces,
                due_on=due + timedelta(days=number),
            )
        world.deliver(world.trade(("SKU-1", 2, "110.00")), world.trade(("SKU-1", 2, "110.00"), buyer_open_uid="other"))
        Relay().drain()

        assert sorted(case.evidence["earliest"] for case in Case.objects.filter(code="OUT_OF_STOCK")) == [
            due.isoformat(),
            (due + timedelta(days=1)).isoformat(),
        ]


class TestVersions:
    def test_a_draft_becomes_a_version_with_a_reason_and_rules_from_then_on(self) -> None:
        world = World()
        row = edit_draft(change=put_rule(rule("only_warehouses", warehouses=["SOUTH"])), revision=0, actor=PERSON)
        routed(world)

        version = activate_draft(reason="autumn", revision=row.draft_revision, actor=PERSON)
        routed(world)

        assert list(Shipment.objects.order_by("pk").values_list("warehouse", flat=True)) == [
            world.east.pk,
            world.south.pk,
        ]
        row.refresh_from_db()
        assert (row.active_version, row.draft, version.number) == (version, None, 1)
        deed = Deed.objects.get(action="routing.activate")
        assert (deed.reason, deed.details["hash"]) == ("autumn", version.content_hash)

    def test_rules_with_errors_are_not_activated_and_the_draft_stays(self) -> None:
        World()
        row = edit_draft(change=put_rule(rule("only_warehouses", warehouses=["NORTH"])), revision=0, actor=PERSON)

        with pytest.raises(RulesInvalid) as refused:
            activate_draft(reason="no", revision=row.draft_revision, actor=PERSON)

        assert "UNKNOWN_WAREHOUSE r" in refused.value.findings[0]
        assert not RoutingRuleVersion.objects.exists()
        assert RoutingRuleSet.objects.get().draft is not None

    def test_whoever_saves_over_a_change_they_have_not_seen_is_told(self) -> None:
        edit_draft(change=put_rule(rule("max_parcels", "a", parcels=1)), revision=0, actor=PERSON)

        with pytest.raises(DraftChanged):
            edit_draft(change=put_rule(rule("max_parcels", "b", parcels=1)), revision=0, actor=PERSON)

        assert [each["id"] for each in rule_set().draft["rules"]] == ["a"]

    def test_rules_are_added_moved_and_replaced(self) -> None:
        for number, name in enumerate("abc"):
            edit_draft(change=put_rule(rule("max_parcels", name, parcels=1)), revision=number, actor=PERSON)
        edit_draft(change=move_rule("c", by=-1), revision=3, actor=PERSON)
        edit_draft(change=put_rule(rule("max_parcels", "a", parcels=2)), revision=4, actor=PERSON)
        edit_draft(change=put_table("geo", rows=[{"region": "33", "warehouses": []}]), revision=5, actor=PERSON)

        draft = rule_set().draft
        assert [(each["id"], each["parcels"]) for each in draft["rules"]] == [("a", 2), ("c", 1), ("b", 1)]
        assert draft["tables"][0]["id"] == "geo"

    def test_an_earlier_version_can_be_activated_again(self) -> None:
        World()
        install_rules(document(rule("max_parcels", parcels=1)))
        install_rules(standard_document())
        first = RoutingRuleVersion.objects.get(number=1)

        activate_rules(version_id=first.pk, reason="back", actor=PERSON)

        assert rule_set().active_version == first


class TestWords:
    def test_a_decision_reads_as_sentences_in_both_languages(self) -> None:
        world = World()
        install_rules(document(rule("never_warehouses", "no-south", warehouses=["SOUTH"])))
        order = routed(world)

        with translation.override("en"):
            (decision,) = explained_decisions(order)
            words = decision.explanation
            assert words.headline == "华东仓 by 中通快递, ¥6.50 in all"
            assert [(row.warehouse, row.why) for row in words.rows] == [
                ("华东仓", "the cheapest of all ways"),
                ("华南仓", "taken out by rule no-south (Never from 华南仓)"),
            ]
            assert words.rows[1].change == "the rule would have to be changed, or the order pinned to it"
        with translation.override("zh-hans"):
            assert explained_decisions(order)[0].explanation.headline == "华东仓，中通快递，合计 ¥6.50"

    def test_what_would_have_to_change_is_said_with_its_amount(self) -> None:
        world = World()
        world.stock({"SKU-1": -1000}, warehouse=world.east, key="gone")
        order = routed(world)

        with translation.override("en"):
            rows = explained_decisions(order)[0].explanation.rows
            assert rows[0].change == "its stock of one line would have to suffice; it would then save ¥3.00"

    def test_the_words_do_not_change_when_stock_does(self) -> None:
        world = World()
        order = routed(world)
        before = explained_decisions(order)

        world.stock({"SKU-1": -999}, warehouse=world.east, key="gone")
        CourierRate.objects.update(first_fee=Decimal(99))

        assert explained_decisions(order) == before


def test_the_number_of_statements_does_not_grow_with_the_orders() -> None:
    world = World()
    install_rules(document(rule("max_parcels", parcels=2, when=IN_ZHEJIANG)))
    PackingRule.objects.create(name="300 g", kind="weight", most=300)
    run: list[int] = []
    orders: list[list[int]] = []
    for size in (3, 12):
        world.deliver(*(world.trade(("SKU-1", 2, "55.00"), buyer_open_uid=f"b{size}-{n}") for n in range(size)))
        Relay().drain()
        orders.append(list(Order.objects.order_by("-pk").values_list("pk", flat=True)[:size]))
    for ids in orders:
        cancelled = Shipment.objects.filter(lines__order_id__in=ids)
        assert cancelled.count() == 2 * len(ids), "each was cut into two boxes"
        with (
            unit_of_work() as work,
            CaptureQueriesContext(
                connection,
            ) as queries,
        ):
            reserve_and_route(order_ids=ids, work=work)
        run.append(len(queries))

    assert run[0] == run[1]
    assert run[0] <= 9


def test_a_world_is_compiled_once_and_again_when_something_changed() -> None:
    from fulfillment.services.routing_world import current_world

    world = World()
    first = current_world()
    assert current_world() is first

    CourierRate.objects.filter(contract__warehouse=world.east).update(first_fee=Decimal(20))
    second = current_world()
    assert second is not first
    WarehouseClosing.objects.create(
        warehouse=world.east, starts_on=date(2026, 1, 1), reopens_on=date(2099, 1, 1), reason="moved out"
    )
    assert current_world() is not second
