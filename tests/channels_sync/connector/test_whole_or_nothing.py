"""Whatever a connector's document and a shop's answer are like: an order comes in whole or not at all; none is lost."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels_sync.accounts import adapter_of
from channels_sync.adapters import http
from channels_sync.adapters.base import Window
from channels_sync.connector.documents import ConnectorInvalid, read_document
from channels_sync.connector.reading import read_order
from channels_sync.errors import MessageUnreadable
from channels_sync.models import SyncCursor
from channels_sync.platforms import PLATFORMS
from channels_sync.services import pull_orders
from channels_sync.translating import take_orders
from finance.models import PaymentEntry
from ordercenter.common.secretfield import seal
from ordercenter.common.strictjson import UnreadableBody, dumps_exact, loads_strict
from ordercenter.events.models import InboxMessage
from ordercenter.events.registry import Message
from ordercenter.orders.intake_types import IncomingOrder
from ordercenter.orders.models import Order
from tests.channels_sync.connector.shop import SECRETS, document, order
from tests.flows.world import World

NOON = datetime.fromisoformat("2026-11-11T12:00:00+08:00")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)
PATHS = st.sampled_from(
    [
        "$.no",
        "$.state",
        "$.placed",
        "$.pay.at",
        "$.cents",
        "$.to.name",
        "$.goods[0].qty",
        "$.goods[*].price",
        "$.nowhere",
    ]
)
RULES = st.one_of(
    PATHS,
    st.builds(lambda path, unit: {"path": path, "unit": unit}, PATHS, st.sampled_from(["fen", "yuan"])),
    st.builds(lambda path, default: {"path": path, "default": default}, PATHS, st.text(max_size=6)),
    st.builds(lambda path, form: {"path": path, "time": {"format": form}}, PATHS, st.sampled_from(["unix", "unix_ms"])),
    st.builds(lambda one, two: {"concat": [one, "-", two]}, PATHS, PATHS),
    st.builds(lambda value: {"value": value}, st.text(max_size=6)),
    st.builds(lambda path: {"path": path, "words": {"20": "paid", "110": "created"}}, PATHS),
)


@st.composite
def spoiled_rows(draw: st.DrawFn) -> Any:
    """An order of the shop in which up to three things are something else, or are missing."""
    row: Any = copy.deepcopy(order(draw(st.sampled_from(["A-1", "A-2", "A-3"]))))
    for _ in range(draw(st.integers(0, 3))):
        place = row
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], dict | list) and draw(st.booleans()):
                place = place[key]
                continue
            if isinstance(place, dict) and draw(st.booleans()):
                del place[key]
            else:
                place[key] = draw(JSON)
            break
    return row


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """The shop's document in which up to three rules are others."""
    made = document()
    for _ in range(draw(st.integers(0, 3))):
        group = made["orders"][draw(st.sampled_from(["fields", "line_fields"]))]
        group[draw(st.sampled_from(sorted(group)))] = draw(RULES)
    return made


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made=documents(), row=spoiled_rows())
def test_a_row_is_read_to_the_fen_or_refused_with_its_place(made: dict[str, Any], row: Any) -> None:
    found = read_or_place(made, row)
    if found is None:
        return
    if isinstance(found, str):
        assert found
        return

    assert found.channel_order_no
    assert sum((line.paid_share for line in found.lines), Decimal()) + found.freight == found.total_amount
    assert all(line.quantity > 0 and line.unit_price >= 0 for line in found.lines)


def read_or_place(made: dict[str, Any], row: Any) -> IncomingOrder | str | None:
    """The order, or the place that cannot be read; None for a document that is refused. All else is a mistake."""
    try:
        return read_order(read_document(made), loads_strict(dumps_exact(row)), account_id=7)
    except ConnectorInvalid:
        return None
    except MessageUnreadable as error:
        return error.path
    except UnreadableBody as error:
        # Refused before it is looked at, as intake does.
        return str(error)


@pytest.fixture
def world(db: None) -> World:
    """Each example is undone by itself, inside the transaction of the test."""
    world = World()
    account = world.account
    account.refresh_from_db()
    account.adapter, account.secrets, account.app_key = "http", seal(SECRETS), "app-1"
    account.options = {"connector": document(orders__detail=None)}
    account.save()
    return world


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(spoiled_rows(), min_size=1, max_size=4))
def test_of_a_list_of_messages_each_order_is_ours_with_all_its_lines_or_not_at_all(
    world: World, rows: list[Any]
) -> None:
    with transaction.atomic():
        source, now = f"account:{world.account.pk}", NOON
        messages = [Message(n, source, "http.order", f"o{n}", dumps_exact(row), {}, now) for n, row in enumerate(rows)]

        refused = take_orders(PLATFORMS["http"], messages)

        taken = {str(row["no"]): row for n, row in enumerate(rows) if n not in refused}
        ours = {found.channel_order_no: found for found in Order.objects.prefetch_related("lines")}
        assert set(ours) == set(taken)
        for found in ours.values():
            assert found.lines.count() > 0
            assert sum(line.paid_share for line in found.lines.all()) + found.freight_amount == found.total_amount
        assert PaymentEntry.objects.count() <= len(ours)
        transaction.set_rollback(True)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(spoiled_rows(), min_size=1, max_size=4))
def test_no_row_of_a_page_is_passed_over_and_all_are_here_once_the_shop_is_mended(
    world: World, rows: list[Any]
) -> None:
    with transaction.atomic(), pytest.MonkeyPatch.context() as patch:
        shown = rows

        def page(self: http.HttpAdapter, *_args: Any) -> http.Page:
            return http.Page(tuple((f"$.data.items[{n}]", row) for n, row in enumerate(shown)), None)

        patch.setattr(http.HttpAdapter, "page", page)
        patch.setattr(http.HttpAdapter, "_call", lambda *_args, **_more: ({}, None))
        pull_orders(account=world.account, at=NOON)
        kept = numbers_kept()
        cursor = SyncCursor.objects.get(kind="orders")
        readable = adapter_of(world.account).pull_changed_orders(Window(NOON, NOON + timedelta(hours=1)))
        assert (cursor.held_from is not None) == bool(readable.unreadable)
        assert kept == {row.channel_order_no for row in readable.orders}

        shown = [order(f"B-{n}") for n, _row in enumerate(rows)]
        pull_orders(account=world.account, at=NOON + timedelta(hours=2))

        assert numbers_kept() == kept | {f"B-{n}" for n, _row in enumerate(rows)}
        assert SyncCursor.objects.get(kind="orders").held_from is None
        transaction.set_rollback(True)


def numbers_kept() -> set[str]:
    return {m.message_id.rpartition(":")[0] for m in InboxMessage.objects.filter(kind="http.order")}
