"""`manage.py sandbox`: serve the played platforms on loopback until stopped."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from channels_sync.sandbox.server import exec_server

DEFAULT_PORT = "8900"


class Command(BaseCommand):
    help = (
        "Serve the sandbox: selling platforms, a Qimen warehouse, couriers and Alipay's bills on loopback. Settings: "
        "OC_SANDBOX_PORT, OC_SANDBOX_RATE (background orders a minute), OC_WMS_CALLBACK_URL, "
        "OC_PUSH_CALLBACK_URL, OC_DATA_DIR."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", default=os.environ.get("OC_SANDBOX_PORT") or DEFAULT_PORT)
        parser.add_argument("--rate", help="background orders a minute, 0 for none")
        parser.add_argument("--callback-url", help="where the warehouse reports to; may hold {customerId}")

    def handle(self, *args: Any, **options: Any) -> None:
        port = str(options["port"])
        if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise CommandError("The port of the sandbox (--port or OC_SANDBOX_PORT) must be a number from 1 to 65535.")
        exec_server(
            port=int(port),
            data_dir=settings.DATA_DIR,
            rate_per_min=options["rate"],
            callback_url=options["callback_url"],
        )
