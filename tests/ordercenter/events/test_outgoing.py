"""Calls to the outside: one key at every try, never in two hands, asked first when nobody knows, given up at last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import IntegrityError, transaction
from django.utils import timezone

from ordercenter.audit.work import unit_of_work
from ordercenter.cases.models import Case
from ordercenter.common.errors import OrderCenterError
from ordercenter.events import outgoing, registry
from ordercenter.events.models import EventRow, OutgoingCommand
from ordercenter.events.registry import Attempt, Sender, register_sender
from ordercenter.events.relay import Relay
from ordercenter.events.retrying import retry_commands

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("office")]
KIND, TARGET = "tests.call", "receiver:1"


class Unreachable(OrderCenterError):
    """Nobody knows whether the call took effect."""

    code = "tests.unreachable"
    retryable = True


class Refused(OrderCenterError):
    """The receiver said no, for good."""

    code = "tests.refused"


class Throttled(OrderCenterError):
    """The receiver asks to wait."""

    code = "tests.throttled"
    retryable = True

    def __init__(self, wait_s: float):
        super().__init__("wait")
        self.wait_s = wait_s


@dataclass
class Receiver:
    """What the outside would do: answers by number of the call, and what it was sent."""

    answers: list[Any] = field(default_factory=list)
    known: dict[str, Mapping[str, Any] | None] | None = None
    sent: list[tuple[str, int]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def prepare(self, _target: str, commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
        return {c.pk: Attempt(self._send(c), self._query(c)) for c in commands if not c.payload.get("obsolete")}

    def _send(self, command: OutgoingCommand) -> Callable[[], Mapping[str, Any]]:
        def send() -> Mapping[str, Any]:
            self.sent.append((command.idempotency_key, command.payload.get("n", 0)))
            answer = self.answers.pop(0) if self.answers else {"ok": True}
            if isinstance(answer, Exception):
                raise answer
            return dict(answer)

        return send

    def _query(self, command: OutgoingCommand) -> Callable[[], Mapping[str, Any] | None] | None:
        if self.known is None:
            return None
        known = self.known

        def query() -> Mapping[str, Any] | None:
            self.asked.append(command.idempotency_key)
            return known.get(command.idempotency_key)

        return query


@pytest.fixture
def receiver() -> Receiver:
    receiver = Receiver()
    register_sender(Sender(KIND, receiver.prepare, max_tries=3))
    return receiver


def order_call(number: int = 1, *, subject: str | None = None, target: str = TARGET, **payload: Any) -> None:
    with unit_of_work() as work:
        work.command(
            kind=KIND,
            target=target,
            subject=subject or f"shipment:{number}",
            key=f"key-{number}",
            payload={"n": number, **payload},
        )


def drain(*, later: timedelta = timedelta(0)) -> outgoing.Drain:
    """Send what is due; `later`: as if so much time had passed."""
    if later:
        OutgoingCommand.objects.filter(status="waiting").update(due_at=timezone.now() - timedelta(seconds=1))
    return outgoing.drain_target(TARGET)


def now_is(number: int = 1) -> tuple[str, int, str]:
    return OutgoingCommand.objects.values_list("status", "tries", "error_code").get(idempotency_key=f"key-{number}")


def answered() -> list[tuple[str, str]]:
    rows = EventRow.objects.filter(name="events.command.answered").order_by("id").values_list("subject", "payload")
    return [(subject, payload["outcome"]) for subject, payload in rows]


def test_a_command_is_sent_and_its_answer_kept_and_told(receiver: Receiver) -> None:
    receiver.answers = [{"number": "W-1"}]
    order_call(about="订单")

    assert drain() == outgoing.Drain(tried=1)

    command = OutgoingCommand.objects.get()
    assert (command.status, command.answer, command.lease_until) == ("done", {"number": "W-1"}, None)
    assert receiver.sent == [("key-1", 1)]
    assert answered() == [("shipment:1", "done")]
    told = EventRow.objects.get(name="events.command.answered")
    assert (told.chain_id, told.depth) == (command.chain_id, command.depth + 1)
    assert drain() == outgoing.Drain(tried=0)


def test_the_key_is_the_same_at_every_try_and_the_pauses_double(receiver: Receiver, settings: LazySettings) -> None:
    settings.OUTGOING_FIRST_PAUSE_S = 100
    receiver.answers = [Unreachable(), Unreachable()]
    order_call()
    pauses = []

    for _ in range(2):
        assert drain(later=timedelta(days=1)).in_trouble
        pauses.append((OutgoingCommand.objects.get().due_at - timezone.now()).total_seconds())
    assert now_is() == ("waiting", 2, "tests.unreachable")
    assert drain() == outgoing.Drain(tried=0), "not before the pause is over"

    drain(later=timedelta(days=1))
    assert now_is() == ("done", 3, "")
    assert receiver.sent == [("key-1", 1)] * 3
    assert pauses == [pytest.approx(100, rel=0.15), pytest.approx(200, rel=0.15)]


def test_after_the_last_try_it_is_given_up_with_a_case_and_can_be_started_again(receiver: Receiver) -> None:
    receiver.answers = [Unreachable("no answer")] * 3
    order_call()

    for _ in range(4):
        drain(later=timedelta(days=1))
    assert now_is() == ("dead", 3, "tests.unreachable")
    assert answered() == [("shipment:1", "dead")]
    Relay().drain()
    assert list(Case.objects.values_list("code", "reference")) == [("COMMAND_FAILED", "shipment:1")]

    assert retry_commands(ids=[OutgoingCommand.objects.get().pk]).refused == []
    drain()
    assert now_is() == ("done", 1, "")
    assert len(receiver.sent) == 4


def test_a_no_is_final_at_once(receiver: Receiver) -> None:
    receiver.answers = [Refused("closed")]
    order_call()

    assert drain() == outgoing.Drain(tried=1)

    assert now_is() == ("refused", 1, "tests.refused")
    assert OutgoingCommand.objects.get().error == "Refused: closed"
    assert answered() == [("shipment:1", "refused")]


def test_an_unexpected_error_is_tried_again_like_an_unknown_outcome(receiver: Receiver) -> None:
    receiver.answers = [ZeroDivisionError("ours"), {"ok": True}]
    order_call()

    drain()
    assert now_is() == ("waiting", 1, "common.unexpected")
    drain(later=timedelta(days=1))
    assert now_is() == ("done", 2, "")


def test_what_is_not_needed_any_more_is_not_sent(receiver: Receiver) -> None:
    order_call(obsolete=True)

    drain()

    assert receiver.sent == []
    assert now_is() == ("refused", 1, "events.command_obsolete")


def test_the_receiver_says_how_long_to_wait(receiver: Receiver) -> None:
    receiver.answers = [Throttled(77)]
    order_call()

    drain()

    wait = (OutgoingCommand.objects.get().due_at - timezone.now()).total_seconds()
    assert wait == pytest.approx(77, abs=10)


class TestWhenNobodyKnows:
    def in_dead_hands(self, *, ran_out: bool) -> datetime:
        lease = timezone.now() + timedelta(seconds=-1 if ran_out else 60)
        OutgoingCommand.objects.update(status="sending", tries=1, lease_until=lease)
        return lease

    def test_a_command_in_other_hands_is_left_alone_until_the_lease_runs_out(self, receiver: Receiver) -> None:
        order_call()
        self.in_dead_hands(ran_out=False)
        assert drain().tried == 0
        assert outgoing.waiting_targets(at=timezone.now()) == []

        self.in_dead_hands(ran_out=True)
        assert outgoing.waiting_targets(at=timezone.now()) == [TARGET]
        assert drain().tried == 1
        assert now_is() == ("done", 2, "")

    @pytest.mark.parametrize("known", [{"number": "W-7"}, None], ids=["it took effect", "it did not"])
    def test_after_a_death_the_receiver_is_asked_before_anything_is_repeated(
        self, receiver: Receiver, known: dict[str, Any] | None
    ) -> None:
        receiver.known = {"key-1": known}
        order_call()
        self.in_dead_hands(ran_out=True)

        drain()

        assert receiver.asked == ["key-1"]
        assert receiver.sent == ([] if known else [("key-1", 1)])
        assert OutgoingCommand.objects.get().answer == (known or {"ok": True})

    def test_after_no_answer_the_receiver_is_asked_too_and_at_the_first_try_it_is_not(self, receiver: Receiver) -> None:
        receiver.known, receiver.answers = {"key-1": {"number": "W-7"}}, [Unreachable()]
        order_call()

        drain()
        assert receiver.asked == []
        drain(later=timedelta(days=1))

        assert (receiver.asked, len(receiver.sent)) == (["key-1"], 1)
        assert now_is()[0] == "done"

    def test_a_late_writer_whose_lease_went_to_another_changes_nothing(
        self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        order_call()

        def another_takes_over(*args: Any) -> Any:
            OutgoingCommand.objects.update(lease_until=timezone.now() + timedelta(hours=1))
            return original(*args)

        original = outgoing._try
        monkeypatch.setattr(outgoing, "_try", another_takes_over)
        monkeypatch.setattr(outgoing, "ThreadPoolExecutor", InThisThread)

        drain()

        assert now_is() == ("sending", 1, "")
        assert answered() == []


class InThisThread:
    """A pool that works at once, so that a test's transaction sees it."""

    def __init__(self, _size: int):
        """The size does not matter."""

    def __enter__(self) -> InThisThread:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, work: Callable[..., Any], *args: Any) -> Any:
        future: Future[Any] = Future()
        future.set_result(work(*args))
        return future


class TestTogether:
    def test_what_one_subject_is_told_is_told_in_order_and_others_do_not_wait(self, receiver: Receiver) -> None:
        receiver.answers = [Unreachable()]
        order_call(1, subject="shipment:1")
        order_call(2, subject="shipment:1")
        drain()
        order_call(3, subject="shipment:2")

        drain()
        assert [key for key, _n in receiver.sent] == ["key-1", "key-3"]

        drain(later=timedelta(days=1))
        drain(later=timedelta(days=1))
        assert [key for key, _n in receiver.sent] == ["key-1", "key-3", "key-1", "key-2"]

    def test_a_receiver_gets_only_its_own(self, receiver: Receiver) -> None:
        order_call(1)
        order_call(2, target="receiver:2")

        drain()

        assert receiver.sent == [("key-1", 1)]
        assert outgoing.waiting_targets(at=timezone.now()) == ["receiver:2"]

    def test_one_that_cannot_be_prepared_keeps_no_other_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        good = Receiver()

        def prepare(target: str, commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
            if any(c.payload["n"] == 3 for c in commands):
                raise KeyError("shipment")
            return good.prepare(target, commands)

        register_sender(Sender(KIND, prepare, max_tries=2))
        for number in range(1, 6):
            order_call(number)

        drain()

        assert sorted(n for _key, n in good.sent) == [1, 2, 4, 5]
        assert now_is(3) == ("waiting", 1, "common.unexpected")
        drain(later=timedelta(days=1))
        assert now_is(3)[:2] == ("dead", 2)

    def test_a_receiver_that_is_not_ready_is_said_once_for_all(self, receiver: Receiver) -> None:
        def prepare(_target: str, _commands: Sequence[OutgoingCommand]) -> dict[int, Attempt]:
            raise Refused("no account")

        registry._senders[KIND] = Sender(KIND, prepare)
        for number in range(1, 4):
            order_call(number)

        drain()

        assert {now_is(n)[2] for n in (1, 2, 3)} == {"tests.refused"}

    def test_the_same_key_is_written_once(self, receiver: Receiver) -> None:
        order_call(1)

        with pytest.raises(IntegrityError, match="command_once"), transaction.atomic():
            order_call(1)
