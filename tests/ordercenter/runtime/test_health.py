"""The two health addresses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, ProgrammingError, connection, transaction
from django.utils import timezone

from ordercenter.events import health, log
from ordercenter.events.inbox import Incoming, receive
from ordercenter.events.models import Delivery, InboxMessage, OutgoingCommand, ProcessBeat, Timer
from ordercenter.events.tasks import sweep
from ordercenter.events.types import DuplicateSeen

ALIVE = {"relay:host:1": 1, "relay:host:2": 400, "listener": 5, "worker": 8}


@pytest.fixture
def everybody_is_there(db: None) -> None:
    now = timezone.now()
    for name, age_s in ALIVE.items():
        ProcessBeat.objects.create(name=name, at=now - timedelta(seconds=age_s))


def test_livez_answers_without_asking_the_database(client: Any) -> None:
    answer = client.get("/livez")

    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.usefixtures("everybody_is_there")
def test_readyz_is_fine_when_everybody_is_there_and_nothing_waits(client: Any) -> None:
    answer = client.get("/readyz")

    found = answer.json()
    assert (answer.status_code, found["ready"], found["status"], found["late"]) == (200, True, "ok", [])
    assert found["oldest_waiting_s"] == {"deliveries": 0.0, "inbox": 0.0, "commands": 0.0, "timers": 0.0}
    signs = found["last_sign_s"]
    assert signs["relay"] < 5, "the youngest of the relays counts"
    assert (signs["listener"] < 10, signs["worker"] < 15) == (True, True)
    assert found["broker"] == {"status": "ok", "last_ring_age_s": signs["worker"]}
    assert found["database"]["status"] == "ok"
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.usefixtures("everybody_is_there")
def test_readyz_says_how_long_each_queue_waits_and_leaves_out_what_is_not_due(client: Any) -> None:
    with transaction.atomic():
        log.record([DuplicateSeen(order_id=1, other_order="2"), DuplicateSeen(order_id=2, other_order="1")])
    ago = timezone.now() - timedelta(seconds=90)
    first = Delivery.objects.earliest("event_id")
    Delivery.objects.exclude(pk=first.pk).update(due_at=timezone.now() + timedelta(hours=1))
    Delivery.objects.filter(pk=first.pk).update(due_at=ago)
    receive([Incoming(source="s", kind="tests.health", message_id="1", subject="s", body=b"x")])
    InboxMessage.objects.update(due_at=timezone.now() + timedelta(hours=1))
    chain = "00000000-0000-0000-0000-000000000001"
    OutgoingCommand.objects.create(kind="k", target="t", subject="s", idempotency_key="1", due_at=ago, chain_id=chain)
    Timer.objects.create(due_at=ago, event="e", key="1", chain_id=chain)
    Timer.objects.create(due_at=ago, event="e", key="2", chain_id=chain, fired_at=ago)

    found = client.get("/readyz").json()

    ages = found["oldest_waiting_s"]
    assert [queue for queue, age in ages.items() if 90 <= age < 900] == ["deliveries", "commands", "timers"]
    assert ages["inbox"] == 0.0
    assert (found["status"], found["late"]) == ("degraded", ["deliveries", "commands", "timers"])


@pytest.mark.parametrize(
    ("gone", "late", "broker"),
    [("relay", ["relay"], "ok"), ("listener", ["listener"], "ok"), ("worker", ["worker"], "silent")],
)
@pytest.mark.usefixtures("everybody_is_there")
def test_a_part_that_is_away_makes_it_degraded_and_not_unready(
    client: Any, gone: str, late: list[str], broker: str
) -> None:
    ProcessBeat.objects.filter(name__startswith=gone).update(at=timezone.now() - timedelta(seconds=61))

    answer = client.get("/readyz")

    found = answer.json()
    assert (answer.status_code, found["ready"], found["status"], found["late"]) == (200, True, "degraded", late)
    assert found["broker"]["status"] == broker


@pytest.mark.django_db
def test_a_ring_that_goes_through_the_broker_is_a_sign_of_life(client: Any) -> None:
    before = client.get("/readyz").json()["last_sign_s"]["worker"]

    sweep()

    assert before is None
    assert client.get("/readyz").json()["last_sign_s"]["worker"] < 5


@pytest.mark.parametrize(
    ("error", "says"), [(OperationalError, "does not answer"), (ProgrammingError, "has no tables yet: run migrate")]
)
@pytest.mark.django_db
def test_without_a_database_it_is_not_ready(
    client: Any, monkeypatch: pytest.MonkeyPatch, error: type[Exception], says: str
) -> None:
    def fail() -> None:
        raise error("down")

    monkeypatch.setattr(health, "look", fail)

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()) == (
        503,
        {"ready": False, "status": "down", "database": {"status": says}},
    )


@pytest.mark.django_db
def test_looking_takes_a_few_short_statements(django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(5):
        health.look()
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone()[0] in ("0", "2s"), "set for the look's own transaction only"
