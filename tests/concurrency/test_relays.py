"""Relays side by side: each item once, each subject in order, nothing skipped, whatever dies or commits late."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from ordercenter.events import log, outgoing, registry, timers
from ordercenter.events.inbox import Incoming, receive
from ordercenter.events.log import new_chain
from ordercenter.events.models import Delivery, EventRow, InboxMessage, OutgoingCommand, Timer
from ordercenter.events.registry import Attempt, Message, Recorded, Sender, on, reads, register_sender
from ordercenter.events.relay import Relay
from ordercenter.events.types import OrderCompleted, OrderShipped
from tests.concurrency.threads import at_once, errors

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _empty_office(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_handlers", "_by_event", "_readers", "_senders"):
        monkeypatch.setattr(registry, name, {})


class Seen:
    """What the handlers of all threads met, in the order in which they were done with it."""

    def __init__(self) -> None:
        self.by_order: dict[int, list[int]] = defaultdict(list)
        self._lock = threading.Lock()

    def __call__(self, events: Sequence[Recorded]) -> None:
        time.sleep(0.002)  # so that the relays meet
        with self._lock:
            for recorded in events:
                self.by_order[recorded.event.order_id].append(recorded.id)  # type: ignore[attr-defined]

    @property
    def ids(self) -> list[int]:
        return [pk for ids in self.by_order.values() for pk in ids]


def tell(*order_ids: int) -> None:
    with transaction.atomic():
        log.record([OrderCompleted(order_id=order_id) for order_id in order_ids])


def drain(batch: int) -> int:
    return Relay(batch_size=batch, side_by_side=2).drain()


def test_two_relays_never_handle_one_item_twice_and_keep_the_order_of_each_subject() -> None:
    seen = Seen()
    on(OrderCompleted, name="tests.spy")(seen)
    for _ in range(6):
        tell(*range(40))

    answers = at_once(*[partial(drain, 7)] * 3)
    while drain(50):
        pass

    assert errors(answers) == []
    assert len(seen.ids) == len(set(seen.ids)) == 240
    assert all(ids == sorted(ids) and len(ids) == 6 for ids in seen.by_order.values())
    assert sum(1 for answer in answers if answer) >= 2, "the work was shared"
    assert set(Delivery.objects.values_list("status", flat=True)) == {"done"}


def test_a_fact_that_commits_late_is_not_skipped() -> None:
    seen = Seen()
    on(OrderCompleted, name="tests.spy")(seen)
    recorded, commit = threading.Event(), threading.Event()

    def record_and_wait() -> None:
        with transaction.atomic():
            log.record([OrderCompleted(order_id=1)])
            recorded.set()
            commit.wait(30)

    def go_past() -> None:
        recorded.wait(30)
        for order_id in range(2, 102):
            tell(order_id)
        drain(500)
        assert 1 not in seen.by_order
        commit.set()

    assert errors(at_once(record_and_wait, go_past)) == []
    assert EventRow.objects.earliest("id").subject == "order:1", "it has the lowest number and came last"

    drain(500)
    assert len(seen.ids) == 101


def test_a_relay_that_dies_in_the_middle_leaves_nothing_and_keeps_nothing_locked() -> None:
    def write_and_die(events: Sequence[Recorded]) -> None:
        log.record([OrderShipped(order_id=1)])
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    on(OrderCompleted, name="tests.spy")(write_and_die)
    tell(1, 2)

    (answer,) = at_once(partial(drain, 500))

    assert isinstance(answer, Exception)
    assert set(Delivery.objects.values_list("status", "tries")) == {("waiting", 0)}
    assert not EventRow.objects.filter(name=OrderShipped.name).exists()
    registry._handlers.clear()
    seen = Seen()
    on(OrderCompleted, name="tests.spy")(seen)
    assert drain(500) == 2
    assert len(seen.ids) == 2


def test_the_same_message_from_five_sides_at_one_instant_is_read_once() -> None:
    read: list[str] = []

    def reader(messages: Sequence[Message]) -> dict[int, Any]:
        read.extend(m.subject for m in messages)
        return {}

    reads("tests.note")(reader)
    messages = [
        Incoming(source="account:1", kind="tests.note", message_id=f"m{n}", subject=f"s{n}", body=b"x")
        for n in range(20)
    ]

    answers = at_once(
        *(partial(receive, each) for each in (messages, messages[::-1], messages, messages[5:], messages))
    )
    assert errors(answers) == []
    assert sum(answers) == 20

    at_once(*[partial(drain, 3)] * 2)
    while drain(50):
        pass
    assert sorted(read) == sorted(f"s{n}" for n in range(20))
    assert InboxMessage.objects.count() == 20


def test_a_timer_fires_once_whoever_is_looking() -> None:
    for number in range(30):
        Timer.objects.create(
            due_at=timezone.now(),
            event=OrderCompleted.name,
            payload={"order_id": number},
            key=f"t{number}",
            chain_id=new_chain().chain_id,
        )

    answers = at_once(*[timers.fire_due] * 4)

    assert errors(answers) == []
    assert sum(answers) == 30
    assert EventRow.objects.count() == 30


def test_a_command_is_in_one_hand_only() -> None:
    sent: list[int] = []

    def prepare(_target: str, commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
        return {c.pk: Attempt(sender(c.pk)) for c in commands}

    def sender(pk: int) -> Callable[[], dict[str, Any]]:
        def send() -> dict[str, Any]:
            time.sleep(0.002)
            sent.append(pk)
            return {}

        return send

    register_sender(Sender("tests.call", prepare))
    cause = new_chain()
    OutgoingCommand.objects.bulk_create(
        OutgoingCommand(
            kind="tests.call", target="r:1", subject=f"s:{n}", idempotency_key=f"k{n}", chain_id=cause.chain_id
        )
        for n in range(60)
    )

    answers = at_once(*[partial(outgoing.drain_target, "r:1", limit=10)] * 3)

    assert errors(answers) == []
    assert sorted(sent) == sorted(OutgoingCommand.objects.values_list("pk", flat=True))
    assert sum(answer.tried for answer in answers) == 60
    assert set(OutgoingCommand.objects.values_list("status", "tries")) == {("done", 1)}
