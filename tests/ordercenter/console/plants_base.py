"""How a violation is planted: past every service and constraint. The plants themselves are in the files beside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connection

from tests.flows.lived_in import LivedIn

Plant = Callable[[LivedIn], None]
# Name of the check -> what breaks it. A plant breaks its own check and no other.
PLANTS: list[tuple[str, Plant]] = []


def plants(check: str) -> Callable[[Plant], Plant]:
    """Register a function as planting a violation of this check."""

    def register(plant: Plant) -> Plant:
        PLANTS.append((check, plant))
        return plant

    return register


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement, values)


def both(table: str, pk: int, changes: str) -> None:
    """Change a row, and its newest history row with it: whoever cheats may cheat twice."""
    app, _, model = table.partition("_")
    history = f"{app}_historical{model}"
    sql(f"UPDATE {table} SET {changes} WHERE id = %s", pk)
    sql(
        f"UPDATE {history} SET {changes} WHERE history_id = (SELECT max(history_id) FROM {history} WHERE id = %s)",
        pk,
    )


def without_constraint(table: str, name: str) -> None:
    sql(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


def order(lived: LivedIn, name: str, changes: str) -> None:
    both("orders_order", lived.order(name), changes)


def line(lived: LivedIn, name: str, changes: str) -> None:
    sql(f"UPDATE orders_orderline SET {changes} WHERE id = %s", lived.line(name))


def told(machine: str, pk: int, move: str, src: str, dst: str) -> None:
    sql(
        "INSERT INTO audit_state_change (at, machine, subject_id, move, src, dst, actor, chain_id)"
        " VALUES (now(), %s, %s, %s, %s, %s, 'x', gen_random_uuid())",
        machine,
        pk,
        move,
        src,
        dst,
    )


LONG_AGO = "now() - interval '1 hour'"
