"""What the books say about the orders of a day."""

from __future__ import annotations

import pytest

from channels_sync.play.findings import Waiting, find, progress_of, still_waiting
from finance.models import Statement
from tests.flows.lived_in import LivedIn

pytestmark = pytest.mark.django_db


@pytest.fixture
def lived(monkeypatch: pytest.MonkeyPatch) -> LivedIn:
    return LivedIn(monkeypatch)


def test_the_way_of_each_order_and_the_differences_of_the_bill(lived: LivedIn) -> None:
    numbers = {name: order.channel_order_no for name, order in lived.orders.items()}

    found = find(
        shop_ids=[lived.world.shop.pk], numbers=list(numbers.values()), days=[Statement.objects.get().business_day]
    )

    ways = {name: found.ways[number] for name, number in numbers.items()}
    assert {name: (way.state, way.was_held, way.has_left, way.is_reported) for name, way in ways.items()} == {
        "completed": ("completed", False, True, True),
        "at_warehouse": ("in_fulfillment", False, False, False),
        "unmatched": ("preprocessing", True, False, False),
        "short": ("awaiting_supply", True, False, False),
        "unpaid": ("pending_payment", False, False, False),
        "accepted": ("in_fulfillment", True, False, False),
        "refunded": ("cancelled", False, False, False),
        "short_picked": ("partially_shipped", True, True, True),
        "stopped": ("cancelled", False, False, False),
        "stray": ("cancelled", False, True, True),
        "stopping": ("cancelled", False, False, False),
    }
    assert {name: set(way.codes) for name, way in ways.items() if way.codes} == {
        "unmatched": {"SKU_UNMAPPED"},
        "short": {"OUT_OF_STOCK"},
        "accepted": {"REMARK_NEEDS_HUMAN"},
        "short_picked": {"SHORT_PICK"},
        "stray": {"SHIPPED_AFTER_CANCEL"},
    }
    assert [name for name, way in ways.items() if way.is_reconciled] == ["completed"]
    assert [name for name, way in ways.items() if way.to_command_ms is None] == ["unmatched", "short", "unpaid"]
    assert all(way.to_command_ms >= 0 for way in ways.values() if way.to_command_ms is not None)
    assert [(d.verdict, d.external_no) for d in found.differences] == [("not_in_books", "2026112222001499000000000001")]


def test_progress_counts_orders_of_the_day_only(lived: LivedIn) -> None:
    names = ["completed", "unmatched", "at_warehouse"]
    numbers = [lived.orders[name].channel_order_no for name in names] + ["4999999999999999999"]

    progress = progress_of(shop_ids=[lived.world.shop.pk], numbers=numbers)

    assert (progress.received, progress.completed, progress.with_case, progress.at_their_end) == (3, 1, 1, 2)
    assert (progress.shipped, progress.reported) == (1, 1)


def test_what_waits_is_counted(lived: LivedIn) -> None:
    assert still_waiting() == Waiting(messages=0, deliveries=0, commands=1)
    assert still_waiting()
    assert not Waiting(messages=0, deliveries=0, commands=0)
