"""Goods of orders that are not paid yet: held, free again at their time, or the order's own without a gap."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from fulfillment.services import end_unpaid_holds
from ordercenter.console.invariants import CHECKS, run_checks
from ordercenter.events.models import EventRow
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import Reservation, ReservePolicy, StockLevel, StockPolicy
from ordercenter.inventory.services import expire_reservations, plan_quota, stock_policies
from ordercenter.inventory.states import QuotaKind
from ordercenter.orders.models import Order
from ordercenter.orders.services import cancel_orders
from tests.flows.world import SHANGHAI, World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    world = World(stock=0)
    world.stock({"SKU-1": 1, "SKU-2": 5}, warehouse=world.east)
    return world


def placed(world: World, *lines: tuple[str, int, str], **changes: Any) -> dict[str, Any]:
    trade = world.trade(*(lines or (("SKU-1", 1, "60.00"),)))
    world.deliver({**trade, "status": "WAIT_BUYER_PAY", "pay_time": "", "alipay_no": "", **changes})
    Relay().drain()
    return trade


def pay(world: World, trade: dict[str, Any]) -> None:
    later = (timezone.now() + timedelta(minutes=1)).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
    world.deliver({**trade, "modified": later})
    Relay().drain()


def of(trade: dict[str, Any]) -> Order:
    return Order.objects.get(channel_order_no=str(trade["tid"]))


def open_promises() -> list[tuple[int | None, str, int, bool]]:
    rows = Reservation.objects.filter(state="active").order_by("pk")
    return list(rows.values_list("order_id", "holder", "quantity", "is_allocated"))


def level(world: World, sku: int = 1) -> tuple[int, int, int]:
    row = StockLevel.objects.get(sku=world.skus[sku], warehouse=world.east)
    return row.reserved, row.allocated, row.free


def broken() -> list[str]:
    verdicts = run_checks(CHECKS, stale_before=timezone.now() - timedelta(minutes=10))
    return [f"{v.check.name} {v.sample}" for v in verdicts if v.broken]


def test_who_reserves_when_paid_holds_nothing_before(world: World) -> None:
    trade = placed(world)

    assert (of(trade).state, open_promises(), level(world)) == ("pending_payment", [], (0, 0, 1))


def test_a_placed_order_holds_the_last_piece_and_its_payment_makes_it_its_own(world: World) -> None:
    ReservePolicy.objects.create(shop=world.shop, reserve_on="placed", hold_minutes=15)

    first = placed(world)

    order = of(first)
    assert open_promises() == [(None, f"order:{order.pk}", 1, False)]
    (hold,) = Reservation.objects.all()
    assert timedelta(minutes=14) < hold.expires_at - timezone.now() <= timedelta(minutes=15)
    # Somebody who pays at once finds it taken.
    other = world.trade(("SKU-1", 1, "60.00"))
    world.deliver(other)
    Relay().drain()
    assert of(other).state == "awaiting_supply"
    assert broken() == []

    pay(world, first)

    assert (of(first).state, of(other).state) == ("in_fulfillment", "awaiting_supply")
    assert open_promises() == [(order.pk, "", 1, True)]
    assert level(world) == (0, 1, 0)
    # At no moment was the piece free: nobody was told that it is.
    told = EventRow.objects.filter(name="inventory.stock.replenished").count()
    assert told == 2, "the two first counts of the test"
    assert broken() == []


def test_its_time_over_the_piece_is_free_and_goes_to_who_waits(world: World) -> None:
    ReservePolicy.objects.create(shop=world.shop, sku=world.skus[1], reserve_on="placed", hold_minutes=15)
    first = placed(world)
    other = world.trade(("SKU-1", 1, "60.00"))
    world.deliver(other)
    Relay().drain()
    in_time, late = timezone.now() + timedelta(minutes=14), timezone.now() + timedelta(minutes=16)

    assert (end_unpaid_holds(at=in_time), expire_reservations(at=late)) == (0, 0)
    assert end_unpaid_holds(at=late) == 1
    Relay().drain()

    assert (of(first).state, of(other).state) == ("pending_payment", "in_fulfillment")
    assert list(Reservation.objects.order_by("pk").values_list("state", flat=True)) == ["expired", "active"]
    assert end_unpaid_holds(at=late) == 0

    pay(world, first)
    assert of(first).state == "awaiting_supply"
    assert broken() == []


def test_what_was_paid_in_time_is_kept_although_it_is_routed_later(world: World) -> None:
    ReservePolicy.objects.create(shop=world.shop, reserve_on="placed", hold_minutes=15)
    trade = placed(world, buyer_message="送人的", has_buyer_message=True)
    pay(world, {**trade, "buyer_message": "送人的", "has_buyer_message": True})
    order = of(trade)
    assert (order.state, order.is_on_hold) == ("preprocessing", True)

    assert end_unpaid_holds(at=timezone.now() + timedelta(hours=1)) == 1

    (hold,) = Reservation.objects.filter(state="active")
    assert (hold.holder, hold.expires_at) == (f"order:{order.pk}", None)
    assert end_unpaid_holds(at=timezone.now() + timedelta(days=9)) == 0


def test_an_order_that_waits_for_other_goods_keeps_what_it_holds_and_goes_on_when_they_come(world: World) -> None:
    ReservePolicy.objects.create(shop=world.shop, reserve_on="placed")
    trade = placed(world, ("SKU-1", 1, "60.00"), ("SKU-3", 1, "60.00"))
    pay(world, trade)
    assert of(trade).state == "awaiting_supply"
    rival = world.trade(("SKU-1", 1, "60.00"))
    world.deliver(rival)
    Relay().drain()
    assert of(rival).state == "awaiting_supply"
    assert [row[1:] for row in open_promises()] == [(f"order:{of(trade).pk}", 1, False)]

    world.stock({"SKU-3": 1}, warehouse=world.east, key="later")
    Relay().drain()

    assert (of(trade).state, of(rival).state) == ("in_fulfillment", "awaiting_supply")
    assert level(world) == (0, 1, 0)
    assert broken() == []


def test_a_cancelled_order_holds_nothing(world: World) -> None:
    ReservePolicy.objects.create(shop=world.shop, reserve_on="placed")
    trade = placed(world)

    cancel_orders(order_ids=[of(trade).pk], reason="not paid").raise_first()
    Relay().drain()

    assert (open_promises(), level(world)) == ([], (0, 0, 1))
    assert Reservation.objects.get().state == "released"


def test_a_shop_holds_out_of_its_own_quota_and_the_end_gives_it_back(world: World) -> None:
    now = timezone.now()
    plan_quota(
        shop_id=world.shop.pk,
        sku_id=world.skus[2].pk,
        warehouse_id=world.east.pk,
        kind=QuotaKind.DEDICATED,
        quantity=3,
        starts_at=now,
        ends_at=None,
        reason="own",
        at=now,
    )
    ReservePolicy.objects.create(shop=world.shop, reserve_on="placed", hold_minutes=15)
    trade = placed(world, ("SKU-2", 4, "60.00"))

    (hold,) = Reservation.objects.all()
    assert (hold.quantity, hold.from_quota) == (4, 3)
    assert level(world, 2) == (4, 0, 1)

    end_unpaid_holds(at=now + timedelta(minutes=30))
    assert level(world, 2) == (0, 0, 2)
    pay(world, trade)
    (own,) = Reservation.objects.filter(state="active")
    assert (own.order_id, own.quantity, own.from_quota) == (of(trade).pk, 4, 3)
    assert broken() == []


class TestPresale:
    """A deposit of 20, a balance of 80."""

    def deposit(self, world: World) -> dict[str, Any]:
        trade = world.trade(("SKU-1", 1, "100.00"), type="step")
        world.deliver(
            {
                **trade,
                "status": "WAIT_BUYER_PAY",
                "pay_time": "",
                "step_trade_status": "FRONT_PAID_FINAL_NOPAID",
                "step_paid_fee": "20.00",
                "alipay_no": "DEP-1",
            }
        )
        Relay().drain()
        return trade

    def balance(self, world: World, trade: dict[str, Any]) -> None:
        pay(
            world,
            {**trade, "step_trade_status": "FRONT_PAID_FINAL_PAID", "step_paid_fee": "100.00", "alipay_no": "BAL-1"},
        )

    def test_its_deposit_holds_the_goods_until_the_balance_is_due(self, world: World) -> None:
        StockPolicy.objects.create(sku=world.skus[1], reserve_on="deposit", balance_days=3)

        trade = self.deposit(world)

        (hold,) = Reservation.objects.filter(state="active")
        assert timedelta(days=2) < hold.expires_at - timezone.now() <= timedelta(days=3)
        self.balance(world, trade)
        assert of(trade).state == "in_fulfillment"
        assert open_promises() == [(of(trade).pk, "", 1, True)]
        assert broken() == []

    def test_without_its_balance_by_then_the_goods_are_free(self, world: World) -> None:
        StockPolicy.objects.create(sku=world.skus[1], reserve_on="deposit", balance_days=3)
        trade = self.deposit(world)

        assert end_unpaid_holds(at=timezone.now() + timedelta(days=3, minutes=1)) == 1

        assert (of(trade).state, level(world)) == ("awaiting_balance", (0, 0, 1))

    def test_whoever_reserves_on_the_balance_holds_nothing_for_a_deposit(self, world: World) -> None:
        StockPolicy.objects.create(sku=world.skus[1], reserve_on="paid")
        ReservePolicy.objects.create(shop=world.shop, sku=world.skus[2], reserve_on="placed")

        self.deposit(world)

        assert open_promises() == []

    def test_one_held_since_it_was_placed_is_held_longer_by_its_deposit(self, world: World) -> None:
        StockPolicy.objects.create(sku=world.skus[1], reserve_on="placed", hold_minutes=15, balance_days=3)
        trade = world.trade(("SKU-1", 1, "100.00"), type="step")
        due = {"status": "WAIT_BUYER_PAY", "pay_time": "", "step_trade_status": "FRONT_NOPAID_FINAL_NOPAID"}
        world.deliver({**trade, **due, "alipay_no": ""})
        Relay().drain()
        (before,) = Reservation.objects.all()
        later = (timezone.now() + timedelta(minutes=1)).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
        due["step_trade_status"] = "FRONT_PAID_FINAL_NOPAID"
        world.deliver({**trade, **due, "modified": later, "step_paid_fee": "20.00", "alipay_no": "DEP-1"})
        Relay().drain()

        (after,) = Reservation.objects.all()
        assert (after.pk, after.quantity) == (before.pk, 1)
        assert after.expires_at - before.expires_at > timedelta(days=2)


def test_the_word_on_a_sku_in_a_shop_goes_before_the_shops_and_that_before_the_skus_own(world: World) -> None:
    from ordercenter.audit.work import unit_of_work

    StockPolicy.objects.create(sku=world.skus[1], reserve_on="deposit")
    StockPolicy.objects.create(sku=world.skus[2], reserve_on="deposit")
    ReservePolicy.objects.create(shop=world.shop, sku=world.skus[1], reserve_on="paid")
    with unit_of_work() as work:
        policies = stock_policies(work)
        own = [policies.trigger_of(world.shop.pk, world.skus[n].pk).reserve_on for n in (1, 2, 3)]
    assert own == ["paid", "deposit", "paid"]

    ReservePolicy.objects.create(shop=world.shop, reserve_on="placed")
    with unit_of_work() as work:
        policies = stock_policies(work)
        own = [policies.trigger_of(world.shop.pk, world.skus[n].pk).reserve_on for n in (1, 2, 3)]
        assert policies.trigger_of(0, world.skus[2].pk).reserve_on == "deposit"
    assert own == ["paid", "placed", "placed"]
