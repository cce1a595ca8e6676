"""Playing a day: start the play, wait until all has settled, fetch the bill, hold it against what was planted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.utils import timezone
from django.utils.translation import gettext as _

from channels_sync.errors import PlayStalled
from channels_sync.play.courier_bills import bill_day
from channels_sync.play.findings import Progress, Waiting, find, progress_of, still_waiting
from channels_sync.play.report import DayReport, PlayedDay, compare
from channels_sync.play.rooms import live_day
from channels_sync.play.system import sandbox_shops
from channels_sync.sandbox import goods
from channels_sync.sandbox.control import SandboxControl
from channels_sync.sandbox.platforms import TMALL
from finance.models import ProviderAccount
from finance.services.fetching import fetch_statement
from ordercenter.catalog.models import Sku
from ordercenter.inventory.models import Warehouse
from ordercenter.inventory.selectors import free_stock
from ordercenter.inventory.services import Movement, move_stock
from ordercenter.inventory.states import MovementReason

# Without any progress for so long, what is missing will not come.
STALL_S = 60.0
# Parcels leave and buyers confirm this soon: the day is played at full speed.
SHIP_AFTER_S, RECEIVE_AFTER_S = 0.5, 0.5
_LOOK_S = 1.0

Say = Callable[[str], None]


def play_day(
    sandbox: SandboxControl,
    *,
    orders: int,
    seed: int,
    platforms: Mapping[str, float] | None = None,
    stall_s: float = STALL_S,
    say: Say,
) -> DayReport:
    """Play a day of so many orders on a running system and say what became of them.

    platforms: how much of it is sold where, by weight; all on Tmall unless said. say: told now and then how far it is.
    The sandbox's pace and background are as before afterwards. Raises Misconfigured for a platform without a shop.
    """
    mix = dict(platforms or {TMALL: 1.0})
    shops = sandbox_shops(mix)
    shop_ids = sorted(shops.values())
    _fill_shelves(orders)
    with _own_pace(sandbox), live_day(shops) as streams:
        begun = time.monotonic()
        bill = _bill_plan(orders) if TMALL in mix else {}
        scenario_id = sandbox.start_scenario(seed=seed, orders=orders, bill=bill, platforms=mix, **streams.spec)
        scenario = _wait_played(sandbox, scenario_id, stall_s, say)
        numbers = sorted(sandbox.receipts(scenario_id))
        settled = _wait_settled(shop_ids, numbers, scenario["planted"], stall_s, say)
        days = [date.fromisoformat(day) for day in scenario["days"]]
        _fetch_bills(days)
        billed = bill_day(days=days, seed=seed)
        _wait_quiet(stall_s)
        streams.look(shop_ids=shop_ids, numbers=numbers)
        twice = sandbox.state()["deliveries"]["trades_twice"]
        played = PlayedDay(
            scenario=sandbox.scenario(scenario_id),
            receipts=sandbox.receipts(scenario_id),
            sent_twice={number: codes for number, codes in twice.items() if number in set(numbers)},
            seconds=settled - begun,
        )
    found = find(shop_ids=shop_ids, numbers=numbers, days=days)
    return compare(played, found, billed=billed, live=streams, invariants=_invariants())


def _bill_plan(orders: int) -> dict[str, int]:
    """One difference of each kind in a thousand orders, at least one; a handful of orders has none."""
    each = max(1, orders // 1000) if orders >= 20 else 0
    return {"missing": each, "extra": each, "amount_off": each, "fee_off": each}


def _fill_shelves(orders: int) -> None:
    """A shop that sold out yesterday would make every order a case: bring in what a day can take, never more."""
    wanted = max(goods.SKUS[0].stock, 3 * orders)
    sku_ids = dict(Sku.objects.filter(code__in=[sku.code for sku in goods.SKUS]).values_list("code", "pk"))
    free = free_stock(sku_ids.values())
    at = timezone.now()
    move_stock(
        movements=[
            Movement(
                sku_id,
                warehouse.pk,
                wanted - free.get((sku_id, warehouse.pk), 0),
                MovementReason.ARRIVAL,
                "played day",
                f"play:{at:%Y%m%d%H%M%S%f}:{code}:{warehouse.code}",
            )
            for code, sku_id in sku_ids.items()
            for warehouse in Warehouse.objects.filter(code__in=[place.code for place in goods.WAREHOUSES])
            if free.get((sku_id, warehouse.pk), 0) < wanted // 2
        ]
    ).raise_first()


@contextmanager
def _own_pace(sandbox: SandboxControl) -> Iterator[None]:
    wanted = {"ship_after_s": SHIP_AFTER_S, "receive_after_s": RECEIVE_AFTER_S, "background_per_min": 0}
    before = sandbox.switches()
    sandbox.switches(**wanted)
    try:
        yield
    finally:
        sandbox.switches(**{name: before[name] for name in wanted})


def _wait_played(sandbox: SandboxControl, scenario_id: str, stall_s: float, say: Say) -> dict[str, Any]:
    """Until every order of the play was placed and paid."""
    seen, last = (-1, -1), time.monotonic()
    while True:
        scenario = sandbox.scenario(scenario_id)
        now = (scenario["created"], scenario["paid"])
        if scenario["done"] and scenario["paid"] >= scenario["orders"]:
            return scenario
        if now != seen:
            seen, last = now, time.monotonic()
            say(_("placed %(created)s, paid %(paid)s of %(orders)s") % scenario)
        elif time.monotonic() - last > stall_s:
            raise PlayStalled(scenario_id=scenario_id, paid=scenario["paid"], orders=scenario["orders"])
        time.sleep(_LOOK_S)


def _wait_settled(
    shop_ids: Collection[int], numbers: Sequence[str], planted: Mapping[str, Any], stall_s: float, say: Say
) -> float:
    """Until every order went through or has a case, and nothing waits; or until nothing moves any more.

    Returns when the last of it moved, on the monotonic clock.
    """
    seen: tuple[Progress, Waiting] | None = None
    moved = time.monotonic()
    while True:
        progress, waiting = progress_of(shop_ids=shop_ids, numbers=numbers), still_waiting()
        if (progress, waiting) != seen:
            seen, moved = (progress, waiting), time.monotonic()
            say(_sentence(progress, waiting, len(numbers)))
        elif time.monotonic() - moved > stall_s:
            say(_("nothing moves any more"))
            return moved
        if _is_settled(progress, waiting, orders=len(numbers), planted=len(planted)):
            return moved
        time.sleep(_LOOK_S)


def _is_settled(progress: Progress, waiting: Waiting, *, orders: int, planted: int) -> bool:
    return progress.at_their_end >= orders and progress.with_case >= planted and not waiting


def _sentence(progress: Progress, waiting: Waiting, orders: int) -> str:
    return _(
        "received %(received)s, shipped %(shipped)s, reported %(reported)s, completed %(completed)s, with a case "
        "%(with_case)s of %(orders)s; waiting: %(messages)s messages, %(deliveries)s facts, %(commands)s calls"
    ) % {**asdict(progress), **asdict(waiting), "orders": orders}


def _wait_quiet(within_s: float) -> None:
    """Give what the bill set off a moment to settle."""
    deadline = time.monotonic() + within_s
    while still_waiting() and time.monotonic() < deadline:
        time.sleep(0.2)


def _fetch_bills(days: Sequence[date]) -> None:
    for provider in ProviderAccount.objects.filter(is_active=True).order_by("pk"):
        for day in days:
            fetch_statement(account=provider, business_day=day, at=timezone.now())


def _invariants() -> dict[str, Any]:
    """What `check_invariants` says; it stands a floor above us, so it is asked by name."""
    out = StringIO()
    try:
        call_command("check_invariants", json=True, stdout=out)
    except SystemExit:
        pass  # it ends so when something is broken; what, it has written
    report: dict[str, Any] = json.loads(out.getvalue())
    return report
