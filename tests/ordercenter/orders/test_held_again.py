"""A finding that comes back after its hold was taken off."""

from __future__ import annotations

import pytest

from ordercenter.cases.models import Case
from ordercenter.cases.services import close_cases_of
from ordercenter.common.actor import Actor
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Hold, Order
from ordercenter.orders.services import Finding, hold_orders, release_holds
from tests.flows.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def held() -> Order:
    world = World()
    world.deliver(world.trade(("SKU-5", 1, "55.00"), buyer_message="送人的", has_buyer_message=True))
    Relay().drain()
    return Order.objects.get(is_on_hold=True)


def test_a_release_that_no_person_stands_for_is_held_again_once_and_not_for_ever(held: Order) -> None:
    release_holds(order_ids=[held.pk], reason="asked by a script", actor=Actor("integration", "script"))

    rounds = 0
    while Relay().round():
        rounds += 1
        assert rounds < 20

    assert [(hold.code, hold.released_at is None) for hold in Hold.objects.order_by("pk")] == [
        ("REMARK_NEEDS_HUMAN", False),
        ("REMARK_NEEDS_HUMAN", True),
    ]
    assert list(Case.objects.order_by("pk").values_list("state", flat=True)) == ["auto_resolved", "open"]


def test_a_case_closed_a_moment_before_does_not_take_the_next_finding_with_it(held: Order) -> None:
    subject = f"order:{held.pk}"
    close_cases_of(subjects=[subject], codes=["REMARK_NEEDS_HUMAN"], resolution="gone")
    hold_orders(findings={held.pk: [Finding("REMARK_NEEDS_HUMAN", {"buyer_remark": "再加一张卡片"})]})

    Relay().drain()

    hold, case = Hold.objects.get(), Case.objects.get(state="open")
    assert (hold.case_id, hold.released_at) == (case.pk, None)
    assert Order.objects.get(pk=held.pk).is_on_hold
