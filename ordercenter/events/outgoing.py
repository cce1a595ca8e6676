"""Sending outgoing commands: claim, call outside of any transaction, write down what came of it.

The same command is never in two hands at once (a lease), keeps its idempotency key at every try, and when nobody knows
whether an earlier try took effect the receiver is asked first wherever it can be asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import uniform

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from ordercenter.common.errors import OrderCenterError, words_of_error
from ordercenter.common.outage import database_is_away
from ordercenter.events import log, registry
from ordercenter.events.errors import CommandObsolete
from ordercenter.events.log import Cause
from ordercenter.events.models import OutgoingCommand, OutgoingStatus
from ordercenter.events.registry import Attempt
from ordercenter.events.types import CommandAnswered

logger = structlog.get_logger(__name__)

# Whoever sends renews the lease while calls are out, however long they take: only a dead process lets it run out, and
# what it held is in other hands this much later. Half a minute, so that everything is sent a minute after a restart.
LEASE_S = 30
RENEW_S = 10
LONGEST_PAUSE_S = 600.0
THREADS = 8


@dataclass(frozen=True)
class Outcome:
    """What came of one try: an answer, or an error."""

    command: OutgoingCommand
    answer: Mapping[str, object] | None = None
    error: Exception | None = None

    @property
    def got_through(self) -> bool:
        """Whether the receiver answered, be it with a no."""
        return self.error is None or (isinstance(self.error, OrderCenterError) and not self.error.retryable)


@dataclass(frozen=True)
class Drain:
    """tried: commands sent or refused. in_trouble: the last round came to nothing, the receiver shall rest."""

    tried: int
    in_trouble: bool = False


ENDED = (OutgoingStatus.DONE, OutgoingStatus.REFUSED, OutgoingStatus.DEAD)

# A command whose lease ran out was in the hands of a process that died: nobody knows how far it came. What a receiver
# is told about one subject is told in order: it cannot stop a document that it was not given yet.
_CLAIM = """
UPDATE events_outgoing SET status = 'sending', lease_until = %(lease)s, tries = tries + 1,
       error_code = CASE WHEN status = 'sending' THEN 'events.outcome_unknown' ELSE error_code END
WHERE id IN (
    SELECT id FROM events_outgoing AS o
    WHERE target = %(target)s AND kind = ANY(%(kinds)s)
      AND ((status = 'waiting' AND due_at <= %(now)s) OR (status = 'sending' AND lease_until < %(now)s))
      AND NOT EXISTS (SELECT FROM events_outgoing AS before WHERE before.subject = o.subject AND before.id < o.id
                      AND before.target = o.target AND before.status IN ('waiting', 'sending'))
    ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING id
"""

# The lease says whose a command is: each claim and each renewal has its own instant.
_RENEW = """
UPDATE events_outgoing SET lease_until = %s WHERE id = ANY(%s) AND status = 'sending' AND lease_until = %s
"""

_STORE = """
UPDATE events_outgoing AS o
SET status = v.status, lease_until = NULL, due_at = v.due_at, tries = v.tries, error_code = v.error_code,
    error = v.error, answer = v.answer, answered_at = v.answered_at
FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::timestamptz[], %s::smallint[], %s::text[], %s::text[],
            %s::jsonb[], %s::timestamptz[])
     AS v(id, lease_until, status, due_at, tries, error_code, error, answer, answered_at)
WHERE o.id = v.id AND o.status = 'sending' AND o.lease_until = v.lease_until
RETURNING o.id
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


def has_due(target: str) -> bool:
    """Whether this receiver has commands due: a look that costs next to nothing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM events_outgoing"
            " WHERE target = %s AND status = 'waiting' AND due_at <= clock_timestamp())",
            [target],
        )
        return bool(cursor.fetchone()[0])


def drain_target(target: str, *, limit: int = 64, rounds: int = 10) -> Drain:
    """Send what is due for one receiver, until nothing is or a whole round came to nothing: a receiver in trouble is
    left alone for a while. Safe to run several times at once.
    """
    tried, most = 0, THREADS
    for _ in range(rounds):
        commands = _claim(target, most)
        if not commands:
            break
        tried += len(commands)
        if not _send(commands, _prepare(target, commands)):
            return Drain(tried, in_trouble=True)
        # The first round is small: should the receiver be silent, few commands wait for it at once.
        most = limit
    return Drain(tried)


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


def _prepare(target: str, commands: Sequence[OutgoingCommand]) -> list[Attempt | Exception]:
    """What each command needs to be sent, or the refusal that it gets instead."""
    ready: dict[int, Attempt | Exception] = {}
    for kind in {command.kind for command in commands}:
        ready.update(_attempts(target, kind, [command for command in commands if command.kind == kind]))
    return [ready[command.pk] for command in commands]


def _attempts(target: str, kind: str, same: Sequence[OutgoingCommand]) -> dict[int, Attempt | Exception]:
    try:
        attempts = registry.senders()[kind].prepare(target, same)
    except OrderCenterError as error:
        # Said of the receiver, not of one command.
        return {command.pk: error for command in same}
    except Exception as error:  # the border: what cannot be prepared must not keep the others back
        if database_is_away(error):
            raise
        if len(same) == 1:
            return {same[0].pk: error}
        middle = len(same) // 2
        return {**_attempts(target, kind, same[:middle]), **_attempts(target, kind, same[middle:])}
    return {c.pk: attempts.get(c.pk) or CommandObsolete(command_id=c.pk) for c in same}


def _send(commands: Sequence[OutgoingCommand], ready: Sequence[Attempt | Exception]) -> bool:
    """Make the calls, several at once, and write down what is known at least every few seconds.

    Returns whether any of them got through to the receiver.
    """
    got_through = False
    with ThreadPoolExecutor(min(THREADS, len(commands))) as pool:
        out = {pool.submit(_try, *pair): pair[0] for pair in zip(commands, ready, strict=True)}
        try:
            while out:
                ended, _still_out = wait(out, timeout=RENEW_S)
                outcomes = [call.result() for call in ended]
                for call in ended:
                    del out[call]
                _write_down(outcomes, still_out=list(out.values()))
                got_through |= any(outcome.got_through for outcome in outcomes)
        finally:
            _call_off(out)
    return got_through


def _call_off(out: Mapping[Future[Outcome], OutgoingCommand]) -> None:
    """What nobody will write down any more shall not be sent either, where it is not on its way yet."""
    for call in out:
        call.cancel()


def _try(command: OutgoingCommand, attempt: Attempt | Exception) -> Outcome:
    if isinstance(attempt, Exception):
        return Outcome(command, error=attempt)
    try:
        # An error stands there from an earlier try: it may have taken effect all the same.
        if attempt.query is not None and command.error_code:
            known = attempt.query()
            if known is not None:
                return Outcome(command, answer=known)
        return Outcome(command, answer=attempt.send())
    except Exception as error:  # noqa: BLE001 - the border: one command's trouble is its own
        return Outcome(command, error=error)


def _write_down(outcomes: Sequence[Outcome], *, still_out: Sequence[OutgoingCommand]) -> None:
    """What came of the calls, the facts that follow, and a new lease for those that are still out."""
    now = timezone.now()
    with transaction.atomic():
        settled = [_settled(outcome, now) for outcome in _after_pauses(outcomes)]
        ours = _store(settled)
        ended = [command for command in settled if command.pk in ours and command.status in ENDED]
        log.record(
            [_answered(command) for command in ended],
            causes=[Cause(command.chain_id, command.cause_id, command.depth + 1) for command in ended],
        )
        if still_out:
            lease = now + timedelta(seconds=LEASE_S)
            with connection.cursor() as cursor:
                cursor.execute(_RENEW, [lease, [c.pk for c in still_out], still_out[0].lease_until])
            for command in still_out:
                command.lease_until = lease


def _after_pauses(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Where the error concerns the receiver as a whole, its sender says once how long to leave it alone."""
    answers: dict[tuple[str, type[Exception]], OrderCenterError | None] = {}
    after = []
    for outcome in outcomes:
        error, command = outcome.error, outcome.command
        pause = registry.senders()[command.kind].pause
        if pause is not None and isinstance(error, OrderCenterError):
            key = (command.kind, type(error))
            if key not in answers:
                answers[key] = pause(command.target, error)
            outcome = replace(outcome, error=answers[key] or error)
        after.append(outcome)
    return after


def _settled(outcome: Outcome, now: datetime) -> OutgoingCommand:
    command, error = outcome.command, outcome.error
    if error is None:
        command.status, command.answer, command.answered_at = OutgoingStatus.DONE, dict(outcome.answer or {}), now
        command.error_code, command.error = "", ""
        return command
    command.error_code = error.code if isinstance(error, OrderCenterError) else "common.unexpected"
    command.error = words_of_error(error)
    logger.info("outgoing.failed", kind=command.kind, id=command.pk, tries=command.tries, code=command.error_code)
    if isinstance(error, OrderCenterError) and error.is_pause:
        # Nothing was tried: a receiver that is left alone for long does not use up the tries.
        command.status, command.tries = OutgoingStatus.WAITING, command.tries - 1
        command.due_at = now + timedelta(seconds=_pause(1, error))
    elif isinstance(error, OrderCenterError) and not error.retryable:
        command.status, command.answered_at = OutgoingStatus.REFUSED, now
    elif command.tries >= registry.senders()[command.kind].max_tries:
        command.status, command.answered_at = OutgoingStatus.DEAD, now
    else:
        command.status = OutgoingStatus.WAITING
        command.due_at = now + timedelta(seconds=_pause(command.tries, error))
    return command


def _store(commands: Sequence[OutgoingCommand]) -> set[int]:
    """Write these commands where they are still ours; returns which are. One whose lease ran out belongs to another."""
    columns: list[list[object]] = [
        [c.pk for c in commands],
        [c.lease_until for c in commands],
        [c.status for c in commands],
        [c.due_at for c in commands],
        [c.tries for c in commands],
        [c.error_code for c in commands],
        [c.error for c in commands],
        [None if c.answer is None else json.dumps(c.answer, default=str).replace("\\u0000", "") for c in commands],
        [c.answered_at for c in commands],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_STORE, columns)
        ours = {row[0] for row in cursor.fetchall()}
    for command in commands:
        if command.pk not in ours:
            logger.warning("outgoing.lease_lost", kind=command.kind, id=command.pk)
    return ours


def _pause(tries: int, error: BaseException) -> float:
    """Seconds until the next try: what the receiver asked for, or doubling from the first pause, a tenth of jitter."""
    asked = getattr(error, "wait_s", 0)
    if asked:
        return float(asked)
    doubled: float = min(settings.OUTGOING_FIRST_PAUSE_S * 2 ** (tries - 1), LONGEST_PAUSE_S)
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
