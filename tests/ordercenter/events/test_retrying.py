"""What was set aside can be started again by a person, and nothing else can."""

from __future__ import annotations

import pytest
from django.urls import reverse

from ordercenter.events.models import Delivery, InboxMessage, OutgoingCommand
from ordercenter.events.retrying import replay_messages, retry_commands, retry_deliveries, retry_messages
from tests.ordercenter.console.people import client_of, make_post_office_rows, person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rows() -> None:
    make_post_office_rows("order:1")


def test_a_parked_delivery_waits_again_as_if_new() -> None:
    delivery = Delivery.objects.get()

    result = retry_deliveries(ids=[delivery.pk])

    assert (result.done, result.refused) == ([delivery.pk], [])
    again = Delivery.objects.get()
    assert (again.status, again.tries, again.error) == ("waiting", 0, "")


def test_what_is_not_parked_is_refused_and_stays_as_it_is() -> None:
    Delivery.objects.update(status="done", tries=3)
    delivery = Delivery.objects.get()

    result = retry_deliveries(ids=[delivery.pk, 999_999])

    assert result.done == []
    assert [(refusal.key, refusal.code) for refusal in result.refused] == [
        (delivery.pk, "events.not_parked"),
        (999_999, "events.not_parked"),
    ]
    assert (Delivery.objects.get().status, Delivery.objects.get().tries) == ("done", 3)


def test_a_parked_message_waits_again_and_keeps_its_body() -> None:
    message = InboxMessage.objects.get()

    assert retry_messages(ids=[message.pk]).done == [message.pk]

    again = InboxMessage.objects.get()
    assert (again.status, bytes(again.body)) == ("waiting", bytes(message.body))


def test_a_done_message_can_be_replayed_but_not_retried() -> None:
    InboxMessage.objects.update(status="done")
    message = InboxMessage.objects.get()

    assert retry_messages(ids=[message.pk]).done == []
    assert replay_messages(ids=[message.pk]).done == [message.pk]
    assert InboxMessage.objects.get().status == "waiting"


def test_a_command_that_was_given_up_is_sent_again_under_the_same_key() -> None:
    command = OutgoingCommand.objects.get()

    assert retry_commands(ids=[command.pk]).done == [command.pk]

    again = OutgoingCommand.objects.get()
    assert (again.status, again.tries, again.idempotency_key) == ("waiting", 0, command.idempotency_key)
    assert retry_commands(ids=[command.pk]).done == []


@pytest.mark.parametrize(
    ("page", "action", "model"),
    [
        ("events_delivery", "retry_parked", Delivery),
        ("events_inboxmessage", "retry_parked", InboxMessage),
        ("events_outgoingcommand", "retry_ended", OutgoingCommand),
    ],
)
def test_integrators_start_them_again_from_the_admin_and_auditors_do_not(page: str, action: str, model: type) -> None:
    row = model.objects.get()  # type: ignore[attr-defined]
    data = {"action": action, "_selected_action": [row.pk]}

    client_of(person(role="auditor")).post(reverse(f"admin:{page}_changelist"), data)
    untouched = model.objects.get().status  # type: ignore[attr-defined]
    client_of(person(role="integrator")).post(reverse(f"admin:{page}_changelist"), data)

    assert untouched == row.status
    assert model.objects.get().status == "waiting"  # type: ignore[attr-defined]
