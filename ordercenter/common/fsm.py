"""State machines: a protected field that remembers its moves, and the base model of everything that has a life cycle.

Built on django_fsm, with three differences. Every move is remembered on the instance until the unit of work has written
it (`ordercenter.audit.work`), so no step of a chain is lost however many share one transaction. A refused move is one
of our typed errors. And re-reading an instance never lifts the protection: the library's own `refresh_from_db` does so
for the whole class while it runs, which other threads can see.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

from django.db.models import ForeignKey, Model, QuerySet
from django.utils.translation import gettext_lazy as _
from django_fsm import ConcurrentTransition, FSMField, FSMFieldMixin, TransitionNotAllowed, transition

from ordercenter.common.errors import OrderCenterError
from ordercenter.common.rows import FastRow

__all__ = ["ConcurrentTransition", "Move", "StateField", "StateModel", "TransitionRefused", "transition"]


class Move(NamedTuple):
    """One transition that an instance made: the method's name, the state before and after."""

    name: str
    src: str
    dst: str


class TransitionRefused(OrderCenterError, TransitionNotAllowed):
    """The move is not legal from the state that the object is in."""

    code = "common.transition_refused"
    title = _("This step is not possible in the present state.")
    hint = _("Reload the page: somebody or something else may have moved it on.")

    def __init__(self, *, machine: str, pk: Any, state: str, move: str):
        super().__init__(f"{machine} {pk}: {move} is not possible in state {state}")
        self.machine, self.pk, self.state, self.move = machine, pk, state, move


class StateField(FSMField):
    """A protected state column. Changes only through `@transition` methods; each change is kept in `instance.moves`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 32)
        kwargs["protected"] = True
        super().__init__(*args, **kwargs)

    def contribute_to_class(self, cls: type[Model], name: str, private_only: bool = False, **kwargs: Any) -> None:
        if cls.__module__ == "__fake__":
            # A model of a migration has no transitions; the library would look for them at every later model, and
            # hundreds of migrations would take minutes.
            super(FSMFieldMixin, self).contribute_to_class(cls, name, private_only=private_only, **kwargs)
            return
        super().contribute_to_class(cls, name, private_only=private_only, **kwargs)

    def change_state(self, instance: Any, method: Any, *args: Any, **kwargs: Any) -> Any:
        own = instance.__dict__
        src = own[self.name]
        meta = method._django_fsm
        if not meta.has_transition(src) or not meta.conditions_met(instance, src):
            raise TransitionRefused(machine=instance._meta.label_lower, pk=instance.pk, state=src, move=method.__name__)
        # The library would send two signals here; nothing of ours may listen to them, so they are not sent.
        result = method(instance, *args, **kwargs)
        own[self.name] = str(meta.next_state(src))
        own.setdefault("_moves", []).append(Move(method.__name__, src, own[self.name]))
        return result


class StateModel(FastRow):
    """Base of every model with a `state`. Rows change their state only through the unit of work."""

    # Whether making a row counts as its first move. Not for rows that exist only beside another machine's move.
    births_are_logged: ClassVar[bool] = True

    class Meta:
        abstract = True

    @property
    def moves(self) -> list[Move]:
        """The transitions made since the row was read or last written."""
        moves: list[Move] = self.__dict__.setdefault("_moves", [])
        return moves

    @property
    def state_in_database(self) -> str:
        """The state that the row had when it was read: what compare-and-set compares with."""
        moves = self.moves
        state: str = moves[0].src if moves else self.__dict__["state"]
        return state

    def refresh_from_db(
        self, using: str | None = None, fields: Iterable[str] | None = None, from_queryset: Any = None
    ) -> None:
        manager = (
            from_queryset if from_queryset is not None else type(self)._base_manager.using(using or self._state.db)
        )
        fresh = manager.get(pk=self.pk)
        names = set(fields) if fields is not None else None
        for field in self._meta.concrete_fields:
            if names is None or field.name in names or field.attname in names:
                if isinstance(field, ForeignKey) and field.is_cached(self):
                    field.delete_cached_value(self)
                self.__dict__[field.attname] = fresh.__dict__[field.attname]
        if names is None or "state" in names:
            # As long as the state is what was moved to here, the moves have to be written.
            self.__dict__["_moves"] = []

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.moves and not self._state.adding:
            raise RuntimeError("state changes are written by the unit of work, not by save()")
        super().save(*args, **kwargs)

    def _do_update(self, base_qs: QuerySet[Any], *args: Any, **kwargs: Any) -> Any:
        # A form that was opened before the row moved on must not write over it.
        updated = super()._do_update(base_qs.filter(state=self.state_in_database), *args, **kwargs)
        if not updated and base_qs.filter(pk=self.pk).exists():
            raise ConcurrentTransition(f"{self._meta.label} {self.pk} has moved on since it was read")
        return updated
