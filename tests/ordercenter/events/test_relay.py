"""Facts reach their handlers in order, in lists, once; and one that cannot be handled stops nobody else."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import transaction
from django.utils import timezone

from ordercenter.cases.models import Case
from ordercenter.common.errors import OrderCenterError
from ordercenter.events import log, timers
from ordercenter.events.inbox import Incoming, receive
from ordercenter.events.log import Cause, new_chain
from ordercenter.events.models import Delivery, EventRow, InboxMessage, Timer
from ordercenter.events.registry import Message, Recorded, on, reads
from ordercenter.events.relay import Relay
from ordercenter.events.retrying import replay_messages, retry_deliveries, retry_messages
from ordercenter.events.types import Event, OrderCompleted, OrderShipped, StockReplenished

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("office")]
NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


class Hopeless(OrderCenterError):
    """Will never go through."""

    code = "tests.hopeless"


class NotYet(OrderCenterError):
    """May go through later."""

    code = "tests.not_yet"
    retryable = True


@dataclass
class Spy:
    """A handler that remembers its lists and fails for the orders it is told to."""

    lists: list[list[int]] = field(default_factory=list)
    poison: dict[int, Exception] = field(default_factory=dict)

    def __call__(self, events: Sequence[Recorded]) -> None:
        numbers = [r.event.order_id for r in events]  # type: ignore[attr-defined]
        for number in numbers:
            if number in self.poison:
                raise self.poison[number]
        self.lists.append(numbers)

    @property
    def handled(self) -> list[int]:
        return [number for numbers in self.lists for number in numbers]


def spy_on(*events: type[Event], name: str = "tests.spy", when: Callable[[Any], bool] | None = None) -> Spy:
    spy = Spy()
    on(*events, name=name, when=when)(spy)
    return spy


def tell(*events: Event, causes: Sequence[Cause] | None = None) -> None:
    with transaction.atomic():
        log.record(events, causes=causes)


def completed(*numbers: int) -> list[OrderCompleted]:
    return [OrderCompleted(order_id=number) for number in numbers]


def pauses() -> dict[int, tuple[str, int, float]]:
    """By order: status, tries, and in how many seconds it is due."""
    now = timezone.now()
    return {
        int(d.subject.partition(":")[2]): (d.status, d.tries, round((d.due_at - now).total_seconds()))
        for d in Delivery.objects.filter(handler="tests.spy")
    }


def come_due() -> None:
    Delivery.objects.filter(status="waiting").update(due_at=timezone.now() - timedelta(seconds=1))


def test_each_handler_that_wants_a_fact_gets_a_delivery_of_its_own() -> None:
    spy_on(OrderCompleted, name="tests.a")
    spy_on(OrderCompleted, OrderShipped, name="tests.b")
    spy_on(OrderCompleted, name="tests.picky", when=lambda event: event.order_id > 1)

    tell(*completed(1), OrderShipped(order_id=2), StockReplenished(sku_id=1, warehouse_id=1))

    assert list(Delivery.objects.order_by("event_id", "handler").values_list("handler", "subject", "status")) == [
        ("tests.a", "order:1", "waiting"),
        ("tests.b", "order:1", "waiting"),
        ("tests.b", "order:2", "waiting"),
    ]


def test_a_handler_gets_all_that_waits_as_one_list_in_the_order_of_recording() -> None:
    spy = spy_on(OrderCompleted, OrderShipped)
    tell(*completed(3, 1), OrderShipped(order_id=2))
    tell(*completed(2, 3))

    assert Relay().drain() == 5

    assert spy.lists == [[3, 1, 2, 2, 3]]
    assert set(Delivery.objects.values_list("status", flat=True)) == {"done"}
    assert Relay().drain() == 0


def test_a_list_is_no_longer_than_the_batch() -> None:
    spy = spy_on(OrderCompleted)
    tell(*completed(*range(7)))

    assert Relay(batch_size=3).drain() == 7

    assert [len(numbers) for numbers in spy.lists] == [3, 3, 1]
    assert spy.handled == list(range(7))


def test_a_handler_sees_the_fact_as_it_was_told_with_its_place_in_the_chain() -> None:
    seen: list[Recorded] = []
    on(OrderCompleted, name="tests.spy")(seen.extend)
    chain = uuid.uuid4()

    tell(OrderCompleted(order_id=5, occurred_at=NOON), causes=[Cause(chain, 41, 3)])
    Relay().drain()

    row = EventRow.objects.get()
    assert [(r.id, r.event, r.chain_id, r.depth) for r in seen] == [
        (row.pk, OrderCompleted(order_id=5, occurred_at=NOON), chain, 3)
    ]
    assert (row.cause_id, row.actor) == (41, "system:order-center")


def test_a_subject_that_is_retried_keeps_its_order_and_the_others_do_not_wait() -> None:
    spy = spy_on(OrderCompleted, OrderShipped)
    spy.poison[1] = RuntimeError("not now")
    tell(*completed(1, 2), OrderShipped(order_id=1), OrderShipped(order_id=2))

    Relay().drain()
    assert spy.handled == [2, 2]
    tell(OrderShipped(order_id=1))
    Relay().drain()
    assert spy.handled == [2, 2], "nothing of the subject goes past the one that is to be tried again"

    spy.poison.clear()
    come_due()
    Relay().drain()
    assert spy.handled == [2, 2, 1, 1, 1]
    assert [r.name for r in EventRow.objects.filter(subject="order:1").order_by("id")] == [
        "orders.order.completed",
        "orders.order.shipped",
        "orders.order.shipped",
    ]


def test_each_try_waits_four_times_as_long_and_after_the_fifth_a_person_looks(settings: LazySettings) -> None:
    settings.RELAY_FIRST_PAUSE_S = 1000
    spy = spy_on(OrderCompleted)
    spy.poison[1] = RuntimeError("still broken")
    tell(*completed(1))
    seen = []

    for _ in range(6):
        come_due()
        Relay().drain()
        seen.append(pauses()[1])

    assert [(status, tries) for status, tries, _pause in seen] == [
        ("waiting", 1),
        ("waiting", 2),
        ("waiting", 3),
        ("waiting", 4),
        ("parked", 5),
        ("parked", 5),
    ]
    assert [pause for _status, _tries, pause in seen[:4]] == pytest.approx([1000, 4000, 16000, 64000], abs=60)
    case = Case.objects.get()
    assert (case.code, case.reference, case.evidence) == (
        "EVENT_PARKED",
        "order:1",
        {"handler": "tests.spy", "about": "order:1", "error": "RuntimeError: still broken"},
    )


def test_of_a_thousand_one_poisonous_is_parked_with_a_case_and_the_rest_is_done() -> None:
    spy = spy_on(OrderCompleted)
    spy.poison[613] = Hopeless("never")
    tell(*completed(*range(1000)))

    Relay(batch_size=1000).drain()

    assert sorted(spy.handled) == [n for n in range(1000) if n != 613]
    assert len(spy.handled) == 999
    # The list is halved down to the one: 1000, 500, 250 ... and what is beside it is done in as few lists as halves.
    assert len(spy.lists) == 10
    statuses = Delivery.objects.filter(handler="tests.spy")
    assert (statuses.filter(status="done").count(), statuses.get(status="parked").subject) == (999, "order:613")
    assert list(Case.objects.values_list("code", "reference")) == [("EVENT_PARKED", "order:613")]


def test_a_parked_event_goes_through_when_it_is_tried_again_after_the_fault_was_mended() -> None:
    spy = spy_on(OrderCompleted)
    spy.poison[1] = Hopeless("never")
    tell(*completed(1))
    Relay().drain()
    parked = Delivery.objects.get(handler="tests.spy")
    assert (parked.status, parked.tries, parked.error) == ("parked", 1, "Hopeless: never")

    spy.poison.clear()
    assert retry_deliveries(ids=[parked.pk]).done == [parked.pk]
    Relay().drain()

    assert spy.handled == [1]
    parked.refresh_from_db()
    assert (parked.status, parked.error) == ("done", "")


def test_what_a_failed_list_wrote_is_undone() -> None:
    def write_and_fail(events: Sequence[Recorded]) -> None:
        tell(*[OrderShipped(order_id=r.event.order_id) for r in events])  # type: ignore[attr-defined]
        if len(events) > 1:
            raise RuntimeError("too many")

    on(OrderCompleted, name="tests.writer")(write_and_fail)
    tell(*completed(1, 2))

    Relay().drain()

    assert list(
        EventRow.objects.filter(name="orders.order.shipped").order_by("id").values_list("subject", flat=True)
    ) == [
        "order:1",
        "order:2",
    ]


def test_an_event_of_another_version_is_set_aside_and_does_not_stop_its_queue() -> None:
    spy = spy_on(OrderCompleted, OrderShipped)
    tell(*completed(1, 2), OrderShipped(order_id=3))
    EventRow.objects.filter(subject="order:1").update(name="orders.order.from_the_future")
    EventRow.objects.filter(subject="order:3").update(payload={})

    Relay().drain()

    assert spy.handled == [2]
    parked = Delivery.objects.filter(handler="tests.spy", status="parked").order_by("event_id")
    assert [(d.subject, d.status) for d in parked] == [("order:1", "parked"), ("order:3", "parked")]
    assert sorted(Case.objects.values_list("reference", flat=True)) == ["order:1", "order:3"]
    assert {c.evidence["error"].partition(":")[0] for c in Case.objects.all()} == {
        "orders.order.from_the_future",
        "orders.order.shipped",
    }


def test_facts_of_an_unknown_handler_wait_for_a_process_that_knows_it() -> None:
    spy_on(OrderCompleted)
    tell(*completed(1))
    Delivery.objects.update(handler="tests.newer")

    assert Relay().drain() == 0
    assert Delivery.objects.get().status == "waiting"


class TestInbox:
    def incoming(self, *numbers: int, source: str = "account:1") -> list[Incoming]:
        return [
            Incoming(source=source, kind="tests.note", message_id=f"m{n}", subject=f"s{n}", body=b"\x00\xff" * n)
            for n in numbers
        ]

    def test_the_same_message_is_kept_once_however_often_and_in_whatever_company_it_comes(self) -> None:
        assert receive(self.incoming(1, 2)) == 2
        assert receive(self.incoming(2, 3, 3)) == 1
        assert receive(self.incoming(1, 2, 3)) == 0
        assert receive(self.incoming(1, source="account:2")) == 1
        assert receive([]) == 0

        assert InboxMessage.objects.count() == 4
        assert [
            bytes(body) for body in InboxMessage.objects.filter(message_id="m2").values_list("body", flat=True)
        ] == [b"\x00\xff\x00\xff"]

    def test_what_a_reader_refuses_is_parked_with_its_reason_and_the_rest_is_done(self) -> None:
        def read(messages: Sequence[Message]) -> dict[int, OrderCenterError]:
            return {m.id: Hopeless("no such thing") for m in messages if m.subject == "s2"}

        reads("tests.note")(read)
        receive(self.incoming(1, 2, 3))

        Relay().drain()

        assert dict(InboxMessage.objects.values_list("message_id", "status")) == {
            "m1": "done",
            "m2": "parked",
            "m3": "done",
        }
        assert InboxMessage.objects.get(message_id="m2").error == "Hopeless: no such thing"
        case = Case.objects.get()
        assert (case.code, case.evidence["code"], case.evidence["source"]) == (
            "MESSAGE_PARKED",
            "tests.hopeless",
            "account:1",
        )

    def test_what_a_reader_refuses_for_now_is_read_again_later(self) -> None:
        refusals = iter([NotYet("on its way"), None])

        def read(messages: Sequence[Message]) -> dict[int, OrderCenterError]:
            refusal = next(refusals)
            return {m.id: refusal for m in messages if refusal}

        reads("tests.note")(read)
        receive(self.incoming(1))

        Relay().drain()
        waiting = InboxMessage.objects.get()
        assert (waiting.status, waiting.tries, waiting.due_at > timezone.now()) == ("waiting", 1, True)

        InboxMessage.objects.update(due_at=timezone.now() - timedelta(seconds=1))
        Relay().drain()
        assert InboxMessage.objects.get().status == "done"
        assert not Case.objects.exists()

    def test_a_message_that_breaks_its_reader_is_parked_alone_and_can_be_read_again(self) -> None:
        seen: list[str] = []
        poison = {"s2"}

        def read(messages: Sequence[Message]) -> dict[int, OrderCenterError]:
            if poison & {m.subject for m in messages}:
                raise Hopeless("broken")
            seen.extend(m.subject for m in messages)
            return {}

        reads("tests.note")(read)
        receive(self.incoming(1, 2, 3, 4))
        Relay().drain()
        assert sorted(seen) == ["s1", "s3", "s4"]

        poison.clear()
        message = InboxMessage.objects.get(status="parked")
        assert retry_messages(ids=[message.pk]).done == [message.pk]
        Relay().drain()
        assert seen[-1] == "s2"

        assert replay_messages(ids=[message.pk]).done == [message.pk]
        Relay().drain()
        assert seen.count("s2") == 2


class TestTimers:
    def timer(self, order_id: int, due_at: datetime) -> Timer:
        cause = new_chain()
        return Timer.objects.create(
            due_at=due_at,
            event=OrderCompleted.name,
            payload={"order_id": order_id},
            key=f"tests:{order_id}",
            chain_id=cause.chain_id,
            cause_id=77,
            depth=2,
        )

    def test_a_timer_fires_once_when_it_is_due_and_passes_its_cause_on(self) -> None:
        seen: list[Recorded] = []
        on(OrderCompleted, name="tests.spy")(seen.extend)
        now = timezone.now()
        due, later = self.timer(1, now - timedelta(seconds=1)), self.timer(2, now + timedelta(hours=1))

        Relay().drain()
        Relay().drain()

        assert [(r.event.subject, r.chain_id, r.depth) for r in seen] == [("order:1", due.chain_id, 2)]
        assert EventRow.objects.get().cause_id == 77
        assert Timer.objects.get(fired_at__isnull=True) == later

    def test_a_timer_that_was_called_off_never_fires_and_a_fired_one_cannot_be_called_off(self) -> None:
        now = timezone.now()
        self.timer(1, now - timedelta(seconds=1))
        self.timer(2, now - timedelta(seconds=1))

        assert timers.cancel(["tests:1"], at=now) == 1
        assert timers.fire_due() == 1
        assert timers.cancel(["tests:1", "tests:2"], at=now) == 0

        assert list(EventRow.objects.values_list("subject", flat=True)) == ["order:2"]
