"""Tell warehouses with a system of their own every active SKU: after connecting one, or when it lost its items."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from fulfillment.services.goods_at_warehouses import tell_all_items
from ordercenter.common.actor import Actor
from ordercenter.inventory.models import Warehouse


class Command(BaseCommand):
    help = "Tell warehouses (all connected ones, or those named by code) every active SKU."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--warehouse", action="append", default=[], metavar="CODE", help="only this one; may repeat"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        ids = None
        if codes := options["warehouse"]:
            known = dict(Warehouse.objects.filter(code__in=codes).values_list("code", "pk"))
            if unknown := sorted(set(codes) - known.keys()):
                raise CommandError(f"no warehouse {', '.join(unknown)}")
            ids = list(known.values())
        calls = tell_all_items(warehouse_ids=ids, at=timezone.now(), actor=Actor("system", "command"))
        self.stdout.write(f"{calls} calls written; they leave as soon as a worker runs")
