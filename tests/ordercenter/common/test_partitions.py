from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Barrier

import pytest
from django.db import connection

from ordercenter.audit.models import StateChange
from ordercenter.common.partitions import PARTITIONED, ensure_partitions

FAR = date(2093, 5, 17)
NAMES = [f"{table}_2093{month:02}" for table, _column in PARTITIONED for month in (5, 6)]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_partitions_left() -> Iterator[None]:
    yield
    with connection.cursor() as cursor:
        for name in NAMES:
            cursor.execute(f'DROP TABLE IF EXISTS "{name}"')


def state_change(at: datetime) -> None:
    StateChange.objects.create(
        machine="order", subject_id=1, move="create", src="", dst="approved", actor="test", chain_id=uuid.uuid4(), at=at
    )


def rows_in(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM ONLY "{table}"')
        return int(cursor.fetchone()[0])


def test_the_months_asked_for_are_made_once() -> None:
    assert ensure_partitions(today=FAR, months_ahead=1) == NAMES
    assert ensure_partitions(today=FAR, months_ahead=1) == []


def test_rows_that_came_before_their_month_move_into_it() -> None:
    state_change(datetime(2093, 5, 1, tzinfo=UTC))
    state_change(datetime(2093, 4, 30, 23, 59, 59, tzinfo=UTC))
    assert rows_in("audit_state_change_other") == 2

    ensure_partitions(today=FAR, months_ahead=1)
    state_change(datetime(2093, 5, 31, 23, 59, 59, tzinfo=UTC))

    assert rows_in("audit_state_change_other") == 1
    assert rows_in("audit_state_change_209305") == 2
    assert StateChange.objects.count() == 3


def test_processes_that_start_together_make_each_month_once() -> None:
    together = Barrier(4)

    def ask() -> list[str]:
        try:
            together.wait()
            return ensure_partitions(today=FAR, months_ahead=1)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        made = [call.result() for call in [pool.submit(ask) for _ in range(4)]]

    assert sorted(name for names in made for name in names) == sorted(NAMES)
