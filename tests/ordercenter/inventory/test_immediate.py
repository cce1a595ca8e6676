"""Promises answered at once: one statement, whole or not at all, safe before anybody is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ordercenter.catalog.models import Channel, Shop, Sku
from ordercenter.inventory.errors import StockShort
from ordercenter.inventory.models import ChannelQuota, Reservation, StockLevel, Warehouse
from ordercenter.inventory.services import (
    Movement,
    Wanted,
    expire_reservations,
    move_stock,
    release_holds_of,
    reserve_many_now,
    reserve_now,
)
from ordercenter.inventory.states import MovementReason

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
LATER = NOON + timedelta(minutes=15)


@pytest.fixture
def house() -> Warehouse:
    return Warehouse.objects.create(code="EAST", name="华东仓")


def stocked(house: Warehouse, *pieces: int) -> list[Sku]:
    skus = Sku.objects.bulk_create(Sku(code=f"S{n}", name=f"S{n}") for n in range(len(pieces)))
    move_stock(
        movements=[
            Movement(sku.pk, house.pk, n, MovementReason.COUNT, "first", f"first:{sku.code}")
            for sku, n in zip(skus, pieces, strict=True)
        ]
    ).raise_first()
    return skus


def want(sku: Sku, house: Warehouse, pieces: int, holder: str, **more: int) -> Wanted:
    return Wanted(sku.pk, house.pk, pieces, holder=holder, expires_at=LATER, **more)


def counters(sku: Sku) -> tuple[int, int, int]:
    return StockLevel.objects.values_list("on_hand", "reserved", "set_aside").get(sku=sku)


def test_a_cart_holds_its_pieces_until_it_lets_go(house: Warehouse) -> None:
    (sku,) = stocked(house, 5)

    reserve_now(wanted=want(sku, house, 2, "cart:1"), at=NOON)
    held = counters(sku)
    released = release_holds_of(holders=["cart:1", "cart:2"])

    assert held == (5, 2, 0)
    assert (released, counters(sku)) == (1, (5, 0, 0))
    assert Reservation.objects.get().state == "released"


def test_what_is_not_there_is_refused_and_nothing_changes(house: Warehouse) -> None:
    (sku,) = stocked(house, 5)
    reserve_now(wanted=want(sku, house, 4, "cart:1"), at=NOON)

    with pytest.raises(StockShort):
        reserve_now(wanted=want(sku, house, 2, "cart:2"), at=NOON)

    assert counters(sku) == (5, 4, 0)
    assert Reservation.objects.count() == 1


def test_safety_stock_is_not_promised_before_payment_and_an_oversell_limit_is(house: Warehouse) -> None:
    (sku,) = stocked(house, 5)
    StockLevel.objects.update(safety=3)

    with pytest.raises(StockShort):
        reserve_now(wanted=want(sku, house, 3, "cart:1"), at=NOON)
    StockLevel.objects.update(oversell_limit=4)
    reserve_now(wanted=want(sku, house, 6, "cart:1"), at=NOON)

    assert counters(sku) == (5, 6, 0)


def test_asking_twice_promises_once(house: Warehouse) -> None:
    (sku,) = stocked(house, 1)

    first = reserve_now(wanted=want(sku, house, 1, "cart:1"), at=NOON)
    again = reserve_now(wanted=want(sku, house, 1, "cart:1"), at=NOON)

    assert again == first
    assert counters(sku) == (1, 1, 0)


def test_a_hold_ends_at_its_time_and_not_before(house: Warehouse) -> None:
    (sku,) = stocked(house, 5)
    reserve_now(wanted=want(sku, house, 2, "cart:1"), at=NOON)

    too_early = expire_reservations(at=LATER - timedelta(seconds=1))
    in_time = expire_reservations(at=LATER)
    again = expire_reservations(at=LATER)

    assert (too_early, in_time, again) == (0, 1, 0)
    assert counters(sku) == (5, 0, 0)
    assert Reservation.objects.get().state == "expired"


def test_many_are_served_in_turn_as_long_as_pieces_last(house: Warehouse) -> None:
    (sku,) = stocked(house, 5)

    answer = reserve_many_now(wanted=[want(sku, house, n, f"cart:{n}") for n in (3, 4, 1, 2)], at=NOON)

    assert answer.done == ["cart:3", "cart:1"]
    assert [(refusal.key, refusal.code) for refusal in answer.refused] == [
        ("cart:4", "inventory.out_of_stock"),
        ("cart:2", "inventory.out_of_stock"),
    ]
    assert counters(sku) == (5, 4, 0)


def test_one_that_cannot_be_served_keeps_nothing_from_those_behind_it(house: Warehouse) -> None:
    full, empty = stocked(house, 2, 1)
    wanted = [
        want(full, house, 2, "both"),
        want(empty, house, 2, "both"),
        want(full, house, 2, "one"),
    ]

    answer = reserve_many_now(wanted=wanted, at=NOON)

    assert answer.done == ["one"]
    assert (counters(full), counters(empty)) == ((2, 2, 0), (1, 0, 0))


def test_two_lines_of_one_sku_in_one_order_count_together(house: Warehouse) -> None:
    (sku,) = stocked(house, 3)

    def lines(order_id: int, *pieces: int) -> list[Wanted]:
        return [Wanted(sku.pk, house.pk, n, order_id=order_id, line_id=order_id * 10 + i) for i, n in enumerate(pieces)]

    answer = reserve_many_now(wanted=[*lines(1, 2, 2), *lines(2, 2, 1)], at=NOON)

    assert answer.done == ["order:2"]
    assert [refusal.key for refusal in answer.refused] == ["order:1"]
    assert sorted(Reservation.objects.values_list("order_id", "quantity")) == [(2, 1), (2, 2)]


def test_many_asked_twice_are_promised_once(house: Warehouse) -> None:
    (sku,) = stocked(house, 3)
    wanted = [want(sku, house, 1, f"cart:{n}") for n in range(2)]
    reserve_many_now(wanted=wanted, at=NOON)

    answer = reserve_many_now(wanted=[*wanted, want(sku, house, 1, "cart:new")], at=NOON)

    assert sorted(answer.done) == ["cart:0", "cart:1", "cart:new"]
    assert counters(sku) == (3, 3, 0)


class TestQuotas:
    @pytest.fixture
    def shop(self) -> Shop:
        channel = Channel.objects.create(code="tmall", name="天猫")
        return Shop.objects.create(channel=channel, code="live", name="直播间")

    def aside(self, sku: Sku, house: Warehouse, shop: Shop, pieces: int) -> ChannelQuota:
        StockLevel.objects.filter(sku=sku).update(set_aside=pieces)
        return ChannelQuota.objects.create(
            shop=shop,
            sku=sku,
            warehouse=house,
            kind="live",
            quantity=pieces,
            left=pieces,
            starts_at=NOON - timedelta(hours=1),
            ends_at=LATER,
            state="open",
        )

    def test_a_shop_sells_its_own_pieces_first_and_others_never(self, house: Warehouse, shop: Shop) -> None:
        (sku,) = stocked(house, 5)
        quota = self.aside(sku, house, shop, 4)

        reserve_now(wanted=want(sku, house, 3, "live:1", shop_id=shop.pk), at=NOON)
        with pytest.raises(StockShort):
            reserve_now(wanted=want(sku, house, 2, "elsewhere"), at=NOON)
        reserve_now(wanted=want(sku, house, 1, "elsewhere"), at=NOON)

        quota.refresh_from_db()
        assert (quota.left, counters(sku)) == (1, (5, 4, 1))

    def test_what_a_shop_lets_go_is_its_own_again(self, house: Warehouse, shop: Shop) -> None:
        (sku,) = stocked(house, 5)
        quota = self.aside(sku, house, shop, 4)
        many = [want(sku, house, 2, f"live:{n}", shop_id=shop.pk) for n in range(2)]
        assert reserve_many_now(wanted=many, at=NOON).done == ["live:0", "live:1"]
        assert counters(sku) == (5, 4, 0)

        ChannelQuota.objects.update(ends_at=datetime(2100, 1, 1, tzinfo=UTC))
        release_holds_of(holders=["live:0"])

        quota.refresh_from_db()
        assert (quota.left, counters(sku)) == (2, (5, 2, 2))

    def test_a_quota_whose_time_is_over_gives_nothing(self, house: Warehouse, shop: Shop) -> None:
        (sku,) = stocked(house, 5)
        self.aside(sku, house, shop, 4)

        with pytest.raises(StockShort):
            reserve_now(wanted=want(sku, house, 2, "late", shop_id=shop.pk), at=LATER)
