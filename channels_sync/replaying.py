"""Raw messages that are read once more: chosen ones, all that were set aside, or those of a span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils import timezone

from channels_sync.keeping import source_of
from channels_sync.models import ChannelAccount, MessageReplay
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.errors import ReasonMissing
from ordercenter.common.actor import Actor
from ordercenter.events.models import InboxMessage
from ordercenter.events.retrying import replay_messages

PARKED_CASE = "MESSAGE_PARKED"
_PROGRESS = """
SELECT r.id, count(i.id) FILTER (WHERE i.status = 'waiting'), count(i.id) FILTER (WHERE i.status = 'parked')
FROM channels_sync_messagereplay r CROSS JOIN LATERAL unnest(r.message_ids) AS m(id)
JOIN events_inbox i ON i.id = m.id WHERE r.id = ANY(%s) GROUP BY r.id
"""


@dataclass(frozen=True)
class ReplayProgress:
    """One replay and how far it is. parked: set aside again; the other ones were read."""

    replay: MessageReplay
    waiting: int
    parked: int

    @property
    def total(self) -> int:
        return len(self.replay.message_ids)

    @property
    def read(self) -> int:
        return self.total - self.waiting - self.parked

    @property
    def is_over(self) -> bool:
        return not self.waiting


def replay(
    *, account: ChannelAccount, ids: Sequence[int], reason: str, actor: Actor, at: datetime | None = None
) -> MessageReplay:
    """Let these messages of the account be read once more by relays and listener, as they were received.

    What they say that is known already changes nothing. Their cases close: one that cannot be read is set aside again
    with a new case. Messages of other accounts, and those that wait anyway, are left alone. Raises ReasonMissing.
    Writes the deed "channel.replay".
    """
    if not reason.strip():
        raise ReasonMissing
    now = at or timezone.now()
    with unit_of_work(at=now, actor=actor, reason=reason) as work:
        mine = InboxMessage.objects.filter(source=source_of(account), pk__in=ids).values_list("pk", flat=True)
        done = replay_messages(ids=list(mine)).done
        made = MessageReplay.objects.create(
            account=account, message_ids=done, reason=reason[:200], created_at=now, asked_by_id=actor.user_id
        )
        subjects = [f"message:{pk}" for pk in done]
        cases.close_cases_of(subjects=subjects, codes=[PARKED_CASE], resolution="read once more", work=work)
        details = {"messages": len(done)}
        record_deed(work, action="channel.replay", subject=f"account:{account.pk}", reason=reason, details=details)
    return made


def replays_of(account: ChannelAccount, *, most: int = 10) -> list[ReplayProgress]:
    """The newest replays of an account, newest first. Two statements."""
    rows = list(
        MessageReplay.objects.filter(account=account).select_related("asked_by").order_by("-created_at", "-pk")[:most]
    )
    with connection.cursor() as cursor:
        cursor.execute(_PROGRESS, [[row.pk for row in rows]])
        counts = {pk: (waiting, parked) for pk, waiting, parked in cursor.fetchall()}
    return [ReplayProgress(row, *counts.get(row.pk, (0, 0))) for row in rows]
