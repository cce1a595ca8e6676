"""`manage.py import_courier_bill`: a courier's bill from a file, checked against contracts and weights."""

from __future__ import annotations

import json
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from fulfillment.models import Carrier
from fulfillment.services.freight_bills import import_courier_bill
from fulfillment.states import FreightVerdict
from ordercenter.common.actor import SYSTEM
from ordercenter.common.errors import OrderCenterError
from ordercenter.inventory.models import Warehouse


class Command(BaseCommand):
    help = (
        "Take in a courier's bill (CSV in UTF-8 or GB18030, or XLSX) and hold every line against the parcel and the "
        "contract of the day it left. With any mistake in the file nothing is taken in, and every mistake is named. "
        "Exit code 1 for a file with mistakes or one that was taken in before; differences are no error."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--courier", required=True, help="the courier's code, such as ZTO")
        parser.add_argument("--warehouse", help="only parcels of this warehouse (its code) are expected on the bill")
        parser.add_argument("--first", type=date.fromisoformat, help="first day of the period; else by the file")
        parser.add_argument("--last", type=date.fromisoformat, help="last day of the period; else by the file")
        parser.add_argument("--json", action="store_true", help="print the outcome as one JSON object only")

    def handle(self, *args: Any, **options: Any) -> None:
        carrier = Carrier.objects.filter(code=options["courier"]).first()
        if carrier is None:
            raise CommandError(_("There is no courier “%(code)s”.") % {"code": options["courier"]})
        warehouse = Warehouse.objects.filter(code=options["warehouse"]).first() if options["warehouse"] else None
        if options["warehouse"] and warehouse is None:
            raise CommandError(_("There is no warehouse “%(code)s”.") % {"code": options["warehouse"]})
        try:
            done = import_courier_bill(
                content=options["file"].read_bytes(),
                file_name=options["file"].name,
                carrier_id=carrier.pk,
                at=timezone.now(),
                actor=SYSTEM,
                starts_on=options["first"],
                ends_on=options["last"] + timedelta(days=1) if options["last"] else None,
                warehouse_id=warehouse.pk if warehouse else None,
            )
        except OSError as error:
            raise CommandError(str(error)) from error
        except OrderCenterError as error:
            raise CommandError(error.sentence()) from error
        if options["json"]:
            errors = [{"row": e.row, "column": e.column, "problem": e.problem} for e in done.errors]
            found = {"bill": done.bill_id, "lines": done.lines, "differences": done.differences, "errors": errors}
            self.stdout.write(json.dumps(found, ensure_ascii=False))
        else:
            for error in done.errors:
                where = _("Row %(row)s, %(column)s") % {"row": error.row, "column": error.column or "-"}
                self.stdout.write(self.style.ERROR(f"{where}: {error.problem}"))
            if not done.errors:
                self.stdout.write(
                    _("Courier bill %(bill)s: %(lines)s lines") % {"bill": done.bill_id, "lines": done.lines}
                )
                for verdict, lines in done.differences.items():
                    self.stdout.write(f"  {FreightVerdict(verdict).label}: {lines}")
        if done.errors:
            sys.exit(1)
