"""Messages that are in hand while the database goes away."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from channels_sync import services
from channels_sync.adapters.base import Notices, UnreadableNotice
from channels_sync.errors import MessageUnreadable
from channels_sync.models import ChannelAccount
from ordercenter.common.sessions import connect_beside
from ordercenter.events.models import InboxMessage
from tests.flows.world import World

pytestmark = pytest.mark.django_db(transaction=True)


class Platform:
    """Hands over one message, and meanwhile our connection to the database is lost."""

    def __init__(self) -> None:
        self.confirmed: list[str] = []

    def consume_messages(self, *, quantity: int = 100) -> Notices:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
        with connect_beside() as db:
            db.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        error = MessageUnreadable(path="$", problem="missing")
        return Notices((), (UnreadableNotice("m1", error, {"id": "m1"}),))

    def confirm_messages(self, message_ids: Any) -> None:
        self.confirmed.extend(message_ids)


def test_a_message_in_hand_is_kept_and_confirmed_when_the_database_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    World()
    account = ChannelAccount.objects.get()
    platform = Platform()
    monkeypatch.setattr(services, "adapter_of", lambda _account: platform)

    taken = services.take_messages(account=account)

    assert (taken.seen, platform.confirmed) == (1, ["m1"])
    assert InboxMessage.objects.filter(source=f"account:{account.pk}").count() == 1
