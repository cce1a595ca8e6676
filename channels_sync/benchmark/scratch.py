"""A database for one measurement, on the same server and with the same durability as the real one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command
from django.db import connection

from ordercenter.common.ids import forget_pools

NAME = "ordercenter_bench"


@contextmanager
def bench_database() -> Iterator[None]:
    """Point the default connection at a fresh, migrated database; drop it and point back at the end."""
    home = connection.settings_dict["NAME"]
    _recreate()
    _use(NAME)
    try:
        call_command("migrate", verbosity=0, interactive=False)
        yield
    finally:
        _use(home)
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{NAME}" WITH (FORCE)')


def _recreate() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{NAME}" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{NAME}"')


def _use(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name
    forget_pools()
