"""The unit of work: what one transaction reads, changes and tells, written once at its end in bulk.

A service asks the work for locked rows, lets them make their transitions in memory, and hands back what changed.
However many services share a transaction, each changed row costs one UPDATE and one history row, each new row one line
of a COPY, each move one row of the state-change log, and all facts together one statement.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache, partial
from typing import Any, TypeVar

from django.db import models, transaction
from django.utils import timezone

from ordercenter.audit.models import StateChange
from ordercenter.common import bulk
from ordercenter.common.actor import SYSTEM, Actor
from ordercenter.common.fsm import StateModel
from ordercenter.common.gathering import gathered
from ordercenter.common.ids import new_ids
from ordercenter.common.repeating import keeps_when_committed
from ordercenter.common.rows import locked_rows, new_row
from ordercenter.events import log
from ordercenter.events.ahead import Ahead, born_rows, current, leave
from ordercenter.events.log import Cause, new_chain
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.registry import Recorded
from ordercenter.events.scope import all_or_nothing
from ordercenter.events.types import Event

M = TypeVar("M", bound=models.Model)

_MOVE_COLUMNS = ("machine", "subject_id", "move", "src", "dst", "actor", "chain_id", "at")


class Work:
    """One transaction's worth of locked, changed and new rows. Made by `unit_of_work`, not by hand."""

    def __init__(
        self,
        *,
        at: datetime,
        actor: Actor,
        reason: str,
        causes: Mapping[str, Cause],
        cause: Cause,
        born: Mapping[type[models.Model], Mapping[Any, Any]],
    ):
        self.at, self.actor, self.reason = at, actor, reason
        self._causes, self._cause = dict(causes), cause
        self._who = bulk.copy_text(str(actor))
        # Rows that an earlier work of this transaction made are in our hands already.
        self._born = born
        self._rows: dict[type[models.Model], dict[Any, Any]] = {model: dict(rows) for model, rows in born.items()}
        self._new: dict[type[models.Model], list[Any]] = {}
        self._changed: dict[type[models.Model], dict[Any, Any]] = {}
        self._fields: dict[type[models.Model], set[str]] = {}
        self._events: list[Event] = []
        self._event_causes: list[Cause] = []
        self._writers: dict[type[models.Model], Callable[[Sequence[Any], Collection[str]], None]] = {}
        # What services that share this work may keep for each other, by a key of their own.
        self.shared: dict[Any, Any] = {}

    def lock(self, model: type[M], pks: Collection[Any]) -> dict[Any, M]:
        """These rows, locked in primary-key order so that no two transactions wait for each other in a ring.

        Rows already in the work are not read again. Missing keys are absent from the answer.
        """
        rows = self._rows.setdefault(model, {})
        missing = sorted({pk for pk in pks if pk not in rows})
        if missing:
            rows.update((row.pk, row) for row in locked_rows(model, model._meta.pk.attname, missing))
        return {pk: rows[pk] for pk in pks if pk in rows}

    def lock_children(self, model: type[M], parent: str, parent_pks: Collection[Any]) -> dict[Any, list[M]]:
        """All rows of `model` whose `parent` column is one of these, locked, by parent, in primary-key order.

        New rows that the work has by then count. One statement for the parents not asked for before.
        """
        known: dict[Any, list[M]] = self.shared.setdefault(("children", model, parent), {})
        missing = sorted({pk for pk in parent_pks if pk not in known})
        if missing:
            known.update((pk, []) for pk in missing)
            self._read_children(model, parent, missing, known)
            asked = set(missing)
            for row in self._new.get(model, ()):
                if getattr(row, parent) in asked:
                    known[getattr(row, parent)].append(row)
        return {pk: known[pk] for pk in parent_pks}

    def _read_children(self, model: type[M], parent: str, parents: list[Any], known: dict[Any, list[M]]) -> None:
        """Append the children that are in the database; those of parents that this transaction made are in hand."""
        owners = self._born.get(_owner_of(model, parent), {})
        asked = set(parents)
        if owners:
            for row in self._born.get(model, {}).values():
                if getattr(row, parent) in asked:
                    known[getattr(row, parent)].append(row)
        unread = [pk for pk in parents if pk not in owners]
        if unread:
            rows = self._rows.setdefault(model, {})
            for row in locked_rows(model, parent, unread):
                known[getattr(row, parent)].append(rows.setdefault(row.pk, row))

    def in_hand(self, model: type[M]) -> Mapping[Any, M]:
        """The rows of this model that the work has by now, locked or new, by key."""
        return self._rows.get(model, {})

    def born(self, model: type[M]) -> Mapping[Any, M]:
        """The rows of this model that an earlier work of this transaction made, by key; nobody else can have them."""
        return self._born.get(model, {})

    def is_born(self, subject: str) -> bool:
        """Whether an earlier work of this transaction made this subject: nothing can wait for it or be about it yet."""
        ahead = current()
        return ahead is not None and not ahead.is_collecting and ahead.made(subject)

    def adopt(self, model: type[M], instances: Iterable[M]) -> None:
        """Take rows into the work that the caller has read and locked by a query of its own."""
        self._rows.setdefault(model, {}).update((row.pk, row) for row in instances)

    def add(self, instances: Sequence[M]) -> None:
        """New rows of one model; primary keys are given here where absent, the rows are written at the end."""
        if not instances:
            return
        model = type(instances[0])
        nameless = [row for row in instances if row.pk is None]
        for row, pk in zip(nameless, new_ids(model, len(nameless)), strict=True):
            row.pk = pk
        self._new.setdefault(model, []).extend(instances)
        self._rows.setdefault(model, {}).update((row.pk, row) for row in instances)

    def save(self, instance: models.Model, *fields: str) -> None:
        """Remember that these columns (attribute names) of a locked row changed; `state` follows from its moves."""
        model = type(instance)
        self._changed.setdefault(model, {})[instance.pk] = instance
        self._fields.setdefault(model, set()).update(fields)

    def write_last(self, model: type[M], write: Callable[[Sequence[M], Collection[str]], None]) -> None:
        """Let changed rows of this model be written by `write(rows, attribute names)`, when all else is written."""
        self._writers[model] = write

    def record(self, event: Event, *, because: str | None = None) -> None:
        """Tell a fact. because: the subject whose cause it shares, when that is not its own subject."""
        self._events.append(event)
        self._event_causes.append(self.cause_of(because or event.subject))

    def cause_of(self, subject: str) -> Cause:
        """The cause of what happens to this subject in this work."""
        return self._causes.get(subject, self._cause)

    def share_cause(self, subject: str, *, of: str) -> None:
        """From here on, what happens to `subject` has the same cause as what happens to `of`."""
        self._causes[subject] = self.cause_of(of)

    def command(
        self,
        *,
        kind: str,
        target: str,
        subject: str,
        key: str,
        payload: dict[str, Any],
        because: str | None = None,
        flow_run_id: int | None = None,
    ) -> OutgoingCommand:
        """Write an outgoing command; it is sent after the commit. key: the idempotency key, the same at every try."""
        cause = self.cause_of(because or subject)
        row = new_row(
            OutgoingCommand,
            kind=kind,
            target=target,
            subject=subject,
            idempotency_key=key,
            payload=payload,
            created_at=self.at,
            due_at=self.at,
            flow_run_id=flow_run_id,
            chain_id=cause.chain_id,
            cause_id=cause.event_id,
            depth=cause.depth,
        )
        self.add([row])
        return row

    def flush(self) -> None:
        """Write everything, or let the relay's transaction keep it. Called once, by `unit_of_work`, at the end."""
        self._check_nothing_forgotten()
        ahead = current()
        settling: list[Callable[[], None]] = []
        with gathered():
            self._write(ahead, settling)
        for settle in settling:
            if ahead is None:
                settle()
            else:
                ahead.settle_last(settle)

    def _write(self, ahead: Ahead | None, settling: list[Callable[[], None]]) -> None:
        moves: list[str] = []
        fresh = self._write_births(ahead, moves)
        for model, changed in self._changed.items():
            # A row whose only change was a move may have been written with it, because a statement asked for its table.
            late = [row for row in changed.values() if self._fields[model] or row.__dict__.get("_moves")]
            rows = sorted((row for row in late if id(row) not in fresh), key=lambda row: row.pk)
            if rows and model in self._writers:
                settling.append(partial(self._writers[model], rows, frozenset(self._fields[model])))
            elif rows:
                leave(self._update(model, rows, moves))
        self._write_history()
        leave(bulk.Lines(StateChange._meta.db_table, _MOVE_COLUMNS, moves))
        if ahead is not None and ahead.is_collecting:
            ahead.remember(self._new, self._changed)
        if self._events:
            log.record(self._events, causes=self._event_causes, actor=self.actor, at=self.at)
        elif OutgoingCommand in self._new:
            log.wake()

    def _write_births(self, ahead: Ahead | None, moves: list[str]) -> set[int]:
        """Write the new rows or let them be kept. Returns the identities of rows that need no UPDATE beside that."""
        fresh: set[int] = set()
        if ahead is not None:
            # Made by an earlier work of this transaction, and not in the database yet: they leave as they are now.
            for model, changed in self._changed.items():
                kept = ahead.unwritten(model)
                mine = [row for row in changed.values() if id(row) in kept]
                fresh.update(id(row) for row in mine)
                moves.extend(self._moves_of(model, mine))
        for model, instances in self._new.items():
            if issubclass(model, StateModel):
                moves.extend(move for row in instances for move in self._births(model, row))
            fresh.update(id(row) for row in instances)
            if ahead is not None:
                ahead.keep(model, instances)
            else:
                bulk.insert_instances(model, instances)
        return fresh

    def settle_births(self, model: type[models.Model], rows: Sequence[Any]) -> None:
        """Rows of this transaction are about to be written: what they went through so far is told with them."""
        leave(bulk.Lines(StateChange._meta.db_table, _MOVE_COLUMNS, self._moves_of(model, rows)))

    def _moves_of(self, model: type[models.Model], rows: Iterable[Any]) -> list[str]:
        """The moves of these rows as lines; they are told from now on."""
        if not issubclass(model, StateModel):
            return []
        moves = [move for row in rows for move in self._moves(model, row)]
        for row in rows:
            row.__dict__.pop("_moves", None)
        return moves

    def _check_nothing_forgotten(self) -> None:
        for model, rows in self._rows.items():
            if issubclass(model, StateModel):
                known = self._changed.get(model, {})
                fresh = {id(row) for row in self._new.get(model, ())}
                for pk, row in rows.items():
                    if row.__dict__.get("_moves") and pk not in known and id(row) not in fresh:
                        raise RuntimeError(f"{model._meta.label} {pk} moved, but nobody saved it in the unit of work")

    def _update(self, model: type[models.Model], rows: list[Any], moves: list[str]) -> bulk.Update:
        fields = set(self._fields[model])
        if issubclass(model, StateModel) and any(row.__dict__.get("_moves") for row in rows):
            fields.add("state")
        update = bulk.update_of(model, rows, fields)
        moves.extend(self._moves_of(model, rows))
        return update

    def _moves(self, model: type[models.Model], row: Any) -> Iterator[str]:
        machine = str(model._meta.model_name)
        chain = self.cause_of(f"{machine}:{row.pk}").chain_id
        for name, src, dst in row.moves:
            yield f"{machine}\t{row.pk}\t{name}\t{src}\t{dst}\t{self._who}\t{chain}\t{self.at}"

    def _births(self, model: type[models.Model], row: Any) -> Iterator[str]:
        machine = str(model._meta.model_name)
        chain = self.cause_of(f"{machine}:{row.pk}").chain_id
        if row.births_are_logged:
            yield f"{machine}\t{row.pk}\tcreate\t\t{row.state_in_database}\t{self._who}\t{chain}\t{self.at}"
        yield from self._moves(model, row)
        row.__dict__.pop("_moves", None)

    def _write_history(self) -> None:
        ahead = current()
        for model in {**self._new, **self._changed}:
            if not bulk.has_history(model):
                continue
            new = self._new.get(model, [])
            if ahead is not None and ahead.is_collecting and new:
                # A row that moves on in this same transaction has one history row of it, as it is in the end.
                ahead.at_the_end(partial(self._history_of, model, [(row, "+") for row in new]))
                new = []
            fresh = {id(row) for row in (*self._new.get(model, ()), *self._born.get(model, {}).values())}
            rows = [(row, "+") for row in new]
            rows += [(row, "~") for row in self._changed.get(model, {}).values() if id(row) not in fresh]
            self._history_of(model, rows)

    def _history_of(self, model: type[models.Model], rows: Sequence[tuple[Any, str]]) -> None:
        if rows:
            reason = self.reason or str(self.actor)
            leave(bulk.history_of(model, rows, at=self.at, user_id=self.actor.user_id, reason=reason))


@cache
def _owner_of(model: type[models.Model], parent: str) -> Any:
    """The model that a foreign key column points to; None for a column that is no foreign key."""
    return next((f.related_model for f in model._meta.concrete_fields if f.attname == parent), None)


@contextmanager
def unit_of_work(
    work: Work | None = None,
    *,
    at: datetime | None = None,
    actor: Actor = SYSTEM,
    reason: str = "",
    because: Sequence[Recorded] = (),
) -> Iterator[Work]:
    """Join the caller's unit of work, or own one: a transaction that is written out at the end of the block.

    because: the events that led here; each passes its chain on to what happens to its own subject.
    """
    if work is not None:
        yield work
        return
    causes = {r.event.subject: Cause(r.chain_id, r.id, r.depth + 1) for r in because}
    with transaction.atomic(savepoint=not all_or_nothing.get()):
        own = Work(
            at=at or timezone.now(),
            actor=actor,
            reason=reason,
            causes=causes,
            cause=new_chain(),
            born=born_rows(),
        )
        ahead = current()
        if ahead is not None:
            ahead.work = own
        yield own
        own.flush()
        keeps_when_committed()
