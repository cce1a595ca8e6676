"""Bells that wake who listens: once for a transaction, after it, and never in it."""

from __future__ import annotations

import pytest
from django.db import transaction

from ordercenter.common.sessions import connect_beside
from ordercenter.events.inbox import Incoming, receive
from ordercenter.events.log import CHANNEL, FROM_OUTSIDE, wake

pytestmark = pytest.mark.django_db(transaction=True)


def message(number: int) -> Incoming:
    return Incoming(source="account:1", kind="toy.order", message_id=str(number), subject=f"toy:{number}", body=b"{}")


def test_a_transaction_rings_once_for_each_word_and_only_when_it_is_kept() -> None:
    with connect_beside() as listener:
        listener.execute(f"LISTEN {CHANNEL}")

        with transaction.atomic():
            wake()
            receive([message(1)])
            wake()
            receive([message(2)])
            before = [note.payload for note in listener.notifies(timeout=0.2)]
        after = [note.payload for note in listener.notifies(timeout=0.5)]

    assert before == []
    assert after == ["", FROM_OUTSIDE]


def test_what_is_undone_does_not_ring_and_a_repeat_neither() -> None:
    receive([message(1)])
    with connect_beside() as listener:
        listener.execute(f"LISTEN {CHANNEL}")

        with transaction.atomic():
            receive([message(2)])
            transaction.set_rollback(True)
        again = receive([message(1)])

        assert again == 0
        assert list(listener.notifies(timeout=0.3)) == []


def test_a_bell_asked_for_in_a_part_that_was_undone_rings_for_the_part_that_was_not() -> None:
    with connect_beside() as listener:
        listener.execute(f"LISTEN {CHANNEL}")

        with transaction.atomic():
            try:
                with transaction.atomic():
                    wake()
                    raise LookupError
            except LookupError:
                wake()
        heard = [note.payload for note in listener.notifies(timeout=0.5)]

    assert heard == [""]
