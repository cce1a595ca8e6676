"""Triggers that note the SKUs whose numbers at channels may have to change, whoever changed what they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.migrations import RunSQL

_EVENTS = {
    "insert": "REFERENCING NEW TABLE AS fresh",
    "update": "REFERENCING OLD TABLE AS was NEW TABLE AS fresh",
    "delete": "REFERENCING OLD TABLE AS was",
}
# Nothing is noted where no shop is told its stock by us.
_FUNCTION = """
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM inventory_channelpolicy) AND ({only_if}) THEN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO inventory_stockchange (sku_id, at)
            SELECT DISTINCT {sku}, now() FROM fresh t {join} WHERE {sku} IS NOT NULL;
        ELSIF TG_OP = 'DELETE' THEN
            INSERT INTO inventory_stockchange (sku_id, at)
            SELECT DISTINCT {sku}, now() FROM was t {join} WHERE {sku} IS NOT NULL;
        ELSE
            INSERT INTO inventory_stockchange (sku_id, at)
            SELECT DISTINCT {sku}, now() FROM (
                SELECT f.* FROM fresh f JOIN was w ON w.id = f.id WHERE {changed}
                UNION ALL SELECT w.* FROM fresh f JOIN was w ON w.id = f.id WHERE {changed}) t {join}
            WHERE {sku} IS NOT NULL;
        END IF;
    END IF;
    RETURN NULL;
END $$;
"""
_TRIGGER = """
CREATE TRIGGER {name}_{event} AFTER {event} ON {table} {tables} FOR EACH STATEMENT EXECUTE FUNCTION {name}();
"""


@dataclass(frozen=True, slots=True)
class Noted:
    """A table of whose rows t the SKU `sku` (over `join`) is noted, at these events.

    columns: an update that changes none of them is no change. only_if: a condition on the whole installation.
    """

    table: str
    columns: Sequence[str]
    sku: str = "t.sku_id"
    join: str = ""
    events: Sequence[str] = ("insert", "update", "delete")
    only_if: str = "true"

    @property
    def name(self) -> str:
        """Of its function, and what the names of its triggers begin with."""
        return f"note_{self.table}"


def note_triggers(noted: Sequence[Noted]) -> list[RunSQL]:
    """One function for each table, and a trigger for each event."""
    return [RunSQL(_made(n), _gone(n)) for n in noted]


def _made(n: Noted) -> str:
    changed = " OR ".join(f"f.{column} IS DISTINCT FROM w.{column}" for column in n.columns)
    body = _FUNCTION.format(name=n.name, only_if=n.only_if, sku=n.sku, join=n.join, changed=changed)
    triggers = (_TRIGGER.format(name=n.name, event=event, table=n.table, tables=_EVENTS[event]) for event in n.events)
    return body + "".join(triggers)


def _gone(n: Noted) -> str:
    dropped = "".join(f"DROP TRIGGER {n.name}_{event} ON {n.table};\n" for event in n.events)
    return f"{dropped}DROP FUNCTION {n.name}();"
