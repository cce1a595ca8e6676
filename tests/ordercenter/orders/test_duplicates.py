"""Two orders of the same buyer for the same goods to the same address: the later one waits for a person."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from fulfillment.models import Shipment
from ordercenter.cases.models import Case
from ordercenter.common.actor import Actor
from ordercenter.events import log
from ordercenter.events.relay import Relay
from ordercenter.events.types import DuplicateSeen
from ordercenter.orders.models import Hold, Order
from ordercenter.orders.services import cancel_orders, release_holds
from tests.flows.outside import answer_everything, settle_down
from tests.flows.world import World
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return World()


def twins(world: World, **of_the_second: Any) -> list[dict[str, Any]]:
    """Two equal trades; the second was placed a minute later."""
    same = {"buyer_open_uid": "AAHtwin", "oaid": "oaid-twin"}
    first = world.trade(("SKU-1", 1, "51.00"), created="2026-11-22 10:00:00", **same)
    second = world.trade(("SKU-1", 1, "51.00"), created="2026-11-22 10:01:00", **same, **of_the_second)
    return [first, second]


def suspects() -> dict[str, str]:
    orders = dict(Order.objects.values_list("pk", "channel_order_no"))
    cases = Case.objects.filter(code="DUPLICATE_SUSPECT").values_list("subject", "evidence")
    return {orders[int(subject.partition(":")[2])]: evidence["other_order"] for subject, evidence in cases}


def test_the_later_of_two_in_one_batch_is_held_and_the_earlier_goes_on(world: World) -> None:
    first, second = twins(world)
    world.deliver(first, second)

    Relay().drain()

    assert suspects() == {str(second["tid"]): str(first["tid"])}
    assert list(Order.objects.order_by("placed_at").values_list("state", "is_on_hold")) == [
        ("in_fulfillment", False),
        ("preprocessing", True),
    ]


def test_where_the_later_one_is_at_a_warehouse_already_the_earlier_one_waits_in_its_stead(world: World) -> None:
    first, second = twins(world)
    world.deliver(second)
    Relay().drain()
    assert Order.objects.get().state == "in_fulfillment"

    world.deliver(first)
    Relay().drain()

    assert suspects() == {str(first["tid"]): str(second["tid"])}
    assert Case.objects.get().evidence["other_state"] == "in_fulfillment"
    assert list(Order.objects.order_by("placed_at").values_list("state", "is_on_hold")) == [
        ("preprocessing", True),
        ("in_fulfillment", False),
    ]


def test_where_the_later_one_is_still_in_the_house_it_waits_and_the_earlier_one_goes(world: World) -> None:
    first, second = twins(world, buyer_message="请放门口")
    world.deliver(second)
    Relay().drain()
    assert Order.objects.get().is_on_hold, "somebody has to read the remark"

    world.deliver(first)
    Relay().drain()

    assert suspects() == {str(second["tid"]): str(first["tid"])}
    assert list(Order.objects.order_by("placed_at").values_list("state", "is_on_hold")) == [
        ("in_fulfillment", False),
        ("preprocessing", True),
    ]


def test_one_that_reached_a_warehouse_before_it_was_told_of_its_twin_can_be_asked_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_everything(monkeypatch)
    world.deliver(twins(world)[1])
    settle_down()
    order = Order.objects.get()
    with transaction.atomic():
        log.record([DuplicateSeen(order_id=order.pk, other_order="77")])
    settle_down()
    boss = client_of(person("boss", superuser=True))
    panel = boss.get(reverse("console:cases"), {"case": Case.objects.get().pk}).content.decode()
    assert Case.objects.get().evidence == {"other_order": "77", "state": "in_fulfillment"}
    assert "In fulfilment" in panel
    assert "?step=ask_back" in panel

    boss.post(reverse("admin:orders_order_steps", args=[order.pk]), {"step": "ask_back", "reason": "ordered twice"})
    settle_down()

    order.refresh_from_db()
    assert (order.state, order.is_on_hold, Shipment.objects.get().state) == ("approved", True, "cancelled")
    assert list(Case.objects.filter(closed_at=None).values_list("code", flat=True)) == ["DUPLICATE_SUSPECT"]

    cancel_orders(order_ids=[order.pk], reason="ordered twice")
    settle_down()

    assert (Order.objects.get().state, Case.objects.filter(closed_at=None).count()) == ("cancelled", 0)


def test_a_later_one_that_is_not_paid_yet_is_checked_when_it_is(world: World) -> None:
    first, second = twins(world, status="WAIT_BUYER_PAY", pay_time="", alipay_no="")
    world.deliver(second)
    Relay().drain()

    world.deliver(first)
    Relay().drain()

    assert suspects() == {}


def test_what_a_person_accepted_is_not_found_again_by_an_earlier_order(world: World) -> None:
    first, second = twins(world)
    world.deliver(second)
    Relay().drain()
    late = Order.objects.get()
    Hold.objects.create(
        order=late,
        code="DUPLICATE_SUSPECT",
        opened_at=timezone.now(),
        released_at=timezone.now(),
        is_accepted=True,
    )

    world.deliver(first)
    Relay().drain()

    assert suspects() == {}


def test_orders_far_apart_or_to_another_address_are_no_twins(world: World) -> None:
    first, _second = twins(world)
    other_day = {**first, "tid": first["tid"] + 7, "tid_str": str(first["tid"] + 7), "created": "2026-11-22 10:11:00"}
    elsewhere = world.trade(
        ("SKU-1", 1, "51.00"), created="2026-11-22 10:01:00", buyer_open_uid="AAHtwin", oaid="oaid-other"
    )
    world.deliver(first, other_day, elsewhere)

    Relay().drain()

    assert suspects() == {}


def test_a_released_suspect_goes_on(world: World, django_user_model: Any) -> None:
    world.deliver(*twins(world))
    Relay().drain()
    user = django_user_model.objects.create(username="lin")
    held = Order.objects.get(is_on_hold=True)

    release_holds(order_ids=[held.pk], reason="she wants two", actor=Actor("person", "lin", user_id=user.pk))
    Relay().drain()

    assert Order.objects.get(pk=held.pk).state == "in_fulfillment"
    assert Case.objects.filter(state="open").count() == 0
