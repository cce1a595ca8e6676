"""Rows out in bulk: COPY for new ones, one UPDATE ... FROM unnest for changed ones, whole history rows beside them.

A row costs a few microseconds here instead of the hundreds that save() takes: no SQL is compiled, no instance of the
historical model is built. History rows have the form that django-simple-history itself writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from itertools import chain, islice
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models

from ordercenter.common.gathering import FEW_ROWS, StatementCounter, open_gathering, require_rows
from ordercenter.common.rows import array_type_of

Row = tuple[Any, ...]


_encode = DjangoJSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


# Instances, times and identifiers whose text never holds a character that COPY reads as a sign.
_PLAIN = frozenset((int, Decimal, datetime, date, UUID))
_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
LINES_AT_ONCE = 500


@dataclass(frozen=True)
class TablePlan:
    """How rows of a model leave: columns in order, one getter for all values, converters where the value needs one."""

    table: str
    columns: tuple[str, ...]
    attnames: tuple[str, ...]
    types: tuple[str, ...]
    getter: Callable[[Any], Any]
    converters: tuple[tuple[int, Callable[[Any], Any]], ...]
    fast_line: Callable[[dict[str, Any]], str]

    def line(self, instance: Any) -> str:
        """The row in COPY's text form."""
        try:
            return self.fast_line(instance.__dict__)
        except KeyError:
            # Read with some columns left out: their values are fetched as they are asked for.
            return "\t".join(map(copy_text, self.row(instance)))

    def row(self, instance: Any) -> Row:
        values = self.getter(instance)
        if not self.converters:
            return values  # type: ignore[no-any-return]
        changed = list(values)
        for index, convert in self.converters:
            changed[index] = convert(changed[index])
        return tuple(changed)


@cache
def plan_of(model: type[models.Model], attnames: tuple[str, ...] | None = None) -> TablePlan:
    """The plan for all concrete columns, or for the named ones (two or more, the primary key first)."""
    fields = [f for f in model._meta.concrete_fields if not f.generated]
    if attnames is not None:
        by_name = {f.attname: f for f in fields}
        fields = [by_name[name] for name in attnames]
    return TablePlan(
        table=model._meta.db_table,
        columns=tuple(str(f.column) for f in fields),
        attnames=tuple(f.attname for f in fields),
        types=tuple(array_type_of(f) for f in fields),
        getter=attrgetter(*(f.attname for f in fields)),
        converters=tuple((i, c) for i, f in enumerate(fields) if (c := _converter(f)) is not None),
        fast_line=_line_maker(fields),
    )


# Fields whose values, other than NULL, are their own text.
_OWN_TEXT = (models.IntegerField, models.DecimalField, models.DateField, models.UUIDField)


def _line_maker(fields: Sequence[models.Field[Any, Any]]) -> Callable[[dict[str, Any]], str]:
    """A function from an instance's values to its line, put together once for the model.

    It writes 15 columns in the time in which a loop over getters and types writes five; half of what the pipeline does
    in Python is writing lines.
    """
    known: dict[str, Any] = {"text": copy_text, "null": "\\N"}
    careful, plain, words = [], [], []
    for number, field in enumerate(fields):
        value = f"d[{field.attname!r}]"
        as_it_is = f"{{null if {value} is None else {value}}}"
        convert = _converter(field)
        if convert is not None:
            known[f"convert{number}"] = convert
            careful.append(f"{{text(convert{number}({value}))}}")
        elif isinstance(_pointed_at(field), _OWN_TEXT):
            careful.append(as_it_is if field.null else f"{{{value}}}")
        else:
            careful.append(f"{{text({value})}}")
        if convert is None and isinstance(field, models.CharField | models.TextField):
            words.append(f"{{{value}}}")
            plain.append(as_it_is)
        else:
            plain.append(careful[-1])

    def made(parts: Sequence[str], separator: str) -> Callable[[dict[str, Any]], str]:
        # The text is made of the names of our own columns only.
        return eval('lambda d: f"' + separator.join(parts) + '"', known)  # type: ignore[no-any-return]  # noqa: S307

    return _line(made(careful, "\t"), made(plain, "\t"), made(words, ""))


def _line(
    careful: Callable[[dict[str, Any]], str],
    plain: Callable[[dict[str, Any]], str],
    words: Callable[[dict[str, Any]], str],
) -> Callable[[dict[str, Any]], str]:
    """Hardly any row holds a sign: its words are looked through all at once, and each by itself only if one does."""

    def line(values: dict[str, Any]) -> str:
        text = words(values)
        if "\\" in text or "\n" in text or "\t" in text or "\r" in text:
            return careful(values)
        return plain(values)

    return line


def _pointed_at(field: models.Field[Any, Any]) -> Any:
    """The field itself, or the one that a foreign key holds a value of."""
    pointed: Any = field
    while pointed.is_relation:
        pointed = pointed.target_field
    return pointed


def copy_lines(table: str, columns: Sequence[str], lines: Iterable[str]) -> None:
    """Write lines that are in COPY's text form already: values by tabs, free text through copy_text. None: nothing.

    A few lines join what is gathered at the moment (common/gathering.py) instead of taking a COPY of their own.
    """
    lines = iter(lines)
    gathering = open_gathering()
    if gathering is not None:
        first = list(islice(lines, FEW_ROWS + 1))
        if len(first) <= FEW_ROWS:
            if first:
                gathering.insert(table, columns, first)
            return
        gathering.send()
        lines = chain(first, lines)
    names = ", ".join(f'"{column}"' for column in columns)
    StatementCounter.unseen += 1
    # The cursor's own wrapper does not reach into the block: without this one, callers would meet the driver's errors.
    errors = connection.wrap_database_errors
    with errors, connection.cursor() as cursor, cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
        for chunk in batched(lines, LINES_AT_ONCE):
            copy.write("\n".join(chunk) + "\n")


def copy_text(value: Any) -> str:
    """One value in COPY's text form (PostgreSQL manual, COPY, Text Format)."""
    kind: type = type(value)
    if kind is str:
        text: str = value
        return text if _SPECIAL.search(text) is None else text.translate(_ESCAPES)
    if value is None:
        return "\\N"
    if kind is bool:
        return "t" if value else "f"
    if kind is bytes:
        return "\\\\x" + bytes.hex(value)
    text = str(value)
    return text if kind in _PLAIN or _SPECIAL.search(text) is None else text.translate(_ESCAPES)


def batched(items: Iterable[str], size: int) -> Iterator[tuple[str, ...]]:
    """Items in tuples of `size`, the last one shorter."""
    iterator = iter(items)
    while chunk := tuple(islice(iterator, size)):
        yield chunk


def insert_instances(model: type[models.Model], instances: Sequence[models.Model]) -> None:
    """Write new instances, primary keys already set, in one COPY."""
    plan = plan_of(model)
    copy_lines(plan.table, plan.columns, map(plan.line, instances))
    alias = connection.alias
    for instance in instances:
        state = instance._state
        state.adding, state.db = False, alias


@dataclass(frozen=True)
class Update:
    """An UPDATE ready to be sent, whose rows it changes, and how many it must find."""

    table: str
    sql: str
    parameters: list[Any]
    label: str
    rows: int

    def send(self) -> None:
        """Send it, or let it join what is gathered. Raises ConcurrentTransition when it finds fewer rows."""
        gathering = open_gathering()
        if gathering is not None and self.rows <= FEW_ROWS:
            gathering.update(self.sql, self.parameters, label=self.label, rows=self.rows)
            return
        if gathering is not None:
            gathering.send()
        with connection.cursor() as cursor:
            cursor.execute(self.sql, self.parameters)
            require_rows(self.label, self.rows, found=cursor.rowcount)


def update_of(model: type[models.Model], instances: Sequence[Any], attnames: Iterable[str]) -> Update:
    """One UPDATE of these columns of changed instances, with the values that they have now.

    Where `state` is among them, a row is written only if it still is in the state it was read in.
    """
    names = (model._meta.pk.attname, *sorted(set(attnames)))
    plan = plan_of(model, names)
    columns: list[Sequence[Any]] = list(zip(*(plan.row(i) for i in instances), strict=True))
    types = list(plan.types)
    sets = ", ".join(f'"{c}" = v."{c}"' for c in plan.columns[1:])
    aliases = [f'"{c}"' for c in plan.columns]
    where = f't."{plan.columns[0]}" = v."{plan.columns[0]}"'
    if "state" in names:
        columns.append([i.state_in_database for i in instances])
        types.append("text")
        aliases.append("was")
        where += " AND t.state = v.was"
    unnest = ", ".join(f"%s::{t}[]" for t in types)
    sql = f'UPDATE "{plan.table}" AS t SET {sets} FROM unnest({unnest}) AS v({", ".join(aliases)}) WHERE {where}'
    return Update(plan.table, sql, [list(values) for values in columns], model._meta.label, len(instances))


def update_instances(model: type[models.Model], instances: Sequence[Any], attnames: Iterable[str]) -> None:
    """Write these columns of changed instances in one UPDATE; see update_of and Update.send."""
    update_of(model, instances, attnames).send()


@dataclass(frozen=True)
class Lines:
    """Rows for a table as lines in COPY's text form."""

    table: str
    columns: tuple[str, ...]
    lines: list[str]

    def send(self) -> None:
        """Write them; see copy_lines."""
        if self.lines:
            copy_lines(self.table, self.columns, self.lines)


def history_of(
    model: type[models.Model], instances: Iterable[tuple[Any, str]], *, at: datetime, user_id: int | None, reason: str
) -> Lines:
    """One history row per (instance, "+" | "~"), as the instance is now."""
    plan, history_table = _history_plan(model)
    columns = (*plan.columns, "history_date", "history_change_reason", "history_user_id", "history_type")
    tail = "\t".join(map(copy_text, (at, reason, user_id)))
    return Lines(history_table, columns, [f"{plan.line(instance)}\t{tail}\t{kind}" for instance, kind in instances])


def has_history(model: type[models.Model]) -> bool:
    """Whether the model is kept by django-simple-history."""
    return hasattr(model._meta, "simple_history_manager_attribute")


@cache
def _history_plan(model: type[models.Model]) -> tuple[TablePlan, str]:
    # The `history` descriptor builds a manager class at each access (0.4 ms): take the model once and keep it.
    historical = getattr(model, model._meta.simple_history_manager_attribute).model  # type: ignore[attr-defined]
    tracked = tuple(f.attname for f in historical.tracked_fields)
    return plan_of(model, tracked), historical._meta.db_table


def _array_text(values: Sequence[Any] | None) -> str | None:
    """An array of texts or numbers in the form that PostgreSQL reads."""
    if values is None:
        return None
    return "{" + ",".join('"' + str(v).replace("\\", "\\\\").replace('"', '\\"') + '"' for v in values) + "}"


def _converter(field: models.Field[Any, Any]) -> Callable[[Any], Any] | None:
    if isinstance(field, models.JSONField):
        return lambda value: None if value is None else _encode(value)
    if isinstance(field, ArrayField):
        return _array_text
    own = getattr(field, "to_column", None)
    if own is not None:
        return own  # type: ignore[no-any-return]
    return None
