"""Orders of one listing that nobody has matched, bound once: how long until all of them are with a warehouse."""

from __future__ import annotations

import itertools
import time
from typing import Any

from django.utils import timezone

from channels_sync.benchmark.orders import paid_orders
from channels_sync.benchmark.pipeline import CHUNK, company, side_by_side
from channels_sync.listings.suggesting import Asked, suggest
from channels_sync.listings.waiting import WaitingListing, waiting_listings
from channels_sync.models import ChannelAccount
from channels_sync.sandbox import goods
from channels_sync.sandbox.trades import Trade
from ordercenter.catalog.binding import Binding, bind_listings
from ordercenter.catalog.listings import Listing
from ordercenter.catalog.models import Sku
from ordercenter.common.actor import SYSTEM
from ordercenter.common.gathering import counted_statements
from ordercenter.common.scope import EVERYTHING
from ordercenter.events.inbox import receive
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Hold, Order
from ordercenter.orders.services.matching import UNMAPPED

FIRST_LISTING = 695_000_000_000
SOLD = goods.SKUS[0]
# Batches whose statements are compared: both fit one transaction.
FEW, MANY = 100, 400


def run_listings(*, orders: int, relays: int) -> dict[str, Any]:
    """Seconds from binding a listing to the last of its orders in the hands of a warehouse; statements per batch; how
    long the page takes to find the listing and what it may be.
    """
    account = company()
    # Lines keep the prices of what they sold before: none of them is to stop below a floor.
    Sku.objects.filter(code=SOLD.code).update(floor_price=0)
    statements = {count: _statements(account, count, number) for number, count in enumerate((FEW, FEW, MANY))}
    number = 10
    _wait(account, orders, number, relays=relays)
    waiting, find_ms = _timed(lambda: waiting_listings(scope=EVERYTHING, most=20).listings)
    _suggested(waiting)
    found, suggest_ms = _timed(lambda: _suggested(waiting))
    began = time.perf_counter()
    _bind(account, number)
    bind_ms = 1000 * (time.perf_counter() - began)
    side_by_side(relays, Relay.drain)
    seconds = time.perf_counter() - began
    went_on = Order.objects.filter(state="in_fulfillment", lines__listing_id=_listing(account, number).listing_id)
    return {
        "orders_waiting": sum(n.orders for n in waiting),
        "suggested": found,
        "find_ms": round(find_ms, 1),
        "suggest_ms": round(suggest_ms, 1),
        "bind_ms": round(bind_ms, 1),
        "seconds": round(seconds, 2),
        "orders_per_s": round(orders / seconds),
        "in_fulfillment": went_on.distinct().count(),
        "still_waiting": Hold.objects.filter(code=UNMAPPED, released_at__isnull=True).count(),
        "relays": relays,
        f"statements_for_{FEW}": statements[FEW],
        f"statements_for_{MANY}": statements[MANY],
    }


def _listing(account: ChannelAccount, number: int) -> Listing:
    return Listing(account.shop_id, str(FIRST_LISTING + number), str(FIRST_LISTING + number))


def _wait(account: ChannelAccount, orders: int, number: int, *, relays: int = 1) -> None:
    """So many orders with a line of this listing come in and begin to wait."""

    def change(trade: Trade) -> None:
        line = trade.lines[0]
        line.num_iid = line.sku_id = FIRST_LISTING + number
        line.outer_sku_id, line.outer_iid = f"NEW-{number}", ""
        line.title, line.properties = f"新品 {SOLD.title}", SOLD.properties

    messages = paid_orders(account, orders=orders, seed=100 + number, change=change)
    while chunk := list(itertools.islice(messages, CHUNK)):
        receive(chunk)
    side_by_side(relays, Relay.drain)


def _statements(account: ChannelAccount, orders: int, number: int) -> int:
    """Statements from the fact that a listing is matched to the last command, all in one process."""
    _wait(account, orders, number)
    _bind(account, number)
    with counted_statements() as count:
        Relay().drain()
    return count()


def _bind(account: ChannelAccount, number: int) -> None:
    binding = Binding(*_listing(account, number), sku_code=SOLD.code)
    bind_listings(bindings=[binding], scope=EVERYTHING, reason="bench", at=timezone.now(), actor=SYSTEM).raise_first()


def _suggested(waiting: list[WaitingListing]) -> str:
    """The best suggestion for the first of them."""
    found = suggest([Asked(n.listing, n.title, n.choice, n.code) for n in waiting])
    return found[waiting[0].listing][0].sku_code if waiting else ""


def _timed(work: Any) -> tuple[Any, float]:
    began = time.perf_counter()
    answer = work()
    return answer, 1000 * (time.perf_counter() - began)
