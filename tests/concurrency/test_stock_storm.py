"""A storm over a few stock rows: sixteen writers of every kind, and the books right at every look."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from ordercenter.audit.work import unit_of_work
from ordercenter.catalog.models import Channel, Shop, Sku
from ordercenter.console.invariants import CHECKS, run_checks
from ordercenter.inventory.errors import QuotaOverlaps, StockShort, TakeoverBeyondCap
from ordercenter.inventory.models import (
    ChannelQuota,
    Reservation,
    StockLevel,
    StockPolicy,
    StockTakeover,
    Warehouse,
)
from ordercenter.inventory.services import (
    Departure,
    Giver,
    Movement,
    Promise,
    Wanted,
    allocate_reservations,
    consume_departures,
    end_quotas,
    expire_reservations,
    givable,
    lock_stock_of,
    move_stock,
    open_quotas,
    plan_quota,
    release_holds_of,
    release_reservations,
    reserve_many_now,
    reserve_now,
    reserve_stock,
    take_over,
)
from ordercenter.inventory.states import MovementReason, QuotaKind
from tests.concurrency.threads import at_once, deadlocks, errors

pytestmark = pytest.mark.django_db(transaction=True)
WRITERS = 16
# What can be asked of stock rows alone: the storm's orders have no rows of their own.
ASKED = {
    "stock_is_sum_of_movements",
    "reserved_is_sum_of_reservations",
    "stock_never_oversold",
    "set_aside_is_sum_of_quotas",
    "one_open_reservation",
    "takeovers_keep_to_the_cap",
    "states_are_told",
}


class Storm:
    """Three SKUs in two warehouses, one shop, and what may happen to them."""

    def __init__(self) -> None:
        channel = Channel.objects.create(code="tmall", name="天猫")
        self.shop = Shop.objects.create(channel=channel, code="live", name="直播间").pk
        self.houses = [Warehouse.objects.create(code=code, name=code).pk for code in ("EAST", "SOUTH")]
        self.skus = [sku.pk for sku in Sku.objects.bulk_create(Sku(code=f"S{n}", name=f"S{n}") for n in range(3))]
        first = [
            Movement(sku, house, 40, MovementReason.COUNT, "first", f"first:{sku}:{house}")
            for sku in self.skus
            for house in self.houses
        ]
        move_stock(movements=first).raise_first()
        # Of two SKUs some may change hands, of the third nothing.
        for sku, percent in zip(self.skus, (100, 50), strict=False):
            StockPolicy.objects.create(sku_id=sku, rush_cap_percent=percent)
        self.numbers = iter(range(1, 10**9))
        self.lock = threading.Lock()
        self.did: Counter[str] = Counter()

    def number(self) -> int:
        with self.lock:
            return next(self.numbers)

    def deeds(self) -> list[Callable[[random.Random], None]]:
        return [
            self.hold_one,
            self.hold_many,
            self.order_bundle,
            self.order_two_lines_of_one,
            self.let_go,
            self.let_holds_go,
            self.expire,
            self.take_over,
            self.release_to_a_warehouse,
            self.ship,
            self.arrive,
            self.live_lock,
        ]

    def hold_one(self, dice: random.Random) -> None:
        end = timezone.now() + timedelta(milliseconds=dice.choice([20, 60_000]))
        holder = f"cart:{self.number()}"
        try:
            reserve_now(
                wanted=Wanted(
                    dice.choice(self.skus),
                    dice.choice(self.houses),
                    dice.randint(1, 3),
                    holder=holder,
                    shop_id=dice.choice([0, self.shop]),
                    expires_at=end,
                )
            )
        except StockShort:
            return

    def hold_many(self, dice: random.Random) -> None:
        end = timezone.now() + timedelta(milliseconds=dice.choice([20, 60_000]))
        wanted = []
        for _n in range(dice.randint(1, 8)):
            holder, house = f"cart:{self.number()}", dice.choice(self.houses)
            for sku in dice.sample(self.skus, dice.randint(1, 3)):
                wanted.append(Wanted(sku, house, dice.randint(1, 2), holder=holder, expires_at=end))
        reserve_many_now(wanted=wanted)

    def order_bundle(self, dice: random.Random) -> None:
        """The parts of a bundle in any order, from any warehouse."""
        order, house = self.number(), dice.choice(self.houses)
        parts = dice.sample(self.skus, 3)
        reserve_stock(
            promises=[Promise(order, order * 10 + n, sku, house, 1, self.shop) for n, sku in enumerate(parts)],
            partial=dice.random() < 0.3,
        )

    def order_two_lines_of_one(self, dice: random.Random) -> None:
        order, house, sku = self.number(), dice.choice(self.houses), dice.choice(self.skus)
        reserve_stock(promises=[Promise(order, order * 10 + n, sku, house, 2) for n in range(2)])

    def some_orders(self, dice: random.Random, *, allocated: bool | None = None) -> list[int]:
        rows = Reservation.objects.filter(state="active", order_id__isnull=False)
        rows = rows if allocated is None else rows.filter(is_allocated=allocated)
        found = sorted(set(rows.values_list("order_id", flat=True)))
        return dice.sample(found, min(len(found), dice.randint(1, 3)))

    def let_go(self, dice: random.Random) -> None:
        release_reservations(order_ids=self.some_orders(dice))

    def let_holds_go(self, dice: random.Random) -> None:
        rows = Reservation.objects.filter(state="active", order_id__isnull=True)
        found = sorted(set(rows.values_list("holder", flat=True)))
        release_holds_of(holders=dice.sample(found, min(len(found), 4)))

    def expire(self, _dice: random.Random) -> None:
        expire_reservations(at=timezone.now())

    def take_over(self, dice: random.Random) -> None:
        """A rush order takes what less urgent ones are promised, in one transaction: even orders are normal ones."""
        losers = [pk for pk in self.some_orders(dice, allocated=False) if pk % 2 == 0]
        order, house, sku = self.number(), dice.choice(self.houses), dice.choice(self.skus)
        with suppress(TakeoverBeyondCap), unit_of_work() as work:
            lock_stock_of(order_ids=losers, sku_ids=[sku], work=work)
            could_give = {sku: sum(row[3] for row in givable(sku_ids=[sku]) if row[0] % 2 == 0 and not row[4])}
            rows = take_over(
                taker_order_id=order,
                taker_rank=2,
                givers=[Giver(pk, 0) for pk in losers],
                promised=could_give,
                reason="storm",
                work=work,
            )
            if rows:
                warehouse = rows[0].warehouse_id
                # What it was given for is there: nobody came in between.
                reserve_stock(promises=[Promise(order, order * 10, sku, warehouse, 1)], work=work).raise_first()
            else:
                reserve_stock(promises=[Promise(order, order * 10, sku, house, 1)], work=work)

    def release_to_a_warehouse(self, dice: random.Random) -> None:
        with unit_of_work() as work:
            allocate_reservations(order_ids=self.some_orders(dice, allocated=False), work=work)

    def ship(self, dice: random.Random) -> None:
        orders = self.some_orders(dice, allocated=True)
        rows = Reservation.objects.filter(order_id__in=orders, state="active").values_list("line_id", "quantity")
        departures = [
            Departure(line or 0, dice.randint(0, pieces), f"DO{self.number()}", covered=dice.randint(1, pieces))
            for line, pieces in rows
        ]
        with unit_of_work() as work:
            consume_departures(departures=departures, work=work)

    def arrive(self, dice: random.Random) -> None:
        arrived = Movement(
            dice.choice(self.skus),
            dice.choice(self.houses),
            dice.choice([6, 4, -2]),
            MovementReason.ARRIVAL,
            "truck",
            f"truck:{self.number()}",
        )
        move_stock(movements=[arrived, arrived])

    def live_lock(self, dice: random.Random) -> None:
        now = timezone.now()
        planned = list(ChannelQuota.objects.filter(state="planned").values_list("pk", flat=True))
        running = list(ChannelQuota.objects.filter(state="open").values_list("pk", flat=True))
        if planned:
            open_quotas(quota_ids=planned, at=now)
        elif running and dice.random() < 0.5:
            end_quotas(quota_ids=running, at=now, reason="over")
        elif not running and dice.random() < 0.5:
            # Two of the storm may plan at one instant: one of them is refused.
            with suppress(QuotaOverlaps):
                self.plan(dice, now)

    def plan(self, dice: random.Random, now: datetime) -> None:
        plan_quota(
            shop_id=self.shop,
            sku_id=dice.choice(self.skus),
            warehouse_id=dice.choice(self.houses),
            kind=QuotaKind.LIVE,
            quantity=5,
            starts_at=now + timedelta(hours=1),
            ends_at=now + timedelta(hours=2),
            reason="storm",
            at=now,
        )


def write(storm: Storm, seed: int, until: float) -> int:
    dice, done = random.Random(seed), 0
    deeds = storm.deeds()
    while time.monotonic() < until:
        deed = dice.choice(deeds)
        deed(dice)
        with storm.lock:
            storm.did[deed.__name__] += 1
        done += 1
    return done


def look(until: float) -> list[str]:
    """Ask for the invariants all the time; what was found broken."""
    found: list[str] = []
    while time.monotonic() < until:
        found.extend(broken())
    return found


def broken() -> list[str]:
    checks = [check for check in CHECKS if check.name in ASKED]
    return [
        f"{verdict.check.name}: {verdict.sample}"
        for verdict in run_checks(checks, stale_before=timezone.now())
        if verdict.broken
    ]


def run_storm(seconds: float) -> None:
    storm = Storm()
    before = deadlocks()
    until = time.monotonic() + seconds

    answers = at_once(
        *(partial(write, storm, seed, until) for seed in range(WRITERS)), partial(look, until), timeout_s=seconds + 60
    )

    assert errors(answers) == [], [answer for answer in answers if isinstance(answer, Exception)]
    assert answers[-1] == []
    assert broken() == []
    assert deadlocks() == before
    assert set(storm.did) == {deed.__name__ for deed in storm.deeds()}
    assert StockLevel.objects.count() == 6
    assert set(StockTakeover.objects.values_list("sku_id", flat=True)) <= set(storm.skus[:2])
    assert StockTakeover.objects.exists()
    with connection.cursor() as cursor:
        # Every ended promise was ended once.
        cursor.execute(
            "SELECT count(*) FROM (SELECT subject_id FROM audit_state_change WHERE machine = 'reservation'"
            " GROUP BY subject_id HAVING count(*) > 1) twice"
        )
        assert cursor.fetchone() == (0,)


def test_four_seconds_of_everything_at_once_leave_the_books_right() -> None:
    run_storm(4)


@pytest.mark.chaos
def test_a_minute_of_everything_at_once_leaves_the_books_right() -> None:
    run_storm(60)
