"""`manage.py play_counters`: counters of a store over a bad line, by real HTTP, and what came of it."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from channels_sync.counter_models import CounterDocument, CounterShift
from channels_sync.demo_store import DemoStore, key_for, make_store
from channels_sync.sandbox.counters import BadLine, DaySpec, PlayedDay, make_day
from ordercenter.catalog.api_keys import revoke_key
from ordercenter.common.actor import SYSTEM
from ordercenter.inventory.models import StockMovement


class Command(BaseCommand):
    help = (
        "Play a seeded day of a store's counters over a bad line: batches out of order, twice, hours late, answers "
        "lost. Sends by HTTP to the running system, then compares stock and shifts with what was played. Exit code 1 "
        "when anything differs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        port = os.environ.get("OC_HTTP_PORT", "8000")
        parser.add_argument("--url", default=f"http://127.0.0.1:{port}", help="where the system answers")
        parser.add_argument("--sales", type=int, default=300)
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        store = make_store()
        # The day before: all of it is late, whatever the hour.
        begins = timezone.now().astimezone(UTC).replace(hour=2, minute=0, second=0, microsecond=0) - timedelta(days=1)
        codes = sorted(store.shop.counters.values_list("code", flat=True))
        seed, sales = options["seed"], options["sales"]
        day = make_day(DaySpec(seed=seed, day=begins, counters=codes, prices=store.prices, sales=sales))
        key, token = key_for(store.shop)
        url = f"{options['url'].rstrip('/')}/api/v1/counters/batches"
        begun = datetime.now(UTC)
        try:
            sending = BadLine(url, token, store.shop.code, options["seed"]).bring(day, now=timezone.now)
        except (RuntimeError, OSError) as error:
            raise CommandError(str(error)) from error
        finally:
            revoke_key(key_id=key.pk, reason="played", actor=SYSTEM)
        wrong = what_differs(store, day, seed=options["seed"], begins=begins)
        figures = {
            "documents": day.count,
            "sent": sending.sent,
            "batches": sending.batches,
            "repeated": sending.repeated,
            "lost_answers": sending.lost_answers,
            "waited": len(sending.waiting),
            "refused": len(sending.refused),
            "seconds": round((datetime.now(UTC) - begun).total_seconds(), 1),
            "wrong": wrong,
        }
        self.stdout.write(json.dumps(figures, ensure_ascii=False))
        if wrong or sending.refused:
            sys.exit(1)


def what_differs(store: DemoStore, day: PlayedDay, *, seed: int, begins: datetime) -> list[str]:
    """Where the books are not what was played: documents, stock of the day, cash of the shifts."""
    wrong = []
    prefix = f"{begins:%m%d}-{seed}-"
    documents = CounterDocument.objects.filter(counter__shop=store.shop, client_no__startswith=prefix)
    booked = documents.filter(state="booked").count()
    if booked != day.count:
        wrong.append(f"{booked} of {day.count} documents are booked")
    moved: dict[str, int] = {}
    rows = StockMovement.objects.filter(
        warehouse=store.house, idempotency_key__in=list(_keys(documents)), bucket="on_hand"
    ).values_list("sku__code", "delta")
    for code, delta in rows:
        moved[code] = moved.get(code, 0) + delta
    for code in sorted(set(moved) | set(day.pieces)):
        if moved.get(code, 0) != day.pieces.get(code, 0):
            wrong.append(f"{code}: {moved.get(code, 0)} pieces moved, {day.pieces.get(code, 0)} were played")
    for counter, difference in day.differences.items():
        shift = CounterShift.objects.filter(counter__shop=store.shop, client_no=f"{prefix}{counter}").first()
        found = shift.difference if shift is not None and shift.is_complete else None
        if found != Decimal(difference):
            wrong.append(f"shift of {counter}: {found}, {difference} was played")
    return wrong


def _keys(documents: Any) -> Any:
    ids = list(documents.values_list("pk", flat=True))
    wanted = {f"counter:{pk}" for pk in ids}
    moves = StockMovement.objects.filter(idempotency_key__startswith="counter:").values_list(
        "idempotency_key", flat=True
    )
    return (key for key in moves if key.rpartition(":")[0] in wanted)
