"""`manage.py bench`: measures the project on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from channels_sync.benchmark.addresses import run_addresses
from channels_sync.benchmark.hanging import run_hanging
from channels_sync.benchmark.hostile import run_hostile
from channels_sync.benchmark.latency import run_latency
from channels_sync.benchmark.listings import run_listings
from channels_sync.benchmark.live import run_live
from channels_sync.benchmark.message import run_message
from channels_sync.benchmark.messy import run_messy
from channels_sync.benchmark.mixed_intake import run_mixed_intake
from channels_sync.benchmark.order_files import run_file_import
from channels_sync.benchmark.pipeline import run_intake, run_pipeline
from channels_sync.benchmark.scratch import bench_database
from channels_sync.benchmark.stock_push import run_stock_push
from channels_sync.benchmark.webhook import run_webhook
from finance.benchmark import run_reconcile
from fulfillment.benchmark import run_routing
from fulfillment.freight_benchmark import run_courier_bill
from ordercenter.inventory.benchmark import run_hot_sku

_WITHOUT_DATABASE = (
    "latency",
    "webhook",
    "message",
    "messy",
    "stock-push",
    "hostile",
    "hanging",
    "routing",
    "addresses",
)


class Command(BaseCommand):
    help = "Measure what the project can do on this machine. A part that needs a database gets its own."

    def add_arguments(self, parser: CommandParser) -> None:
        parts = [
            "pipeline",
            "import",
            "mixed-intake",
            "file-import",
            "reconcile",
            "stock",
            "courier-bill",
            "listings",
            "live",
            *_WITHOUT_DATABASE,
        ]
        parser.add_argument("--only", action="append", choices=parts)
        parser.add_argument("--orders", type=int, default=20_000)
        parser.add_argument("--latency-orders", type=int, default=600, help="orders at 20 a second")
        parser.add_argument("--messy-orders", type=int, default=10_000, help="orders whose messages go wrong")
        parser.add_argument("--stock-rounds", type=int, default=8, help="of four sales, eight seconds each")
        parser.add_argument("--hang-seconds", type=float, default=600, help="for which one platform hangs")
        parser.add_argument("--pushes-per-s", type=float, default=100, help="at the doors of pushing platforms")
        parser.add_argument("--push-seconds", type=float, default=60)
        parser.add_argument("--lines", type=int, default=200_000)
        parser.add_argument("--bill-lines", type=int, default=100_000, help="lines of a courier's bill")
        parser.add_argument("--waiting-orders", type=int, default=10_000, help="of one listing that is not matched")
        parser.add_argument("--live-orders", type=int, default=50_000, help="of one live-stream session")
        parser.add_argument("--rows", type=int, default=100_000, help="rows of a file of orders")
        parser.add_argument("--form", choices=["csv", "xlsx"], default="csv", help="of a file of orders")
        parser.add_argument("--relays", type=int, default=2)
        parser.add_argument("--routing-orders", type=int, default=10_000, help="orders of a backlog")
        parser.add_argument("--routing-seconds", type=float, default=60, help="for a backlog; twice that for 100,000")
        parser.add_argument("--json", action="store_true", help="print the figures as JSON only")

    def handle(self, *args: Any, **options: Any) -> None:
        runs: dict[str, Callable[[], dict[str, Any]]] = {
            "pipeline": lambda: run_pipeline(orders=options["orders"], relays=options["relays"]),
            "import": lambda: run_intake(orders=options["orders"]),
            "mixed-intake": lambda: run_mixed_intake(orders=options["orders"], relays=options["relays"]),
            "file-import": lambda: run_file_import(rows=options["rows"], form=options["form"]),
            "reconcile": lambda: run_reconcile(options["lines"]),
            "stock": run_hot_sku,
            "courier-bill": lambda: run_courier_bill(options["bill_lines"]),
            "listings": lambda: run_listings(orders=options["waiting_orders"], relays=options["relays"]),
            "live": lambda: run_live(orders=options["live_orders"]),
        }
        figures = {}
        runs_alone: dict[str, Callable[[], dict[str, Any]]] = {
            "latency": lambda: run_latency(orders=options["latency_orders"], rate_per_s=20),
            "message": lambda: run_message(orders=options["latency_orders"], rate_per_s=20),
            "stock-push": lambda: run_stock_push(rounds=options["stock_rounds"]),
            "hostile": run_hostile,
            "hanging": lambda: run_hanging(seconds=options["hang_seconds"]),
            "messy": lambda: run_messy(orders=options["messy_orders"]),
            "webhook": lambda: run_webhook(rate_per_s=options["pushes_per_s"], seconds=options["push_seconds"]),
            "routing": lambda: run_routing(orders=options["routing_orders"], seconds=options["routing_seconds"]),
            "addresses": run_addresses,
        }
        wanted = options["only"] or [*runs, *runs_alone]
        for name in wanted:
            if name in runs_alone:
                figures[name] = runs_alone[name]()
            else:
                with bench_database():
                    figures[name] = runs[name]()
            if not options["json"]:
                self._write(name, figures[name])
        if options["json"]:
            self.stdout.write(json.dumps(figures, ensure_ascii=False))

    def _write(self, name: str, figures: dict[str, Any]) -> None:
        """The figures as JSON; what has goals as a table below."""
        rest = {key: value for key, value in figures.items() if key != "goals"}
        self.stdout.write(f"{name}: {json.dumps(rest, ensure_ascii=False)}")
        for row in figures.get("goals", ()):
            aim = "-" if row["aim"] is None else f"{row['aim']:g}"
            self.stdout.write(
                f"  {row['figure']:<44} {row['measured'] if row['measured'] is not None else '-':>10} {row['unit']:<10}"
                f" must {row['must']:g}  aim {aim}  reached: {row['reached']}"
            )
