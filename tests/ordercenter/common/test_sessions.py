"""One at a time, over sessions: who comes second is told so, and a session that ends gives its lock back."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection

from ordercenter.common.sessions import alone_at, connect_beside
from tests.badday.system import wait_until

pytestmark = pytest.mark.django_db

TRY = "SELECT pg_try_advisory_lock(hashtext('bills'), hashtext('7'))"


@pytest.fixture
def other() -> Iterator[psycopg.Connection[tuple[bool]]]:
    with connect_beside() as db:
        yield db


def may(db: psycopg.Connection[tuple[bool]]) -> bool:
    row = db.execute(TRY).fetchone()
    return row is not None and row[0]


def test_the_lock_is_held_in_the_block_and_given_back_after_it(other: psycopg.Connection[tuple[bool]]) -> None:
    with alone_at("bills", 7) as is_ours:
        assert is_ours
        assert not may(other)

    assert may(other)


def test_who_comes_second_is_told_so_and_takes_nothing_away(other: psycopg.Connection[tuple[bool]]) -> None:
    assert may(other)

    with alone_at("bills", 7) as is_ours, alone_at("bills", 8) as is_other_work_ours:
        assert (is_ours, is_other_work_ours) == (False, True)

    with connection.cursor() as cursor:
        cursor.execute(TRY)
        assert cursor.fetchone() == (False,)
    other.close()
    # The server notices a moment later.
    wait_until(is_free_again, timeout_s=10, what="the lock of a session that ended is free", every_s=0.05)


def is_free_again() -> bool:
    with alone_at("bills", 7) as is_ours:
        return is_ours


def test_a_failure_inside_gives_the_lock_back(other: psycopg.Connection[tuple[bool]]) -> None:
    with pytest.raises(ZeroDivisionError), alone_at("bills", 7):
        _ = 1 / 0

    assert may(other)
