"""Primary keys ahead of the rows: never the same twice, whoever asks."""

from __future__ import annotations

import os
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ordercenter.cases.models import Case
from ordercenter.common import ids
from ordercenter.common.ids import forget_pools, new_ids

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_pools() -> None:
    forget_pools()


def test_a_block_is_fetched_once_and_handed_out_in_order() -> None:
    first = new_ids(Case, 3)
    with CaptureQueriesContext(connection) as queries:
        second = new_ids(Case, 400)

    assert first + second == sorted(set(first + second))
    assert len(queries) == 0


def test_more_than_a_block_comes_in_one_statement() -> None:
    new_ids(Case, 1)
    with CaptureQueriesContext(connection) as queries:
        many = new_ids(Case, 5000)

    assert len(set(many)) == 5000
    assert len(queries) == 1


def test_a_row_saved_by_django_never_gets_a_pooled_key() -> None:
    pooled = set(new_ids(Case, 10))
    forget_pools()

    assert pooled.isdisjoint(new_ids(Case, 2000))


class HesitantDeque(deque[int]):
    """Lets another thread in after it was asked how much it holds."""

    def __len__(self) -> int:
        size = super().__len__()
        time.sleep(0.0005)
        return size


def test_threads_of_one_process_never_get_the_same_key_nor_an_empty_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    supply = iter(range(1_000_000))

    def refill(pool: deque[int], _table: str, _column: str, count: int) -> None:
        pool.extend(next(supply) for _ in range(10))

    monkeypatch.setattr(ids, "_refill", refill)
    monkeypatch.setattr(ids, "deque", HesitantDeque)
    settings: dict[str, Any] = {"NAME": "threads"}
    monkeypatch.setattr(ids, "connection", type("Connection", (), {"settings_dict": settings}))

    with ThreadPoolExecutor(8) as pool:
        drawn = [key for keys in pool.map(lambda _n: new_ids(Case, 7), range(80)) for key in keys]

    assert len(drawn) == len(set(drawn)) == 560


def test_a_forked_child_starts_with_empty_pools() -> None:
    new_ids(Case, 1)
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, str(len(ids._pools)).encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(read, 10) == b"0"
    os.close(read)
    os.close(write)
