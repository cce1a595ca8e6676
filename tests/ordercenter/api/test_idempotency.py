"""The same request twice: one effect, the same answer. The promises of docs.stripe.com/api/idempotent_requests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from channels_sync.api import orders as door
from channels_sync.errors import TwoListsMet
from finance.models import PaymentEntry
from ordercenter.catalog.idempotency import TwinRunning, checked_key, forget_expired, run_once
from ordercenter.catalog.models import IdempotencyRecord
from ordercenter.catalog.tasks import forget_answers
from ordercenter.orders.models import Order
from tests.ordercenter.api.company import NOON, Caller, Company, new_order


def create(caller: Caller, *orders: Any, key: str | None = "k-1") -> Any:
    return caller.post("orders/bulk", {"orders": list(orders)}, key=key)


def test_a_request_without_a_key_is_refused_and_does_nothing(company: Company, caller: Caller) -> None:
    answer = create(caller, new_order(), key=None)

    assert (answer.status_code, answer.json()["code"]) == (400, "api.idempotency_key_missing")
    assert not Order.objects.exists()


@pytest.mark.parametrize("key", ["", " ", "a b", "密钥", "x" * 256])
def test_what_is_no_key_is_refused(company: Company, caller: Caller, key: str) -> None:
    answer = create(caller, new_order(), key=key)

    assert (answer.status_code, answer.json()["code"]) == (400, "api.idempotency_key_missing")


def test_a_key_has_up_to_255_visible_characters() -> None:
    assert checked_key("~" * 255) == "~" * 255


def test_the_same_request_again_gets_the_same_answer_and_has_no_effect(company: Company, caller: Caller) -> None:
    first = create(caller, new_order("A-1"), new_order("A-2", total_amount="1.00"))
    Order.objects.update(buyer_remark="meanwhile")

    again = create(caller, new_order("A-1"), new_order("A-2", total_amount="1.00"))

    assert (again.status_code, again.json()) == (200, first.json())
    assert [r["status"] for r in again.json()["results"]] == ["created", "refused"]
    assert ("Idempotency-Replayed" in first, again["Idempotency-Replayed"]) == (False, "true")
    assert Order.objects.count() == PaymentEntry.objects.count() == IdempotencyRecord.objects.count() == 1


def test_another_request_under_the_same_key_is_refused(company: Company, caller: Caller) -> None:
    create(caller, new_order("A-1"))

    answer = create(caller, new_order("A-2"))

    assert (answer.status_code, answer.json()["code"]) == (422, "api.idempotency_key_reused")
    assert answer["Content-Type"] == "application/problem+json"
    assert list(Order.objects.values_list("channel_order_no", flat=True)) == ["A-1"]


def test_keys_of_two_clients_never_meet(company: Company, caller: Caller) -> None:
    create(caller, new_order("A-1"))

    answer = create(company.caller(), new_order("A-2"))

    assert (answer.status_code, answer.json()["created"]) == (200, 1)


def test_a_request_that_was_not_fit_to_run_keeps_nothing(company: Company, caller: Caller) -> None:
    assert caller.post("orders/bulk", {"orders": []}, key="k-1").status_code == 400

    answer = create(caller, new_order())

    assert (answer.status_code, answer.json()["created"]) == (200, 1)


def test_a_fault_while_running_undoes_everything_and_is_answered_again(
    company: Company, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_and_fail(**arguments: Any) -> Any:
        taken(**arguments)
        raise RuntimeError("a fault of ours")

    taken = door.take_bulk
    monkeypatch.setattr(door, "take_bulk", take_and_fail)
    first = create(caller, new_order())
    monkeypatch.undo()

    again = create(caller, new_order())

    assert (first.status_code, first.json()["code"]) == (500, "api.internal")
    assert "a fault of ours" not in first.content.decode()
    assert (again.status_code, again.json(), again["Content-Type"]) == (500, first.json(), "application/problem+json")
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (TwoListsMet(rows=1), 409, "channels.two_lists_met"),
        (OperationalError("deadlock detected"), 503, "api.unavailable"),
    ],
)
def test_what_passes_by_itself_is_not_kept(
    company: Company, caller: Caller, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, code: str
) -> None:
    def meet(**arguments: Any) -> Any:
        raise error

    monkeypatch.setattr(door, "take_bulk", meet)
    first = create(caller, new_order())
    monkeypatch.undo()

    again = create(caller, new_order())

    assert (first.status_code, first.json()["code"]) == (status, code)
    assert (again.status_code, again.json()["created"]) == (200, 1)


def test_answers_are_kept_for_two_days_and_then_forgotten(company: Company, caller: Caller) -> None:
    create(caller, new_order("A-1"))
    kept = IdempotencyRecord.objects.get()
    assert kept.expires_at - kept.created_at == timedelta(hours=48)

    assert forget_expired(at=kept.expires_at - timedelta(seconds=1)) == 0
    assert forget_expired(at=kept.expires_at) == 1


def test_what_need_not_be_kept_goes_by_itself(company: Company, caller: Caller) -> None:
    create(caller, new_order("A-1"), key="old")
    create(caller, new_order("A-2"), key="new")
    IdempotencyRecord.objects.filter(key="old").update(expires_at=timezone.now())

    forget_answers()

    assert [record.key for record in IdempotencyRecord.objects.all()] == ["new"]


def test_an_expired_key_may_be_used_for_another_request(company: Company, caller: Caller) -> None:
    create(caller, new_order("A-1"))
    IdempotencyRecord.objects.update(expires_at=timezone.now())

    assert create(caller, new_order("A-2")).json()["created"] == 1
    assert IdempotencyRecord.objects.count() == 1


def test_the_answer_is_kept_in_the_transaction_of_the_effect(company: Company, caller: Caller) -> None:
    with transaction.atomic():
        run_once(client="key:1", key="k", fingerprint="f", at=NOON, perform=lambda: (200, {}))
        transaction.set_rollback(True)

    assert not IdempotencyRecord.objects.exists()


@contextmanager
def elsewhere(work: Any) -> Iterator[threading.Thread]:
    """Runs `work` in a thread with a database connection of its own while the block runs."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(20)


@pytest.mark.django_db(transaction=True)
def test_a_twin_is_told_to_come_back_while_the_first_is_running() -> None:
    started, may_end = threading.Event(), threading.Event()

    def slowly() -> tuple[int, Any]:
        started.set()
        assert may_end.wait(20)
        return 200, {"n": 1}

    def ask(perform: Any) -> Any:
        return run_once(client="key:1", key="k", fingerprint="f", at=timezone.now(), perform=perform)

    with elsewhere(lambda: ask(slowly)):
        assert started.wait(20)
        with pytest.raises(TwinRunning) as refused:
            ask(lambda: (200, {"n": 2}))
        may_end.set()

    assert (refused.value.code, refused.value.status) == ("api.twin_running", 409)
    answer = ask(lambda: (200, {"n": 3}))
    assert (answer.body, answer.is_replay) == ({"n": 1}, True)


@pytest.mark.django_db(transaction=True)
def test_two_lists_with_the_same_orders_at_one_instant_create_each_once() -> None:
    company = Company()
    callers = [company.caller(name=f"till {n}") for n in range(4)]
    rows = [new_order(f"A-{n}") for n in range(20)]
    barrier, answers = threading.Barrier(4), []

    def send(caller: Caller, turn: int) -> None:
        barrier.wait(20)
        answers.append(create(caller, *(rows if turn % 2 else rows[::-1]), key=f"k-{turn}"))

    with (
        elsewhere(lambda: send(callers[0], 0)),
        elsewhere(lambda: send(callers[1], 1)),
        elsewhere(lambda: send(callers[2], 2)),
        elsewhere(lambda: send(callers[3], 3)),
    ):
        pass

    assert [a.status_code for a in answers] == [200, 200, 200, 200]
    assert sum(a.json()["created"] for a in answers) == 20
    assert sum(a.json()["exists"] for a in answers) == 60
    assert Order.objects.count() == PaymentEntry.objects.count() == 20


@pytest.mark.django_db(transaction=True)
def test_one_request_sent_five_times_at_once_has_one_effect() -> None:
    company = Company()
    caller = company.caller()
    barrier, answers = threading.Barrier(5), []

    def send() -> None:
        barrier.wait(20)
        answers.append(create(Caller(caller.headers["Authorization"].removeprefix("Bearer ")), new_order()))

    with elsewhere(send), elsewhere(send), elsewhere(send), elsewhere(send), elsewhere(send):
        pass

    codes = sorted(a.status_code for a in answers)
    assert set(codes) <= {200, 409}
    assert codes[0] == 200
    assert {a.json()["code"] for a in answers if a.status_code == 409} <= {"api.twin_running"}
    assert Order.objects.count() == PaymentEntry.objects.count() == IdempotencyRecord.objects.count() == 1
