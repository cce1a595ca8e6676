"""From raw messages in the inbox to the written warehouse command, held against the COPY floor of the same run."""

from __future__ import annotations

import itertools
import os
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from django.db import connection, transaction

from channels_sync.benchmark.floor import run_floor
from channels_sync.benchmark.measure import Cpu, cpu_now, server_pid
from channels_sync.benchmark.orders import paid_orders
from channels_sync.demo import seed_company
from channels_sync.models import ChannelAccount
from channels_sync.sandbox import credentials
from ordercenter.common.gathering import counted_statements
from ordercenter.events.inbox import receive
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.queues import Queue
from ordercenter.events.relay import Relay, keep_collector_out
from ordercenter.events.scope import whole

CHUNK = 1000


def run_pipeline(*, orders: int, relays: int) -> dict[str, Any]:
    """Bring seeded orders through the standard flow; orders/s, CPU ms per order, share of the floor, statements.

    relays: processes that share the lanes; the first figures are with the number asked for.
    """
    floor = run_floor(orders=min(orders, 20_000))
    account = company()
    # The first batch fills pools and compiles flows once for the whole process.
    _statements(account, 100)
    statements = {size: _statements(account, size) for size in (50, 500)}
    fill_inbox(account, orders=orders, seed=11)
    before_done = _commands()
    server = server_pid()
    before = cpu_now(server)
    side_by_side(relays, Relay.drain)
    used = cpu_now(server) - before
    done = _commands() - before_done
    rate = done / used.wall_s
    return {
        "orders": orders,
        "commands_written": done,
        "relays": relays,
        "seconds": round(used.wall_s, 2),
        "orders_per_s": round(rate),
        "cpu_ms_per_order": _cpu(used, done),
        "floor_orders_per_s": floor["orders_per_s"],
        "share_of_floor_percent": round(100 * rate / floor["orders_per_s"], 1),
        "statements_per_batch_of_50": statements[50],
        "statements_per_batch_of_500": statements[500],
    }


def run_intake(*, orders: int) -> dict[str, Any]:
    """Raw messages to orders only: translation, rows, history and facts, without the flow."""
    account = company()
    fill_inbox(account, orders=orders, seed=13)
    relay = Relay()
    queue = relay.inbox_queue("tmall.trade")
    server = server_pid()
    before = cpu_now(server)
    handled = 0
    while taken := take_in(queue, relay):
        handled += taken
    used = cpu_now(server) - before
    return {
        "orders": handled,
        "seconds": round(used.wall_s, 2),
        "orders_per_s": round(handled / used.wall_s),
        "cpu_ms_per_order": _cpu(used, handled),
    }


def take_in(queue: Queue, relay: Relay) -> int:
    """One claim of the relay without what follows from it: the facts wait for their handlers."""
    with transaction.atomic(), whole():
        messages = queue.claim(lanes=relay.lanes, limit=relay.batch_size)
        if messages:
            queue.run(messages)
    return len(messages)


def fill_inbox(account: ChannelAccount, *, orders: int, seed: int) -> None:
    """Put seeded raw orders into the inbox, as if the platform had just given them."""
    messages = paid_orders(account, orders=orders, seed=seed)
    while chunk := list(itertools.islice(messages, CHUNK)):
        receive(chunk)


def company() -> ChannelAccount:
    """The demo company in an empty database; the account of its first shop."""
    shop = seed_company(credentials=credentials.generate(), sandbox_url="http://127.0.0.1:9")
    return ChannelAccount.objects.select_related("shop").get(shop=shop)


def _statements(account: ChannelAccount, size: int) -> int:
    """Statements that one batch of this size takes through the whole pipeline, COPY included."""
    fill_inbox(account, orders=size, seed=1000 + size)
    with counted_statements() as count:
        Relay().drain()
    return count()


def side_by_side(relays: int, work: Callable[[Relay], object]) -> None:
    """Let this many relay processes share the lanes at this work. Forked, so that no start is measured."""
    connection.close()
    children = []
    for _ in range(relays):
        child = os.fork()
        if child == 0:
            _be_a_relay(relays, work)
        children.append(child)
    for child in children:
        _, status = os.waitpid(child, 0)
        if status:
            raise RuntimeError(f"a relay ended with {os.waitstatus_to_exitcode(status)}")


def _be_a_relay(relays: int, work: Callable[[Relay], object]) -> NoReturn:
    try:
        keep_collector_out()
        work(Relay(side_by_side=relays))
    except BaseException:  # noqa: BLE001 - a forked process never returns into its parent's code
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _commands() -> int:
    return OutgoingCommand.objects.filter(kind="qimen.deliveryorder.create").count()


def _cpu(used: Cpu, orders: int) -> dict[str, float]:
    total = used.client_s + used.database_s
    return {
        "total": round(1000 * total / orders, 3),
        "python": round(1000 * used.client_s / orders, 3),
        "database": round(1000 * used.database_s / orders, 3),
    }
