"""Learn what stock is worth from the orders of past days."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from fulfillment.services.learning import learn_from_past_days


class Command(BaseCommand):
    help = "Learn shadow prices from the orders of past days in the own books, for the orders that come one by one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=7, help="how many days before today, at most 60")
        parser.add_argument("--seconds", type=float, default=60.0, help="for all days together")
        parser.add_argument("--no-solver", action="store_true", help="without HiGHS, as where it is missing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            learned = learn_from_past_days(
                days=options["days"], seconds=options["seconds"], use_solver=not options["no_solver"]
            )
        except ValueError as error:
            raise CommandError(str(error)) from None
        for day, orders in learned.days.items():
            self.stdout.write(f"{day.isoformat()}  orders {orders}")
        if learned.apart:
            self.stdout.write(f"not learned from: {learned.apart} orders whose rules go step by step")
        if learned.prices is None:
            raise CommandError(
                f"no order of the last {options['days']} days can be learned from; prices stay as they are"
            )
        stock = learned.prices.stock
        places = sum(len(row) for row in stock.values())
        self.stdout.write(f"prices no. {learned.prices.pk}: {len(stock)} SKUs, {places} places, in use from now on")
