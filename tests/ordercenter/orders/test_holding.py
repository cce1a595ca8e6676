"""Holds: put once, taken off one by one, and the last one gone lets the order go on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from django.contrib.auth import get_user_model

from ordercenter.audit.models import Deed
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.models import Case
from ordercenter.cases.services import resolve_cases
from ordercenter.common.actor import Actor
from ordercenter.events.models import EventRow, OutgoingCommand
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Hold, Order
from ordercenter.orders.services import Finding, TakenOrder, accepted_codes, hold_orders, release_holds, take_orders
from tests.flows.world import World
from tests.ordercenter.orders.incoming import NOON, report

pytestmark = pytest.mark.django_db
SCRIPT = Actor("integration", "script")


@pytest.fixture
def order(world: World) -> Order:
    return take_orders(taken=[TakenOrder(world.shop.pk, report("A1"))], at=NOON).created[0]


@pytest.fixture
def person() -> Actor:
    user = get_user_model().objects.create(username="lin")
    return Actor("person", "lin", user_id=user.pk)


def hold(order: Order, *codes: str) -> None:
    hold_orders(findings={order.pk: [Finding(code, {"n": 1}) for code in codes]}, at=NOON)


def open_holds(order: Order) -> list[str]:
    return sorted(Hold.objects.filter(order=order, released_at__isnull=True).values_list("code", flat=True))


def released(order: Order) -> list[Sequence[str]]:
    rows = EventRow.objects.filter(name="orders.order.released", subject=f"order:{order.pk}").order_by("id")
    return [payload["codes"] for payload in rows.values_list("payload", flat=True)]


def test_the_same_finding_twice_is_one_hold_and_one_case_seen_twice(order: Order) -> None:
    hold(order, "BLACKLIST")
    hold(order, "BLACKLIST")

    assert open_holds(order) == ["BLACKLIST"]
    assert list(Case.objects.values_list("code", "state", "times_seen")) == [("BLACKLIST", "open", 2)]
    case = Case.objects.get()
    assert (case.subject, case.shop_id, case.reference) == (f"order:{order.pk}", order.shop_id, "A1")


def test_only_the_last_hold_lets_the_order_go_on(order: Order) -> None:
    hold(order, "BLACKLIST", "PRICE_BELOW_FLOOR")

    release_holds(order_ids=[order.pk], codes=["BLACKLIST"], reason="known customer", at=NOON, actor=SCRIPT)
    assert (Order.objects.get().is_on_hold, released(order)) == (True, [])

    release_holds(order_ids=[order.pk], reason="a sale", at=NOON, actor=SCRIPT)
    assert (Order.objects.get().is_on_hold, released(order)) == (False, [["PRICE_BELOW_FLOOR"]])
    assert set(Case.objects.values_list("state", "resolution")) == {
        ("auto_resolved", "known customer"),
        ("auto_resolved", "a sale"),
    }


def test_releasing_what_is_not_held_tells_nothing(order: Order) -> None:
    result = release_holds(order_ids=[order.pk], reason="to be sure", at=NOON, actor=SCRIPT)

    assert [o.pk for o in result.done] == [order.pk]
    assert released(order) == []


def test_a_release_without_a_reason_is_refused_and_changes_nothing(order: Order) -> None:
    hold(order, "BLACKLIST")

    with pytest.raises(ReasonMissing):
        release_holds(order_ids=[order.pk], reason="  ", at=NOON, actor=SCRIPT)

    assert open_holds(order) == ["BLACKLIST"]


def test_an_unknown_order_is_refused_and_the_known_one_released(order: Order) -> None:
    hold(order, "BLACKLIST")

    result = release_holds(order_ids=[order.pk, 999_999_999], reason="checked", at=NOON, actor=SCRIPT)

    assert [(refusal.key, refusal.code) for refusal in result.refused] == [(999_999_999, "orders.unknown")]
    assert open_holds(order) == []


def test_what_a_person_releases_is_accepted_and_leaves_a_deed(order: Order, person: Actor) -> None:
    hold(order, "BLACKLIST", "PRICE_BELOW_FLOOR")

    release_holds(order_ids=[order.pk], codes=["BLACKLIST"], reason="known customer", at=NOON, actor=person)
    release_holds(order_ids=[order.pk], reason="a sale", at=NOON, actor=SCRIPT)

    assert accepted_codes([order.pk]) == {order.pk: {"BLACKLIST"}}
    deed = Deed.objects.get()
    assert (deed.action, deed.subject, deed.reason, deed.user_id) == (
        "order.release",
        f"order:{order.pk}",
        "known customer",
        person.user_id,
    )
    row = Hold.objects.get(code="BLACKLIST")
    assert (row.released_by_id, row.release_reason) == (person.user_id, "known customer")
    assert row.history.latest("history_id").history_change_reason == "known customer"


def test_a_case_that_a_person_resolves_lets_its_order_go_on_through_its_flow(person: Actor) -> None:
    world = World()
    world.deliver(world.trade(("SKU-1", 1, "60.00"), buyer_message="送人的", has_buyer_message=True))
    Relay().drain()
    case = Case.objects.get()
    assert not OutgoingCommand.objects.exists()

    resolve_cases(case_ids=[case.pk], resolution="read: nothing to do", at=NOON, actor=person)
    Relay().drain()

    order = Order.objects.get()
    assert (order.state, order.is_on_hold) == ("in_fulfillment", False)
    assert accepted_codes([order.pk]) == {order.pk: {"REMARK_NEEDS_HUMAN"}}
    assert Case.objects.count() == 1


def test_cases_of_one_root_cause_are_one_group(world: World) -> None:
    taken = [TakenOrder(world.shop.pk, report(f"A{n}")) for n in range(3)]
    orders = take_orders(taken=taken, at=NOON).created
    finding = Finding("SKU_UNMAPPED", {}, root_cause="SKU_UNMAPPED:x", root_title="Vase")

    hold_orders(findings={order.pk: [finding] for order in orders}, at=NOON)

    assert Case.objects.values("group").distinct().count() == 1
    group = Case.objects.select_related("group").first().group  # type: ignore[union-attr]
    assert group is not None
    assert (group.title, group.root_cause, group.code) == ("Vase", "SKU_UNMAPPED:x", "SKU_UNMAPPED")
