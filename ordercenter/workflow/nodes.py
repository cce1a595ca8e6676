"""The parts of a flow document as frozen dataclasses. `documents.parse_document` makes them, nothing changes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from django.utils.translation import get_language

OUT = "out"
TIMEOUT = "timeout"
ANY_ERROR = "*"
# Where a subject goes when no way of the flow takes it: "exception:CODE" opens a case with that code.
EXCEPTION = "exception:"

Condition = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LocalText:
    """A name that business people wrote, in Chinese, English or both."""

    zh: str = ""
    en: str = ""

    def __str__(self) -> str:
        """In the active language, else in the other."""
        chinese_first = (get_language() or "zh").startswith("zh")
        return (self.zh or self.en) if chinese_first else (self.en or self.zh)


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts the flow. when: evaluated before a run begins; None means always."""

    id: str
    event: str
    when: Condition | None = None


@dataclass(frozen=True, slots=True)
class Case:
    port: str
    label: LocalText
    when: Condition


@dataclass(frozen=True, slots=True)
class Branch:
    """The first case that holds wins; an unknown answer before that goes to on_unknown, never to a later case."""

    id: str
    name: LocalText
    cases: tuple[Case, ...]
    else_port: str | None
    on_unknown: str


@dataclass(frozen=True, slots=True)
class Switch:
    """One port per value of an enum field."""

    id: str
    name: LocalText
    field: str
    ports: Mapping[str, str]
    else_port: str | None
    on_unknown: str


@dataclass(frozen=True, slots=True)
class Retry:
    """When an outside call is tried again: after first, then each time factor times longer up to cap, ± jitter."""

    max: int
    first: timedelta
    factor: float
    cap: timedelta
    jitter: float


@dataclass(frozen=True, slots=True)
class Action:
    """A registered verb with its parameters. on_error: flow code of a refusal (or "*") -> node id or exception:CODE."""

    id: str
    name: LocalText
    use: str
    v: int
    params: Mapping[str, Any]
    on_error: Mapping[str, str]
    retry: Retry | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Subjects stay here for a duration, until the instant in a field, or until an event; exactly one of the three."""

    id: str
    name: LocalText
    duration: timedelta | None = None
    until_field: str | None = None
    event: str | None = None
    timeout: timedelta | None = None


@dataclass(frozen=True, slots=True)
class End:
    id: str
    name: LocalText


Node = Branch | Switch | Action | Wait | End


@dataclass(frozen=True, slots=True)
class Edge:
    source: str
    port: str
    target: str


@dataclass(frozen=True, slots=True)
class FlowGroup:
    """Flows of one group on the same event: first_match starts the first by priority whose filter holds."""

    key: str
    mode: str
    priority: int


@dataclass(frozen=True, slots=True)
class Settings:
    """reentry: None (never again in one chain of causes unless the static check is sure), or how often at most.

    on_error: exception:CODE for refusals that no node routes. timeout: how long a run may take in all.
    """

    reentry: int | None = None
    timeout: timedelta | None = None
    on_error: str = EXCEPTION + "FLOW_STEP_FAILED"


@dataclass(frozen=True, slots=True)
class FlowTest:
    """A case the flow must pass before it is published.

    given: field path -> JSON value. outcomes: node id -> what the action or wait there answers: a port,
    "error:CODE", or {"port" | "error": ..., "values": {path: JSON value}} when it changes values.
    path: node ids in the order visited, from the trigger. failed: the code of the case it ends with, "" for none.
    """

    name: str
    given: Mapping[str, Any]
    path: tuple[str, ...]
    failed: str = ""
    outcomes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, eq=False)
class FlowDocument:
    """One flow as written. Two documents are equal when their content hash is: layout (`ui`) does not count.

    source: the JSON it was made of, with `ui`; treat it as read-only.
    """

    key: str
    name: LocalText
    subject: str
    trigger: Trigger | None
    group: FlowGroup | None
    settings: Settings
    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    tests: tuple[FlowTest, ...]
    source: Mapping[str, Any]
    content_hash: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FlowDocument) and other.content_hash == self.content_hash

    def __hash__(self) -> int:
        return hash(self.content_hash)
