"""Starting again what was set aside: parked deliveries and messages, commands that were given up."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db import connection, models, transaction
from django.utils import timezone

from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.batch import BatchResult
from ordercenter.events import log
from ordercenter.events.errors import NotParked
from ordercenter.events.log import Cause
from ordercenter.events.models import Delivery, InboxMessage, OutgoingCommand, OutgoingStatus, WorkStatus
from ordercenter.events.types import CommandSentAgain

_SEND_AGAIN = """
UPDATE events_outgoing AS o
SET flow_run_id = v.run_id,
    status = CASE WHEN o.status IN ('dead', 'refused') THEN 'waiting' ELSE o.status END,
    tries = CASE WHEN o.status IN ('dead', 'refused') THEN 0 ELSE o.tries END,
    due_at = CASE WHEN o.status IN ('dead', 'refused') THEN now() ELSE o.due_at END,
    answered_at = CASE WHEN o.status IN ('dead', 'refused') THEN NULL ELSE o.answered_at END
FROM unnest(%s::text[], %s::bigint[]) AS v(key, run_id)
WHERE o.idempotency_key = v.key AND o.status NOT IN ('done', 'cancelled')
RETURNING o.idempotency_key
"""


def retry_deliveries(*, ids: Collection[int]) -> BatchResult:
    """Parked deliveries wait for their handler again. done: their ids; refused: NotParked."""
    return _again(Delivery, ids, {"status": WorkStatus.PARKED}, _fresh(WorkStatus.WAITING))


def retry_messages(*, ids: Collection[int]) -> BatchResult:
    """Parked messages wait for their reader again. done: their ids; refused: NotParked."""
    return _again(InboxMessage, ids, {"status": WorkStatus.PARKED}, _fresh(WorkStatus.WAITING))


def replay_messages(*, ids: Collection[int]) -> BatchResult:
    """Messages that were read or set aside are read once more, as received: readers take a repeat for the same effect.

    done: their ids; refused with NotParked: those that wait anyway.
    """
    finished = [WorkStatus.DONE, WorkStatus.PARKED, WorkStatus.IGNORED]
    return _again(InboxMessage, ids, {"status__in": finished}, _fresh(WorkStatus.WAITING))


@transaction.atomic
def retry_commands(*, ids: Collection[int], actor: Actor = SYSTEM) -> BatchResult:
    """Commands that were refused or given up are sent again under the same key. done: their ids; refused: NotParked.

    Emits CommandSentAgain, so that whoever waited for a person because of them goes on.
    """
    ended = [OutgoingStatus.DEAD, OutgoingStatus.REFUSED]
    changes = {"status": OutgoingStatus.WAITING, "due_at": timezone.now(), "tries": 0, "answered_at": None}
    result = _again(OutgoingCommand, ids, {"status__in": ended}, changes)
    commands = list(OutgoingCommand.objects.filter(pk__in=result.done).order_by("pk").defer("payload", "answer"))
    log.record(
        [CommandSentAgain(command_id=c.pk, kind=c.kind, about=c.subject) for c in commands],
        causes=[Cause(chain_id=c.chain_id, event_id=c.cause_id, depth=c.depth) for c in commands],
        actor=actor,
    )
    return result


def send_again(runs: Mapping[str, int | None]) -> set[str]:
    """Commands, by idempotency key, that were refused or given up go out once more; the named flow run gets the answer.

    One that still waits or is being sent stays as it is, but for its run; one that was done is left alone. Answers the
    keys of those that are on their way now. To be called in the transaction that decided it. One statement.
    """
    if not runs:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_SEND_AGAIN, [list(runs), list(runs.values())])
        on_their_way = {key for (key,) in cursor.fetchall()}
    log.wake()
    return on_their_way


def pause_is_over(target: str) -> None:
    """A receiver that had to be left alone answers again: what waits for it is due now. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_outgoing SET due_at = now() WHERE target = %s AND status = 'waiting' AND due_at > now()",
            [target],
        )
    log.wake()


def _fresh(status: str) -> dict[str, Any]:
    return {"status": status, "due_at": timezone.now(), "tries": 0, "error": "", "done_at": None}


@transaction.atomic
def _again(
    model: type[models.Model], ids: Collection[int], among: dict[str, Any], changes: dict[str, Any]
) -> BatchResult:
    result = BatchResult()
    rows = model._default_manager.filter(pk__in=ids, **among).order_by("pk").select_for_update()
    result.done = list(rows.values_list("pk", flat=True))
    model._default_manager.filter(pk__in=result.done).update(**changes)
    for missing in sorted(set(ids) - set(result.done)):
        result.refuse(missing, NotParked(ids=[missing]))
    if result.done:
        log.wake()
    return result
