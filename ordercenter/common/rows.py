"""Model instances at the price of a dict: for batches where Model.__init__ would cost more than everything else.

`new_row` makes an unsaved instance from attribute names (`order_id`, not `order`), with the fields' defaults for the
rest; `FastRow` makes Django build the instances of a query the same way. No signals of construction are sent: none of
our models listens to any.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache
from typing import Any, Self, TypeVar

from django.db import models
from django.db.models.base import ModelState
from django.db.models.expressions import Value
from django.db.models.fields import NOT_PROVIDED

M = TypeVar("M", bound=models.Model)


def new_row(model: type[M], **values: Any) -> M:
    """An unsaved instance. values: by attribute name; what is left out gets its field's default."""
    fixed, called = _defaults(model)
    row = model.__new__(model)
    own = row.__dict__
    own["_state"] = ModelState()
    own.update(fixed)
    for name, make in called:
        if name not in values:
            own[name] = make()
    own.update(values)
    return row


@cache
def _defaults(model: type[models.Model]) -> tuple[dict[str, Any], tuple[tuple[str, Callable[[], Any]], ...]]:
    fixed: dict[str, Any] = {}
    called: list[tuple[str, Callable[[], Any]]] = []
    for field in model._meta.concrete_fields:
        if field.default is not NOT_PROVIDED and callable(field.default):
            called.append((field.attname, field.default))
        else:
            fixed[field.attname] = field.get_default()
    return fixed, tuple(called)


class FastRow(models.Model):
    """Base of models that are read by the hundred."""

    class Meta:
        abstract = True

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **more: Any) -> Self:
        if len(values) != len(cls._meta.concrete_fields):
            return super().from_db(db, field_names, values, **more)
        row = cls.__new__(cls)
        state = ModelState()
        state.adding, state.db = False, db
        own = row.__dict__
        own["_state"] = state
        own.update(zip(_attnames(cls), values, strict=True))
        return row


@cache
def _attnames(model: type[models.Model]) -> tuple[str, ...]:
    return tuple(field.attname for field in model._meta.concrete_fields)


@models.ForeignObject.register_lookup
@models.Field.register_lookup
class AnyOf(models.Lookup):
    """`filter(pk__any_of=ids)`: one array parameter, where `__in` writes a placeholder for each value.

    With hundreds of values, building and splitting those placeholders costs more than the query.
    """

    lookup_name = "any_of"
    prepare_rhs = False

    def get_prep_lookup(self) -> Any:
        return list(self.rhs) if not isinstance(self.rhs, Value) else self.rhs

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, params = self.process_lhs(compiler, connection)
        field = self.lhs.output_field
        while field.is_relation:
            field = field.target_field
        kind = str(field.db_type(connection))
        kind = "text" if kind.startswith("varchar") else kind
        return f"{left} = ANY(%s::{kind}[])", (*params, self.rhs)
