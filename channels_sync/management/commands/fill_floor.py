"""`manage.py fill_floor`: orders for the demo company's own warehouse, by the whole way from the played shop."""

from __future__ import annotations

import random
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from channels_sync.play.system import system_at_hand
from channels_sync.sandbox import goods


class Command(BaseCommand):
    help = (
        "Buy handmade goods in the played shop, which only the demo company's own warehouse has: orders to make waves"
        " of and to try the scan pages with. Needs `manage.py up` and the demo company."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--orders", type=int, default=12, help="how many orders, at most 200")
        parser.add_argument("--seed", type=int, default=1, help="the same number buys the same goods")

    def handle(self, *args: Any, **options: Any) -> None:
        draw = random.Random(options["seed"])
        wanted = max(1, min(int(options["orders"]), 200))
        with system_at_hand() as sandbox:
            for _number in range(wanted):
                lines = [
                    {"sku": sku.code, "num": draw.choice((1, 1, 2))}
                    for sku in draw.sample(goods.CRAFTS, draw.choice((1, 1, 2, 3)))
                ]
                sandbox.create_trade(lines=lines)
        self.stdout.write(f"{wanted} orders bought; they reach the floor of {goods.OWN_WAREHOUSE.name} in a moment")
