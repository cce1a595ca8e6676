"""Model instances at the price of a dict: for batches where Model.__init__ would cost more than everything else.

`new_row` makes an unsaved instance from attribute names (`order_id`, not `order`), with the fields' defaults for the
rest; `FastRow` makes Django build the instances of a query the same way. No signals of construction are sent: none of
our models listens to any.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any, Self, TypeVar

from django.db import connection, models
from django.db.models.base import ModelState
from django.db.models.expressions import Value
from django.db.models.fields import NOT_PROVIDED

FOR_UPDATE = " FOR UPDATE"
FOR_UPDATE_NOW = " FOR UPDATE NOWAIT"

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


def locked_rows(model: type[M], attname: str, values: Collection[Any], *, waits: bool = True) -> list[M]:
    """The rows whose column is one of these values, locked, in primary-key order: one SELECT ... FOR UPDATE.

    waits: False where waiting for who has one of them could be for ever: the database's error for a lock that is not
    available (an OperationalError, SQLSTATE 55P03) is raised instead, and the transaction is over.
    """
    return rows_where(model, {attname: values}, lock=FOR_UPDATE if waits else FOR_UPDATE_NOW)


def rows_where(model: type[M], wanted: Mapping[str, Collection[Any]], *, lock: str = "") -> list[M]:
    """The rows of which each of these columns is one of its values, in primary-key order; lock: the clause for it.

    The same as a query with `any_of`, `order_by("pk")` and `select_for_update`, whose text is put together once per
    model and columns instead of at every call: with one row that takes longer than the answer.
    """
    sql, readers = _reading(model, tuple(wanted), lock)
    db = connection.alias
    names = _attnames(model)
    with connection.cursor() as cursor:
        cursor.execute(sql, [list(values) for values in wanted.values()])
        rows = cursor.fetchall()
    if readers:
        rows = [_read(row, readers) for row in rows]
    return [model.from_db(db, names, row) for row in rows]


@cache
def _reading(
    model: type[models.Model], attnames: tuple[str, ...], lock: str
) -> tuple[str, tuple[tuple[int, Any], ...]]:
    """The text of the query, and what turns columns into values where the driver's own are not those of the field."""
    quote = connection.ops.quote_name
    table, fields = quote(model._meta.db_table), model._meta.concrete_fields
    by_name = {field.attname: field for field in fields}
    asked = " AND ".join(
        f"t.{quote(str(by_name[name].column))} = ANY(%s::{array_type_of(by_name[name])}[])" for name in attnames
    )
    columns = ", ".join(f"t.{quote(str(field.column))}" for field in fields)
    sql = f"SELECT {columns} FROM {table} AS t WHERE {asked} ORDER BY t.{quote(str(model._meta.pk.column))}" + lock
    readers = []
    for number, field in enumerate(fields):
        column = field.get_col(model._meta.db_table)
        steps = [*connection.ops.get_db_converters(column), *field.get_db_converters(connection)]
        if steps:
            readers.append((number, (steps, column)))
    return sql, tuple(readers)


def _read(row: tuple[Any, ...], readers: tuple[tuple[int, Any], ...]) -> list[Any]:
    values = list(row)
    for number, (steps, column) in readers:
        for step in steps:
            values[number] = step(values[number], column, connection)
    return values


def array_type_of(field: Any) -> str:
    """The column type of what a field compares with."""
    while field.is_relation:
        field = field.target_field
    kind = str(field.db_type(connection))
    return "text" if kind.startswith("varchar") else kind


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
        return f"{left} = ANY(%s::{array_type_of(self.lhs.output_field)}[])", (*params, self.rhs)
