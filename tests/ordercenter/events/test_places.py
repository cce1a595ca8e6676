"""A relay at the front is there for new orders, one at the back for what follows; neither leaves anything lying."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from ordercenter.common.errors import OrderCenterError
from ordercenter.events import log
from ordercenter.events.inbox import Incoming, receive
from ordercenter.events.models import Delivery, InboxMessage
from ordercenter.events.registry import Message, Recorded, on, reads
from ordercenter.events.relay import Place, Relay
from ordercenter.events.types import OrderCompleted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("office")]


@pytest.fixture
def done() -> list[str]:
    """What was done, in order: "new", "other" and "fact"; all three wait."""
    done: list[str] = []

    @reads("tests.new", is_first=True)
    def take_new(messages: Sequence[Message]) -> Mapping[int, OrderCenterError]:
        done.append("new")
        return {}

    @reads("tests.other")
    def take_other(messages: Sequence[Message]) -> Mapping[int, OrderCenterError]:
        done.append("other")
        return {}

    @on(OrderCompleted, name="tests.fact")
    def take_fact(events: Sequence[Recorded]) -> None:
        done.append("fact")

    receive([Incoming("account:1", kind, "1", f"{kind}:1", b"{}") for kind in ("tests.other", "tests.new")])
    with transaction.atomic():
        log.record([OrderCompleted(order_id=1)])
    return done


def grow_old() -> None:
    before = timezone.now() - timedelta(seconds=1)
    InboxMessage.objects.filter(status="waiting").update(due_at=before)
    Delivery.objects.filter(status="waiting").update(due_at=before)


@pytest.mark.parametrize(
    ("place", "at_once"),
    [(Place.ALL, ["new", "other", "fact"]), (Place.FRONT, ["new"]), (Place.BACK, ["other", "fact"])],
)
def test_each_place_takes_its_own_at_once(done: list[str], place: Place, at_once: list[str]) -> None:
    Relay(place=place).drain()

    assert sorted(done) == sorted(at_once)


@pytest.mark.parametrize("place", [Place.FRONT, Place.BACK])
def test_what_nobody_took_in_time_either_takes(done: list[str], place: Place) -> None:
    grow_old()

    Relay(place=place).drain()

    assert sorted(done) == ["fact", "new", "other"]
