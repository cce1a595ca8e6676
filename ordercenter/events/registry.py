"""Who reacts to what: handlers of events, readers of inbox messages, senders of outgoing commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ordercenter.common.errors import OrderCenterError
from ordercenter.events.types import Event

EventHandler = Callable[[Sequence["Recorded"]], None]
# Refuses single messages by their row id; what it does not refuse is done.
MessageReader = Callable[[Sequence["Message"]], Mapping[int, OrderCenterError]]


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as it stands in the log: the fact, its row id and its place in the chain of causes."""

    id: int
    event: Event
    chain_id: Any
    depth: int
    actor: str


@dataclass(frozen=True, slots=True)
class Message:
    """An inbox message as a reader gets it: the body is exactly what was received."""

    id: int
    source: str
    kind: str
    subject: str
    body: bytes
    headers: Mapping[str, Any]
    received_at: datetime


@dataclass(frozen=True)
class Handler:
    """A named reaction. The name is stored in deliveries: never change it for the same reaction.

    when: looks at the event itself while it is recorded; one that it declines is not delivered at all. at_once: may run
    in the relay's transaction that made the event's subject (events/ahead.py).
    """

    name: str
    events: tuple[type[Event], ...]
    run: EventHandler
    when: Callable[[Any], bool] | None = None
    at_once: bool = False


@dataclass(frozen=True)
class Reader:
    """Reads inbox messages of one kind: a list in order of arrival, in the relay's transaction.

    Answers with the messages it cannot take and why: they are parked with a case, after some tries where the error may
    pass. An exception fails the whole list.
    """

    kind: str
    run: MessageReader
    # New orders come by it: where relays share the work, one is there for these alone.
    is_first: bool = False


@dataclass(frozen=True)
class Attempt:
    """One command made ready to send. Both run in a thread, outside of any transaction, without the database.

    send: makes the call; the answer as plain values, or one of our typed errors. query: asks the receiver whether an
    earlier call took effect (None: it did not), before anything is repeated; absent where the receiver takes the same
    key twice without doing the work twice.
    """

    send: Callable[[], Mapping[str, Any]]
    query: Callable[[], Mapping[str, Any] | None] | None = None


@dataclass(frozen=True)
class Sender:
    """Makes the outside calls of one kind of command.

    prepare(target, commands): reads what the calls need, set-wise, with the database at hand; an Attempt by command id.
    A typed error raised there is the outcome of every command of the list; a command that it leaves out is refused.
    pause(target, error): looks at a typed error of a call, with the database at hand, and answers with another one
    (`is_pause`) where it concerns the receiver as a whole: a ban, a lost authorisation. handles_failure: a handler of
    the same app makes its own case of a command that was refused or given up.
    """

    kind: str
    prepare: Callable[[str, Sequence[Any]], Mapping[int, Attempt]]
    max_tries: int = 8
    pause: Callable[[str, OrderCenterError], OrderCenterError | None] | None = None
    handles_failure: bool = False


_handlers: dict[str, Handler] = {}
_readers: dict[str, Reader] = {}
_senders: dict[str, Sender] = {}
_by_event: dict[str, list[Handler]] = {}


def on(
    *events: type[Event], name: str, when: Callable[[Any], bool] | None = None, at_once: bool = False
) -> Callable[[EventHandler], EventHandler]:
    """Register a function as a handler of these events under a stored name; see Handler."""

    def register(run: EventHandler) -> EventHandler:
        if name in _handlers:
            raise ValueError(f"two handlers are named {name}")
        _handlers[name] = handler = Handler(name, events, run, when, at_once)
        for event in events:
            _by_event.setdefault(event.name, []).append(handler)
        return run

    return register


def reads(kind: str, *, is_first: bool = False) -> Callable[[MessageReader], MessageReader]:
    """Register a function as the reader of inbox messages of this kind. is_first: see Reader."""

    def register(run: MessageReader) -> MessageReader:
        if kind in _readers:
            raise ValueError(f"two readers of {kind}")
        _readers[kind] = Reader(kind, run, is_first)
        return run

    return register


def register_sender(sender: Sender) -> None:
    if sender.kind in _senders:
        raise ValueError(f"two senders of {sender.kind}")
    _senders[sender.kind] = sender


def handlers() -> Mapping[str, Handler]:
    return _handlers


def handlers_of(event: Event) -> Iterator[Handler]:
    """The handlers that want this event."""
    for handler in _by_event.get(event.name, ()):
        if handler.when is None or handler.when(event):
            yield handler


def readers() -> Mapping[str, Reader]:
    return _readers


def senders() -> Mapping[str, Sender]:
    return _senders
