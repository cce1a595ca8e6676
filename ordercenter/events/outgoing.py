"""Sending outgoing commands: claim, call outside of any transaction, write down what came of it.

The same command is never in two hands at once (a lease), keeps its idempotency key at every try, and when nobody knows
whether an earlier try took effect the receiver is asked first wherever it can be asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import uniform

import structlog
from django.db import connection, transaction
from django.utils import timezone

from ordercenter.common.errors import OrderCenterError
from ordercenter.events import log, registry
from ordercenter.events.errors import CommandObsolete
from ordercenter.events.log import Cause
from ordercenter.events.models import OutgoingCommand, OutgoingStatus
from ordercenter.events.registry import Attempt
from ordercenter.events.types import CommandAnswered

logger = structlog.get_logger(__name__)

LEASE_S = 90
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 600.0
THREADS = 8


@dataclass(frozen=True)
class Outcome:
    """What came of one try: an answer, or an error."""

    command: OutgoingCommand
    answer: Mapping[str, object] | None = None
    error: BaseException | None = None


# A command whose lease ran out was in the hands of a process that died: nobody knows how far it came.
_CLAIM = """
UPDATE events_outgoing SET status = 'sending', lease_until = %(lease)s, tries = tries + 1,
       error_code = CASE WHEN status = 'sending' THEN 'events.outcome_unknown' ELSE error_code END
WHERE id IN (
    SELECT id FROM events_outgoing
    WHERE target = %(target)s AND kind = ANY(%(kinds)s)
      AND ((status = 'waiting' AND due_at <= %(now)s) OR (status = 'sending' AND lease_until < %(now)s))
    ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING id
"""


def waiting_targets(*, at: datetime) -> list[str]:
    """The receivers that have commands due."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT target FROM events_outgoing WHERE (status = 'waiting' AND due_at <= %s)"
            " OR (status = 'sending' AND lease_until < %s)",
            [at, at],
        )
        return [row[0] for row in cursor.fetchall()]


def drain_target(target: str, *, limit: int = 64, rounds: int = 50) -> int:
    """Send what is due for one receiver; returns how many commands were tried. Safe to run several times at once."""
    tried = 0
    for _ in range(rounds):
        commands = _claim(target, limit)
        if not commands:
            break
        ready = _prepare(target, commands)
        if len(commands) == 1:
            outcomes = [_try(commands[0], ready[0])]
        else:
            with ThreadPoolExecutor(min(THREADS, len(commands))) as pool:
                outcomes = list(pool.map(_try, commands, ready))
        _write_down(outcomes)
        tried += len(commands)
    return tried


def _claim(target: str, limit: int) -> list[OutgoingCommand]:
    now = timezone.now()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            {
                "target": target,
                "kinds": list(registry.senders()),
                "now": now,
                "limit": limit,
                "lease": now + timedelta(seconds=LEASE_S),
            },
        )
        ids = [row[0] for row in cursor.fetchall()]
    return list(OutgoingCommand.objects.filter(pk__in=ids).order_by("pk"))


def _prepare(target: str, commands: Sequence[OutgoingCommand]) -> list[Attempt | OrderCenterError]:
    """What each command needs to be sent, or the refusal that it gets instead."""
    ready: dict[int, Attempt | OrderCenterError] = {}
    for kind in {command.kind for command in commands}:
        same = [command for command in commands if command.kind == kind]
        try:
            attempts = registry.senders()[kind].prepare(target, same)
        except OrderCenterError as error:
            ready.update((command.pk, error) for command in same)
        else:
            ready.update((c.pk, attempts.get(c.pk) or CommandObsolete(command_id=c.pk)) for c in same)
    return [ready[command.pk] for command in commands]


def _try(command: OutgoingCommand, attempt: Attempt | OrderCenterError) -> Outcome:
    if isinstance(attempt, OrderCenterError):
        return Outcome(command, error=attempt)
    try:
        if attempt.query is not None and command.tries > 1 and command.error_code.endswith("outcome_unknown"):
            known = attempt.query()
            if known is not None:
                return Outcome(command, answer=known)
        return Outcome(command, answer=attempt.send())
    except Exception as error:  # noqa: BLE001 - the border: one command's trouble is its own
        return Outcome(command, error=error)


def _write_down(outcomes: Sequence[Outcome]) -> None:
    now = timezone.now()
    finals: list[tuple[OutgoingCommand, CommandAnswered]] = []
    with transaction.atomic():
        for outcome in outcomes:
            _settle(outcome, now)
            command = outcome.command
            if command.status in (OutgoingStatus.DONE, OutgoingStatus.REFUSED, OutgoingStatus.DEAD):
                finals.append((command, _answered(command)))
        OutgoingCommand.objects.bulk_update(
            [outcome.command for outcome in outcomes],
            ["status", "due_at", "lease_until", "error_code", "error", "answer", "answered_at"],
        )
        log.record(
            [event for _, event in finals],
            causes=[Cause(command.chain_id, command.cause_id, command.depth + 1) for command, _ in finals],
        )


def _settle(outcome: Outcome, now: datetime) -> None:
    command, error = outcome.command, outcome.error
    command.lease_until = None
    if error is None:
        command.status, command.answer, command.answered_at = OutgoingStatus.DONE, dict(outcome.answer or {}), now
        command.error_code, command.error = "", ""
        return
    command.error_code = error.code if isinstance(error, OrderCenterError) else "common.unexpected"
    command.error = f"{type(error).__name__}: {error}"[:2000]
    logger.info("outgoing.failed", kind=command.kind, id=command.pk, tries=command.tries, code=command.error_code)
    if isinstance(error, OrderCenterError) and not error.retryable:
        command.status, command.answered_at = OutgoingStatus.REFUSED, now
    elif command.tries >= registry.senders()[command.kind].max_tries:
        command.status, command.answered_at = OutgoingStatus.DEAD, now
    else:
        command.status = OutgoingStatus.WAITING
        command.due_at = now + timedelta(seconds=_pause(command.tries, error))


def _pause(tries: int, error: BaseException) -> float:
    """Seconds until the next try: doubling from one second with a tenth of jitter, or what the receiver asked for."""
    asked = getattr(error, "wait_s", None)
    if asked is not None:
        return float(asked)
    doubled: float = min(FIRST_PAUSE_S * 2 ** (tries - 1), LONGEST_PAUSE_S)
    return doubled * uniform(0.9, 1.1)


def _answered(command: OutgoingCommand) -> CommandAnswered:
    return CommandAnswered(
        command_id=command.pk,
        kind=command.kind,
        about=command.subject,
        outcome=command.status,
        error_code=command.error_code,
        flow_run_id=command.flow_run_id,
    )
