"""Work on files of orders that were uploaded: read them, check them, take in those that got their yes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from channels_sync.order_file_models import OrderFile
from channels_sync.order_files.running import waiting_files, work_on


class Command(BaseCommand):
    help = "Work on uploaded files of orders, up to where a person is needed. The worker starts it by itself."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--file", type=int, action="append", help="number of the file; all that wait, if left out")

    def handle(self, *args: Any, **options: Any) -> None:
        for file_id in options["file"] or waiting_files():
            if not work_on(file_id):
                self.stdout.write(f"{file_id}: another process is at it")
                continue
            file = OrderFile.objects.get(pk=file_id)
            self.stdout.write(
                f"{file_id}: {file.state}, {file.rows} rows, {file.new} new, {file.changed} changed,"
                f" {file.unchanged} unchanged, {file.refused} refused"
            )
