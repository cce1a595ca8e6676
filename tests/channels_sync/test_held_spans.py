"""Rows of a channel's list that cannot be read: nothing is passed over, and nothing else waits for them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from channels_sync import platforms
from channels_sync.adapters.base import ChangedOrder, ChangedOrders, Window
from channels_sync.errors import MessageUnreadable
from channels_sync.held_spans import give_up
from channels_sync.models import SyncCursor
from channels_sync.services import pull_orders
from ordercenter.audit.models import Deed
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.models import Case
from ordercenter.common.actor import SYSTEM
from ordercenter.common.platform_errors import ChannelUnavailable
from ordercenter.events.models import InboxMessage
from tests.channels_sync.played_platform import PlayedPlatform
from tests.flows.world import World

pytestmark = pytest.mark.django_db
NOON = datetime.fromisoformat("2026-11-11T12:00:00+08:00")


class Listing(PlayedPlatform):
    """rows: (instant, row); a row without "no" has a form that nobody knows."""

    rows: list[tuple[datetime, dict[str, Any]]]
    windows: list[Window]

    def pull_changed_orders(self, window: Any, cursor: str | None = None) -> ChangedOrders:
        self.windows.append(window)
        inside = [(at, row) for at, row in self.rows if window.start <= at < window.end]
        good = [ChangedOrder(row["no"], at, row) for at, row in inside if "no" in row]
        bad = [MessageUnreadable(path="list[0].no", problem="missing") for _at, row in inside if "no" not in row]
        return ChangedOrders(tuple(good), None, tuple(bad))


@pytest.fixture
def world() -> World:
    world = World()
    world.account.refresh_from_db()
    return world


@pytest.fixture
def shop(world: World, monkeypatch: pytest.MonkeyPatch) -> Listing:
    listing = Listing(trades={no: {"tid": no} for no in ("1", "2", "3")})
    listing.rows = [(NOON, {"no": "1"}), (NOON, {"number": "2"}), (NOON, {"no": "3"})]
    listing.windows = []
    monkeypatch.setitem(platforms.PLATFORMS, "tmall", listing.platform())
    return listing


def kept() -> set[str]:
    return {message.message_id.partition(":")[0] for message in InboxMessage.objects.all()}


def pull(world: World, minutes: float) -> SyncCursor:
    pull_orders(account=world.account, at=NOON + timedelta(minutes=minutes))
    return SyncCursor.objects.get()


def test_the_rows_beside_an_unreadable_one_come_in_and_one_case_names_the_field(world: World, shop: Listing) -> None:
    cursor = pull(world, 1)

    assert kept() == {"1", "3"}
    case = Case.objects.get()
    assert (case.code, case.evidence["paths"], case.evidence["rows"]) == ("CHANNEL_UNREADABLE", ["list[0].no"], 1)
    assert (cursor.held_from is not None and cursor.held_from <= NOON, cursor.held_until) == (
        True,
        NOON + timedelta(minutes=1),
    )


def test_the_span_is_read_again_long_after_the_cursor_has_passed_until_all_of_it_is_ours(
    world: World, shop: Listing
) -> None:
    for minutes in range(1, 130, 3):
        pull(world, minutes)
    assert kept() == {"1", "3"}
    shop.rows[1] = (NOON, {"no": "2"})

    cursor = pull(world, 240)

    assert kept() == {"1", "2", "3"}
    assert (cursor.held_from, cursor.held_tries) == (None, 0)
    assert Case.objects.get().state == "auto_resolved"


def test_the_pauses_before_the_span_is_read_again_grow_to_an_hour(world: World, shop: Listing) -> None:
    for minutes in range(1, 600):
        pull(world, minutes)

    old = [window for window in shop.windows if window.end <= NOON + timedelta(minutes=10)]
    assert len(shop.windows) - 599 < 20
    assert len(old) > 10


def test_an_order_that_the_platform_fails_to_give_out_once_is_read_a_minute_later_without_a_case(
    world: World, shop: Listing
) -> None:
    shop.rows = [(NOON, {"no": "1"})]
    shop.trouble = ChannelUnavailable(method="order")
    pull(world, 1)
    shop.trouble = None

    cursor = pull(world, 20)

    assert kept() == {"1"}
    assert cursor.held_from is None
    assert not Case.objects.exists()


def test_a_person_gives_up_what_can_never_be_read_with_a_reason(world: World, shop: Listing) -> None:
    cursor = pull(world, 1)
    with pytest.raises(ReasonMissing):
        give_up(cursor=cursor, reason=" ", actor=SYSTEM)
    assert SyncCursor.objects.get().held_from is not None

    give_up(cursor=cursor, reason="a test order of the platform", actor=SYSTEM)

    assert SyncCursor.objects.get().held_from is None
    assert Case.objects.get().state == "auto_resolved"
    deed = Deed.objects.get(action="channel.span_given_up")
    assert deed.reason == "a test order of the platform"
