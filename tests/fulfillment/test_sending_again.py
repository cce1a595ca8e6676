"""Delivery orders sent once more: under the same number, asking first, and never against what a parcel says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.utils import timezone

from fulfillment import handlers
from fulfillment.errors import WarehouseRefused, WarehouseUnavailable
from fulfillment.models import Shipment
from fulfillment.wms.documents import DeliveryAccepted, DeliveryConfirm, DeliveryOrderDocument
from ordercenter.cases.models import Case
from ordercenter.common.actor import Actor
from ordercenter.events import outgoing
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.retrying import retry_commands
from ordercenter.orders.models import Order
from ordercenter.orders.services import release_holds
from ordercenter.workflow.models import FlowRun
from tests.flows.outside import answer_everything, settle_down, ship
from tests.flows.world import World

pytestmark = pytest.mark.django_db
PERSON = Actor("test", "person")
REFUSED = WarehouseRefused(method="deliveryorder.create", warehouse_code="wms.refused", message="仓库暂不接单")
SILENT = WarehouseUnavailable(method="deliveryorder.create", detail="HTTP 500")


@dataclass
class Warehouse:
    """Stands in for the client of every warehouse. answers: what it says in turn; then it takes everything."""

    answers: list[Exception] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    def create_delivery_order(self, document: DeliveryOrderDocument) -> DeliveryAccepted:
        self.sent.append(document.code)
        if self.answers:
            raise self.answers.pop(0)
        return DeliveryAccepted(warehouse_ref=f"W-{document.code}", was_known=False)

    def query_delivery_order(self, *, order_code: str, warehouse_code: str, owner_code: str) -> DeliveryConfirm:
        self.asked.append(order_code)
        if order_code not in self.known:
            raise WarehouseRefused(method="deliveryorder.query", warehouse_code="none", message="单据不存在")
        return DeliveryConfirm(order_code, "W-known", warehouse_code, "", 0, self.known[order_code], None, (), ())


@pytest.fixture
def warehouse(monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    warehouse = Warehouse()
    monkeypatch.setattr(handlers, "client_of", lambda _target: warehouse)
    return warehouse


@pytest.fixture
def order(warehouse: Warehouse) -> Callable[[Sequence[Exception]], Order]:
    """Take in one order whose warehouse says these things first."""
    world = World()
    world.leave_rejected_to_people()

    def take(answers: Sequence[Exception]) -> Order:
        warehouse.answers[:] = answers
        world.deliver(world.trade(("SKU-1", 1, "60.00")))
        for _try in range(9):
            settle_down()
            OutgoingCommand.objects.filter(status="waiting").update(due_at=timezone.now() - timedelta(seconds=1))
        return Order.objects.get()

    return take


def codes_of(order: Order, *, still_open: bool = True) -> list[str]:
    cases = Case.objects.filter(subject=f"order:{order.pk}", closed_at__isnull=still_open)
    return list(cases.values_list("code", flat=True))


def go_on(order: Order) -> None:
    release_holds(order_ids=[order.pk], reason="talked to them", at=timezone.now(), actor=PERSON).raise_first()
    settle_down()


def test_what_was_refused_goes_out_again_under_its_number_when_a_person_lets_it(
    warehouse: Warehouse, order: Callable[[Sequence[Exception]], Order]
) -> None:
    held = order([REFUSED])
    before = (codes_of(held), Shipment.objects.get().state)

    go_on(held)

    shipment = Shipment.objects.get()
    assert before == (["WMS_REJECTED"], "rejected")
    assert (warehouse.sent, shipment.state) == ([shipment.code] * 2, "accepted")
    assert (codes_of(held), FlowRun.objects.get(subject=f"order:{held.pk}").status) == ([], "done")


def test_what_was_given_up_is_asked_for_before_it_goes_out_again(
    warehouse: Warehouse, order: Callable[[Sequence[Exception]], Order]
) -> None:
    held = order([SILENT] * 8)
    before = (codes_of(held), len(warehouse.sent), len(warehouse.asked))
    warehouse.known[Shipment.objects.get().code] = "ACCEPT"

    go_on(held)

    assert before == (["WMS_SILENT"], 8, 7)
    assert (len(warehouse.sent), len(warehouse.asked)) == (8, 8)
    assert (Shipment.objects.get().state, Shipment.objects.get().warehouse_ref) == ("accepted", "W-known")
    assert codes_of(held) == []


def test_what_the_warehouse_has_cancelled_is_not_there(
    warehouse: Warehouse, order: Callable[[Sequence[Exception]], Order]
) -> None:
    held = order([SILENT] * 8)
    warehouse.known[Shipment.objects.get().code] = "CANCELED"

    go_on(held)

    assert (len(warehouse.sent), Shipment.objects.get().state) == (9, "accepted")


@pytest.mark.parametrize("answers", [[SILENT] * 8, [REFUSED]], ids=["silent", "refused"])
def test_a_parcel_ends_the_doubt_and_nothing_is_sent_again(
    monkeypatch: pytest.MonkeyPatch,
    warehouse: Warehouse,
    order: Callable[[Sequence[Exception]], Order],
    answers: list[Exception],
) -> None:
    held = order(answers)
    sent = len(warehouse.sent)
    answer_everything(monkeypatch)

    ship(Shipment.objects.get(), tracking_no="ZT1")
    settle_down()

    held.refresh_from_db()
    assert (held.state, held.is_on_hold, codes_of(held)) == ("shipped", False, [])
    assert (Shipment.objects.get().state, len(warehouse.sent)) == ("shipped", sent)
    assert set(FlowRun.objects.values_list("status", flat=True)) == {"done"}


def test_a_lost_answer_is_no_refusal_when_the_parcel_was_faster(
    warehouse: Warehouse, order: Callable[[Sequence[Exception]], Order]
) -> None:
    held = order([])
    # The process that sent it died before it could write down the answer.
    command = OutgoingCommand.objects.filter(kind="qimen.deliveryorder.create")
    command.update(status="sending", lease_until=timezone.now() - timedelta(seconds=1))
    FlowRun.objects.filter(subject=f"order:{held.pk}").update(status="waiting", node="send", waits_for="command")
    ship(Shipment.objects.get(), tracking_no="ZT1")

    settle_down()

    assert command.get().status == "done"
    assert (len(warehouse.sent), codes_of(held)) == (1, [])
    assert FlowRun.objects.get(subject=f"order:{held.pk}").status == "done"


@pytest.mark.parametrize(
    ("answers", "state", "code"),
    [([REFUSED], "rejected", "WMS_REJECTED"), ([SILENT] * 8, "dispatched", "WMS_SILENT")],
    ids=["refused", "silent"],
)
def test_a_command_that_is_sent_again_from_its_own_page_brings_its_order_on(
    warehouse: Warehouse,
    order: Callable[[Sequence[Exception]], Order],
    answers: list[Exception],
    state: str,
    code: str,
) -> None:
    held = order(answers)
    before = (codes_of(held), Shipment.objects.get().state)

    retry_commands(ids=[OutgoingCommand.objects.get().pk], actor=PERSON).raise_first()
    settle_down()

    held.refresh_from_db()
    assert before == ([code], state)
    assert (Shipment.objects.get().state, held.is_on_hold, codes_of(held)) == ("accepted", False, [])
    assert FlowRun.objects.get(subject=f"order:{held.pk}").status == "done"
    assert len(warehouse.sent) == len(answers) + 1


def test_an_answer_that_is_faster_than_the_release_is_not_waited_for(
    warehouse: Warehouse, order: Callable[[Sequence[Exception]], Order]
) -> None:
    held = order([REFUSED])
    retry_commands(ids=[OutgoingCommand.objects.get().pk], actor=PERSON).raise_first()
    # The sender is faster than the relay: the warehouse says yes before anybody knows that it was asked again.
    outgoing.drain_target(OutgoingCommand.objects.get().target)

    settle_down()

    held.refresh_from_db()
    assert (Shipment.objects.get().state, held.is_on_hold, codes_of(held)) == ("accepted", False, [])
    assert FlowRun.objects.get(subject=f"order:{held.pk}").status == "done"
    assert len(warehouse.sent) == 2


def test_what_is_refused_again_waits_for_a_person_again(
    warehouse: Warehouse, order: Callable[[Sequence[Exception]], Order]
) -> None:
    held = order([REFUSED])
    warehouse.answers[:] = [REFUSED, REFUSED]

    retry_commands(ids=[OutgoingCommand.objects.get().pk], actor=PERSON).raise_first()
    settle_down()

    held.refresh_from_db()
    assert (Shipment.objects.get().state, held.is_on_hold, codes_of(held)) == ("rejected", True, ["WMS_REJECTED"])
    assert FlowRun.objects.get(subject=f"order:{held.pk}").status == "stopped"
