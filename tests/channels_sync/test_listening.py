"""What wakes the listener: only what came in from outside, as one bell, however much was told at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from channels_sync.management.commands.listen_channels import _bells, _hears_something
from ordercenter.common.sessions import connect_beside
from ordercenter.events.log import CHANNEL, FROM_OUTSIDE

pytestmark = pytest.mark.django_db


@pytest.fixture
def bells() -> Iterator[psycopg.Connection[Any]]:
    with _bells() as bells:
        yield bells


def tell(*payloads: str) -> None:
    # In one transaction: they are heard at one moment.
    with connect_beside() as db, db.transaction():
        for payload in payloads:
            db.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload])


@pytest.mark.timeout(20)
def test_messages_of_one_moment_are_one_bell_and_later_ones_are_heard_as_well(
    bells: psycopg.Connection[Any],
) -> None:
    tell("", FROM_OUTSIDE, FROM_OUTSIDE)
    assert _hears_something(bells)
    assert not _hears_something(bells)

    tell(FROM_OUTSIDE)
    assert _hears_something(bells)


@pytest.mark.timeout(20)
def test_what_the_house_tells_itself_is_no_bell(bells: psycopg.Connection[Any]) -> None:
    tell("", "")

    assert not _hears_something(bells)
