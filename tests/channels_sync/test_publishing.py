"""Numbers on their way to the platforms: only what changed, zero at once, never an old one over a new one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from channels_sync import publishing
from channels_sync.adapters.base import StockPush
from channels_sync.errors import ChannelRefused
from channels_sync.publishing import publish_stock
from ordercenter.cases.models import Case
from ordercenter.catalog.models import ListingMatch
from ordercenter.common.batch import BatchResult
from ordercenter.events import outgoing
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import ChannelPolicy, ChannelStock, StockChange, StockLevel
from ordercenter.inventory.services import Counted, count_stock, note_changes_of_shop, plan_quota
from ordercenter.inventory.states import QuotaKind
from tests.flows.world import World

pytestmark = pytest.mark.django_db


class Platform:
    """Takes stock numbers; refuses those of `closed` listings."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []
        self.closed: set[str] = set()

    def push_stock(self, pushes: Sequence[StockPush], *, mode: str = "full") -> BatchResult:
        result = BatchResult()
        for push in pushes:
            if push.listing_sku_id in self.closed:
                result.refuse(push, ChannelRefused(method="stock", message="the listing is closed"))
            else:
                self.told.append((push.listing_sku_id, push.quantity))
                result.done.append(push)
        return result


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Platform:
    platform = Platform()
    monkeypatch.setattr(publishing, "adapter_of", lambda account: platform)
    return platform


@pytest.fixture
def world() -> World:
    world = World(stock=10, flows=False)
    for n, sku in ((0, world.skus[0]), (1, world.skus[1]), (9, world.bundle)):
        ListingMatch.objects.create(shop=world.shop, listing_id="68", listing_sku_id=f"s{n}", sku=sku)
    ChannelPolicy.objects.create(shop=world.shop, share_percent=100, buffer_pieces=2, buffer_z=0)
    note_changes_of_shop(shop_id=world.shop.pk)
    return world


def publish(at: datetime | None = None) -> int:
    return publish_stock(at=at or timezone.now())


def send(world: World) -> None:
    while outgoing.drain_target(f"account:{world.account.pk}").tried:
        pass
    Relay().drain()


def count(world: World, n: int, pieces: int, ref: str) -> None:
    houses = (world.east, world.south)
    count_stock(counted=[Counted(world.skus[n].pk, house.pk, pieces) for house in houses], ref=ref).raise_first()


def numbers() -> dict[str, tuple[int, int, int]]:
    rows = ChannelStock.objects.values_list("listing__listing_sku_id", "published", "version", "acked_version")
    return {listing: (published, version, acked) for listing, published, version, acked in rows}


def test_each_listing_is_told_its_number_and_a_bundle_what_its_parts_make(world: World, platform: Platform) -> None:
    assert publish() == 3
    send(world)

    # Twenty of each part, two kept back; a bundle takes two of the second part.
    assert sorted(platform.told) == [("s0", 18), ("s1", 18), ("s9", 8)]
    assert numbers() == {"s0": (18, 1, 1), "s1": (18, 1, 1), "s9": (8, 1, 1)}
    assert not StockChange.objects.exists()
    assert publish() == 0


def test_a_number_soon_after_another_waits_and_zero_does_not(world: World, platform: Platform) -> None:
    now = timezone.now() - timedelta(minutes=1)
    publish(now)
    count(world, 0, 8, "C1")

    soon = publish(now + timedelta(seconds=2))
    kept = StockChange.objects.values_list("sku_id", flat=True)
    assert (soon, set(kept)) == (0, {world.skus[0].pk})
    later = publish(now + timedelta(seconds=6))
    count(world, 0, 0, "C2")
    at_once = publish(now + timedelta(seconds=7))

    # With no pieces of a part there is no bundle either.
    assert (later, at_once) == (1, 2)
    assert (numbers()["s0"][:2], numbers()["s9"][:2]) == ((0, 3), (0, 2))


def test_only_the_newest_number_is_sent_and_a_late_answer_changes_nothing(world: World, platform: Platform) -> None:
    now = timezone.now() - timedelta(minutes=1)
    publish(now)
    count(world, 1, 6, "C1")
    publish(now + timedelta(seconds=9))

    send(world)

    assert [quantity for listing, quantity in platform.told if listing == "s1"] == [10]
    assert numbers()["s1"] == (10, 2, 2)
    late: dict[str, Any] = OutgoingCommand.objects.order_by("pk").values_list("answer", flat=True)[0]
    assert late["superseded"] >= 1


def test_what_a_channel_refuses_is_a_case_that_its_next_yes_closes(world: World, platform: Platform) -> None:
    platform.closed = {"s0"}
    now = timezone.now() - timedelta(minutes=1)
    publish(now)
    send(world)

    case = Case.objects.get()
    assert (case.code, numbers()["s0"]) == ("STOCK_PUSH_FAILED", (18, 1, 0))
    platform.closed = set()
    count(world, 0, 3, "C1")
    publish(now + timedelta(seconds=9))
    send(world)

    case.refresh_from_db()
    assert (case.state, numbers()["s0"]) == ("auto_resolved", (4, 2, 2))


def test_what_is_set_aside_for_a_shop_is_offered_by_it_alone(world: World, platform: Platform) -> None:
    now = timezone.now() - timedelta(minutes=1)
    ChannelPolicy.objects.update(share_percent=50)
    publish(now)
    plan_quota(
        shop_id=world.shop.pk,
        sku_id=world.skus[0].pk,
        warehouse_id=world.east.pk,
        kind=QuotaKind.LIVE,
        quantity=6,
        starts_at=now,
        ends_at=now + timedelta(hours=1),
        reason="live tonight",
        at=now,
    )
    publish(now + timedelta(seconds=9))

    # Six of its own, half of the other fourteen, two kept back.
    assert numbers()["s0"][:2] == (11, 2)
    why = ChannelStock.objects.get(listing__listing_sku_id="s0").why
    assert {key: why[key] for key in ("own", "pool", "share", "offer", "buffer")} == {
        "own": 6,
        "pool": 14,
        "share": 7,
        "offer": 13,
        "buffer": 2,
    }
    assert StockLevel.objects.get(sku=world.skus[0], warehouse=world.east).set_aside == 6
