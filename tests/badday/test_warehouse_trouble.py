"""The warehouse fails, answers garbage, says nothing, says no: the same number again, then a person, then on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.badday.books import commands_of, open_cases, states_of
from tests.badday.day import assert_invariants_hold
from tests.badday.system import System, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]

CREATE = "qimen.deliveryorder.create"
RELEASE = """
from django.utils import timezone
from ordercenter.common.actor import Actor
from ordercenter.orders.models import Order
from ordercenter.orders.services import release_holds
ids = list(Order.objects.filter(channel_order_no__in={numbers!r}).values_list("pk", flat=True))
result = release_holds(order_ids=ids, reason="the warehouse is back", at=timezone.now(), actor=Actor("test", "badday"))
answer = len(result.done)
"""
LOOK_ELSEWHERE = """
from ordercenter.workflow.models import Flow
answer = Flow.objects.filter(key="standard-rejected").update(is_paused={paused})
"""


@pytest.fixture
def people_decide(system: System) -> Iterator[None]:
    """No flow looks for another warehouse: what one rejects waits for a person."""
    assert system.run_code(LOOK_ELSEWHERE.format(paused=True)) == 1
    yield
    system.run_code(LOOK_ELSEWHERE.format(paused=False))


@pytest.mark.usefixtures("people_decide")
@pytest.mark.parametrize(
    ("misbehaviour", "took_it", "case"),
    [
        ({"wms_http_500": 1.0}, False, "WMS_SILENT"),
        ({"wms_silent": 1.0}, True, "WMS_SILENT"),
        ({"wms_refuse": 1.0}, False, "WMS_REJECTED"),
    ],
    ids=["fails", "says nothing", "refuses"],
)
def test_a_warehouse_in_trouble_is_tried_with_one_number_then_a_person_then_it_goes_on(
    system: System, misbehaviour: dict[str, float], took_it: bool, case: str
) -> None:
    # What it took in spite of its silence stays on the shelf.
    system.sandbox.switches(ship_after_s=3600, **misbehaviour)
    numbers = system.sandbox.create_trades(count=3)
    wait_until(lambda: len(open_cases(system, numbers, case)) == 3, timeout_s=60, what=f"three cases {case}")
    tries = [command["tries"] for command in commands_of(system, numbers, CREATE)]
    before = deliveries_of(system, numbers)

    system.sandbox.rest_switches(ship_after_s=0.5, receive_after_s=1)
    released = system.run_code(RELEASE.format(numbers=numbers))
    wait_until(lambda: statuses_of(system, numbers) == ["done"] * 3, timeout_s=60, what="all are sent")

    assert tries == ([1, 1, 1] if case == "WMS_REJECTED" else [8, 8, 8])
    assert (released, len(before)) == (3, 3 if took_it else 0)
    after = deliveries_of(system, numbers)
    assert (len(after), before <= after) == (3, True)
    assert open_cases(system, numbers, case) == []
    assert_nothing_doubled(system)
    assert_invariants_hold(system)


def test_a_parcel_ends_the_doubt_whether_the_warehouse_has_the_order(system: System) -> None:
    system.sandbox.switches(ship_after_s=12, wms_garbage=1.0)
    (number,) = system.sandbox.create_trades(count=1)
    wait_until(lambda: open_cases(system, [number], "WMS_SILENT"), timeout_s=60, what="a case")

    # Nobody decides anything: the parcel leaves all the same.
    system.sandbox.rest_switches(receive_after_s=1)
    wait_until(lambda: states_of(system, [number]) == {number: "completed"}, timeout_s=60, what="it is completed")

    assert open_cases(system, [number], "WMS_SILENT") == []
    assert_nothing_doubled(system)
    assert_invariants_hold(system)


def deliveries_of(system: System, numbers: list[str]) -> set[str]:
    """The delivery orders of these trades that the warehouse has."""
    return {code for number in numbers for code in system.sandbox.trade(number)["way"]["deliveries"]}


def statuses_of(system: System, numbers: list[str]) -> list[str]:
    return [command["status"] for command in commands_of(system, numbers, CREATE)]


def assert_nothing_doubled(system: System) -> None:
    state = system.sandbox.state()["deliveries"]
    assert (state["changed"], state["trades_twice"]) == ([], {})
