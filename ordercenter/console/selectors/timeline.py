"""The way of one order in time: facts, states, changed fields, deeds, cases and outside calls in one stream.

Every source is asked for one page after the cursor by an index of its own, so the number of statements does not depend
on how long the story is.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from ordercenter.audit.models import Deed, StateChange
from ordercenter.cases.models import Case
from ordercenter.console import wording
from ordercenter.events.models import EventRow, OutgoingCommand
from ordercenter.events.types import CommandAnswered
from ordercenter.orders.models import Order

PAGE_ROWS = 100
# An order with more changes than this shows the first ones only; none comes near.
MOST_CHANGES = 1000
# What the history need not repeat: moves have rows of their own, the rest is for machines.
QUIET_FIELDS = frozenset(
    {"state", "content_key", "is_on_hold", "inbox_id", "contact", "channel_modified_at", "channel_rank"}
)

STATE, RECORD, DEED, FACT, CASE_OPENED, CASE_CLOSED, COMMAND, ANSWER = range(8)
KINDS = {
    STATE: "state",
    RECORD: "record",
    DEED: "deed",
    FACT: "fact",
    CASE_OPENED: "case",
    CASE_CLOSED: "case",
    COMMAND: "command",
    ANSWER: "command",
}


@dataclass(frozen=True, order=True)
class Cursor:
    """A place in the stream: the instant, the source, the row's id."""

    at: datetime
    rank: int
    row_id: int

    def __str__(self) -> str:
        # Whole microseconds: a float of seconds would lose the last digits and repeat or skip rows.
        micros = (self.at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        return f"{micros}-{self.rank}-{self.row_id}"

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """The cursor of a link; None for anything that is none."""
        parts = text.split("-")
        if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
            return None
        micros, rank, row_id = (int(part) for part in parts)
        try:
            return cls(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros), rank, row_id)
        except OverflowError:
            return None


START = Cursor(datetime(1, 1, 2, tzinfo=UTC), 0, 0)


@dataclass(frozen=True)
class Entry:
    """One line of the story. details: (what, value) pairs. since: time passed since the line before, on this page."""

    place: Cursor
    kind: str
    title: str
    actor: str = ""
    about: str = ""
    details: tuple[tuple[str, str], ...] = ()
    since: timedelta | None = None

    @property
    def at(self) -> datetime:
        return self.place.at

    @property
    def stamp_ms(self) -> str:
        return f"{self.place.at.microsecond // 1000:03}"


@dataclass(frozen=True)
class Story:
    """One page of the stream, oldest first, and the cursor of the next page, empty on the last."""

    entries: list[Entry] = field(default_factory=list)
    next: str = ""


def story_of_order(
    order: Order,
    shipment_ids: Sequence[int],
    *,
    parcel_ids: Sequence[int] = (),
    waybill_ids: Sequence[int] = (),
    after: Cursor = START,
    kind: str = "",
    limit: int = PAGE_ROWS,
) -> Story:
    """What happened to an order, its shipments and what belongs to them, oldest first.

    kind: only lines of this kind, see KINDS.
    """
    about = {
        "order": [order.pk],
        "shipment": list(shipment_ids),
        "parcel": list(parcel_ids),
        "waybill": list(waybill_ids),
    }
    subjects = [f"{name}:{pk}" for name, pks in about.items() for pk in pks]
    sources: dict[str, Callable[[], Iterator[Entry]]] = {
        "state": lambda: _states(about, after, limit),
        "record": lambda: _records(order, after),
        "deed": lambda: _deeds(subjects, order, after, limit),
        "fact": lambda: _facts(subjects, after, limit),
        "case": lambda: _cases(order, after),
        "command": lambda: _commands(subjects, after),
    }
    chosen = [sources[kind]] if kind in sources else list(sources.values())
    merged = heapq.merge(*(source() for source in chosen), key=lambda entry: entry.place)
    entries = [entry for entry, _number in zip(merged, range(limit + 1), strict=False)]
    page = entries[:limit]
    return Story(list(_with_pauses(page)), str(page[-1].place) if len(entries) > limit else "")


def _with_pauses(entries: Sequence[Entry]) -> Iterator[Entry]:
    before: Entry | None = None
    for entry in entries:
        yield entry if before is None else replace(entry, since=entry.at - before.at)
        before = entry


def _page(rows: QuerySet[Any], at: str, rank: int, after: Cursor, limit: int) -> Iterable[Any]:
    """The next rows of one source after a place in the whole stream."""
    if rank == after.rank:
        later = Q(**{f"{at}__gt": after.at}) | Q(**{at: after.at, "pk__gt": after.row_id})
    else:
        later = Q(**{f"{at}__gt" if rank < after.rank else f"{at}__gte": after.at})
    return rows.filter(later).order_by(at, "pk")[: limit + 1]


def _states(about: dict[str, list[int]], after: Cursor, limit: int) -> Iterator[Entry]:
    moved = Q()
    for machine, pks in about.items():
        if pks:
            moved |= Q(machine=machine, subject_id__in=pks)
    for row in _page(StateChange.objects.filter(moved), "at", STATE, after, limit):
        src = wording.state_label(row.machine, row.src) if row.src else _("new")
        yield Entry(
            Cursor(row.at, STATE, row.pk),
            KINDS[STATE],
            f"{src} → {wording.state_label(row.machine, row.dst)}",
            actor=wording.actor_label(row.actor),
            about=str(wording.machine_label(row.machine)),
        )


def _facts(subjects: Sequence[str], after: Cursor, limit: int) -> Iterator[Entry]:
    # The answer of an outside call has a line of its own, with more in it than the fact.
    rows = EventRow.objects.filter(subject__in=subjects).exclude(name=CommandAnswered.name)
    for row in _page(rows, "recorded_at", FACT, after, limit):
        yield Entry(
            Cursor(row.recorded_at, FACT, row.pk),
            KINDS[FACT],
            str(wording.event_label(row.name)),
            actor=wording.actor_label(row.actor),
            details=tuple(wording.payload_words(row.payload)),
        )


def _deeds(subjects: Sequence[str], order: Order, after: Cursor, limit: int) -> Iterator[Entry]:
    looked = [*subjects, f"contact:{order.contact_id}"] if order.contact_id else subjects
    for row in _page(Deed.objects.filter(subject__in=looked), "at", DEED, after, limit):
        details = [(_("reason"), row.reason)] if row.reason else []
        yield Entry(
            Cursor(row.at, DEED, row.pk),
            KINDS[DEED],
            str(wording.deed_label(row.action)),
            actor=wording.actor_label(row.actor),
            details=tuple(details),
        )


def _records(order: Order, after: Cursor) -> Iterator[Entry]:
    before: dict[str, Any] | None = None
    fields = [f for f in Order._meta.concrete_fields if f.name not in QUIET_FIELDS]
    rows = Order.history.filter(id=order.pk).select_related("history_user").order_by("history_date", "history_id")
    for row in rows[:MOST_CHANGES]:
        values = {f.name: getattr(row, f.attname) for f in fields}
        changed = [f for f in fields if before is not None and before[f.name] != values[f.name]]
        place = Cursor(row.history_date, RECORD, row.history_id)
        if place > after and changed and before is not None:
            details = [(str(f.verbose_name), f"{_shown(before[f.name])} → {_shown(values[f.name])}") for f in changed]
            who = row.history_user.get_username() if row.history_user else ""
            reason = row.history_change_reason or ""
            yield Entry(
                place,
                KINDS[RECORD],
                _("Fields changed"),
                actor=who or wording.actor_label(reason),
                details=tuple(details),
            )
        before = values


def _cases(order: Order, after: Cursor) -> Iterator[Entry]:
    found = []
    for case in Case.objects.filter(subject=f"order:{order.pk}").select_related("owner"):
        title = str(wording.code_label(case.code))
        found.append(
            Entry(Cursor(case.opened_at, CASE_OPENED, case.pk), "case", _("Case: %(title)s") % {"title": title})
        )
        if case.closed_at:
            details = ((_("resolution"), case.resolution),) if case.resolution else ()
            closed = _("Case closed: %(title)s") % {"title": title}
            found.append(Entry(Cursor(case.closed_at, CASE_CLOSED, case.pk), "case", closed, details=details))
    return iter(sorted((entry for entry in found if entry.place > after), key=lambda entry: entry.place))


def _commands(subjects: Sequence[str], after: Cursor) -> Iterator[Entry]:
    found = []
    columns = ("kind", "target", "status", "tries", "error_code", "created_at", "answered_at")
    for command in OutgoingCommand.objects.filter(subject__in=subjects).only(*columns).order_by("pk")[:MOST_CHANGES]:
        details = ((_("target"), command.target),)
        found.append(
            Entry(
                Cursor(command.created_at, COMMAND, command.pk),
                "command",
                _("Outside call: %(kind)s") % {"kind": wording.command_label(command.kind)},
                details=details,
            )
        )
        if command.answered_at:
            answer = [(_("result"), str(command.get_status_display())), (_("tries"), str(command.tries))]
            if command.error_code:
                answer.append((_("error code"), command.error_code))
            title = _("Answer: %(kind)s") % {"kind": wording.command_label(command.kind)}
            found.append(
                Entry(Cursor(command.answered_at, ANSWER, command.pk), "command", title, details=tuple(answer))
            )
    return iter(sorted((entry for entry in found if entry.place > after), key=lambda entry: entry.place))


def _shown(value: Any) -> str:
    return "–" if value in (None, "") else str(value)
