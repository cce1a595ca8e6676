"""What flows are built of: actions, subjects with fields, trigger events; each registered by the app that owns it.

An app registers its components in its `flow_components.py`:

    @action(use="order.grade", v=1, subject="order", label=_("Grade order"), writes=["order.grade"])
    def grade(call: StepCall) -> None:
        result = services.grade_orders(order_ids=call.subjects, ...)
        call.go(result.done)
        for refusal in result.refused:
            call.refuse(refusal.key, refusal.error)

A changed contract of an action (ports, parameters, meaning) gets a new `v`; old flows keep the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from django.db import models
from django.utils.functional import Promise

from ordercenter.common.errors import OrderCenterError
from ordercenter.workflow.errors import ComponentClash, StepIncomplete, UnknownComponent
from ordercenter.workflow.fields import Catalogue
from ordercenter.workflow.nodes import OUT
from ordercenter.workflow.params import ParamSpec

Apply = Callable[["StepCall"], None]
# ids, the paths wanted, the engine's unit of work -> id -> path -> value, in a constant number of statements.
Loader = Callable[[Sequence[int], frozenset[str], Any], Mapping[int, dict[str, Any]]]


@dataclass(frozen=True)
class ActionSpec:
    """The contract of one action.

    kind: local works in the run's transaction; outside writes a command and parks its subjects until the answer.
    ports: the ways out besides "out". errors: the flow codes it may refuse with (see errors.flow_code).
    reads, writes: field paths; after an action the fields it writes are loaded anew before a condition asks them.
    emits: names of the events it may cause, for the check against loops.
    danger: 0 harmless to 3 cannot be undone. deprecated_by: the `use` (with v) that replaces it, "" when current.
    """

    use: str
    v: int
    subject: str
    label: str | Promise
    kind: Literal["local", "outside"]
    apply: Apply
    ports: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    params: Mapping[str, ParamSpec] = field(default_factory=lambda: MappingProxyType({}))
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    emits: frozenset[str] = frozenset()
    danger: int = 0
    permission: str | None = None
    deprecated_by: str = ""

    @property
    def all_ports(self) -> tuple[str, ...]:
        return (OUT, *self.ports)


@dataclass(frozen=True)
class SubjectSpec:
    """A kind of thing that flows move: its fields and how to load them for many at once.

    model: its table, None for one that has none. place: its turn where rows of several kinds are locked.
    """

    name: str
    catalogue: Catalogue
    loader: Loader
    model: type[models.Model] | None = None
    place: int = 0


@dataclass(frozen=True)
class TriggerSpec:
    """An event that flows of a subject may start with or wait for. lacks: fields not known yet when it happens."""

    event: str
    subject: str
    label: str | Promise
    lacks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What became of each subject of a step: exactly one of gone on (by port), refused, parked (by wait key).

    values: fresh values by subject, when the action gave those of all fields that it writes; None when it did not.
    """

    go: Mapping[str, Sequence[int]]
    refused: Mapping[int, OrderCenterError] = field(default_factory=lambda: MappingProxyType({}))
    parked: Sequence[tuple[str, Sequence[int]]] = ()
    values: Mapping[int, Mapping[str, Any]] | None = None


class StepCall:
    """One call of an action for a set of subjects; the action answers through go, refuse and park.

    subjects: ids in order. params: typed after the spec, defaults filled in. work: the engine's unit of work.
    values: what the flow has loaded of each subject (the fields its conditions ask, nothing more). at: the instant of
    the run. node: the node's id, part of idempotency keys.
    """

    __slots__ = ("_go", "_parked", "_refused", "_values", "at", "node", "params", "spec", "subjects", "values", "work")

    def __init__(
        self,
        *,
        spec: ActionSpec,
        subjects: Sequence[int],
        at: datetime,
        work: Any = None,
        params: Mapping[str, Any] | None = None,
        values: Mapping[int, Mapping[str, Any]] | None = None,
        node: str = "",
    ):
        self.spec, self.subjects, self.at, self.work, self.node = spec, subjects, at, work, node
        self.params: Mapping[str, Any] = params if params is not None else {}
        self.values: Mapping[int, Mapping[str, Any]] = values if values is not None else {}
        self._go: dict[str, list[int]] = {}
        self._refused: dict[int, OrderCenterError] = {}
        self._parked: dict[str, list[int]] = {}
        self._values: Mapping[int, Mapping[str, Any]] | None = None

    def go(self, subject_ids: Iterable[int], port: str = OUT) -> None:
        """These are done and leave by this port."""
        if port not in self.spec.all_ports:
            raise StepIncomplete(use=self.spec.use, reason=f"the spec does not declare port {port}")
        self._go.setdefault(port, []).extend(subject_ids)

    def refuse(self, subject_id: int, error: OrderCenterError) -> None:
        """This one was refused; the flow's on_error says where it goes."""
        if subject_id in self._refused:
            raise StepIncomplete(use=self.spec.use, reason="refused twice", subject_ids=[subject_id])
        self._refused[subject_id] = error

    def park(self, subject_ids: Iterable[int], wait_key: str) -> None:
        """These stay at this node until an answer with this key arrives."""
        self._parked.setdefault(wait_key, []).extend(subject_ids)

    def tell(self, values: Mapping[int, Mapping[str, Any]]) -> None:
        """Give the new values of every field the action writes, which spares the run from loading them again."""
        self._values = values

    def outcome(self) -> StepOutcome:
        """What the action said. Raises StepIncomplete unless each subject was named exactly once."""
        named = [*self._refused]
        for ids in (*self._go.values(), *self._parked.values()):
            named.extend(ids)
        expected, seen = set(self.subjects), set(named)
        if expected != seen:
            reason = "said nothing of" if expected - seen else "was not called for"
            odd = sorted(expected - seen or seen - expected)
            raise StepIncomplete(use=self.spec.use, reason=reason, subject_ids=odd)
        if len(named) != len(seen):
            twice = sorted(subject for subject in seen if named.count(subject) > 1)
            raise StepIncomplete(use=self.spec.use, reason="named more than once", subject_ids=twice)
        return StepOutcome(self._go, self._refused, list(self._parked.items()), self._values)


class Registry:
    """The installed components. The apps share `registry`; tests make their own."""

    def __init__(self) -> None:
        self._actions: dict[tuple[str, int], ActionSpec] = {}
        self._subjects: dict[str, SubjectSpec] = {}
        self._triggers: dict[str, TriggerSpec] = {}

    def action(
        self,
        *,
        use: str,
        v: int = 1,
        subject: str,
        label: str | Promise,
        kind: Literal["local", "outside"] = "local",
        ports: Iterable[str] = (),
        errors: Iterable[str] = (),
        params: Mapping[str, ParamSpec] | None = None,
        reads: Iterable[str] = (),
        writes: Iterable[str] = (),
        emits: Iterable[str] = (),
        danger: int = 0,
        permission: str | None = None,
        deprecated_by: str = "",
    ) -> Callable[[Apply], Apply]:
        """Decorator: register a function as an action; see ActionSpec for the parameters."""

        def register(apply: Apply) -> Apply:
            self.add_action(
                ActionSpec(
                    use=use,
                    v=v,
                    subject=subject,
                    label=label,
                    kind=kind,
                    apply=apply,
                    ports=tuple(ports),
                    errors=tuple(errors),
                    params=MappingProxyType(dict(params or {})),
                    reads=frozenset(reads),
                    writes=frozenset(writes),
                    emits=frozenset(emits),
                    danger=danger,
                    permission=permission,
                    deprecated_by=deprecated_by,
                )
            )
            return apply

        return register

    def add_action(self, spec: ActionSpec) -> None:
        if (spec.use, spec.v) in self._actions:
            raise ComponentClash(kind="action", name=f"{spec.use} v{spec.v}")
        self._actions[spec.use, spec.v] = spec

    def register_subject(
        self,
        name: str,
        catalogue: Catalogue,
        loader: Loader,
        *,
        model: type[models.Model] | None = None,
        place: int = 0,
    ) -> None:
        """Make a subject known with its fields; loader(ids, paths, work) loads them set-wise. See SubjectSpec."""
        if name in self._subjects:
            raise ComponentClash(kind="subject", name=name)
        self._subjects[name] = SubjectSpec(name, catalogue, loader, model, place)

    def register_trigger(self, event: str, *, subject: str, label: str | Promise, lacks: Iterable[str] = ()) -> None:
        """Make an event known as one that flows of this subject may start with or wait for."""
        if event in self._triggers:
            raise ComponentClash(kind="event", name=event)
        self._triggers[event] = TriggerSpec(event, subject, label, frozenset(lacks))

    def find_action(self, use: str, v: int) -> ActionSpec | None:
        return self._actions.get((use, v))

    def find_subject(self, name: str) -> SubjectSpec | None:
        return self._subjects.get(name)

    def find_trigger(self, event: str) -> TriggerSpec | None:
        return self._triggers.get(event)

    def get_action(self, use: str, v: int) -> ActionSpec:
        """Raises UnknownComponent."""
        spec = self.find_action(use, v)
        if spec is None:
            raise UnknownComponent(kind="action", name=f"{use} v{v}")
        return spec

    def get_subject(self, name: str) -> SubjectSpec:
        """Raises UnknownComponent."""
        spec = self.find_subject(name)
        if spec is None:
            raise UnknownComponent(kind="subject", name=name)
        return spec

    def get_trigger(self, event: str) -> TriggerSpec:
        """Raises UnknownComponent."""
        spec = self.find_trigger(event)
        if spec is None:
            raise UnknownComponent(kind="event", name=event)
        return spec

    def actions(self) -> Iterator[ActionSpec]:
        return iter(self._actions.values())

    def subjects(self) -> Iterator[SubjectSpec]:
        return iter(self._subjects.values())

    def triggers(self) -> Iterator[TriggerSpec]:
        return iter(self._triggers.values())

    def problems(self) -> list[str]:
        """Sentences about components that do not fit each other, for a test or a start-up check; empty when all do."""
        found = []
        for spec in self.actions():
            name = f"action {spec.use} v{spec.v}"
            subject = self.find_subject(spec.subject)
            if subject is None:
                found.append(f"{name}: unknown subject {spec.subject}")
                continue
            unknown = sorted(path for path in spec.reads | spec.writes if path not in subject.catalogue)
            found.extend(f"{name}: unknown field {path}" for path in unknown)
            if OUT in spec.ports:
                found.append(f"{name}: port {OUT} is there without being declared")
        for trigger in self.triggers():
            subject = self.find_subject(trigger.subject)
            if subject is None:
                found.append(f"event {trigger.event}: unknown subject {trigger.subject}")
                continue
            unknown = sorted(path for path in trigger.lacks if path not in subject.catalogue)
            found.extend(f"event {trigger.event}: unknown field {path}" for path in unknown)
        return found


registry = Registry()
action = registry.action
register_subject = registry.register_subject
register_trigger = registry.register_trigger
